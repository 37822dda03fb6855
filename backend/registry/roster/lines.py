"""What a dry run shows and keeps: each row as it was read, what is wrong in which cell, and what it would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from uuid import UUID

import msgspec

from backend.errors import Violation
from backend.people.identifiers import Identifier
from backend.registry.facts import IdentifierInput, RecordInput
from backend.registry.family.facts import MemberInput
from backend.registry.policy import identifier_of
from backend.words import Text


class Verdict(StrEnum):
    """What a row comes to."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    WRONG = "wrong"


VERDICT_LABELS = {
    Verdict.NEW: Text("新增", "New"),
    Verdict.CHANGED: Text("有变化", "Changed"),
    Verdict.SAME: Text("已在档", "On file"),
    Verdict.WRONG: Text("有错误", "To be corrected"),
}


class Fault(msgspec.Struct, frozen=True):
    """What is wrong in one cell; column and header are empty where it is the row as a whole."""

    code: str
    column: str
    header: str
    zh: str
    en: str

    @property
    def message(self) -> Text:
        """Why, in both languages."""
        return Text(self.zh, self.en)

    @classmethod
    def of(cls, violation: Violation, column: str = "", header: str = "") -> Fault:
        """A broken rule, in the cell where it shows."""
        return cls(violation.code, column, header, violation.message.zh, violation.message.en)


class Change(msgspec.Struct, frozen=True):
    """What a row would change on file: the column's header, what is there and what would be; numbers masked."""

    header: str
    before: str
    after: str


class StaffEntry(msgspec.Struct, frozen=True):
    """A worker as their row says; `entered` None where too much of it cannot be read. `row` counts as Excel does."""

    row: int
    name: str
    masked: str
    entered: RecordInput | None
    phone: str
    faults: tuple[Fault, ...]

    @property
    def identifier(self) -> Identifier | None:
        """The worker's document number, if it can be read."""
        number = self.entered.identifier if self.entered else None
        return identifier_of(number) if number else None


class FamilyEntry(msgspec.Struct, frozen=True):
    """A relative as their row says; `worker` are the numbers that the worker's cell may mean."""

    row: int
    name: str
    masked: str
    worker: tuple[IdentifierInput, ...]
    worker_name: str
    entered: MemberInput | None
    faults: tuple[Fault, ...]

    @property
    def identifier(self) -> Identifier | None:
        """The relative's document number, if it can be read."""
        number = self.entered.identifier if self.entered else None
        return identifier_of(number) if number else None


class StaffLine(msgspec.Struct, frozen=True):
    """A worker's row judged; `record` is what is on file. A remark says what is left alone, and why."""

    entry: StaffEntry
    verdict: Verdict
    faults: tuple[Fault, ...] = ()
    changes: tuple[Change, ...] = ()
    remarks: tuple[Fault, ...] = ()
    record: UUID | None = None

    @property
    def key(self) -> str:
        """How the row is named when it is chosen."""
        return f"s{self.entry.row}"


class FamilyLine(msgspec.Struct, frozen=True):
    """A relative's row judged; `relation` is what it would replace, `needs_row` the worker's row it hangs on."""

    entry: FamilyEntry
    verdict: Verdict
    faults: tuple[Fault, ...] = ()
    changes: tuple[Change, ...] = ()
    worker: IdentifierInput | None = None
    relation: UUID | None = None
    needs_row: int | None = None

    @property
    def key(self) -> str:
        """How the row is named when it is chosen."""
        return f"f{self.entry.row}"


class Roster(msgspec.Struct, frozen=True):
    """A whole workbook judged; with `faults` of its own (a missing column, a hidden sheet) nothing can be accepted.

    `columns` tells under which letter each column stood, by sheet (`staff`, `family`) and key.
    """

    faults: tuple[Fault, ...] = ()
    staff: tuple[StaffLine, ...] = ()
    family: tuple[FamilyLine, ...] = ()
    columns: Mapping[str, Mapping[str, str]] = {}

    def lines(self) -> Iterator[StaffLine | FamilyLine]:
        """Every line, staff first."""
        yield from self.staff
        yield from self.family

    def counts(self) -> dict[str, int]:
        """How many rows of each sheet came to what."""
        found = Counter(f"staff_{line.verdict}" for line in self.staff)
        found.update(f"family_{line.verdict}" for line in self.family)
        return dict(found) | {"faults": len(self.faults)}
