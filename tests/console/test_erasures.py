"""Requests for erasure at the desk: read by the officers of the worker's unit, by nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.console.desk_world import World, make_world
from tests.services import logged_in_as


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        yield made


async def test_an_officer_reads_what_was_asked_erased_and_kept(world: World) -> None:
    case = await world.request("古丽·买买提")
    async with logged_in_as("niangjia_api"):
        await world.services.keeping.ask_to_erase(world.workers["古丽·买买提"], "<b>不再需要</b>")
    for reader in ("officer-daizong", "hr-wang"):
        answer = await (await world.desk(reader)).get("/review/erasures")
        assert answer.status_code == 200
        assert "古丽·买买提" in answer.text and case.number in answer.text
        assert "&lt;b&gt;不再需要" in answer.text and "<b>不再需要" not in answer.text
    assert "/review/erasures" in (await (await world.desk("officer-daizong")).get("/review/records")).text
    assert "古丽" not in (await (await world.desk("officer-dailu")).get("/review/erasures")).text


@pytest.mark.parametrize("username", ["reviewer-zhou", "security", "sysadmin", "finance-qin"])
async def test_others_find_no_such_page(world: World, username: str) -> None:
    assert (await (await world.desk(username)).get("/review/erasures")).status_code == 404
