"""Jobs on a real queue: they follow the commit, survive failures and killed workers, and are never thrown away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from backend import job_loop
from backend.composition import compose
from backend.database import db, execute, fetch, fetch_value, new_id, transaction
from backend.documents.kinds import MediaType, PaperState
from backend.errors import Unavailable
from backend.job_loop import Handler, Sweep, run_jobs, run_sweeps
from backend.jobs import Job, enqueue, enqueue_for
from backend.operations.embedded_postgres import SUPERUSER, dsn_at
from backend.operations.parked_jobs import retry_parked, show_parked
from backend.settings import settings
from backend.worker import sweeps_of
from storage.port import DocumentStore
from tests import services
from tests.integration.paper_world import jobs, make_world, pdf, state

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Longer than any of these takes, so that a hang is a failure.
PATIENCE = 20.0


async def drain(handlers: dict[Job, Handler], heartbeat: timedelta = timedelta(seconds=30)) -> None:
    async with asyncio.timeout(PATIENCE):
        await run_jobs(handlers, asyncio.Event(), heartbeat=heartbeat, drain=True)


async def queue(subject: UUID, then: Exception | None = None) -> None:
    async with transaction():
        await enqueue_for(Job.DELIVER_NOTIFICATION, subject)
        if then is not None:
            raise then


@asynccontextmanager
async def database_closed_by() -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Inside the block a call ends every session of the backend and lets no new one in; afterwards all is as before."""
    connection = await asyncpg.connect(dsn_at(services.folder() / "postgres", SUPERUSER, "postgres"))

    async def close() -> None:
        await connection.execute(f"ALTER DATABASE {services.DATABASE} ALLOW_CONNECTIONS false")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'niangjia_api'",
            services.DATABASE,
        )

    try:
        yield close
    finally:
        await connection.execute(f"ALTER DATABASE {services.DATABASE} ALLOW_CONNECTIONS true")
        await connection.close()
        # The pool may still hold a session whose end has not been read yet.
        pool = db().pool
        assert pool is not None
        await pool.expire_connections()


