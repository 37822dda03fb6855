"""Working days over real holidays, and the refusal to guess."""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar
import pytest

from backend.calendars.workdays import add_working_days, count_working_days
from backend.errors import RuleViolation

YEAR = {
    day: chinese_calendar.is_workday(day)
    for day in (date(2026, 1, 1) + timedelta(days=offset) for offset in range(365))
}


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2026, 2, 12), 5, date(2026, 2, 26)),  # over the Spring Festival
        (date(2026, 3, 2), 5, date(2026, 3, 9)),
        (date(2026, 3, 6), 1, date(2026, 3, 9)),  # a Friday
        (date(2026, 2, 13), 1, date(2026, 2, 14)),  # a Saturday that is worked
        (date(2026, 3, 2), 0, date(2026, 3, 2)),
    ],
)
def test_working_days_exclude_the_start(start: date, days: int, end: date) -> None:
    assert add_working_days(start, days, YEAR) == end
    assert count_working_days(start, end, YEAR) == days


def test_a_deadline_past_the_coverage_is_refused() -> None:
    with pytest.raises(RuleViolation) as refused:
        add_working_days(date(2026, 12, 28), 5, YEAR)
    assert refused.value.code == "calendar_not_covered"
    assert "2026-12-31" in refused.value.message.zh
