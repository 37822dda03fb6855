"""The verbs of joining: look, draft, amend; by the worker for the family. The shared door does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from backend.applications import casefile
from backend.applications.case import Case
from backend.applications.service import Applications
from backend.applications.subject import worker_filed_by
from backend.audit.log import record
from backend.database import execute, fetch, new_id, transaction
from backend.errors import Forbidden, NotFound, RuleViolation, Violation
from backend.identity import Actor
from backend.insurance.assessment import opens_health
from backend.insurance.judging import Enrolled, judge
from backend.insurance.lines import (
    CONDITIONS_LIMIT,
    EnrolmentInput,
    HealthInput,
    InsuredInput,
    Line,
    lines_of_input,
    require_unit_of,
)
from backend.insurance.plans import KIND, Plan, plan_for, plan_of
from backend.insurance.tables import Beneficiary, Enrolment, EnrolmentMember
from backend.insurance.terms import Channel, PlanTerms
from backend.insurance.workflow import KINSHIP
from backend.people.identifiers import check_name
from backend.sealing import Sealer
from backend.words import Text

HEALTH_PURPOSE = "cover_health"


@dataclass(frozen=True, slots=True)
class HealthSaid:
    """What was declared of one person's health, opened for a recorded reason."""

    name: str
    healthy: bool
    conditions: str


@dataclass(frozen=True, slots=True)
class Enrolments:
    """Enrolments by a worker for themselves and their family, several persons in one application."""

    applications: Applications
    sealer: Sealer

    async def preview(self, actor: Actor, version: UUID, entered: EnrolmentInput) -> Enrolled:
        """How each of these persons would stand, what it would cost, from when; nothing is written.

        Raises NotFound, Conflict for a plan that can't be joined, RuleViolation for a form that can't be read.
        """
        plan, unit, lines = await self._entered(actor, version, entered)
        today = await self.applications.clock.today()
        assert actor.person_id is not None
        return await judge(
            plan, unit, actor.person_id, Channel.WORKER, entered.shares, lines, None, asked_on=today, today=today
        )

    async def draft(self, actor: Actor, version: UUID, entered: EnrolmentInput) -> Case:
        """Make a draft; relatives' proofs come along as papers of the case. Raises as `preview`."""
        async with transaction():
            plan, unit, lines = await self._entered(actor, version, entered)
            assert actor.person_id is not None
            subject = await worker_filed_by(actor, actor.person_id)
            case = await self.applications.draft(actor, KIND, plan.version, subject)
            enrolment = new_id()
            await Enrolment.insert(
                Enrolment(
                    id=enrolment,
                    application=case.id,
                    plan=plan.programme,
                    unit=unit,
                    worker=actor.person_id,
                    channel=Channel.WORKER,
                    shares=entered.shares,
                )
            )
            await self._write(actor, case, enrolment, lines, entered.members)
            return case

    async def amend(self, actor: Actor, application: UUID, entered: EnrolmentInput, expected_version: int) -> Case:
        """Change an enrolment that is being filed. Raises as `draft`, Stale, IllegalTransition."""
        async with transaction():
            case = await self.applications.filing(actor, application, expected_version, KIND)
            plan = await plan_of(case.version.id)
            assert actor.person_id is not None
            require_readable(entered, plan.terms)
            lines = await lines_of_input(actor.person_id, entered, await self.applications.clock.today())
            rows = await fetch(
                "UPDATE enrolment SET shares = $2 WHERE application = $1 AND channel = 'worker' RETURNING id",
                case.id,
                entered.shares,
            )
            if not rows:
                raise NotFound()
            await clear_lines(rows[0]["id"])
            await self._drop_papers(actor, case)
            await self._write(actor, case, rows[0]["id"], lines, entered.members)
            return case

    async def health(self, actor: Actor, application: UUID, reason: str) -> list[HealthSaid]:
        """The health declarations of an enrolment, for a reason that is recorded.

        Raises as the case page, Forbidden for who does not assess, RuleViolation without a reason.
        """
        if not casefile.REASON_LEAST <= len(reason.strip()) <= casefile.REASON_MOST:
            raise RuleViolation.of(
                "reason_required", Text("请写明查看理由(至少 4 字)。", "Say why you look (4 characters)."), "reason"
            )
        case = await casefile.require_readable(actor, self.applications, application)
        if not opens_health(actor, case):
            raise Forbidden(
                "not_your_part",
                Text("健康告知只对核定人员和经审开放。", "Health declarations are for who assesses, and the auditor."),
            )
        rows = await fetch(
            "SELECT m.name, m.healthy, m.health_sealed FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment"
            " WHERE e.application = $1 AND m.health_sealed IS NOT NULL ORDER BY m.id",
            case.id,
        )
        await record(actor, "cover.health", "done", object_kind="application", object_id=case.id, reason=reason.strip())
        return [HealthSaid(row["name"], row["healthy"], self._opened(row["health_sealed"]).conditions) for row in rows]

    async def _entered(self, actor: Actor, version: UUID, entered: EnrolmentInput) -> tuple[Plan, UUID, list[Line]]:
        if actor.person_id is None:
            raise NotFound(Text("请先登记本人档案。", "Register your own record first."), "no_record")
        unit = await require_unit_of(actor)
        plan = await plan_for(version, unit)
        require_readable(entered, plan.terms)
        lines = await lines_of_input(actor.person_id, entered, await self.applications.clock.today())
        return plan, unit, lines

    async def _write(
        self, actor: Actor, case: Case, enrolment: UUID, lines: Sequence[Line], entered: Sequence[InsuredInput]
    ) -> None:
        now = await self.applications.clock.now()
        for line, said in zip(lines, entered, strict=True):
            member = await insert_line(enrolment, line, self._seal(said.health) if said.health else None)
            await insert_heirs(member, line, now)
        assert actor.person_id is not None
        await self.applications.concern(case, [actor.person_id, *(line.person for line in lines)])
        asked = {paper.key for paper in case.papers}
        for line in lines:
            if line.evidence is not None and KINSHIP in asked:
                await self.applications.attach(actor, case.id, KINSHIP, line.evidence, line.person)

    async def _drop_papers(self, actor: Actor, case: Case) -> None:
        for row in await fetch(
            "SELECT upload FROM application_document WHERE application = $1 AND requirement = $2", case.id, KINSHIP
        ):
            await self.applications.detach(actor, case.id, KINSHIP, row["upload"])

    def _seal(self, health: HealthInput) -> bytes:
        return self.sealer.seal(msgspec.json.encode(health).decode(), HEALTH_PURPOSE)

    def _opened(self, sealed: bytes) -> HealthInput:
        return msgspec.json.decode(self.sealer.open(sealed, HEALTH_PURPOSE), type=HealthInput)


