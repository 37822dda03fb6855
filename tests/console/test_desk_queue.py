"""The queue: what each role finds in it, and what it never shows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.console.desk_world import World, make_world


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        yield made


async def test_a_submitted_request_waits_for_the_officer_of_its_unit_alone(world: World) -> None:
    case = await world.request("古丽·买买提")
    own = await (await world.desk("officer-daizong")).get("/review/")
    assert own.status_code == 200, own.text
    assert case.number in own.text
    elsewhere = await (await world.desk("officer-dailu")).get("/review/?tab=all")
    assert case.number not in elsewhere.text
    chair = await (await world.desk("chair-han")).get("/review/")
    assert case.number not in chair.text
    waiting = await (await world.desk("chair-han")).get("/review/?tab=others")
    assert case.number in waiting.text
