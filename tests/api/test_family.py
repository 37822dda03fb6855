"""A worker's family over HTTP: declared, corrected, ended, agreed for; what is on file is told to nobody."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.database import execute, fetch, fetch_value, new_id
from backend.operations.demo_people import resident_id
from backend.operations.embedded_postgres import OWNER
from backend.operations.tour.phone import Phone
from backend.people.identifiers import IdentifierType
from backend.registry.facts import IdentifierInput, RecordInput
from backend.registry.kinds import Certification, JobCategory, Population
from tests.api.conftest import Api
from tests.services import logged_in_as

FAMILY = "/registry/family"


def number(born_on: date, serial: int) -> dict[str, str]:
    return {"type": "resident_id", "number": resident_id(born_on, serial)}


def spouse(serial: int = 501, **changed: Any) -> dict[str, Any]:
    return {
        "name": "买买提·艾力",
        "identifier": number(date(1987, 8, 1), serial),
        "kind": "spouse",
        "from_on": "2014-10-01",
        **changed,
    }


def child(serial: int = 601, **changed: Any) -> dict[str, Any]:
    return {"name": "马小满", "identifier": number(date(2018, 6, 1), serial), "kind": "child", **changed}


def newborn(letters: str = "S370123456", **changed: Any) -> dict[str, Any]:
    identifier = {"type": "birth_certificate", "number": letters, "born_on": "2024-05-20", "sex": "female"}
    return {"name": "马小雪", "identifier": identifier, "kind": "child", **changed}


async def paper(phone: Phone, kind: str, state: str = "checked") -> str:
    """A paper of the phone's own as the database has it once it was sent."""
    me = await phone.call("GET", "/me", 200)
    upload = new_id()
    await execute(
        "INSERT INTO upload (id, kind, owner_person, reserved_by, state, object_key, reserved_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, now())",
        upload,
        kind,
        UUID(me["person_id"]),
        UUID(me["account_id"]),
        state,
        upload.hex,
    )
    return str(upload)


async def person(phone: Phone) -> UUID:
    return UUID((await phone.call("GET", "/me", 200))["person_id"])


async def use(relation: str) -> None:
    """Let a case rest on a relation, as a programme does when a request is submitted."""
    await execute(
        "INSERT INTO relation_use (id, relation, application, noted_at) VALUES ($1, $2, $3, now())",
        new_id(),
        UUID(relation),
        new_id(),
    )


async def report(api: Api, name: str, born_on: date, serial: int, phone: str) -> None:
    """A worker reported by the unit."""
    entered = RecordInput(
        name=name,
        identifier=IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(born_on, serial)),
        unit_id=api.world.unions["daizong"],
        population=Population.FRONTLINE_MEDICAL,
        job_category=JobCategory.NURSE,
        joined_unit_on=date(2015, 7, 1),
        certification=Certification.COMMISSION_LIST,
    )
    await api.world.services.registry.report(api.world.by["officer-daizong"], entered, phone)


