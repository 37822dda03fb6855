"""Mutual aid at the desk: a unit's enrolment from the list of staff to covers, ends, gaps, the insurer's list."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import msgspec
import pytest
from python_calamine import CalamineWorkbook

from backend.accounts.consents import VERSION
from backend.applications.case import load_case
from backend.applications.lifecycle import Action, State
from backend.clock import LOCAL, set_business_clock
from backend.database import fetch, fetch_value
from backend.documents.kinds import PaperKind
from backend.insurance.lines import EnrolmentInput, HealthInput, InsuredInput
from backend.insurance.terms import Group
from backend.operations.demo_covers import publish_plan, seed_plans
from backend.operations.demo_plans import WOMEN
from tests import services
from tests.console.desk_world import World, make_world, press

SMALL = msgspec.structs.replace(WOMEN, group=Group(persons=1, percent=60, clause="女职工计划(示例)"))
HOME = "/review/mutual-aid"


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        async with services.logged_in_as("niangjia_owner"):
            await seed_plans(made.services.programmes, made.by, made.unions["city"])
        for worker in made.workers.values():
            await made.services.consents.give(worker, "share_with_insurer", VERSION)
        yield made


async def version_of(code: str) -> str:
    found = await fetch_value(
        "SELECT v.id FROM programme_version v JOIN programme p ON p.id = v.programme WHERE p.code = $1", code
    )
    return str(found)


async def small_plan(world: World) -> str:
    async with services.logged_in_as("niangjia_owner"):
        version = await publish_plan(
            world.services.programmes, world.by, world.unions["city"], "W2", "女职工互助", "Women", SMALL
        )
    return str(version)


async def test_the_officer_picks_saves_submits_and_each_is_assessed_on_the_case_page(world: World) -> None:
    plan, unit = await small_plan(world), world.unions["daizong"]
    officer = await world.desk("officer-daizong")
    home = await officer.get(HOME)
    assert home.status_code == 200 and "女职工互助" in home.text and "集体参保…" in home.text
    path = f"{HOME}/groups/new?plan={plan}&unit={unit}"
    opened = await officer.get(path)
    assert opened.status_code == 200
    assert "还差 1 人" in opened.text and opened.text.count("不可参保</span>") == 3
    women = [worker for name, worker in world.workers.items() if name in ("古丽·买买提", "宋雨桐", "陈秋实", "石大海")]
    picks = {f"pick_{worker.person_id}": "1" for worker in women}
    counted = await press(
        world, "officer-daizong", path, f"{HOME}/groups", plan=plan, unit=str(unit), shares="1", do="count", **picks
    )
    assert counted.status_code == 200 and "不在本计划的性别、年龄范围内" in counted.text
    assert await fetch_value("SELECT count(*) FROM enrolment") == 0
    made = await press(
        world, "officer-daizong", path, f"{HOME}/groups", plan=plan, unit=str(unit), shares="1", do="save", **picks
    )
    assert made.status_code == 303
    page = made.headers["location"]
    assert (await officer.get(page)).status_code == 200
    application = await fetch_value("SELECT application FROM enrolment")
    case = await load_case(application)
    sent = await press(
        world,
        "officer-daizong",
        f"/review/cases/{application}",
        f"/review/cases/{application}/act",
        action="submit",
        version=str(case.version_number),
        comment="",
    )
    assert sent.status_code == 303, re.sub(r"<[^>]+>", " ", sent.text)[:600]
    await world.act(world.by["officer-daizong"], case, Action.APPROVE, "属实")
    await world.act(world.by["hr-sun"], case, Action.APPROVE)
    desk = await world.desk("hr-wang")
    assessed = await desk.get(f"/review/cases/{application}")
    assert "核定" in assessed.text and "被保障人 4 人" in assessed.text
    rows = await fetch("SELECT id, proposal FROM enrolment_member ORDER BY id")
    verdicts = {f"verdict_{row['id']}": "accepted" if row["proposal"] == "accept" else "refused" for row in rows}
    case = await load_case(application)
    done = await press(
        world,
        "hr-wang",
        f"/review/cases/{application}",
        f"/review/cases/{application}/act",
        action="assess",
        version=str(case.version_number),
        comment="",
        **verdicts,
    )
    assert done.status_code == 303, re.sub(r"<[^>]+>", " ", done.text)[:800]
    assert (await load_case(application)).state is State.APPROVED
    shown = await officer.get(page)
    assert "同意参保" in shown.text and "2026-04-01" in shown.text


async def covered(world: World, name: str) -> None:
    worker = world.workers[name]
    entered = EnrolmentInput(
        shares=1, members=(InsuredInput(health=HealthInput(healthy=True, conditions="季节性过敏")),)
    )
    version = await version_of("TA-MA-CI")
    case = await world.services.enrolments.draft(worker, UUID(version), entered)
    upload = await world.paper(worker, PaperKind.RESIDENT_ID)
    await world.services.applications.attach(worker, case.id, "identity", upload)
    await world.act(worker, case, Action.SUBMIT)
    await world.act(world.by["officer-daizong"], case, Action.APPROVE, "属实")
    await world.verify_papers(case)
    await world.act(world.by["hr-sun"], case, Action.APPROVE)
    (member,) = await fetch(
        "SELECT m.id FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment WHERE e.application = $1", case.id
    )
    current = await load_case(case.id)
    done = await press(
        world,
        "hr-wang",
        f"/review/cases/{case.id}",
        f"/review/cases/{case.id}/act",
        action="assess",
        version=str(current.version_number),
        comment="",
        **{f"verdict_{member['id']}": "accepted"},
    )
    assert done.status_code == 303, re.sub(r"<[^>]+>", " ", done.text)[:800]


async def test_covers_are_found_ended_listed_and_missed(world: World) -> None:
    await covered(world, "陈秋实")
    await set_business_clock(services.dsn("niangjia_owner"), datetime(2026, 5, 4, 9, 0, tzinfo=LOCAL))
    officer, other, hr = [await world.desk(name) for name in ("officer-daizong", "officer-dailu", "hr-wang")]
    assert "陈秋实" in (await officer.get(f"{HOME}/covers")).text
    assert "陈秋实" not in (await other.get(f"{HOME}/covers")).text
    found = await press(world, "hr-wang", f"{HOME}/covers", f"{HOME}/covers/find", q="陈秋实", on="2026-04-02")
    assert "等待期内" in found.text and "5,000.00" in found.text and "法定继承人" in found.text
    person = world.workers["陈秋实"].person_id
    gaps = (await officer.get(f"{HOME}/gaps?unit={world.unions['daizong']}&plan={await version_of('TA-MA-CI')}")).text
    assert "陈秋实" not in gaps and "宋雨桐" in gaps and "符合条件,尚未申请" in gaps
    assert (await other.get(f"{HOME}/gaps?unit={world.unions['daizong']}")).status_code == 404
    path = f"{HOME}/departures/{person}"
    looked = await press(world, "officer-daizong", path, path, reason="left", on="2026-05-01", do="look")
    assert looked.status_code == 200 and "终止于 2026-05-01" in looked.text
    assert (await other.get(path)).status_code == 404
    ended = await press(world, "officer-daizong", path, path, reason="left", on="2026-05-01", do="end")
    assert ended.status_code == 303
    assert "已终止" in (await officer.get(f"{HOME}/covers")).text
    lists = f"{HOME}/lists"
    refused = await press(
        world,
        "hr-wang",
        lists,
        lists,
        plan=str(await _programme()),
        from_on="2026-03-01",
        to_on="2026-05-31",
        reason="",
    )
    assert refused.status_code == 422
    made = await press(
        world,
        "hr-wang",
        lists,
        lists,
        plan=str(await _programme()),
        from_on="2026-03-01",
        to_on="2026-05-31",
        reason="报送承办机构",
    )
    rows = CalamineWorkbook.from_filelike(io.BytesIO(made.content)).get_sheet_by_name("变动名单").to_python()
    assert [row[1] for row in rows[3:]] == ["参保", "终止"]
    assert (await officer.get(lists)).status_code == 404
    assert (await hr.get(f"{HOME}/covers", headers={"Accept-Language": "en"})).status_code == 200


async def _programme() -> object:
    return await fetch_value("SELECT id FROM programme WHERE code = 'TA-MA-CI'")


async def test_a_health_declaration_opens_for_a_reason_alone(world: World) -> None:
    await covered(world, "陈秋实")
    application = await fetch_value("SELECT application FROM enrolment")
    path = f"{HOME}/health/{application}"
    asked = await (await world.desk("hr-wang")).get(path)
    assert asked.status_code == 200 and "季节性过敏" not in asked.text
    refused = await press(world, "hr-wang", path, path, reason="看")
    assert refused.status_code == 422 and "季节性过敏" not in refused.text
    shown = await press(world, "hr-wang", path, path, reason="核定参保资格")
    assert "季节性过敏" in shown.text
    # The employer's own officer reads the case, and not this.
    path_of_case = f"/review/cases/{application}"
    assert path in (await (await world.desk("hr-wang")).get(path_of_case)).text
    assert path not in (await (await world.desk("officer-daizong")).get(path_of_case)).text
    closed = await press(world, "officer-daizong", path, path, reason="想看一看")
    assert closed.status_code == 403 and "季节性过敏" not in closed.text
    reason = await fetch_value("SELECT reason FROM audit_entry WHERE act = 'cover.health'")
    assert reason == "核定参保资格"
    assert (await (await world.desk("officer-dailu")).get(path)).status_code == 404
    assert (await (await world.desk("finance-qin")).get(path)).status_code == 404


async def test_the_menu_leads_there_and_others_are_told_there_is_nothing(world: World) -> None:
    for username, status in (("officer-daizong", 200), ("hr-wang", 200), ("auditor-xu", 200), ("security", 404)):
        assert (await (await world.desk(username)).get(HOME)).status_code == status
