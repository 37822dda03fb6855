"""Rows on their way through a backup: a table's text in compressed pieces, each a member of its own."""

from __future__ import annotations

import zlib

from backend.operations.backup.archive import LONGEST_MEMBER, ArchiveError, Member

FOLDER = "tables/"

#: The text of rows shrinks to a quarter at the lowest level already; a higher one costs more time than the disk.
_LEVEL = 1
_GZIP = 31


def name_of(table: str, number: int) -> str:
    """What the member with a table's piece is called; pieces are counted from 1."""
    return f"{FOLDER}{table}/{number:08}.gz"


def table_of(member: Member) -> str:
    """Whose rows a member holds; empty where it holds none."""
    return member.name.removeprefix(FOLDER).partition("/")[0] if member.name.startswith(FOLDER) else ""


def packed(piece: bytes) -> bytes:
    """A piece of text as gzip."""
    return zlib.compress(piece, _LEVEL, wbits=_GZIP)


def unpacked(member: Member) -> bytes:
    """The text again; raises ArchiveError for what is not ours or swells beyond measure."""
    opening = zlib.decompressobj(wbits=_GZIP)
    try:
        piece = opening.decompress(member.content, LONGEST_MEMBER)
    except zlib.error:
        piece = b""
    if not opening.eof:
        raise ArchiveError(f"备份里的数据有误 {member.name} is not as it was written")
    return piece
