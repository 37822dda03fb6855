"""What a roster is judged against: the file, and how a fault is said of a cell. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from backend.errors import Violation
from backend.people.identifiers import Identifier
from backend.registry.facts import OnFile
from backend.registry.family.facts import FamilyRules, Said, Tie
from backend.registry.roster.columns import FAMILY, STAFF
from backend.registry.roster.lines import Change, Fault
from backend.words import Text

HEADERS = {"staff": {one.key: one.header for one in STAFF}, "family": {one.key: one.header for one in FAMILY}}


@dataclass(frozen=True, slots=True)
class KnownTie:
    """A relation on file: as the rules count it, and as it was declared."""

    id: UUID
    relative: UUID
    name: str
    said: Said
    guardian: bool
    evidence: UUID | None
    tie: Tie
    in_use: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on file: of every number in the workbook, and of the families of the workers among them.

    `columns` tells under which letter a column stands, by sheet and key; `phone_digest` how a phone is looked up.
    """

    unit: UUID
    officer: UUID | None
    today: date
    on_file: Mapping[Identifier, OnFile]
    ties: Mapping[UUID, Sequence[KnownTie]]
    rules: FamilyRules
    clause: str
    columns: Mapping[str, Mapping[str, str]]
    phone_digest: Callable[[str], bytes]

    def fault(self, sheet: str, key: str, code: str, zh: str, en: str) -> Fault:
        """What is wrong in a cell of a row."""
        return Fault(code, self.columns.get(sheet, {}).get(key, ""), HEADERS[sheet].get(key, ""), zh, en)

    def broken(self, sheet: str, key: str, violation: Violation) -> Fault:
        """A broken rule, in a cell of a row."""
        return Fault.of(violation, self.columns.get(sheet, {}).get(key, ""), HEADERS[sheet].get(key, ""))


def stands_twice(standing: Standing, sheet: str, other: int | None) -> Fault:
    """The fault of a person who stands in a sheet more than once; `other` is the first of the rows, for the others."""
    where = Text(f",另见第 {other} 行", f"; see row {other}") if other else Text("", "")
    zh, en = f"同一人在表中出现多次{where.zh}。", f"This person stands here more than once{where.en}."
    return standing.fault(sheet, "identifier", "duplicate", zh, en)


def changes_of(sheet: str, pairs: Sequence[tuple[str, str, str]]) -> tuple[Change, ...]:
    """The differences among (column, what is on file, what the row says)."""
    return tuple(Change(HEADERS[sheet][key], before, after) for key, before, after in pairs if before != after)


def shown(value: date | bool | None) -> str:
    """A date or a yes or no as a change shows it."""
    if isinstance(value, bool):
        return "是" if value else "否"
    return value.isoformat() if value else ""
