"""The desk's pages of awards by their forms: campaign, nomination, the unit's list, clearances, slate, grant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from backend.applications.case import Case, load_case
from backend.applications.lifecycle import Action, State
from backend.commendation import queries
from backend.commendation.workflow import CITY_ROUTE
from backend.database import fetch, fetch_value
from backend.identity import Actor
from backend.operations.demo_awards import CITY_TERMS, MERIT, campaign_version
from tests.console.browser import signed_in
from tests.console.desk_world import hidden
from tests.integration.award_world import FINAL, PRELIMINARY, AwardWorld, make_award_world
from tests.services import logged_in_as


@dataclass
class Desk:
    """The world, and browsers of its console."""

    world: AwardWorld
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def at(self, username: str) -> httpx.AsyncClient:
        """A browser of this account, logged in."""
        if username not in self.clients:
            self.clients[username] = await signed_in(self.world.by[username].account_id)
        return self.clients[username]

    async def see(self, username: str, path: str, status: int = 200) -> str:
        """A page as somebody sees it."""
        answer = await (await self.at(username)).get(path)
        assert answer.status_code == status, answer.text[:2000]
        return answer.text

    async def press(self, username: str, path: str, action: str, /, **fields: Any) -> httpx.Response:
        """Fill in the form of a page that goes to `action`, and press its button; `expected` is the status."""
        expected = fields.pop("expected", 303)
        html = await self.see(username, path)
        answer = await (await self.at(username)).post(action, data={**hidden(html, action), **fields})
        assert answer.status_code == expected, answer.text[:3000]
        return answer


@pytest.fixture
async def desk(database: None) -> AsyncIterator[Desk]:
    made = Desk(await make_award_world())
    async with logged_in_as("niangjia_console"):
        yield made
    for client in made.clients.values():
        await client.aclose()


async def drafted_campaign(desk: Desk, version: UUID) -> UUID:
    """A campaign made by the desk's own forms, and opened."""
    answer = await desk.press(
        "hr-wang",
        "/review/campaigns/new",
        "/review/campaigns",
        organiser=str(desk.world.unions["city"]),
        programme_version=str(version),
        name="2026 年五一劳动奖章",
        opens_at="2026-03-01T08:00",
        closes_at="2026-03-31T18:00",
    )
    path = answer.headers["location"]
    await desk.press(
        "chair-han",
        path,
        f"{path}/quota",
        union=str(desk.world.unions["daizong"]),
        mains="1",
        reserves="1",
        reason="按人数",
    )
    await desk.press("chair-han", path, f"{path}/open")
    return UUID(path.rpartition("/")[2])


def nomination(nominee: Actor, **changed: str) -> dict[str, str]:
    return {
        "nominee": f"person:{nominee.person_id}",
        "category": "worker",
        "deed": "长期坚守重症救治一线,改进转运交接流程。",
        "merit": MERIT,
        "trait_frontline": "1",
        "nation": "汉族",
        "resume": "2012 年 7 月至今,在本院工作。",
        **changed,
    }


async def nominated(desk: Desk, campaign: UUID, nominee: Actor) -> Case:
    """A nomination by the officer's form, sent with its paper and the nominee's consent."""
    world = desk.world
    path = f"/review/campaigns/{campaign}/nominate"
    answer = await desk.press("officer-daizong", path, path, **nomination(nominee))
    case = await load_case(UUID(answer.headers["location"].rpartition("/")[2]))
    upload = await world.paper(nominee, "resident_id")
    await world.services.applications.attach(world.by["officer-daizong"], case.id, "identity", upload)
    await world.services.nominations.answer(nominee, case.id, agrees=True)
    await desk.press("officer-daizong", f"/review/cases/{case.id}", f"/review/cases/{case.id}/act", action="submit")
    return await load_case(case.id)


