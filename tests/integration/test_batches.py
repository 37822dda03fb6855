"""A batch on a real database: who does what with it, quotas that treat all alike, places that nothing strands."""

from __future__ import annotations

import io
from collections.abc import Awaitable
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from python_calamine import CalamineWorkbook

from backend.applications.case import load_case
from backend.applications.lifecycle import Action, State
from backend.calendars.service import forget_calendar
from backend.clock import LOCAL
from backend.database import execute, fetch, fetch_value, new_id
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation
from backend.identity import Actor, Binding, Level, Role
from backend.recuperation import desk_queries
from backend.recuperation.batches import BatchInput
from tests.integration.stay_world import World, batch_version, make_world, states
from tests.services import logged_in_as

LATE = "该同志一线时间与实际不符,请核实。"


@pytest.fixture
async def world(database: None) -> World:
    return await make_world()


async def fields(awaitable: Awaitable[object]) -> set[str]:
    with pytest.raises(RuleViolation) as refused:
        await awaitable
    return {violation.field for violation in refused.value.violations}


async def drafted(world: World, **changed: object) -> UUID:
    entered = msgspec.structs.replace(world.batch_input(await world.services.clock.today(), 5), **changed)
    return await world.services.batches.draft(world.by["hr-wang"], entered, world.unions["city"])


async def quota(world: World, batch: UUID, unit: str, places: int, reason: str = "按人数") -> None:
    await world.services.batches.set_quota(
        world.by["chair-han"], batch, world.unions[unit], places, reason, await batch_version(batch)
    )


class TestDrafting:
    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "长" * 81}, "name"),
            ({"starts_on": date(2026, 3, 2)}, "starts_on"),
            ({"starts_on": date(2020, 1, 1)}, "starts_on"),
            ({"ends_on": date(2026, 3, 3)}, "ends_on"),
            ({"closes_at": datetime(2026, 3, 1, tzinfo=LOCAL)}, "closes_at"),
            ({"capacity": 0}, "capacity"),
            ({"capacity": 10_001}, "capacity"),
            ({"cost_per_day_fen": -1}, "cost_per_day_fen"),
            ({"funding_source": ""}, "funding_source"),
            ({"funding_source": "长" * 41}, "funding_source"),
            ({"companion_rule": "pets"}, "companion_rule"),
            ({"confirm_working_days": 0}, "confirm_working_days"),
            ({"programme_version": UUID(int=1)}, "programme_version"),
        ],
        ids=lambda part: str(part),
    )
    async def test_each_field_at_its_edge(self, world: World, changed: dict[str, object], field: str) -> None:
        assert field in await fields(drafted(world, **changed))
        assert await fetch_value("SELECT count(*) FROM batch") == 0

    async def test_another_unions_programme_is_not_there_to_draft_from(self, world: World) -> None:
        county = Actor(new_id(), "某", bindings=(Binding(Role.CHAIR, world.unions["taishan"], Level.COUNTY),))
        entered: BatchInput = world.batch_input(await world.services.clock.today(), 5)
        assert await fields(world.services.batches.draft(county, entered, world.unions["taishan"])) == {
            "programme_version"
        }
        with pytest.raises(Forbidden):
            await world.services.batches.draft(county, entered, world.unions["city"])

    @pytest.mark.parametrize("username", ["officer-daizong", "reviewer-zhou", "finance-qin", "auditor-xu", "sysadmin"])
    async def test_only_hr_and_chairs_of_the_organiser_touch_a_batch(self, world: World, username: str) -> None:
        batch, somebody, verbs = await world.batch(2), world.by[username], world.services.batches
        for act in (
            verbs.draft(somebody, world.batch_input(await world.services.clock.today(), 5), world.unions["city"]),
            verbs.set_quota(somebody, batch, world.unions["dailu"], 1, "按人数", 2),
            verbs.open_(somebody, batch, 2),
            verbs.allocate(somebody, batch, 2),
            verbs.publish_notice(somebody, batch, 2),
            verbs.roster(somebody, batch, "交疗养院安排"),
        ):
            with pytest.raises(Forbidden):
                await act

    async def test_a_foreign_organisers_batch_is_out_of_reach(self, world: World) -> None:
        batch = await world.batch(2)
        county = [Binding(role, world.unions["taishan"], Level.COUNTY) for role in (Role.CHAIR, Role.HR_VERIFIER)]
        with pytest.raises(NotFound):
            await desk_queries.require_batch_in_scope(county, batch)
        with pytest.raises(Forbidden):
            await world.services.batches.roster(Actor(new_id(), "某", bindings=tuple(county)), batch, "交疗养院安排")


