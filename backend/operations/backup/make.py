"""`niangjia backup`: the rows as of one instant, then every file that they name, encrypted on the way to the disk."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
import pyrage

from backend.audit.log import record
from backend.clock import LOCAL, security_now
from backend.database import transaction
from backend.identity import system_actor
from backend.operations.backup import papers, pieces, rows
from backend.operations.backup.archive import SUFFIX, ArchiveWriter, written
from backend.operations.backup.manifest import MANIFEST, Fault, Manifest, Papers, Table
from backend.operations.backup.window import in_order
from storage.port import DocumentStore

#: The act by which the audit log knows a backup.
MADE = "backup.make"


async def make(
    store: DocumentStore, folder: Path, recipients: Sequence[pyrage.x25519.Recipient]
) -> tuple[Path, Manifest]:
    """Back up the database of the open pool and the store into a new file in the folder, and put that on record.

    The processes go on. Files are written once under keys of their own, so what the rows of one instant name can be
    read afterwards; what was erased meanwhile is told as a fault. The pool must not limit how long a statement takes.
    Raises ArchiveError, Unavailable, StoreUnavailable, StoreRefused; then no file is left.
    """
    path = folder / f"niangjia-{security_now().astimezone(LOCAL):%Y%m%d-%H%M%S}{SUFFIX}"
    with written(path, recipients) as archive, tempfile.TemporaryFile(dir=folder) as notes:
        begun = await _rows(archive, notes)
        notes.seek(0)
        kept, faults = await _papers(archive, store, notes)
        manifest = msgspec.structs.replace(begun, papers=kept, faults=faults)
        archive.add(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    counted = {"file": path.name, "rows": str(manifest.rows), "papers": str(kept.count), "faults": str(len(faults))}
    await record(system_actor("backup"), MADE, "done", detail=counted)
    return path, manifest


async def _rows(archive: ArchiveWriter, notes: IO[bytes]) -> Manifest:
    """Every table as of one instant, and in `notes` the files that those rows name."""
    async with transaction() as connection:
        at = await rows.hold_still(connection)
        await rows.write_alike(connection)
        tables = [await _table(archive, connection, table) for table in await rows.shapes(connection)]
        await papers.note_expected(connection, notes)
        return Manifest(
            at=at,
            server=await connection.fetchval("SHOW server_version"),
            migrations=tuple(
                row["name"]
                for row in await connection.fetch("SELECT name FROM migration WHERE app_name = 'niangjia' ORDER BY 1")
            ),
            tables=tuple(tables),
            sequences=tuple(await rows.sequences(connection)),
            papers=Papers(0, 0, ""),
            faults=(),
        )


async def _table(archive: ArchiveWriter, connection: rows.Connection, table: Table) -> Table:
    number = 0

    async def sink(piece: bytes) -> None:
        nonlocal number
        number += 1
        await asyncio.to_thread(_add_piece, archive, pieces.name_of(table.name, number), piece)

    return await rows.copy_out(connection, table, sink)


def _add_piece(archive: ArchiveWriter, name: str, piece: bytes) -> None:
    archive.add(name, pieces.packed(piece))


async def _papers(archive: ArchiveWriter, store: DocumentStore, notes: IO[bytes]) -> tuple[Papers, tuple[Fault, ...]]:
    async def reads() -> AsyncIterator[Coroutine[Any, Any, tuple[papers.Paper | None, Fault | None]]]:
        while page := papers.noted(notes):
            for expected in page:
                yield papers.take(store, expected)

    digest, count, size, faults = hashlib.sha256(), 0, 0, []
    async with in_order(reads()) as taken:
        async for paper, fault in taken:
            if fault:
                faults.append(fault)
            if paper:
                await asyncio.to_thread(archive.add, paper.name, paper.content, paper.about)
                digest.update(papers.line_of(paper))
                count += 1
                size += len(paper.content)
    return Papers(count, size, digest.hexdigest()), tuple(faults)