async def test_an_award_by_the_desks_own_forms(desk: Desk) -> None:
    world = desk.world
    lenient = msgspec.structs.replace(CITY_TERMS, ratios=CITY_TERMS.ratios[3:4])
    campaign = await drafted_campaign(desk, await world.award_programme(lenient, CITY_ROUTE))
    path = f"/review/campaigns/{campaign}"
    nominees = await world.workers(2)
    cases = [await nominated(desk, campaign, nominee) for nominee in nominees]
    statement = await desk.see("officer-daizong", f"/review/nominations/{cases[0].id}")
    assert MERIT in statement and "汉族" in statement

    units = f"{path}/units/{world.unions['daizong']}"
    lines = {
        f"{name}_{case.id}": value
        for rank, case in enumerate(cases, start=1)
        for name, value in (("rank", str(rank)), ("votes", "45"))
    }
    meeting = {"kind": "congress", "held_on": "2026-03-02", "members": "60", "present": "50", "comment": "同意推荐"}
    missing = await desk.press("officer-daizong", units, units, expected=422, **meeting, **lines)
    assert "缺少材料" in missing.text
    for case in cases:
        await world.bring("officer-daizong", case, "minutes", "congress_minutes")
    few = await desk.press("officer-daizong", units, units, expected=422, **{**meeting, "present": "20"}, **lines)
    assert "三分之二" in few.text
    await desk.press("officer-daizong", units, units, **meeting, **lines)
    assert {(await load_case(case.id)).stage_key for case in cases} == {"unit_notice"}
    await world.through_unit_notice(cases)

    for case in cases:
        await clear_by_form(desk, case)
        await world.reviewed(case, PRELIMINARY, "chair-han", 80)
    for case, score in zip(cases, (70, 95), strict=True):
        await world.reviewed(case, FINAL, "chair-yang", score)
    await desk.see("officer-daizong", f"{path}/slate", 404)
    page = await desk.see("chair-lu", f"{path}/slate")
    assert page.index(cases[1].number) < page.index(cases[0].number)
    await world.window_closes(campaign)
    swapped = {f"place_{cases[0].id}": "main", f"place_{cases[1].id}": "reserve"}
    judged = await desk.press("chair-lu", f"{path}/slate", f"{path}/slate", expected=422, **swapped)
    assert "未按评分排序的理由" in judged.text and f'value="{cases[0].id}"' not in judged.text
    html = await desk.see("chair-lu", f"{path}/slate")
    checked = await (await desk.at("chair-lu")).post(
        f"{path}/slate/check", data={**hidden(html, f"{path}/slate"), **swapped}
    )
    assert checked.status_code == 200 and "偏离排序" in checked.text
    await desk.press("chair-lu", f"{path}/slate", f"{path}/slate")
    assert [(await load_case(case.id)).placement for case in cases] == ["reserve", "main"]

    await world.notice_ends(await world.announced("chair-lu"))
    main = await load_case(cases[1].id)
    act = f"/review/cases/{main.id}/act"
    empty = await desk.press(
        "chair-xiao", f"/review/cases/{main.id}", act, expected=422, action="grant", document="", granted_on=""
    )
    assert "请填写文号" in empty.text
    today = (await world.services.clock.today()).isoformat()
    await desk.press(
        "chair-xiao", f"/review/cases/{main.id}", act, action="grant", document="泰会发〔2026〕12号", granted_on=today
    )
    assert (await load_case(main.id)).state is State.GRANTED
    await desk.press("chair-han", path, f"{path}/close")
    assert (await load_case(cases[0].id)).state is State.LAPSED
    assert "泰会发〔2026〕12号" in await desk.see("auditor-xu", f"/review/cases/{main.id}")


async def clear_by_form(desk: Desk, case: Case) -> None:
    """A reply of the police by the form, then the clearance itself."""
    page = f"/review/clearances/{case.id}"
    act = f"/review/cases/{case.id}/act"
    blocked = await desk.press("hr-wang", f"/review/cases/{case.id}", act, expected=422, action="clear")
    assert "公安机关尚未回复" in blocked.text
    upload = await desk.world.bring("hr-wang", case, "replies", "consent_opinion")
    reply = {
        "authority": "police",
        "favourable": "yes",
        "opinion": "无违法犯罪记录",
        "reference": "公函 1 号",
        "replied_on": "2026-03-02",
        "paper": str(upload),
    }
    future = await desk.press("hr-wang", page, page, expected=422, **{**reply, "replied_on": "2026-12-01"})
    assert "回复日期不能晚于今天" in future.text
    await desk.press("hr-wang", page, page, **reply)
    await desk.press("hr-wang", f"/review/cases/{case.id}", act, action="clear", comment="同意")
    assert (await load_case(case.id)).stage_key == "preliminary"


async def test_a_form_with_everything_wrong_is_told_all_of_it_and_keeps_what_was_typed(desk: Desk) -> None:
    campaign = await desk.world.campaign({"daizong": (1, 0)})
    (nominee,) = await desk.world.workers(1)
    path = f"/review/campaigns/{campaign}/nominate"
    wrong = nomination(nominee, category="team", post="长" * 61)
    answer = await desk.press("officer-daizong", path, path, expected=422, **wrong)
    assert "类别不符" in answer.text and "最多 60 字" in answer.text and MERIT[:40] in answer.text


