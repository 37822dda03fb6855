"""Composition root of the jobs: `python -m backend.worker`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from backend import metrics_server
from backend.audit import sealing
from backend.clock import security_now
from backend.composition import Services, compose
from backend.database import close_pool, execute, open_pool
from backend.documents.inspection.spool import clear_spools
from backend.job_loop import Handler, Sweep, run_jobs, run_sweeps
from backend.jobs import Job
from backend.logs import configure as configure_log
from backend.metrics import measure_house
from backend.operations import sign_of_life
from backend.settings import settings

log = structlog.get_logger(__name__)

FIGURES_EVERY = timedelta(seconds=15)
CODES_KEPT = timedelta(days=1)
KEYS_KEPT = timedelta(days=7)
JOB_LOG_KEPT = timedelta(days=30)


def handlers_of(services: Services) -> Mapping[Job, Handler]:
    """Who does which job."""
    return {
        Job.CHECK_UPLOAD: services.checking.check,
        Job.CLEAR_UPLOAD: services.documents.clear,
        Job.ERASE_UPLOAD: services.keeping.erase,
        Job.CASE_DECIDED: services.keeping.lock_case,
        Job.PAPER_JUDGED: services.applications.recount_papers,
        Job.DELIVER_NOTIFICATION: services.delivery.deliver,
    }


def sweeps_of(services: Services) -> Sequence[Sweep]:
    """What is looked after by time."""
    key = sealing.sealing_key(services.settings)
    return (
        Sweep("deadlines", timedelta(seconds=5), services.deadlines.run),
        Sweep("papers", timedelta(minutes=1), services.documents.expire),
        Sweep("rosters", timedelta(minutes=10), services.rosters.erase_old),
        Sweep("retention", timedelta(minutes=10), services.keeping.sweep),
        Sweep("sign of life", sign_of_life.EVERY, sign_of_life.give_sign),
        Sweep("seals", sealing.SEAL_EVERY, lambda: sealing.seal(key)),
        Sweep("figures", FIGURES_EVERY, measure_house),
        Sweep("leftovers", timedelta(minutes=10), delete_leftovers),
    )


async def delete_leftovers() -> None:
    """Delete login codes, idempotency keys and the log of jobs once nobody can need them; by the security clock."""
    now = security_now()
    await execute("DELETE FROM login_code WHERE created_at < $1", now - CODES_KEPT)
    await execute("DELETE FROM idempotency_key WHERE created_at < $1", now - KEYS_KEPT)
    await execute("DELETE FROM pgqueuer_log WHERE created < $1 AND aggregated", now - JOB_LOG_KEPT)


async def run() -> None:
    """Work until SIGTERM or SIGINT, then finish what was begun; a second signal is not needed and does nothing."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, stopping.set)
    configure_log(settings().demo)
    if metrics_port := os.environ.get("NIANGJIA_METRICS_PORT"):
        metrics_server.serve(os.environ.get("NIANGJIA_METRICS_HOST", "127.0.0.1"), int(metrics_port))
    services = compose(settings())
    await asyncio.to_thread(clear_spools)
    await open_pool(min_size=2, max_size=16)
    try:
        log.info("worker ready")
        async with asyncio.TaskGroup() as group:
            group.create_task(run_jobs(handlers_of(services), stopping))
            group.create_task(run_sweeps(sweeps_of(services), stopping))
    finally:
        await close_pool()
        log.info("worker stopped")


if __name__ == "__main__":
    asyncio.run(run())
