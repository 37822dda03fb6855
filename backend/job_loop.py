"""Runs queued jobs and periodic sweeps until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.executors import DatabaseRetryEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import PgqException, RetryRequested
from pgqueuer.domain.models import Context, TracebackRecord
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.types import QueueExecutionMode

from backend.database import CUT_OFF, queue_pool
from backend.errors import Unavailable
from backend.jobs import Job, subject_of

log = structlog.get_logger(__name__)

#: Does the work of one job about the row with that id; bears being run again.
Handler = Callable[[UUID], Awaitable[object]]

#: A job whose worker has not been heard of for this long is taken up by another.
HEARTBEAT = timedelta(seconds=30)
POLL = timedelta(seconds=5)
BATCH = 4
AT_ONCE = 8

#: 2, 4, 8 … seconds between tries, at most 5 minutes; after the last the job is parked, never thrown away.
FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=5)
TRIES = 9

RECONNECT_SECONDS = 2.0

#: What a database that went away, or is coming back, makes of a query.
_LOST = (*CUT_OFF, asyncpg.PostgresError)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Work that is due by time: run every `every`, on every worker, so two runs at once must do no harm."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]


async def run_jobs(
    handlers: Mapping[Job, Handler], stopping: asyncio.Event, *, heartbeat: timedelta = HEARTBEAT, drain: bool = False
) -> None:
    """Run jobs until `stopping` is set, then finish those begun; with `drain`, until the queue is empty.

    A lost database is waited for. The caller has opened the pool that the handlers use.
    """
    while not stopping.is_set():
        try:
            async with queue_pool() as pool:
                await _run(_manager(handlers, pool), stopping, heartbeat, drain)
        except (*_LOST, PgqException, Unavailable) as error:
            log.warning("queue_lost", error=type(error).__name__)
            await _wait(stopping, RECONNECT_SECONDS)
        if drain:
            return


async def _run(manager: QueueManager, stopping: asyncio.Event, heartbeat: timedelta, drain: bool) -> None:
    watch = asyncio.create_task(_pass_on(stopping, manager.shutdown))
    try:
        await manager.run(
            dequeue_timeout=POLL,
            batch_size=BATCH,
            max_concurrent_tasks=AT_ONCE,
            mode=QueueExecutionMode.drain if drain else QueueExecutionMode.continuous,
            heartbeat_timeout=heartbeat,
            shutdown_on_listener_failure=True,
        )
    finally:
        watch.cancel()


async def run_sweeps(sweeps: Sequence[Sweep], stopping: asyncio.Event) -> None:
    """Run each sweep at its own pace until `stopping` is set; one that fails is tried again at its next turn."""
    async with asyncio.TaskGroup() as group:
        for sweep in sweeps:
            group.create_task(_repeat(sweep, stopping))


async def _repeat(sweep: Sweep, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await sweep.run()
        except Unavailable as error:
            log.warning("sweep_postponed", sweep=sweep.name, part=error.part)
        except Exception:
            log.exception("sweep_failed", sweep=sweep.name)
        await _wait(stopping, sweep.every.total_seconds())


class _Queue(Queries):
    """The queue; a job whose next try cannot be written down is left as it is, and taken up once it is overdue.

    The library would park it: a database that goes away while jobs run would take them all out of the queue.
    """

    async def retry_job(self, job: QueuedJob, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        """See Queries."""
        try:
            await super().retry_job(job, delay, traceback_record)
        except _LOST as error:
            log.warning("retry_not_written", job=job.entrypoint, id=job.id, error=type(error).__name__)


def _manager(handlers: Mapping[Job, Handler], pool: asyncpg.Pool) -> QueueManager:
    manager = QueueManager(_Queue(AsyncpgPoolDriver(pool)))
    for job, handler in handlers.items():
        manager.entrypoint(job, on_failure="hold", executor_factory=_patient)(_entrypoint(handler))
    return manager


class _Patient(DatabaseRetryEntrypointExecutor):
    """Tries a job again, later each time; one that waits for a part that is away is never given up."""

    async def execute(self, job: QueuedJob, context: Context) -> None:
        """See DatabaseRetryEntrypointExecutor."""
        try:
            await super().execute(job, context)
        except Unavailable as error:
            raise RetryRequested(delay=self.max_delay, reason=error.code) from error


def _patient(parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
    return _Patient(parameters, max_attempts=TRIES, initial_delay=FIRST_DELAY, max_delay=LONGEST_DELAY)


def _entrypoint(handler: Handler) -> Callable[[QueuedJob], Awaitable[None]]:
    async def run(job: QueuedJob) -> None:
        told = {"job": job.entrypoint, "id": job.id, "tries": job.attempts + 1}
        try:
            await handler(subject_of(job.payload))
        except Unavailable as error:
            log.warning("job_postponed", part=error.part, **told)
            raise
        except Exception:
            log.exception("job_failed", **told)
            raise

    return run


async def _pass_on(stopping: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stopping.wait()
    shutdown.set()


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
