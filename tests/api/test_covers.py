"""Mutual aid as a phone joins it: plans, a look before, the family in one enrolment, covers on a day, the proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pypdfium2  # type: ignore[import-untyped]
import pytest

from backend.applications.case import load_case
from backend.database import fetch_value
from backend.identity import Actor
from backend.operations.demo_covers import seed_plans
from backend.operations.embedded_postgres import OWNER
from backend.operations.tour.phone import Phone
from tests.api.conftest import Api
from tests.integration.cover_world import CoverWorld
from tests.services import logged_in_as

WELL = {"healthy": True, "conditions": ""}


@dataclass(frozen=True)
class Joining:
    """A phone whose owner may join, with the city and its plans."""

    api: Api
    city: CoverWorld
    phone: Phone
    actor: Actor

    @property
    def plan(self) -> str:
        return str(self.city.plans["critical"])

    async def draft(self, *members: dict[str, Any], shares: int = 1) -> dict[str, Any]:
        """A draft with the worker's ID card."""
        body = {"plan_id": self.plan, "shares": shares, "members": list(members)}
        made: dict[str, Any] = await self.phone.call("POST", "/mutual-aid/enrolments", 201, body)
        upload = str(await self.city.world.paper(self.actor, "resident_id"))
        attached = {"requirement": "identity", "upload_id": upload}
        await self.phone.call("POST", f"/applications/{made['id']}/papers", 200, attached)
        return made

    async def covered(self, *members: dict[str, Any], shares: int = 1) -> dict[str, Any]:
        """An enrolment that went the whole way."""
        made = await self.draft(*members, shares=shares)
        await self.phone.call("POST", f"/applications/{made['id']}/submit", 200, {"version": made["version"]})
        async with logged_in_as("niangjia_console"):
            await self.city.assess(await self.city.at_assessment(await load_case(UUID(made["id"]))))
        return made


@pytest.fixture
async def joining(api: Api) -> Joining:
    async with logged_in_as(OWNER):
        plans = await seed_plans(api.world.services.programmes, api.world.by, api.world.unions["city"])
    phone = await api.registered("13800001234")
    await phone.consent("share_with_insurer")
    me = await phone.call("GET", "/me", 200)
    actor = Actor(UUID(me["account_id"]), me["name"], person_id=UUID(me["person_id"]), origin="phone")
    return Joining(api, CoverWorld(api.world, plans), phone, actor)


async def test_a_worker_looks_joins_with_a_child_and_is_covered(joining: Joining) -> None:
    phone = joining.phone
    child, _ = await joining.city.relative(joining.actor, "child", date(2018, 6, 1))
    listed = {plan["name"]: plan for plan in await phone.call("GET", "/mutual-aid/plans", 200)}
    assert listed["女职工特殊疾病互助保障"]["by_unit_only"] is True
    assert listed["职工大病互助保障"]["per_share_fen"] == 5_500
    detail = await phone.call("GET", f"/mutual-aid/plans/{joining.plan}", 200)
    assert [one["waits_through_day"] for one in detail["benefits"]] == [90, 90]
    assert all(one["clause"] for one in detail["benefits"]) and all(detail["terms"].values())
    kinship = detail["papers"][1]
    assert kinship["kind_labels"][:2] == ["户口簿", "结婚证"] and len(kinship["kind_labels"]) == len(kinship["kinds"])
    members: list[dict[str, Any]] = [
        {"health": WELL, "beneficiaries": [{"name": "王建国", "relation": "spouse", "percent": 100}]},
        {"relation_id": str(child), "health": WELL},
    ]
    look = await phone.call("POST", f"/mutual-aid/plans/{joining.plan}/preview", 200, {"shares": 2, "members": members})
    assert (look["eligible"], look["cost_fen"], look["you_pay_fen"], look["payer"]) == (True, 22_000, 22_000, "worker")
    first = look["members"][0]
    assert (first["starts_on"], first["ends_on"], first["waits_until"]) == ("2026-03-03", "2027-03-02", "2026-05-31")
    assert await fetch_value("SELECT count(*) FROM enrolment") == 0
    made = await joining.covered(*members, shares=2)
    seen = await phone.call("GET", f"/mutual-aid/enrolments/{made['id']}", 200)
    assert [one["verdict"] for one in seen["members"]] == ["accepted", "accepted"]
    case = await phone.call("GET", f"/applications/{made['id']}", 200)
    assert (case["state"], case["headline"]) == ("approved", "参保已核定,保障见“我的保障”")
    today = await phone.call("GET", "/mutual-aid/covers", 200)
    assert (today["on"], today["covered"]) == ("2026-03-02", False)
    april = await phone.call("GET", "/mutual-aid/covers?on=2026-04-02", 200)
    assert april["covered"] is True
    mine = next(one for one in april["covers"] if one["who"] == "self")
    assert (mine["state"], mine["benefits"][0]["amount_fen"], mine["benefits"][0]["full_from"]) == (
        "waiting",
        1_000_000,
        "2026-06-01",
    )
    assert mine["beneficiaries"] == [{"name": "王建国", "relation": "spouse", "relation_label": "配偶", "percent": 100}]
    changed = await phone.call("PUT", f"/mutual-aid/covers/{mine['id']}/beneficiaries", 200, {"beneficiaries": []})
    assert next(one for one in changed["covers"] if one["who"] == "self")["legal_heirs"] is True


