"""The persons of an enrolment: as they were entered, as they are on file, and the facts that they are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from backend.database import execute, fetch, fetch_one, fetch_value
from backend.errors import RuleViolation
from backend.identity import Actor
from backend.insurance import policy
from backend.insurance.facts import EnrolmentFacts, HeirFacts, HeldCover, MemberFacts, UnitFacts
from backend.insurance.plans import Plan
from backend.insurance.terms import SELF, Channel
from backend.people.relations import RelationKind
from backend.registry.family.queries import FamilyMember, consents_of, family_of
from backend.words import Text

MEMBERS_LIMIT = 20
CONDITIONS_LIMIT = 500


class HealthInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of somebody's health; sealed, opened for a recorded reason alone."""

    healthy: bool
    conditions: str = ""


class BeneficiaryInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who receives the benefit and how much of it, percent."""

    name: str
    relation: RelationKind
    percent: int


class InsuredInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One person to be covered: oneself without `relation_id`, else a relative of the registered family."""

    relation_id: UUID | None = None
    grade: str = ""
    card_holder: bool = False
    health: HealthInput | None = None
    beneficiaries: tuple[BeneficiaryInput, ...] = ()


class EnrolmentInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a worker asks for: so many shares for each of these persons."""

    shares: int
    members: tuple[InsuredInput, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One person of an enrolment; `relation` is empty for the worker, `standing` says that it stands today."""

    person: UUID
    name: str
    who: str
    relation: UUID | None = None
    sex: str = ""
    born_on: date | None = None
    grade: str = ""
    card_holder: bool = False
    health_declared: bool = False
    healthy: bool = True
    evidence: UUID | None = None
    standing: bool = True
    agrees: bool = True
    heirs: tuple[HeirFacts, ...] = field(default=())
    id: UUID | None = None


async def lines_of_input(worker: UUID, entered: EnrolmentInput, today: date) -> list[Line]:
    """The persons that a worker names; raises RuleViolation for somebody who is not of the family."""
    family = {member.relation: member for member in await family_of(worker, today)}
    if len(entered.members) > MEMBERS_LIMIT:
        raise RuleViolation.of("too_many", Text("一次最多 20 人。", "At most 20 persons at once."), "members")
    return [await _line_of_input(worker, number, one, family) for number, one in enumerate(entered.members)]


async def lines_on_file(application: UUID, worker: UUID | None, today: date) -> list[Line]:
    """The persons of an enrolment as they are on file, in the order they were named."""
    rows = await fetch(
        """SELECT m.*, p.sex, p.born_on,
            (SELECT coalesce(json_agg(json_build_object('name', b.name, 'relation', b.relation, 'percent', b.percent)
                ORDER BY b.id), '[]') FROM beneficiary b WHERE b.member = m.id AND b.to_at IS NULL) AS heirs
        FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment JOIN person p ON p.id = m.person
        WHERE e.application = $1 ORDER BY m.id""",
        application,
    )
    family = {member.relation: member for member in await family_of(worker, today)} if worker else {}
    return [
        Line(
            id=row["id"],
            person=row["person"],
            name=row["name"],
            who=row["who"],
            relation=row["relation"],
            sex=relative.sex if (relative := family.get(row["relation"])) else row["sex"],
            born_on=relative.born_on if relative else row["born_on"],
            grade=row["grade"],
            card_holder=row["card_holder"],
            health_declared=row["health_declared"],
            healthy=row["healthy"],
            evidence=relative.evidence if relative else None,
            standing=row["relation"] is None or relative is not None,
            agrees=relative.agrees if relative else True,
            heirs=msgspec.json.decode(row["heirs"], type=tuple[HeirFacts, ...]),
        )
        for row in rows
    ]


async def facts_of(
    plan: Plan, lines: Sequence[Line], shares: int, unit: UUID, channel: Channel, application: UUID | None, today: date
) -> EnrolmentFacts:
    """What an enrolment of these persons is judged on, today; `application` None for a look before joining."""
    persons = [line.person for line in lines]
    covers = await held_covers(plan.programme, persons)
    busy = await _under_way(plan.programme, persons, application)
    employed = await _employed(persons, unit)
    consents = await _consents(persons, today, channel)
    return EnrolmentFacts(
        channel=channel,
        members=tuple(
            MemberFacts(
                person=line.person,
                name=line.name,
                who=line.who if line.standing else None,
                sex=line.sex,
                born_on=line.born_on,
                grade=line.grade,
                card_holder=line.card_holder,
                shares=shares,
                employed=line.person in employed,
                evidenced=line.evidence is not None,
                health_declared=line.health_declared,
                healthy=line.healthy,
                consents=tuple(sorted(consents[line.person] & set(policy.CONSENTS))),
                heirs=line.heirs,
                covers=tuple(covers.get(line.person, ())),
                under_way=line.person in busy,
                agrees=line.agrees,
            )
            for line in lines
        ),
        unit=await unit_facts(plan, unit, persons, today),
    )


