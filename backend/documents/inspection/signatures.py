"""Tells a file's type by its bytes, and whether a second file hides in it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import puremagic

from backend.documents.kinds import MediaType

_HEAD = 4096
_TAIL = 2048
_PDF_LEAD = b"%PDF-"
_PNG_LEAD = b"\x89PNG\r\n\x1a\n"
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis"})


def media_type_of(path: Path) -> MediaType | None:
    """The one of our types that the file begins as, at its very first byte; None if it is none of them."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(_PDF_LEAD):
        return MediaType.PDF
    if head.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if head.startswith(_PNG_LEAD):
        return MediaType.PNG
    if head[4:8] == b"ftyp":
        box = head[8 : min(int.from_bytes(head[:4]), _HEAD)]
        brands = {box[:4], *(box[at : at + 4] for at in range(8, len(box), 4))}
        if brands & _HEIC_BRANDS:
            return MediaType.HEIC
    return None


def other_name_of(path: Path) -> str:
    """A short name for a file that is none of our types ("exe", "zip"), for the record; empty if unknown."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    try:
        return puremagic.from_string(head).lstrip(".")[:20]
    except (puremagic.PureError, ValueError):
        return ""


def hides_another(path: Path, media_type: MediaType) -> bool:
    """Whether the file, read in another way, is a second file: an archive at its end, a PDF behind a picture's first
    bytes, bytes behind the end of a PNG, a HEIC or a PDF.

    A JPEG may go on behind its end: phones put a second picture or a moving one there.
    """
    if zipfile.is_zipfile(path):
        return True
    if media_type is MediaType.PDF:
        return not _ends_as_pdf(path)
    with path.open("rb") as file:
        if _PDF_LEAD in file.read(1024):
            return True
    match media_type:
        case MediaType.PNG:
            return _end_of_png(path) < path.stat().st_size
        case MediaType.HEIC:
            return _end_of_boxes(path) < path.stat().st_size
        case _:
            return False


def _ends_as_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    _, marker, rest = tail.rpartition(b"%%EOF")
    # A cut PDF has no marker either; that is damage, for the parser to say.
    return not marker or len(rest.strip(b"\r\n\t \x00")) == 0


def _end_of_png(path: Path) -> int:
    """The offset behind the IEND chunk; the file's size if there is none (damage, for the parser to say)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = len(_PNG_LEAD)
        while at + 12 <= size:
            file.seek(at)
            length, name = _header(file.read(8))
            at += 12 + length
            if name == b"IEND":
                return at
    return size


def _end_of_boxes(path: Path) -> int:
    """The offset behind the last well-formed box of an ISO media file; a box that runs past the end is damage."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            length, name = _header(file.read(8))
            if length == 1:
                length = int.from_bytes(file.read(8))
            elif length == 0:
                return size
            if length < 8 or not name.isalnum():
                return at
            at += length
    return at


def _header(eight: bytes) -> tuple[int, bytes]:
    """Length and name at the head of a PNG chunk or an ISO box."""
    return int.from_bytes(eight[:4]), eight[4:]
