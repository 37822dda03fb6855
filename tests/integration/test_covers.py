"""Joining from the phone, all the way to a cover with exact dates; bad input; nobody covered twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime

import asyncpg
import msgspec
import pytest

from backend.applications.case import load_case
from backend.applications.lifecycle import Action, State
from backend.clock import LOCAL
from backend.database import fetch, fetch_value
from backend.errors import Forbidden, NotFound, RuleViolation
from backend.insurance.covers import covers_of
from backend.insurance.dates import CoverState
from backend.insurance.facts import HeirFacts
from backend.insurance.lines import BeneficiaryInput, EnrolmentInput, HealthInput, InsuredInput
from backend.insurance.tables import Cover
from backend.operations.demo_plans import SHANGHAI, TIANJIN
from backend.people.relations import RelationKind
from tests.integration.cover_world import HEALTHY, MYSELF, CoverWorld, covers, make_cover_world
from tests.services import logged_in_as

DAY = datetime(2026, 3, 2, 9, 0, tzinfo=LOCAL)


@pytest.fixture
async def city(database: None) -> AsyncIterator[CoverWorld]:
    made = await make_cover_world()
    async with logged_in_as("niangjia_console"):
        yield made


def codes(refusal: RuleViolation) -> set[str]:
    return {violation.code for violation in refusal.violations}


async def test_a_family_joins_and_each_is_covered_from_the_day_after_the_assessment(city: CoverWorld) -> None:
    worker = await city.worker()
    child, child_person = await city.relative(worker, "child", date(2018, 6, 1))
    mother, mother_person = await city.relative(worker, "parent", date(1960, 5, 5))
    heirs = (BeneficiaryInput("王建国", RelationKind.SPOUSE, 60), BeneficiaryInput("王小明", RelationKind.CHILD, 40))
    members = (
        InsuredInput(health=HEALTHY, card_holder=True, beneficiaries=heirs),
        InsuredInput(relation_id=child, health=HEALTHY),
        InsuredInput(relation_id=mother, health=HealthInput(healthy=False, conditions="高血压,服药控制")),
    )
    seen = await city.world.services.enrolments.preview(
        worker, city.plans["critical"], EnrolmentInput(shares=2, members=members)
    )
    assert [(one.proposal, one.cost_fen) for one in seen.members] == [
        ("accept", 9_000),
        ("accept", 11_000),
        ("refer", 11_000),
    ]
    case = await city.submitted(worker, *members, shares=2)
    assert case.number.startswith("MA-2026-")
    papers = await fetch("SELECT requirement, person FROM application_document WHERE application = $1", case.id)
    assert {(row["requirement"], row["person"]) for row in papers} == {
        ("identity", worker.person_id),
        ("kinship", child_person),
        ("kinship", mother_person),
    }
    case = await city.at_assessment(case)
    assert (case.stage_key, case.awaiting_role) == ("assessment", "hr_verifier")
    with pytest.raises(Forbidden):
        await city.assess(case, who="hr-sun")
    given = await city.verdicts(case)
    with pytest.raises(RuleViolation) as refused:
        await city.assess(case, given)
    assert codes(refused.value) == {"reason_required"}
    lines = tuple(
        msgspec.structs.replace(one, reason="血压控制平稳,可参保" if number == 2 else "")
        for number, one in enumerate(given.lines)
    )
    case = await city.assess(case, msgspec.structs.replace(given, lines=lines))
    assert (case.state, case.ended) == (State.APPROVED, True)
    for person in (worker.person_id, child_person, mother_person):
        assert await covers(person) == [(date(2026, 3, 3), date(2027, 3, 2), None)]
    assert worker.person_id is not None
    held = {one.person: one for one in await covers_of(worker.person_id, date(2026, 4, 2))}
    mine = held[worker.person_id]
    assert (mine.state, mine.shares, mine.contribution_fen) == (CoverState.WAITING, 2, 9_000)
    assert mine.payable[0].amount_fen == 1_000_000 and mine.payable[0].full_from == date(2026, 6, 1)
    assert [(heir.name, heir.percent) for heir in mine.heirs] == [("王建国", 60), ("王小明", 40)]
    assert held[child_person].heirs == []
    told = await fetch("SELECT template FROM notification WHERE channel = 'inbox' ORDER BY id")
    assert [row["template"] for row in told][-1] == "cover_assessed"
    stored = await fetch_value("SELECT health_sealed FROM enrolment_member WHERE person = $1", mother_person)
    assert "高血压".encode() not in stored
    said = await city.world.services.enrolments.health(city.world.by["hr-wang"], case.id, "核定参保资格")
    assert [(one.healthy, one.conditions) for one in said][2] == (False, "高血压,服药控制")


async def test_one_person_refused_does_not_stop_the_family(city: CoverWorld) -> None:
    worker = await city.worker()
    mother, person = await city.relative(worker, "parent", date(1960, 5, 5))
    ill = InsuredInput(relation_id=mother, health=HealthInput(healthy=False, conditions="既往重症"))
    case = await city.at_assessment(await city.submitted(worker, MYSELF, ill))
    await city.assess(case, await city.verdicts(case, [person], "参保前已患重大疾病"))
    assert len(await covers(worker.person_id)) == 1
    assert await covers(person) == []
    reason = await fetch_value("SELECT reason FROM enrolment_member WHERE person = $1", person)
    assert reason == "参保前已患重大疾病"


async def test_bad_input_is_named_whole_and_nothing_is_written(city: CoverWorld) -> None:
    worker, stranger = await city.workers(2)
    theirs, _ = await city.relative(stranger, "child", date(2018, 6, 1))
    with pytest.raises(RuleViolation) as refused:
        await city.draft(worker, InsuredInput(relation_id=theirs, health=HEALTHY))
    assert [(one.code, one.field) for one in refused.value.violations] == [("not_family", "members.0.relation_id")]
    with pytest.raises(RuleViolation) as refused:
        await city.draft(worker, MYSELF, MYSELF, shares=4)
    assert codes(refused.value) == {"shares_most", "named_twice"}
    assert await fetch_value("SELECT count(*) FROM enrolment") == 0
    spouse, _ = await city.relative(worker, "spouse", date(1985, 5, 5), "male", consents=False, evidence=None)
    old, _ = await city.relative(worker, "parent", date(1956, 3, 2))
    case = await city.draft(
        worker,
        InsuredInput(beneficiaries=(BeneficiaryInput("王建国", RelationKind.SPOUSE, 99),)),
        InsuredInput(relation_id=spouse, health=HEALTHY),
        InsuredInput(relation_id=old, health=HEALTHY),
    )
    with pytest.raises(RuleViolation) as refused:
        await city.act(worker, case, Action.SUBMIT)
    assert {(one.code, one.field) for one in refused.value.violations} >= {
        ("shares_sum", "members.0.beneficiaries"),
        ("health_not_declared", "members.0.health"),
        ("consent_missing", "members.1.consents"),
        ("kinship_unproven", "members.1.relation_id"),
        ("entry_age", "members.2.age"),
    }
    assert (await load_case(case.id)).state is State.DRAFT
    assert await fetch_value("SELECT count(*) FROM enrolment_member WHERE proposal <> ''") == 0
    changed = await city.world.services.enrolments.amend(
        worker, case.id, EnrolmentInput(shares=1, members=(MYSELF,)), case.version_number
    )
    assert (await city.act(worker, changed, Action.SUBMIT)).state is State.SUBMITTED


async def test_a_child_of_somebody_else_needs_the_guardian(city: CoverWorld) -> None:
    worker = await city.worker()
    grandchild, person = await city.relative(worker, "grandchild", date(2020, 6, 1), consents=False)
    assert worker.person_id is not None
    await city.agree(person, worker.person_id)
    seen = await city.world.services.enrolments.preview(
        worker,
        city.plans["critical"],
        EnrolmentInput(shares=1, members=(InsuredInput(relation_id=grandchild, health=HEALTHY),)),
    )
    assert {rule.code for rule in seen.members[0].broken} >= {"not_taken", "consent_missing"}


async def test_papers_of_relatives_are_verified_before_the_assessment(city: CoverWorld) -> None:
    worker = await city.worker()
    child, _ = await city.relative(worker, "child", date(2018, 6, 1), evidence="checked")
    case = await city.submitted(worker, InsuredInput(relation_id=child, health=HEALTHY))
    await city.act("officer-daizong", case, Action.APPROVE, "属实")
    with pytest.raises(RuleViolation) as refused:
        await city.act("hr-sun", case, Action.APPROVE)
    assert codes(refused.value) == {"kinship_not_verified"}


async def test_nobody_joins_twice_and_a_renewal_joins_without_a_gap(city: CoverWorld) -> None:
    worker = await city.worker()
    await city.covered(worker)
    with pytest.raises(RuleViolation) as refused:
        await city.submitted(worker)
    assert codes(refused.value) == {"already_covered"}
    await city.world.at(datetime(2026, 12, 31, 23, 0, tzinfo=LOCAL))
    with pytest.raises(RuleViolation) as refused:
        await city.submitted(worker)
    assert "2027-01-01 起可以续保" in refused.value.violations[0].message.zh
    await city.world.at(datetime(2027, 1, 1, 0, 30, tzinfo=LOCAL))
    await city.covered(worker)
    assert await covers(worker.person_id) == [
        (date(2026, 3, 3), date(2027, 3, 2), None),
        (date(2027, 3, 3), date(2028, 3, 2), None),
    ]
    assert worker.person_id is not None
    renewed = (await covers_of(worker.person_id, date(2027, 3, 3)))[0]
    assert (renewed.renews, renewed.waived, renewed.state) == (True, True, CoverState.ACTIVE)


async def test_two_parents_enrol_one_child_and_the_second_is_told(city: CoverWorld) -> None:
    mother, father = await city.workers(2)
    hers, child = await city.relative(mother, "child", date(2018, 6, 1))
    his, _ = await city.relative(father, "child", date(2018, 6, 1), person=child)
    await city.submitted(mother, InsuredInput(relation_id=hers, health=HEALTHY))
    with pytest.raises(RuleViolation) as refused:
        await city.submitted(father, InsuredInput(relation_id=his, health=HEALTHY))
    assert codes(refused.value) == {"under_way"}


async def test_the_database_holds_one_cover_where_every_check_was_passed_by(city: CoverWorld) -> None:
    worker = await city.worker()
    first = await city.submitted(worker)
    second = await city.draft(worker)
    with pytest.raises(RuleViolation):
        await city.act(worker, second, Action.SUBMIT)
    await city.assess(await city.at_assessment(first))
    row = await fetch("SELECT * FROM cover WHERE person = $1", worker.person_id)
    again = {
        **row[0],
        "id": second.id,
        "number": "MA-0",
        "member": await fetch_value(
            "SELECT id FROM enrolment_member m WHERE NOT EXISTS (SELECT FROM cover c WHERE c.member = m.id)"
        ),
    }
    with pytest.raises(asyncpg.ExclusionViolationError):
        await Cover.insert(Cover(**again))


async def test_beneficiaries_change_while_the_cover_runs_and_what_was_stays(city: CoverWorld) -> None:
    worker, other = await city.workers(2)
    await city.covered(worker)
    assert worker.person_id is not None
    (held,) = await covers_of(worker.person_id, date(2026, 3, 3))
    service = city.world.services.covers
    with pytest.raises(RuleViolation):
        await service.set_heirs(worker, held.id, [HeirFacts("王建国", RelationKind.SPOUSE, 99)])
    with pytest.raises(NotFound):
        await service.set_heirs(other, held.id, [])
    await service.set_heirs(worker, held.id, [HeirFacts("王建国", RelationKind.SPOUSE, 100)])
    await service.set_heirs(worker, held.id, [HeirFacts("王小明", RelationKind.CHILD, 100)])
    (held,) = await covers_of(worker.person_id, date(2026, 3, 3))
    assert [heir.name for heir in held.heirs] == ["王小明"]
    assert await fetch_value("SELECT count(*) FROM beneficiary") == 2
    kinds = await fetch("SELECT kind FROM cover_change ORDER BY id")
    assert [row["kind"] for row in kinds] == ["joined", "changed", "changed"]


async def test_leaving_ends_the_covers_of_worker_and_family_and_death_only_ones_own(city: CoverWorld) -> None:
    worker, colleague = await city.workers(2)
    child, child_person = await city.relative(worker, "child", date(2018, 6, 1))
    await city.covered(worker, MYSELF, InsuredInput(relation_id=child, health=HEALTHY))
    spouse, spouse_person = await city.relative(colleague, "spouse", date(1985, 1, 1), "male")
    await city.covered(colleague, MYSELF, InsuredInput(relation_id=spouse, health=HEALTHY))
    await city.world.at(datetime(2026, 6, 15, 9, 0, tzinfo=LOCAL))
    officer, other = city.world.by["officer-daizong"], city.world.by["officer-dailu"]
    service = city.world.services.covers
    assert worker.person_id and colleague.person_id
    with pytest.raises(NotFound):
        await service.depart(other, worker.person_id, date(2026, 6, 10), "left")
    with pytest.raises(RuleViolation):
        await service.depart(officer, worker.person_id, date(2026, 6, 16), "left")
    seen = await service.departures(officer, worker.person_id, date(2026, 6, 10), "left")
    assert [(one.last_on, one.reason) for one in seen] == [
        (date(2026, 6, 10), "left"),
        (date(2026, 6, 10), "left_worker"),
    ]
    assert await service.depart(officer, worker.person_id, date(2026, 6, 10), "left") == 2
    assert (await covers(child_person))[0][2] == date(2026, 6, 10)
    assert await service.depart(officer, spouse_person, date(2026, 6, 12), "death") == 1
    assert (await covers(colleague.person_id))[0][2] is None
    states = [(await covers_of(worker.person_id, day))[0].state for day in (date(2026, 6, 10), date(2026, 6, 11))]
    assert states == [CoverState.ACTIVE, CoverState.ENDED]
    ended = (await covers_of(worker.person_id, date(2026, 6, 11)))[0]
    assert [one.amount_fen for one in ended.payable] == [0, 0]
    with pytest.raises(RuleViolation):
        await service.depart(officer, worker.person_id, date(2026, 6, 10), "left")


async def test_shanghai_starts_the_day_after_the_upload_however_long_it_is_handled(
    city: CoverWorld,
) -> None:
    plan = await city.plan("SH", SHANGHAI)
    worker = await city.worker()
    case = await city.submitted(worker, plan=plan)
    await city.world.at(datetime(2026, 3, 9, 9, 0, tzinfo=LOCAL))
    await city.assess(await city.at_assessment(case))
    assert await covers(worker.person_id) == [(date(2026, 3, 3), date(2027, 3, 2), None)]


async def test_an_entry_age_is_missed_by_a_day_and_handling_costs_nobody_the_cover(city: CoverWorld) -> None:
    worker = await city.worker()
    just, person = await city.relative(worker, "child", date(2008, 3, 3))
    await city.agree(person, person)
    case = await city.submitted(worker, InsuredInput(relation_id=just, health=HEALTHY))
    await city.world.at(datetime(2026, 3, 5, 9, 0, tzinfo=LOCAL))
    await city.assess(await city.at_assessment(case))
    assert len(await covers(person)) == 1
    late, _ = await city.relative(worker, "child", date(2008, 3, 4))
    await city.world.at(datetime(2026, 3, 4, 9, 0, tzinfo=LOCAL))
    with pytest.raises(RuleViolation) as refused:
        await city.submitted(worker, InsuredInput(relation_id=late, health=HEALTHY))
    assert "entry_age" in codes(refused.value)


async def test_a_plan_without_sense_is_not_published(city: CoverWorld) -> None:
    broken = msgspec.structs.replace(TIANJIN, benefits=())
    with pytest.raises(RuleViolation) as refused:
        await city.plan("BAD", broken)
    assert "benefits" in codes(refused.value)