async def unit_facts(plan: Plan, unit: UUID, but: Sequence[UUID], today: date) -> UnitFacts:
    """How a unit stands to a plan today, `but` the persons of an enrolment, who are counted there."""
    if plan.terms.group is None and not plan.terms.shares.equal_in_unit:
        return UnitFacts(0, 0, None)
    staff = await fetch(
        "SELECT p.sex, p.born_on FROM staff_record s JOIN person p ON p.id = s.person"
        " WHERE s.unit = $1 AND s.verified_at IS NOT NULL",
        unit,
    )
    row = await fetch_one(
        """SELECT count(DISTINCT c.person) FILTER (WHERE c.person <> ALL($4)) AS covered,
            count(DISTINCT c.shares) AS kinds, min(c.shares) AS shares
        FROM cover c WHERE c.unit_id = $1 AND c.plan = $2 AND c.person = c.worker
            AND coalesce(c.ended_on, c.ends_on) >= greatest($3, c.starts_on)""",
        unit,
        plan.programme,
        today,
        list(but),
    )
    assert row is not None
    return UnitFacts(
        could_join=sum(policy.could_join(plan.terms, one["sex"], one["born_on"], today) for one in staff),
        covered=row["covered"],
        shares=row["shares"] if row["kinds"] == 1 else None,
    )


async def held_covers(plan: UUID, persons: Sequence[UUID]) -> dict[UUID, list[HeldCover]]:
    """The covers of these persons by a plan, of all its versions; void ones cover nothing and are left out."""
    found: dict[UUID, list[HeldCover]] = {}
    for row in await fetch(
        "SELECT person, slot, starts_on, ends_on, ended_on FROM cover WHERE plan = $1 AND person = ANY($2)"
        " AND (ended_on IS NULL OR ended_on >= starts_on) ORDER BY starts_on",
        plan,
        list(persons),
    ):
        held = HeldCover(row["slot"], row["starts_on"], row["ends_on"], row["ended_on"])
        found.setdefault(row["person"], []).append(held)
    return found


async def hold_persons(persons: Sequence[UUID]) -> None:
    """Let nobody else enrol these persons until the transaction ends: what is asked of their covers stays true."""
    await execute("SELECT FROM person WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", list(persons))


async def require_unit_of(actor: Actor) -> UUID:
    """The unit in whose file the worker is; raises RuleViolation without a record."""
    unit: UUID | None = await fetch_value("SELECT unit FROM staff_record WHERE person = $1", actor.person_id)
    if unit is None:
        raise RuleViolation.of("no_record", Text("请先填写本人档案。", "Fill in your own record first."), "record")
    return unit


async def _line_of_input(worker: UUID, number: int, one: InsuredInput, family: dict[UUID, FamilyMember]) -> Line:
    heirs = tuple(HeirFacts(heir.name.strip(), heir.relation, heir.percent) for heir in one.beneficiaries)
    said: dict[str, Any] = {
        "grade": one.grade,
        "card_holder": one.card_holder,
        "health_declared": one.health is not None,
        "healthy": one.health is None or one.health.healthy,
    }
    if one.relation_id is None:
        row = await fetch_one("SELECT name, sex, born_on FROM person WHERE id = $1", worker)
        assert row is not None
        return Line(worker, row["name"], SELF, None, row["sex"], row["born_on"], heirs=heirs, **said)
    member = family.get(one.relation_id)
    if member is None:
        raise RuleViolation.of(
            "not_family",
            Text("只能为登记在册的家属参保。", "Only registered relatives can be enrolled."),
            f"members.{number}.relation_id",
        )
    return Line(
        member.person,
        member.name,
        member.kind,
        member.relation,
        member.sex,
        member.born_on,
        evidence=member.evidence,
        agrees=member.agrees,
        heirs=heirs,
        **said,
    )


async def _employed(persons: Sequence[UUID], unit: UUID) -> set[UUID]:
    rows = await fetch(
        "SELECT person FROM staff_record WHERE person = ANY($1) AND unit = $2 AND verified_at IS NOT NULL",
        list(persons),
        unit,
    )
    return {row["person"] for row in rows}


async def _under_way(plan: UUID, persons: Sequence[UUID], but: UUID | None) -> set[UUID]:
    rows = await fetch(
        """SELECT DISTINCT m.person FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment
        JOIN application a ON a.id = e.application
        WHERE m.person = ANY($1) AND e.plan = $2 AND a.id IS DISTINCT FROM $3 AND m.proposal <> ''
            AND (e.channel = 'worker' OR m.proposal <> 'refuse')
            AND a.state IN ('submitted', 'under_review', 'returned')""",
        list(persons),
        plan,
        but,
    )
    return {row["person"] for row in rows}


async def _consents(persons: Sequence[UUID], today: date, channel: Channel) -> dict[UUID, set[str]]:
    """Of a family by the guardian's rule, one by one; of a unit's staff, who are grown up, their own in one go."""
    if channel is Channel.WORKER:
        return {person: await consents_of(person, today) for person in persons}
    found: dict[UUID, set[str]] = {person: set() for person in persons}
    for row in await fetch(
        "SELECT DISTINCT person, purpose FROM consent WHERE person = ANY($1) AND given_by = person"
        " AND withdrawn_at IS NULL",
        list(persons),
    ):
        found[row["person"]].add(row["purpose"])
    return found
