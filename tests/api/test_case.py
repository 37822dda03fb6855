"""A request for a stay as a phone makes it: papers to the store, submit, timeline, refusals."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from backend.applications.lifecycle import Action
from backend.clock import LOCAL
from backend.database import execute, fetch_value
from backend.documents.checking import Checking
from backend.documents.inspection.inspector import Inspector
from backend.documents.inspection.scanner import NoScanner
from backend.identity import Actor
from backend.operations.demo_cases import sample_paper
from backend.operations.tour.phone import Phone
from storage.port import DocumentStore
from tests.api.conftest import STAY, Api
from tests.integration.stay_world import batch_version

PAPERS = (("identity", "resident_id"), ("work", "work_permit"), ("merit", "merit_statement"))


async def check(api: Api, store: DocumentStore, upload: str) -> None:
    """Check a file as the worker process does: the API's own store user may not even read it."""
    documents = replace(api.world.services.documents, store=store)
    await Checking(documents, Inspector(NoScanner())).check(UUID(upload))


async def send_papers(api: Api, phone: Phone, store: DocumentStore) -> list[tuple[str, str]]:
    """The three papers, uploaded to the store and checked as the worker process does."""
    sent = []
    for requirement, kind in PAPERS:
        upload = await phone.upload(kind, sample_paper(kind))
        await check(api, store, upload)
        sent.append((requirement, upload))
    return sent


async def quick_papers(api: Api, phone: Phone) -> list[tuple[str, str]]:
    """The three papers as rows: what happens to files is tested with the papers."""
    me = await phone.call("GET", "/me", 200)
    worker = Actor(me["account_id"], me["name"], person_id=me["person_id"], origin="phone")
    return [(requirement, str(await api.world.paper(worker, kind))) for requirement, kind in PAPERS]


async def test_a_nurse_applies_from_her_phone(api: Api, store: DocumentStore) -> None:
    batch = str(await api.world.batch(2))
    phone = await api.registered("13800001234")
    listed = (await phone.call("GET", "/recuperation/batches", 200))["items"]
    assert [(one["id"], one["days"], one["cost_per_day_fen"]) for one in listed] == [(batch, 7, 50_000)]
    before = await phone.call("GET", f"/recuperation/batches/{batch}/eligibility", 200)
    broken = {check["code"] for check in before["checks"] if not check["passed"]}
    assert broken == {"merit_not_evidenced", "health_not_declared"}
    assert all(check["clause"] for check in before["checks"] if check["code"] == "merit_not_evidenced")
    assert before["points"] == sum(line["points"] for line in before["point_lines"]) == 43 + 20 + 8
    case = await phone.request_stay(batch, STAY, await send_papers(api, phone, store))
    assert (case["state"], case["your_turn"]) == ("submitted", False)
    assert case["acts_next"] == "由岱宗中心医院(示例)办理,现在不需要您做什么。"
    assert [step["state"] for step in case["steps"]][:2] == ["done", "now"]
    assert {paper["requirement"]: paper["state"] for paper in case["papers"]} == {
        "identity": "waiting",
        "work": "waiting",
        "merit": "waiting",
        "dispatch": "missing",
    }
    assert [one["number"] for one in (await phone.call("GET", "/applications", 200))["items"]] == ["RR-2026-000001"]
    titles = [message["title"] for message in (await phone.call("GET", "/inbox", 200))["items"]]
    assert titles == ["申请已收到", "档案已核实"]


