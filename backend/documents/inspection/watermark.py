"""Burns into a rendition who looks at it, so that a picture taken of the screen names its source."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONT_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("/System/Library/Fonts"),
    Path("/Library/Fonts"),
)
FONT_NAMES = ("NotoSansCJK", "SourceHanSans", "wqy-", "PingFang", "Hiragino Sans GB", "STHeiti", "DroidSansFallback")

_ANGLE = 28
_INK = (60, 60, 60, 130)
_HALO = (255, 255, 255, 130)
_GAP = 0.8
_QUALITY = 82


def watermark(rendition: bytes, text: str) -> bytes:
    """The JPEG `rendition` with `text` repeated across all of it, slanted and translucent, as a new JPEG.

    `text` is one line; where no Chinese font is installed, what is not ASCII is written as its code points, so that the
    mark still tells who looked.
    """
    with Image.open(io.BytesIO(rendition), formats=["JPEG"]) as picture:
        marked = picture.convert("RGB")
    tile = _tile(text, max(14, min(marked.width, marked.height, 1600) // 40))
    for row, top in enumerate(range(-tile.height // 3, marked.height, tile.height * 2 // 3)):
        # Every second row is shifted, so that no straight cut leaves a strip without a mark.
        for left in range(-(tile.width // 2) * (row % 2), marked.width, tile.width):
            marked.paste(tile, (left, top), mask=tile)
    out = io.BytesIO()
    marked.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _tile(text: str, size: int) -> Image.Image:
    """The mark once, dark with a light halo to be seen on any ground, slanted, with air around it."""
    face = _chinese_face()
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    if face is not None:
        font = ImageFont.truetype(str(face[0]), size, index=face[1])
    else:
        font = ImageFont.load_default(size)
        text = text.encode("ascii", "backslashreplace").decode()
    left, top, right, bottom = font.getbbox(text)
    gap = int(size * _GAP)
    straight = Image.new("RGBA", (int(right - left) + 2 * gap, int(bottom - top) + 2 * gap))
    ImageDraw.Draw(straight).text(
        (gap - left, gap - top), text, font=font, fill=_INK, stroke_width=max(1, size // 20), stroke_fill=_HALO
    )
    return straight.rotate(_ANGLE, Image.Resampling.BICUBIC, expand=True)


@cache
def _chinese_face() -> tuple[Path, int] | None:
    """A font file with Chinese glyphs, and in a collection the face with the mainland's forms; None without one."""
    for folder in FONT_FOLDERS:
        for name in FONT_NAMES:
            for file in sorted(folder.rglob(f"{name}*.[to]t[cf]"), key=lambda file: "Regular" not in file.name):
                return file, _mainland_index(file)
    return None


def _mainland_index(file: Path) -> int:
    for index in range(12):
        try:
            family = ImageFont.truetype(str(file), 10, index=index).getname()[0] or ""
        except OSError:
            break
        if family.endswith(" SC"):
            return index
    return 0
