"""Making covers of an assessed enrolment: exact dates, no overlap, nobody twice; the database holds the last word."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from backend.applications.case import Case
from backend.clock import local_date
from backend.database import execute, fetch, new_id, transaction
from backend.errors import Conflict
from backend.identity import Actor
from backend.insurance.dates import cover_dates
from backend.insurance.facts import MemberFacts
from backend.insurance.judging import Enrolled
from backend.insurance.lines import Line
from backend.insurance.policy import cost_of
from backend.insurance.tables import Cover
from backend.words import Text


async def make_covers(case: Case, enrolled: Enrolled, actor: Actor, now: datetime) -> None:
    """One cover for each accepted person, within the current transaction.

    Raises Conflict where somebody turns out to be covered already.
    """
    accepted = {
        row["id"]
        for row in await fetch(
            "SELECT m.id FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment"
            " WHERE e.application = $1 AND m.verdict = 'accepted'",
            case.id,
        )
    }
    for number, (line, member) in enumerate(zip(enrolled.lines, enrolled.facts.members, strict=True), start=1):
        if line.id in accepted:
            await _make(case, enrolled, line, member, f"{case.number}-{number}", actor, now)


async def note_change(cover: UUID, kind: str, effective_on: date, note: str, actor: Actor, now: datetime) -> None:
    """Add to what happened to a cover: `joined`, `changed` or `ended`."""
    await execute(
        "INSERT INTO cover_change (id, cover, kind, effective_on, note, by_account, by_name, at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new_id(),
        cover,
        kind,
        effective_on,
        note,
        actor.account_id,
        actor.name,
        now,
    )


async def _make(
    case: Case, enrolled: Enrolled, line: Line, member: MemberFacts, number: str, actor: Actor, now: datetime
) -> None:
    terms = enrolled.plan.terms
    dates = cover_dates(terms, enrolled.asked_on, local_date(now), member.covers)
    if dates is None:
        raise _covered(line.name)
    cover = new_id()
    levels: dict[str, Any] = {level.column: union for level, union in case.levels.items()}
    try:
        async with transaction():
            await Cover.insert(
                Cover(
                    id=cover,
                    number=number,
                    application=case.id,
                    member=line.id,
                    plan=enrolled.plan.programme,
                    programme_version=enrolled.plan.version,
                    person=line.person,
                    worker=enrolled.worker or line.person,
                    slot=dates.slot,
                    shares=enrolled.shares,
                    starts_on=dates.starts_on,
                    ends_on=dates.ends_on,
                    waived=dates.waived,
                    renews=dates.renews,
                    contribution_fen=cost_of(terms, enrolled.shares, card_holder=line.card_holder),
                    payer=terms.contribution.payer,
                    created_at=now,
                    **levels,
                )
            )
    except asyncpg.ExclusionViolationError:
        raise _covered(line.name) from None
    await note_change(cover, "joined", dates.starts_on, "续保" if dates.renews else "", actor, now)


def _covered(name: str) -> Conflict:
    return Conflict(
        "already_covered",
        Text("{name} 在此期间已有本计划的保障。", "{name} is covered by this plan already.").fill(name=name),
    )
