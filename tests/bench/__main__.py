"""Measures the house beside its floor: `make bench`, or `make bench QUICK=1` in three minutes. It asserts no time.

Writes build/bench.json and prints a table. Each workload is loaded A B A B, medians of its rounds; a ratio above 1
means that ours answers more requests per second than the floor, with every feature on.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import httpx
import msgspec

from storage.setup import Process
from tests import services
from tests.bench import allocation, house, same, uploads
from tests.bench.load import Requests, Result, Round, cpu_seconds, load, medians, memory_mb
from tests.bench.rows.ground import Size
from tests.bench.rows.staff import Worker

QUICK = os.environ.get("QUICK") == "1"
ROUNDS, SECONDS = (3, 2) if QUICK else (3, 5)
SMALL = Size(applications=10_000, staff=36_000, drafts=7_200, hot=7_200)
LARGE = Size(applications=1_000_000, staff=200_000, drafts=60_000, hot=18_000)
REPORT = Path("build/bench.json")
#: How many drafts one turn may use up: more than can be sent in SECONDS. On one batch, of which a worker has one draft,
#: there are fewer, and fewer turns.
_EACH, _EACH_HOT = (1_200, 1_200) if QUICK else (4_000, 3_000)
_HOT_ROUNDS = 3

Turn = Callable[[], Awaitable[Round]]


class Bench:
    """The measurements of one filled house."""

    def __init__(self, filled: house.House, api: tuple[int, int], console: tuple[int, int], floor: tuple[int, int]):
        self._house = filled
        self._api, self._console, self._floor = api, console, floor
        self._folder = services.own_folder()
        self._ready = iter(filled.filling.ready)
        self._hot = iter(filled.filling.hot)

    async def all(self) -> dict[str, Any]:
        """Every workload, by its name."""
        filling = self._house.filling
        mine = [f"/api/v1/applications {self._house.token(worker)}" for worker in filling.busy]
        known = filling.known[:: max(1, len(filling.known) // 4000)]
        one = [f"/api/v1/applications/{case} {self._house.token(worker)}" for worker, case in known]
        desk = Requests([f"/review/ {self._house.session}"], header="Cookie")
        page = Requests([f"/review/ {self._house.session}"], header="Cookie", accept="text/html")
        found = {
            "W1": await self._pair("my cases", self._api, lambda: Requests(mine)),
            "W2": await self._pair("submit", self._api, lambda: self._submits(self._ready, _EACH)),
            "W3": await self._pair("queue", self._console, lambda: desk),
            "W4": await self._pair("case detail", self._api, lambda: Requests(one)),
        }
        rounds = [await self._turn(self._console, page) for _ in range(ROUNDS)]
        found["W3"]["page"] = medians(rounds, memory_mb(self._console[1]))
        found["W3"]["rendering_cpu_ms"] = found["W3"]["page"].cpu_ms - found["W3"]["ours"].cpu_ms
        found["hot"] = await self._pair(
            "submit, one batch", self._api, lambda: self._submits(self._hot, _EACH_HOT), _HOT_ROUNDS
        )
        return found

    async def growing(self) -> dict[str, Result]:
        """The two that must not grow with the house, ours alone."""
        mine = [f"/api/v1/applications {self._house.token(worker)}" for worker in self._house.filling.busy]
        desk = Requests([f"/review/ {self._house.session}"], header="Cookie")
        return {
            name: medians([await self._turn(server, requests) for _ in range(ROUNDS)], memory_mb(server[1]))
            for name, server, requests in (("W1", self._api, Requests(mine)), ("W3", self._console, desk))
        }

    async def _pair(
        self, name: str, server: tuple[int, int], requests: Callable[[], Requests], rounds: int = ROUNDS
    ) -> dict[str, Any]:
        """Ours and the floor by turns; the ratio of the requests per second, and of the CPU for each."""
        sides: dict[str, list[Round]] = {"ours": [], "floor": []}
        for _ in range(rounds):
            sides["ours"].append(await self._turn(server, requests()))
            sides["floor"].append(await self._turn(self._floor, requests()))
        ours, floor = (
            medians(sides[side], memory_mb(at[1])) for side, at in (("ours", server), ("floor", self._floor))
        )
        ratio = ours.per_second / floor.per_second
        print(f"{name:18} ratio {ratio:5.2f}   {_told(ours)}   floor {_told(floor)}", flush=True)
        return {"ratio": ratio, "cpu_ratio": floor.cpu_ms / ours.cpu_ms, "ours": ours, "floor": floor}

    async def _turn(self, server: tuple[int, int], requests: Requests) -> Round:
        return await load(*server, requests, SECONDS, self._folder)

    def _submits(self, drafts: Iterator[tuple[Worker, Any]], count: int) -> Requests:
        """Drafts that nobody has sent yet; each is sent once."""
        lines = [
            f"/api/v1/applications/{case}/submit {self._house.token(worker)} bench-{case.hex}"
            for worker, case in islice(drafts, count)
        ]
        return Requests(lines, once=True)


async def measure() -> dict[str, Any]:
    """Everything, into one report."""
    report: dict[str, Any] = {"quick": QUICK, "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    with house.postgres() as dsn:
        for name, size in (("small", SMALL),) if QUICK else (("small", SMALL), ("large", LARGE)):
            async with house.filled(dsn, size, f"bench_{name}") as filled:
                began = time.monotonic()
                with filled.serving(Process.API) as api:
                    report.setdefault("start_s", round(time.monotonic() - began, 2))
                    with filled.serving(Process.CONSOLE) as console, filled.floor() as floor:
                        compared = await same.prove(filled, api[0], console[0], floor[0])
                        print(f"the floor and ours answer the same: {compared} answers compared", flush=True)
                        bench = Bench(filled, api, console, floor)
                        growing = await bench.growing()
                        report.setdefault("growth", {})[name] = growing
                        if name == "large" or QUICK:
                            report |= await bench.all()
                            report["api_memory_mb"] = memory_mb(api[1])
                            report["revocation_ms"] = await _revocations(filled, api[0])
                if name == "large" or QUICK:
                    report["worker"] = await _worker(filled)
    if not QUICK:
        small, large = report["growth"]["small"], report["growth"]["large"]
        report["growth"]["p50_ratio"] = {name: large[name].p50_ms / small[name].p50_ms for name in small}
    report["allocation"] = await allocation.measure(QUICK)
    return report


async def _revocations(filled: house.House, port: int) -> dict[str, float]:
    """From the commit that ends a device to the first refusal by a process that remembered it, over and over."""
    took = []
    connection = await asyncpg.connect(filled.dsn("niangjia_owner"))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for worker in filled.filling.busy[:20]:
            headers = {"Authorization": f"Bearer {filled.token(worker)}"}
            for _ in range(3):
                (await client.get("/api/v1/applications?limit=1", headers=headers)).raise_for_status()
            await connection.execute("UPDATE token_family SET ended_at = now() WHERE id = $1", worker.family)
            began = time.perf_counter()
            while (await client.get("/api/v1/applications?limit=1", headers=headers)).status_code != 401:
                pass
            took.append(1000 * (time.perf_counter() - began))
    await connection.close()
    print(f"revocation: {median(took):.1f} ms, at most {max(took):.1f} ms", flush=True)
    return {"median": median(took), "most": max(took)}


async def _worker(filled: house.House) -> dict[str, float]:
    """What the worker takes after it has done the jobs that the submits have left, or a minute's worth of them."""
    connection = await asyncpg.connect(filled.dsn("niangjia_owner"))
    waiting = await connection.fetchval("SELECT count(*) FROM pgqueuer WHERE status = 'queued'")
    with filled.working() as pid:
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            await asyncio.sleep(1)
            left = await connection.fetchval("SELECT count(*) FROM pgqueuer WHERE status = 'queued'")
            if not left:
                break
        found = {"jobs": waiting - left, "memory_mb": memory_mb(pid), "cpu_s": cpu_seconds(pid)}
    await connection.close()
    print(f"worker: {found['jobs']} jobs, {found['memory_mb']:.0f} MB", flush=True)
    return found


def _told(result: Result) -> str:
    return (
        f"{result.per_second:6.0f}/s p50 {result.p50_ms:6.1f} p99 {result.p99_ms:6.1f} ms"
        f" cpu {result.cpu_ms:5.2f} ms errors {result.errors}"
    )


def main() -> None:
    """Measure, write, tell."""
    report = asyncio.run(measure())
    with services.postgres(), services.object_store() as store:
        report["upload"] = asyncio.run(uploads.measure(store, rounds=2 if QUICK else uploads.ROUNDS))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    for name in ("W1", "W2", "W3", "W4", "hot"):
        print(f"{name}: ratio {report[name]['ratio']:.2f}, by CPU {report[name]['cpu_ratio']:.2f}")
    print(f"written: {REPORT}")


if __name__ == "__main__":
    main()
