"""Counting working days. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from backend.errors import RuleViolation
from backend.words import Text


def add_working_days(start: date, count: int, calendar: Mapping[date, bool]) -> date:
    """The day on which `count` working days after `start` are over; the start day itself does not count.

    `calendar` says of each covered day whether it is worked. Raises RuleViolation `calendar_not_covered` at the first
    day that it does not cover: a deadline is never guessed.
    """
    day = start
    while count > 0:
        day += timedelta(days=1)
        if day not in calendar:
            raise RuleViolation.of(
                "calendar_not_covered",
                Text(
                    "工作日历只维护到 {last},无法确定期限,请管理员先补充日历。",
                    "The working-day calendar ends on {last}; ask the administrator to extend it.",
                ).fill(last=max(calendar, default="—")),
            )
        count -= calendar[day]
    return day


def count_working_days(start: date, end: date, calendar: Mapping[date, bool]) -> int:
    """How many working days lie after `start`, through `end`; days that are not covered count as calendar days off."""
    days = (end - start).days
    return sum(calendar.get(start + timedelta(days=offset), False) for offset in range(1, days + 1))
