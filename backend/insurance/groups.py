"""Joining by the unit: its staff picked from the file, the group's conditions computed, missing consents asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from backend.applications.case import Case, load_case
from backend.applications.lifecycle import SubjectKind
from backend.applications.rights import READERS
from backend.applications.service import Applications
from backend.applications.subject import Subject, levels_of
from backend.database import fetch, fetch_one, new_id, transaction
from backend.errors import NotFound, RuleViolation
from backend.identity import Actor, Role
from backend.insurance.enrolments import clear_lines, insert_line
from backend.insurance.judging import Enrolled, judge, judge_enrolment
from backend.insurance.lines import Line
from backend.insurance.plans import KIND, plan_for, plan_of
from backend.insurance.policy import MemberJudgement
from backend.insurance.tables import Enrolment
from backend.insurance.terms import SELF, Channel
from backend.unions.scope import in_scope, scope_sql
from backend.words import Text

#: As many as a unit's roster may hold.
STAFF_LIMIT = 5000


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of a unit's staff before a plan: what the rules say, and whether they are picked."""

    person: UUID
    name: str
    department: str
    judged: MemberJudgement
    picked: bool

    @property
    def asks(self) -> bool:
        """Whether nothing but their consent is missing: picked, they are asked for it."""
        return {rule.code for rule in self.judged.broken} == {"consent_missing"}


@dataclass(frozen=True, slots=True)
class Groups:
    """Group enrolments, filed by a unit's officer; one case with a line for each person."""

    applications: Applications

    async def candidates(
        self, actor: Actor, version: UUID, unit: UUID, shares: int, picked: Iterable[UUID]
    ) -> tuple[list[Candidate], Enrolled]:
        """The unit's verified staff before a plan, and the enrolment of those who are picked, as both stand today.

        Raises NotFound for a unit that is not the officer's.
        """
        await require_unit(actor, unit)
        plan = await plan_for(version, unit)
        staff = await staff_of(unit)
        chosen = set(picked)
        today = await self.applications.clock.today()
        asked = {"asked_on": today, "today": today}
        everybody = await judge(plan, unit, None, Channel.UNIT, shares, [line for line, _ in staff], None, **asked)
        group = [line for line, _ in staff if line.person in chosen]
        enrolled = await judge(plan, unit, None, Channel.UNIT, shares, group, None, **asked)
        found = [
            Candidate(line.person, line.name, department, judged, line.person in chosen)
            for (line, department), judged in zip(staff, everybody.members, strict=True)
        ]
        return found, enrolled

    async def draft(self, actor: Actor, version: UUID, unit: UUID, shares: int, persons: Sequence[UUID]) -> Case:
        """Make a draft for these staff and ask those whose consent is missing. Raises NotFound, RuleViolation."""
        async with transaction():
            row = await require_unit(actor, unit)
            plan = await plan_for(version, unit)
            _require_shares(shares, plan.terms.shares.most)
            enrolment = new_id()
            subject = Subject(SubjectKind.GROUP, enrolment, f"{row['short_name'][:50]}集体参保", levels_of(row))
            case = await self.applications.draft(actor, KIND, plan.version, subject)
            await Enrolment.insert(
                Enrolment(
                    id=enrolment,
                    application=case.id,
                    plan=plan.programme,
                    unit=unit,
                    worker=None,
                    channel=Channel.UNIT,
                    shares=shares,
                )
            )
            await self._write(case, enrolment, unit, persons)
            return case

    async def amend(
        self, actor: Actor, application: UUID, shares: int, persons: Sequence[UUID], expected_version: int
    ) -> Case:
        """Pick other staff for an enrolment that is being filed. Raises as `draft`, Stale, IllegalTransition."""
        async with transaction():
            case = await self.applications.filing(actor, application, expected_version, KIND)
            _require_shares(shares, (await plan_of(case.version.id)).terms.shares.most)
            row = await fetch_one(
                "UPDATE enrolment SET shares = $2 WHERE application = $1 AND channel = 'unit' RETURNING id, unit",
                case.id,
                shares,
            )
            if row is None:
                raise NotFound()
            await clear_lines(row["id"])
            await self._write(case, row["id"], row["unit"], persons)
            return case

    async def enrolled(self, actor: Actor, application: UUID) -> tuple[Case, Enrolled]:
        """A group enrolment as it stands today; raises NotFound outside the actor's scope."""
        case = await load_case(application)
        await self.applications.require_visible(actor, case)
        if case.subject_kind is not SubjectKind.GROUP or case.kind != KIND:
            raise NotFound()
        return case, await judge_enrolment(case, await self.applications.clock.now())

    async def _write(self, case: Case, enrolment: UUID, unit: UUID, persons: Sequence[UUID]) -> None:
        staff = {line.person: line for line, _ in await staff_of(unit)}
        if not persons or any(person not in staff for person in persons):
            raise RuleViolation.of(
                "staff", Text("请从本单位在册职工中选择。", "Pick from the unit's registered staff."), "persons"
            )
        for person in dict.fromkeys(persons):
            await insert_line(enrolment, staff[person], None)
        await self.applications.concern(case, persons)
        await self._ask(case, enrolment, unit)

    async def _ask(self, case: Case, enrolment: UUID, unit: UUID) -> None:
        """Tell everybody whose consent is missing that they are to be enrolled, once each."""
        enrolled = await judge_enrolment(case, await self.applications.clock.now())
        lacking = [
            one.member.person for one in enrolled.members if any(rule.code == "consent_missing" for rule in one.broken)
        ]
        for row in await fetch("SELECT id FROM worker_account WHERE person = ANY($1) ORDER BY id", lacking):
            words = {"plan_zh": enrolled.plan.name.zh, "plan_en": enrolled.plan.name.en}
            await self.applications.notifications.notify(enrolment, row["id"], "cover_consent_asked", words)


