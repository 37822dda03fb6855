"""The case page: who may open it, what it shows and hides, and acting by its forms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from backend.applications.case import Case, load_case
from backend.applications.lifecycle import Action, State
from backend.database import execute, fetch, fetch_value
from backend.operations.demo_people import WORKERS, resident_id
from storage.keys import RENDITION_SUFFIX, Bucket
from storage.s3 import S3Store
from tests.console.desk_world import HIGH, LOW, World, hidden, make_world, relate
from tests.integration.paper_world import jpeg

NUMBER = resident_id(WORKERS[0].born_on, WORKERS[0].serial)


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        yield made


def path(case: Case) -> str:
    return f"/review/cases/{case.id}"


async def opened(world: World, username: str, case: Case) -> str:
    answer = await (await world.desk(username)).get(path(case))
    assert answer.status_code == 200, answer.text
    return answer.text


async def send(world: World, username: str, case: Case, fields: dict[str, Any], html: str = "") -> httpx.Response:
    """Fill in the form of a page, the present one if none is given, and press a button."""
    page = html or await opened(world, username, case)
    form = hidden(page, f"{path(case)}/act")
    return await (await world.desk(username)).post(f"{path(case)}/act", data={**form, **fields})


async def looks(case: Case, outcome: str) -> int:
    count: int = await fetch_value(
        "SELECT count(*) FROM audit_entry WHERE act = 'case.look' AND object = $1 AND outcome = $2", case.id, outcome
    )
    return count


async def test_the_page_tells_who_why_and_how_it_came(world: World) -> None:
    case = await world.at_papers("古丽·买买提", "officer-daizong")
    html = await opened(world, "hr-wang", case)
    for words in (
        "古丽·买买提",
        "岱宗中心医院",
        "重症医学科",
        "2020-02-09",
        "泰会办〔2020〕7号 (三)5",
        "情况属实",
        "李经办",
    ):
        assert words in html
    assert "优先分 86" in html
    assert [int(points) for points in re.findall(r'<b class="num">(\d+)</b>', html)] == [43, 20, 15, 8]
    assert "3709**********0212" in html
    assert NUMBER not in html
    assert WORKERS[0].phone not in html
    assert await looks(case, "done") == 1


@pytest.mark.parametrize("username", ["officer-dailu", "security", "sysadmin", "finance-qin"])
async def test_a_case_out_of_scope_does_not_exist_and_the_reach_is_recorded(world: World, username: str) -> None:
    case = await world.request("古丽·买买提")
    browser = await world.desk(username)
    unknown = await browser.get(f"/review/cases/{world.batch}")
    answer = await browser.get(path(case))
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert re.sub(r'value="[^"]*"', "", answer.text) == re.sub(r'value="[^"]*"', "", unknown.text)
    assert await looks(case, "refused") == 1


async def test_ones_own_case_is_refused(world: World) -> None:
    case = await world.request("古丽·买买提")
    html = await opened(world, "officer-daizong", case)
    await execute(
        "UPDATE console_account SET person = $2 WHERE id = $1", world.accounts["officer-daizong"], case.subject_person
    )
    assert (await (await world.desk("officer-daizong")).get(path(case))).status_code == 403
    answer = await send(world, "officer-daizong", case, {"action": "approve"}, html)
    assert answer.status_code == 403
    assert (await load_case(case.id)).state is State.SUBMITTED


async def test_a_relatives_case_is_read_but_not_acted_on(world: World) -> None:
    case = await world.request("古丽·买买提")
    html = await opened(world, "officer-daizong", case)
    officer = await fetch_value("SELECT person FROM console_account WHERE id = $1", world.accounts["officer-daizong"])
    assert case.subject_person is not None
    await relate(case.subject_person, officer)
    answer = await send(world, "officer-daizong", case, {"action": "approve"}, html)
    assert answer.status_code == 403
    assert "亲属" in answer.text
    assert 'name="action"' not in await opened(world, "officer-daizong", case)


async def test_the_auditor_is_offered_no_act(world: World) -> None:
    case = await world.request("古丽·买买提")
    html = await opened(world, "auditor-xu", case)
    assert 'name="action"' not in html
    form = hidden(html, f"{path(case)}/reveal")
    fields = {**form, "action": "approve", "version": "2", "token": "a" * 20}
    answer = await (await world.desk("auditor-xu")).post(f"{path(case)}/act", data=fields)
    assert answer.status_code == 403
    assert (await load_case(case.id)).state is State.SUBMITTED


async def test_an_act_goes_on_to_the_next_case_and_back_after_the_last(world: World) -> None:
    first, second = await world.request("古丽·买买提"), await world.request("陈秋实")
    answer = await send(world, "officer-daizong", first, {"action": "approve", "comment": "情况属实"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(path(second))
    answer = await send(world, "officer-daizong", second, {"action": "return", "comment": "请补充证明"})
    assert answer.headers["location"].startswith("/review/?tab=mine")
    assert second.number in (await (await world.desk("officer-daizong")).get(answer.headers["location"])).text
    assert (await load_case(first.id)).stage_key == "papers"
    assert (await load_case(second.id)).state is State.RETURNED


async def test_returning_without_a_reason_says_so_and_changes_nothing(world: World) -> None:
    case = await world.request("古丽·买买提")
    answer = await send(world, "officer-daizong", case, {"action": "return", "comment": "  "})
    assert answer.status_code == 422
    assert "请写明理由" in answer.text
    assert (await load_case(case.id)).state is State.SUBMITTED


async def test_a_stale_page_shows_what_changed_and_keeps_the_comment(world: World) -> None:
    case = await world.request("古丽·买买提")
    old = await opened(world, "officer-daizong", case)
    await world.act(world.by["officer-daizong"], case, Action.RETURN, "请补充证明")
    answer = await send(world, "officer-daizong", case, {"action": "approve", "comment": "我看过了,情况属实"}, old)
    assert answer.status_code == 409
    assert "已被他人更新" in answer.text
    assert "李经办:退回补正" in answer.text
    assert (await load_case(case.id)).state is State.RETURNED
    # The form is gone with the case; where there is still one, the words stand in it again.
    again = await world.at_papers("陈秋实", "officer-daizong")
    await world.verify_papers(again)
    old = await opened(world, "hr-wang", again)
    await execute("UPDATE application SET version = version + 1 WHERE id = $1", again.id)
    answer = await send(world, "hr-wang", again, {"action": "approve", "comment": "原件已比对"}, old)
    assert answer.status_code == 409
    assert "原件已比对" in answer.text
    kept = await send(world, "hr-wang", again, {"action": "approve", "comment": "原件已比对"}, answer.text)
    assert kept.status_code == 303


async def test_a_form_that_is_sent_twice_acts_once(world: World) -> None:
    case = await world.request("古丽·买买提")
    html = await opened(world, "officer-daizong", case)
    fields = {"action": "approve", "comment": "情况属实"}
    answers = await asyncio.gather(*(send(world, "officer-daizong", case, fields, html) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {303}
    acts = await fetch("SELECT FROM application_event WHERE application = $1 AND action = 'approve'", case.id)
    assert len(acts) == 1
    other = await send(world, "officer-daizong", case, {"action": "reject", "comment": "不同"}, html)
    assert other.status_code == 422


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "approve", "token": ""},
        {"action": "approve", "token": "short"},
        {"action": "approve", "version": "x"},
        {"action": "explode"},
        {"action": "review", "comment": "x" * 3000},
    ],
)
async def test_a_form_that_was_bent_is_refused_in_words(world: World, fields: dict[str, str]) -> None:
    case = await world.request("古丽·买买提")
    answer = await send(world, "officer-daizong", case, fields)
    assert answer.status_code in (400, 409)
    assert 'id="refusal"' in answer.text
    assert (await load_case(case.id)).state is State.SUBMITTED


async def test_a_form_from_elsewhere_is_refused(world: World) -> None:
    case = await world.request("古丽·买买提")
    form = hidden(await opened(world, "officer-daizong", case), f"{path(case)}/act")
    browser = await world.desk("officer-daizong")
    for bent in ({"_csrf": ""}, {"_csrf": "0" * 64}):
        answer = await browser.post(f"{path(case)}/act", data={**form, "action": "approve", **bent})
        assert answer.status_code == 403
    elsewhere = {"origin": "http://elsewhere.test"}
    answer = await browser.post(f"{path(case)}/act", data={**form, "action": "approve"}, headers=elsewhere)
    assert answer.status_code == 403
    assert (await load_case(case.id)).state is State.SUBMITTED


async def test_looking_at_the_id_number_needs_a_reason_and_is_recorded(world: World) -> None:
    case = await world.request("古丽·买买提")
    browser = await world.desk("officer-daizong")
    form = hidden(await opened(world, "officer-daizong", case), f"{path(case)}/reveal")
    refused = await browser.post(f"{path(case)}/reveal", data={**form, "reason": "看"})
    assert refused.status_code == 422
    assert NUMBER not in refused.text
    shown = await browser.post(f"{path(case)}/reveal", data={**form, "reason": "与原件核对"})
    assert NUMBER in shown.text
    assert shown.headers["cache-control"] == "no-store"
    reasons = await fetch("SELECT reason, detail FROM audit_entry WHERE act = 'person.reveal'")
    assert [row["reason"] for row in reasons] == ["与原件核对"]
    assert NUMBER not in reasons[0]["detail"]
    assert NUMBER not in await opened(world, "officer-daizong", case)


async def test_reviews_are_hidden_until_ones_own_is_in(world: World) -> None:
    case = await world.at_committee("高远航", "officer-pingyang")
    await world.review("reviewer-zhou", case, LOW, "一线时间偏短")
    for username in ("reviewer-zheng", "chair-han", "auditor-xu", "officer-pingyang", "hr-sun"):
        html = await opened(world, username, case)
        assert "1/3" in html
        assert "一线时间偏短" not in html
        assert "周委员" not in html
    scores = {"score_contribution": "90", "score_performance": "85", "score_need": "80"}
    fields = {"action": "review", "passes": "yes", "comment": "同意", **scores}
    answer = await send(world, "reviewer-zheng", case, fields)
    assert answer.status_code == 303
    html = await opened(world, "reviewer-zheng", case)
    assert "一线时间偏短" in html
    assert "周委员" in html
    assert 'value="review"' not in html
    await world.review("reviewer-feng", case)
    assert "一线时间偏短" in await opened(world, "chair-han", case)
    for username in ("officer-pingyang", "auditor-xu"):
        assert "一线时间偏短" not in await opened(world, username, case)


async def test_a_review_must_be_whole(world: World) -> None:
    case = await world.at_committee("高远航", "officer-pingyang")
    answer = await send(world, "reviewer-zhou", case, {"action": "review", "passes": "yes", "score_contribution": "90"})
    assert answer.status_code == 422
    assert "工作表现" in answer.text
    assert (
        'name="score_contribution" type="number" min="0" max="100" step="1" inputmode="numeric" required value="90"'
        in (answer.text)
    )
    bent = {"score_contribution": "900", "score_performance": "1", "score_need": "1"}
    answer = await send(world, "reviewer-zhou", case, {"action": "review", "passes": "no", **bent})
    assert answer.status_code == 422
    answer = await send(world, "reviewer-zhou", case, {"action": "review"})
    assert answer.status_code == 422
    assert not await fetch("SELECT FROM review")


async def test_a_discrepancy_is_settled_before_the_chair_decides(world: World) -> None:
    case = await world.at_committee("高远航", "officer-pingyang")
    for reviewer, review in (("reviewer-zhou", HIGH), ("reviewer-zheng", LOW), ("reviewer-feng", HIGH)):
        await world.review(reviewer, case, review)
    answer = await send(world, "chair-han", case, {"action": "decide"})
    assert answer.status_code == 422
    assert "合议" in answer.text
    fields = {"action": "settle", "passes": "yes", "comment": "合议后一致同意"}
    assert (await send(world, "chair-han", case, fields)).status_code == 303
    assert (await send(world, "chair-han", case, {"action": "decide"})).status_code == 303
    assert (await load_case(case.id)).stage_key == "allocation"
    # The committee's work is over: its members and the auditor read all of it, the unit only what came of it.
    assert "合议后一致同意" in await opened(world, "auditor-xu", case)
    assert "合议后一致同意" not in await opened(world, "officer-pingyang", case)


async def test_stepping_back_takes_the_case_off_ones_desk(world: World) -> None:
    case = await world.at_committee("高远航", "officer-pingyang")
    assert (await send(world, "reviewer-zhou", case, {"action": "recuse", "comment": "同乡好友"})).status_code == 303
    html = await opened(world, "reviewer-zhou", case)
    assert "您已回避" in html
    assert 'value="review"' not in html
    assert "同乡好友" in await opened(world, "chair-han", case)
    assert "同乡好友" not in await opened(world, "reviewer-zheng", case)


async def test_unverified_papers_hold_the_case_and_are_named(world: World) -> None:
    case = await world.at_papers("古丽·买买提", "officer-daizong")
    answer = await send(world, "hr-wang", case, {"action": "approve"})
    assert answer.status_code == 422
    assert answer.text.count("材料尚未核验通过") == 3
    for _ in range(3):
        html = await opened(world, "hr-wang", case)
        action = re.findall(r'action="([^"]+/verdict)"', html)[0]
        fields = {**hidden(html, action), "outcome": "verified"}
        assert (await (await world.desk("hr-wang")).post(action, data=fields)).status_code == 303
    assert (await send(world, "hr-wang", case, {"action": "approve"})).status_code == 303
    assert (await load_case(case.id)).stage_key == "committee"


async def test_rejecting_a_paper_needs_a_reason_and_keeps_the_words(world: World) -> None:
    case = await world.at_papers("古丽·买买提", "officer-daizong")
    browser = await world.desk("hr-wang")
    html = await opened(world, "hr-wang", case)
    action = re.findall(r'action="([^"]+/verdict)"', html)[0]
    fields = {**hidden(html, action), "outcome": "rejected", "comment": "缺背面"}
    answer = await browser.post(action, data=fields)
    assert answer.status_code == 422
    assert 'value="缺背面"' in answer.text
    fields = {**hidden(answer.text, action), "outcome": "rejected", "reason_code": "incomplete", "comment": "缺背面"}
    assert (await browser.post(action, data=fields)).status_code == 303
    upload = action.split("/")[-2]
    assert "缺背面" in (await browser.get(f"{path(case)}?paper={upload}")).text
    stale = await browser.post(action, data={**fields, "token": "b" * 20})
    assert stale.status_code == 409


async def test_a_licence_is_verified_with_its_end(world: World) -> None:
    case = await world.at_papers("古丽·买买提", "officer-daizong")
    await execute("UPDATE upload SET kind = 'practice_licence' WHERE kind = 'work_permit'")
    upload = await fetch_value("SELECT id FROM upload WHERE kind = 'practice_licence'")
    browser = await world.desk("hr-wang")
    html = (await browser.get(f"{path(case)}?paper={upload}")).text
    (action,) = re.findall(r'action="([^"]+/verdict)"', html)
    answer = await browser.post(action, data={**hidden(html, action), "outcome": "verified"})
    assert answer.status_code == 422
    assert "有效期" in answer.text and "长期有效" in answer.text
    fields = {**hidden(answer.text, action), "outcome": "verified", "unlimited": "1"}
    assert (await browser.post(action, data=fields)).status_code == 303
    assert await fetch_value("SELECT state FROM upload WHERE id = $1", upload) == "verified"


async def test_a_verdict_is_for_verifiers_and_for_papers_of_the_case(world: World) -> None:
    case, other = await world.request("古丽·买买提"), await world.request("陈秋实")
    upload = await fetch_value("SELECT upload FROM application_document WHERE application = $1 LIMIT 1", other.id)
    html = await opened(world, "officer-daizong", case)
    assert "/verdict" not in html
    form = hidden(html, f"{path(case)}/act")
    fields = {**form, "outcome": "verified", "sha256": "0" * 64}
    for username, expected in (("officer-daizong", 404), ("hr-wang", 404)):
        browser = await world.desk(username)
        own = hidden(await opened(world, username, case), f"{path(case)}/reveal")
        answer = await browser.post(f"{path(case)}/papers/{upload}/verdict", data={**fields, **own})
        assert answer.status_code == expected
        assert (await browser.get(f"{path(case)}/papers/{upload}/preview")).status_code == 404


async def test_a_paper_is_shown_with_who_looks_and_its_original_for_a_reason(world: World, store: S3Store) -> None:
    case = await world.at_papers("古丽·买买提", "officer-daizong")
    row = (
        await fetch(
            "SELECT u.id, u.rendition_key FROM upload u JOIN application_document d ON d.upload = u.id"
            " WHERE d.application = $1",
            case.id,
        )
    )[0]
    key = f"{row['rendition_key']}{RENDITION_SUFFIX}"
    await execute("UPDATE upload SET rendition_key = $2, shared_type = 'image/jpeg' WHERE id = $1", row["id"], key)
    await store.put(Bucket.DOCUMENTS, key, jpeg(), content_type="image/jpeg")
    browser = await world.desk("hr-wang")
    picture = await browser.get(f"{path(case)}/papers/{row['id']}/preview")
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.headers["cache-control"] == "no-store"
    recorded = await fetch("SELECT reason FROM audit_entry WHERE act = 'paper.look'")
    assert [entry["reason"] for entry in recorded] == [case.number]
    html = (await browser.get(f"{path(case)}?paper={row['id']}&zoom=200&turn=90")).text
    assert "zoom-200 turn-90" in html
    action = f"{path(case)}/papers/{row['id']}/original"
    form = hidden(html, action)
    assert (await browser.post(action, data={**form, "original_reason": ""})).status_code == 422
    answer = await browser.post(action, data={**form, "original_reason": "核对骑缝章"})
    assert answer.status_code == 200
    assert "60 秒" in answer.text
    assert (await fetch_value("SELECT reason FROM audit_entry WHERE act = 'paper.original' AND outcome = 'done'")) == (
        "核对骑缝章"
    )


async def test_the_page_needs_no_script(world: World) -> None:
    case = await world.request("古丽·买买提")
    html = await opened(world, "officer-daizong", case)
    scripts = re.findall(r"<script[^>]*>", html)
    assert scripts == ['<script src="/static/desk.js" defer>']
    assert " on" + "click" not in html
    assert " style=" not in html
    answer = await (await world.desk("officer-daizong")).get(path(case))
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    for address in ("/static/desk.js", "/static/review.css"):
        assert (await (await world.desk("officer-daizong")).get(address)).status_code == 200