async def test_english_is_spoken_too(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    answer = await phone.send("GET", f"/applications/{uuid4()}", headers={"Accept-Language": "en"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "en"
    assert answer.json()["detail"] == "Not found, or not yours to see."


async def test_refused_submit_names_everything_and_keeps_the_draft(api: Api) -> None:
    batch = str(await api.world.batch(2))
    phone = await api.registered("13800001234")
    drafted = await phone.call("POST", "/recuperation/requests", 201, {"batch_id": batch, **STAY})
    drafted_by = await phone.call("GET", "/me", 200)
    problem = await phone.call("POST", f"/applications/{drafted['id']}/submit", 422, {"version": drafted["version"]})
    assert {violation["field"] for violation in problem["violations"]} == {
        "papers.identity",
        "papers.work",
        "papers.merit",
    }
    shown = await phone.case(drafted["id"])
    assert shown["state"] == "draft"
    # What the phone shows beside each: any of several papers will do for one of them.
    assert {
        paper["requirement"]: (paper["kind_labels"], paper["required"], paper["state"], paper["lacking"])
        for paper in shown["papers"]
    } == {
        "identity": (["身份证"], True, "missing", 1),
        "work": (["工作证", "医师/护士执业证"], True, "missing", 1),
        "merit": (["事迹材料"], True, "missing", 1),
        "dispatch": (["援鄂(外派)证明"], False, "missing", 1),
    }
    worker = Actor(drafted_by["account_id"], drafted_by["name"], person_id=drafted_by["person_id"], origin="phone")
    licence = {"requirement": "work", "upload_id": str(await api.world.paper(worker, "practice_licence", "checked"))}
    await phone.call("POST", f"/applications/{drafted['id']}/papers", 200, licence)
    problem = await phone.call("POST", f"/applications/{drafted['id']}/submit", 422, {"version": drafted["version"]})
    missing = {violation["message"] for violation in problem["violations"] if violation["code"] == "paper_missing"}
    assert missing == {"缺少材料:身份证", "缺少材料:表现突出的佐证(事迹材料)"}


async def test_second_tap_stale_version_and_reused_key(api: Api) -> None:
    batch = str(await api.world.batch(2))
    phone = await api.registered("13800001234")
    key = uuid4().hex
    body = {"batch_id": batch, **STAY}
    first = await phone.call("POST", "/recuperation/requests", 201, body, key=key)
    again = await phone.call("POST", "/recuperation/requests", 201, body, key=key)
    assert first == again
    other = await phone.send("POST", "/recuperation/requests", {**body, "companions": 1}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    await phone.refused("POST", "/recuperation/requests", 409, "already_applied", body)
    for requirement, upload in await quick_papers(api, phone):
        path = f"/applications/{first['id']}/papers"
        await phone.call("POST", path, 200, {"requirement": requirement, "upload_id": upload})
    await phone.call("POST", f"/applications/{first['id']}/submit", 200, {"version": 1}, key=key)
    await phone.call("POST", f"/applications/{first['id']}/submit", 200, {"version": 1}, key=key)
    await phone.refused("POST", f"/applications/{first['id']}/submit", 409, "stale_version", {"version": 1})
    assert await fetch_value("SELECT count(*) FROM application") == 1


async def test_another_workers_case_and_papers_do_not_exist(api: Api) -> None:
    batch = str(await api.world.batch(2))
    owner, stranger = await api.registered("13800001111", 1), await api.registered("13800002222", 3)
    papers = await quick_papers(api, owner)
    case = await owner.request_stay(batch, STAY, papers)
    for method, path in (
        ("GET", f"/applications/{case['id']}"),
        ("POST", f"/applications/{case['id']}/withdraw"),
        ("POST", f"/applications/{case['id']}/submit"),
        ("GET", f"/documents/{papers[0][1]}"),
        ("GET", f"/documents/{papers[0][1]}/preview"),
    ):
        await stranger.refused(method, path, 404, "not_found", {"version": 2} if method == "POST" else None)
    drafted = await stranger.call("POST", "/recuperation/requests", 201, {"batch_id": batch, **STAY})
    await stranger.refused(
        "POST",
        f"/applications/{drafted['id']}/papers",
        404,
        "not_found",
        {"requirement": "identity", "upload_id": papers[0][1]},
    )


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"size": 21 * 1024 * 1024}, 413, "file_too_large"),
        ({"media_type": "application/x-msdownload"}, 422, "file_type"),
        ({"sha256": "x"}, 400, "malformed"),
        ({"kind": "passport_of_mars"}, 400, "malformed"),
        ({"extra": 1}, 400, "malformed"),
    ],
)
async def test_files_that_are_not_even_reserved(api: Api, changed: dict[str, object], status: int, code: str) -> None:
    phone = await api.registered("13800001234")
    body = {
        "kind": "work_permit",
        "name": "工作证.jpg",
        "size": 1000,
        "sha256": hashlib.sha256(b"x").hexdigest(),
        "media_type": "image/jpeg",
        **changed,
    }
    problem = await phone.call("POST", "/documents", status, body)
    assert code in {problem["code"], *(violation["code"] for violation in problem["violations"])}
    assert await fetch_value("SELECT count(*) FROM upload") == 0


