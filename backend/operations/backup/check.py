"""`niangjia verify`: whether a backup can be relied on, and whether a machine holds what it says."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from backend.database import transaction
from backend.operations.backup import papers, pieces, rows
from backend.operations.backup.archive import ArchiveError, Member
from backend.operations.backup.manifest import MANIFEST, Manifest, Papers
from storage.port import DocumentStore


class Tally:
    """Counts and hashes what goes by, for the comparison with what the manifest says."""

    def __init__(self) -> None:
        self._tables: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._papers = hashlib.sha256()
        self._count = self._size = 0
        self._manifest: Manifest | None = None

    def add(self, member: Member) -> bytes | papers.Paper | None:
        """Take note of a member, and what it held: rows, a file, or the manifest. Raises ArchiveError."""
        if self._manifest is not None:
            raise ArchiveError("备份在末尾之后还有内容 The backup goes on behind its end")
        if table := pieces.table_of(member):
            piece = pieces.unpacked(member)
            self._tables.setdefault(table, hashlib.sha256()).update(piece)
            self._sizes[table] = self._sizes.get(table, 0) + len(piece)
            return piece
        if member.name == MANIFEST:
            try:
                self._manifest = msgspec.json.decode(member.content, type=Manifest)
            except msgspec.DecodeError as error:
                raise ArchiveError(f"备份清单有误 The manifest cannot be read: {error}") from None
            return None
        paper = papers.Paper.of(member)
        self._papers.update(papers.line_of(paper))
        self._count += 1
        self._size += len(paper.content)
        return paper

    def settled(self) -> Manifest:
        """The manifest, once all that it says was seen; raises ArchiveError naming the first thing that was not."""
        manifest = self._manifest
        if manifest is None:
            raise ArchiveError("备份没有清单,不完整 The backup has no manifest: it is not whole")
        empty = hashlib.sha256()
        for table in manifest.tables:
            if (self._sizes.pop(table.name, 0), self._tables.get(table.name, empty).hexdigest()) != (
                table.size,
                table.sha256,
            ):
                raise ArchiveError(f"表 {table.name} 与清单不符 The rows of {table.name} are not those of the manifest")
        if self._sizes:
            raise ArchiveError(f"清单之外的表 A table that the manifest does not know: {next(iter(self._sizes))}")
        if Papers(self._count, self._size, self._papers.hexdigest()) != manifest.papers:
            raise ArchiveError("文件与清单不符 The files are not those of the manifest")
        return manifest


def checked(members: Iterable[Member]) -> Manifest:
    """Read all of a backup and hash it; its manifest, or ArchiveError."""
    tally = Tally()
    for member in members:
        tally.add(member)
    return tally.settled()


async def differences(store: DocumentStore, manifest: Manifest, members: Iterator[Member]) -> list[str]:
    """What is not in the database of the open pool and in the store as the backup has it, a line for each.

    It says all only while nothing works on them: right after a restore, before the processes start.
    """
    found = []
    async with transaction() as connection:
        await rows.hold_still(connection)
        await rows.write_alike(connection)
        found += await table_differences(connection, manifest)
    while (member := await asyncio.to_thread(next, members, None)) is not None:
        if member.name.startswith(papers.FOLDER):
            paper = papers.Paper.of(member)
            if await papers.differs(store, paper):
                found.append(f"{paper.bucket} {paper.key}")
    held = await papers.count(store)
    if held != manifest.papers.count:
        found.append(f"store: {held} files, {manifest.papers.count} in the backup")
    return found


async def table_differences(connection: rows.Connection, manifest: Manifest) -> list[str]:
    """Which tables of this transaction's database hold other rows than the backup."""
    present = {table.name for table in await rows.shapes(connection)}
    found = [f"table {table.name}: not there" for table in manifest.tables if table.name not in present]
    for table in manifest.tables:
        if table.name in present:
            now = await rows.measured(connection, table)
            if now != table:
                found.append(f"table {table.name}: {now.rows} rows, {table.rows} in the backup")
    return found
