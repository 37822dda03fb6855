"""`niangjia restore`: a backup brought back to an empty machine, rows and files compared before any of it counts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any

from backend.database import execute, transaction
from backend.operations.backup import papers, pieces, rows
from backend.operations.backup.archive import ArchiveError, Member
from backend.operations.backup.check import checked, table_differences
from backend.operations.backup.manifest import Manifest
from backend.operations.backup.window import in_order
from backend.operations.migrate import known_migrations, run_migrations
from backend.operations.refusal import Refusal
from storage.port import DocumentStore

Opened = Callable[[], Generator[Member, None, None]]


async def restore(store: DocumentStore, opened: Opened, *, resume: bool = False) -> Manifest:
    """Fill the empty database of the open pool and the empty store from a backup, and compare both with it.

    `opened` opens the backup anew at each call: it is read once to be believed, then once to be restored. The rows
    come in one transaction that ends after the last file is in place, so a restore that was killed leaves an empty
    database; with `resume` the next may find its files in the store. The pool must not limit how long a statement
    takes. Raises Refusal, ArchiveError, Unavailable, StoreUnavailable, StoreRefused; then the database is empty.
    """
    manifest = await asyncio.to_thread(lambda: checked(opened()))
    known = known_migrations()
    if unknown := [name for name in manifest.migrations if name not in known]:
        raise Refusal(f"备份来自更新的版本 The backup is of a newer version: migration {unknown[0]} is not known here")
    if not resume and await papers.count(store):
        raise Refusal(
            "存储不是空的,未作改动 The store is not empty: nothing was changed (--resume goes on with a killed one)"
        )
    # The store is called within the transaction: nobody else is on this database, and the rows must come last.
    async with transaction() as connection:
        if not await rows.is_empty(connection):
            raise Refusal("数据库不是空的,未作改动 The database is not empty: nothing was changed")
        await run_migrations(manifest.migrations[-1])
        await rows.write_alike(connection)
        with contextlib.closing(opened()) as members:
            stream = _Stream(members)
            await _fill(connection, manifest, stream)
            if different := await table_differences(connection, manifest):
                raise ArchiveError(
                    "恢复的数据与备份不符 The restored rows are not the backup's: " + "; ".join(different)
                )
            await _put_all(store, stream)
        if (held := await papers.count(store)) != manifest.papers.count:
            raise Refusal(f"存储里有备份之外的文件 The store holds {held} files, the backup {manifest.papers.count}")
    await execute("ANALYZE")
    return manifest


class _Stream:
    """The members of a backup, looked at before they are taken."""

    def __init__(self, members: Iterator[Member]) -> None:
        self._members = members
        self._next: Member | None = None

    async def look(self) -> Member | None:
        """The next member, or None at the end."""
        if self._next is None:
            self._next = await asyncio.to_thread(next, self._members, None)
        return self._next

    async def take(self) -> AsyncIterator[Member]:
        """Every member from here on that the caller does not leave."""
        while (member := await self.look()) is not None:
            self._next = None
            yield member

    async def rows_of(self, table: str) -> AsyncIterator[bytes]:
        """The text of one table, as far as it comes next."""
        while (member := await self.look()) is not None and pieces.table_of(member) == table:
            self._next = None
            yield pieces.unpacked(member)


async def _fill(connection: rows.Connection, manifest: Manifest, stream: _Stream) -> None:
    """Every row of the backup into the schema of its day."""
    bare = await rows.Bare.strip(connection)
    for table in manifest.tables:
        if table.rows:
            await rows.copy_in(connection, table, stream.rows_of(table.name))
    await bare.dress(connection)
    await rows.set_sequences(connection, manifest.sequences)


async def _put_all(store: DocumentStore, stream: _Stream) -> None:
    """Every file of the backup into the store, each read back."""

    async def put(member: Member) -> None:
        paper = papers.Paper.of(member)
        await papers.put(store, paper)
        if await papers.differs(store, paper):
            raise ArchiveError(f"写入后读回不同 The store gives back another file for {paper.key}")

    async def puts() -> AsyncIterator[Coroutine[Any, Any, None]]:
        async for member in stream.take():
            if member.name.startswith(papers.FOLDER):
                yield put(member)

    async with in_order(puts()) as done:
        async for _ in done:
            pass
