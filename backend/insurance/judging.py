"""One enrolment judged by its plan as things stand: the shared ground of submitting, assessing and showing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from backend.applications.case import Case
from backend.applications.judgement import RuleCheck
from backend.clock import local_date
from backend.database import fetch_one
from backend.errors import NotFound
from backend.insurance import policy
from backend.insurance.facts import EnrolmentFacts
from backend.insurance.lines import Line, facts_of, lines_on_file
from backend.insurance.plans import Plan, plan_of
from backend.insurance.policy import MemberJudgement
from backend.insurance.terms import Channel


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An enrolment with everything that it is judged on; `asked_on` is the day on which it was first sent."""

    plan: Plan
    unit: UUID
    worker: UUID | None
    channel: Channel
    shares: int
    asked_on: date
    lines: Sequence[Line]
    facts: EnrolmentFacts
    members: Sequence[MemberJudgement]
    checks: Sequence[RuleCheck]


async def judge_enrolment(case: Case, now: datetime) -> Enrolled:
    """The enrolment of a case, judged now by the version that it was first submitted under."""
    row = await fetch_one("SELECT unit, worker, channel, shares FROM enrolment WHERE application = $1", case.id)
    if row is None:
        raise NotFound()
    today = local_date(now)
    lines = await lines_on_file(case.id, row["worker"], today)
    return await judge(
        await plan_of(case.version.id),
        row["unit"],
        row["worker"],
        Channel(row["channel"]),
        row["shares"],
        lines,
        case.id,
        asked_on=local_date(case.submitted_at) if case.submitted_at else today,
        today=today,
    )


async def judge(
    plan: Plan,
    unit: UUID,
    worker: UUID | None,
    channel: Channel,
    shares: int,
    lines: Sequence[Line],
    application: UUID | None,
    *,
    asked_on: date,
    today: date,
) -> Enrolled:
    """These persons judged today; `application` None for a look before joining."""
    facts = await facts_of(plan, lines, shares, unit, channel, application, today)
    members = policy.judge_members(facts, plan.terms, asked_on, today)
    checks = policy.check_enrolment(facts, plan.terms, members)
    return Enrolled(plan, unit, worker, channel, shares, asked_on, lines, facts, members, checks)
