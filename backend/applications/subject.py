"""Whom or what a case is about: a person, a team, a unit or a group, standing on one line of unions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from backend.applications.lifecycle import SubjectKind
from backend.database import fetch_one
from backend.errors import Forbidden, NotFound, RuleViolation
from backend.identity import Actor, Level, Role
from backend.unions.scope import in_scope
from backend.words import Text

#: The one column of an application that each kind of subject fills.
SUBJECT_COLUMNS: Mapping[SubjectKind, str] = {
    SubjectKind.PERSON: "subject_person",
    SubjectKind.TEAM: "subject_team",
    SubjectKind.UNIT: "subject_union",
    SubjectKind.GROUP: "subject_group",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a new case is about; `levels` is the primary line of unions that it stands on today."""

    kind: SubjectKind
    id: UUID
    name: str
    levels: Mapping[Level, UUID | None]


async def worker(person: UUID) -> Subject:
    """A worker with a verified record; raises NotFound without a record, RuleViolation while it is not verified."""
    return _verified(person, await _record(person))


async def worker_filed_by(actor: Actor, person: UUID) -> Subject:
    """The worker for whom `actor` may file: oneself on the phone, or somebody of a unit officer's own unit.

    Raises as `worker`, NotFound for somebody out of scope, Forbidden for an officer's own case.
    """
    row = await _record(person)
    own = actor.person_id == person and Role.WORKER in actor.roles
    if row is None or not (own or in_scope(actor, [Role.UNIT_OFFICER], row)):
        row = None
    elif not own and actor.person_id == person:
        raise Forbidden(
            "conflict_own_case", Text("请在手机端为本人申请。", "Apply for yourself on the phone, not here.")
        )
    return _verified(person, row)


def levels_of(row: asyncpg.Record) -> dict[Level, UUID | None]:
    """The line of unions in the level columns of a row."""
    return {level: row[level.column] for level in Level}


async def _record(person: UUID) -> asyncpg.Record | None:
    return await fetch_one(
        "SELECT p.name, r.national_id, r.province_id, r.city_id, r.county_id, r.unit_id, r.verified_at"
        " FROM person p JOIN staff_record r ON r.person = p.id WHERE p.id = $1",
        person,
    )


def _verified(person: UUID, row: asyncpg.Record | None) -> Subject:
    if row is None:
        raise NotFound(Text("没有找到这位职工的档案。", "No such worker's record."), "no_record")
    if row["verified_at"] is None:
        raise RuleViolation.of(
            "record_unverified",
            Text("档案经单位工会核实后才能申请。", "Your unit has to verify the record first."),
            "record",
        )
    return Subject(SubjectKind.PERSON, person, row["name"], levels_of(row))