async def test_a_team_is_made_and_nominated(desk: Desk) -> None:
    world = desk.world
    campaign = await world.campaign({"daizong": (1, 0)})
    members = await world.workers(3)
    path = f"/review/campaigns/{campaign}"
    team = {
        "unit": str(world.unions["daizong"]),
        "name": "重症医学科护理组",
        "leader": str(members[0].person_id),
        **{f"member_{member.person_id}": "1" for member in members},
    }
    await desk.press("officer-daizong", f"{path}/nominate", f"{path}/teams", **team)
    key = await fetch_value("SELECT id FROM team")
    said = {**nomination(members[0]), "nominee": f"team:{key}", "category": "team", "trait_crew": "1"}
    made = await desk.press("officer-daizong", f"{path}/nominate", f"{path}/nominate", **said)
    case = await load_case(UUID(made.headers["location"].rpartition("/")[2]))
    about = await fetch_value("SELECT count(*) FROM application_person WHERE application = $1", case.id)
    assert (case.subject_name, about) == ("重症医学科护理组", 3)
    assert (await queries.nomination_row(case.id))["consent_person"] == members[0].person_id


@pytest.mark.parametrize("who", ["finance-qin", "security", "sysadmin"])
async def test_who_has_no_part_finds_no_page(desk: Desk, who: str) -> None:
    campaign = await desk.world.campaign()
    for path in ("", f"/{campaign}", f"/{campaign}/slate", f"/{campaign}/nominate"):
        await desk.see(who, f"/review/campaigns{path}", 404)


async def test_an_officer_of_another_unit_reaches_neither_the_list_nor_the_statement(desk: Desk) -> None:
    world = desk.world
    campaign = await world.campaign({"daizong": (1, 0)})
    (nominee,) = await world.workers(1)
    case = await nominated(desk, campaign, nominee)
    await desk.see("officer-dailu", f"/review/campaigns/{campaign}/units/{world.unions['daizong']}", 404)
    await desk.see("officer-dailu", f"/review/nominations/{case.id}", 404)
    await desk.see("officer-dailu", f"/review/clearances/{case.id}", 404)
    await desk.see("auditor-xu", f"/review/nominations/{case.id}")
    looks = await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'nomination.look'")
    assert looks == 1


async def test_a_stale_slate_is_refused(desk: Desk) -> None:
    world = desk.world
    version = await world.award_programme(msgspec.structs.replace(CITY_TERMS, ratios=()), CITY_ROUTE)
    campaign = await world.campaign({"daizong": (1, 0)}, version=version)
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    await world.at_slate([case], (90,))
    await world.window_closes(campaign)
    path = f"/review/campaigns/{campaign}/slate"
    html = await desk.see("chair-lu", path)
    await world.services.campaigns.set_quota(
        world.by["chair-han"], campaign, world.unions["daizong"], 2, 0, "增加", await campaign_version(campaign)
    )
    late = await (await desk.at("chair-lu")).post(path, data=hidden(html, path))
    assert late.status_code == 409
    assert (await load_case(case.id)).placement == ""
    assert Action.PLACE not in await acts(case)


async def acts(case: Case) -> set[str]:
    rows = await fetch("SELECT action FROM application_event WHERE application = $1", case.id)
    return {row["action"] for row in rows}


async def test_an_incident_is_noted_at_the_desk_and_bars_the_unit(desk: Desk) -> None:
    world = desk.world
    campaign = await world.campaign({"daizong": (1, 0)})
    (nominee,) = await world.workers(1)
    page = "/review/incidents"
    entered = {
        "unit": str(world.unions["daizong"]),
        "incident": "wage_arrears",
        "happened_on": "2026-01-20",
        "source": "泰人社监〔2026〕3号",
    }
    later = await desk.press("hr-wang", page, page, **{**entered, "happened_on": "2027-01-20"}, expected=422)
    assert "日期不能晚于今天" in later.text
    nobody = {**entered, "number": "370999198506150016"}
    await desk.press("hr-wang", page, page, **nobody, expected=404)
    await desk.press("hr-wang", page, page, **entered)
    assert "泰人社监〔2026〕3号" in await desk.see("auditor-xu", page)
    # The unit's own officer reads it, and notes nothing.
    assert f'action="{page}"' not in await desk.see("officer-daizong", page)
    assert "泰人社监" not in await desk.see("officer-dailu", page)
    path = f"/review/campaigns/{campaign}/nominate"
    head = {"category": "enterprise_head", "trait_frontline": ""}
    answer = await desk.press("officer-daizong", path, path, **nomination(nominee, **head))
    case = await load_case(UUID(answer.headers["location"].rpartition("/")[2]))
    await world.services.nominations.answer(nominee, case.id, agrees=True)
    refused = await desk.press(
        "officer-daizong", f"/review/cases/{case.id}", f"/review/cases/{case.id}/act", action="submit", expected=422
    )
    assert "拖欠工资" in refused.text
