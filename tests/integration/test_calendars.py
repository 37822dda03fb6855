"""The working-day calendar on a real database: filled, corrected, and never guessed past its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import date, datetime, timedelta

import pytest

from backend.calendars.service import (
    LAST_YEAR,
    covered_until,
    fill_year,
    forget_calendar,
    seed_calendar,
    working_days_after,
    working_days_between,
)
from backend.clock import LOCAL, DemoClock
from backend.database import execute, fetch_value
from backend.errors import Forbidden, RuleViolation
from backend.web.health import CALENDAR_WARNING, _calendar_warnings
from tests.integration.stay_world import World, make_world
from tests.services import logged_in_as

NEXT = LAST_YEAR + 1


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    made = await make_world()
    async with logged_in_as("niangjia_console"):
        yield made


async def code(awaitable: Awaitable[object]) -> str:
    with pytest.raises(RuleViolation) as refused:
        await awaitable
    return refused.value.code


async def test_five_days_over_the_spring_festival(world: World) -> None:
    assert await working_days_after(date(2026, 2, 12), 5) == date(2026, 2, 26)
    assert await working_days_between(date(2026, 2, 12), date(2026, 2, 26)) == 5


async def test_nothing_is_computed_past_the_last_day(world: World) -> None:
    last = await covered_until()
    assert last == date(LAST_YEAR, 12, 31)
    assert await working_days_after(last - timedelta(days=7), 3) <= last
    assert await code(working_days_after(last, 1)) == "calendar_not_covered"
    assert await code(working_days_after(last - timedelta(days=7), 30)) == "calendar_not_covered"
    assert await code(working_days_after(date(LAST_YEAR + 3, 1, 1), 1)) == "calendar_not_covered"


async def test_a_year_is_entered_from_the_official_notice(world: World) -> None:
    off = {date(NEXT, 1, 1): "元旦", date(NEXT, 1, 2): "元旦"}
    sunday = next(day for day in (date(NEXT, 1, number) for number in range(3, 10)) if day.weekday() == 6)
    await fill_year(world.by["sysadmin"], NEXT, off, {sunday})
    assert await covered_until() == date(NEXT, 12, 31)
    first = await working_days_after(date(LAST_YEAR, 12, 31), 1)
    assert first > date(NEXT, 1, 2)
    assert await fetch_value("SELECT working FROM calendar_day WHERE day = $1", sunday)
    assert await fetch_value("SELECT name FROM calendar_day WHERE day = $1", date(NEXT, 1, 1)) == "元旦"
    assert await fetch_value("SELECT detail ->> 'year' FROM audit_entry WHERE act = 'calendar.fill'") == str(NEXT)


async def test_a_year_that_would_leave_a_gap_or_is_contradictory_is_refused_whole(world: World) -> None:
    keeper = world.by["sysadmin"]
    day = date(NEXT, 5, 1)
    assert await code(fill_year(keeper, NEXT + 1, {}, set())) == "calendar_gap"
    assert await code(fill_year(keeper, NEXT, {day: "劳动节"}, {day})) == "calendar_days"
    assert await code(fill_year(keeper, NEXT, {date(LAST_YEAR, 5, 1): "劳动节"}, set())) == "calendar_days"
    assert await covered_until() == date(LAST_YEAR, 12, 31)


@pytest.mark.parametrize("username", ["security", "chair-han", "hr-wang", "officer-dailu", "auditor-xu"])
async def test_only_a_system_administrator_enters_a_year(world: World, username: str) -> None:
    with pytest.raises(Forbidden):
        await fill_year(world.by[username], NEXT, {}, set())


async def test_two_who_enter_a_year_at_once_leave_one_of_theirs(world: World) -> None:
    holidays = [{date(NEXT, 1, 1): "元旦"}, {date(NEXT, 1, 1): "新年"}]
    await asyncio.gather(*(fill_year(world.by["sysadmin"], NEXT, off, set()) for off in holidays))
    assert await fetch_value("SELECT count(*) FROM calendar_day WHERE day >= $1", date(NEXT, 1, 1)) in (365, 366)
    assert await fetch_value("SELECT name FROM calendar_day WHERE day = $1", date(NEXT, 1, 1)) in ("元旦", "新年")


async def test_a_day_that_was_changed_stays_changed_when_the_calendar_is_seeded_again(world: World) -> None:
    async with logged_in_as("niangjia_owner"):
        await execute("UPDATE calendar_day SET working = false, name = '停工' WHERE day = '2026-03-03'")
        forget_calendar()
        await seed_calendar()
    assert await working_days_after(date(2026, 3, 2), 1) == date(2026, 3, 4)


async def test_a_gap_ends_what_is_covered(world: World) -> None:
    async with logged_in_as("niangjia_owner"):
        await execute("DELETE FROM calendar_day WHERE day = '2026-06-01'")
        forget_calendar()
    assert await covered_until() == date(2026, 5, 31)
    assert await code(working_days_after(date(2026, 5, 29), 3)) == "calendar_not_covered"


async def test_readiness_warns_sixty_days_before_the_end(world: World) -> None:
    end = date(LAST_YEAR, 12, 31)
    for days, warned in ((CALENDAR_WARNING.days, False), (CALENDAR_WARNING.days - 1, True)):
        day = end - timedelta(days=days)
        await world.at(datetime(day.year, day.month, day.day, 9, 0, tzinfo=LOCAL))
        assert bool(await _calendar_warnings(DemoClock())) is warned
    async with logged_in_as("niangjia_owner"):
        await execute("DELETE FROM calendar_day")
        forget_calendar()
    assert await covered_until() is None
    assert await _calendar_warnings(DemoClock())
