"""Accepting the chosen rows of a roster: which can be chosen, that they still do what was shown, and the writing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from backend.accounts.phones import StoredPhone
from backend.audit.log import record_many
from backend.clock import Clock
from backend.database import fetch, new_id
from backend.errors import Conflict, RuleViolation, Violation
from backend.identity import Actor
from backend.people.service import Newcomer, People
from backend.registry.facts import IdentifierInput, OnFile
from backend.registry.family import writing
from backend.registry.family.facts import MemberInput
from backend.registry.family.policy import said_of
from backend.registry.family.writing import NewRelation
from backend.registry.policy import identifier_of
from backend.registry.reporting import Reported, Reporting
from backend.registry.roster.judging import merged
from backend.registry.roster.lines import FamilyLine, Roster, StaffLine, Verdict
from backend.registry.roster.standing import Standing
from backend.words import Text

_CHOOSABLE = (Verdict.NEW, Verdict.CHANGED)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that the officer ticked."""

    staff: Sequence[StaffLine]
    family: Sequence[FamilyLine]


def choose(shown: Roster, chosen: Collection[str]) -> Chosen:
    """The chosen lines; raises RuleViolation for none, for one that cannot be chosen, or for one without its worker."""
    wanted = set(chosen)
    staff = [line for line in shown.staff if line.key in wanted]
    family = [line for line in shown.family if line.key in wanted]
    lines: list[StaffLine | FamilyLine] = [*staff, *family]
    if not lines or shown.faults:
        raise RuleViolation.of("nothing_chosen", Text("请至少勾选一行。", "Choose at least one row."), "rows")
    if len(lines) != len(wanted) or any(line.verdict not in _CHOOSABLE for line in lines):
        raise RuleViolation.of(
            "not_choosable", Text("只能勾选新增或有变化的行。", "Only new and changed rows can be chosen."), "rows"
        )
    rows = {line.entry.row for line in staff}
    alone = [line for line in family if line.needs_row is not None and line.needs_row not in rows]
    if alone:
        raise RuleViolation(
            [
                Violation(
                    "worker_not_chosen",
                    Text(
                        f"家属表第 {line.entry.row} 行:请同时勾选职工表第 {line.needs_row} 行。",
                        f"Row {line.entry.row} of family: choose row {line.needs_row} of staff as well.",
                    ),
                    "rows",
                )
                for line in alone[:100]
            ]
        )
    return Chosen(staff, family)


def require_unchanged(chosen: Chosen, now: Roster) -> None:
    """Raise Conflict unless every chosen row would still do what was shown."""
    by_key: dict[str, StaffLine | FamilyLine] = {line.key: line for line in now.lines()}
    lines: list[StaffLine | FamilyLine] = [*chosen.staff, *chosen.family]
    if any(by_key.get(line.key) != line for line in lines):
        raise changed_meanwhile()


async def lock(people: People, chosen: Chosen) -> None:
    """Hold the records and the families that are to be changed, in one order for all."""
    await fetch(
        "SELECT FROM staff_record WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        [line.record for line in chosen.staff if line.record],
    )
    workers = await people.find_all({identifier_of(line.worker) for line in chosen.family if line.worker})
    await fetch(
        "SELECT FROM person WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        [known.person for known in workers.values()],
    )


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Writes chosen rows, in the transaction of its caller, who has locked them and found them unchanged."""

    clock: Clock
    people: People

    async def write(self, actor: Actor, unit: asyncpg.Record, chosen: Chosen, standing: Standing) -> None:
        """Write the workers first, then the families that hang on them."""
        await self._write_staff(actor, unit, chosen.staff, standing)
        await self._write_family(actor, chosen.family, standing)

    async def _write_staff(
        self, actor: Actor, unit: asyncpg.Record, lines: Sequence[StaffLine], standing: Standing
    ) -> None:
        reporting = Reporting(self.clock, self.people)
        new = [self._reported(line, None) for line in lines if line.verdict is Verdict.NEW]
        if new:
            await reporting.report(actor, unit, new)
        records: dict[UUID, OnFile] = {}
        amended: dict[UUID, Reported] = {}
        for line in lines:
            if line.verdict is Verdict.CHANGED and line.record is not None and line.entry.identifier is not None:
                records[line.record] = standing.on_file[line.entry.identifier]
                amended[line.record] = self._reported(line, records[line.record])
        if amended:
            await reporting.update(actor, unit, amended, records)

    def _reported(self, line: StaffLine, on_file: OnFile | None) -> Reported:
        entered = line.entry.entered
        assert entered is not None
        if on_file is not None and on_file.record is not None:
            entered = merged(entered, on_file.record)
        return Reported(entered, StoredPhone.of(line.entry.phone, self.people.sealer))

    async def _write_family(self, actor: Actor, lines: Sequence[FamilyLine], standing: Standing) -> None:
        if not lines:
            return
        now, today = await self.clock.now(), await self.clock.today()
        known = {tie.id: tie for ties in standing.ties.values() for tie in ties}
        workers = await self.people.find_all({identifier_of(line.worker) for line in lines if line.worker})
        newcomers = [_newcomer(line) for line in lines]
        relatives = await self.people.find_or_create(newcomers)
        await writing.strike([line.relation for line in lines if line.relation], now, today)
        made = []
        for line, newcomer in zip(lines, newcomers, strict=True):
            entered, number = _entered(line)
            before = known.get(line.relation) if line.relation else None
            if before is not None:
                entered = msgspec.structs.replace(
                    entered, evidence=before.evidence, from_on=entered.from_on or before.tie.from_on
                )
            relative = relatives[newcomer.identifier]
            assert line.worker is not None
            worker = workers[identifier_of(line.worker)].person
            made.append(NewRelation(new_id(), worker, relative.person, relative.id, entered, said_of(number)))
        try:
            await writing.insert(made, "unit", actor.account_id, now)
        except asyncpg.UniqueViolationError:
            raise changed_meanwhile() from None
        await record_many(actor, "family.certify", "done", "relation", [one.id for one in made])


def changed_meanwhile() -> Conflict:
    """The refusal of a roster whose rows would no longer do what was shown."""
    return Conflict(
        "changed_meanwhile",
        Text(
            "试算之后档案有了变化,没有写入任何内容。请重新上传名册。",
            "The file has changed since the dry run; nothing was written. Send the roster again.",
        ),
    )


def _entered(line: FamilyLine) -> tuple[MemberInput, IdentifierInput]:
    """What a row that can be chosen says, with its number."""
    entered = line.entry.entered
    assert entered is not None
    assert entered.identifier is not None
    return entered, entered.identifier


def _newcomer(line: FamilyLine) -> Newcomer:
    _, number = _entered(line)
    return Newcomer(identifier_of(number), line.entry.name, number.sex, number.born_on)
