"""Parses one untrusted file and draws its rendition; runs alone in the confined child, so it imports nothing of ours.

`parser.py TYPE FILE MAX_PAGES MAX_PIXELS SCREEN_PIXELS` writes one line of JSON and then, unless it refuses, a JPEG.
"""

import io
import json
import sys
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

SHOWN_PAGES = 3
QUALITY = 82
_ACTIVE_KEYS = frozenset({"/JS", "/JavaScript", "/AA", "/Launch", "/XFA", "/RichMedia"})
_ACTIVE_ACTIONS = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/ImportData",
        "/SubmitForm",
        "/Rendition",
        "/GoToR",
        "/GoToE",
        "/RichMediaExecute",
    }
)
_ATTACHMENT_KEYS = frozenset({"/EmbeddedFiles", "/EF", "/AF"})
_ATTACHMENT_TYPES = frozenset({"/EmbeddedFile"})
_ATTACHMENT_NOTES = frozenset({"/FileAttachment"})
_DEEPEST = 40


class Refused(Exception):
    """The file is not to be kept; the argument is the refusal's code."""


def main(media_type: str, path: str, max_pages: int, max_pixels: int, screen: int) -> None:
    """Answer for one file: its findings with a picture, or why it is refused."""
    try:
        if media_type == "application/pdf":
            found, picture = read_pdf(path, max_pages, screen)
        else:
            found, picture = read_picture(media_type, path, max_pixels, screen)
    except Refused as refused:
        answer({"refusal": str(refused)})
        return
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    answer(found, out.getvalue())


def answer(found: dict[str, Any], rendition: bytes = b"") -> None:
    """Say it to the parent."""
    sys.stdout.buffer.write(json.dumps(found).encode() + b"\n" + rendition)


def read_picture(media_type: str, path: str, max_pixels: int, screen: int) -> tuple[dict[str, Any], Image.Image]:
    """The findings of a photograph and how it is shown; raises Refused."""
    if media_type == "image/heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    formats = {"image/jpeg": "JPEG", "image/png": "PNG", "image/heic": "HEIF"}
    Image.MAX_IMAGE_PIXELS = None  # ours is checked below, before anything is decoded
    try:
        with Image.open(path, formats=[formats[media_type]]) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise Refused("too_many_pixels")
            image.draft("RGB", (screen, screen))
            return {"pages": 1, "width": width, "height": height}, drawn(image, screen)
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        KeyError,
        IndexError,
        UnidentifiedImageError,
    ):
        raise Refused("damaged") from None


def drawn(image: Image.Image, screen: int) -> Image.Image:
    """The picture upright, on white, no larger than the screen, as pixels alone: no place, camera or colour profile."""
    image.load()
    orientation = image.getexif().get(0x0112, 1)
    image.thumbnail((screen, screen))
    upright = Image.new("RGB", image.size, "white")
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        upright.paste(layered, mask=layered)
    else:
        upright.paste(image.convert("RGB"))
    if orientation in range(2, 9):
        upright.getexif()[0x0112] = orientation
        upright = ImageOps.exif_transpose(upright)
    flat = Image.new("RGB", upright.size)
    flat.paste(upright)
    return flat


def read_pdf(path: str, max_pages: int, screen: int) -> tuple[dict[str, Any], Image.Image]:
    """The findings of a PDF and how it is shown; raises Refused."""
    import pikepdf

    try:
        with pikepdf.open(path) as pdf:
            if pdf.is_encrypted:
                raise Refused("encrypted")
            for thing in pdf.objects:
                examine(thing)
            examine(pdf.trailer)
            pages = len(pdf.pages)
    except pikepdf.PasswordError:
        raise Refused("encrypted") from None
    except pikepdf.PdfError:
        raise Refused("damaged") from None
    if pages > max_pages:
        raise Refused("too_many_pages")
    if pages == 0:
        raise Refused("damaged")
    return {"pages": pages, "width": 0, "height": 0}, drawn_pages(path, screen)


def examine(thing: Any, depth: int = 0) -> None:
    """Refuse what acts by itself or carries a file, wherever in the object it stands; links between objects are not
    followed, as every object is examined.
    """
    import pikepdf

    if depth > _DEEPEST:
        raise Refused("active_content")
    if isinstance(thing, pikepdf.Array):
        for entry in thing:
            examine_direct(entry, depth)
        return
    if not isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)):
        return
    keys = set(thing.keys())
    if keys & _ACTIVE_KEYS:
        raise Refused("active_content")
    if keys & _ATTACHMENT_KEYS or name_at(thing, "/Type") in _ATTACHMENT_TYPES:
        raise Refused("attachments")
    if name_at(thing, "/Subtype") in _ATTACHMENT_NOTES:
        raise Refused("attachments")
    if name_at(thing, "/S") in _ACTIVE_ACTIONS:
        raise Refused("active_content")
    if "/OpenAction" in keys and not only_shows_a_page(thing["/OpenAction"]):
        raise Refused("active_content")
    for key in keys:
        examine_direct(thing[key], depth)


def examine_direct(entry: Any, depth: int) -> None:
    """Examine what stands in the object itself."""
    if not getattr(entry, "is_indirect", False):
        examine(entry, depth + 1)


def name_at(thing: Any, key: str) -> str:
    """The name under a key, or nothing."""
    import pikepdf

    value = thing.get(key)
    return str(value) if isinstance(value, pikepdf.Name) else ""


def only_shows_a_page(action: Any) -> bool:
    """Whether opening the file does no more than turn to a page of it, as many scanners and typesetters ask for."""
    import pikepdf

    if isinstance(action, pikepdf.Dictionary):
        return name_at(action, "/S") == "/GoTo" and "/Next" not in action
    return isinstance(action, pikepdf.Array)


def drawn_pages(path: str, screen: int) -> Image.Image:
    """The first pages, each no larger than the screen, one below the other."""
    import pypdfium2  # type: ignore[import-untyped]

    sheets = []
    try:
        with pypdfium2.PdfDocument(path) as document:
            for number in range(min(SHOWN_PAGES, len(document))):
                page = document[number]
                scale = screen / max(*page.get_size(), 1.0)
                sheets.append(page.render(scale=scale).to_pil().convert("RGB"))
    except pypdfium2.PdfiumError:
        raise Refused("damaged") from None
    long = Image.new(
        "RGB",
        (max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets)),
        "white",
    )
    top = 0
    for sheet in sheets:
        long.paste(sheet, (0, top))
        top += sheet.height
    return long


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
