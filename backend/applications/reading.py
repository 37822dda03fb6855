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
    """The cases about the actor and those that the actor filed, newest first, from `after` on.

    Each kind is cut at the limit in the order of its own index before the two are merged.
    """
    branches = " UNION ".join(
        f"(SELECT a.id FROM application a WHERE {mine} AND ($3::uuid IS NULL OR a.id < $3) ORDER BY a.id DESC LIMIT $4)"
        for mine in _MINE
    )
    rows = await fetch(
        f"{_SELECT} WHERE a.id IN ({branches}) ORDER BY a.id DESC LIMIT $4",
        actor.person_id,
        actor.account_id,
        after,
        limit,
    )
    return [_mine(row) for row in rows]


async def my_case(actor: Actor, application: UUID) -> Mine:
    """One of the cases that `my_cases` lists; NotFound for any other."""
    row = await fetch_one(
        f"{_SELECT} WHERE a.id = $3 AND ({' OR '.join(_MINE)})", actor.person_id, actor.account_id, application
    )
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


#: What makes a case one's own: `$1` is the person, `$2` the account.
_MINE = ("a.subject_person = $1", "a.submitted_by = $2")

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
