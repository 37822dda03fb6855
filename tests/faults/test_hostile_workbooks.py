"""Workbooks that want more than to be read: bombs, lies about sizes, far cells, foreign XML; each is told why."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from datetime import date, datetime, time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.confinement import Limits
from backend.errors import RuleViolation, TooLarge
from backend.registry.roster import reading
from backend.registry.roster.reading import SIZE_LIMIT, Cell, Sheet, read_workbook
from tests.rosters import relative, workbook, worker

GOOD = workbook([worker(1)], [relative(1, 1)])
SHEET = "xl/worksheets/sheet1.xml"


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rebuilt(changed: Mapping[str, bytes | None]) -> bytes:
    """The good workbook with some parts replaced, added or left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**parts_of(GOOD), **changed}.items():
            if part is not None:
                archive.writestr(name, part)
    return out.getvalue()


def with_sheet(xml: str, *, head: str = "") -> bytes:
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    whole = f'<?xml version="1.0" encoding="UTF-8"?>{head}<worksheet {space}><sheetData>{xml}</sheetData></worksheet>'
    return rebuilt({SHEET: whole.encode()})


async def refusal(content: bytes) -> str:
    with pytest.raises(RuleViolation) as refused:
        await read_workbook(content)
    assert refused.value.message.zh and refused.value.message.en
    return refused.value.code


async def test_a_good_workbook_is_read() -> None:
    sheets = await read_workbook(GOOD)
    assert set(sheets) == {"职工", "家属"}
    assert sheets["职工"].rows[1][1][1] == "名册护士"


async def test_every_kind_of_cell_is_told_apart() -> None:
    odd = workbook(
        [
            {
                "name": "=1+1",
                "identifier": 370999198506150016,
                "sex": True,
                "born_on": date(2015, 7, 1),
                "phone": 13800000000,
                "department": ('="科"', "科"),
                "population": ("=1/0", "#DIV/0!"),
                "job": datetime(2015, 7, 1, 3),
                "joined_on": time(3, 4),
                "certification": 1.5,
            }
        ]
    )
    row = (await read_workbook(odd))["职工"].rows[1][1]
    assert row[1:12] == (
        "=1+1",
        "",
        Cell("number", "370999198506150016"),
        Cell("boolean", "True"),
        Cell("date", "2015-07-01"),
        Cell("number", "13800000000"),
        Cell("formula", ""),
        Cell("formula", ""),
        Cell("time", "2015-07-01T03:00:00"),
        Cell("time", "03:04:00"),
        Cell("number", "1.5"),
    )


async def test_what_is_hidden_and_merged_is_told() -> None:
    odd = workbook([worker(1), worker(2), worker(3)], merge=["H3:H4"], hide_rows=[2], hide_columns=["C", "Z"])
    found = (await read_workbook(odd))["职工"]
    assert (found.hidden_rows, found.hidden_columns) == ((1,), (2, 25))
    assert found.merged == ((2, 7, 7), (3, 7, 7))
    hidden = await read_workbook(workbook([worker(1)], hide_sheets=["职工"]))
    assert not hidden["职工"].visible