class TestQuotas:
    async def test_a_quota_is_for_the_organiser_and_below_within_the_capacity(self, world: World) -> None:
        batch = await drafted(world)
        for union in ("province", "national"):
            assert await fields(quota(world, batch, union, 1)) == {"union"}
        for places in (-1, 6, 999_999_999):
            assert await fields(quota(world, batch, "dailu", places)) == {"places"}
        assert await fields(quota(world, batch, "dailu", 1, " ")) == {"reason"}
        await quota(world, batch, "dailu", 3)
        assert await fields(quota(world, batch, "daizong", 3)) == {"quotas"}
        assert await fetch_value("SELECT sum(places) FROM batch_quota") == 3

    async def test_who_asked_before_a_quota_falls_under_the_same_as_who_asked_after(self, world: World) -> None:
        """A unit gets places of its own after some of it applied under the county's: all of it counts alike."""
        batch = await world.batch(5, {"taishan": 2})
        early, late = await world.worker("dailu", 1), await world.worker("dailu", 2)
        before = await world.draft(early, batch)
        await quota(world, batch, "dailu", 1)
        after = await world.draft(late, batch)
        rows = await fetch("SELECT application, quota_union FROM stay_request")
        assert {row["application"]: row["quota_union"] for row in rows} == {
            before.id: world.unions["dailu"],
            after.id: world.unions["dailu"],
        }
        await quota(world, batch, "dailu", 0)
        rows = await fetch("SELECT DISTINCT quota_union FROM stay_request")
        assert [row["quota_union"] for row in rows] == [world.unions["taishan"]]

    async def test_no_quota_changes_once_places_are_given(self, world: World) -> None:
        batch = await world.batch(2)
        await world.allocated(await world.workers(1), batch)
        with pytest.raises(Conflict) as refused:
            await quota(world, batch, "daizong", 1)
        assert refused.value.code == "batch_state"


