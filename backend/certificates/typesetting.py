"""Turns a template and its data into an archivable PDF, with fonts that come along; what people wrote stays text."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import manimgx_fonts_cjk
import msgspec
import pylopdf_fonts_zh_cn
import typst
from fontTools.ttLib import TTFont

TEMPLATES = Path(__file__).parent / "templates"
SERIF = pylopdf_fonts_zh_cn.serif_path()
SANS = Path(manimgx_fonts_cjk.__file__).with_name("NotoSansCJK-VF.otf.ttc")
_SANS_MAINLAND = 2

#: Archivable and readable by a screen reader; the engine refuses a document that is not.
_STANDARDS: list[typst.PDFStandard] = ["a-2a", "ua-1"]

#: The engine lets the event loop run on; more at once would only share the same cores and add up their memory.
_PRESS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="typesetting")

#: What the templates draw as a small box of hexadecimal digits. No font of ours has these two, so no text forges them.
_BOX = "\ue000{:04X}\ue001"

_LINE_ENDS = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
#: Marks that are typed narrow behind Chinese, and brackets; set in type they are as wide as a character.
_NARROW_MARK = re.compile(r"(?<=[\u3400-\u9fff\uff09])[,:;?!]")
_BRACKETED = re.compile(r"\(([^()]*)\)")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_WIDE = {ord(mark): ord(mark) + 0xFEE0 for mark in ",:;?!"}


async def typeset(template: str, data: object, at: datetime, pictures: Mapping[str, str] | None = None) -> bytes:
    """The PDF that `template` makes of `data`, off the event loop; equal input gives equal bytes.

    `data` is anything that JSON can hold and reaches the template as its input `data`, the pictures (SVG) under their
    names. `at` is written into the file as the time of its making.
    """
    return await asyncio.get_running_loop().run_in_executor(_PRESS, _typeset, template, data, at, pictures or {})


def printable(text: str) -> str:
    """The text as it can be set: line ends as one kind, nothing that is invisible or turns the direction of reading,
    Chinese punctuation in its full width, and a marked code point for each character that no font of ours has.
    """
    plain = _LINE_ENDS.sub("\n", text)
    kept = "".join(_printable_character(character) for character in plain)
    bracketed = _BRACKETED.sub(lambda found: _wide(found[0]) if _CHINESE.search(found[1]) else found[0], kept)
    return _NARROW_MARK.sub(lambda found: found[0].translate(_WIDE), bracketed)


def _wide(bracketed: str) -> str:
    return f"\uff08{bracketed[1:-1]}\uff09"


def _printable_character(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\n\u3000":
        return character
    if character == "\t" or category.startswith("Z"):
        return " "
    # Controls, direction marks, halves of surrogates, and marks that only choose among the forms of a character.
    if category in ("Cc", "Cf", "Cs") or "VARIATION SELECTOR" in unicodedata.name(character, ""):
        return ""
    return character if ord(character) in _drawn() else _BOX.format(ord(character))


def _printable_all(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case dict():
            return {key: _printable_all(item) for key, item in value.items()}
        case list():
            return [_printable_all(item) for item in value]
        case _:
            return value


def _typeset(template: str, data: object, at: datetime, pictures: Mapping[str, str]) -> bytes:
    text = msgspec.json.encode(_printable_all(msgspec.to_builtins(data))).decode()
    made = typst.compile(
        TEMPLATES / f"{template}.typ",
        root=TEMPLATES,
        format="pdf",
        font_paths=_fonts(),
        sys_inputs={"data": text, **pictures},
        pdf_standards=_STANDARDS,
        timestamp=int(at.timestamp()),
    )
    assert isinstance(made, bytes)
    return made


@cache
def _fonts() -> typst.Fonts:
    """Our fonts and no others, so that a document looks the same on every machine."""
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(SERIF.parent), str(SANS.parent)]
    )


@cache
def _drawn() -> frozenset[int]:
    """The code points that our fonts have."""
    with TTFont(SERIF, lazy=True) as serif, TTFont(SANS, lazy=True, fontNumber=_SANS_MAINLAND) as sans:
        return frozenset(serif.getBestCmap()) | frozenset(sans.getBestCmap())
