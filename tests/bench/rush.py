"""The rush at nine: `make rush` lets 5,000 workers arrive within 60 seconds on one batch, and writes build/rush.json.

Arrivals are an open loop: each comes at its appointed time, at random as people do (Poisson), whether or not those
before have been answered. One arrival is what a phone does: look at one's cases, make a draft with a key, attach the
paper that was verified before, submit with a key. Who is told to come back (503, 429) waits as long as Retry-After
says and sends the same again with the same key, as often as it takes. The api runs in production mode with every
feature on, the worker beside it, on a PostgreSQL that waits for its disk. It asserts nothing about time; it exits 1
where somebody was recorded twice, was lost, or was answered a 5xx other than the deliberate 503.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from tests import services

os.environ.update(services.environment())

from backend.applications.events import broken_chains
from backend.clock import security_now
from backend.database import close_pool, execute, fetch_value, open_pool
from backend.operations.embedded_postgres import OWNER
from backend.operations.servers import free_ports
from storage.setup import Process
from tests.crowd import STAY, Member, crowd, programme_of_one_paper
from tests.integration.stay_world import make_world
from tests.served import Served, served
from tests.wire import Answer, Wire

PRODUCTION = {"NIANGJIA_MODE": "production"}
OPTIONS = {"max_connections": "100", "shared_buffers": "256MB"}
RESULT = Path("build/rush.json")

#: Who was told to come back and has not been served by then goes home.
PATIENCE_S = 600.0


@dataclass
class Seen:
    """What the arrivals saw: seconds of each kind of answer, and of whole visits."""

    answered: dict[str, list[float]] = field(default_factory=dict)
    sent_away: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    visits: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    gave_up: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    present: int = 0
    most_present: int = 0


async def visit(port: int, member: Member, batch: UUID, seen: Seen) -> None:
    """One arrival: my cases, a draft, its paper, submit."""
    began = time.monotonic()
    seen.present += 1
    seen.most_present = max(seen.most_present, seen.present)
    try:
        await _ask(port, member, seen, "my cases", "GET", "/applications")
        draft = {"batch_id": str(batch), **STAY}
        made = (await _ask(port, member, seen, "draft", "POST", "/recuperation/requests", draft)).json()
        case = f"/applications/{made['id']}"
        paper = {"requirement": "merit", "upload_id": str(member.merit)}
        await _ask(port, member, seen, "attach", "POST", f"{case}/papers", paper)
        await _ask(port, member, seen, "submit", "POST", f"{case}/submit", {"version": made["version"]})
        seen.visits.append(time.monotonic() - began)
    except _GoneHome:
        seen.gave_up += 1
    finally:
        seen.present -= 1


class _GoneHome(Exception):
    """An arrival that got no answer, or none that lets it go on."""


async def _ask(port: int, member: Member, seen: Seen, what: str, method: str, path: str, body: Any = None) -> Answer:
    key, give_up = uuid4().hex if method == "POST" else "", time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        began = time.monotonic()
        try:
            async with Wire(port, member.token) as wire:
                answer = await wire.call(method, path, body, key)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            seen.broken[type(error).__name__] += 1
            await asyncio.sleep(1)
            continue
        took = time.monotonic() - began
        seen.statuses[str(answer.status)] += 1
        if answer.status in (429, 503):
            seen.sent_away.append(took)
            await asyncio.sleep(int(answer.headers["retry-after"]))
            continue
        seen.answered.setdefault(what, []).append(took)
        if answer.status >= 300:
            seen.broken[f"{what}: {answer.status} {answer.code}"] += 1
            raise _GoneHome
        return answer
    raise _GoneHome


async def rush(port: int, members: Sequence[Member], batch: UUID, seconds: float) -> tuple[Seen, float]:
    """Let them all arrive within so many seconds; what they saw, and the CPU seconds that arriving cost."""
    seen, chance, cpu = Seen(), random.Random(9), time.process_time()
    times = sorted(chance.uniform(0, seconds) for _ in members)
    began = time.monotonic()
    visits = []
    for due, member in zip(times, members, strict=True):
        await asyncio.sleep(max(0.0, began + due - time.monotonic()))
        seen.late.append(time.monotonic() - began - due)
        visits.append(asyncio.create_task(visit(port, member, batch, seen)))
    cpu = time.process_time() - cpu
    await asyncio.gather(*visits)
    return seen, cpu


async def recorded(batch: UUID, seen: Seen) -> dict[str, int]:
    """What the database holds of them, and how many are there twice, or were told so and are not."""
    return {
        "cases": await fetch_value("SELECT count(*) FROM application WHERE aggregate = $1", batch),
        "submitted": await fetch_value(
            "SELECT count(*) FROM application WHERE aggregate = $1 AND state = 'submitted'", batch
        ),
        "twice": await fetch_value(
            "SELECT count(*) FROM (SELECT subject_person FROM application WHERE aggregate = $1"
            " GROUP BY subject_person HAVING count(*) > 1) t",
            batch,
        )
        + await fetch_value(
            "SELECT count(*) FROM (SELECT e.application FROM application_event e JOIN application a"
            " ON a.id = e.application WHERE a.aggregate = $1 AND e.action = 'submit'"
            " GROUP BY e.application HAVING count(*) > 1) t",
            batch,
        ),
        "lost": max(
            0,
            len(seen.visits)
            - await fetch_value("SELECT count(*) FROM application WHERE aggregate = $1 AND state <> 'draft'", batch),
        ),
        "broken_chains": len([one async for one in broken_chains()]),
    }


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and its children."""
    entry = Path("/proc") / str(pid)
    ticks = (entry / "stat").read_text().rpartition(")")[2].split()
    children = (entry / "task" / str(pid) / "children").read_text().split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK") + sum(cpu_of(int(one)) for one in children)


