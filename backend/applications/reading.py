"""What a worker reads of their cases, one statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from backend.applications.case import CASE_COLUMNS, CASE_FROM, Case
from backend.applications.timeline import Passed
from backend.database import fetch, fetch_one
from backend.errors import NotFound
from backend.identity import Actor


@dataclass(frozen=True, slots=True)
class Mine:
    """A case of the actor's with the names that its list and its timeline need."""

    case: Case
    programme_zh: str
    programme_en: str
    acting_union: str
    token: str | None


async def my_cases(actor: Actor, after: UUID | None, limit: int) -> list[Mine]:
    """The actor's own cases, newest first, from `after` on."""
    rows = await fetch(
        f"{_SELECT} WHERE a.subject_person = $1 AND ($2::uuid IS NULL OR a.id < $2) ORDER BY a.id DESC LIMIT $3",
        actor.person_id,
        after,
        limit,
    )
    return [_mine(row) for row in rows]


async def my_case(actor: Actor, application: UUID) -> Mine:
    """One of the actor's own cases; NotFound for anybody else's."""
    row = await fetch_one(f"{_SELECT} WHERE a.id = $1 AND a.subject_person = $2", application, actor.person_id)
    if row is None:
        raise NotFound()
    return _mine(row)


async def passed(application: UUID) -> Sequence[Passed]:
    """The events of a case as its timeline needs them, oldest first."""
    return [
        Passed(row["from_stage"], row["to_stage"], row["at"], row["comment"])
        for row in await fetch(
            "SELECT from_stage, to_stage, at,"
            " CASE WHEN action IN ('review', 'recuse', 'settle') THEN '' ELSE comment END"
            " AS comment FROM application_event WHERE application = $1 ORDER BY seq",
            application,
        )
    ]


async def filed_on_behalf(application: UUID) -> tuple[str, datetime] | None:
    """By whom and when a case was filed on the worker's behalf; None where the worker filed it."""
    row = await fetch_one(
        "SELECT c.name, a.created_at FROM application a JOIN console_account c ON c.id = a.submitted_by"
        " WHERE a.id = $1 AND a.filed_by_officer",
        application,
    )
    return (row["name"], row["created_at"]) if row else None


_SELECT = (
    f"SELECT {CASE_COLUMNS}, p.name_zh AS programme_zh, p.name_en AS programme_en, u.name AS acting_name,"
    " (SELECT n.token FROM notice_entry e JOIN notice n ON n.id = e.notice WHERE e.application = a.id"
    " AND n.state = 'published' ORDER BY n.published_at DESC LIMIT 1) AS token"
    f" FROM {CASE_FROM} JOIN programme p ON p.id = v.programme LEFT JOIN trade_union u ON u.id = a.acting_union"
)


def _mine(row: asyncpg.Record) -> Mine:
    waits = bool(row["awaiting_role"])
    return Mine(
        Case.of(row),
        row["programme_zh"],
        row["programme_en"],
        (row["acting_name"] or "") if waits else "",
        row["token"],
    )