class TestPlaces:
    async def test_a_reserve_cleared_after_the_notice_gets_the_place_that_waited(self, world: World) -> None:
        batch = await world.batch(1)
        workers = await world.workers(2)
        cases = await world.allocated(workers, batch)
        main, reserve = (next(one for one in cases if one.placement == kind) for kind in ("main", "reserve"))
        notice = await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
        await world.services.notices.object_(await world.worker("dailu", 50), notice, reserve.id, LATE)
        await world.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
        await world.services.deadlines.run()
        await world.act(workers[cases.index(main)], main, Action.DECLINE)
        assert (await load_case(reserve.id)).state is State.OBJECTED
        await world.act(world.by["chair-yang"], reserve, Action.DISMISS, "经核实,情况属实")
        cleared = await load_case(reserve.id)
        assert (cleared.state, cleared.placement) == (State.APPROVED, "main")
        assert await fetch_value("SELECT count(*) FROM application_event WHERE action = 'promote'") == 1

    async def test_a_reserve_cleared_while_no_place_is_free_waits(self, world: World) -> None:
        batch = await world.batch(1)
        cases = await world.allocated(await world.workers(2), batch)
        reserve = next(one for one in cases if one.placement == "reserve")
        notice = await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
        await world.services.notices.object_(await world.worker("dailu", 50), notice, reserve.id, LATE)
        await world.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
        await world.services.deadlines.run()
        await world.act(world.by["chair-yang"], reserve, Action.DISMISS, "经核实,情况属实")
        assert await states(batch) == {"approved": 1, "reserve": 1}

    async def test_nobody_is_asked_to_confirm_after_the_batch_has_left(self, world: World) -> None:
        batch = await world.batch(1)
        workers = await world.workers(2)
        cases = await world.confirming(workers, batch)
        main = next(index for index, case in enumerate(cases) if case.state is State.APPROVED)
        await world.act(workers[main], cases[main], Action.CONFIRM)
        starts_on = await fetch_value("SELECT starts_on FROM batch")
        eve = starts_on - timedelta(days=1)
        await world.at(datetime(eve.year, eve.month, eve.day, 9, 0, tzinfo=LOCAL))
        await world.act(workers[main], cases[main], Action.WITHDRAW)
        promoted = await load_case(cases[1 - main].id)
        assert (promoted.state, promoted.due_on) == (State.APPROVED, eve)

    async def test_a_deadline_past_the_calendar_holds_up_no_other(self, world: World) -> None:
        """Of two notices that end, one leads to a deadline that the calendar does not reach: the other goes on."""
        held, free = await world.batch(1), await world.batch(1)
        cases = []
        for batch, worker in zip((held, free), await world.workers(2), strict=True):
            cases.append(await world.at_allocation(worker, batch))
        await world.at(datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
        for batch in (held, free):
            await world.services.batches.allocate(world.by["chair-han"], batch, await batch_version(batch))
            await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
        await execute("UPDATE batch SET confirm_working_days = 25 WHERE id = $1", held)
        async with logged_in_as("niangjia_owner"):
            await execute("DELETE FROM calendar_day WHERE day > '2026-04-10'")
        forget_calendar()
        await world.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
        await world.services.deadlines.run()
        assert [(await load_case(case.id)).state for case in cases] == [State.ON_NOTICE, State.APPROVED]
        async with logged_in_as("niangjia_owner"):
            await execute(
                "INSERT INTO calendar_day (day, working) SELECT d::date, true"
                " FROM generate_series('2026-04-11'::date, '2026-06-30'::date, interval '1 day') d"
            )
        forget_calendar()
        await world.services.deadlines.run()
        assert (await load_case(cases[0].id)).state is State.APPROVED


class TestRoster:
    async def test_who_takes_back_the_consent_is_counted_and_not_shared(self, world: World) -> None:
        batch = await world.batch(2)
        workers = await world.workers(2)
        cases = await world.confirming(workers, batch)
        for worker, case in zip(workers, cases, strict=True):
            await world.act(worker, case, Action.CONFIRM)
        await world.services.consents.withdraw(workers[0], "share_with_sanatorium")
        content = await world.services.batches.roster(world.by["chair-han"], batch, "交疗养院安排")
        rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        assert "另有 1 人未同意提供信息" in str(rows[0][0])
        assert [row[1] for row in rows[3:]] == [
            await fetch_value("SELECT name FROM person WHERE id = $1", workers[1].person_id)
        ]
        assert await fetch_value("SELECT reason FROM audit_entry WHERE act = 'batch.roster'") == "交疗养院安排"

    async def test_a_reason_is_asked_for(self, world: World) -> None:
        batch = await world.batch(2)
        assert await fields(world.services.batches.roster(world.by["chair-han"], batch, " ")) == {"reason"}
        assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'batch.roster'") == 0


async def test_ones_standing_before_applying_leaves_out_what_the_request_brings(world: World) -> None:
    batch = await world.batch(2)
    worker = await world.worker()
    judged = await world.services.requests.preview(worker, batch)
    assert {violation.code for violation in judged.violations} == {"merit_not_evidenced", "health_not_declared"}
    with pytest.raises(NotFound):
        await world.services.requests.preview(replace(worker, person_id=None), batch)
    unknown = await world.services.requests.preview(replace(worker, person_id=new_id()), batch)
    assert "record_not_verified" in {violation.code for violation in unknown.violations}
