"""Two languages: which one a reader gets, phrases with places, and what no text may hold."""

from __future__ import annotations

import pytest

from backend.words import UNPRINTABLE, Language, Text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, Language.ZH),
        ("", Language.ZH),
        ("en", Language.EN),
        ("en-GB,en;q=0.9", Language.EN),
        ("zh-Hans-CN", Language.ZH),
        ("fr, en;q=0.2", Language.EN),
        ("fr, de", Language.ZH),
        ("en;q=0.3, zh-CN;q=0.8", Language.ZH),
        ("en;q=x", Language.ZH),
        ("*", Language.ZH),
        ("en;q=0.5,zh;q=0.5", Language.EN),
        (",;q=,;" * 50, Language.ZH),
    ],
)
def test_the_readers_language(header: str | None, language: Language) -> None:
    assert Language.of(header) is language


def test_places_are_filled_in_the_same_language_and_what_fills_them_is_not_read_again() -> None:
    text = Text("由{union}办理:{said}", "With {union}: {said}")
    filled = text.fill(union=Text("市总工会", "the city"), said="{union} {0} {said.__class__}")
    assert filled.zh == "由市总工会办理:{union} {0} {said.__class__}"
    assert filled.in_(Language.EN) == "With the city: {union} {0} {said.__class__}"


@pytest.mark.parametrize(
    "text", ["\x00", "\x07", "\x1b[2J", "\x7f", "\x85", "\u200e", "\u202e", "\u2067", "\ud800", "\ufffe"]
)
def test_what_ends_hides_or_turns_text(text: str) -> None:
    assert UNPRINTABLE.search(f"甲{text}乙")


@pytest.mark.parametrize("text", ["甲\n乙\t丙\r\n", "𠮷", "古丽·买买提", "ئۇيغۇر", "👩‍⚕️", "é", "　", "\u2028"])
def test_what_is_text(text: str) -> None:
    assert not UNPRINTABLE.search(text)