async def test_declared_corrected_ended(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    evidence = await paper(phone, "marriage_certificate")
    made = await phone.call("POST", FAMILY, 201, spouse(evidence=evidence))
    assert (made["kind_label"], made["identifier_masked"], made["born_on"], made["sex"]) == (
        "配偶",
        "3709**********501" + resident_id(date(1987, 8, 1), 501)[-1],
        "1987-08-01",
        "male",
    )
    assert (made["state"], made["evidence"], made["consent_by"], made["certified"]) == ("live", evidence, "own", False)
    right = {**spouse(name="买买提·艾力江"), "identifier": None, "evidence": evidence, "version": made["version"]}
    amended = await phone.call("POST", f"{FAMILY}/{made['id']}/amend", 200, right)
    assert (amended["name"], amended["identifier_masked"]) == ("买买提·艾力江", made["identifier_masked"])
    assert [one["id"] for one in (await phone.call("GET", FAMILY, 200))["items"]] == [amended["id"]]
    # The mistake stays on record, and whom nobody else has named is called by the right name.
    assert await fetch_value("SELECT count(*) FROM relation WHERE struck_at IS NOT NULL") == 1
    assert await fetch_value("SELECT count(*) FROM person WHERE name = '买买提·艾力江'") == 1
    await phone.refused("POST", f"{FAMILY}/{made['id']}/amend", 404, "not_found", right)
    over = {"to_on": "2025-12-31", "reason": "divorce", "version": amended["version"]}
    ended = await phone.call("POST", f"{FAMILY}/{amended['id']}/end", 200, over)
    assert (ended["state"], ended["to_on"], ended["end_reason"]) == ("ended", "2025-12-31", "divorce")
    await phone.refused("POST", f"{FAMILY}/{amended['id']}/end", 409, "stale_version", over)
    await phone.refused(
        "POST", f"{FAMILY}/{amended['id']}/end", 409, "relation_ended", {**over, "version": ended["version"]}
    )
    await phone.call("POST", FAMILY, 201, spouse(502, **{"from_on": "2026-01-05", "name": "阿力木"}))
    acts = {row["act"] for row in await fetch("SELECT act FROM audit_entry WHERE object_kind = 'relation'")}
    assert acts == {"family.declare", "family.amend", "family.end"}


async def test_everything_wrong_is_named_at_once(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    wrong = child(name="小满2号", guardian=True, from_on="2017-01-01", evidence=str(uuid4()))
    wrong["identifier"]["number"] = "370999201806010029"
    problem = await phone.call("POST", FAMILY, 422, wrong)
    assert {one["code"] for one in problem["violations"]} == {
        "name_characters",
        "resident_id_check",
        "guardian",
        "before_birth",
        "evidence",
    }
    assert await fetch_value("SELECT count(*) FROM relation") == 0
    problem = await phone.call("POST", FAMILY, 400, child(kind="cousin"))
    assert problem["violations"][0]["field"].startswith("kind")


@pytest.mark.parametrize(
    ("kind", "state", "mine"),
    [
        ("work_permit", "checked", True),
        ("household_register", "refused", True),
        ("household_register", "reserved", True),
        ("household_register", "checked", False),
    ],
)
async def test_evidence_is_a_usable_paper_of_ones_own(api: Api, kind: str, state: str, mine: bool) -> None:
    phone, other = await api.registered("13800001111", 9), await api.registered("13800002222", 8)
    upload = await paper(phone if mine else other, kind, state)
    await phone.refused("POST", FAMILY, 422, "evidence", child(evidence=upload))


async def test_a_known_number_is_answered_like_an_unknown_one(api: Api) -> None:
    await report(api, "张三丰", date(1987, 8, 1), 777, "13800007777")
    phone = await api.registered("13800001111", 9)
    answers = []
    for serial in (777, 779):
        made = await phone.call("POST", FAMILY, 201, spouse(serial, name="李四", kind="sibling", from_on=None))
        listed = (await phone.call("GET", FAMILY, 200))["items"][-1]
        assert made == listed
        await phone.call("POST", f"{FAMILY}/{made['id']}/strike", 204, {"version": 1})
        answers.append({name: value for name, value in made.items() if name not in ("id", "identifier_masked")})
    assert answers[0] == answers[1]
    assert not {"is_worker", "agrees", "person"} & answers[0].keys()
    # The file is not renamed by what somebody calls a relative.
    assert await fetch_value("SELECT count(*) FROM person WHERE name = '张三丰'") == 1


async def test_a_worker_and_a_relative_are_one_person_and_sisters_share_their_mother(api: Api) -> None:
    elder, younger = await api.registered("13800001111", 9), await api.registered("13800002222", 8)
    mother = {"name": "阿依夏", "identifier": number(date(1960, 3, 8), 602), "kind": "parent"}
    for phone in (elder, younger):
        await phone.call("POST", FAMILY, 201, mother)
    sister = {"name": "古丽·买买提", "identifier": number(date(1990, 1, 1), 8), "kind": "sibling"}
    await elder.call("POST", FAMILY, 201, sister)
    rows = await fetch("SELECT person, relative, kind FROM relation ORDER BY id")
    assert len({row["relative"] for row in rows if row["kind"] == "parent"}) == 1
    assert rows[-1]["relative"] == await person(younger)
    await elder.refused("POST", FAMILY, 409, "declared_already", {**mother, "kind": "other"})
    myself = {**sister, "identifier": number(date(1990, 1, 1), 9)}
    await elder.refused("POST", FAMILY, 422, "oneself", myself)


async def test_who_was_named_before_registering_keeps_the_officers_name(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    await phone.call("POST", FAMILY, 201, spouse(501, name="胡说"))
    await report(api, "买买提·艾力", date(1987, 8, 1), 501, "13800007777")
    rows = await fetch("SELECT p.name, r.declared_name FROM relation r JOIN person p ON p.id = r.relative")
    assert [tuple(row) for row in rows] == [("买买提·艾力", "胡说")]
    assert (await phone.call("GET", FAMILY, 200))["items"][0]["name"] == "胡说"


async def test_verifying_a_record_names_the_person_whom_somebody_had_named(api: Api) -> None:
    first = await api.registered("13800001111", 9)
    await first.call("POST", FAMILY, 201, spouse(8, name="胡说", identifier=number(date(1990, 1, 1), 8)))
    await api.registered("13800002222", 8)
    assert await fetch_value(
        "SELECT p.name FROM relation r JOIN person p ON p.id = r.relative JOIN staff_record s ON s.person = p.id"
    ) == ("古丽·买买提")


async def test_the_same_tap_twice_is_one_relation_and_two_at_once_keep_one_spouse(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    key = uuid4().hex
    twice = [await phone.call("POST", FAMILY, 201, child(), key=key) for _ in range(2)]
    assert twice[0] == twice[1]
    await phone.call("POST", FAMILY, 422, child(602), key=key)
    answers = await asyncio.gather(*(phone.send("POST", FAMILY, spouse(serial)) for serial in range(501, 507)))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 5
    assert await fetch_value("SELECT count(*) FROM relation WHERE kind = 'spouse'") == 1


async def test_two_phones_name_one_new_person_at_once(api: Api) -> None:
    phones = [await api.registered(f"1380000111{serial}", serial) for serial in range(1, 5)]
    await asyncio.gather(*(phone.call("POST", FAMILY, 201, child()) for phone in phones))
    assert await fetch_value("SELECT count(DISTINCT relative) FROM relation") == 1
    assert await fetch_value("SELECT count(*) FROM person WHERE name = '马小满'") == 1


async def test_what_a_case_rests_on_is_not_corrected(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    made = await phone.call("POST", FAMILY, 201, child(evidence=await paper(phone, "household_register")))
    await use(made["id"])
    right = {**child(name="马小曼"), "identifier": None, "evidence": made["evidence"], "version": 1}
    await phone.refused("POST", f"{FAMILY}/{made['id']}/amend", 409, "relation_in_use", right)
    await phone.refused("POST", f"{FAMILY}/{made['id']}/strike", 409, "relation_in_use", {"version": 1})
    bare = {**right, "name": "马小满", "evidence": None}
    await phone.refused("POST", f"{FAMILY}/{made['id']}/amend", 409, "relation_in_use", bare)
    better = await paper(phone, "birth_certificate")
    shown = await phone.call("POST", f"{FAMILY}/{made['id']}/amend", 200, {**bare, "evidence": better})
    assert (shown["id"], shown["evidence"], shown["version"]) == (made["id"], better, 2)
    over = {"to_on": "2026-02-01", "reason": "death", "version": 2}
    assert (await phone.call("POST", f"{FAMILY}/{made['id']}/end", 200, over))["state"] == "ended"


async def test_anothers_family_does_not_exist(api: Api) -> None:
    phone, other = await api.registered("13800001111", 9), await api.registered("13800002222", 8)
    made = await phone.call("POST", FAMILY, 201, child())
    for path, body in (
        ("amend", {**child(), "version": 1}),
        ("end", {"to_on": "2026-02-01", "reason": "death", "version": 1}),
        ("strike", {"version": 1}),
        ("identifier", {"number": "370999201806010028", "evidence": str(uuid4())}),
        ("consents", {"purpose": "personal_data", "text_version": "2026-03"}),
    ):
        await other.refused("POST", f"{FAMILY}/{made['id']}/{path}", 404, "not_found", body)
    await other.refused("DELETE", f"{FAMILY}/{made['id']}/consents/personal_data", 404, "not_found")
    assert (await other.call("GET", FAMILY, 200))["items"] == []
    nobody = await api.logged_in("13800003333")
    assert (await nobody.call("GET", FAMILY, 200))["items"] == []
    await nobody.refused("POST", FAMILY, 404, "no_record", child())


async def test_a_guardian_agrees_for_a_child_and_takes_it_back(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    small = await phone.call("POST", FAMILY, 201, newborn())
    path = f"{FAMILY}/{small['id']}/consents"
    assert small["consent_by"] == "guardian"
    for purpose in ("share_with_insurer", "personal_data", "share_with_insurer"):
        given = await phone.call("POST", path, 200, {"purpose": purpose, "text_version": "2026-03"})
    assert given["consents"] == ["personal_data", "share_with_insurer"]
    row = (await fetch("SELECT * FROM consent WHERE purpose = 'share_with_insurer'"))[0]
    assert (row["given_by"], row["recorded_by"], row["person"] != row["given_by"]) == (await person(phone), None, True)
    await phone.refused("POST", path, 422, "consent_text", {"purpose": "publication", "text_version": "2026-03"})
    await phone.refused("POST", path, 422, "consent_text", {"purpose": "personal_data", "text_version": "2019-01"})
    await phone.call("DELETE", f"{path}/share_with_insurer", 204)
    await phone.call("DELETE", f"{path}/share_with_insurer", 204)
    assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'consent.withdraw'") == 1
    await phone.refused("DELETE", f"{path}/publication", 404, "not_found")
    # One's own consents are none of a child's.
    assert "share_with_insurer" not in {one["purpose"] for one in (await phone.call("GET", "/consents", 200))["items"]}


async def test_only_a_parent_or_guardian_agrees_for_a_child(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    niece = await phone.call("POST", FAMILY, 201, child(kind="other"))
    body = {"purpose": "personal_data", "text_version": "2026-03", "paper": await paper(phone, "consent_form")}
    await phone.refused("POST", f"{FAMILY}/{niece['id']}/consents", 422, "guardian_only", body)
    proof = await paper(phone, "guardianship_proof")
    ward = {**child(kind="other", guardian=True, evidence=proof), "version": 1}
    named = await phone.call("POST", f"{FAMILY}/{niece['id']}/amend", 200, ward)
    assert (await phone.call("POST", f"{FAMILY}/{named['id']}/consents", 200, body))["consents"] == ["personal_data"]


async def test_from_fourteen_on_they_agree_themselves_on_a_signed_form(api: Api) -> None:
    phone, other = await api.registered("13800001111", 9), await api.registered("13800002222", 8)
    husband = await phone.call("POST", FAMILY, 201, spouse())
    path = f"{FAMILY}/{husband['id']}/consents"
    body = {"purpose": "share_with_insurer", "text_version": "2026-03"}
    await phone.refused("POST", path, 422, "signed_paper", body)
    await phone.refused("POST", path, 422, "signed_paper", {**body, "paper": await paper(phone, "household_register")})
    await phone.refused("POST", path, 422, "signed_paper", {**body, "paper": await paper(other, "consent_form")})
    signed = await paper(phone, "consent_form")
    assert (await phone.call("POST", path, 200, {**body, "paper": signed}))["consents"] == ["share_with_insurer"]
    row = (await fetch("SELECT * FROM consent WHERE purpose = 'share_with_insurer'"))[0]
    assert (row["person"], row["recorded_by"], str(row["paper"])) == (row["given_by"], await person(phone), signed)


async def test_a_relative_with_a_phone_sees_and_takes_back_what_was_sent_for_them(api: Api) -> None:
    phone, husband = await api.registered("13800001111", 9), await api.registered("13800002222", 8)
    me = spouse(name="古丽·买买提", identifier=number(date(1990, 1, 1), 8))
    named = await phone.call("POST", FAMILY, 201, me)
    body = {"purpose": "share_with_insurer", "text_version": "2026-03", "paper": await paper(phone, "consent_form")}
    await phone.call("POST", f"{FAMILY}/{named['id']}/consents", 200, body)
    assert "share_with_insurer" in {one["purpose"] for one in (await husband.call("GET", "/consents", 200))["items"]}
    # What the husband agreed to on his own phone is not told, and not the wife's to take back.
    assert (await phone.call("GET", FAMILY, 200))["items"][0]["consents"] == ["share_with_insurer"]
    await phone.refused("DELETE", f"{FAMILY}/{named['id']}/consents/personal_data", 404, "not_found")
    await husband.call("DELETE", "/consents/share_with_insurer", 204)
    assert (await phone.call("GET", FAMILY, 200))["items"][0]["consents"] == []


async def test_a_childs_resident_id_is_asked_for_and_told_alike(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    other = await api.registered("13800002222", 8)
    known = number(date(2024, 5, 20), 702)
    await other.call("POST", FAMILY, 201, {"name": "马小雪", "identifier": known, "kind": "child"})
    small = await phone.call("POST", FAMILY, 201, newborn())
    path = f"{FAMILY}/{small['id']}/identifier"
    register = await paper(phone, "household_register")
    answers = []
    for wanted in (known["number"], resident_id(date(2024, 5, 20), 704)):
        asked = await phone.call("POST", path, 202, {"number": wanted, "evidence": register})
        assert asked["addition"].pop("identifier_masked")[:4] == "3709"
        answers.append(asked)
    assert answers[0] == answers[1]
    assert (answers[0]["addition"]["state"], answers[0]["identifier_type"]) == ("open", "birth_certificate")
    assert await fetch_value("SELECT count(*) FROM identifier_addition") == 1
    for wrong, code in (
        (resident_id(date(2024, 5, 21), 702), "identity_differs"),
        (resident_id(date(2024, 5, 20), 701), "identity_differs"),
        ("370999202405207029", "resident_id_check"),
    ):
        await phone.refused("POST", path, 422, code, {"number": wrong, "evidence": register})
    await phone.refused("POST", path, 422, "evidence", {"number": known["number"], "evidence": str(uuid4())})


async def test_nothing_of_a_family_is_stored_in_the_clear(api: Api) -> None:
    phone = await api.registered("13800001111", 9)
    small = await phone.call("POST", FAMILY, 201, newborn())
    later = resident_id(date(2024, 5, 20), 702)
    asked = {"number": later, "evidence": await paper(phone, "household_register")}
    await phone.call("POST", f"{FAMILY}/{small['id']}/identifier", 202, asked)
    async with logged_in_as(OWNER):
        tables = await fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        lines = [
            row["line"]
            for table in tables
            for row in await fetch(f'SELECT t::text AS line FROM "{table["tablename"]}" t')
        ]
    for secret in ("S370123456", later):
        assert not any(secret in line or secret.encode().hex() in line for line in lines)
