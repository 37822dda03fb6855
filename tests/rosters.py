"""Workbooks as officers send them, good and bad; every person is invented."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import xlsxwriter

from backend.operations.demo_people import resident_id
from backend.registry.roster.columns import FAMILY, STAFF, Column

#: A cell that holds a formula, with the value that Excel last saw.
Formula = tuple[str, str]


def worker(serial: int, **changed: Any) -> dict[str, Any]:
    """The row of a nurse, by column key; numbers never repeat below 900,000."""
    return {
        "name": "名册护士",
        "identifier": number(serial),
        "phone": f"139{serial:08d}",
        "department": "重症医学科",
        "population": "一线医务人员",
        "job": "护士",
        "joined_on": date(2015, 7, 1),
        "certification": "单位证明",
        **changed,
    }


def relative(worker_serial: int, serial: int, **changed: Any) -> dict[str, Any]:
    """The row of a child of that nurse."""
    return {
        "worker": number(worker_serial),
        "worker_name": "名册护士",
        "relation": "子女",
        "name": "名册孩子",
        "identifier": child_number(serial),
        **changed,
    }


def number(serial: int) -> str:
    """The resident ID of a grown-up."""
    return resident_id(date(1970, 1, 1) + timedelta(days=serial // 900), 100 + serial % 900)


def child_number(serial: int) -> str:
    """The resident ID of a child below 14 on 2 March 2026."""
    return resident_id(date(2013, 1, 1) + timedelta(days=serial // 900), 100 + serial % 900)


def workbook(
    staff: Sequence[Mapping[str, Any]] | None = None,
    family: Sequence[Mapping[str, Any]] | None = None,
    *,
    heads: Mapping[str, str | None] | None = None,
    merge: Sequence[str] = (),
    hide_rows: Sequence[int] = (),
    hide_columns: Sequence[str] = (),
    hide_sheets: Sequence[str] = (),
) -> bytes:
    """A workbook of these rows; `heads` renames headers (None leaves the column out), the rest acts on 职工.

    A value may be a text, a number, a date, a time, a truth or a `Formula`.
    """
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    for name, columns, rows in (("职工", STAFF, staff), ("家属", FAMILY, family)):
        if rows is None:
            continue
        sheet = book.add_worksheet(name)
        _fill(book, sheet, [column for column in columns if (heads or {}).get(column.key, "") is not None], rows, heads)
        if name == "职工":
            for cells in merge:
                sheet.merge_range(cells, "")
            for row in hide_rows:
                sheet.set_row(row - 1, None, None, {"hidden": True})
            for column in hide_columns:
                sheet.set_column(f"{column}:{column}", None, None, {"hidden": True})
        if name in hide_sheets:
            sheet.hide()
    book.add_worksheet("备注").activate()
    book.close()
    return buffer.getvalue()


def _fill(
    book: Any,
    sheet: Any,
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    heads: Mapping[str, str | None] | None,
) -> None:
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for place, column in enumerate(columns):
        sheet.write_string(0, place, (heads or {}).get(column.key) or column.title)
    for number_, row in enumerate(rows, start=1):
        for place, column in enumerate(columns):
            value = row.get(column.key, "")
            if isinstance(value, tuple):
                sheet.write_formula(number_, place, value[0], None, value[1])
            elif isinstance(value, bool):
                sheet.write_boolean(number_, place, value)
            elif isinstance(value, datetime | time):
                sheet.write_datetime(number_, place, value, moment)
            elif isinstance(value, date):
                sheet.write_datetime(number_, place, value, day)
            elif isinstance(value, int | float):
                sheet.write_number(number_, place, value)
            elif value:
                sheet.write_string(number_, place, value)
