"""Coverage gaps of a unit: listed frontline staff whom no plan covers on a day, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from backend.applications.judgement import RuleCheck
from backend.clock import Clock
from backend.database import fetch, fetch_one
from backend.errors import NotFound
from backend.identity import Actor, Role
from backend.insurance.groups import staff_of
from backend.insurance.judging import judge
from backend.insurance.plans import plan_for
from backend.insurance.terms import Channel
from backend.unions.scope import in_scope
from backend.words import Text

READ_ROLES = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class Gap:
    """One of a unit's staff who is not covered, and every reason; none but “nobody asked” where the plan takes them."""

    name: str
    department: str
    why: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How a unit stands to a plan on a day."""

    staff: int
    covered: int
    gaps: tuple[Gap, ...]


_COVERED = """SELECT person, max(coalesce(ended_on, ends_on)) AS last_on,
    bool_or($3 BETWEEN starts_on AND coalesce(ended_on, ends_on)) AS covered, min(starts_on) AS starts_on
    FROM cover WHERE plan = $1 AND person = ANY($2) AND (ended_on IS NULL OR ended_on >= starts_on) GROUP BY person"""

_REFUSED = """SELECT DISTINCT ON (m.person) m.person, m.reason FROM enrolment_member m
    JOIN enrolment e ON e.id = m.enrolment
    WHERE e.plan = $1 AND m.person = ANY($2) AND m.verdict = 'refused' ORDER BY m.person, m.id DESC"""


async def coverage_of(actor: Actor, clock: Clock, version: UUID, unit: UUID) -> Coverage:
    """The verified staff of a unit in the actor's scope before a plan, today; raises NotFound outside it."""
    row = await fetch_one("SELECT * FROM trade_union WHERE id = $1 AND level = 'unit'", unit)
    if row is None or not in_scope(actor, READ_ROLES, row):
        raise NotFound()
    plan = await plan_for(version, unit)
    today = await clock.today()
    staff = await staff_of(unit)
    persons = [line.person for line, _ in staff]
    held = {one["person"]: one for one in await fetch(_COVERED, plan.programme, persons, today)}
    refused = {one["person"]: one["reason"] for one in await fetch(_REFUSED, plan.programme, persons)}
    judged = await judge(
        plan, unit, None, Channel.UNIT, 1, [line for line, _ in staff], None, asked_on=today, today=today
    )
    gaps = []
    for (line, department), one in zip(staff, judged.members, strict=True):
        cover = held.get(line.person)
        if cover is not None and cover["covered"]:
            continue
        why = [_cover_words(cover["starts_on"], cover["last_on"], today)] if cover is not None else []
        if line.person in refused:
            why.append(Text("核定不予参保:{why}", "refused: {why}").fill(why=refused[line.person] or "—"))
        why += [_short(rule, line.name) for rule in one.broken if rule.code not in _NOT_A_REASON]
        gaps.append(Gap(line.name, department, tuple(why) or (Text("符合条件,尚未申请", "Could join; nobody asked"),)))
    return Coverage(len(staff), len(staff) - len(gaps), tuple(gaps))


#: How many shares somebody would have is chosen only when joining; a cover to come is told by its dates.
_NOT_A_REASON = frozenset({"shares_equal", "already_covered"})


def _cover_words(starts_on: date, last_on: date, today: date) -> Text:
    if starts_on > today:
        return Text("{day} 起生效", "covered from {day} on").fill(day=starts_on)
    return Text("保障已于 {day} 结束", "the cover ended on {day}").fill(day=last_on)


def _short(rule: RuleCheck, name: str) -> Text:
    """A broken rule without the name that stands beside it."""
    return Text(rule.zh.removeprefix(f"{name}:"), rule.en.removeprefix(f"{name}: "))
