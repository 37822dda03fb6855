"""The roster at the desk: template, upload, dry run with each wrong cell, ticks, acceptance; for its officer alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest

from backend.database import fetch_value
from backend.registry.roster.reading import read_workbook
from tests.console.desk_world import World, hidden, make_world, press
from tests.rosters import child_number, number, relative, workbook, worker

OFFICER, PAGE = "officer-daizong", "/review/records/roster"


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        yield made


async def upload(world: World, content: bytes, username: str = OFFICER, unit: str = "daizong") -> httpx.Response:
    browser = await world.desk(username)
    form = hidden((await browser.get(PAGE)).text, PAGE)
    return await browser.post(
        PAGE, data={**form, "unit": str(world.unions[unit])}, files={"file": ("名册.xlsx", content)}
    )


async def dry_run(world: World, content: bytes) -> tuple[str, str]:
    """The path of the dry run and its page."""
    answer = await upload(world, content)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    opened = await (await world.desk(OFFICER)).get(path)
    assert opened.status_code == 200
    return path, opened.text


async def accept(world: World, path: str, *rows: str) -> httpx.Response:
    browser = await world.desk(OFFICER)
    form = hidden((await browser.get(path)).text, f"{path}/accept")
    return await browser.post(f"{path}/accept", data={**form, "row": list(rows)})


def ticked(html: str) -> list[str]:
    return re.findall(r'name="row" value="([^"]+)"[^>]* checked', html)


async def test_the_template_can_be_filled_in_and_sent_back(world: World) -> None:
    browser = await world.desk(OFFICER)
    assert "名册导入" in (await browser.get("/review/records")).text
    answer = await browser.get(f"{PAGE}/template", params={"unit": str(world.unions["daizong"])})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    sheets = await read_workbook(answer.content)
    assert [len(sheets[name].rows) for name in ("职工", "家属")] == [2, 2]
    _, html = await dry_run(world, answer.content)
    assert "表中没有可读取的行" in html, "the example is passed over"
    for refused in ({}, {"unit": "x"}, {"unit": str(world.unions["dailu"])}):
        assert (await browser.get(f"{PAGE}/template", params=refused)).status_code in (400, 404)


async def test_each_wrong_cell_is_named_and_nothing_is_written(world: World) -> None:
    records = await fetch_value("SELECT count(*) FROM staff_record")
    content = workbook(
        [
            worker(1, joined_on="2015.7.1", identifier="370999850615001"),
            worker(2, phone=("=13800000000", "13800000000")),
            worker(3),
        ],
        [relative(3, 1), relative(9, 2)],
    )
    path, html = await dry_run(world, content)
    for cell, why in (
        ("职工!K2", "日期写成了文本"),
        ("职工!D2", "15 位旧身份证号"),
        ("职工!G3", "单元格含有公式"),
        ("家属!B3", "本表和本单位档案中没有这位职工"),
    ):
        assert re.search(rf"{cell}</b> [^<]*{why}", html), cell
    assert ticked(html) == ["s4", "f2"]
    for secret in (number(3), child_number(1), "13900000003"):
        assert secret not in html
    assert await fetch_value("SELECT count(*) FROM staff_record") == records
    english = await (await world.desk(OFFICER)).get(path, headers={"Accept-Language": "en"})
    assert "The date is text" in english.text


async def test_some_rows_are_ticked_and_written_once(world: World) -> None:
    records = await fetch_value("SELECT count(*) FROM staff_record")
    content = workbook([worker(1), worker(2), worker(3)], [relative(1, 1), relative(2, 2)])
    path, html = await dry_run(world, content)
    assert ticked(html) == ["s2", "s3", "s4", "f2", "f3"]
    alone = await accept(world, path, "s3", "f2")
    assert alone.status_code == 422
    assert "请同时勾选职工表第 2 行" in alone.text
    assert ticked(alone.text) == ["s3", "f2"], "what was ticked is kept"
    assert (await accept(world, path)).status_code == 422
    assert (await accept(world, path, "s99")).status_code == 422
    browser = await world.desk(OFFICER)
    form = hidden((await browser.get(path)).text, f"{path}/accept")
    sent = {**form, "row": ["s2", "s4", "f2"]}
    for _ in range(2):
        done = await browser.post(f"{path}/accept", data=sent)
        assert done.status_code == 303
    html = (await browser.get(done.headers["location"])).text
    assert "勾选的行已写入" in html and "名册数据已清除" in html
    assert f'action="{path}/accept"' not in html
    assert await fetch_value("SELECT count(*) FROM staff_record") == records + 2
    path, html = await dry_run(world, content)
    assert ticked(html) == ["s3", "f3"]
    assert "已在档" in html
    record = await fetch_value("SELECT id FROM staff_record WHERE source = 'unit' ORDER BY id DESC LIMIT 1")
    assert "单位登记" in (await browser.get(f"/review/records/{record}")).text


async def test_changed_rows_are_shown_with_both_values_and_not_ticked(world: World) -> None:
    path, _ = await dry_run(world, workbook([worker(1)]))
    await accept(world, path, "s2")
    path, html = await dry_run(world, workbook([worker(1, department="急诊科", joined_on=date(2016, 1, 1))]))
    assert ticked(html) == []
    assert re.search(r"科室:重症医学科 → <b>急诊科</b>", html)
    assert re.search(r"到本单位日期:2015-07-01 → <b>2016-01-01</b>", html)
    assert (await accept(world, path, "s2")).status_code == 303
    assert await fetch_value("SELECT count(*) FROM staff_record WHERE department = '急诊科'") >= 1


@pytest.mark.parametrize(
    ("content", "status", "why"),
    [
        (b"name,phone\n", 422, "不是 .xlsx 工作簿"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), 422, "旧版 .xls 或设有密码"),
        (bytes(5 * 1024 * 1024 + 1), 413, "超过 5 MB"),
    ],
)
async def test_a_file_that_is_no_roster_is_told_so(world: World, content: bytes, status: int, why: str) -> None:
    answer = await upload(world, content)
    assert answer.status_code == status
    assert why in answer.text
    assert await fetch_value("SELECT count(*) FROM roster_import") == 0


async def test_a_form_without_a_file_or_a_unit_says_so(world: World) -> None:
    browser = await world.desk(OFFICER)
    form = hidden((await browser.get(PAGE)).text, PAGE)
    nothing = await browser.post(PAGE, data={**form, "unit": str(world.unions["daizong"])})
    assert nothing.status_code == 422 and "请选择文件" in nothing.text
    assert (await browser.post(PAGE, data=form, files={"file": ("a.xlsx", b"x")})).status_code == 400
    foreign = await browser.post(PAGE, data={"unit": str(world.unions["daizong"])}, files={"file": ("a.xlsx", b"x")})
    assert foreign.status_code == 403


async def test_a_roster_is_its_officers_alone(world: World) -> None:
    path, _ = await dry_run(world, workbook([worker(1)]))
    for username in ("officer-dailu", "hr-wang", "auditor-xu", "chair-han", "sysadmin"):
        browser = await world.desk(username)
        assert (await browser.get(path)).status_code == 404, username
        form = hidden((await browser.get("/password")).text, "/password") if username == "hr-wang" else {}
        assert (await browser.post(f"{path}/accept", data={**form, "row": "s2"})).status_code in (403, 404), username
    for username in ("hr-wang", "auditor-xu", "sysadmin"):
        assert (await (await world.desk(username)).get(PAGE)).status_code == 404
    elsewhere = await upload(world, workbook([worker(1)]), "officer-dailu", "daizong")
    assert elsewhere.status_code == 404
    assert await fetch_value("SELECT state FROM roster_import") == "dry_run"
    discarded = await press(world, OFFICER, path, f"{path}/discard")
    assert discarded.status_code == 303
    assert "已作废" in (await (await world.desk(OFFICER)).get(path)).text


async def test_nothing_of_a_roster_reaches_the_log(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    bad = workbook([worker(1, identifier="370999198506150017"), worker(2)], [relative(2, 1)])
    path, _ = await dry_run(world, bad)
    await accept(world, path, "s3", "f2")
    said = "".join(capfd.readouterr())
    for secret in ("370999198506150017", number(2), child_number(1), "13900000002", "名册护士"):
        assert secret not in said


async def test_a_big_hospital_is_shown_and_accepted_at_once(world: World) -> None:
    """600 staff with their families, every row ticked; the bench measures 5,000."""
    content = workbook([worker(serial) for serial in range(600)], [relative(serial, serial) for serial in range(600)])
    path, html = await dry_run(world, content)
    assert len(ticked(html)) == 1_200
    assert (await accept(world, path, *ticked(html))).status_code == 303
    assert await fetch_value("SELECT count(*) FROM relation WHERE source = 'unit'") == 600
