"""The tree of unions on a real database: added, moved from a day on, kept by whom it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import date, timedelta
from uuid import UUID

import pytest

from backend.applications.case import load_case
from backend.columns import LEVEL_COLUMNS
from backend.database import fetch, fetch_one, fetch_value, new_id
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation
from backend.identity import Actor, Binding, Level, Role
from backend.registry import queries
from backend.unions import service
from backend.unions.kinds import Line
from backend.unions.policy import UnionInput
from tests.integration.stay_world import World, make_world
from tests.services import logged_in_as

CODE = "813709009999000110"


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    """The city, seen from the console: the API may not change the tree at all."""
    made = await make_world()
    async with logged_in_as("niangjia_console"):
        yield made


def hospital(name: str = "示例新医院", code: str | None = CODE) -> UnionInput:
    return UnionInput(name, Level.UNIT, "hospital", code, "370900")


async def add(world: World, union: UnionInput, parent: str = "taishan", by: Actor | None = None) -> UUID:
    today = await world.services.clock.today()
    return await service.create(by or world.by["sysadmin"], union, world.unions[parent], today)


async def move(
    world: World, union: str, parent: str, *, line: Line = Line.PRIMARY, on: date | None = None, by: Actor | None = None
) -> None:
    today = await world.services.clock.today()
    await service.affiliate(
        by or world.by["sysadmin"], world.unions[union], world.unions[parent], line, on or today, today
    )


async def levels(table: str, row: UUID) -> dict[str, UUID | None]:
    found = await fetch_one(f"SELECT {', '.join(LEVEL_COLUMNS)} FROM {table} WHERE id = $1", row)
    assert found is not None
    return dict(found)


async def codes(awaitable: Awaitable[object]) -> set[str]:
    with pytest.raises(RuleViolation) as refused:
        await awaitable
    return {violation.code for violation in refused.value.violations}


async def test_a_union_is_added_below_its_parent(world: World) -> None:
    made = await add(world, hospital())
    found = await levels("trade_union", made)
    assert found["unit_id"] == made
    assert (found["county_id"], found["city_id"]) == (world.unions["taishan"], world.unions["city"])
    shown = await service.one(made)
    assert shown["above"] == [
        "中华全国总工会(示例)",
        "山东省总工会(示例)",
        "泰安市总工会(示例)",
        "泰山区总工会(示例)",
    ]
    assert await fetch_value("SELECT act FROM audit_entry WHERE object = $1", made) == "union.affiliate"


async def test_a_refused_union_leaves_nothing_behind(world: World) -> None:
    before = await fetch_value("SELECT count(*) FROM trade_union")
    assert await codes(add(world, hospital("x", "81370900999900011O"))) == {"name_length", "uscc"}
    assert await codes(add(world, UnionInput("示例总工会", Level.CITY, "federation", None, None))) == {"parent_level"}
    assert await codes(add(world, hospital(), "dailu")) == {"parent_level"}
    await add(world, hospital())
    with pytest.raises(Conflict) as refused:
        await add(world, hospital("另一家医院"))
    assert refused.value.code == "uscc_taken"
    assert await fetch_value("SELECT count(*) FROM trade_union") == before + 1


async def test_the_same_union_added_ten_times_at_once_is_one(world: World) -> None:
    results = await asyncio.gather(*(add(world, hospital()) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, UUID) for result in results) == 1
    assert {type(result) for result in results} == {UUID, Conflict}


async def test_a_union_moves_from_a_day_on_and_the_day_before_stays_on_record(world: World) -> None:
    today = await world.services.clock.today()
    await move(world, "dailu", "daiyue", on=today - timedelta(days=3))
    rows = await fetch(
        "SELECT parent, from_on, to_on FROM affiliation WHERE trade_union = $1 AND line = 'primary' ORDER BY from_on",
        world.unions["dailu"],
    )
    assert [(row["parent"], row["to_on"]) for row in rows] == [
        (world.unions["taishan"], today - timedelta(days=4)),
        (world.unions["daiyue"], None),
    ]
    assert (await levels("trade_union", world.unions["dailu"]))["county_id"] == world.unions["daiyue"]


async def test_on_its_first_day_an_affiliation_is_corrected_not_doubled(world: World) -> None:
    await move(world, "dailu", "daiyue")
    await move(world, "dailu", "xintai")
    rows = await fetch(
        "SELECT parent, from_on, to_on FROM affiliation WHERE trade_union = $1 AND line = 'primary' ORDER BY from_on",
        world.unions["dailu"],
    )
    assert [row["parent"] for row in rows] == [world.unions["taishan"], world.unions["xintai"]]
    assert rows[0]["to_on"] == rows[1]["from_on"] - timedelta(days=1)
    assert (await levels("trade_union", world.unions["dailu"]))["county_id"] == world.unions["xintai"]


async def test_days_to_come_and_days_before_the_present_one_are_refused(world: World) -> None:
    today = await world.services.clock.today()
    assert await codes(move(world, "dailu", "daiyue", on=today + timedelta(days=1))) == {"date_in_future"}
    assert await codes(move(world, "dailu", "daiyue", on=date(2019, 12, 31))) == {"affiliation_too_early"}
    assert (await levels("trade_union", world.unions["dailu"]))["county_id"] == world.unions["taishan"]


async def test_the_tree_has_no_rings(world: World) -> None:
    for union, parent in (("city", "taishan"), ("taishan", "dailu"), ("taishan", "taishan"), ("taishan", "daiyue")):
        assert await codes(move(world, union, parent)) == {"parent_level"}


async def test_a_subtree_moves_with_all_below_it(world: World) -> None:
    """A county moved under the province leaves the city's scope, with every unit and record below it."""
    worker = await world.worker("dailu")
    case = await world.submitted(worker, await world.batch(2))
    top = Actor(new_id(), "某", bindings=(Binding(Role.SYSTEM_ADMIN, world.unions["national"], Level.NATIONAL),))
    await move(world, "taishan", "province", by=top)
    assert (await levels("trade_union", world.unions["dailu"]))["city_id"] is None
    record = await fetch_value("SELECT id FROM staff_record WHERE person = $1", worker.person_id)
    assert (await levels("staff_record", record))["city_id"] is None
    city = Actor(new_id(), "某", bindings=(Binding(Role.UNIT_OFFICER, world.unions["city"], Level.CITY),))
    assert await queries.search_staff(city, "", None, None, 10) == []
    county = Actor(new_id(), "某", bindings=(Binding(Role.UNIT_OFFICER, world.unions["taishan"], Level.COUNTY),))
    assert len(await queries.search_staff(county, "", None, None, 10)) == 1
    # The case keeps the line that it was sent in under.
    assert (await load_case(case.id)).levels[Level.CITY] == world.unions["city"]


