"""Two persons turn out to be one: what was entered on a phone joins the person who is on file."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from backend.clock import security_now
from backend.database import execute, fetch_value


async def become(provisional: UUID, known: UUID, record: UUID | None) -> None:
    """Move an account, its papers, consents and relations from a provisional person to the one who is known.

    `record` is the provisional person's own record where the known one has none: it moves along. Cases never stand in
    the way, since a record that was never verified cannot apply.
    """
    if record is not None:
        await execute("UPDATE staff_record SET person = $2 WHERE id = $1", record, known)
        # Whoever named this person before, as a relative, may have misspelt the name: the verified record says it.
        await execute(
            "UPDATE person k SET name = p.name, sex = p.sex, born_on = p.born_on FROM person p"
            " WHERE k.id = $2 AND p.id = $1",
            provisional,
            known,
        )
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


async def take_over(account: asyncpg.Record, reported: asyncpg.Record, own: asyncpg.Record | None) -> None:
    """Give the record that the unit reported to an account that has proven itself.

    `own` is the account's provisional record, which ends. Another phone that held the record loses it and is logged
    out; the phone on the record is from now on the account's.
    """
    await _close_other_account(reported["person"], account["id"])
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


async def _close_other_account(person: UUID, account: UUID) -> None:
    """End the account that held a person before: its devices are logged out, its messages follow the person.

    Its number is let go, so that whoever is given that number next begins with an account of their own and finds
    nothing of this person's.
    """
    other = await fetch_value("SELECT id FROM worker_account WHERE person = $1 AND id <> $2", person, account)
    if other is None:
        return
    await execute(
        "UPDATE token_family SET ended_at = $2, end_reason = 'takeover' WHERE ended_at IS NULL AND account = $1",
        other,
        security_now(),
    )
    await execute("UPDATE notification SET recipient = $2 WHERE recipient = $1", other, account)
    await execute(
        "UPDATE worker_account SET person = NULL, phone_sealed = '', phone_digest = uuid_send(id), phone_masked = ''"
        " WHERE id = $1",
        other,
    )
