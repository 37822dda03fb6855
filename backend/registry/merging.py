"""Two persons turn out to be one: what was entered on a phone joins the person who is on file."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from backend.clock import security_now
from backend.database import execute


async def become(provisional: UUID, known: UUID, record: UUID | None) -> None:
    """Move an account, its papers, consents and relations from a provisional person to the one who is known.

    `record` is the provisional person's own record where the known one has none: it moves along. Cases never stand in
    the way, since a record that was never verified cannot apply.
    """
    if record is not None:
        await execute("UPDATE staff_record SET person = $2 WHERE id = $1", record, known)
    await execute("UPDATE worker_account SET person = $2 WHERE person = $1", provisional, known)
    await execute("UPDATE upload SET owner_person = $2 WHERE owner_person = $1", provisional, known)
    await execute(
        "UPDATE consent c SET person = $2, given_by = $2 WHERE person = $1 AND given_by = $1"
        " AND NOT EXISTS (SELECT FROM consent k WHERE k.person = $2 AND k.given_by = $2 AND k.purpose = c.purpose"
        " AND k.withdrawn_at IS NULL AND k.recorded_by IS NULL)",
        provisional,
        known,
    )
    await execute("UPDATE consent SET given_by = $2 WHERE given_by = $1 AND person <> $1", provisional, known)
    await execute("UPDATE consent SET recorded_by = $2 WHERE recorded_by = $1", provisional, known)
    await execute(
        "UPDATE relation r SET person = $2 WHERE person = $1 AND relative <> $2 AND NOT EXISTS (SELECT FROM relation k"
        " WHERE k.person = $2 AND k.relative = r.relative AND k.to_on IS NULL AND r.to_on IS NULL)",
        provisional,
        known,
    )


async def name_as(known: UUID, verified: UUID) -> None:
    """Call the person who is on file what an officer has verified, not what somebody named a relative."""
    await execute(
        "UPDATE person k SET name = v.name, sex = v.sex, born_on = v.born_on FROM person v"
        " WHERE k.id = $1 AND v.id = $2",
        known,
        verified,
    )


async def take_over(account: asyncpg.Record, reported: asyncpg.Record, own: asyncpg.Record | None) -> None:
    """Give the record that the unit reported to an account that has proven itself.

    `own` is the account's provisional record, which ends. Another phone that held the record loses it and is logged
    out; the phone on the record is from now on the account's.
    """
    now = security_now()
    await execute(
        "UPDATE token_family SET ended_at = $3, end_reason = 'takeover' WHERE ended_at IS NULL AND account IN"
        " (SELECT id FROM worker_account WHERE person = $1 AND id <> $2)",
        reported["person"],
        account["id"],
        now,
    )
    await execute(
        "UPDATE worker_account SET person = NULL WHERE person = $1 AND id <> $2", reported["person"], account["id"]
    )
    if own is None:
        await execute("UPDATE worker_account SET person = $2 WHERE id = $1", account["id"], reported["person"])
    else:
        await become(own["person"], reported["person"], None)
        await execute("DELETE FROM service_period WHERE record = $1", own["id"])
        await execute("DELETE FROM honour WHERE record = $1", own["id"])
        await execute("DELETE FROM staff_record WHERE id = $1", own["id"])
        await execute(
            "DELETE FROM person p WHERE id = $1 AND NOT EXISTS (SELECT FROM consent WHERE person = p.id)"
            " AND NOT EXISTS (SELECT FROM relation WHERE person = p.id)",
            own["person"],
        )
    await execute(
        "UPDATE staff_record SET phone_sealed = $2, phone_digest = $3, phone_masked = $4, version = version + 1"
        " WHERE id = $1",
        reported["id"],
        account["phone_sealed"],
        account["phone_digest"],
        account["phone_masked"],
    )
