"""Joining by the unit: the group's conditions, refused persons, missing consents; lists, gaps, races."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec
import pytest
from python_calamine import CalamineWorkbook

from backend.applications.case import Case
from backend.applications.lifecycle import Action, State
from backend.clock import LOCAL
from backend.database import fetch, fetch_one, fetch_value, new_id
from backend.errors import Forbidden, NotFound, RuleViolation
from backend.identity import Actor
from backend.insurance.gaps import coverage_of
from backend.insurance.insurer_list import InsurerLists
from backend.insurance.lines import InsuredInput
from backend.insurance.tables import Cover
from backend.insurance.terms import Channel, Group
from backend.operations.demo_plans import SHANGHAI, WOMEN
from tests.integration.cover_world import HEALTHY, CoverWorld, covers, make_cover_world
from tests.services import logged_in_as

SMALL = msgspec.structs.replace(WOMEN, group=Group(persons=3, percent=60, clause="女职工计划(示例,不少于 3 人且 60%)"))


@pytest.fixture
async def city(database: None) -> AsyncIterator[CoverWorld]:
    made = await make_cover_world()
    async with logged_in_as("niangjia_console"):
        yield made


def persons(workers: list[Actor]) -> list[UUID]:
    return [worker.person_id for worker in workers if worker.person_id]


async def test_a_group_is_picked_judged_submitted_and_covered_but_for_one(city: CoverWorld) -> None:
    plan = await city.plan("W3", SMALL)
    women = await city.workers(5)
    (silent,) = await city.world.workers(1, first=9)
    officer, unit, groups = city.world.by["officer-daizong"], city.world.unions["daizong"], city.world.services.groups
    found, enrolled = await groups.candidates(officer, plan, unit, 1, persons(women[:2]))
    assert (len(found), sum(one.picked for one in found)) == (6, 2)
    missing = {rule.code: rule.zh for rule in enrolled.checks if not rule.passed}
    assert "还差 1 人" in missing["group_persons"] and "还差 2 人" in missing["group_percent"]
    with pytest.raises(NotFound):
        await groups.candidates(city.world.by["officer-dailu"], plan, unit, 1, [])
    case = await groups.draft(officer, plan, unit, 1, persons(women[:2]))
    assert (case.subject_kind, case.filed_by_officer) == ("group", True)
    with pytest.raises(RuleViolation) as refused:
        await city.act("officer-daizong", case, Action.SUBMIT)
    assert {one.code for one in refused.value.violations} == {"group_persons", "group_percent"}
    case = await groups.amend(officer, case.id, 1, persons([*women[:4], silent]), case.version_number)
    assert await _told("cover_consent_asked") == {silent.account_id}
    case = await city.act("officer-daizong", case, Action.SUBMIT)
    assert await _told("cover_unit_enrols") == {one.account_id for one in women[:4]}
    line = await fetch_one("SELECT proposal, findings FROM enrolment_member WHERE person = $1", silent.person_id)
    assert line is not None and line["proposal"] == "refuse" and "缺少本人同意" in line["findings"]
    case = await city.at_assessment(case)
    with pytest.raises(RuleViolation) as refused:
        await city.assess(case, await city.verdicts(case, persons([*women[:2], silent]), "核定时已不在岗"))
    assert "group_percent" in {one.code for one in refused.value.violations}
    with pytest.raises(RuleViolation) as refused:
        await city.assess(case, await city.verdicts(case))
    assert {one.code for one in refused.value.violations} >= {"consent_missing", "reason_required"}
    case = await city.assess(case, await city.verdicts(case, persons([silent])))
    assert case.state is State.APPROVED
    assert await covers(women[0].person_id) == [(date(2026, 4, 1), date(2028, 3, 31), None)]
    assert await covers(silent.person_id) == []
    assert await _told("cover_unit_enrolled") == {one.account_id for one in women[:4]}


async def test_a_staff_member_of_another_unit_is_not_picked(city: CoverWorld) -> None:
    plan = await city.plan("W3", SMALL)
    women, others = await city.workers(3), await city.workers(1, "dailu", first=20)
    with pytest.raises(RuleViolation):
        await city.world.services.groups.draft(
            city.world.by["officer-daizong"], plan, city.world.unions["daizong"], 1, persons([*women, *others])
        )
    assert await fetch_value("SELECT count(*) FROM application") == 0


async def test_gaps_tell_why_somebody_is_not_covered(city: CoverWorld) -> None:
    covered, plain, refused, silent_left = await city.workers(4)
    (silent,) = await city.world.workers(1, first=9)
    await city.covered(covered)
    case = await city.at_assessment(await city.submitted(refused))
    await city.act("hr-wang", case, Action.REJECT, "材料不实")
    await city.covered(silent_left)
    await city.world.at(datetime(2026, 6, 15, 9, 0, tzinfo=LOCAL))
    assert silent_left.person_id is not None
    await city.world.services.covers.depart(
        city.world.by["officer-daizong"], silent_left.person_id, date(2026, 6, 1), "left"
    )
    officer, unit = city.world.by["officer-daizong"], city.world.unions["daizong"]
    found = await coverage_of(officer, city.world.services.clock, city.plans["critical"], unit)
    assert (found.staff, found.covered) == (5, 1)
    why = {gap.name: "".join(one.zh for one in gap.why) for gap in found.gaps}
    assert why[await _name(plain)] == "符合条件,尚未申请"
    assert why[await _name(silent_left)] == "保障已于 2026-06-01 结束"
    assert "缺少本人同意" in why[await _name(silent)]
    with pytest.raises(NotFound):
        await coverage_of(city.world.by["officer-dailu"], city.world.services.clock, city.plans["critical"], unit)


async def test_the_insurers_list_adds_up_and_leaves_out_who_took_consent_back(city: CoverWorld) -> None:
    worker, other = await city.workers(2)
    child, child_person = await city.relative(worker, "child", date(2018, 6, 1))
    await city.covered(
        worker,
        InsuredInput(health=HEALTHY, card_holder=True),
        InsuredInput(relation_id=child, health=HEALTHY),
        shares=2,
    )
    await city.covered(other, shares=2)
    await city.world.services.consents.withdraw(other, "share_with_insurer")
    await city.world.at(datetime(2026, 3, 20, 9, 0, tzinfo=LOCAL))
    assert worker.person_id is not None
    await city.world.services.covers.depart(city.world.by["officer-daizong"], child_person, date(2026, 3, 19), "death")
    lists = InsurerLists(city.world.services.people)
    programme = await fetch_value("SELECT programme FROM programme_version WHERE id = $1", city.plans["critical"])
    first, last = date(2026, 3, 1), date(2026, 3, 31)
    with pytest.raises(Forbidden):
        await lists.make(city.world.by["finance-qin"], programme, first, last, "报送承办机构")
    with pytest.raises(RuleViolation) as refused:
        await lists.make(city.world.by["hr-wang"], programme, last, first, "")
    assert {one.code for one in refused.value.violations} == {"period", "reason_required"}
    made = await lists.make(city.world.by["hr-wang"], programme, first, last, "报送承办机构")
    assert msgspec.structs.astuple(made.totals) == (2, 0, 1, 2, 4, 9_000 + 11_000, 1)
    book = CalamineWorkbook.from_filelike(io.BytesIO(made.workbook))
    rows = book.get_sheet_by_name("变动名单").to_python()
    assert [row[1] for row in rows[3:]] == ["参保", "参保", "终止"]
    assert sum(float(str(row[16])) for row in rows[3:] if row[1] == "参保") == 200
    control = {str(row[0]): row[1] for row in book.get_sheet_by_name("控制总数").to_python()}
    assert control["互助费合计(元)"] == 200 and control["未同意提供,未列入(条)"] == 1
    entry = await fetch_one("SELECT reason, detail FROM audit_entry WHERE act = 'cover.insurer_list'")
    assert entry is not None and made.digest in entry["detail"] and "370999" not in entry["detail"]
    empty = await lists.make(city.world.by["hr-wang"], programme, date(2026, 4, 1), date(2026, 4, 30), "报送承办机构")
    assert empty.totals.joined == 0


async def test_two_enrolments_of_one_person_at_once_make_one_cover(city: CoverWorld) -> None:
    plan = await city.plan("SH", SHANGHAI)
    worker = await city.worker()
    drafts = [await city.draft(worker, plan=plan) for _ in range(6)]
    done = await asyncio.gather(*(city.act(worker, case, Action.SUBMIT) for case in drafts), return_exceptions=True)
    (sent,) = [one for one in done if not isinstance(one, BaseException)]
    assert all(isinstance(one, RuleViolation) for one in done if isinstance(one, BaseException))
    await city.assess(await city.at_assessment(sent))
    assert await covers(worker.person_id) == [(date(2026, 3, 3), date(2027, 3, 2), None)]


async def test_six_covers_of_one_person_written_at_once_leave_one(city: CoverWorld) -> None:
    worker = await city.worker()
    await city.covered(worker)
    for _ in range(5):
        await city.draft(worker)
    (row,) = await fetch("SELECT * FROM cover")
    members = await fetch("SELECT m.id FROM enrolment_member m WHERE m.id <> $1", row["member"])
    again = [
        Cover(
            **{
                **row,
                "id": new_id(),
                "number": f"MA-{number}",
                "member": member["id"],
                "starts_on": day,
                "ends_on": day,
            }
        )
        for number, member in enumerate(members)
        for day in (date(2030, 1, 1),)
    ]
    done = await asyncio.gather(*(Cover.insert(one) for one in again), return_exceptions=True)
    refused = [one for one in done if isinstance(one, BaseException)]
    assert len(refused) == len(again) - 1
    assert all(isinstance(one, asyncpg.ExclusionViolationError | asyncpg.DeadlockDetectedError) for one in refused)
    assert await fetch_value("SELECT count(*) FROM cover WHERE starts_on = '2030-01-01'") == 1


async def test_one_person_assessed_in_two_enrolments_at_once_is_covered_once(city: CoverWorld) -> None:
    plan = await city.plan("W3", msgspec.structs.replace(SMALL, group=None, channels=(Channel.WORKER, Channel.UNIT)))
    (silent,) = await city.world.workers(1, first=9)
    women = await city.workers(3)
    officer, unit = city.world.by["officer-daizong"], city.world.unions["daizong"]
    group = await city.world.services.groups.draft(officer, plan, unit, 1, persons([*women, silent]))
    group = await city.at_assessment(await city.act("officer-daizong", group, Action.SUBMIT))
    # Refused by the unit's enrolment for want of consent, the worker agrees and joins alone; then both are assessed.
    assert silent.person_id is not None
    await city.agree(silent.person_id, silent.person_id)
    alone = await city.at_assessment(await city.submitted(silent, plan=plan))
    given = await city.verdicts(group)
    reasoned = tuple(msgspec.structs.replace(line, reason="已补同意") for line in given.lines)
    done = await asyncio.gather(
        city.assess(alone), city.assess(group, msgspec.structs.replace(given, lines=reasoned)), return_exceptions=True
    )
    assert isinstance(done[0], Case)
    assert isinstance(done[1], RuleViolation)
    assert len(await covers(silent.person_id)) == 1
    await city.assess(group, await city.verdicts(group, [silent.person_id], "已自行参保"))
    assert [len(await covers(one.person_id)) for one in (*women, silent)] == [1, 1, 1, 1]


async def _told(template: str) -> set[UUID]:
    rows = await fetch("SELECT recipient FROM notification WHERE template = $1 AND channel = 'inbox'", template)
    return {row["recipient"] for row in rows}


async def _name(worker: Actor) -> str:
    name: str = await fetch_value("SELECT name FROM person WHERE id = $1", worker.person_id)
    return name