async def groups_in_scope(actor: Actor, limit: int = 50) -> list[asyncpg.Record]:
    """The group enrolments that a reading role of the actor reaches, the newest first, with how many are in each."""
    reached, unions = scope_sql(actor.unions_as(*READERS), "a", 2)
    return await fetch(
        f"""SELECT a.id, a.number, a.subject_name, a.state, a.stage, a.created_at, p.name_zh, p.name_en,
            (SELECT count(*) FROM enrolment_member m WHERE m.enrolment = e.id) AS persons,
            (SELECT count(*) FROM cover c WHERE c.application = a.id) AS covers
        FROM application a JOIN enrolment e ON e.application = a.id JOIN programme p ON p.id = e.plan
        WHERE e.channel = 'unit' AND {reached} ORDER BY a.id DESC LIMIT $1""",
        limit,
        *unions,
    )


async def require_unit(actor: Actor, unit: UUID) -> asyncpg.Record:
    """The unit, if the actor is its officer; raises NotFound."""
    row = await fetch_one("SELECT * FROM trade_union WHERE id = $1 AND level = 'unit'", unit)
    if row is None or not in_scope(actor, [Role.UNIT_OFFICER], row):
        raise NotFound()
    return row


async def staff_of(unit: UUID) -> list[tuple[Line, str]]:
    """The verified staff of a unit as lines, each with their department, by name."""
    rows = await fetch(
        "SELECT p.id, p.name, p.sex, p.born_on, s.department FROM staff_record s JOIN person p ON p.id = s.person"
        " WHERE s.unit = $1 AND s.verified_at IS NOT NULL ORDER BY p.name, p.id LIMIT $2",
        unit,
        STAFF_LIMIT,
    )
    return [
        (Line(row["id"], row["name"], SELF, sex=row["sex"], born_on=row["born_on"]), row["department"]) for row in rows
    ]


def _require_shares(shares: int, most: int) -> None:
    if not 1 <= shares <= most:
        raise RuleViolation.of(
            "shares_most", Text("份数应为 1 至 {most}。", "1 to {most} shares.").fill(most=most), "shares"
        )
