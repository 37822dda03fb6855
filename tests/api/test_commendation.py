"""Nominating from the phone over HTTP: colleagues, the live count, draft and resume, consent, the retry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from httpx import ASGITransport

from backend.applications.case import load_case
from backend.applications.lifecycle import State
from backend.asgi import create_app
from backend.identity import Actor
from backend.operations.demo_awards import MERIT
from backend.operations.tour.phone import Phone
from tests.api.conftest import messages
from tests.integration.award_world import AwardWorld, make_award_world

DEED = "长期坚守重症救治一线。"


@pytest.fixture
async def world(database: None) -> AwardWorld:
    return await make_award_world()


@pytest.fixture
async def client(world: AwardWorld) -> AsyncIterator[httpx.AsyncClient]:
    # Litestar spells the protocol of an application more narrowly than httpx.
    transport = ASGITransport(create_app(world.services))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as made:
        yield made


async def phone_of(client: httpx.AsyncClient, number: int) -> Phone:
    """The phone of a nurse of the world, logged in."""
    phone = Phone(client, messages(), f"1380000{number:04d}")
    await phone.log_in()
    return phone


def said(nominee: Actor, campaign: object, **changed: object) -> dict[str, object]:
    return {
        "campaign_id": str(campaign),
        "nominee_id": str(nominee.person_id),
        "category": "worker",
        "traits": ["frontline"],
        "merit": MERIT,
        "deed": DEED,
        **changed,
    }


async def test_a_nomination_from_the_phone(world: AwardWorld, client: httpx.AsyncClient) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    _, nominee, _ = await world.workers(3)
    mine, theirs, stranger = [await phone_of(client, number) for number in range(3)]
    listed = (await mine.call("GET", "/commendation/campaigns", 200))["items"]
    assert [(one["id"], one["state"]) for one in listed] == [(str(campaign), "open")]
    shown = await mine.call("GET", f"/commendation/campaigns/{campaign}", 200)
    assert (shown["merit_least"], shown["merit_most"], shown["self_nomination"]) == (100, 2000, False)
    assert {"label": "女职工", "limit": "≥20%", "clause": "济南市 2016 年五一劳动奖评选通知 评选比例"} in shown[
        "ratios"
    ]
    found = (await mine.call("GET", "/commendation/colleagues?q=测试", 200))["items"]
    assert str(nominee.person_id) in {one["id"] for one in found} and len(found) == 2
    count = {"merit": "古丽·买买提 \n 先进", "deed": "家住龙泽路 8 号,患有高血压"}
    counted = await mine.call("POST", f"/commendation/campaigns/{campaign}/count", 200, count)
    assert (counted["merit_count"], len(counted["problems"])) == (8, 2)

    key = uuid4().hex
    first = await mine.call("POST", "/commendation/nominations", 201, said(nominee, campaign, merit="短"), key=key)
    again = await mine.call("POST", "/commendation/nominations", 201, said(nominee, campaign, merit="短"), key=key)
    assert first == again and not first["joined"]
    await mine.refused("POST", "/commendation/nominations", 409, "already_nominated", said(nominee, campaign))
    path = f"/commendation/nominations/{first['id']}"
    submit = f"/applications/{first['id']}/submit"
    await mine.refused("POST", submit, 422, "merit_length", {"version": first["version"]})
    resumed = await mine.call("GET", path, 200)
    assert (resumed["merit"], resumed["consent"]) == ("短", "asked")
    amended = {name: value for name, value in said(nominee, campaign).items() if not name.endswith("_id")}
    await mine.call("PUT", path, 200, {**amended, "version": resumed["version"]})
    await mine.call("POST", submit, 200, {"version": resumed["version"]})
    await stranger.refused("GET", path, 404, "not_found")
    await stranger.refused("POST", f"{path}/consent", 404, "not_found", {"agrees": True})
    await mine.refused("GET", f"{path}/form", 404, "not_found")
    inbox = (await theirs.call("GET", "/inbox", 200))["items"]
    assert any("您被推荐" in message["title"] for message in inbox)
    read = await theirs.call("POST", f"{path}/consent", 200, {"agrees": True})
    assert (read["merit"], read["consent"], read["score"], read["certificate"]) == (MERIT, "given", None, None)
    printed = await theirs.send("GET", f"{path}/form")
    assert printed.status_code == 200 and printed.content.startswith(b"%PDF")
    await theirs.refused("GET", f"{path}/certificate", 404, "not_found")
    joined = await stranger.call("POST", "/commendation/nominations", 201, said(nominee, campaign))
    assert (joined["joined"], joined["id"]) == (True, first["id"])


async def test_a_refusal_from_the_phone_ends_the_case(world: AwardWorld, client: httpx.AsyncClient) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign, agreed=False)
    phone = await phone_of(client, 1)
    path = f"/commendation/nominations/{case.id}/consent"
    answer = await phone.call("POST", path, 200, {"agrees": False, "reason": "请推荐他人"})
    assert answer["consent"] == "refused"
    await phone.refused("POST", path, 409, "already_answered", {"agrees": True})
    assert (await load_case(case.id)).state is State.WITHDRAWN
    await phone.refused("POST", "/commendation/nominations", 422, "self_nomination", said(nominee, campaign))
