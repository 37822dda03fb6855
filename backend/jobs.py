"""Work to be done after the commit: what kinds of it there are, and how it joins the transaction that asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, cast
from uuid import UUID

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from backend.database import BEFORE, Write, db

if TYPE_CHECKING:
    import asyncpg


class Job(StrEnum):
    """Every kind of job; a stored value never changes, for jobs of the last release may still wait under it."""

    CHECK_UPLOAD = "check_upload"
    """Look into a file that a phone has sent. Payload: the upload's id."""

    CLEAR_UPLOAD = "clear_upload"
    """No file is waited for, or none any more: take away what quarantine still holds. Payload: the upload's id."""

    PAPER_JUDGED = "paper_judged"
    """A paper was verified, rejected or refused: cases that hold it count again. Payload: the upload's id."""

    ERASE_UPLOAD = "erase_upload"
    """A paper was taken away for good: remove its files from the store. Payload: the upload's id."""

    CASE_DECIDED = "case_decided"
    """A case has ended: its papers are kept by rule, what was granted is locked. Payload: the application's id."""

    DELIVER_NOTIFICATION = "deliver_notification"
    """Send one message. Payload: the notification's id."""


async def enqueue(
    job: Job | str, payload: bytes, *, execute_after: timedelta | None = None, dedupe_key: str | None = None
) -> None:
    """Queue a job that exists if, and only if, the current transaction commits.

    `execute_after` is counted from now in the database server's time. With a `dedupe_key` nothing is added while a job
    under that key is waiting or running. A job is run at least once, so its handler must bear being run again. Raises
    RuntimeError outside a transaction: what the job is about would not be safe yet.
    """
    current = db().current_transaction.get()
    if current is None:
        raise RuntimeError("a job is queued inside the transaction that gives it its reason")
    queue = Queries(AsyncpgDriver(cast("asyncpg.Connection", current.connection)))
    await queue.enqueue(str(job), payload, execute_after=execute_after, dedupe_key=dedupe_key, on_conflict="skip")


#: What the library's own `enqueue` writes for a plain job, so that it can be written along with the business.
_ENQUEUE = (
    "INSERT INTO pgqueuer (priority, entrypoint, payload, headers, status)"
    " SELECT 0, $1, payload, 'null', 'queued' FROM unnest($2::bytea[]) AS p (payload)"
    " RETURNING id, priority, entrypoint"
)
_LOG = (
    "INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)"
    f" SELECT id, 'queued', entrypoint, priority FROM {BEFORE}"
)


def enqueued(job: Job, subjects: Sequence[UUID]) -> list[Write]:
    """A job about each of these rows, as statements that stand next to each other in one `together`."""
    payloads = [str(subject).encode() for subject in subjects]
    return [Write(_ENQUEUE, (str(job), payloads)), Write(_LOG, ())]


async def enqueue_for(job: Job, subject: UUID, *, execute_after: timedelta | None = None) -> None:
    """Queue a job about one row."""
    await enqueue(job, str(subject).encode(), execute_after=execute_after)


def subject_of(payload: bytes | None) -> UUID:
    """The id of the row that a job is about; raises ValueError for a payload that is none."""
    return UUID((payload or b"").decode())
