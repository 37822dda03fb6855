"""The workbook that an officer fills in: two sheets with drop-downs, an invented example, and how to fill them in."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import xlsxwriter

from backend.registry.roster.columns import FAMILY, STAFF, Column, Kind
from backend.registry.roster.reading import FAMILY_SHEET, STAFF_LIMIT, STAFF_SHEET
from backend.words import Text

#: Rows with drop-downs below the header.
ROWS = STAFF_LIMIT + 1
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2100, 12, 31)

HOW_TO = (
    Text("1. 带 * 的列必须填写。第 2 行是虚构的示例,上传前可以删除。", "Columns with * are needed; row 2 is invented."),
    Text("2. 证件号码和手机号请保持“文本”格式,不要用公式、不要合并单元格。", "Keep numbers as text; no formulas."),
    Text("3. 日期请用日期格式(如 2015-07-01),不要写成“2015.7.1”。", "Dates as dates, not as text."),
    Text("4. 隐藏或筛选掉的行会被指出,不会悄悄读入。", "Hidden rows are reported, never read in silence."),
    Text(
        f"5. 职工最多 {STAFF_LIMIT:,} 人。只补充家属时,“职工”表可以留空。",
        f"At most {STAFF_LIMIT:,} staff; leave their sheet empty to add family alone.",
    ),
    Text("6. 上传后先试算:逐格指出错误,您勾选并确认之前什么都不会写入。", "A dry run comes first."),
    Text("7. 经您确认的档案视为由单位工会核实;职工以后可以认领。", "What you accept counts as verified by the unit."),
)


def template_xlsx(unit: str) -> bytes:
    """The template for a unit's roster."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    styles = {
        "head": book.add_format({"bold": True, "bg_color": "#f1e6e6", "border": 1}),
        "example": book.add_format({"italic": True, "font_color": "#777777"}),
        "example_date": book.add_format({"italic": True, "font_color": "#777777", "num_format": "yyyy-mm-dd"}),
        Kind.CODE: book.add_format({"num_format": "@"}),
        Kind.TEXT: book.add_format({"num_format": "@"}),
        Kind.CHOICE: None,
        Kind.DATE: book.add_format({"num_format": "yyyy-mm-dd"}),
        "note": book.add_format({"text_wrap": True, "valign": "top"}),
    }
    for name, columns in ((STAFF_SHEET, STAFF), (FAMILY_SHEET, FAMILY)):
        _fill_sheet(book.add_worksheet(name), columns, styles)
    _explain(book.add_worksheet("填写说明"), unit, styles)
    book.close()
    return buffer.getvalue()


def _fill_sheet(sheet: Any, columns: Sequence[Column], styles: dict[str, Any]) -> None:
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width, styles[column.kind])
        sheet.write_string(0, place, column.title, styles["head"])
        sheet.write_comment(0, place, f"{column.note.zh}\n{column.note.en}")
        if isinstance(column.example, date):
            sheet.write_datetime(1, place, column.example, styles["example_date"])
        elif column.example:
            sheet.write_string(1, place, column.example, styles["example"])
        if column.choices:
            sheet.data_validation(
                1,
                place,
                ROWS,
                place,
                {
                    "validate": "list",
                    "source": list(column.choices),
                    "error_title": column.header,
                    "error_message": "请从下拉列表中选择。",
                },
            )
        elif column.kind is Kind.DATE:
            sheet.data_validation(
                1,
                place,
                ROWS,
                place,
                {
                    "validate": "date",
                    "criteria": "between",
                    "minimum": FIRST_DAY,
                    "maximum": LAST_DAY,
                    "error_title": column.header,
                    "error_message": "请填写日期,如 2015-07-01。",
                },
            )
    sheet.freeze_panes(1, 2)


def _explain(sheet: Any, unit: str, styles: dict[str, Any]) -> None:
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 1, 90, styles["note"])
    sheet.write_string(0, 0, "单位", styles["head"])
    sheet.write_string(0, 1, unit)
    row = 2
    for line in HOW_TO:
        sheet.write_string(row, 1, f"{line.zh}\n{line.en}", styles["note"])
        row += 1
    for name, columns in ((STAFF_SHEET, STAFF), (FAMILY_SHEET, FAMILY)):
        row += 1
        sheet.write_string(row, 0, name, styles["head"])
        for column in columns:
            row += 1
            sheet.write_string(row, 0, column.title)
            chosen = f";可选:{'、'.join(column.choices)}" if column.choices else ""
            sheet.write_string(row, 1, f"{column.note.zh}{chosen}", styles["note"])
        row += 1
