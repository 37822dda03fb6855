"""Reads what was printed: the text of a PDF, where its characters stand, its fonts, its QR code."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pikepdf
import pypdfium2  # type: ignore[import-untyped]
import zxingcpp


def text_of(pdf: bytes) -> str:
    """All text, without line ends, spaces and the places where a line may break."""
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.get_textpage().get_text_range() for page in document]
    return re.sub(r"[\s\u200b]", "", "".join(pages))


def page_sizes_mm(pdf: bytes) -> list[tuple[int, int]]:
    """Width and height of each page in millimetres."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [(round(page.get_width() / 72 * 25.4), round(page.get_height() / 72 * 25.4)) for page in document]


def _boxes(page: pypdfium2.PdfPage) -> Iterator[tuple[float, float, float, float]]:
    """Left, bottom, right and top of each character that has ink, in points."""
    text = page.get_textpage()
    for index in range(text.count_chars()):
        left, bottom, right, top = text.get_charbox(index)
        if right > left and top > bottom and text.get_text_range(index, 1) != "\u200b":
            yield left, bottom, right, top


def least_margin_mm(pdf: bytes) -> float:
    """How near to an edge of its page the outermost character of all stands, in millimetres."""
    with pypdfium2.PdfDocument(pdf) as document:
        nearest = [
            min(left, bottom, page.get_width() - right, page.get_height() - top)
            for page in document
            for left, bottom, right, top in _boxes(page)
        ]
    least: float = min(nearest)
    return least / 72 * 25.4


def collisions(pdf: bytes) -> int:
    """How many characters stand in the very place of another, to half a point."""
    with pypdfium2.PdfDocument(pdf) as document:
        places = [
            (number, round(left + right), round(bottom + top))
            for number, page in enumerate(document)
            for left, bottom, right, top in _boxes(page)
        ]
    return len(places) - len(set(places))


def qr_codes(pdf: bytes) -> list[str]:
    """What the QR codes of the first page hold, read from its picture at 200 dots per inch."""
    with pypdfium2.PdfDocument(pdf) as document:
        picture = document[0].render(scale=200 / 72).to_pil()
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def fonts_of(pdf: bytes) -> dict[str, bool]:
    """The fonts by their names, and whether each is embedded."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        descriptors = [
            item for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/FontName" in item
        ]
        return {
            str(item.FontName).partition("+")[2]: any(
                kind in item for kind in ("/FontFile", "/FontFile2", "/FontFile3")
            )
            for item in descriptors
        }


def standards_of(pdf: bytes) -> dict[str, str]:
    """What the file says of itself: the parts of PDF/A and PDF/UA, and its title."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        metadata = document.open_metadata()
        return {
            key: str(metadata.get(key)) for key in ("pdfaid:part", "pdfaid:conformance", "pdfuaid:part", "dc:title")
        }
