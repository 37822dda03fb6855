"""The liar at the console: other unions' ids at every route, an auditor who acts, hostile words in every form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from litestar.routes import HTTPRoute

from admin.asgi import app
from backend.accounts.consents import VERSION
from backend.applications.lifecycle import Action, SubjectKind
from backend.clock import LOCAL, set_business_clock
from backend.commendation.campaigns import CampaignInput
from backend.database import execute, fetch_value, new_id
from backend.documents.kinds import PaperKind
from backend.identity import Role
from backend.operations import demo_awards, demo_cases
from backend.operations.demo_covers import seed_plans
from backend.operations.demo_people import resident_id
from backend.operations.tour.browser import Page, WebForm
from backend.people.identifiers import IdentifierType
from backend.people.relations import RelationKind
from backend.registry.facts import IdentifierInput
from backend.registry.family.facts import MemberInput
from tests import services
from tests.console.desk_world import HIGH, World, make_world
from tests.console.test_data_console import LIFECYCLE
from tests.console.test_desk_covers import covered
from tests.rosters import workbook, worker

#: Somebody of another county, with every role there that acts or reads.
FOREIGNER = "officer-pingyang"
COUNTY = "xintai"
EVERY_ROLE = (
    Role.UNIT_OFFICER,
    Role.HR_VERIFIER,
    Role.REVIEWER,
    Role.CHAIR,
    Role.FINANCE,
    Role.AUDITOR,
    Role.SECURITY_ADMIN,
    Role.SYSTEM_ADMIN,
)

#: What must not change by any of this.
KEPT = tuple(table for table in LIFECYCLE if table not in ("application_event",))


_STAY_VERSION = (
    "SELECT v.id FROM programme_version v JOIN programme p ON p.id = v.programme"
    " WHERE p.kind = 'recuperation' AND v.state = 'published' ORDER BY v.id LIMIT 1"
)
_CHAIR = "SELECT id FROM role_binding WHERE role = 'chair' AND account = $1"


@dataclass
class Scene:
    """A city at work, and the ids of what belongs to one of its hospitals."""

    world: World
    ids: dict[str, str]

    def address(self, path: str, *, known: bool = True) -> str:
        """A route's path with the ids of its own kind; or with ids of nothing, but for what is a word."""
        ids = dict(self.ids)
        for part, changed in OTHER_IDS.items():
            if part in path:
                ids.update({name: ids[place] for name, place in changed.items()})
        return path.format(
            **{name: value if known or name == "verdict" else str(uuid4()) for name, value in ids.items()}
        )


#: What the same word means at other pages.
OTHER_IDS = {
    "/mutual-aid/groups/": {"application": "group"},
    "/mutual-aid/health/": {"application": "enrolment"},
    "/nominations/": {"application": "nomination"},
    "/clearances/": {"application": "nomination"},
    "/records/{record_id}/papers/": {"upload": "family_paper"},
}


