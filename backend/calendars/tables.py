"""The working-day calendar as it is stored."""

from __future__ import annotations

from piccolo.columns import Boolean, Date, Varchar
from piccolo.table import Table


class CalendarDay(Table, tablename="calendar_day"):
    """Whether a local date is worked; days without a row are not covered and nothing is computed past them."""

    day = Date(primary_key=True)
    working = Boolean()
    name = Varchar(40, default="")
