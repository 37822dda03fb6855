"""The roster of a batch as an Excel file for the sanatorium."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import xlsxwriter

_SEX = {"male": "男", "female": "女", "": ""}


@dataclass(frozen=True, slots=True)
class Traveller:
    """One confirmed worker, as the sanatorium must know them."""

    name: str
    sex: str
    born_on: date | None
    unit: str
    phone: str
    companions: int
    fit_to_travel: bool
    conditions: str
    contact: str
    contact_phone: str


_COLUMNS: Sequence[tuple[str, int]] = (
    ("序号", 6),
    ("姓名", 14),
    ("性别", 6),
    ("出生日期", 12),
    ("单位", 30),
    ("手机", 14),
    ("同行人数", 8),
    ("健康申报", 12),
    ("健康说明", 36),
    ("紧急联系人", 18),
    ("紧急联系人电话", 16),
)


def roster_xlsx(batch: str, sanatorium: str, travellers: Sequence[Traveller], withheld: int = 0) -> bytes:
    """The workbook as bytes; text that looks like a formula stays text. `withheld` travel too and are not shared."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("名册")
    title, head = (
        book.add_format({"bold": True, "font_size": 14}),
        book.add_format({"bold": True, "bg_color": "#f1e6e6"}),
    )
    others = f",另有 {withheld} 人未同意提供信息" if withheld else ""
    sheet.write_string(0, 0, f"{batch} · {sanatorium} 疗休养人员名册(共 {len(travellers)} 人{others})", title)
    for column, (label, width) in enumerate(_COLUMNS):
        sheet.write_string(2, column, label, head)
        sheet.set_column(column, column, width)
    for row, one in enumerate(travellers, start=3):
        sheet.write_number(row, 0, row - 2)
        cells = (
            one.name,
            _SEX[one.sex],
            one.born_on.isoformat() if one.born_on else "",
            one.unit,
            one.phone,
            str(one.companions),
            "适合出行" if one.fit_to_travel else "不适合",
            one.conditions,
            one.contact,
            one.contact_phone,
        )
        for column, text in enumerate(cells, start=1):
            sheet.write_string(row, column, text)
    sheet.freeze_panes(3, 2)
    book.close()
    return buffer.getvalue()
