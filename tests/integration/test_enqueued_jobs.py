"""A job that is written along with the business is the very row that the queue's library writes."""

from __future__ import annotations

from backend.database import fetch, new_id, together, transaction
from backend.jobs import Job, enqueue_for, enqueued


async def test_a_job_written_by_us_is_as_the_library_writes_it(database: None) -> None:
    subject = new_id()
    async with transaction():
        await enqueue_for(Job.CASE_DECIDED, subject)
        await together(enqueued(Job.CASE_DECIDED, [subject]))
        ours = "to_jsonb(q) - '{id,job_id}'::text[] AS row"
        for table in ("pgqueuer", "pgqueuer_log"):
            theirs, written = [row["row"] for row in await fetch(f"SELECT {ours} FROM {table} q ORDER BY id")]
            assert theirs == written
