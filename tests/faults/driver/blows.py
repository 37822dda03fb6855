"""Kills parts of the house at random moments while people use it, and checks after each blow what must hold."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import asyncpg

from storage.s3 import S3Store
from tests.faults.driver.house import House, Part
from tests.faults.driver.invariants import NEVER, check
from tests.faults.driver.people import Crowd

#: How long people are let alone before the next blow, and how long what was killed stays down.
CALM_S = (0.3, 3.0)
DOWN_S = (0.0, 1.5)
DRAIN_S = 150.0
LIMIT_S = 3600.0

#: What is put off for later on purpose has not been tried yet, and is not waited for.
_WAITING = (
    "SELECT id, entrypoint, status::text, attempts, execute_after - now() AS due_in, now() - heartbeat AS silent"
    " FROM pgqueuer WHERE status <> 'failed' AND (attempts > 0 OR execute_after <= now())"
)

#: What a process says of a mistake of ours, as opposed to a part that is away.
_FAILURE = re.compile(r"\[error +\] (job_failed|sweep_failed|unexpected)")


@dataclass
class Blow:
    """One blow: what it struck, how long until api and console were ready again, and what was wrong afterwards."""

    number: int
    part: Part
    down_s: float
    ready_s: float
    wrong: list[str]


@dataclass
class Report:
    """What came of a run."""

    seed: int
    blows: list[Blow] = field(default_factory=list)
    #: What was wrong once everything had come to rest.
    at_rest: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    drained_s: float = 0.0

    @property
    def findings(self) -> list[str]:
        """Everything that is wrong, each once."""
        found = [line for blow in self.blows for line in blow.wrong]
        return list(dict.fromkeys([*found, *self.at_rest, *self.surprises]))

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        struck = Counter(blow.part.value for blow in self.blows)
        return {
            "seed": self.seed,
            "blows": len(self.blows),
            "struck": dict(struck),
            "invariants": len(NEVER) + 5,
            "findings": self.findings,
            "seconds": round(self.seconds, 1),
            "slowest_ready_s": round(max((blow.ready_s for blow in self.blows), default=0.0), 1),
            "drained_s": round(self.drained_s, 1),
            "counts": self.counts,
            "each": [asdict(blow) for blow in self.blows],
        }


async def strike(
    house: House,
    seed: int,
    count: int,
    *,
    limit_s: float = LIMIT_S,
    lanes: int = 3,
    to_the_end: bool = True,
    tell: Callable[[Blow], object] = lambda blow: None,
) -> Report:
    """So many blows at random parts and moments of a living house, while `lanes` people use it at once.

    No blow falls later than `limit_s` seconds; `tell` hears of each. With `to_the_end` the stories that are being told
    afterwards end; without, they are left where they are.
    """
    dice = random.Random(seed)
    report, began = Report(seed), time.monotonic()
    store = S3Store(house.store_config)
    crowd = Crowd(house, lanes)
    stopping = asyncio.Event()
    await crowd.log_in()
    living = asyncio.create_task(crowd.live(stopping))
    try:
        for number in range(1, count + 1):
            await asyncio.sleep(dice.uniform(*CALM_S))
            if time.monotonic() > began + limit_s:
                break
            report.blows.append(await _blow(house, crowd, store, number, dice))
            tell(report.blows[-1])
        stopping.set()
        if not to_the_end:
            living.cancel()
        with suppress(asyncio.CancelledError):
            await living
        report.surprises += crowd.surprises
        report.drained_s = await _drained(house, report)
        report.at_rest += await check(house.dsn, store, crowd.ledger) + await _read_all(house)
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        await crowd.hang_up()
        store.close()
    report.seconds = time.monotonic() - began
    report.counts = {
        "rounds": crowd.rounds,
        "steps": crowd.told.steps,
        "accepted": len(crowd.ledger.accepted),
        "answers_lost": crowd.ledger.lost_answers,
        "slowest_answer_ms": int(crowd.ledger.slowest_s * 1000),
        **{f"answers_{status}": count for status, count in sorted(crowd.ledger.outages.items())},
    }
    return report


async def _blow(house: House, crowd: Crowd, store: S3Store, number: int, dice: random.Random) -> Blow:
    part, down = dice.choice(list(Part)), dice.uniform(*DOWN_S)
    await asyncio.to_thread(house.kill, part)
    await asyncio.sleep(down)
    await asyncio.to_thread(house.start, part)
    ready = await asyncio.to_thread(house.wait_ready)
    return Blow(number, part, down, ready, await check(house.dsn, store, crowd.ledger))


async def _drained(house: House, report: Report) -> float:
    """Wait until nothing is queued; the seconds that took."""
    began = time.monotonic()
    connection = await asyncpg.connect(house.dsn)
    try:
        while left := await connection.fetch(_WAITING):
            await asyncio.to_thread(house.revive)
            if time.monotonic() > began + DRAIN_S:
                report.at_rest += [f"not done within {DRAIN_S:.0f} s: {dict(row)}" for row in left]
                break
            await asyncio.sleep(0.5)
    finally:
        await connection.close()
    return time.monotonic() - began


async def _read_all(house: House) -> list[str]:
    """The operator's two audits, which read everything."""
    wrong = []
    for words in (("audit", "verify"), ("documents", "audit")):
        done = await asyncio.to_thread(house.command, *words)
        if done.returncode != 0:
            wrong.append(f"niangjia {' '.join(words)}: {done.stdout[-600:]}{done.stderr[-600:]}")
    for part in (Part.API, Part.CONSOLE, Part.WORKER):
        failures = Counter(_FAILURE.findall(house.log(part)))
        wrong += [f"the {part} logged {what} {count} times" for what, count in failures.items()]
    return wrong