async def test_the_proof_is_a_pdf_and_its_page_tells_no_more_than_it_must(joining: Joining) -> None:
    await joining.covered({"health": WELL})
    held = (await joining.phone.call("GET", "/mutual-aid/covers?on=2026-03-10", 200))["covers"][0]
    path = f"/api/v1/mutual-aid/covers/{held['id']}/certificate"
    token = {"Authorization": f"Bearer {joining.phone.access_token}"}
    answer = await joining.api.client.get(path, headers=token)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    document = pypdfium2.PdfDocument(answer.content)
    printed = document[0].get_textpage().get_text_range()
    document.close()
    assert "古丽·买买提" in printed and held["number"] in printed
    again = await joining.api.client.get(path, headers=token)
    assert again.content == answer.content
    public = await fetch_value("SELECT token FROM certificate WHERE subject = $1", UUID(held["id"]))
    page = await joining.api.client.get(f"/certificates/{public}")
    assert page.status_code == 200
    assert held["number"] in page.text and "古**" in page.text and "2027-03-02" in page.text
    assert "买买提" not in page.text and "370999" not in page.text and "岱宗" not in page.text
    other = await joining.api.registered("13800001235", 2)
    assert (
        await joining.api.client.get(path, headers={"Authorization": f"Bearer {other.access_token}"})
    ).status_code == 404


async def test_refusals_name_everything_and_others_enrolments_are_not_there(joining: Joining) -> None:
    phone = joining.phone
    made = await joining.draft({"beneficiaries": [{"name": "王建国", "relation": "spouse", "percent": 99}]})
    refused = await phone.call("POST", f"/applications/{made['id']}/submit", 422, {"version": made["version"]})
    assert {(one["code"], one["field"]) for one in refused["violations"]} >= {
        ("shares_sum", "members.0.beneficiaries"),
        ("health_not_declared", "members.0.health"),
    }
    stranger = {"plan_id": joining.plan, "shares": 1, "members": [{"relation_id": str(uuid4()), "health": WELL}]}
    told = await phone.call("POST", "/mutual-aid/enrolments", 422, stranger)
    assert told["violations"][0]["code"] == "not_family"
    for body in (
        {**stranger, "members": []},
        {**stranger, "shares": 4},
        {**stranger, "members": [{"grade": "chief", "health": WELL}]},
    ):
        await phone.call("POST", "/mutual-aid/enrolments", 422, body)
    for body in ({**stranger, "shares": 0}, {**stranger, "extra": 1}, {**stranger, "plan_id": "x"}):
        await phone.call("POST", "/mutual-aid/enrolments", 400, body)
    await phone.call("POST", "/mutual-aid/enrolments", 404, {**stranger, "plan_id": str(uuid4())})
    other = await joining.api.registered("13800001235", 2)
    await other.call("GET", f"/mutual-aid/enrolments/{made['id']}", 404)
    await other.call(
        "PUT",
        f"/mutual-aid/enrolments/{made['id']}",
        404,
        {"shares": 1, "members": [{"health": WELL}], "version": made["version"]},
    )
    await other.call("GET", f"/mutual-aid/enrolments/{uuid4()}", 404)
    await other.call("PUT", f"/mutual-aid/covers/{uuid4()}/beneficiaries", 404, {"beneficiaries": []})


async def test_the_same_key_makes_one_enrolment_and_the_office_reads_english_too(joining: Joining) -> None:
    body = {"plan_id": joining.plan, "shares": 1, "members": [{"health": WELL}]}
    headers = {"Authorization": f"Bearer {joining.phone.access_token}", "Idempotency-Key": "one-and-the-same"}
    answers: list[httpx.Response] = [
        await joining.api.client.post("/api/v1/mutual-aid/enrolments", json=body, headers=headers) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert await fetch_value("SELECT count(*) FROM enrolment") == 1
    english = await joining.api.client.get("/api/v1/mutual-aid/plans", headers={**headers, "Accept-Language": "en"})
    assert {plan["name"] for plan in english.json()} >= {"Critical illness mutual aid"}
