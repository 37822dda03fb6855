"""Read-only questions of families: who belongs to a worker on a day, how two persons are related, who has agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import asyncpg
import msgspec

from backend.columns import LEVEL_COLUMNS
from backend.database import fetch, fetch_one
from backend.errors import RuleViolation
from backend.identity import Actor, Role
from backend.people.identifiers import IdentifierType
from backend.people.relations import EndReason, RelationKind
from backend.registry.family.facts import FamilyRules, Tie
from backend.registry.family.policy import DEFAULT_CLAUSE, DEFAULT_RULES, guards, needs_guardian
from backend.unions.scope import scope_sql
from backend.words import Text

#: The topic of the policy rows that hold a union's own `FamilyRules`.
TOPIC = "family.limits"


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """A relative of a worker: what the worker (or the unit) declared, and what the file knows beside it.

    Name, sex and birth date are as declared. `evidence` is the upload that shows the relation: without one no
    programme takes the relative; whether it must be verified the programme says. `certified` is told of a relation
    that the unit's officer brought in, `guardian` of a worker who is the legal guardian without being a parent.
    `is_worker` and `agrees` (whether the file of that number says the same of the person), like `person`, are never
    shown to the worker: they would tell who is on file.
    """

    relation: UUID
    person: UUID
    kind: RelationKind
    name: str
    sex: str
    born_on: date | None
    identifier_type: IdentifierType | None
    identifier_masked: str
    evidence: UUID | None
    from_on: date | None
    to_on: date | None
    guardian: bool
    certified: bool
    is_worker: bool
    agrees: bool

    @property
    def guarded(self) -> bool:
        """Whether the worker is the parent or guardian of this relative."""
        return guards(self.kind, self.guardian)


class EntryState(StrEnum):
    """What has become of a declaration."""

    LIVE = "live"
    ENDED = "ended"
    STRUCK = "struck"


@dataclass(frozen=True, slots=True)
class Addition:
    """A further document number that was asked for, and what became of it."""

    id: UUID
    type: str
    masked: str
    evidence: UUID
    state: str
    asked_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class FamilyEntry:
    """One declaration with its history; `consents` are the purposes that the worker gave or wrote down for them."""

    member: FamilyMember
    state: EntryState
    end_reason: EndReason | None
    declared_at: datetime | None
    version: int
    addition: Addition | None
    consents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaitingAddition:
    """A further number of a worker's relative that waits for the officer.

    `name_on_file` is who is known by that number already, if anybody: the two would become one.
    """

    id: UUID
    record: UUID
    worker: str
    unit_name: str
    relative: str
    masked: str
    name_on_file: str
    asked_at: datetime


#: A paper that turned out unusable, or is gone, shows nothing.
_MEMBER = """r.id AS relation, r.relative AS person, r.kind, r.guardian, r.from_on, r.to_on, r.source,
    r.end_reason, r.struck_at, r.declared_at, r.version, i.type AS identifier_type,
    (SELECT d.id FROM upload d WHERE d.id = r.evidence AND d.state NOT IN ('refused', 'erased')) AS evidence,
    coalesce(i.masked, '') AS identifier_masked, coalesce(nullif(r.declared_name, ''), p.name) AS name,
    coalesce(nullif(r.declared_sex, ''), p.sex) AS sex, coalesce(r.declared_born_on, p.born_on) AS born_on,
    p.name AS name_on_file, p.sex AS sex_on_file, p.born_on AS born_on_file,
    EXISTS (SELECT FROM staff_record s WHERE s.person = r.relative AND s.verified_at IS NOT NULL) AS is_worker"""
_FROM = "relation r JOIN person p ON p.id = r.relative LEFT JOIN person_identifier i ON i.id = r.identifier"
_ON = "r.struck_at IS NULL AND (r.from_on IS NULL OR r.from_on <= $2) AND (r.to_on IS NULL OR r.to_on >= $2)"


async def family_of(person: UUID, on: date) -> list[FamilyMember]:
    """The relatives whom a worker declared and whose relation stands on a day, in the order they were declared."""
    rows = await fetch(f"SELECT {_MEMBER} FROM {_FROM} WHERE r.person = $1 AND {_ON} ORDER BY r.id", person, on)
    return [_member(row) for row in rows]


async def relation_between(worker: UUID, person: UUID, on: date) -> FamilyMember | None:
    """What a person is to a worker on a day, as the worker declared it; None for a stranger."""
    row = await fetch_one(
        f"SELECT {_MEMBER} FROM {_FROM} WHERE r.person = $1 AND r.relative = $3 AND {_ON} ORDER BY r.id DESC LIMIT 1",
        worker,
        on,
        person,
    )
    return _member(row) if row else None


async def consents_of(person: UUID, on: date) -> set[str]:
    """The purposes that are agreed to for a person on a day.

    Below 14 those that a parent or guardian (by a relation that stands on that day) gave; from the 14th birthday on
    the person's own alone, given on their phone or signed on a paper (个人信息保护法 第三十一条).
    """
    rows = await fetch(
        """SELECT c.purpose, c.given_by = c.person AS own, p.born_on, r.kind, r.guardian
        FROM consent c JOIN person p ON p.id = c.person
        LEFT JOIN relation r ON r.person = c.given_by AND r.relative = c.person
            AND r.struck_at IS NULL AND (r.from_on IS NULL OR r.from_on <= $2) AND (r.to_on IS NULL OR r.to_on >= $2)
        WHERE c.person = $1 AND (c.given_at AT TIME ZONE 'Asia/Shanghai')::date <= $2
            AND (c.withdrawn_at IS NULL OR (c.withdrawn_at AT TIME ZONE 'Asia/Shanghai')::date > $2)""",
        person,
        on,
    )

    def counts(row: asyncpg.Record) -> bool:
        if not needs_guardian(row["born_on"], on):
            return bool(row["own"])
        return row["kind"] is not None and guards(RelationKind(row["kind"]), row["guardian"])

    return {row["purpose"] for row in rows if counts(row)}


async def family_file(person: UUID) -> list[FamilyEntry]:
    """Everything that a worker ever declared of relatives: those that stand first, then by age."""
    rows = await fetch(
        f"""SELECT {_MEMBER}, to_jsonb(a) AS addition,
            ARRAY(SELECT DISTINCT c.purpose FROM consent c WHERE c.person = r.relative AND c.withdrawn_at IS NULL
                AND coalesce(c.recorded_by, c.given_by) = r.person ORDER BY 1) AS consents
        FROM {_FROM}
        LEFT JOIN LATERAL (SELECT id, type, masked, evidence, state, asked_at, reason FROM identifier_addition
            WHERE relation = r.id ORDER BY id DESC LIMIT 1) a ON true
        WHERE r.person = $1 ORDER BY r.to_on IS NOT NULL, r.id LIMIT 200""",
        person,
    )
    return [_entry(row) for row in rows]


async def ties_of(person: UUID, *, but: UUID | None = None) -> list[Tie]:
    """The relations of a worker as the rules count them, without the one that is being corrected."""
    rows = await fetch(
        "SELECT kind, from_on, to_on, struck_at IS NOT NULL AS struck FROM relation"
        " WHERE person = $1 AND id IS DISTINCT FROM $2",
        person,
        but,
    )
    return [Tie(RelationKind(row["kind"]), row["from_on"], row["to_on"], row["struck"]) for row in rows]


async def rules_for(unit: asyncpg.Record, today: date) -> tuple[FamilyRules, str]:
    """The rules in force for the family of a unit's workers, with their clause: those of the nearest union above.

    `unit` is any row with the level columns. Raises RuleViolation where the policy row cannot be read.
    """
    row = await fetch_one(
        """SELECT p.rules, p.clause FROM policy_row p JOIN trade_union u ON u.id = p.trade_union
        WHERE p.topic = $1 AND p.effective_from <= $2 AND (p.effective_to IS NULL OR p.effective_to >= $2)
            AND p.trade_union = ANY($3)
        ORDER BY array_position(ARRAY['unit', 'county', 'city', 'province', 'national'], u.level::text),
            p.effective_from DESC, p.id DESC LIMIT 1""",
        TOPIC,
        today,
        [unit[column] for column in LEVEL_COLUMNS if unit[column] is not None],
    )
    if row is None:
        return DEFAULT_RULES, DEFAULT_CLAUSE
    try:
        return msgspec.json.decode(row["rules"], type=FamilyRules), row["clause"]
    except msgspec.MsgspecError:
        raise RuleViolation.of(
            "family_policy",
            Text("家属申报的政策条款有误,请联系上级工会。", "The policy on families cannot be read; tell your union."),
            clause=row["clause"],
        ) from None


async def waiting_additions(actor: Actor, limit: int) -> list[WaitingAddition]:
    """Further numbers of relatives that wait for the officer of the worker's unit, oldest first."""
    reached, unions = scope_sql(actor.unions_as(Role.UNIT_OFFICER), "s", 2)
    rows = await fetch(
        f"""SELECT a.id, s.id AS record, w.name AS worker, t.name AS unit_name, r.declared_name AS relative, a.masked,
            coalesce(p.name, '') AS name_on_file, a.asked_at
        FROM identifier_addition a JOIN relation r ON r.id = a.relation JOIN staff_record s ON s.person = r.person
        JOIN person w ON w.id = r.person JOIN trade_union t ON t.id = s.unit
        LEFT JOIN person_identifier i ON i.type = a.type AND i.digest = a.digest
        LEFT JOIN person p ON p.id = i.person
        WHERE a.state = 'open' AND r.to_on IS NULL AND {reached} ORDER BY a.id LIMIT $1""",
        limit,
        *unions,
    )
    return [WaitingAddition(**row) for row in rows]