async def insert_line(enrolment: UUID, line: Line, health_sealed: bytes | None) -> UUID:
    """Write one person of an enrolment; the line's id."""
    member = new_id()
    await EnrolmentMember.insert(
        EnrolmentMember(
            id=member,
            enrolment=enrolment,
            person=line.person,
            relation=line.relation,
            who=line.who,
            name=line.name,
            grade=line.grade,
            card_holder=line.card_holder,
            health_declared=line.health_declared,
            healthy=line.healthy,
            health_sealed=health_sealed,
        )
    )
    return member


async def insert_heirs(member: UUID, line: Line, now: datetime) -> None:
    """Write the beneficiaries of one person."""
    for heir in line.heirs:
        await Beneficiary.insert(
            Beneficiary(member=member, name=heir.name, relation=heir.relation, percent=heir.percent, from_at=now)
        )


async def clear_lines(enrolment: UUID) -> None:
    """Take the persons of an enrolment that is being filed off again."""
    await execute(
        "DELETE FROM beneficiary WHERE member IN (SELECT id FROM enrolment_member WHERE enrolment = $1)", enrolment
    )
    await execute("DELETE FROM enrolment_member WHERE enrolment = $1", enrolment)


def require_readable(entered: EnrolmentInput, terms: PlanTerms) -> None:
    """Raise RuleViolation with everything that the form itself gets wrong, before any rule of the plan is asked."""
    found = []
    if not 1 <= entered.shares <= terms.shares.most:
        found.append(
            Violation(
                "shares_most",
                Text("份数应为 1 至 {most}。", "1 to {most} shares.").fill(most=terms.shares.most),
                "shares",
                terms.shares.clause,
            )
        )
    named = [one.relation_id for one in entered.members]
    if not named or len(set(named)) != len(named):
        found.append(Violation("named_twice", Text("请选择被保障人,每人一次。", "Name each person once."), "members"))
    for number, one in enumerate(entered.members):
        found += _check_member(one, terms, f"members.{number}")
    if found:
        raise RuleViolation(found)


def _check_member(one: InsuredInput, terms: PlanTerms, at: str) -> list[Violation]:
    found = []
    if one.grade and one.grade not in terms.grades:
        found.append(Violation("grade", Text("本计划没有这个职级。", "The plan knows no such grade."), f"{at}.grade"))
    if one.health is not None and len(one.health.conditions) > CONDITIONS_LIMIT:
        found.append(Violation("too_long", Text("最多 500 字。", "At most 500 characters."), f"{at}.health.conditions"))
    for place, heir in enumerate(one.beneficiaries):
        field = f"{at}.beneficiaries.{place}"
        found += check_name(heir.name.strip(), f"{field}.name")
        if not 1 <= heir.percent <= 100:
            found.append(Violation("percent", Text("比例应为 1 至 100。", "1 to 100 percent."), f"{field}.percent"))
    return found
