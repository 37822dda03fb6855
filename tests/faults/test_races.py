"""A short race on real processes; `make races` runs the long one."""

from __future__ import annotations

from tests.faults.race_house import Size
from tests.faults.races import race

SHORT = Size(clients=50, places=8, decided=2, pairs=2, families=2, keys=3)


async def test_one_short_race(database: None) -> None:
    said: list[str] = []
    assert await race([20261126], SHORT, said.append) == []
    # Every place was held at some moment: there was something to race for.
    assert "at most 8 of 8 held" in said[0]