async def shows_relation(person: UUID, upload: UUID) -> bool:
    """Whether an upload is the evidence of a relation, or of a further number, in a worker's family."""
    row = await fetch_one(
        "SELECT EXISTS (SELECT FROM relation r WHERE r.person = $1 AND (r.evidence = $2 OR EXISTS"
        " (SELECT FROM identifier_addition a WHERE a.relation = r.id AND a.evidence = $2))) AS shows",
        person,
        upload,
    )
    return bool(row and row["shows"])


def _member(row: asyncpg.Record) -> FamilyMember:
    return FamilyMember(
        relation=row["relation"],
        person=row["person"],
        kind=RelationKind(row["kind"]),
        name=row["name"],
        sex=row["sex"],
        born_on=row["born_on"],
        identifier_type=IdentifierType(row["identifier_type"]) if row["identifier_type"] else None,
        identifier_masked=row["identifier_masked"],
        evidence=row["evidence"],
        from_on=row["from_on"],
        to_on=row["to_on"],
        guardian=row["guardian"],
        certified=row["source"] == "unit",
        is_worker=row["is_worker"],
        agrees=(row["name"], row["sex"], row["born_on"])
        == (row["name_on_file"], row["sex_on_file"], row["born_on_file"]),
    )


def _entry(row: asyncpg.Record) -> FamilyEntry:
    state = EntryState.LIVE if row["to_on"] is None else EntryState.ENDED
    return FamilyEntry(
        member=_member(row),
        state=EntryState.STRUCK if row["struck_at"] is not None else state,
        end_reason=EndReason(row["end_reason"]) if row["end_reason"] else None,
        declared_at=row["declared_at"],
        version=row["version"],
        addition=msgspec.json.decode(row["addition"], type=Addition) if row["addition"] else None,
        consents=tuple(row["consents"]),
    )