async def _today(batch: UUID) -> None:
    """Move the batch, which was opened on the world's day in March, to the machine's own: as in production."""
    now = security_now()
    async with services.logged_in_as(OWNER):
        await execute("DELETE FROM demo_clock")
        await execute(
            "UPDATE batch SET opens_at = $2, closes_at = $3, starts_on = $4, ends_on = $4 WHERE id = $1",
            batch,
            now - timedelta(hours=1),
            now + timedelta(days=10),
            (now + timedelta(days=60)).date(),
        )


async def _sent_away(metrics: int) -> dict[str, int]:
    """How many requests the gate refused, as the api counts them, by why."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://127.0.0.1:{metrics}/metrics")).text
    return {why: int(float(count)) for why, count in re.findall(r'_refused_total{why="(\w+)"} (\S+)', text)}


@asynccontextmanager
async def scene(people: int, workers: int) -> AsyncIterator[tuple[Served, UUID, list[Member], int]]:
    """The api in production mode with its worker, an open batch, and those who are about to arrive."""
    await services.create_database()
    await open_pool()
    (metrics,) = free_ports(1)
    worker = None
    try:
        world = await programme_of_one_paper(await make_world())
        batch = await world.batch(50)
        await _today(batch)
        members = await crowd(world, people)
        environment = {**os.environ, **services.environment(Process.WORKER), **PRODUCTION}
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backend.cli", "worker"), env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        variables = {**PRODUCTION, "NIANGJIA_METRICS_PORT": str(metrics), "NIANGJIA_API_WORKERS": str(workers)}
        async with served(Process.API, "/health/live", **variables) as api:
            yield api, batch, members, metrics
    finally:
        if worker is not None:
            worker.terminate()
            await worker.wait()
        await close_pool()


async def measure(people: int, seconds: float, workers: int) -> dict[str, Any]:
    """The whole rush, as it is written down."""
    load = os.getloadavg()[0]
    async with scene(people, workers) as (api, batch, members, metrics), services.logged_in_as(OWNER):
        before, began = cpu_of(api.pid), time.monotonic()
        seen, generator = await rush(api.port, members, batch, seconds)
        took = time.monotonic() - began
        used = cpu_of(api.pid) - before
        gate = await _sent_away(metrics)
        found = await recorded(batch, seen)
        connection = await asyncpg.connect(services.dsn(OWNER))
        version = await connection.fetchval("SHOW server_version")
        await connection.close()
    answers = [one for kind in seen.answered.values() for one in kind]
    return {
        "arrivals": people,
        "window_s": seconds,
        "api_workers": workers,
        "postgresql": version,
        "cores": os.cpu_count(),
        "load_before": load,
        "took_s": round(took, 1),
        "visits_done": len(seen.visits),
        "gave_up": seen.gave_up,
        "most_at_once": seen.most_present,
        "statuses": dict(sorted(seen.statuses.items())),
        "errors_5xx": sum(n for status, n in seen.statuses.items() if status[0] == "5" and status != "503"),
        "broken": dict(seen.broken),
        "answers_per_s": round(len(answers) / took, 1),
        "answered_ms": {name: _spread(kind) for name, kind in seen.answered.items()} | {"all": _spread(answers)},
        "gate": gate,
        "sent_away_ms": _spread(seen.sent_away),
        "visit_ms": _spread(seen.visits),
        "recorded": found,
        "api_cpu_s": round(used, 1),
        "api_cpu_ms_per_answer": round(1000 * used / max(len(answers), 1), 2),
        "generator": {"cpu_share": round(generator / seconds, 3), "late_ms": _spread(seen.late)},
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and the worst, in milliseconds; nothing for nothing."""
    if len(seconds) < 2:
        return {"n": len(seconds)}
    cuts = quantiles(seconds, n=100)
    return {
        "n": len(seconds),
        "p50": round(cuts[49] * 1000, 1),
        "p99": round(cuts[98] * 1000, 1),
        "max": round(max(seconds) * 1000, 1),
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{result['arrivals']} arrivals in {result['window_s']:.0f} s on one batch; {result['cores']} cores,"
        f" load before {result['load_before']:.1f}, PostgreSQL {result['postgresql']},"
        f" api workers: {result['api_workers']}",
        f"{'':<12}{'answers':>9}{'p50 ms':>10}{'p99 ms':>10}{'worst ms':>10}",
    ]
    spreads = {**result["answered_ms"], "sent away": result["sent_away_ms"], "whole visit": result["visit_ms"]}
    for name, spread in spreads.items():
        figures = "".join(f"{spread.get(column, ''):>10}" for column in ("p50", "p99", "max"))
        lines.append(f"{name:<12}{spread['n']:>9}{figures}")
    generator = result["generator"]
    lines += [
        f"statuses {result['statuses']}, 5xx other than 503: {result['errors_5xx']}, broken: {result['broken']}",
        f"done {result['visits_done']}, gave up {result['gave_up']}, in {result['took_s']} s;"
        f" at most {result['most_at_once']} at once; recorded {result['recorded']}",
        f"sent away by the gate {result['gate']}; api {result['api_cpu_ms_per_answer']} ms of CPU for an answer",
        f"generator {generator['cpu_share']:.0%} of a core, arrivals late by p99 {generator['late_ms'].get('p99')} ms",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure in a PostgreSQL of our own; no file is sent, so there is no store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--arrivals", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=1, help="processes that serve the api")
    chosen = parser.parse_args()
    try:
        with services.postgres(OPTIONS):
            result = asyncio.run(measure(chosen.arrivals, chosen.seconds, chosen.workers))
    finally:
        shutil.rmtree(services.folder(), ignore_errors=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(result))
    found = result["recorded"]
    sys.exit(bool(result["errors_5xx"] or found["twice"] or found["lost"] or found["broken_chains"]))


if __name__ == "__main__":
    main()
