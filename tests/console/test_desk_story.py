"""The other pages of the desk by their forms: batches to the roster, notices, filing on behalf, records, roles."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from datetime import date, datetime

import pytest
from python_calamine import CalamineWorkbook

from backend.applications.case import load_case
from backend.applications.lifecycle import Action, State
from backend.clock import LOCAL, set_business_clock
from backend.database import fetch, fetch_one, fetch_value
from backend.documents.kinds import PaperKind
from backend.operations.demo_people import resident_id
from storage.s3 import S3Store
from tests import services
from tests.console.desk_world import HIGH, World, hidden, make_world, press
from tests.integration.paper_world import jpeg


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        yield made


async def at(instant: datetime) -> None:
    await set_business_clock(services.dsn("niangjia_owner"), instant)


def batch_fields(**changes: str) -> dict[str, str]:
    return {
        "name": "第二批 黄山",
        "starts_on": "2026-05-18",
        "ends_on": "2026-05-24",
        "capacity": "3",
        "cost_yuan": "580.50",
        "funding_source": "市总工会专项资金",
        "companion_rule": "self_paid",
        "opens_at": "2026-03-02T08:00",
        "closes_at": "2026-03-20T18:00",
        "confirm_working_days": "3",
        **changes,
    }


async def picked(world: World, page: str, name: str, label: str, username: str = "hr-wang") -> str:
    """The value of the option with this label in a list of choices."""
    html = (await (await world.desk(username)).get(page)).text
    choices = re.search(rf'<select name="{name}".*?</select>', html, re.S)
    assert choices is not None
    options: list[tuple[str, str]] = re.findall(r'value="([^"]*)"[^>]*>([^<]*)', choices[0])
    return next(value for value, words in options if label in words)


async def test_a_batch_is_drafted_by_one_and_opened_by_another(world: World) -> None:
    new = "/review/batches/new"
    fields = batch_fields(
        organiser=await picked(world, new, "organiser", "泰安"),
        programme_version=await picked(world, new, "programme_version", "疗休养"),
        sanatorium=await picked(world, new, "sanatorium", "黄山"),
        emergency=await picked(world, new, "emergency", "疫情"),
    )
    refused = await press(
        world, "hr-wang", new, "/review/batches", **{**fields, "ends_on": "2026-05-01", "capacity": "0"}
    )
    assert refused.status_code == 422
    assert "结束日期早于开始日期" in refused.text
    assert 'value="580.50"' in refused.text
    unreadable = await press(world, "hr-wang", new, "/review/batches", **{**fields, "cost_yuan": "1.234"})
    assert unreadable.status_code == 400
    made = await press(world, "chair-han", new, "/review/batches", **fields)
    assert made.status_code == 303, made.text
    page = made.headers["location"]
    assert await fetch_value("SELECT cost_per_day_fen FROM batch WHERE name = '第二批 黄山'") == 58050
    quota = await press(
        world, "chair-han", page, f"{page}/quota", union=str(world.unions["dailu"]), places="2", reason="按人数"
    )
    assert quota.status_code == 303, quota.text
    beyond = await press(
        world, "chair-han", page, f"{page}/quota", union=str(world.unions["daizong"]), places="2", reason="再加"
    )
    assert beyond.status_code == 422
    assert "超过 3 个" in beyond.text
    assert f'action="{page}/open"' not in (await (await world.desk("chair-han")).get(page)).text
    assert (await press(world, "chair-yang", page, f"{page}/open")).status_code == 303
    assert "开放申请" in (await (await world.desk("auditor-xu")).get(page)).text
    again = await (await world.desk("chair-yang")).get(page)
    stale = {**hidden(again.text, f"{page}/quota"), "version": "1", "union": str(world.unions["dailu"]), "places": "1"}
    assert (await (await world.desk("chair-yang")).post(f"{page}/quota", data=stale)).status_code == 409


async def test_from_the_committee_to_the_roster(world: World) -> None:
    """Three at the central hospital for its two places, one at the district hospital; then what follows."""
    cases = {}
    for name, officer in (
        ("古丽·买买提", "officer-daizong"),
        ("陈秋实", "officer-daizong"),
        ("石大海", "officer-daizong"),
        ("林晚晴", "officer-dailu"),
    ):
        cases[name] = await world.at_committee(name, officer)
        for reviewer in ("reviewer-zhou", "reviewer-zheng", "reviewer-chen"):
            await world.review(reviewer, cases[name], HIGH)
    page = f"/review/batches/{world.batch}"
    early = await press(world, "chair-han", page, f"{page}/allocate")
    assert early.status_code == 422
    assert "申请尚未截止" in early.text
    assert "4 件申请未评审完" in early.text
    for case in cases.values():
        where = f"/review/cases/{case.id}"
        assert (await press(world, "chair-han", where, f"{where}/act", action="decide")).status_code == 303
    await at(datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
    preview = (await (await world.desk("auditor-xu")).get(page)).text
    order = re.findall(r">((?:正选|递补) \d)<.*?<a [^>]*>([^<]+)</a>", preview, re.S)
    assert order == [
        ("正选 1", "古丽·买买提"),
        ("正选 2", "陈秋实"),
        ("正选 3", "林晚晴"),
        ("递补 1", "石大海"),
    ]
    assert f'action="{page}/allocate"' not in preview
    assert (await press(world, "chair-han", page, f"{page}/allocate")).status_code == 303
    html = (await (await world.desk("chair-han")).get(page)).text
    assert "2026-03-17 – 2026-03-24" in html
    assert "5 个工作日(不含发布当日)" in html
    assert (await press(world, "chair-han", page, f"{page}/notice")).status_code == 303

    notice = await fetch_one("SELECT id, last_on FROM notice")
    assert notice is not None and notice["last_on"] == date(2026, 3, 24)
    objected = cases["陈秋实"]
    await world.services.notices.object_(
        world.workers["孟冬梅"], notice["id"], objected.id, "他在疫情期间并不在一线,请核实考勤。"
    )
    listed = (await (await world.desk("chair-han")).get("/review/notices")).text
    assert "1 件待核实" in listed
    entry = (await (await world.desk("chair-han")).get(f"/review/notices/{notice['id']}")).text
    assert f"/review/cases/{objected.id}#objections" in entry
    where = f"/review/cases/{objected.id}"
    # The chair decided on the case in committee, so another one handles the objection, who alone reads its words.
    for username in ("chair-han", "auditor-xu", "officer-daizong", "chair-yang"):
        html = (await (await world.desk(username)).get(where)).text
        assert ("请核实考勤" in html) == (username == "chair-yang")
        assert "孟冬梅" not in html
    assert objected.number in (await (await world.desk("chair-yang")).get("/review/")).text
    assert objected.number not in (await (await world.desk("chair-han")).get("/review/")).text
    dismissed = await press(
        world, "chair-yang", where, f"{where}/act", action="dismiss", comment="已核对考勤与派遣文件,异议不成立"
    )
    assert dismissed.status_code == 303
    assert (await load_case(objected.id)).state is State.ON_NOTICE

    await at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert "公示期间收到异议 1 件" in (await (await world.desk("chair-han")).get("/review/notices")).text
    for name in ("古丽·买买提", "林晚晴"):
        await world.act(world.workers[name], cases[name], Action.CONFIRM)
    await world.act(world.workers["陈秋实"], cases["陈秋实"], Action.DECLINE, "家中有事")
    assert (await load_case(cases["石大海"].id)).state is State.APPROVED
    unexplained = await press(world, "chair-han", page, f"{page}/roster", reason="")
    assert unexplained.status_code == 422
    roster = await press(world, "chair-han", page, f"{page}/roster", reason="交疗养院安排住宿")
    assert roster.status_code == 200
    rows = CalamineWorkbook.from_filelike(io.BytesIO(roster.content)).get_sheet_by_index(0).to_python()
    assert [row[1] for row in rows[3:]] == ["古丽·买买提", "林晚晴"]
    assert await fetch_value("SELECT reason FROM audit_entry WHERE act = 'batch.roster'") == "交疗养院安排住宿"
    assert f'action="{page}/roster"' not in (await (await world.desk("auditor-xu")).get(page)).text
    form = hidden((await (await world.desk("auditor-xu")).get(page)).text, "/preferences")
    browser = await world.desk("auditor-xu")
    assert (await browser.post(f"{page}/roster", data={**form, "reason": "看看名单"})).status_code == 403


async def test_an_officer_files_on_a_workers_behalf_and_it_shows(world: World, store: S3Store) -> None:
    browser = await world.desk("officer-daizong")
    worker = world.workers["石大海"]
    found = await press(world, "officer-daizong", "/review/file", "/review/file/find", q="石大海")
    assert "石大海" in found.text
    assert "陈秋实" not in found.text
    stay = {
        "person": str(worker.person_id),
        "batch": str(world.batch),
        "companions": "1",
        "fit": "yes",
        "conditions": "无",
        "contact_name": "石小河",
        "contact_phone": "138",
        "contact_relation": "儿子",
    }
    refused = await press(world, "officer-daizong", "/review/file", "/review/file", **stay)
    assert refused.status_code == 422
    assert 'value="石小河"' in refused.text
    made = await press(
        world, "officer-daizong", "/review/file", "/review/file", **{**stay, "contact_phone": "13800370099"}
    )
    assert made.status_code == 303, made.text
    page = made.headers["location"]
    missing = await press(world, "officer-daizong", page, f"{page}/act", action="submit")
    assert missing.status_code == 422
    assert missing.text.count("缺少材料") == 3
    for requirement in ("identity:resident_id", "work:work_permit"):
        form = hidden((await browser.get(page)).text, f"{page}/papers/new")
        answer = await browser.post(
            f"{page}/papers/new",
            data={**form, "requirement": requirement},
            files={"file": ("照片.jpg", jpeg(), "image/jpeg")},
        )
        assert answer.status_code == 303, answer.text
    form = hidden((await browser.get(page)).text, f"{page}/papers/new")
    bent = await browser.post(
        f"{page}/papers/new",
        data={**form, "requirement": "merit:merit_statement"},
        files={"file": ("事迹.exe", b"MZ" * 50, "application/octet-stream")},
    )
    assert bent.status_code == 422
    upload = await world.paper(worker, PaperKind.MERIT_STATEMENT)
    used = await press(world, "officer-daizong", page, f"{page}/papers", requirement="merit", upload=str(upload))
    assert used.status_code == 303, used.text
    sent = await press(world, "officer-daizong", page, f"{page}/act", action="submit")
    assert sent.status_code == 303, sent.text
    html = (await browser.get(page)).text
    assert "由 李经办 代为申请" in html
    # Filing counts as acting only in judging stages: the unit's own check is still hers.
    assert (await press(world, "officer-daizong", page, f"{page}/act", action="approve")).status_code == 303
    stranger = await world.desk("officer-dailu")
    assert (await stranger.get(page)).status_code == 404
    elsewhere = await press(
        world, "officer-dailu", "/review/file", "/review/file", **{**stay, "contact_phone": "13800370099"}
    )
    assert elsewhere.status_code == 404


async def test_a_worker_is_reported_and_a_record_is_verified_or_returned(world: World) -> None:
    number = resident_id(date(1992, 3, 3), 7)
    entered = {
        "name": "罗小满",
        "identifier_type": "resident_id",
        "identifier_number": number,
        "phone": "13800370011",
        "unit": str(world.unions["daizong"]),
        "population": "frontline_medical",
        "job_category": "nurse",
        "joined_unit_on": "2016-07-01",
        "certification": "unit_certified",
        "sex": "",
        "service_emergency": str(await fetch_value("SELECT id FROM emergency")),
        "service_place": "本院发热门诊",
        "service_post": "护士",
        "service_dispatch": "none",
        "service_from_on": "2020-02-01",
        "service_to_on": "2020-03-01",
    }
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    refused = await press(
        world, "officer-daizong", "/review/records/new", "/review/records", **{**entered, "identifier_number": wrong}
    )
    assert refused.status_code == 422
    assert "校验位" in refused.text
    assert 'value="罗小满"' in refused.text
    made = await press(world, "officer-daizong", "/review/records/new", "/review/records", **entered)
    assert made.status_code == 303, made.text
    html = (await (await world.desk("officer-daizong")).get(made.headers["location"])).text
    assert "本院发热门诊" in html
    assert number not in html
    page = made.headers["location"].partition("?")[0]
    shown = await press(world, "officer-daizong", page, f"{page}/reveal", reason="与身份证核对")
    assert number in shown.text
    assert (await (await world.desk("officer-dailu")).get(page)).status_code == 404
    elsewhere = await press(
        world, "officer-dailu", "/review/records/new", "/review/records", **{**entered, "phone": "13800370012"}
    )
    assert elsewhere.status_code == 404


async def test_a_programme_is_published_by_a_second_person(world: World) -> None:
    version = await fetch_value("SELECT id FROM programme_version")
    page = f"/review/programmes/{version}"
    html = (await (await world.desk("hr-wang")).get(page)).text
    assert "泰会办〔2020〕7号 (三)5" in html
    text = html.partition("spellcheck")[2].partition(">")[2].partition("</textarea>")[0]
    content = text.replace("&#34;", '"').replace("&lt;", "<").replace("&amp;", "&")
    bent = await press(world, "hr-wang", page, f"{page}/draft", content=content[:-20])
    assert bent.status_code == 400
    made = await press(
        world, "hr-wang", page, f"{page}/draft", content=content.replace('"reviewers": 3', '"reviewers": 5')
    )
    assert made.status_code == 303, made.text
    draft = made.headers["location"]
    assert f'action="{draft}/publish"' not in (await (await world.desk("hr-wang")).get(draft)).text
    assert (await press(world, "chair-han", draft, f"{draft}/publish")).status_code == 303
    html = (await (await world.desk("auditor-xu")).get(draft)).text
    assert "法定 5 人" in html
    assert "王核验" in html and "韩主任" in html


async def test_a_deciding_role_needs_a_second_person(world: World) -> None:
    fields = {
        "account": str(world.accounts["finance-qin"]),
        "role": "chair",
        "union": str(world.unions["city"]),
    }
    assert (await press(world, "security", "/review/roles", "/review/roles", **fields)).status_code == 303
    binding = await fetch_value(
        "SELECT id FROM role_binding WHERE role = 'chair' AND account = $1", world.accounts["finance-qin"]
    )
    assert (await (await world.desk("finance-qin")).get("/review/")).status_code == 404
    html = (await (await world.desk("security")).get("/review/roles")).text
    assert f"/review/roles/{binding}/approve" not in html
    approve = f"/review/roles/{binding}/approve"
    assert (await press(world, "sysadmin", "/review/roles", approve)).status_code == 303
    assert (await (await world.desk("finance-qin")).get("/review/")).status_code == 200
    revoke = f"/review/roles/{binding}/revoke"
    assert (await press(world, "security", "/review/roles", revoke)).status_code == 303
    assert (await (await world.desk("finance-qin")).get("/review/")).status_code == 404
    oneself = {**fields, "account": str(world.accounts["security"])}
    refused = await press(world, "security", "/review/roles", "/review/roles", **oneself)
    assert refused.status_code == 403
    assert not await fetch("SELECT FROM role_binding WHERE account = $1 AND role = 'chair'", world.accounts["security"])
