"""The working-day calendar in use: computing with it, filling it, and how far it reaches."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

import chinese_calendar

from backend.audit.log import record
from backend.calendars.workdays import add_working_days, count_working_days
from backend.database import execute, fetch, fetch_value, transaction
from backend.errors import Forbidden, RuleViolation
from backend.identity import Actor, Role
from backend.words import Text

FIRST_YEAR = 2020
LAST_YEAR = max(day.year for day in chinese_calendar.holidays)
SATURDAY = 5


async def working_days_after(start: date, count: int) -> date:
    """The last of `count` working days after `start`; raises RuleViolation past the calendar's coverage."""
    return add_working_days(start, count, await _calendar())


async def working_days_between(start: date, end: date) -> int:
    """How many working days lie after `start`, through `end`."""
    return count_working_days(start, end, await _calendar())


async def working_days_since(starts: Iterable[date], end: date) -> list[int | None]:
    """How many working days lie after each of `starts`, through `end`; None for each where `end` is not covered."""
    calendar = await _calendar()
    if end not in calendar:
        return [None for _ in starts]
    last = bisect_right(_Read.worked, end)
    return [last - bisect_right(_Read.worked, start) for start in starts]


async def covered_until() -> date | None:
    """The last day of the calendar without a gap from its first; None for an empty one."""
    last: date | None = await fetch_value(
        "SELECT max(day) FROM (SELECT day, day - (row_number() OVER (ORDER BY day))::int AS island FROM calendar_day) d"
        " WHERE island = (SELECT min(day) - 1 FROM calendar_day)"
    )
    return last


async def seed_calendar() -> None:
    """Fill the table with what chinesecalendar knows; days that an administrator changed stay as they are."""
    await execute(
        "INSERT INTO calendar_day (day, working, name) SELECT * FROM unnest($1::date[], $2::bool[], $3::text[])"
        " ON CONFLICT (day) DO NOTHING",
        *_known(),
    )


@cache
def _known() -> tuple[Sequence[date], Sequence[bool], Sequence[str]]:
    """Each day that chinesecalendar knows, whether it is worked, and the name of its holiday."""
    count = (date(LAST_YEAR + 1, 1, 1) - date(FIRST_YEAR, 1, 1)).days
    days = [date(FIRST_YEAR, 1, 1) + timedelta(days=offset) for offset in range(count)]
    return days, [chinese_calendar.is_workday(day) for day in days], [_name(day) for day in days]


async def fill_year(actor: Actor, year: int, off: Mapping[date, str], worked: Collection[date]) -> None:
    """Enter a whole year: the days off with their names, the weekends that are worked; the rest goes by the weekday.

    Raises Forbidden for all but a system administrator, RuleViolation for a day of another year, one that is both, and
    a year that would leave a gap in what is covered.
    """
    if Role.SYSTEM_ADMIN not in actor.roles:
        raise Forbidden(
            "not_your_part", Text("只有系统管理员可以维护日历。", "Only a system administrator may do this.")
        )
    days = [
        date(year, 1, 1) + timedelta(days=offset) for offset in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)
    ]
    if not {*off, *worked} <= set(days) or set(off) & set(worked):
        raise RuleViolation.of(
            "calendar_days",
            Text("日期须属于该年,且不能既放假又上班。", "Each day is of that year, and off or worked, not both."),
        )
    async with transaction():
        until = await covered_until()
        if until is not None and until < date(year - 1, 12, 31):
            raise RuleViolation.of(
                "calendar_gap", Text("请先录入之前的年份。", "Fill in the years before first."), "year"
            )
        await execute(
            "INSERT INTO calendar_day (day, working, name) SELECT * FROM unnest($1::date[], $2::bool[], $3::text[])"
            " ON CONFLICT (day) DO UPDATE SET working = excluded.working, name = excluded.name",
            days,
            [day in worked or (day not in off and day.weekday() < SATURDAY) for day in days],
            [off.get(day, "") for day in days],
        )
        forget_calendar()
        await record(actor, "calendar.fill", "done", object_kind="calendar_day", detail={"year": str(year)})


class _Read:
    """The calendar as this process read it last. An edit by another process is seen KEPT_SECONDS later at most."""

    days: Mapping[date, bool] = MappingProxyType({})
    worked: Sequence[date] = ()
    at = float("-inf")


KEPT_SECONDS = 10.0


def forget_calendar() -> None:
    """Read the calendar anew when it is asked next."""
    _Read.at = float("-inf")


async def _calendar() -> Mapping[date, bool]:
    now = time.monotonic()
    if now - _Read.at > KEPT_SECONDS:
        rows = await fetch("SELECT day, working FROM calendar_day ORDER BY day")
        _Read.days = {row["day"]: row["working"] for row in rows}
        _Read.worked = [row["day"] for row in rows if row["working"]]
        _Read.at = now
    return _Read.days


def _name(day: date) -> str:
    _, name = chinese_calendar.get_holiday_detail(day)
    return chinese_calendar.Holiday(name).chinese if name else ""