async def test_an_industry_line_stands_beside_the_primary_one(world: World) -> None:
    shown = await service.one(world.unions["dailu"])
    assert (shown["above"][-1], shown["industry"]) == ("泰山区总工会(示例)", "泰安市卫健产业工会(示例)")
    before = await levels("trade_union", world.unions["huanwei"])
    assert (await service.one(world.unions["huanwei"]))["industry"] is None
    await move(world, "huanwei", "health", line=Line.INDUSTRY)
    assert (await service.one(world.unions["huanwei"]))["industry"] == "泰安市卫健产业工会(示例)"
    # It gives no scope: the columns follow the primary line.
    assert await levels("trade_union", world.unions["huanwei"]) == before
    assert await codes(move(world, "huanwei", "taishan", line=Line.INDUSTRY)) == {"parent_not_industry"}


async def test_two_moves_at_once_leave_one_parent(world: World) -> None:
    await asyncio.gather(*(move(world, "dailu", parent) for parent in ("daiyue", "xintai", "ningyang")))
    (row,) = await fetch(
        "SELECT parent FROM affiliation WHERE trade_union = $1 AND line = 'primary' AND to_on IS NULL",
        world.unions["dailu"],
    )
    assert (await levels("trade_union", world.unions["dailu"]))["county_id"] == row["parent"]


async def test_a_system_administrator_keeps_what_is_below(world: World) -> None:
    county = Actor(new_id(), "某", bindings=(Binding(Role.SYSTEM_ADMIN, world.unions["taishan"], Level.COUNTY),))
    assert await add(world, hospital(), "taishan", by=county)
    for attempt in (
        add(world, hospital("另一家医院", None), "daiyue", by=county),
        move(world, "dailu", "daiyue", by=county),
        move(world, "renhe", "taishan", by=county),
        move(world, "taishan", "province", by=county),
    ):
        with pytest.raises(NotFound):
            await attempt
    for name in ("security", "chair-han", "hr-wang", "officer-dailu", "auditor-xu"):
        with pytest.raises(Forbidden):
            await add(world, hospital("另一家医院", None), by=world.by[name])
    assert (await levels("trade_union", world.unions["dailu"]))["county_id"] == world.unions["taishan"]


async def test_unions_are_found_by_part_of_the_name(world: World) -> None:
    found = await service.search("医院", Level.UNIT, None, 100)
    assert {row["name"] for row in found} >= {"岱麓区医院(示例)", "新泰平阳医院(示例)"}
    assert all(row["level"] == "unit" for row in found)
    for words in ("%", "_", "\\", "'"):
        assert await service.search(words, None, None, 10) == []
    first = await service.search("", None, None, 5)
    second = await service.search("", None, first[-1]["id"], 100)
    assert not {row["id"] for row in first} & {row["id"] for row in second}
    assert len(first) + len(second) == len(world.unions)


async def test_a_union_that_was_closed_is_not_offered(world: World) -> None:
    async with logged_in_as("niangjia_owner"):
        await fetch("UPDATE trade_union SET active = false WHERE id = $1", world.unions["dailu"])
    assert world.unions["dailu"] not in {row["id"] for row in await service.search("", None, None, 100)}
    with pytest.raises(NotFound):
        await service.one(new_id())
