"""One line of the doctor's: what was looked at, how it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backend.words import Text


class Grade(StrEnum):
    """How a thing is; `unknown` where this environment lacks what it takes to look."""

    OK = "✓"
    UNKNOWN = "–"
    WARN = "!"
    FAIL = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing; `do` is there unless it is well."""

    grade: Grade
    what: Text
    found: str
    do: Text | None = None

    @property
    def line(self) -> str:
        """The finding as it is printed."""
        advice = f" → {self.do.zh} {self.do.en}" if self.do else ""
        return f"{self.grade} {self.what.zh} {self.what.en}: {self.found}{advice}"


def graded(bad: bool, what: Text, found: str, do: Text, *, grade: Grade = Grade.FAIL) -> Finding:
    """The finding that a thing is well or, where `bad`, what to do about it."""
    return Finding(grade, what, found, do) if bad else Finding(Grade.OK, what, found)
