"""The story of a stay, from the request to the return, through the services on a real database."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date, datetime

import pytest

from backend.applications import events
from backend.applications.case import load_case
from backend.applications.lifecycle import Action, State
from backend.clock import LOCAL
from backend.database import fetch, fetch_value
from backend.errors import Conflict, DomainError, Forbidden, IllegalTransition, NotFound, RuleViolation, Stale
from backend.operations.demo_cases import STAY
from tests.integration.stay_world import GOOD, POOR, World, batch_version, make_world, states


@pytest.fixture
async def world(database: None) -> World:
    return await make_world()


async def codes(awaitable: Awaitable[object]) -> set[str]:
    """The codes of everything that a refused request breaks."""
    with pytest.raises(RuleViolation) as refused:
        await awaitable
    return {violation.code for violation in refused.value.violations}


async def test_whole_story(world: World) -> None:
    batch = await world.batch(2)
    workers = await world.workers(3)
    cases = await world.allocated(workers, batch)
    # More days at the front rank higher; the third is the first reserve.
    assert [(case.placement, case.rank) for case in cases] == [("reserve", 1), ("main", 2), ("main", 1)]
    notice = await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    row = (await fetch("SELECT first_on, last_on, token FROM notice WHERE id = $1", notice))[0]
    # Five working days, the start day excluded: 17 March is a Tuesday.
    assert (row["first_on"], row["last_on"]) == (date(2026, 3, 17), date(2026, 3, 24))
    public = await world.services.notices.public(row["token"])
    assert [entry.placement for entry in public.entries] == ["main", "main", "reserve"]
    await world.at(datetime(2026, 3, 24, 23, 59, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert await states(batch) == {"on_notice": 3}
    await world.at(datetime(2026, 3, 25, 0, 1, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert await states(batch) == {"approved": 2, "reserve": 1}
    with pytest.raises(NotFound):
        await world.services.notices.public(row["token"])
    await world.act(workers[2], cases[2], Action.CONFIRM)
    await world.act(workers[1], cases[1], Action.DECLINE)
    promoted = await load_case(cases[0].id)
    assert (promoted.state, promoted.placement) == (State.APPROVED, "main")
    assert promoted.due_on == date(2026, 3, 30)
    await world.act(workers[0], promoted, Action.CONFIRM)
    assert await states(batch) == {"confirmed": 2, "declined": 1}
    await world.at(datetime(2026, 6, 1, 9, 0, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert await states(batch) == {"completed": 2, "declined": 1}
    assert await fetch_value("SELECT count(*) FROM stay") == 2
    for case in cases:
        assert await events.broken_link(case.id) is None


async def test_unconfirmed_place_lapses_and_goes_on(world: World) -> None:
    batch = await world.batch(1)
    cases = await world.confirming(await world.workers(2), batch)
    main, reserve = sorted(cases, key=lambda case: case.state)
    assert (main.state, main.due_on) == (State.APPROVED, date(2026, 3, 30))
    await world.at(datetime(2026, 3, 31, 9, 0, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert (await load_case(main.id)).state is State.LAPSED
    assert (await load_case(reserve.id)).state is State.APPROVED


async def test_objection_stops_only_the_one_named(world: World) -> None:
    batch = await world.batch(2)
    workers = await world.workers(3)
    cases = await world.allocated(workers, batch)
    notice = await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    stranger = await world.worker("dailu", 50)
    await world.services.notices.object_(stranger, notice, cases[2].id, "该同志一线时间与实际不符,请核实。")
    assert (await load_case(cases[2].id)).state is State.OBJECTED
    await world.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
    await world.services.deadlines.run()
    # The place of the objected case is held for it: the reserve does not get it meanwhile.
    assert {case.state for case in [await load_case(case.id) for case in cases]} == {
        State.OBJECTED,
        State.APPROVED,
        State.RESERVE,
    }
    with pytest.raises(Forbidden):
        await world.act(world.by["chair-han"], cases[2], Action.DISMISS, "查无此事")
    await world.act(world.by["chair-yang"], cases[2], Action.DISMISS, "经核实,情况属实")
    assert (await load_case(cases[2].id)).state is State.APPROVED


async def test_a_withdrawn_case_leaves_no_objection_open(world: World) -> None:
    batch = await world.batch(1)
    workers = await world.workers(1)
    (case,) = await world.allocated(workers, batch)
    notice = await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    stranger = await world.worker("dailu", 50)
    await world.services.notices.object_(stranger, notice, case.id, "该同志一线时间与实际不符,请核实。")
    await world.act(workers[0], case, Action.WITHDRAW)
    assert await fetch_value("SELECT state || result FROM objection") == "dismissed申请已撤回"


async def test_upheld_objection_frees_the_place(world: World) -> None:
    batch = await world.batch(1)
    cases = await world.allocated(await world.workers(2), batch)
    notice = await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    await world.services.notices.object_(
        await world.worker("dailu", 50), notice, cases[1].id, "该同志一线时间与实际不符,请核实。"
    )
    await world.act(world.by["chair-yang"], cases[1], Action.UPHOLD, "一线时间不实")
    assert (await load_case(cases[1].id)).state is State.REJECTED
    await world.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert (await load_case(cases[0].id)).state is State.APPROVED


async def test_every_violation_at_once(world: World) -> None:
    batch = await world.batch(2)
    worker = await world.worker()
    draft = await world.draft(worker, batch, papers=False)
    await world.at(datetime(2026, 3, 16, 19, 0, tzinfo=LOCAL))
    found = await codes(world.act(worker, draft, Action.SUBMIT))
    assert {"paper_missing", "merit_not_evidenced", "window_closed"} <= found
    assert (await load_case(draft.id)).state is State.DRAFT


async def test_returned_case_resumes_where_it_was_returned(world: World) -> None:
    batch = await world.batch(2)
    worker = await world.worker()
    case = await world.submitted(worker, batch)
    await world.act(world.by["officer-daizong"], case, Action.APPROVE, "属实")
    await world.act(world.by["hr-sun"], case, Action.RETURN, "事迹材料缺盖章")
    returned = await load_case(case.id)
    assert (returned.state, returned.awaiting_role) == (State.RETURNED, "worker")
    again = await world.act(worker, returned, Action.SUBMIT)
    assert (again.stage_key, again.state) == ("papers", State.UNDER_REVIEW)


async def test_papers_must_be_verified_before_hr_passes(world: World) -> None:
    batch = await world.batch(2)
    worker = await world.worker()
    draft = await world.draft(worker, batch, papers=False)
    for requirement, kind in (("identity", "resident_id"), ("work", "work_permit"), ("merit", "merit_statement")):
        upload = await world.paper(worker, kind, "checked")
        await world.services.applications.attach(worker, draft.id, requirement, upload)
    case = await world.act(worker, draft, Action.SUBMIT)
    await world.act(world.by["officer-daizong"], case, Action.APPROVE, "属实")
    assert await codes(world.act(world.by["hr-sun"], case, Action.APPROVE)) == {"paper_not_verified"}


async def test_nobody_of_the_own_unit_judges(world: World) -> None:
    case = await world.at_committee(await world.worker(), await world.batch(2))
    with pytest.raises(Forbidden) as refused:
        await world.review("reviewer-feng", case)
    assert refused.value.code == "conflict_own_unit"


async def test_committee_fails_by_tally(world: World) -> None:
    case = await world.at_committee(await world.worker(), await world.batch(2))
    await world.review("reviewer-zhou", case, POOR)
    await world.review("reviewer-wu", case, POOR)
    assert await codes(world.act(world.by["chair-han"], case, Action.DECIDE, "")) == {"quorum_not_met"}
    await world.review("reviewer-zheng", case, GOOD)
    # The scores lie further apart than the stage allows: first they talk.
    assert await codes(world.act(world.by["chair-han"], case, Action.DECIDE, "")) == {"discrepancy_open"}


async def test_withdrawn_at_any_time_before_completion(world: World) -> None:
    batch = await world.batch(1)
    workers = await world.workers(2)
    cases = await world.confirming(workers, batch)
    main = next(index for index, case in enumerate(cases) if case.state is State.APPROVED)
    await world.act(workers[main], cases[main], Action.CONFIRM)
    await world.act(workers[main], cases[main], Action.WITHDRAW)
    assert await states(batch) == {"withdrawn": 1, "approved": 1}


async def test_stale_version_and_foreign_case(world: World) -> None:
    batch = await world.batch(2)
    worker, stranger = await world.workers(2)
    case = await world.submitted(worker, batch)
    with pytest.raises(Stale):
        await world.services.applications.advance(worker, case.id, Action.WITHDRAW, expected_version=1)
    with pytest.raises(NotFound):
        await world.act(stranger, case, Action.WITHDRAW)
    with pytest.raises(NotFound):
        await world.act(world.by["officer-dailu"], case, Action.APPROVE, "属实")
    with pytest.raises(Forbidden):
        await world.act(world.by["hr-sun"], case, Action.APPROVE)


async def test_officer_files_on_behalf_and_it_shows(world: World) -> None:
    batch = await world.batch(2)
    worker = await world.worker()
    officer = world.by["officer-daizong"]
    assert worker.person_id is not None
    case = await world.services.requests.draft(officer, batch, worker.person_id, STAY)
    for requirement, kind in (("identity", "resident_id"), ("work", "work_permit"), ("merit", "merit_statement")):
        await world.services.applications.attach(officer, case.id, requirement, await world.paper(worker, kind))
    case = await world.act(officer, case, Action.SUBMIT)
    assert await fetch_value("SELECT filed_by_officer FROM application WHERE id = $1", case.id)
    elsewhere = await world.worker("dailu", 9)
    assert elsewhere.person_id is not None
    with pytest.raises(NotFound):
        await world.services.requests.draft(officer, batch, elsewhere.person_id, STAY)


async def test_one_live_request_per_batch(world: World) -> None:
    batch = await world.batch(2)
    worker = await world.worker()
    first = await world.submitted(worker, batch)
    with pytest.raises(Conflict) as refused:
        await world.draft(worker, batch)
    assert refused.value.code == "already_applied"
    await world.act(worker, first, Action.WITHDRAW)
    assert (await world.submitted(worker, batch)).state is State.SUBMITTED


async def test_a_notice_past_the_calendar_is_refused(world: World) -> None:
    batch = await world.batch(1)
    await world.allocated([await world.worker()], batch)
    await world.at(datetime(2026, 12, 30, 9, 0, tzinfo=LOCAL))
    with pytest.raises(DomainError) as refused:
        await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    assert refused.value.code == "calendar_not_covered"
    assert await fetch_value("SELECT count(*) FROM notice") == 0


async def test_a_batch_is_opened_by_a_second_person_and_within_policy(world: World) -> None:
    batch = await world.batch(2, opened=False, days=9)
    with pytest.raises(RuleViolation) as refused:
        await world.services.batches.open_(world.by["chair-han"], batch, await batch_version(batch))
    assert [violation.code for violation in refused.value.violations] == ["batch_too_long"]
    assert refused.value.violations[0].clause


async def test_no_allocation_while_open_or_undecided(world: World) -> None:
    batch = await world.batch(2)
    await world.at_committee(await world.worker(), batch)
    found = await codes(world.services.batches.allocate(world.by["chair-han"], batch, await batch_version(batch)))
    assert found == {"window_open", "cases_undecided"}


async def test_illegal_move(world: World) -> None:
    case = await world.submitted(await world.worker(), await world.batch(2))
    with pytest.raises(IllegalTransition):
        await world.act(world.by["chair-han"], case, Action.DECIDE)
