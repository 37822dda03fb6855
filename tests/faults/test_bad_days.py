"""A short slice of `make faults`: ten kills under load, and each fault of a line once."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from tests import services
from tests.faults.driver.blows import strike
from tests.faults.driver.house import House, living_behind_proxies
from tests.faults.driver.lines import Askers, gather_askers, strain
from tests.faults.driver.proxy import Fault, Proxy

#: It loads both cores and asks for answers in time.
pytestmark = pytest.mark.alone

BLOWS = 10
STRAIN_S = 2.5


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[tuple[House, dict[str, Proxy]]]:
    async with living_behind_proxies(services.folder() / "bad") as living:
        yield living


@pytest.fixture(scope="module")
async def askers(stack: tuple[House, dict[str, Proxy]]) -> AsyncIterator[Askers]:
    made = await gather_askers(stack[0])
    yield made
    await made.cast.close()


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("database", Fault.BLACK_HOLE),
        ("database", Fault.RESET),
        ("store", Fault.SLOW),
        ("store", Fault.HALF_ANSWER),
    ],
)
async def test_a_bad_line_is_answered_in_time_and_survived(
    stack: tuple[House, dict[str, Proxy]], askers: Askers, part: str, fault: Fault
) -> None:
    line = await strain(askers, part, stack[1][part], fault, STRAIN_S)
    assert line.wrong == []
    # The line was bad indeed: a database that is away is told of, and so is a store where it was asked.
    assert "503" in line.answers or line.slowest_s > 1


async def test_kills_lose_nothing_and_double_nothing(stack: tuple[House, dict[str, Proxy]]) -> None:
    seed = secrets.randbelow(10**6)
    report = await strike(stack[0], seed, BLOWS, lanes=2, to_the_end=False)
    assert len(report.blows) == BLOWS
    assert report.counts["accepted"] > 20
    assert report.findings == [], f"SEED={seed}"
