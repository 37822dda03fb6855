"""A worker's record over HTTP: entered, verified, taken over; what is on file is told to nobody."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from backend.database import execute, fetch, fetch_value
from backend.errors import Conflict, Forbidden, NotFound
from backend.identity import Actor
from backend.operations.embedded_postgres import OWNER
from backend.people.identifiers import IdentifierType
from backend.registry import queries
from backend.registry.facts import IdentifierInput, RecordInput
from backend.registry.kinds import Certification, JobCategory, Population
from tests.api.conftest import Api
from tests.services import logged_in_as


def reported(api: Api, serial: int, name: str = "古丽·买买提", unit: str = "daizong") -> RecordInput:
    """What the unit's officer reports of a nurse."""
    entered = api.record(serial)
    return RecordInput(
        name=name,
        identifier=IdentifierInput(IdentifierType.RESIDENT_ID, entered["identifier"]["number"]),
        unit_id=api.world.unions[unit],
        population=Population.FRONTLINE_MEDICAL,
        job_category=JobCategory.NURSE,
        joined_unit_on=date(2015, 7, 1),
        certification=Certification.COMMISSION_LIST,
    )


def shape(answer: dict[str, object]) -> dict[str, object]:
    """An answer without what differs from record to record."""
    return {name: value for name, value in answer.items() if name not in ("id", "born_on", "identifier_masked")}


