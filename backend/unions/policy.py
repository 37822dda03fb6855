"""What a union and its place in the tree must look like. Pure; finds everything that is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from stdnum.cn import uscc

from backend.errors import Violation
from backend.identity import Level
from backend.unions.kinds import Line, UnionKind
from backend.words import Text

NAME_LEAST, NAME_MOST = 2, 120

_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
_AREA = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class UnionInput:
    """A union as it is entered; `uscc` is its unified social credit code, `area_code` its division (GB/T 2260)."""

    name: str
    level: Level
    kind: str
    uscc: str | None
    area_code: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """A union as the rules of affiliation see it."""

    level: Level
    kind: str


def check_union(union: UnionInput) -> list[Violation]:
    """Everything that is wrong with a union as it is entered."""
    found = check_uscc(union.uscc) if union.uscc else []
    if not NAME_LEAST <= len(union.name.strip()) <= NAME_MOST:
        found.append(
            Violation(
                "name_length",
                Text(f"名称为 {NAME_LEAST} 至 {NAME_MOST} 字。", f"Between {NAME_LEAST} and {NAME_MOST} characters."),
                "name",
            )
        )
    if union.kind not in set(UnionKind):
        found.append(Violation("union_kind", Text("没有这个类别。", "There is no such kind of union."), "kind"))
    if union.area_code and not _AREA.fullmatch(union.area_code):
        found.append(
            Violation("area_code", Text("行政区划代码为 6 位数字。", "An area code has six digits."), "area_code")
        )
    return found


def check_uscc(code: str) -> list[Violation]:
    """What is wrong with a unified social credit code (GB 32100): 18 characters, no I O S V Z, a check character."""
    if _USCC.fullmatch(code) and uscc.is_valid(code):
        return []
    return [
        Violation(
            "uscc",
            Text(
                "统一社会信用代码不正确(18 位,不含 I、O、S、V、Z)。",
                "This is not a unified social credit code (18 characters, no I, O, S, V, Z).",
            ),
            "uscc",
        )
    ]


def check_affiliation(union: Place, parent: Place, line: Line) -> list[Violation]:
    """What forbids putting a union under a parent: scope runs downwards, so a parent stands on a level above.

    So the tree has no rings.
    """
    found = []
    levels = list(Level)
    if levels.index(parent.level) >= levels.index(union.level):
        found.append(
            Violation(
                "parent_level",
                Text("上级工会的层级须高于本工会。", "The parent has to stand on a level above the union."),
                "parent",
            )
        )
    if line is Line.INDUSTRY and parent.kind != UnionKind.INDUSTRY:
        found.append(
            Violation(
                "parent_not_industry",
                Text("产业隶属线的上级须为产业工会。", "Along the industry line the parent is an industrial union."),
                "parent",
            )
        )
    return found


def check_from_on(from_on: date, present_from_on: date | None, today: date) -> list[Violation]:
    """What forbids an affiliation from this day on; `present_from_on` is when the one that it follows began.

    It is entered once it holds: the level columns know only today. It comes after the one that it follows, so that no
    day has two parents; on the very day when that one began, it corrects it.
    """
    if from_on > today:
        return [Violation("date_in_future", Text("日期不能晚于今天。", "This day has not come yet."), "from_on")]
    if present_from_on is not None and from_on < present_from_on:
        since = Text("现有隶属关系自 {day} 开始,不能更早。", "The present affiliation began on {day}: not before that.")
        return [Violation("affiliation_too_early", since.fill(day=present_from_on), "from_on")]
    return []
