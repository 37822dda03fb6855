"""`niangjia jobs`: what was tried in vain until it was parked, and another try once its cause is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.types import JobId

from backend.database import fetch, queue_pool

_PARKED = """
    SELECT j.id, j.entrypoint, convert_from(j.payload, 'UTF8') AS subject, j.attempts, j.created, l.error
    FROM pgqueuer j LEFT JOIN LATERAL (
        SELECT traceback ->> 'exception_type' AS error FROM pgqueuer_log
        WHERE job_id = j.id AND traceback IS NOT NULL ORDER BY id DESC LIMIT 1
    ) l ON true
    WHERE j.status = 'failed' ORDER BY j.id"""


async def show_parked(say: Callable[[str], object]) -> bool:
    """Print one line for each parked job, then their number; whether there is none.

    A line is `ID KIND SUBJECT TRIES SINCE ERROR`: the subject is the row it is about, the error is told by its name
    alone, as its text may speak of a person. The caller has opened the pool.
    """
    rows = await fetch(_PARKED)
    for row in rows:
        tries, since = row["attempts"] + 1, row["created"].isoformat(timespec="seconds")
        say(f"{row['id']} {row['entrypoint']} {row['subject'] or '-'} {tries} {since} {row['error'] or '-'}\n")
    say(f"{len(rows)} parked\n")
    return not rows


async def retry_parked(ids: Sequence[int], say: Callable[[str], object]) -> None:
    """Queue these parked jobs anew, or all of them where none is named, as if they had never been tried."""
    parked = [row["id"] for row in await fetch(_PARKED)]
    chosen = [JobId(one) for one in parked if not ids or one in ids]
    async with queue_pool() as pool:
        await Queries(AsyncpgPoolDriver(pool)).requeue_jobs(chosen)
    say(f"{len(chosen)} queued again\n")