async def test_formulas_that_were_dragged_are_found() -> None:
    """Excel writes a dragged formula once and refers to it: those that only refer are formulas as well."""
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="str"><f t="shared" si="0"{extra}>{text}</f><v>x</v></c></row>'
        for row, extra, text in ((1, ' ref="A1:A3"', "B1"), (2, "", ""), (3, "", ""))
    )
    found = (await read_workbook(with_sheet(rows)))["职工"]
    assert [cells[0] for _, cells in found.rows] == [Cell("formula", "")] * 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "workbook_not_xlsx"),
        (b"name,phone\n1,2\n", "workbook_not_xlsx"),
        (b"PK\x03\x04" + bytes(100), "workbook_not_xlsx"),
        (b"%PDF-1.7", "workbook_not_xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "workbook_old_or_locked"),
        (GOOD[: len(GOOD) // 2], "workbook_not_xlsx"),
        (rebuilt({"xl/workbook.xml": None}), "workbook_not_xlsx"),
        (rebuilt({"xl/workbook.xml": b"<workbook"}), "workbook_damaged"),
        (rebuilt({SHEET: b"\x00\x01\x02"}), "workbook_damaged"),
        (rebuilt({"xl/_rels/workbook.xml.rels": None}), "workbook_damaged"),
        (with_sheet('<row r="1"><c r="A1"><v>1</v></c>'), "workbook_damaged"),
        (with_sheet('<row r="x"><c r="A1"><v>1</v></c></row>'), "workbook_damaged"),
        (with_sheet('<row r="1"><c r="é1"><v>1</v></c></row>'), "workbook_damaged"),
    ],
)
async def test_what_is_no_workbook_is_told_so(content: bytes, code: str) -> None:
    assert await refusal(content) == code


async def test_a_file_beyond_the_limit_is_not_opened() -> None:
    with pytest.raises(TooLarge):
        await read_workbook(bytes(SIZE_LIMIT + 1))


async def test_a_bomb_is_not_unpacked() -> None:
    bomb = rebuilt({"xl/sharedStrings.xml": b"<sst>" + b" " * (200 * 1024 * 1024) + b"</sst>"})
    assert len(bomb) < SIZE_LIMIT
    assert await refusal(bomb) == "workbook_too_large"


async def test_a_bomb_that_lies_about_its_size_is_not_unpacked() -> None:
    """The directory says ten bytes of the texts; what lies behind it is 200 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(200 * 1024 * 1024)) + packer.flush()
    name = "xl/sharedStrings.xml"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for part, content in parts_of(GOOD).items():
            if part != name:
                archive.writestr(part, content)
        archive.writestr(name, packed)
    lying = bytearray(out.getvalue())
    # In both headers: it is deflated, and ten bytes long.
    local = lying.rindex(b"PK\x03\x04", 0, lying.index(name.encode()))
    listed = lying.rindex(b"PK\x01\x02", 0, lying.rindex(name.encode()))
    for place, method, size in ((local, 8, 22), (listed, 10, 24)):
        struct.pack_into("<H", lying, place + method, zipfile.ZIP_DEFLATED)
        struct.pack_into("<I", lying, place + size, 10)
    assert await refusal(bytes(lying)) == "workbook_not_xlsx"


async def test_a_part_that_stands_twice_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in parts_of(GOOD).items():
            archive.writestr(name, part)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(SHEET, parts_of(GOOD)[SHEET])
    assert await refusal(out.getvalue()) == "workbook_damaged"


@pytest.mark.parametrize(
    "xml",
    [
        '<row r="1048576"><c r="A1048576"><v>1</v></c></row>',
        '<row r="1"><c r="XFD1"><v>1</v></c></row>',
        '<row r="1"><c r="A1"/></row><row r="30000"><c r="B30000" t="inlineStr"><is><t>x</t></is></c></row>',
        '<row r="1"><c r="ZZZZZZZZZZZZZZ1"><v>1</v></c></row>',
        '<row r="1">' + "<c><v>1</v></c>" * 41 + "</row>",
        '<row><c r="A99999"><f>1</f></c></row>',
    ],
)
async def test_no_room_is_made_for_cells_that_stand_far_out(xml: str) -> None:
    assert await refusal(with_sheet(xml)) in ("workbook_too_many_cells", "workbook_damaged")


async def test_empty_cells_far_out_do_no_harm() -> None:
    """Excel leaves formatted empty cells behind; they hold nothing."""
    far = '<row r="1"><c r="A1" t="inlineStr"><is><t>姓名</t></is></c><c r="XFD1" s="0"/></row>'
    found = (await read_workbook(with_sheet(far)))["职工"]
    assert found.rows == ((0, ("姓名",)),)


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE x>",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    ],
)
async def test_xml_that_declares_things_is_refused(head: str) -> None:
    assert await refusal(with_sheet('<row r="1"><c r="A1"><v>1</v></c></row>', head=head)) == "workbook_damaged"


async def test_a_reader_that_is_taken_down_is_only_a_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the parser falls over or needs too long, the child ends and the officer is told; nothing else notices."""
    monkeypatch.setattr(reading, "_LIMITS", Limits(wall_s=0.0))
    assert await refusal(GOOD) == "workbook_damaged"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_a_workbook_that_was_tampered_with_is_read_or_refused(data: st.DataObject) -> None:
    """Bytes flipped, cut, doubled anywhere in the file or in the sheet: never anything but an answer."""
    inside = data.draw(st.booleans())
    content = bytearray(parts_of(GOOD)[SHEET] if inside else GOOD)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "double"]))
        if how == "flip":
            content[place] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del content[place : place + data.draw(st.integers(1, 40))]
        else:
            content[place:place] = content[place : place + data.draw(st.integers(1, 40))]
        if not content:
            break
    try:
        sheets = await read_workbook(rebuilt({SHEET: bytes(content)}) if inside else bytes(content))
    except RuleViolation:
        return
    assert all(isinstance(sheet, Sheet) for sheet in sheets.values())
