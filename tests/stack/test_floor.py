"""What is measured against is fit for it: the floor and ours answer the same and write the same rows."""

from __future__ import annotations

import asyncio

import pytest

from storage.setup import Process
from tests.bench import house
from tests.bench.rows.ground import Size
from tests.bench.same import Differs, differs, prove

pytestmark = pytest.mark.alone


def test_the_floor_and_ours_answer_the_same() -> None:
    async def compared() -> int:
        with house.postgres() as dsn:
            async with house.filled(dsn, Size(applications=3_000, staff=1_200, drafts=40, hot=10), "floor") as filled:
                with (
                    filled.serving(Process.API) as (api, _),
                    filled.serving(Process.CONSOLE) as (console, _),
                    filled.floor() as (floor, _),
                ):
                    return await prove(filled, api, console, floor)

    assert asyncio.run(compared()) > 40


@pytest.mark.parametrize(
    ("ours", "floor", "where"),
    [
        ({"items": [{"id": 1}]}, {"items": [{"id": 2}]}, "items[0].id"),
        ({"a": 1}, {"a": 1, "b": 2}, "the top"),
        ([1, 2], [1], "the top"),
        ({"a": None}, {"a": ""}, ".a"),
    ],
)
def test_a_difference_is_found_and_named(ours: object, floor: object, where: str) -> None:
    with pytest.raises(Differs) as told:
        differs("answer", ours, floor)
    assert where in str(told.value)
    differs("answer", ours, ours)