class Handled:
    """Notes what it was given; fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.subjects: list[UUID] = []
        self.failures = failures

    async def __call__(self, subject: UUID) -> None:
        self.subjects.append(subject)
        if len(self.subjects) <= self.failures:
            raise ConnectionError("gone for a moment")


class TestQueueing:
    async def test_a_job_exists_if_and_only_if_its_transaction_commits(self, database: None) -> None:
        with pytest.raises(LookupError):
            await queue(new_id(), then=LookupError())
        assert await jobs(Job.DELIVER_NOTIFICATION) == 0
        await queue(new_id())
        assert await jobs(Job.DELIVER_NOTIFICATION) == 1

    async def test_a_job_outside_a_transaction_is_refused(self, database: None) -> None:
        with pytest.raises(RuntimeError):
            await enqueue_for(Job.CHECK_UPLOAD, new_id())
        assert await jobs(Job.CHECK_UPLOAD) == 0

    async def test_a_dedupe_key_holds_one_job_at_a_time(self, database: None) -> None:
        for _ in range(2):
            async with transaction():
                await enqueue(Job.CHECK_UPLOAD, str(new_id()).encode(), dedupe_key="one")
        assert await jobs(Job.CHECK_UPLOAD) == 1


class TestRunning:
    async def test_a_job_is_done_once_and_leaves(self, database: None) -> None:
        subject, handled = new_id(), Handled()
        await queue(subject)
        await drain({Job.DELIVER_NOTIFICATION: handled})
        assert handled.subjects == [subject]
        assert await jobs(Job.DELIVER_NOTIFICATION) == 0

    async def test_a_failed_job_is_tried_again_later(self, database: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(job_loop, "FIRST_DELAY", timedelta(milliseconds=50))
        handled = Handled(failures=2)
        await queue(new_id())
        await drain({Job.DELIVER_NOTIFICATION: handled})
        assert len(handled.subjects) == 3
        assert await jobs(Job.DELIVER_NOTIFICATION) == 0

    async def test_a_job_that_never_succeeds_is_parked(self, database: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(job_loop, "FIRST_DELAY", timedelta(milliseconds=20))
        monkeypatch.setattr(job_loop, "TRIES", 2)
        handled = Handled(failures=99)
        await queue(new_id())
        with capture_logs() as said:
            await drain({Job.DELIVER_NOTIFICATION: handled})
        assert len(handled.subjects) == 3
        told = [line for line in said if line["event"] == "job_failed"]
        assert [(line["job"], line["tries"], line["exc_info"]) for line in told] == [
            ("deliver_notification", tries, True) for tries in (1, 2, 3)
        ]
        parked = await fetch("SELECT status::text AS status FROM pgqueuer")
        assert [row["status"] for row in parked] == ["failed"]

    async def test_what_is_parked_is_shown_and_tried_again_when_told(
        self, database: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(job_loop, "FIRST_DELAY", timedelta(milliseconds=10))
        monkeypatch.setattr(job_loop, "TRIES", 1)
        subject, handled = new_id(), Handled(failures=2)
        said: list[str] = []
        assert await show_parked(said.append)
        await queue(subject)
        await drain({Job.DELIVER_NOTIFICATION: handled})
        assert not await show_parked(said.append)
        number, kind, about, tries, _, error = said[1].split()
        assert (kind, about, tries, error) == ("deliver_notification", str(subject), "2", "ConnectionError")
        assert "gone for a moment" not in "".join(said)
        await retry_parked([int(number) + 1], said.append)
        assert said[-1] == "0 queued again\n"
        await retry_parked([], said.append)
        await drain({Job.DELIVER_NOTIFICATION: handled})
        assert handled.subjects == [subject] * 3
        assert await show_parked(said.append)

    async def test_a_job_that_waits_for_a_part_that_is_away_is_never_parked(
        self, database: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(job_loop, "FIRST_DELAY", timedelta(milliseconds=1))
        monkeypatch.setattr(job_loop, "LONGEST_DELAY", timedelta(milliseconds=5))
        monkeypatch.setattr(job_loop, "TRIES", 2)
        tries = 0

        async def away(subject: UUID) -> None:
            nonlocal tries
            tries += 1
            if tries < 6:
                raise Unavailable("store")

        await queue(new_id())
        await drain({Job.DELIVER_NOTIFICATION: away})
        assert tries == 6
        assert await jobs(Job.DELIVER_NOTIFICATION) == 0

    async def test_a_job_of_a_killed_worker_is_taken_over(self, database: None) -> None:
        subject, handled = new_id(), Handled()
        await queue(subject)
        await execute(
            "UPDATE pgqueuer SET status = 'picked', queue_manager_id = $1, heartbeat = now() - interval '1 minute'",
            new_id(),
        )
        await drain({Job.DELIVER_NOTIFICATION: handled})
        assert handled.subjects == [subject]

    async def test_a_job_of_a_living_worker_is_left_alone(self, database: None) -> None:
        handled = Handled()
        await queue(new_id())
        await execute("UPDATE pgqueuer SET status = 'picked', queue_manager_id = $1, heartbeat = now()", new_id())
        await drain({Job.DELIVER_NOTIFICATION: handled})
        assert handled.subjects == []

    async def test_told_to_stop_the_worker_finishes_what_it_began(self, database: None) -> None:
        stopping, begun, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def slow(subject: UUID) -> None:
            begun.set()
            await asyncio.sleep(0.3)
            done.set()

        await queue(new_id())
        async with asyncio.timeout(PATIENCE):
            running = asyncio.create_task(run_jobs({Job.DELIVER_NOTIFICATION: slow}, stopping))
            await begun.wait()
            stopping.set()
            await running
        assert done.is_set()
        assert await jobs(Job.DELIVER_NOTIFICATION) == 0

    async def test_a_sweep_that_fails_has_its_next_turn(self) -> None:
        stopping, turns = asyncio.Event(), 0

        async def fails_once() -> None:
            nonlocal turns
            turns += 1
            if turns == 1:
                raise ValueError("bad luck")
            stopping.set()

        async with asyncio.timeout(PATIENCE):
            await run_sweeps([Sweep("luck", timedelta(milliseconds=10), fails_once)], stopping)
        assert turns == 2


async def test_a_pdf_with_a_script_goes_all_the_way_and_is_refused(database: None, store: DocumentStore) -> None:
    world = await make_world(store)
    upload = await world.send(pdf(javascript=True), MediaType.PDF, name="工作证.pdf")
    await world.documents.complete(world.nurse, upload)
    judged, delivered = Handled(), Handled()
    await drain(
        {
            Job.CHECK_UPLOAD: world.checking.check,
            Job.PAPER_JUDGED: judged,
            Job.DELIVER_NOTIFICATION: delivered,
        }
    )
    assert await state(upload) is PaperState.REFUSED
    assert await fetch_value("SELECT refusal_code FROM upload") == "active_content"
    assert judged.subjects == [upload]
    assert len(delivered.subjects) == 1


class TestTheWorkersRights:
    async def test_every_sweep_runs_with_the_workers_own_login(self, database: None, store: DocumentStore) -> None:
        await make_world(store)
        async with services.logged_in_as("niangjia_worker"):
            for sweep in sweeps_of(compose(settings())):
                await sweep.run()

    async def test_a_database_that_goes_away_under_a_job_does_not_park_it(self, database: None) -> None:
        subject = new_id()
        await queue(subject)
        handled = Handled()
        async with database_closed_by() as close:

            async def cut_off(given: UUID) -> None:
                await close()
                raise Unavailable("database")

            stopping = asyncio.Event()
            async with asyncio.timeout(PATIENCE):
                with capture_logs() as said:
                    running = asyncio.create_task(run_jobs({Job.DELIVER_NOTIFICATION: cut_off}, stopping))
                    while not any(line["event"] == "retry_not_written" for line in said):
                        await asyncio.sleep(0.05)
                    stopping.set()
                    await running
        assert await fetch_value("SELECT status::text FROM pgqueuer") == "picked"
        # Half a minute later, or sooner here, another worker takes it up.
        await execute("UPDATE pgqueuer SET heartbeat = now() - interval '1 minute'")
        await drain({Job.DELIVER_NOTIFICATION: handled})
        assert handled.subjects == [subject]
