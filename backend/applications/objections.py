"""Objections to what is on notice: sealed to an uninvolved handler, each with a result on record."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from backend.applications.case import Case
from backend.applications.tables import Objection
from backend.database import execute, fetch, fetch_one, fetch_value, transaction
from backend.errors import Conflict
from backend.identity import Actor
from backend.sealing import Sealer
from backend.words import Text

_PURPOSE = "objection"


async def record(actor: Actor, case: Case, entry: UUID, words: str, sealer: Sealer, at: datetime) -> UUID:
    """Write an objection; one from each account to an entry."""
    row = Objection(
        entry=entry,
        application=case.id,
        by_account=actor.account_id,
        by_person=actor.person_id,
        sealed=sealer.seal(words, _PURPOSE),
        state="open",
        raised_at=at,
    )
    try:
        async with transaction():
            await Objection.insert(row)
    except asyncpg.UniqueViolationError:
        raise Conflict("already_objected", Text("您已对此提出过异议。", "You have already objected to this.")) from None
    return UUID(str(row.id))


async def settle(actor: Actor, case: Case, *, upheld: bool, result: str, at: datetime) -> None:
    """Close every open objection to the case with one result on record."""
    await execute(
        "UPDATE objection SET state = $2, handler = $3, handler_name = $4, result = $5, settled_at = $6"
        " WHERE application = $1 AND state = 'open'",
        case.id,
        "upheld" if upheld else "dismissed",
        actor.account_id,
        actor.name,
        result,
        at,
    )


async def notice_is_over(case: Case) -> bool:
    """Whether the latest notice that names the case has ended."""
    return bool(
        await fetch_value(
            "SELECT n.state = 'ended' FROM notice_entry e JOIN notice n ON n.id = e.notice"
            " WHERE e.application = $1 ORDER BY n.published_at DESC LIMIT 1",
            case.id,
        )
    )


async def of_case(case: Case, sealer: Sealer, *, may_read: bool) -> list[dict[str, object]]:
    """The objections to a case, newest first; the words only for the handler."""
    return [
        {
            "id": row["id"],
            "state": row["state"],
            "raised_at": row["raised_at"],
            "words": sealer.open(row["sealed"], _PURPOSE) if may_read else None,
            "handler": row["handler_name"],
            "result": row["result"],
            "settled_at": row["settled_at"],
        }
        for row in await fetch("SELECT * FROM objection WHERE application = $1 ORDER BY raised_at DESC", case.id)
    ]


async def entry_of(notice: UUID, application: UUID) -> UUID | None:
    """The entry of a case on a notice that stands."""
    row = await fetch_one(
        "SELECT e.id FROM notice_entry e JOIN notice n ON n.id = e.notice"
        " WHERE e.notice = $1 AND e.application = $2 AND n.state = 'published'",
        notice,
        application,
    )
    return row["id"] if row else None
