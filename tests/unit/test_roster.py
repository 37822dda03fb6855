"""The roster that goes to the sanatorium: what people typed stays text, whatever a spreadsheet would make of it."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pytest
from python_calamine import CalamineWorkbook

from backend.recuperation.roster import Traveller, roster_xlsx

FORMULAS = (
    "=1+1",
    '=HYPERLINK("http://elsewhere.test","领取")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "http://elsewhere.test",
    "mailto:x@elsewhere.test",
    "{=1+1}",
    "'=1",
)


def traveller(text: str) -> Traveller:
    return Traveller(text, "female", date(1990, 1, 1), text, text, 1, True, text, text, text)


@pytest.mark.parametrize("text", FORMULAS)
def test_text_stays_text(text: str) -> None:
    content = roster_xlsx(text, text, [traveller(text)])
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "hyperlink" not in sheet.lower()
        assert not [name for name in book.namelist() if "externalLink" in name or "vba" in name]
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert [rows[3][column] for column in (1, 4, 5, 8, 9, 10)] == [text] * 6


def test_it_says_how_many_travel_and_how_many_are_not_shared() -> None:
    content = roster_xlsx("第一批", "崂山疗养院", [traveller("甲"), traveller("𠮷")], 3)
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert rows[0][0] == "第一批 · 崂山疗养院 疗休养人员名册(共 2 人,另有 3 人未同意提供信息)"
    assert [row[:2] for row in rows[3:]] == [[1.0, "甲"], [2.0, "𠮷"]]