@pytest.fixture
async def scene(database: None) -> AsyncIterator[Scene]:
    async with make_world() as world:
        more = {**await _covers(world), **await _award(world), **await _family_and_roster(world)}
        case = await world.at_committee("陈秋实", "officer-daizong")
        for reviewer in ("reviewer-zhou", "reviewer-zheng", "reviewer-chen"):
            await world.review(reviewer, case, HIGH)
        await world.act(world.by["chair-han"], case, Action.DECIDE)
        await set_business_clock(services.dsn("niangjia_owner"), datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
        version = await fetch_value("SELECT version FROM batch WHERE id = $1", world.batch)
        await world.services.batches.allocate(world.by["chair-han"], world.batch, version)
        notice = await world.services.batches.publish_notice(world.by["chair-han"], world.batch, version + 1)
        await world.services.notices.object_(
            world.workers["孟冬梅"], notice, case.id, "他在疫情期间并不在一线,请核实考勤。"
        )
        record = await fetch_value("SELECT id FROM staff_record WHERE person = $1", case.subject_person)
        claim = new_id()
        await execute(
            "INSERT INTO takeover (id, account, record, state, asked_at) VALUES ($1, $2, $3, 'open', now())",
            claim,
            world.workers["石大海"].account_id,
            record,
        )
        async with services.logged_in_as("niangjia_owner"):
            for role in EVERY_ROLE:
                await execute(
                    "INSERT INTO role_binding (id, account, role, trade_union, granted_by, approved_by, from_at)"
                    " VALUES ($1, $2, $3, $4, $5, $6, now() - interval '1 day')",
                    new_id(),
                    world.accounts[FOREIGNER],
                    role,
                    world.unions[COUNTY],
                    world.accounts["security"],
                    world.accounts["sysadmin"],
                )
        upload = await fetch_value("SELECT upload FROM application_document WHERE application = $1 LIMIT 1", case.id)
        yield Scene(
            world,
            {
                "application": str(case.id),
                "upload": str(upload),
                "batch": str(world.batch),
                "notice": str(notice),
                "record_id": str(record),
                "takeover": str(claim),
                "verdict": "approve",
                "version": str(await fetch_value(_STAY_VERSION)),
                "binding": str(await fetch_value(_CHAIR, world.accounts["chair-han"])),
                "unit": str(world.unions["daizong"]),
                **more,
            },
        )


async def _covers(world: World) -> dict[str, str]:
    """Somebody who is covered, with a declaration of health, and a unit's enrolment that is being filed."""
    insured = world.workers["陈秋实"]
    async with services.logged_in_as("niangjia_owner"):
        plans = await seed_plans(world.services.programmes, world.by, world.unions["city"])
    await world.services.consents.give(insured, "share_with_insurer", VERSION)
    await covered(world, "陈秋实")
    enrolment = await fetch_value("SELECT application FROM enrolment")
    assert insured.person_id is not None
    group = await world.services.groups.draft(
        world.by["officer-daizong"], plans["women"], world.unions["daizong"], 1, [insured.person_id]
    )
    return {"person": str(insured.person_id), "enrolment": str(enrolment), "group": str(group.id)}


async def _award(world: World) -> dict[str, str]:
    """An award with a nomination by a hospital."""
    async with services.logged_in_as("niangjia_owner"):
        version = await demo_awards.seed_award_programme(world.unions, world.by, world.services.clock)
    now = await world.services.clock.now()
    entered = CampaignInput(version, "五一劳动奖章", now - timedelta(days=1), now + timedelta(days=30))
    campaign = await world.services.campaigns.draft(world.by["hr-wang"], entered, world.unions["city"])
    await world.services.campaigns.open_(world.by["chair-han"], campaign, 1)
    nominee, officer = world.workers["宋雨桐"], world.by["officer-daizong"]
    assert nominee.person_id is not None
    made = await world.services.nominations.draft(
        officer, campaign, SubjectKind.PERSON, nominee.person_id, demo_awards.NOMINATION
    )
    paper = await world.paper(nominee, PaperKind.RESIDENT_ID)
    await world.services.applications.attach(officer, made.case.id, "identity", paper)
    await world.services.nominations.answer(nominee, made.case.id, agrees=True)
    await world.act(officer, made.case, Action.SUBMIT)
    return {"campaign": str(campaign), "nomination": str(made.case.id)}


async def _family_and_roster(world: World) -> dict[str, str]:
    """A child with a number to compare, and the dry run of a roster."""
    parent = world.workers["陈秋实"]
    born = date(2018, 6, 1)
    certificate = IdentifierInput(IdentifierType.BIRTH_CERTIFICATE, "S370123456", born, "female")
    relation = await world.services.family.declare(
        parent, MemberInput(name="陈小雨", identifier=certificate, kind=RelationKind.CHILD)
    )
    paper = await world.paper(parent, PaperKind.HOUSEHOLD_REGISTER)
    addition = await world.services.additions.ask(parent, relation, resident_id(born, 602), paper)
    roster = await world.services.rosters.dry_run(
        world.by["officer-daizong"], world.unions["daizong"], workbook([worker(1)])
    )
    return {"addition": str(addition), "family_paper": str(paper), "roster": str(roster)}


def routes() -> Iterator[tuple[str, str]]:
    """Method and path of every route of the desk that names something by its id."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/review/") and "{" in route.path:
            for handler in route.route_handlers:
                for method in handler.http_methods & {"GET", "POST"}:
                    yield method, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)


#: A form that would do something, were its sender allowed to.
FIELDS = {
    "token": "t" * 20,
    "version": "1",
    "action": "approve",
    "comment": "情况属实,同意",
    "reason": "本人持证到场核对",
    "original_reason": "核对骑缝章",
    "outcome": "verified",
    "sha256": "0" * 64,
    "places": "1",
    "requirement": "work",
    "content": "{}",
    "passes": "yes",
    "do": "end",
    "on": "2026-03-17",
    "authority": "police",
    "favourable": "yes",
    "opinion": "同意",
    "reference": "复函 1 号",
    "replied_on": "2026-03-16",
    "shares": "1",
    "row": "s2",
}


async def send(client: httpx.AsyncClient, method: str, path: str, **more: str) -> httpx.Response:
    """A request of a page of ours, whatever is in it."""
    if method == "GET":
        return await client.get(path)
    page = Page((await client.get("/password")).text)
    csrf = next(form.fields["_csrf"] for form in page.forms if "_csrf" in form.fields)
    return await client.post(path, data={**FIELDS, **more, "_csrf": csrf})


def plain(answer: httpx.Response) -> str:
    """A page without what differs from request to request."""
    return re.sub(r'value="[^"]*"|[0-9a-f-]{36}', "", answer.text)


async def digests() -> Mapping[str, str]:
    return {
        table: await fetch_value(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {table} t")
        for table in KEPT
    }


async def test_what_belongs_to_others_is_unknown_at_every_route(scene: Scene) -> None:
    async with services.logged_in_as("niangjia_owner"):
        # What the city itself organises is known to all below it.
        await execute("UPDATE campaign SET organiser = $1", scene.world.unions["health"])
    client, before = await scene.world.desk(FOREIGNER), await digests()
    more = {"upload": scene.ids["upload"], "union": str(scene.world.unions["daizong"])}
    tried = set()
    for method, path in routes():
        answer = await send(client, method, scene.address(path), **more)
        unknown = await send(client, method, scene.address(path, known=False), **more)
        where = (method, path, answer.status_code, answer.text[-800:])
        assert answer.status_code == unknown.status_code == 404, where
        assert plain(answer) == plain(unknown), where
        tried.add((method, path))
    assert len(tried) == 54
    assert await digests() == before


async def test_who_is_below_the_organiser_sees_of_an_award_what_is_announced(scene: Scene) -> None:
    """A county's people open the city's campaign, but neither its slate with the scores nor another unit's list."""
    client, before = await scene.world.desk(FOREIGNER), await digests()
    campaign = f"/review/campaigns/{scene.ids['campaign']}"
    opened = await client.get(campaign)
    assert opened.status_code == 200
    number = await fetch_value("SELECT number FROM application WHERE id = $1", UUID(scene.ids["nomination"]))
    assert number in (await (await scene.world.desk("hr-wang")).get(campaign)).text
    for words in ("宋雨桐", "岱宗", number, f'action="{campaign}'):
        assert words not in opened.text
    assert "宋雨桐" not in (await client.get(f"{campaign}/nominate")).text
    for method, path, status in (
        ("GET", "/slate", 404),
        ("POST", "/slate/check", 404),
        ("POST", "/slate", 404),
        ("GET", f"/units/{scene.world.unions['daizong']}", 404),
        ("POST", f"/units/{scene.world.unions['daizong']}", 404),
        ("POST", "/quota", 403),
        ("POST", "/open", 403),
        ("POST", "/extend", 403),
        ("POST", "/close", 403),
    ):
        more = {"union": str(scene.world.unions["pingyang"]), "mains": "1", "reserves": "1"}
        answer = await send(client, method, f"{campaign}{path}", **more, closes_at="2026-04-30T18:00")
        assert answer.status_code == status, (method, path, answer.status_code, answer.text[-3000:])
        assert "宋雨桐" not in answer.text, path
    assert await digests() == before


async def test_lists_and_searches_show_nothing_of_others(scene: Scene) -> None:
    client = await scene.world.desk(FOREIGNER)
    number = await fetch_value("SELECT number FROM application WHERE id = $1", UUID(scene.ids["application"]))
    for path in (
        *(f"/review/?tab={tab}" for tab in ("mine", "others", "overdue", "returned", "all")),
        f"/review/?tab=all&q={number}",
        f"/review/?tab=all&unit={scene.world.unions['daizong']}",
        "/review/records",
        "/review/batches",
        "/review/notices",
        "/review/programmes",
        "/review/roles",
        "/review/file",
    ):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        for words in (scene.ids["application"], "陈秋实", "一线医务人员疗休养", "第一批 崂山"):
            assert words not in answer.text, (path, words)
    for action in ("/review/search", "/review/records/find", "/review/file/find"):
        found = await send(client, "POST", action, q="陈秋实")
        if found.status_code == 303:
            found = await client.get(found.headers["location"])
        assert scene.ids["record_id"] not in found.text
        assert "岱宗" not in found.text, action


#: What is only looked at by sending a form.
LOOKS = ("/reveal", "/original", "/slate/check", "/health/{application}", "/nominations/{application}/form")


async def test_the_auditor_reads_and_changes_nothing(scene: Scene) -> None:
    client, before = await scene.world.desk("auditor-xu"), await digests()
    for method, path in routes():
        if method == "POST" and not path.endswith(LOOKS):
            answer = await send(client, method, scene.address(path))
            assert answer.status_code in (400, 403, 404, 409, 422), (path, answer.status_code)
    for path in ("/review/batches", "/review/records", "/review/file", "/review/roles", "/review/notices"):
        assert (await send(client, "POST", path)).status_code in (400, 403, 404, 422), path
    assert await digests() == before


#: Whose pages have which forms.
PAGES = {
    "officer-daizong": ("/review/", "/review/file", "/review/records", "/review/records/new", "/password"),
    "officer-dailu": ("/review/cases/{fresh}",),
    "hr-wang": ("/review/batches/new", "/review/programmes/{version}", "/review/cases/{application}"),
    "chair-han": ("/review/batches/{batch}", "/review/notices"),
    "chair-yang": ("/review/cases/{application}",),
    "security": ("/review/roles",),
}
HOSTILE = ("甲\x00\u202e乙", "长" * 5000, "999999999", "-999999999", "<script>alert(1)</script>")
NEVER_BENT = {"_csrf", "token"}


async def test_hostile_words_in_every_field_of_every_form_break_nothing(scene: Scene) -> None:
    world = scene.world
    world.batch = await demo_cases.open_batch(world.services, world.by, world.unions, UUID(scene.ids["version"]))
    fresh = await world.request("林晚晴")
    bent = set()
    for username, pages in PAGES.items():
        client = await scene.world.desk(username)
        for place in pages:
            page = place.format(fresh=fresh.id, **scene.ids)
            opened = await client.get(page)
            assert opened.status_code == 200, (username, page)
            for form in _forms(opened.text):
                for name in sorted(set(form.fields) - NEVER_BENT):
                    for text in HOSTILE:
                        fields = {**form.fields, **_button(form), name: text}
                        answer = await client.post(form.action or page, data=fields)
                        where = (username, form.action, name, text[:12], answer.status_code)
                        assert answer.status_code < 500, where
                        assert "<script>alert" not in answer.text, where
                        bent.add((re.sub(r"[0-9a-f-]{36}", "", form.action), name))
    assert len(bent) > 60


def _forms(html: str) -> list[WebForm]:
    return [form for form in Page(html).forms if "_csrf" in form.fields and form.action != "/logout"]


def _button(form: WebForm) -> dict[str, Any]:
    return dict(form.buttons[:1])


QUERIES = ("kind=%00", "stage=%00", "q=%00", "unit=%00", "person=%00", "after=%00", "tab=%00", "done=%00&number=%00")


async def test_hostile_addresses_still_open_a_page(scene: Scene) -> None:
    chair, security = await scene.world.desk("chair-han"), await scene.world.desk("security")
    case = f"/review/cases/{scene.ids['application']}"
    for query in (*QUERIES, "q=%FF", "kind=%E2%80%AE"):
        inner = query.replace("%", "%25").replace("=", "%3D").replace("&", "%26")
        for page in (f"/review/?{query}", f"{case}?{query}", f"{case}?queue={inner}"):
            assert (await chair.get(page)).status_code == 200, page
    assert (await security.get("/review/roles?union=%00")).status_code == 200


async def test_hostile_words_in_the_forms_of_the_data_console(scene: Scene) -> None:
    client = await scene.world.desk("sysadmin")
    await client.get("/admin/")
    headers = {"X-CSRFToken": client.cookies["csrftoken"]}
    before = await fetch_value("SELECT count(*) FROM trade_union")
    good = {"name": "示例新医院", "level": "unit", "kind": "hospital", "parent": "泰山区总工会(示例)"}
    for name in good:
        for text in ("甲\x00乙", "甲\u202e乙", "长" * 5000):
            answer = await client.post("/admin/api/forms/new-union/", json={**good, name: text}, headers=headers)
            assert answer.status_code == 422, (name, answer.status_code, answer.text[:200])
    assert await fetch_value("SELECT count(*) FROM trade_union") == before
    sanatorium = {"name": "甲\x00乙", "address": "x", "area_code": "370902"}
    for method, path in (("POST", "tables/sanatorium/"), ("GET", "tables/sanatorium/?name=%00")):
        answer = await client.request(method, f"/admin/api/{path}", json=sanatorium, headers=headers)
        assert answer.status_code in (400, 422), (path, answer.status_code)


async def test_the_data_console_is_kept_and_read_below_ones_own_union(scene: Scene) -> None:
    client, unions = await scene.world.desk(FOREIGNER), scene.world.unions
    await client.get("/admin/")
    headers = {"X-CSRFToken": client.cookies["csrftoken"]}
    tables = "/admin/api/tables"
    for unit, status in (("daizong", 403), ("city", 403), ("taishan", 403), ("pingyang", 200), (COUNTY, 200)):
        answer = await client.patch(f"{tables}/trade_union/{unions[unit]}/", json={"short_name": "改"}, headers=headers)
        assert answer.status_code == status, (unit, answer.text)
    roles = (await client.get(f"{tables}/role_list/?__page_size=100")).json()["rows"]
    assert {row["union_name"] for row in roles} == {"新泰市总工会(示例)", "新泰平阳医院(示例)"}
    form = {"username": "hr-wang", "role": "auditor", "union": "岱宗中心医院(示例)"}
    assert (await client.post("/admin/api/forms/grant-role/", json=form, headers=headers)).status_code == 422
    moved = {"union": "岱宗中心医院(示例)", "parent": "新泰市总工会(示例)", "line": "primary", "from_on": "2026-03-17"}
    assert (await client.post("/admin/api/forms/new-affiliation/", json=moved, headers=headers)).status_code == 422
    assert await fetch_value("SELECT short_name FROM trade_union WHERE id = $1", unions["daizong"]) == "岱宗中心医院"
    county = await fetch_value("SELECT county_id FROM trade_union WHERE id = $1", unions["daizong"])
    assert county == unions["health"]


#: Other spellings of the address of a list, as no browser of ours would write them.
SPELLINGS = (
    "//api/tables/case_list/",
    "/api//tables/case_list/",
    "/api/tables//case_list/",
    "/api/./tables/case_list/",
    "/api/tables/./case_list/",
    "/api/tables/case_list//",
    "/api%2Ftables%2Fcase_list%2F",
    "/api%252Ftables%252Fcase_list%252F",
    "/api/tables/case_list%2F",
    "/API/tables/case_list/",
    "/api/tables/case_list;x/",
    "/api/tables/trade_union/%2e%2e/case_list/",
    "/api/tables/%63ase_list/",
    "/api/tables/case_list%00/",
    "/api/tables/grouped/case_list/",
    "/public/%2e%2e/api/tables/case_list/",
)


async def test_no_spelling_of_an_address_leads_around_the_gate(scene: Scene) -> None:
    client = await scene.world.desk("security")
    await client.get("/admin/")
    headers = {"X-CSRFToken": client.cookies["csrftoken"]}
    number = await fetch_value("SELECT number FROM application LIMIT 1")
    for spelling in SPELLINGS:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            request = client.build_request(method, "/", headers=headers, json={"state": "approved"})
            request.url = httpx.URL("http://console.test").copy_with(raw_path=f"/admin{spelling}".encode())
            answer = await client.send(request)
            assert answer.status_code in (400, 403, 404, 405), (method, spelling, answer.status_code)
            assert number not in answer.text
