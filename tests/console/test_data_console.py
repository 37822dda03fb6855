"""The data console: every table by every route and role; nothing leaks, nothing with a lifecycle is written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.routing import Mount, Route

from admin.console import DataConsole
from admin.gate import ROLE, settings_of
from admin.tables import LIST_PAGE, SHOWN, Shown
from backend.applications.case import Case
from backend.database import execute, fetch, fetch_one, fetch_value, transaction
from backend.operations.demo import LOGINS
from backend.operations.demo_cases import STAY
from tests.console.desk_world import World, make_world

#: One of each role, and two officers of other units.
READERS = (
    "officer-daizong",
    "officer-dailu",
    "hr-wang",
    "reviewer-zhou",
    "chair-han",
    "auditor-xu",
    "sysadmin",
    "security",
)
LIFECYCLE = (
    "application", "application_event", "application_facts", "application_document", "staff_record", "service_period",
    "person", "person_identifier", "upload", "verdict", "review", "recusal", "batch", "batch_quota", "stay_request",
    "notice", "notice_entry", "objection", "role_binding", "console_account", "console_user", "worker_account",
)  # fmt: skip


@dataclass
class Data:
    """The data console as several people have it open."""

    world: World

    async def call(self, username: str, method: str, path: str, **more: Any) -> httpx.Response:
        """A request of the page of the data console."""
        client = await self.world.desk(username)
        if "csrftoken" not in client.cookies:
            await client.get("/admin/")
        return await client.request(
            method, f"/admin/api/{path}", headers={"X-CSRFToken": client.cookies["csrftoken"]}, **more
        )

    async def rows(self, username: str, table: str, query: str = "") -> list[dict[str, Any]]:
        """The rows of a list."""
        answer = await self.call(username, "GET", f"tables/{table}/?__readable=true{query}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["rows"]
        return found


@pytest.fixture
async def data(database: None) -> AsyncIterator[Data]:
    async with make_world() as world:
        yield Data(world)


@pytest.fixture
async def case(data: Data) -> Case:
    """A case of one unit, sent in."""
    return await data.world.request("古丽·买买提")


async def test_cases_are_listed_by_scope_and_without_the_person(data: Data, case: Case) -> None:
    for username in ("officer-daizong", "hr-wang", "reviewer-zhou", "chair-han", "auditor-xu"):
        (row,) = await data.rows(username, "case_list")
        assert row["number"] == case.number
        assert row["name"] == "古某某"
        assert row["union_name"] == "岱宗中心医院(示例)"
        assert row["stage"] == "单位审核"
    for username in ("officer-dailu", "officer-pingyang"):
        assert await data.rows(username, "case_list") == []
        assert (await data.call(username, "GET", "tables/case_list/count/")).json()["count"] == 0
        assert (await data.call(username, "GET", f"tables/case_list/{case.id}/")).status_code == 404
    for username in ("sysadmin", "security"):
        assert (await data.call(username, "GET", "tables/case_list/")).status_code == 404


async def test_a_draft_is_nobodys_to_see(data: Data) -> None:
    worker = data.world.workers["古丽·买买提"]
    assert worker.person_id
    await data.world.services.requests.draft(worker, data.world.batch, worker.person_id, STAY)
    assert await data.rows("hr-wang", "case_list") == []


async def test_records_are_listed_by_scope_and_without_the_person(data: Data) -> None:
    whole, own = await data.rows("hr-wang", "staff_list"), await data.rows("officer-dailu", "staff_list")
    assert 0 < len(own) < len(whole)
    assert {row["union_name"] for row in own} == {"岱麓区医院(示例)"}
    assert all(row["name"].endswith("某") for row in whole)
    assert (await data.call("reviewer-zhou", "GET", "tables/staff_list/")).status_code == 404


async def test_no_answer_carries_a_name_a_number_or_a_phone(data: Data, case: Case) -> None:
    names = [row[0] for row in await fetch("SELECT p.name FROM person p JOIN staff_record r ON r.person = p.id")]
    secrets = names + [row[0] for row in await fetch("SELECT masked FROM person_identifier")]
    secrets += [row[0] for row in await fetch("SELECT phone_masked FROM staff_record")]
    secrets += [row[0] for row in await fetch("SELECT left(password, 60) FROM console_user")]
    assert len(secrets) > 10
    for username in READERS:
        for shown in SHOWN:
            for address in _addresses(shown, str(case.id)):
                text = (await data.call(username, "GET", address)).text
                assert not [secret for secret in secrets if secret and secret in text], (username, address)


async def test_nothing_with_a_lifecycle_can_be_written(data: Data, case: Case) -> None:
    before = await _digests()
    for username in READERS:
        for shown in SHOWN:
            if not shown.is_list:
                continue
            for method, address in _writes(shown, str(case.id)):
                answer = await data.call(username, method, address, json={"state": "approved", "name": "x"})
                assert answer.status_code in (403, 404, 405), (username, method, address, answer.status_code)
    for table in LIFECYCLE:
        for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
            for address in (f"tables/{table}/", f"tables/{table}/{case.id}/", f"tables/{table}/ids/"):
                assert (await data.call("sysadmin", method, address, json={})).status_code in (403, 404, 405)
    assert await _digests() == before


async def test_reference_data_is_changed_only_by_who_keeps_it(data: Data) -> None:
    for shown in SHOWN:
        rows = await fetch(f'SELECT * FROM "{shown.name}" LIMIT 1')
        if shown.is_list or not rows:
            continue
        key = rows[0][shown.table._meta.primary_key._meta.name]
        for login in LOGINS:
            if set(login.roles) & (shown.editors | shown.adders):
                continue
            for method, address in _writes(shown, str(key)):
                answer = await data.call(login.username, method, address, json={"name": "x"})
                assert answer.status_code in (403, 404, 405), (login.username, method, address)
    for method in ("PUT", "DELETE"):
        place = await fetch_value("SELECT id FROM sanatorium LIMIT 1")
        assert (await data.call("sysadmin", method, f"tables/sanatorium/{place}/", json={})).status_code == 403


async def test_a_list_is_not_exported_here(data: Data, case: Case) -> None:
    for address in ("tables/case_list/?__page_size=1000", "tables/case_list/ids/", "tables/staff_list/?__page_size=x"):
        answer = await data.call("hr-wang", "GET", address)
        assert answer.status_code == 403
        assert "导出" in answer.json()
    assert (await data.call("hr-wang", "GET", f"tables/case_list/?__page_size={LIST_PAGE}")).status_code == 200
    assert (await data.call("hr-wang", "GET", "tables/trade_union/?__page_size=1000")).status_code == 200


async def test_what_is_not_shown_cannot_be_asked_for(data: Data, case: Case) -> None:
    for query in (
        "subject_name=古",
        "__visible_fields=subject_name",
        "__order=subject_name",
        "submitted_by=x",
        "subject_person__operator=is_null",
    ):
        answer = await data.call("hr-wang", "GET", f"tables/case_list/?{query}")
        assert answer.status_code in (400, 422), query
        assert case.number not in answer.text


async def test_a_change_of_reference_data_is_made_and_on_record(data: Data) -> None:
    (row, *_) = await data.rows("sysadmin", "sanatorium")
    address = f"tables/疗养院/{row['id']}/"
    answer = await data.call("sysadmin", "PATCH", address, json={**_plain(row), "address": "新地址 8 号"})
    assert answer.status_code == 200, answer.text
    assert await fetch_value("SELECT address FROM sanatorium WHERE id = $1", row["id"]) == "新地址 8 号"
    entry = await fetch_one("SELECT * FROM audit_entry WHERE act = 'data.change.sanatorium'")
    assert entry
    assert (entry["actor"], str(entry["object"])) == (data.world.accounts["sysadmin"], row["id"])
    assert json.loads(entry["detail"]) == {"address": f"{row['address']} → 新地址 8 号"}
    added = await data.call(
        "sysadmin", "POST", "tables/sanatorium/", json={"name": "泰山(示例)", "address": "x", "area_code": "370902"}
    )
    assert added.status_code == 201
    assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'data.add.sanatorium'") == 1


async def test_a_change_that_is_refused_leaves_nothing_behind(data: Data) -> None:
    (row, *_) = await data.rows("sysadmin", "trade_union", "&level=unit")
    for changed in (
        {"uscc": "81O709009999001716"},
        {"level": "city"},
        {"name": " "},
        {"kind": "castle"},
        {"city_id": None},
    ):
        answer = await data.call(
            "sysadmin", "PATCH", f"tables/trade_union/{row['id']}/", json={**_plain(row), **changed}
        )
        assert answer.status_code in (400, 422), (changed, answer.text)
    taken = await fetch_value("SELECT uscc FROM trade_union WHERE id <> $1 LIMIT 1", row["id"])
    answer = await data.call(
        "sysadmin", "PATCH", f"tables/trade_union/{row['id']}/", json={**_plain(row), "uscc": taken}
    )
    assert answer.status_code == 422
    assert "trade_union" not in answer.text
    assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act LIKE 'data.change%'") == 0
    assert await fetch_value("SELECT uscc FROM trade_union WHERE id = $1", row["id"]) == row["uscc"]


async def test_a_change_on_top_of_somebody_elses_is_stale(data: Data) -> None:
    (row, *_) = await data.rows("sysadmin", "emergency")
    address = f"tables/emergency/{row['id']}/"
    await data.call("sysadmin", "GET", address)
    await execute("UPDATE emergency SET level = 'II'")
    stale = await data.call("sysadmin", "PATCH", address, json={**_plain(row), "name": "改名"})
    assert stale.status_code == 409
    await data.call("sysadmin", "GET", address)
    for name in ("改名", "再改名"):
        fresh = await data.call("sysadmin", "PATCH", address, json={**_plain(row), "level": "II", "name": name})
        assert fresh.status_code == 200, fresh.text


async def test_the_calendar_is_changed_by_the_day_and_filled_by_the_year(data: Data) -> None:
    changed = await data.call(
        "sysadmin", "PATCH", "tables/calendar_entry/20260302/", json={"working": False, "name": "调休"}
    )
    assert changed.status_code == 200, changed.text
    assert await fetch_value("SELECT working FROM calendar_day WHERE day = '2026-03-02'") is False
    year = {"year": 2027, "holidays": "2027-01-01…2027-01-03 元旦;2027-02-05 春节", "make_up_days": "2027-01-09"}
    assert (await data.call("hr-wang", "POST", "forms/calendar-year/", json=year)).status_code == 404
    assert (await data.call("sysadmin", "POST", "forms/calendar-year/", json=year)).status_code == 200
    rows = {row["day"].isoformat(): row["working"] for row in await fetch("SELECT * FROM calendar_day")}
    assert [rows[f"2027-01-0{day}"] for day in (1, 4, 9)] == [False, True, True]
    for wrong in ({"year": 2029}, {"year": 2028, "holidays": "2027-01-01"}, {"year": 2028, "holidays": "tomorrow"}):
        answer = await data.call("sysadmin", "POST", "forms/calendar-year/", json={**year, "make_up_days": "", **wrong})
        assert answer.status_code == 422, wrong


async def test_a_draft_is_edited_by_its_organiser_and_published_by_somebody_else(data: Data) -> None:
    made = await data.call("chair-han", "POST", "forms/new-draft/", json={"code": "TA-RR"})
    assert made.status_code == 200, made.text
    (draft,) = await data.rows("chair-han", "programme_version", "&state=drafted")
    (published,) = await data.rows("chair-han", "programme_version", "&state=published")
    assert await data.rows("officer-dailu", "programme_version", "&state=drafted") == []
    content = draft["content"].replace("单位审核", "本单位审核")
    final = await data.call(
        "hr-wang", "PATCH", f"tables/programme_version/{published['id']}/", json={"content": content}
    )
    assert final.status_code == 403
    broken = await data.call(
        "hr-wang", "PATCH", f"tables/programme_version/{draft['id']}/", json={"content": '{"a": 1}'}
    )
    assert broken.status_code == 422
    edited = await data.call("hr-wang", "PATCH", f"tables/programme_version/{draft['id']}/", json={"content": content})
    assert edited.status_code == 200, edited.text
    row = await fetch_one("SELECT drafted_by, content FROM programme_version WHERE id = $1", draft["id"])
    assert row
    assert row["drafted_by"] == data.world.accounts["hr-wang"]
    assert "本单位审核" in row["content"]


async def test_a_policy_that_a_published_version_rests_on_stays(data: Data) -> None:
    (used, *_) = await data.rows("hr-wang", "policy_row")
    fixed = await data.call("hr-wang", "PATCH", f"tables/policy_row/{used['id']}/", json={"clause": "改"})
    assert fixed.status_code == 403
    new = {
        "topic": "recuperation.days",
        "trade_union": str(data.world.unions["city"]),
        "effective_from": "2027-01-01",
        "rules": '{"max_days": 5}',
        "clause": "示例",
    }
    assert (await data.call("hr-wang", "POST", "tables/policy_row/", json=new)).status_code == 201
    elsewhere = {**new, "trade_union": str(data.world.unions["province"])}
    assert (await data.call("hr-wang", "POST", "tables/policy_row/", json=elsewhere)).status_code == 403
    (own,) = await data.rows("hr-wang", "policy_row", "&effective_from=2027-01-01")
    for changed, status in (
        ({"rules": '{"max_days": 6}'}, 200),
        ({"rules": "[]"}, 422),
        ({"effective_to": "2026-01-01"}, 422),
    ):
        answer = await data.call("hr-wang", "PATCH", f"tables/policy_row/{own['id']}/", json=changed)
        assert answer.status_code == status, (changed, answer.text)


async def test_accounts_are_the_security_administrators_alone(data: Data) -> None:
    assert {row["username"] for row in await data.rows("security", "account_list", "&__page_size=100")} == {
        login.username for login in LOGINS
    }
    for username in READERS[:-1]:
        for table in ("account_list", "role_list"):
            assert (await data.call(username, "GET", f"tables/{table}/")).status_code == 404
    granted = {"username": "hr-wang", "role": "chair", "union": "泰山区总工会(示例)"}
    assert (await data.call("sysadmin", "POST", "forms/grant-role/", json=granted)).status_code == 404
    assert (await data.call("security", "POST", "forms/grant-role/", json=granted)).status_code == 200
    (row,) = [
        row
        for row in await data.rows("security", "role_list", "&role=chair&__page_size=100")
        if row["username"] == "hr-wang"
    ]
    assert row["approved"] is False
    own = await data.call("security", "POST", "forms/approve-role/", json={"binding": row["id"]})
    assert own.status_code == 422
    assert (await data.call("sysadmin", "POST", "forms/approve-role/", json={"binding": row["id"]})).status_code == 200


async def test_menus_and_words_follow_role_and_language(data: Data) -> None:
    assert "申请" in (await data.call("hr-wang", "GET", "tables/")).json()
    assert "申请" not in (await data.call("security", "GET", "tables/")).json()
    grouped = (await data.call("security", "GET", "tables/grouped/")).json()["grouped"]
    assert grouped["账号与角色"] == ["账号", "角色"]
    schema = (await data.call("hr-wang", "GET", "tables/申请/schema/")).json()
    assert schema["properties"]["state"]["title"] == "状态"
    assert schema["properties"]["state"]["extra"]["choices"]["submitted"]["display_name"] == "已提交"
    client = await data.world.desk("hr-wang")
    client.cookies.set("niangjia_language", "en")
    assert "Cases" in (await data.call("hr-wang", "GET", "tables/")).json()
    schema = (await data.call("hr-wang", "GET", "tables/Cases/schema/")).json()
    assert schema["properties"]["state"]["title"] == "State"
    assert (await client.get("/admin/public/translations/")).json()["default_language_code"] == "en"


async def test_a_change_needs_the_pages_token_and_our_site(data: Data) -> None:
    client = await data.world.desk("sysadmin")
    await client.get("/admin/")
    (row, *_) = await data.rows("sysadmin", "sanatorium")
    address, body = f"/admin/api/tables/sanatorium/{row['id']}/", {"address": "x"}
    good = {"X-CSRFToken": client.cookies["csrftoken"]}
    for headers in (
        {},
        {"X-CSRFToken": "x"},
        {**good, "origin": "https://evil.example"},
        {**good, "sec-fetch-site": "cross-site"},
    ):
        assert (await client.patch(address, json=body, headers=headers)).status_code == 403
    assert (await client.patch(address, content=b"x" * 300_000, headers=good)).status_code == 413


async def test_row_level_security_holds_without_the_data_console(data: Data, case: Case) -> None:
    async with transaction(role=ROLE):
        for table in ("application", "staff_record", "console_account", "role_binding"):
            assert await fetch_value(f"SELECT count(id) FROM {table}") == 0
        assert await fetch_value("SELECT count(*) FROM programme_version WHERE state = 'drafted'") == 0
    async with transaction(role=ROLE, settings=settings_of(data.world.by["officer-dailu"])):
        assert await fetch_value("SELECT count(id) FROM application") == 0
    async with transaction(role=ROLE, settings=settings_of(data.world.by["officer-daizong"])):
        assert await fetch_value("SELECT count(id) FROM application") == 1


async def test_the_role_itself_has_few_rights(data: Data) -> None:
    for statement in (
        "SELECT subject_name FROM application",
        "SELECT * FROM person",
        "SELECT * FROM person_identifier",
        "SELECT phone_sealed FROM staff_record",
        "SELECT password FROM console_user",
        "SELECT totp_sealed FROM console_account",
        "SELECT * FROM console_session",
        "SELECT * FROM audit_entry",
        "UPDATE application SET state = 'approved'",
        "INSERT INTO application_event (id) VALUES (gen_random_uuid())",
        "UPDATE batch SET capacity = 1",
        "UPDATE programme_version SET state = 'published'",
        "UPDATE trade_union SET city_id = NULL",
        "UPDATE role_binding SET role = 'chair'",
        "DELETE FROM sanatorium",
        "DELETE FROM application",
        "SELECT refresh_union_levels()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with transaction(role=ROLE, settings=settings_of(data.world.by["sysadmin"])):
                await execute(statement)


async def test_everybody_reads_which_rule_keeps_a_paper_and_nobody_changes_one(data: Data) -> None:
    for username in READERS:
        rows = await data.rows(username, "retention_rule")
        assert {row["outcome"] for row in rows} == {"granted", "refused", "withdrawn"}
        assert all(row["clause"] for row in rows)
    (rule, *_) = await data.rows("sysadmin", "retention_rule")
    changed = await data.call("sysadmin", "PATCH", f"tables/retention_rule/{rule['id']}/", json={"keep_days": 1})
    added = await data.call("sysadmin", "POST", "tables/retention_rule/", json={**rule, "keep_days": 1})
    gone = await data.call("sysadmin", "DELETE", f"tables/retention_rule/{rule['id']}/")
    assert {answer.status_code for answer in (changed, added, gone)} <= {403, 404, 405}
    assert await fetch_value("SELECT count(*) FROM retention_rule WHERE keep_days = 1") == 0


async def test_every_table_of_the_data_console_that_can_be_told_apart_has_row_level_security(data: Data) -> None:
    protected = {row[0] for row in await fetch("SELECT relname FROM pg_class WHERE relrowsecurity")}
    assert protected >= {
        "application", "staff_record", "trade_union", "calendar_day", "sanatorium", "emergency", "programme",
        "programme_version", "policy_row", "console_account", "role_binding",
    }  # fmt: skip
    owners = await fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        " AND NOT coalesce('security_invoker=true' = ANY(reloptions), false)"
    )
    assert owners == []


async def test_what_piccolo_admin_brings_of_its_own_login_is_gone(data: Data) -> None:
    for path in ("api/change-password/", "api/media/", "api/media/generate-file-url/", "api/mfa-setup/", "api/docs/"):
        assert (await data.call("sysadmin", "POST", path[4:])).status_code in (404, 405)
    client = await data.world.desk("sysadmin")
    for path in ("public/login/", "public/docs/", "openapi.json", "api/openapi.json", "public/openapi.json"):
        assert (await client.get(f"/admin/{path}")).status_code == 404
    assert sorted(set(_routes(DataConsole(data.world.services)))) == [
        "/",
        "/api/forms/",
        "/api/forms/grouped/",
        "/api/forms/{form_slug:str}/",
        "/api/forms/{form_slug:str}/schema/",
        "/api/links/",
        "/api/tables/",
        "/api/tables/*",
        "/api/tables/grouped/",
        "/api/user/",
        "/assets",
        "/public/meta/",
        "/public/translations/",
        "/public/translations/{language_code:str}/",
    ]


async def test_refused_changes_are_on_record(data: Data, case: Case) -> None:
    await data.call("hr-wang", "PATCH", f"tables/case_list/{case.id}/", json={"state": "approved"})
    entry = await fetch_one("SELECT * FROM audit_entry WHERE act = 'data.refused'")
    assert entry
    assert entry["actor"] == data.world.accounts["hr-wang"]


def _addresses(shown: Shown, row: str) -> Iterator[str]:
    for rest in (
        "",
        "schema/",
        "ids/",
        "ids/?search=a&limit=5",
        "count/",
        "references/",
        "new/",
        f"{row}/",
        "?__readable=true",
    ):
        yield f"tables/{shown.name}/{rest}"


def _writes(shown: Shown, row: str) -> Iterator[tuple[str, str]]:
    for method in ("POST", "DELETE", "PUT", "PATCH"):
        yield method, f"tables/{shown.name}/"
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        yield method, f"tables/{shown.name}/{row}/"


def _routes(app: Any, prefix: str = "") -> Iterator[str]:
    for route in app.router.routes:
        if isinstance(route, Mount) and hasattr(route.app, "router"):
            yield from _routes(route.app, route.path)
        elif isinstance(route, Mount | Route):
            path = prefix + route.path
            inside = path.startswith("/api/tables/") and path not in ("/api/tables/", "/api/tables/grouped/")
            yield "/api/tables/*" if inside else path


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id" and not name.endswith("_readable")}


async def _digests() -> dict[str, str]:
    return {
        table: await fetch_value(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {table} t")
        for table in LIFECYCLE
    }
