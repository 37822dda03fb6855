"""Many at once on a real PostgreSQL: nothing is lost, nothing is given twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from backend.applications.case import load_case
from backend.applications.lifecycle import Action, State
from backend.clock import LOCAL
from backend.database import execute, fetch, fetch_value
from backend.errors import Conflict, DomainError, Stale
from backend.web.idempotency import once
from tests.integration.stay_world import World, batch_version, make_world, states

pytestmark = pytest.mark.alone


@pytest.fixture
async def world(database: None) -> World:
    return await make_world()


async def outcomes(acts: Iterable[Awaitable[Any]]) -> tuple[list[Any], list[DomainError]]:
    """What all of them give, run at once: results, and refusals of the domain; anything else is a failure."""
    done = await asyncio.gather(*acts, return_exceptions=True)
    unexpected = [one for one in done if isinstance(one, BaseException) and not isinstance(one, DomainError)]
    if unexpected:
        raise unexpected[0]
    return (
        [one for one in done if not isinstance(one, DomainError)],
        [one for one in done if isinstance(one, DomainError)],
    )


async def test_two_hundred_apply_for_twenty_places(world: World) -> None:
    batch = await world.batch(20)
    workers = await world.workers(200)
    drafts = {worker: await world.draft(worker, batch) for worker in workers}
    sent, refused = await outcomes(
        world.services.applications.advance(worker, case.id, Action.SUBMIT, expected_version=case.version_number)
        for worker, case in drafts.items()
    )
    assert (len(sent), refused) == (200, [])
    assert await states(batch) == {"submitted": 200}
    await put_into_allocation(batch)
    await world.at(datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
    version = await batch_version(batch)
    chairs = (world.by["chair-han"], world.by["chair-yang"])
    given, late = await outcomes(world.services.batches.allocate(chair, batch, version) for chair in chairs)
    assert given == [(20, 180)]
    assert [type(one) for one in late] == [Stale]
    placed = await ranking(batch)
    assert sum(row["placement"] == "main" for row in placed) == 20
    # The same order as by hand: points, then the lot that nobody can choose.
    assert [row["points"] for row in placed] == sorted((row["points"] for row in placed), reverse=True)


async def test_allocation_gives_the_same_order_each_time(world: World) -> None:
    batch = await world.batch(5)
    for worker in await world.workers(40):
        await world.submitted(worker, batch)
    await put_into_allocation(batch)
    await world.at(datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
    orders = []
    for _ in range(2):
        await world.services.batches.allocate(world.by["chair-han"], batch, await batch_version(batch))
        orders.append([(row["id"], row["placement"]) for row in await ranking(batch)])
        await put_into_allocation(batch)
        await execute("UPDATE batch SET state = 'open' WHERE id = $1", batch)
    assert orders[0] == orders[1]


async def test_thirty_declines_at_once_promote_each_reserve_once(world: World) -> None:
    batch = await world.batch(30)
    workers = await world.workers(80)
    cases = {worker.account_id: await world.submitted(worker, batch) for worker in workers}
    await put_into_allocation(batch)
    await world.at(datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
    await world.services.batches.allocate(world.by["chair-han"], batch, await batch_version(batch))
    await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    await world.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
    await world.services.deadlines.run()
    mains = [row["id"] for row in await ranking(batch) if row["placement"] == "main"]
    by_case = {case.id: worker for worker in workers for case in [cases[worker.account_id]]}
    done, refused = await outcomes(world.act(by_case[main], main, Action.DECLINE) for main in mains)
    assert (len(done), refused) == (30, [])
    assert await states(batch) == {"declined": 30, "approved": 30, "reserve": 20}
    promotions = await fetch(
        "SELECT application, count(*) AS n FROM application_event WHERE action = 'promote' GROUP BY application"
    )
    assert [row["n"] for row in promotions] == [1] * 30
    # The next in rank were taken, nobody was passed over.
    ranks = [row["rank"] for row in await ranking(batch) if row["state"] == "reserve"]
    assert ranks == sorted(ranks)
    assert min(ranks) == 31


async def test_two_chairs_decide_at_once(world: World) -> None:
    case = await world.at_committee(await world.worker(), await world.batch(2))
    for reviewer in ("reviewer-zhou", "reviewer-zheng", "reviewer-chen"):
        await world.review(reviewer, case)
    version = (await load_case(case.id)).version_number
    won, lost = await outcomes(
        world.services.applications.advance(
            world.by[chair], case.id, Action.DECIDE, expected_version=version, comment="通过"
        )
        for chair in ("chair-han", "chair-yang")
    )
    assert [case.stage_key for case in won] == ["allocation"]
    assert len(lost) == 1
    assert isinstance(lost[0], Conflict)


async def test_the_same_submit_ten_times_is_one_application(world: World) -> None:
    batch = await world.batch(2)
    worker = await world.worker()
    draft = await world.draft(worker, batch)
    key = uuid4().hex

    async def send() -> bool:
        async def work() -> Any:
            await world.services.applications.advance(
                worker, draft.id, Action.SUBMIT, expected_version=draft.version_number
            )
            return draft.id

        return (await once(worker, f"submit:{draft.id}", key, {"version": 1}, work)).replayed

    replays, refused = await outcomes(send() for _ in range(10))
    assert (sorted(replays), refused) == ([False] + [True] * 9, [])
    assert await fetch_value("SELECT count(*) FROM application_event WHERE action = 'submit'") == 1


async def test_ten_drafts_at_once_are_one(world: World) -> None:
    batch = await world.batch(2)
    worker = await world.worker()
    made, refused = await outcomes(world.draft(worker, batch, papers=False) for _ in range(10))
    assert (len(made), {error.code for error in refused}) == (1, {"already_applied"})


async def test_last_place_confirmed_and_lapsed_at_once(world: World) -> None:
    """The sweep and the worker's own tap meet on the last evening: the place goes to exactly one."""
    batch = await world.batch(1)
    workers = await world.workers(2)
    cases = await world.confirming(workers, batch)
    main = next(index for index, case in enumerate(cases) if case.state is State.APPROVED)
    await world.at(datetime(2026, 3, 30, 23, 59, 59, tzinfo=LOCAL))
    await outcomes([world.act(workers[main], cases[main], Action.CONFIRM), lapse(world)])
    held = await fetch_value(
        "SELECT count(*) FROM application WHERE placement = 'main' AND state IN ('approved', 'confirmed')"
    )
    assert held == 1


async def test_ten_reviews_by_one_member_are_one(world: World) -> None:
    case = await world.at_committee(await world.worker(), await world.batch(2))
    done, refused = await outcomes(world.review("reviewer-zhou", case) for _ in range(10))
    assert (len(done), {error.code for error in refused}) == (1, {"already_reviewed"})


async def lapse(world: World) -> None:
    await world.at(datetime(2026, 3, 31, 0, 0, 5, tzinfo=LOCAL))
    await world.services.deadlines.run()


async def put_into_allocation(batch: Any) -> None:
    """Past the committee in one statement: what is raced here comes after it (the way there is walked in the story)."""
    await execute(
        "UPDATE application SET state = 'under_review', stage = 'allocation', placement = '', rank = NULL"
        " WHERE aggregate = $1",
        batch,
    )


async def ranking(batch: Any) -> list[Any]:
    """The mains of a batch by rank, then its reserves by theirs."""
    return await fetch(
        "SELECT id, placement, rank, points, state FROM application WHERE aggregate = $1 AND placement <> ''"
        " ORDER BY placement, rank",
        batch,
    )
