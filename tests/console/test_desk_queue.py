"""The queue: what each role finds in it, and what it never shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from backend.applications.lifecycle import Action
from backend.clock import set_business_clock
from backend.database import execute, fetch_value
from backend.operations.demo_cases import STAY
from backend.operations.demo_people import WORKERS, resident_id
from tests import services
from tests.console.desk_world import BEGINS, World, hidden, make_world, relate

TABS = ("mine", "others", "overdue", "returned", "all")


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        yield made


async def seen(world: World, username: str, address: str = "/review/") -> str:
    answer = await (await world.desk(username)).get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_submitted_request_waits_for_the_officer_of_its_unit_alone(world: World) -> None:
    case = await world.request("古丽·买买提")
    assert case.number in await seen(world, "officer-daizong")
    for tab in TABS:
        assert case.number not in await seen(world, "officer-dailu", f"/review/?tab={tab}")
    assert case.number not in await seen(world, "chair-han")
    assert case.number in await seen(world, "chair-han", "/review/?tab=others")


async def test_each_stage_moves_the_case_to_the_next_role(world: World) -> None:
    case = await world.at_papers("古丽·买买提", "officer-daizong")
    assert case.number not in await seen(world, "officer-daizong")
    assert case.number in await seen(world, "officer-daizong", "/review/?tab=others")
    assert case.number in await seen(world, "hr-wang")
    await world.verify_papers(case)
    await world.act(world.by["hr-wang"], case, Action.APPROVE)
    assert case.number in await seen(world, "reviewer-zhou")
    assert case.number not in await seen(world, "chair-han")


async def test_a_committee_case_comes_to_the_chair_with_the_quorum_and_leaves_who_has_voted(world: World) -> None:
    case = await world.at_committee("高远航", "officer-pingyang")
    for reviewer in ("reviewer-zhou", "reviewer-zheng", "reviewer-feng"):
        assert case.number in await seen(world, reviewer)
        assert case.number not in await seen(world, "chair-han")
        await world.review(reviewer, case)
        assert case.number not in await seen(world, reviewer)
    assert case.number in await seen(world, "chair-han")


async def test_the_queue_offers_nothing_that_the_door_would_refuse(world: World) -> None:
    # reviewer-wu works at the hospital, reviewer-chen is her husband.
    case = await world.at_committee("高远航", "officer-pingyang")
    chen = await fetch_value("SELECT person FROM console_account WHERE id = $1", world.accounts["reviewer-chen"])
    assert case.subject_person is not None
    await relate(case.subject_person, chen)
    for barred in ("reviewer-wu", "reviewer-chen"):
        assert case.number not in await seen(world, barred)
        assert case.number in await seen(world, barred, "/review/?tab=others")
    await world.act(world.by["reviewer-zhou"], case, Action.RECUSE, "与申请人同村")
    assert case.number not in await seen(world, "reviewer-zhou")


async def test_overdue_and_returned_have_tabs_of_their_own(world: World) -> None:
    late = await world.request("古丽·买买提")
    back = await world.act(
        world.by["officer-dailu"], await world.request("林晚晴"), Action.RETURN, "请补充外派时间的说明"
    )
    assert late.number not in await seen(world, "chair-han", "/review/?tab=overdue")
    await set_business_clock(services.dsn("niangjia_owner"), BEGINS + timedelta(days=20))
    overdue = await seen(world, "chair-han", "/review/?tab=overdue")
    assert late.number in overdue
    assert "逾期" in overdue
    returned = await seen(world, "chair-han", "/review/?tab=returned")
    assert back.number in returned
    assert late.number not in returned


async def test_a_draft_that_its_worker_keeps_is_in_no_queue(world: World) -> None:
    actor = world.workers["古丽·买买提"]
    assert actor.person_id is not None
    case = await world.services.requests.draft(actor, world.batch, actor.person_id, STAY)
    for tab in TABS:
        assert case.number not in await seen(world, "officer-daizong", f"/review/?tab={tab}")
    answer = await (await world.desk("officer-daizong")).get(f"/review/cases/{case.id}")
    assert answer.status_code == 404


async def test_the_auditor_reads_all_and_nothing_waits_for_them(world: World) -> None:
    case = await world.request("古丽·买买提")
    assert case.number not in await seen(world, "auditor-xu")
    assert case.number in await seen(world, "auditor-xu", "/review/?tab=all")


@pytest.mark.parametrize("username", ["security", "sysadmin", "finance-qin"])
async def test_who_reads_no_cases_has_no_queue(world: World, username: str) -> None:
    case = await world.request("古丽·买买提")
    browser = await world.desk(username)
    for address in ("/review/", "/review/?tab=all", f"/review/cases/{case.id}", "/review/notices"):
        assert (await browser.get(address)).status_code == 404


async def test_nobody_finds_their_own_case(world: World) -> None:
    case = await world.request("古丽·买买提")
    officer = world.accounts["officer-daizong"]
    await execute("UPDATE console_account SET person = $2 WHERE id = $1", officer, case.subject_person)
    for tab in TABS:
        assert case.number not in await seen(world, "officer-daizong", f"/review/?tab={tab}")


async def test_filters_narrow_and_a_page_leads_to_the_next(world: World) -> None:
    numbers = [(await world.request(name)).number for name in ("古丽·买买提", "林晚晴", "高远航")]
    dailu = world.unions["dailu"]
    narrowed = await seen(world, "chair-han", f"/review/?tab=all&unit={dailu}")
    assert [number in narrowed for number in numbers] == [False, True, False]
    assert numbers[0] in await seen(world, "chair-han", "/review/?tab=all&q=古丽")
    assert numbers[0] not in await seen(world, "chair-han", "/review/?tab=all&q=%25%25")
    assert "没有" in await seen(world, "chair-han", "/review/?tab=others&stage=committee")
    assert numbers[2] in await seen(world, "chair-han", "/review/?tab=others&after=%00&unit=x&kind=")


async def test_pages_follow_one_another_without_a_gap(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.review.queue.PAGE_SIZE", 2)
    numbers = [(await world.request(worker.name)).number for worker in WORKERS[:5]]
    for tab in ("others", "all"):
        found, address = [], f"/review/?tab={tab}"
        for _ in range(3):
            html = await seen(world, "chair-han", address)
            found += [number for number in numbers if number in html]
            _, _, rest = html.partition('rel="next" href="')
            address = rest.partition('"')[0].replace("&amp;", "&")
        assert sorted(found) == numbers
        assert address == ""


async def test_an_id_number_is_looked_up_in_scope_and_stands_in_no_address(world: World) -> None:
    case = await world.request("古丽·买买提")
    number = resident_id(WORKERS[0].born_on, WORKERS[0].serial)
    for username, known in (("chair-han", True), ("officer-dailu", False)):
        browser = await world.desk(username)
        form = hidden((await browser.get("/review/")).text, "/review/search")
        for words in (number, WORKERS[0].phone, number.replace("37", "11", 1)):
            answer = await browser.post("/review/search", data={**form, "q": words})
            assert answer.status_code == 303
            assert words not in answer.headers["location"]
            html = (await browser.get(answer.headers["location"])).text
            assert words not in html
            assert (case.number in html) == (known and words != number.replace("37", "11", 1))


async def test_the_search_takes_a_case_number(world: World) -> None:
    case = await world.request("古丽·买买提")
    browser = await world.desk("chair-han")
    form = hidden((await browser.get("/review/")).text, "/review/search")
    answer = await browser.post("/review/search", data={**form, "q": case.number.lower()}, follow_redirects=True)
    assert f"/review/cases/{case.id}" in answer.text


async def test_the_page_speaks_english_when_asked(world: World) -> None:
    case = await world.request("古丽·买买提")
    browser = await world.desk("officer-daizong")
    html = (await browser.get("/review/", headers={"accept-language": "en"})).text
    assert "For me to act on" in html
    assert case.number in html
