"""Words shown to people: one text in Chinese and in English."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: Characters that end, hide or turn the text around them: controls but tab and line breaks, marks of writing direction,
#: halves of characters.
UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class Language(StrEnum):
    """The languages the product speaks; Chinese is the one it falls back to."""

    ZH = "zh-CN"
    EN = "en"

    @classmethod
    def of(cls, accept_language: str | None) -> Language:
        """The first language of an Accept-Language header that we speak, by the order of its weights."""
        wanted: list[tuple[float, Language]] = []
        for part in (accept_language or "").split(","):
            tag, _, weight = part.strip().partition(";q=")
            language = {"zh": cls.ZH, "en": cls.EN}.get(tag.lower().split("-")[0])
            if language is None:
                continue
            try:
                wanted.append((float(weight) if weight else 1.0, language))
            except ValueError:
                continue
        return max(wanted, key=lambda pair: pair[0])[1] if wanted else cls.ZH


@dataclass(frozen=True, slots=True)
class Text:
    """One phrase in both languages; `{name}` places are filled by `fill`."""

    zh: str
    en: str

    def in_(self, language: Language) -> str:
        """The phrase in `language`."""
        return self.zh if language is Language.ZH else self.en

    def fill(self, **values: Any) -> Text:
        """The phrase with its places filled; a value that is a Text itself is filled in its own language."""
        return Text(
            self.zh.format(**{key: value.zh if isinstance(value, Text) else value for key, value in values.items()}),
            self.en.format(**{key: value.en if isinstance(value, Text) else value for key, value in values.items()}),
        )