async def test_registered_submitted_verified(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    saved = await phone.call("PUT", "/registry/record", 200, api.record())
    assert (saved["state"], saved["identifier_masked"][:4], saved["sex"]) == ("draft", "3709", "male")
    await phone.refused("POST", "/registry/record/submit", 422, "consent_missing", {"version": 1})
    await phone.consent("personal_data")
    sent = await phone.call("POST", "/registry/record/submit", 200, {"version": 1})
    assert (sent["state"], sent["headline"]) == ("submitted", "等待单位工会核实")
    await phone.refused("POST", "/registry/record/submit", 409, "stale_version", {"version": 1})
    officer = api.world.by["officer-daizong"]
    waiting = await queries.waiting_records(officer, None, 10)
    assert [record.name for record in waiting] == ["古丽·买买提"]
    assert await queries.waiting_records(api.world.by["officer-dailu"], None, 10) == []
    with pytest.raises(NotFound):
        await api.world.services.registry.verify(api.world.by["officer-dailu"], sent["id"], sent["version"])
    await api.world.services.registry.verify(officer, sent["id"], sent["version"])
    assert (await phone.call("GET", "/registry/record", 200))["state"] == "verified"
    assert [message["title"] for message in (await phone.call("GET", "/inbox", 200))["items"]] == ["档案已核实"]


async def test_returned_with_the_reason_and_sent_again(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    await phone.call("PUT", "/registry/record", 200, api.record())
    await phone.consent("personal_data")
    sent = await phone.call("POST", "/registry/record/submit", 200, {"version": 1})
    await api.world.services.registry.return_(
        api.world.by["officer-daizong"], sent["id"], sent["version"], "入职时间与人事档案不符"
    )
    shown = await phone.call("GET", "/registry/record", 200)
    assert (shown["state"], shown["return_reason"]) == ("returned", "入职时间与人事档案不符")
    mended = api.record(joined_unit_on="2016-07-01", version=shown["version"], identifier=None)
    again = await phone.call("PUT", "/registry/record", 200, mended)
    await phone.call("POST", "/registry/record/submit", 200, {"version": again["version"]})


async def test_everything_wrong_is_named_at_once(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    wrong = api.record(name="古" * 26, joined_unit_on="2030-01-01")
    wrong["identifier"]["number"] = "370999199001010019"
    wrong["services"][0] |= {"from_on": "2019-12-01", "to_on": "2019-11-30"}
    problem = await phone.call("PUT", "/registry/record", 422, wrong)
    assert {violation["code"] for violation in problem["violations"]} == {
        "name_too_long",
        "resident_id_check",
        "date_in_future",
        "before_emergency",
        "ends_before_start",
    }
    assert {violation["field"] for violation in problem["violations"]} >= {"name", "identifier.number"}
    assert await fetch_value("SELECT count(*) FROM person WHERE name LIKE '古%'") == 0


@pytest.mark.parametrize(
    ("path", "value"),
    [("unknown", 1), ("population", "nobody"), ("joined_unit_on", "yesterday"), ("services", "none"), ("unit_id", "x")],
)
async def test_malformed_records_say_where(api: Api, path: str, value: Any) -> None:
    phone = await api.logged_in("13800001234")
    problem = await phone.call("PUT", "/registry/record", 400, api.record(**{path: value}))
    assert [violation["field"].split(".")[0] for violation in problem["violations"]] == [path]


async def test_a_known_number_is_answered_like_an_unknown_one(api: Api) -> None:
    officer = api.world.by["officer-daizong"]
    await api.world.services.registry.report(officer, reported(api, 7), "13800007777")
    answers = []
    for number, serial in (("13800001111", 7), ("13800002222", 9)):
        phone = await api.logged_in(number)
        saved = await phone.call("PUT", "/registry/record", 200, api.record(serial))
        await phone.consent("personal_data")
        sent = await phone.call("POST", "/registry/record/submit", 200, {"version": 1})
        entered = {"identifier": api.record(serial)["identifier"]}
        code = await phone.call("POST", "/registry/takeover/codes", 202, entered)
        wrong = await phone.refused("POST", "/registry/takeover", 401, "wrong_code", {**entered, "code": "000000"})
        answers.append((shape(saved) | {"phone_masked": ""}, shape(sent) | {"phone_masked": ""}, code, wrong))
    assert answers[0] == answers[1]
    # Only the officer of the record's unit sees that somebody asks for it.
    assert len(await queries.waiting_takeovers(officer, None, 10)) == 1
    assert len(await queries.waiting_records(officer, None, 10)) == 1


async def test_taken_over_by_the_code_to_the_phone_on_the_record(api: Api) -> None:
    await api.world.services.registry.report(api.world.by["officer-daizong"], reported(api, 7), "13800007777")
    phone = await api.logged_in("13800001111")
    entered = {"identifier": api.record(7)["identifier"]}
    await phone.call("PUT", "/registry/record", 200, api.record(7))
    await phone.call("POST", "/registry/takeover/codes", 202, entered)
    code = await api.phone("13800007777").code("认领档案")
    record = await phone.call("POST", "/registry/takeover", 200, {**entered, "code": code})
    assert (record["state"], record["source"], record["phone_masked"]) == ("verified", "unit", "138****1111")
    assert await fetch_value("SELECT count(*) FROM staff_record") == 1
    assert (await phone.call("GET", "/me", 200))["name"] == "古丽·买买提"


async def test_taken_over_by_the_officers_approval(api: Api) -> None:
    registry, takeovers = api.world.services.registry, api.world.services.takeovers
    officer = api.world.by["officer-daizong"]
    await registry.report(officer, reported(api, 7), "13800007777")
    phone = await api.logged_in("13800001111")
    await phone.call("PUT", "/registry/record", 200, api.record(7))
    await phone.consent("personal_data")
    await phone.call("POST", "/registry/record/submit", 200, {"version": 1})
    asked = (await queries.waiting_takeovers(officer, None, 10))[0]
    with pytest.raises(NotFound):
        await takeovers.approve(api.world.by["officer-dailu"], asked.id, "认识本人")
    await takeovers.approve(officer, asked.id, "本人持证到场核对")
    with pytest.raises(Conflict):
        await takeovers.approve(officer, asked.id, "本人持证到场核对")
    record = await phone.call("GET", "/registry/record", 200)
    assert (record["state"], record["source"]) == ("verified", "unit")
    row = (await fetch("SELECT reason FROM audit_entry WHERE act = 'takeover.approve'"))[0]
    assert row["reason"] == "本人持证到场核对"


async def test_a_refused_takeover_reads_like_any_returned_record(api: Api) -> None:
    officer = api.world.by["officer-daizong"]
    await api.world.services.registry.report(officer, reported(api, 7), "13800007777")
    phone = await api.logged_in("13800001111")
    await phone.call("PUT", "/registry/record", 200, api.record(7))
    await phone.consent("personal_data")
    await phone.call("POST", "/registry/record/submit", 200, {"version": 1})
    asked = (await queries.waiting_takeovers(officer, None, 10))[0]
    await api.world.services.takeovers.refuse(officer, asked.id, "与本人联系,并非其手机")
    record = await phone.call("GET", "/registry/record", 200)
    assert (record["state"], record["source"]) == ("returned", "worker")


async def test_the_phone_on_the_record_finds_it_at_once(api: Api) -> None:
    await api.world.services.registry.report(api.world.by["officer-daizong"], reported(api, 7), "13800007777")
    phone = await api.logged_in("13800007777")
    record = await phone.call("PUT", "/registry/record", 200, api.record(7, department="别的科"))
    assert (record["state"], record["department"]) == ("verified", "")


async def test_a_new_phone_takes_the_record_from_the_old_one(api: Api) -> None:
    old = await api.registered("13800001111", 9)
    new = await api.logged_in("13800002222")
    entered = {"identifier": api.record(9)["identifier"]}
    await new.call("POST", "/registry/takeover/codes", 202, entered)
    await new.call("POST", "/registry/takeover", 200, {**entered, "code": await old.code("认领档案")})
    await old.refused("GET", "/registry/record", 401, "login_needed")
    await execute("UPDATE login_code SET created_at = created_at - interval '1 minute'")
    await old.log_in()
    await old.refused("GET", "/registry/record", 404, "not_found")


async def test_a_verified_identity_is_fixed(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    shown = await phone.call("GET", "/registry/record", 200)
    await phone.refused(
        "PUT", "/registry/record", 422, "identity_fixed", api.record(9, name="别的人", version=shown["version"])
    )
    amended = api.record(9, department="急诊科", version=shown["version"], identifier=None)
    assert (await phone.call("PUT", "/registry/record", 200, amended))["state"] == "draft"


async def test_nobody_verifies_their_own_record(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    await phone.call("PUT", "/registry/record", 200, api.record())
    await phone.consent("personal_data")
    sent = await phone.call("POST", "/registry/record/submit", 200, {"version": 1})
    officer = api.world.by["officer-daizong"]
    person = await fetch_value("SELECT person FROM staff_record WHERE id = $1", sent["id"])
    own = Actor(officer.account_id, officer.name, person, officer.employer_id, officer.bindings)
    with pytest.raises(Forbidden):
        await api.world.services.registry.verify(own, sent["id"], sent["version"])


async def test_nothing_personal_is_stored_in_the_clear(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    number = api.record(9)["identifier"]["number"]
    async with logged_in_as(OWNER):
        tables = await fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        lines = [
            row["line"]
            for table in tables
            for row in await fetch(f'SELECT t::text AS line FROM "{table["tablename"]}" t')
        ]
    assert any("古丽·买买提" in line for line in lines)
    for secret in (number, phone.number):
        # Bytes are shown in hexadecimal: neither form may be there.
        assert not any(secret in line or secret.encode().hex() in line for line in lines)
