"""What rules say of a case: each one passed or not with its figure and clause, and the priority line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from backend.errors import Violation
from backend.words import Text


class PointLine(msgspec.Struct, frozen=True):
    """One line of a priority: why so many points."""

    code: str
    label_zh: str
    label_en: str
    points: int
    clause: str = ""


class RuleCheck(msgspec.Struct, frozen=True):
    """One rule as it was judged: passed or not, with the figure it was judged on."""

    code: str
    passed: bool
    zh: str
    en: str
    clause: str = ""
    field: str = ""

    def violation(self) -> Violation:
        """The rule as broken."""
        return Violation(self.code, Text(self.zh, self.en), self.field, self.clause)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the slice's rules say of a case on submitting.

    `facts` is anything msgspec encodes: it is sealed beside the event that it was judged for.
    """

    facts: Any
    checks: Sequence[RuleCheck] = ()
    lines: Sequence[PointLine] = ()

    @property
    def violations(self) -> list[Violation]:
        """All rules that are broken."""
        return [check.violation() for check in self.checks if not check.passed]

    @property
    def points(self) -> int:
        """The sum of the lines."""
        return sum(line.points for line in self.lines)