async def test_a_renamed_program_is_refused_by_the_check(api: Api, store: DocumentStore) -> None:
    phone = await api.registered("13800001234")
    upload = await phone.upload("work_permit", b"MZ" + bytes(4000), "image/jpeg", "工作证.jpg")
    await check(api, store, upload)
    paper = await phone.call("GET", f"/documents/{upload}", 200)
    assert paper["state"] == "refused"
    assert paper["problem"]
    batch = str(await api.world.batch(2))
    drafted = await phone.call("POST", "/recuperation/requests", 201, {"batch_id": batch, **STAY})
    await phone.refused(
        "POST",
        f"/applications/{drafted['id']}/papers",
        422,
        "paper_not_usable",
        {"requirement": "work", "upload_id": upload},
    )


async def test_offer_confirm_and_decline_over_http(api: Api) -> None:
    world = api.world
    batch = await world.batch(1)
    phones = [await api.registered("13800001111", 1), await api.registered("13800002222", 3)]
    cases = [await phone.request_stay(str(batch), STAY, await quick_papers(api, phone)) for phone in phones]
    for case in cases:
        await world.act(world.by["officer-daizong"], UUID(case["id"]), Action.APPROVE, "属实")
    await execute("UPDATE application SET state = 'under_review', stage = 'allocation' WHERE aggregate = $1", batch)
    await world.at(datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
    await world.services.batches.allocate(world.by["chair-han"], batch, await batch_version(batch))
    await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    shown = [await phone.case(case["id"]) for phone, case in zip(phones, cases, strict=True)]
    assert {one["placement"] for one in shown} == {"main", "reserve"}
    page = await api.client.get(shown[0]["notice"])
    assert page.status_code == 200
    assert "古丽·买买提" in page.text
    assert "noindex" in page.headers["x-robots-tag"]
    for secret in ("13800001111", "370999", "138****"):
        assert secret not in page.text
    await world.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert (await api.client.get(shown[0]["notice"])).status_code == 404
    main, reserve = sorted(range(2), key=lambda index: str(shown[index]["placement"]))
    offered = await phones[main].case(cases[main]["id"])
    assert (offered["state"], offered["your_turn"], offered["due_on"]) == ("approved", True, "2026-03-30")
    assert set(offered["actions"]) == {"confirm", "decline", "withdraw"}
    await phones[main].act(cases[main]["id"], "decline")
    promoted = await phones[reserve].case(cases[reserve]["id"])
    assert promoted["state"] == "approved"
    done = await phones[reserve].act(cases[reserve]["id"], "confirm")
    assert done["state"] == "confirmed"


async def test_an_objection_over_http(api: Api) -> None:
    world = api.world
    batch = await world.batch(1)
    cases = await world.allocated(await world.workers(1), batch)
    notice = await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    phone = await api.registered("13800003333", 5)
    body = {"application_id": str(cases[0].id), "words": "短"}
    await phone.refused("POST", f"/notices/{notice}/objections", 422, "objection_length", body)
    body["words"] = "该同志一线时间与实际情况不符,请核实。"
    await phone.call("POST", f"/notices/{notice}/objections", 201, body)
    assert await fetch_value("SELECT state FROM application WHERE id = $1", cases[0].id) == "objected"
    sealed = await fetch_value("SELECT sealed FROM objection")
    assert "一线".encode() not in sealed


async def test_pages_follow_a_cursor(api: Api) -> None:
    world = api.world
    for _ in range(3):
        await world.batch(1)
    phone = await api.logged_in("13800001234")
    first = await phone.call("GET", "/recuperation/batches?limit=2", 200)
    second = await phone.call("GET", f"/recuperation/batches?limit=2&cursor={first['next_cursor']}", 200)
    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (2, 1, None)
    assert not {one["id"] for one in first["items"]} & {one["id"] for one in second["items"]}
    await phone.refused("GET", "/recuperation/batches?cursor=nonsense", 400, "bad_cursor")
    await phone.refused("GET", "/recuperation/batches?limit=101", 400, "malformed")


async def test_a_body_beyond_the_limit(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    answer = await phone.send("PUT", "/registry/record", api.record(department="长" * 40_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
