"""A roster from the workbook to the file: dry run, acceptance, the same file twice, and everybody who may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from backend.accounts.phones import StoredPhone
from backend.accounts.tables import WorkerAccount
from backend.clock import security_now
from backend.database import execute, fetch, fetch_one, fetch_value, new_id
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation
from backend.identity import Actor, Binding, Level, Role
from backend.operations.demo_people import resident_id
from backend.operations.embedded_postgres import OWNER
from backend.people.identifiers import Identifier, IdentifierType
from backend.people.relations import RelationKind
from backend.registry.facts import IdentifierInput
from backend.registry.family.facts import MemberInput
from backend.registry.family.queries import family_of
from backend.registry.family.uses import note_use
from backend.registry.roster.lines import FamilyLine, Roster, StaffLine, Verdict
from backend.registry.roster.service import DryRun
from tests.integration.stay_world import World, make_world
from tests.rosters import child_number, number, relative, workbook, worker
from tests.services import logged_in_as

TODAY = date(2026, 3, 2)
OFFICER, ELSEWHERE = "officer-daizong", "officer-dailu"


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    made = await make_world()
    async with logged_in_as("niangjia_console"):
        yield made


async def dry_run(world: World, content: bytes, officer: str = OFFICER) -> DryRun:
    unit = world.unions[officer.removeprefix("officer-")]
    made = await world.services.rosters.dry_run(world.by[officer], unit, content)
    return await world.services.rosters.look(world.by[officer], made)


async def accept(world: World, shown: DryRun, *keys: str, officer: str = OFFICER) -> None:
    roster = rows(shown)
    chosen = keys or [line.key for line in roster.lines() if line.verdict in (Verdict.NEW, Verdict.CHANGED)]
    await world.services.rosters.accept(world.by[officer], shown.id, chosen)


async def import_(world: World, content: bytes) -> None:
    """Read and accept everything that can be accepted."""
    await accept(world, await dry_run(world, content))


def rows(shown: DryRun) -> Roster:
    assert shown.roster is not None
    return shown.roster


def verdicts(shown: DryRun) -> list[tuple[str, str]]:
    return [(line.key, line.verdict.value) for line in rows(shown).lines()]


def codes(line: StaffLine | FamilyLine) -> set[str]:
    return {fault.code for fault in line.faults}


def changes(line: StaffLine | FamilyLine) -> list[tuple[str, str, str]]:
    return [(one.header, one.before, one.after) for one in line.changes]


async def person_of(world: World, code: str) -> UUID:
    found = await world.services.people.find(Identifier(IdentifierType.RESIDENT_ID, code))
    assert found is not None
    return found


async def test_nothing_is_written_until_accepted_and_then_all_of_it(world: World) -> None:
    persons = await fetch_value("SELECT count(*) FROM person")
    content = workbook(
        [worker(1), worker(2, name="名册医师", job="医师")], [relative(1, 1), relative(2, 2, worker_name="名册医师")]
    )
    shown = await dry_run(world, content)
    assert verdicts(shown) == [("s2", "new"), ("s3", "new"), ("f2", "new"), ("f3", "new")]
    assert await fetch_value("SELECT count(*) FROM staff_record") == 0
    assert await fetch_value("SELECT count(*) FROM person") == persons
    await accept(world, shown)
    records = await fetch("SELECT r.*, p.name, p.sex, p.born_on FROM staff_record r JOIN person p ON p.id = r.person")
    officer = world.by[OFFICER]
    for row in records:
        assert (row["state"], row["source"], row["verified_by"]) == ("verified", "unit", officer.account_id)
        assert (row["unit"], row["unit_id"]) == (world.unions["daizong"], world.unions["daizong"])
    assert {(row["name"], row["job_category"]) for row in records} == {("名册护士", "nurse"), ("名册医师", "doctor")}
    member = (await family_of(await person_of(world, number(1)), TODAY))[0]
    assert (member.name, member.kind, member.certified, member.evidence) == ("名册孩子", RelationKind.CHILD, True, None)
    after = await world.services.rosters.look(officer, shown.id)
    assert (after.state, after.roster, after.counts["accepted_staff"], after.counts["accepted_family"]) == (
        "accepted",
        None,
        2,
        2,
    )
    acts = [row["act"] for row in await fetch("SELECT act FROM audit_entry WHERE outcome = 'done'")]
    assert (acts.count("record.report"), acts.count("family.certify"), acts.count("roster.accept")) == (2, 2, 1)
    # What was reported one by one and by roster is one and the same.
    assert {line.verdict for line in rows(await dry_run(world, content)).lines()} == {Verdict.SAME}


async def test_the_same_file_twice_changes_nothing(world: World) -> None:
    content = workbook([worker(1), worker(2)], [relative(1, 1), relative(2, 2)])
    await import_(world, content)
    tables = ("person", "person_identifier", "staff_record", "relation")
    before = [await fetch(f"SELECT * FROM {table} ORDER BY id") for table in tables]
    shown = await dry_run(world, content)
    assert {line.verdict for line in rows(shown).lines()} == {Verdict.SAME}
    with pytest.raises(RuleViolation):
        await accept(world, shown, "s2")
    with pytest.raises(RuleViolation):
        await world.services.rosters.accept(world.by[OFFICER], shown.id, [])
    assert [await fetch(f"SELECT * FROM {table} ORDER BY id") for table in tables] == before


async def test_changed_rows_say_what_changes_and_change_only_if_chosen(world: World) -> None:
    await import_(
        world, workbook([worker(1), worker(2), worker(3, list_version="第3版")], [relative(1, 1), relative(1, 2)])
    )
    version = await fetch_value(
        "SELECT version FROM staff_record WHERE identifier_masked LIKE '%' || $1", number(1)[-4:]
    )
    shown = await dry_run(
        world,
        workbook(
            [
                worker(1, name="名册护师", department="急诊科", joined_on=date(2016, 1, 1), phone="13700000001"),
                worker(2, job="医师"),
                worker(3, department=""),
            ],
            [
                relative(1, 1, worker_name="名册护师", name="改名孩子"),
                relative(1, 2, worker_name="名册护师", relation="其他亲属"),
            ],
        ),
    )
    assert verdicts(shown) == [
        ("s2", "changed"),
        ("s3", "changed"),
        ("s4", "same"),
        ("f2", "changed"),
        ("f3", "changed"),
    ]
    first = next(rows(shown).lines())
    assert changes(first) == [
        ("姓名", "名册护士", "名册护师"),
        ("科室", "重症医学科", "急诊科"),
        ("到本单位日期", "2015-07-01", "2016-01-01"),
        ("手机号", "139****0001", "137****0001"),
    ]
    await accept(world, shown, "s2", "f2")
    row = await fetch_one(
        "SELECT r.*, p.name FROM staff_record r JOIN person p ON p.id = r.person WHERE p.name = '名册护师'"
    )
    assert row is not None
    assert (row["department"], row["joined_unit_on"], row["phone_masked"]) == (
        "急诊科",
        date(2016, 1, 1),
        "137****0001",
    )
    assert (row["state"], row["version"]) == ("verified", version + 1)
    assert await fetch_value("SELECT count(*) FROM staff_record WHERE job_category = 'doctor'") == 0
    members = await family_of(await person_of(world, number(1)), TODAY)
    assert sorted((one.name, one.kind.value) for one in members) == [("名册孩子", "child"), ("改名孩子", "child")]
    assert await fetch_value("SELECT count(*) FROM relation WHERE struck_at IS NOT NULL") == 1
    assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'record.update'") == 1


async def test_a_record_that_its_worker_holds_keeps_the_worker_s_phone(world: World) -> None:
    await import_(world, workbook([worker(1)]))
    phone = StoredPhone.of("13600000001", world.services.sealer)
    person = await person_of(world, number(1))
    async with logged_in_as("niangjia_api"):
        await WorkerAccount.insert(
            WorkerAccount(
                phone_sealed=phone.sealed,
                phone_digest=phone.digest,
                phone_masked=phone.masked,
                person=person,
                created_at=security_now(),
            )
        )
        await execute("UPDATE staff_record SET phone_digest = $1, phone_masked = $2", phone.digest, phone.masked)
    shown = await dry_run(world, workbook([worker(1)]))
    line = rows(shown).staff[0]
    assert (line.verdict, [one.code for one in line.remarks]) == (Verdict.SAME, ["phone_held"])
    await import_(world, workbook([worker(1, department="急诊科")]))
    row = await fetch_one("SELECT department, phone_digest FROM staff_record")
    assert row is not None and tuple(row) == ("急诊科", phone.digest)


async def test_the_worker_takes_the_record_over_afterwards(world: World) -> None:
    await import_(world, workbook([worker(1)], [relative(1, 1)]))
    phone = StoredPhone.of("13900000001", world.services.sealer)
    account = WorkerAccount(
        id=new_id(),
        phone_sealed=phone.sealed,
        phone_digest=phone.digest,
        phone_masked=phone.masked,
        created_at=security_now(),
    )
    async with logged_in_as("niangjia_api"):
        await WorkerAccount.insert(account)
        actor = Actor(UUID(str(account.id)), "", origin="phone")
        entered = (await world.services.registry.save(actor, _entered(world), None)).id
    assert entered == await fetch_value("SELECT id FROM staff_record")
    assert await fetch_value("SELECT person FROM worker_account") == await person_of(world, number(1))


def _entered(world: World) -> Any:
    from backend.registry.facts import RecordInput
    from backend.registry.kinds import Certification, JobCategory, Population

    return RecordInput(
        name="名册护士",
        identifier=IdentifierInput(IdentifierType.RESIDENT_ID, number(1)),
        unit_id=world.unions["daizong"],
        population=Population.FRONTLINE_MEDICAL,
        job_category=JobCategory.NURSE,
        joined_unit_on=date(2015, 7, 1),
        certification=Certification.UNIT_CERTIFIED,
    )


async def test_rows_that_may_not_be_written_are_named(world: World) -> None:
    """Another unit's staff, the officer and the officer's sister, one who is amending, one who stands there twice."""
    other = workbook([worker(50)])
    await accept(world, await dry_run(world, other, ELSEWHERE), officer=ELSEWHERE)
    await import_(world, workbook([worker(4)]))
    await execute("UPDATE staff_record SET state = 'draft' WHERE unit = $1", world.unions["daizong"])
    officer = world.by[OFFICER]
    assert officer.person_id is not None
    people = world.services.people
    await people.identify(officer.person_id, Identifier(IdentifierType.RESIDENT_ID, number(60)))
    async with logged_in_as(OWNER):
        sister = new_id()
        await execute("INSERT INTO person (id, name, created_at) VALUES ($1, '妹妹', now())", sister)
        await execute(
            "INSERT INTO relation (id, person, relative, kind) VALUES ($1, $2, $3, 'sibling')",
            new_id(),
            officer.person_id,
            sister,
        )
    await people.identify(sister, Identifier(IdentifierType.RESIDENT_ID, number(61)))
    shown = await dry_run(
        world,
        workbook(
            [worker(50), worker(60), worker(61), worker(4), worker(7), worker(7, name="别名"), worker(8)],
            [
                relative(50, 1),
                relative(61, 2),
                relative(9, 3),
                relative(7, 4),
                relative(8, 5, worker_name="张冠李戴"),
                relative(8, 6, identifier=number(8)),
                relative(8, 7, identifier=number(60)),
                relative(8, 8),
                relative(8, 8),
                relative(8, 9, identifier=number(61), name="名册孩子", relation="其他亲属"),
            ],
        ),
    )
    staff = [codes(line) for line in rows(shown).staff]
    assert staff == [
        {"other_unit"},
        {"conflict_own_case"},
        {"conflict_own_case"},
        {"unsettled"},
        {"duplicate"},
        {"duplicate"},
        set(),
    ]
    assert "另见第 6 行" in rows(shown).staff[5].faults[0].zh
    family = [codes(line) for line in rows(shown).family]
    assert family == [
        {"worker_wrong"},
        {"worker_wrong"},
        {"worker_unknown"},
        {"worker_wrong"},
        {"worker_name"},
        {"oneself", "name_differs", "generation"},
        {"conflict_own_case", "name_differs", "generation"},
        {"duplicate"},
        {"duplicate"},
        {"name_differs"},
    ]
    for line in rows(shown).lines():
        for fault in line.faults:
            assert fault.column and fault.header
    with pytest.raises(RuleViolation):
        await accept(world, shown, "s2")


async def test_the_limits_of_a_family_hold_in_a_roster_too(world: World) -> None:
    spouses = [
        relative(1, 1, relation="配偶", identifier=number(900), name="前者", from_on=date(2015, 1, 1)),
        relative(1, 2, relation="配偶", identifier=number(902), name="后者", from_on=date(2016, 1, 1)),
        relative(1, 3, relation="配偶", identifier=number(904), name="无期"),
    ]
    shown = await dry_run(world, workbook([worker(1)], spouses))
    assert [codes(line) for line in rows(shown).family] == [
        set(),
        {"too_many_of_kind"},
        {"from_on_missing", "too_many_of_kind"},
    ]
    await accept(world, shown)
    again = await dry_run(world, workbook(None, spouses[1:2]))
    assert codes(rows(again).family[0]) == {"too_many_of_kind"}


async def test_family_alone_and_a_worker_who_must_come_along(world: World) -> None:
    await import_(world, workbook([worker(1)]))
    alone = await dry_run(world, workbook(None, [relative(1, 1)]))
    assert verdicts(alone) == [("f2", "new")]
    await accept(world, alone)
    shown = await dry_run(world, workbook([worker(2), worker(3)], [relative(2, 2)]))
    with pytest.raises(RuleViolation) as refused:
        await accept(world, shown, "s3", "f2")
    assert [one.code for one in refused.value.violations] == ["worker_not_chosen"]
    assert await fetch_value("SELECT count(*) FROM staff_record") == 1
    await accept(world, shown, "s2", "f2")
    assert await fetch_value("SELECT count(*) FROM staff_record") == 2


async def test_a_relative_who_is_a_worker_is_one_person(world: World) -> None:
    couple = workbook(
        [worker(1), worker(2, name="名册丈夫")],
        [
            relative(1, 1, relation="配偶", identifier=number(2), name="名册丈夫", from_on=date(2016, 1, 1)),
            relative(2, 1, worker_name="名册丈夫"),
            relative(1, 1),
        ],
    )
    await import_(world, couple)
    assert await fetch_value("SELECT count(*) FROM relation") == 3
    assert await fetch_value("SELECT count(*) FROM person_identifier") == 3
    husband, child = await family_of(await person_of(world, number(1)), TODAY)
    assert (husband.is_worker, husband.agrees, child.is_worker) == (True, True, False)


async def test_what_the_worker_declared_stays_and_what_a_case_uses_is_not_changed(world: World) -> None:
    await import_(world, workbook([worker(1)]))
    person = await person_of(world, number(1))
    phone = Actor(new_id(), "名册护士", person_id=person, origin="phone")
    async with logged_in_as("niangjia_api"):
        paper = await world.paper(phone, "birth_certificate", "checked")
        relation = await world.services.family.declare(
            phone,
            MemberInput(
                name="名册孩子",
                identifier=IdentifierInput(IdentifierType.RESIDENT_ID, child_number(1)),
                kind=RelationKind.CHILD,
                evidence=paper,
            ),
        )
    assert verdicts(await dry_run(world, workbook(None, [relative(1, 1)]))) == [("f2", "same")]
    changed = workbook(None, [relative(1, 1, name="改名孩子")])
    await note_use([relation], new_id(), await world.services.clock.now())
    assert codes(rows(await dry_run(world, changed)).family[0]) == {"relation_in_use"}
    await execute("DELETE FROM relation_use")
    await import_(world, changed)
    member = (await family_of(person, TODAY))[0]
    assert (member.name, member.evidence, member.certified) == ("改名孩子", paper, True)


async def test_a_child_known_by_a_birth_certificate_is_not_a_second_child(world: World) -> None:
    certificate = {"type": "出生医学证明", "identifier": "S370123456", "born_on": date(2021, 1, 1), "sex": "女"}
    await import_(world, workbook([worker(1)], [relative(1, 1, **certificate)]))
    shown = await dry_run(world, workbook(None, [relative(1, 1, identifier=resident_id(date(2021, 1, 1), 702))]))
    assert codes(rows(shown).family[0]) == {"known_by_certificate"}


async def test_accepting_twice_is_once_even_at_the_same_time(world: World) -> None:
    shown = await dry_run(world, workbook([worker(serial) for serial in range(50)]))
    await asyncio.gather(*(accept(world, shown) for _ in range(4)))
    await accept(world, shown)
    assert await fetch_value("SELECT count(*) FROM staff_record") == 50
    assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'roster.accept'") == 1


async def test_two_officers_accept_overlapping_rosters_at_once_and_one_is_told(world: World) -> None:
    second = replace(world.by[OFFICER], account_id=new_id(), person_id=None, bindings=world.by[OFFICER].bindings)
    content = workbook([worker(serial) for serial in range(30)])
    made = [
        await world.services.rosters.dry_run(officer, world.unions["daizong"], content)
        for officer in (world.by[OFFICER], second)
    ]
    keys = [f"s{row}" for row in range(2, 32)]
    answers = await asyncio.gather(
        world.services.rosters.accept(world.by[OFFICER], made[0], keys),
        world.services.rosters.accept(second, made[1], keys),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "NoneType"]
    assert await fetch_value("SELECT count(*) FROM staff_record") == 30


async def test_acceptance_means_exactly_what_was_shown(world: World) -> None:
    """Somebody is reported between the dry run and the acceptance: nothing is written, and the officer is told."""
    content = workbook([worker(1), worker(2)])
    shown = await dry_run(world, content)
    async with logged_in_as("niangjia_console"):
        await world.services.registry.report(world.by[OFFICER], _entered(world), "13900000001")
    with pytest.raises(Conflict) as refused:
        await accept(world, shown)
    assert refused.value.code == "changed_meanwhile"
    assert await fetch_value("SELECT count(*) FROM staff_record") == 1
    # The row that still does what was shown can be accepted.
    await accept(world, shown, "s3")


async def test_nobody_else_sees_or_accepts_a_dry_run(world: World) -> None:
    shown = await dry_run(world, workbook([worker(1)]))
    rosters, unit = world.services.rosters, world.unions["daizong"]
    second = Actor(new_id(), "第二经办", employer_id=unit, bindings=(Binding(Role.UNIT_OFFICER, unit, Level.UNIT),))
    for actor, error in (
        (second, Forbidden),
        (world.by[ELSEWHERE], NotFound),
        (world.by["auditor-xu"], NotFound),
        (world.by["hr-wang"], NotFound),
    ):
        for act in (
            rosters.look(actor, shown.id),
            rosters.discard(actor, shown.id),
            rosters.accept(actor, shown.id, ["s2"]),
        ):
            with pytest.raises(error):
                await act
    with pytest.raises(NotFound):
        await rosters.dry_run(world.by[ELSEWHERE], unit, workbook([worker(1)]))
    with pytest.raises(NotFound):
        await rosters.template(world.by[ELSEWHERE], unit)
    assert await fetch_value("SELECT state FROM roster_import") == "dry_run"


async def test_the_rows_are_sealed_and_erased(world: World) -> None:
    shown = await dry_run(world, workbook([worker(1)], [relative(1, 1)]))
    async with logged_in_as(OWNER):
        line = await fetch_value("SELECT t::text FROM roster_import t")
        entries = await fetch("SELECT t::text AS line FROM audit_entry t")
    for secret in (number(1), child_number(1), "13900000001", "名册孩子"):
        assert secret not in line and secret.encode().hex() not in line
        assert not any(secret in entry["line"] for entry in entries)
    async with logged_in_as("niangjia_worker"):
        assert await world.services.rosters.erase_old() == 0
        await world.later(hours=23, minutes=59)
        assert await world.services.rosters.erase_old() == 0
        await world.later(minutes=2)
        assert await world.services.rosters.erase_old() == 1
    row = await fetch_one("SELECT state, sealed FROM roster_import")
    assert row is not None and tuple(row) == ("discarded", None)
    with pytest.raises(Conflict):
        await accept(world, shown)
    gone = await world.services.rosters.look(world.by[OFFICER], shown.id)
    assert (gone.state, gone.roster, gone.counts["staff_new"]) == ("discarded", None, 1)


async def test_a_new_upload_takes_the_place_of_the_one_before(world: World) -> None:
    first = await dry_run(world, workbook([worker(1)]))
    await dry_run(world, workbook([worker(2)]))
    assert (await world.services.rosters.look(world.by[OFFICER], first.id)).state == "discarded"
    with pytest.raises(Conflict):
        await accept(world, first)


async def test_a_workbook_with_a_missing_column_is_shown_and_never_accepted(world: World) -> None:
    shown = await dry_run(world, workbook([worker(1)], heads={"phone": None}))
    assert [fault.code for fault in rows(shown).faults] == ["column_missing"]
    assert "手机号" in rows(shown).faults[0].zh
    with pytest.raises(RuleViolation):
        await world.services.rosters.accept(world.by[OFFICER], shown.id, ["s2"])


async def test_dates_of_leap_years_and_the_day_itself(world: World) -> None:
    days = (date(2024, 2, 29), TODAY, TODAY + timedelta(days=1))
    shown = await dry_run(world, workbook([worker(serial, joined_on=day) for serial, day in enumerate(days)]))
    assert [codes(line) for line in rows(shown).staff] == [set(), set(), {"date_in_future"}]
