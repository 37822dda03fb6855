"""Makes of an untrusted file the copy that others than its owner open: whole, but silent on where it was taken.

It runs alone in the confined child, as `parser.py` does, on a file that the parser let through, so it imports nothing
of ours: `shareable.py TYPE FILE` writes the copy's media type, a line feed, and the copy. A file that tells nothing is
copied byte for byte; a JPEG or PNG keeps its pixels as they are; a HEIC becomes a JPEG, which every browser shows.
"""

import io
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

QUALITY = 90
_ORIENTATION = 0x0112
_SIDEWAYS = range(2, 9)

_JPEG_START, _JPEG_END, _JPEG_SCAN = 0xD8, 0xD9, 0xDA
#: A marker that stands among the bytes of a scan and is no restart.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
#: Application segments and comments may tell of place, time and camera; these say how the pixels are to be read.
_JPEG_TELLS = frozenset((*range(0xE0, 0xF0), 0xFE))
_JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_JPEG_TELLING = (b"Exif\0", b"http://ns.adobe.com/x")

_PNG_LEAD = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    (
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"iCCP",
        b"cICP",
        b"sBIT",
        b"bKGD",
        b"pHYs",
    )
)


def main(media_type: str, path: str) -> None:
    """Write the copy of one file."""
    if media_type == "application/pdf":
        copy = plain_pdf(path)
    elif media_type == "image/heic":
        media_type, copy = "image/jpeg", drawn_heic(path)
    elif media_type == "image/png":
        copy = plain_png(Path(path).read_bytes(), orientation_of(path, "PNG"))
    else:
        copy = plain_jpeg(Path(path).read_bytes(), orientation_of(path, "JPEG"))
    sys.stdout.buffer.write(media_type.encode() + b"\n" + copy)


def orientation_of(path: str, kind: str) -> int:
    """How the picture is held, as viewers read it: 1 is upright."""
    Image.MAX_IMAGE_PIXELS = None  # the parser has counted them
    with Image.open(path, formats=[kind]) as image:
        return int(image.getexif().get(_ORIENTATION, 1))


def plain_jpeg(content: bytes, orientation: int) -> bytes:
    """The JPEG with its pixels as they were, and of what it told the orientation alone.

    What phones put behind its end, a second picture or a moving one, tells as much and is left out. Raises ValueError
    for what is no JPEG.
    """
    out = bytearray(b"\xff\xd8")
    held = _held(orientation)
    for marker, segment in _segments(content):
        if not _shows(marker, segment[4:]):
            continue
        if held and marker != 0xE0:
            out += b"\xff\xe1" + (len(held) + 2).to_bytes(2) + held
            held = b""
        out += segment
    return bytes(out + b"\xff\xd9")


def _shows(marker: int, body: bytes) -> bool:
    """Whether a segment is needed to show the picture as it is."""
    if marker in _JPEG_TELLS:
        return marker in _JPEG_KEPT and body.startswith(_JPEG_KEPT[marker])
    return True


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each marker of a JPEG behind its start with its bytes, those of a scan with it, up to the end of the picture."""
    if content[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    at = 2
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            raise ValueError("no marker where one belongs")
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _JPEG_END:
            return
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        if marker == _JPEG_SCAN:
            behind = _MARKER.search(content, end)
            end = behind.start() if behind else len(content)
        yield marker, content[at:end]
        at = end


def plain_png(content: bytes, orientation: int) -> bytes:
    """The PNG with the chunks that make its pixels, and of what it told the orientation alone."""
    out, at = bytearray(_PNG_LEAD), len(_PNG_LEAD)
    while at + 12 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4])
        name = content[at + 4 : at + 8]
        if name in _PNG_KEPT:
            out += content[at:end]
        if name == b"IHDR" and (held := _held(orientation)[len(b"Exif\0\0") :]):
            out += len(held).to_bytes(4) + b"eXIf" + held + zlib.crc32(b"eXIf" + held).to_bytes(4)
        at = end
    return bytes(out)


def _held(orientation: int) -> bytes:
    """The EXIF of a picture that tells how it is held and nothing else; empty for one that is upright."""
    if orientation not in _SIDEWAYS:
        return b""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return exif.tobytes()


def drawn_heic(path: str) -> bytes:
    """The photograph upright, in full size, as a JPEG."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = None
    out = io.BytesIO()
    with Image.open(path, formats=["HEIF"]) as image:
        image.convert("RGB").save(out, "JPEG", quality=QUALITY, icc_profile=image.info.get("icc_profile"), exif=b"")
    return out.getvalue()


def plain_pdf(path: str) -> bytes:
    """The PDF without what its photographs and its own description tell of a place.

    Where they tell nothing it is left as it is, byte for byte: a signature on it, as invoices have, stays good.
    """
    import pikepdf

    told = False
    with pikepdf.open(path) as pdf:
        for thing in pdf.objects:
            if not isinstance(thing, pikepdf.Stream):
                continue
            if _is_photograph(thing):
                photograph = thing.read_raw_bytes()
                if any(mark in photograph for mark in _JPEG_TELLING):
                    how: Any = thing.get("/DecodeParms")
                    thing.write(plain_jpeg(photograph, 1), filter=pikepdf.Name.DCTDecode, decode_parms=how)
                    told = True
            elif thing.get("/Type") == pikepdf.Name.Metadata and b"GPS" in thing.read_bytes():
                thing.write(b"")
                told = True
        if not told:
            return Path(path).read_bytes()
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def _is_photograph(stream: object) -> bool:
    import pikepdf

    assert isinstance(stream, pikepdf.Stream)
    held = stream.get("/Filter")
    return held == pikepdf.Name.DCTDecode or (
        isinstance(held, pikepdf.Array) and len(held) == 1 and held[0] == pikepdf.Name.DCTDecode
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
