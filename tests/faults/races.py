"""Races on real processes: `make races SEEDS=20`; each seed is a batch of its own, with its invariants at the end.

Four api processes and two consoles on one PostgreSQL. 500 phones apply for 50 places, each tap reaching two processes
at once; chairs decide and allocate at two desks at once; who is offered a place and who waits for one act all at the
same time while a look-out counts the places held. Beside it the same for covers, refresh tokens and idempotency keys.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from tests import services

os.environ.update(services.environment())

from backend.accounts.known import TRUST_SECONDS
from backend.applications.case import load_case
from backend.applications.events import broken_chains
from backend.applications.lifecycle import Action
from backend.clock import LOCAL
from backend.database import close_pool, execute, fetch, fetch_value, open_pool
from backend.operations.embedded_postgres import OWNER
from tests.crowd import STAY, Member, crowd
from tests.faults.race_house import House, Seed, Size, house
from tests.integration.stay_world import BEGINS
from tests.wire import Answer

WELL = {"healthy": True, "conditions": ""}

_HELD = "placement = 'main' AND state IN ('approved', 'confirmed', 'completed')"


# Applying


async def apply(house: House, seed: Seed, member: Member, batch: UUID) -> None:
    """Draft twice, attach, submit twice; some change a body under their key, some withdraw while they submit."""
    await asyncio.sleep(seed.chance.random())
    drafted = await house.tap(seed, member, "POST", "/recuperation/requests", *[{"batch_id": str(batch), **STAY}] * 2)
    if not seed.expect([one.status for one in drafted] == [201, 201], f"drafts {[one.body[:200] for one in drafted]}"):
        return
    case, other = (one.json()["id"] for one in drafted)
    seed.expect(case == other, "one key made two drafts")
    papers = f"/applications/{case}/papers"
    attached = {"requirement": "merit", "upload_id": str(member.merit)}
    answer = await house.call(seed, house.some(seed), member, "POST", papers, attached)
    seed.expect(answer.status == 200, f"attach {answer.body[:200]!r}")
    path, twist, act = f"/applications/{case}", seed.chance.random(), {"version": 1}
    if twist < 0.10:
        sent = await house.tap(seed, member, "POST", f"{path}/submit", act, act, {**act, "comment": "另一句"})
        good = sorted(one.status for one in sent)
        seed.expect(good in ([200, 200, 422], [200, 422, 422]), f"one key with two bodies: {good}")
    elif twist < 0.25:
        sent, taken = await asyncio.gather(
            house.tap(seed, member, "POST", f"{path}/submit", act, act),
            house.tap(seed, member, "POST", f"{path}/withdraw", act),
        )
        done = {one.status for one in sent} == {200}, taken[0].status == 200
        seed.expect(sum(done) == 1, f"submit and withdraw at once: {[one.status for one in (*sent, *taken)]}")
    else:
        sent = await house.tap(seed, member, "POST", f"{path}/submit", act, act)
        seed.expect([one.status for one in sent] == [200, 200], f"submits {[one.body[:300] for one in sent]}")
        if twist < 0.30:
            taken = await house.tap(seed, member, "POST", f"{path}/withdraw", {"version": 2}, {"version": 2})
            seed.expect([one.status for one in taken] == [200, 200], f"withdrawals {[one.status for one in taken]}")


async def check_applied(seed: Seed, batch: UUID) -> None:
    """Everybody has one case, and each of its events once."""
    rows = await fetch(
        "SELECT a.id, a.state, a.version, count(e.id) FILTER (WHERE e.action = 'submit') AS submits,"
        " count(e.id) FILTER (WHERE e.action = 'withdraw') AS withdrawals, count(e.id) AS events"
        " FROM application a LEFT JOIN application_event e ON e.application = a.id WHERE a.aggregate = $1"
        " GROUP BY a.id",
        batch,
    )
    seed.expect(len(rows) == seed.size.clients, f"{len(rows)} cases of {seed.size.clients} workers")
    for row in rows:
        seed.expect(row["submits"] <= 1 and row["withdrawals"] <= 1, f"an act was done twice: {dict(row)}")
        seed.expect(row["version"] == 1 + row["events"], f"version and events differ: {dict(row)}")
        expected = "withdrawn" if row["withdrawals"] else "submitted"
        seed.expect(row["state"] == expected, f"state and events differ: {dict(row)}")


# Deciding


async def decide(house: House, seed: Seed, batch: UUID) -> None:
    """Bring some cases before the committee, and have two chairs decide each at two desks at once."""
    world = house.city.world
    rows = await fetch(
        "SELECT id FROM application WHERE aggregate = $1 AND state = 'submitted' ORDER BY id LIMIT $2",
        batch,
        seed.size.decided,
    )
    async with services.logged_in_as("niangjia_console"):
        for row in rows:
            case = await world.act(world.by["officer-daizong"], row["id"], Action.APPROVE, "属实")
            case = await world.act(world.by["hr-sun"], case, Action.APPROVE)
            for reviewer in ("reviewer-zhou", "reviewer-zheng", "reviewer-chen"):
                await world.review(reviewer, case)
    for row in rows:
        page = f"/review/cases/{row['id']}"
        version = str((await load_case(row["id"])).version_number)
        answers = await house.press_at_once(
            ("chair-han", "chair-yang"), page, f"{page}/act", action="decide", version=version, comment="通过"
        )
        seed.expect(_one_of_four(answers), f"one decision of four: {dict(answers)}")
    decided = await fetch(
        "SELECT count(*) AS n FROM application_event WHERE action = 'decide' AND application = ANY($1)"
        " GROUP BY application",
        [row["id"] for row in rows],
    )
    seed.expect([row["n"] for row in decided] == [1] * len(rows), "each case is decided once")
    # The others go past the committee in one statement: what is raced comes after it.
    await execute(
        "UPDATE application SET state = 'under_review', stage = 'allocation'"
        " WHERE aggregate = $1 AND state = 'submitted'",
        batch,
    )


def _one_of_four(answers: Counter[int]) -> bool:
    """One was taken; the others are stale, or waited longer for the first than the database lets a statement take."""
    return answers[303] == 1 and answers[409] + answers[503] == 3


async def allocate(house: House, seed: Seed, batch: UUID) -> list[UUID]:
    """Allocate and announce, each by two chairs at two desks at once; the cases in their order."""
    world, page = house.city.world, f"/review/batches/{batch}"
    await world.at(datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
    for button in ("allocate", "notice"):
        answers = await house.press_at_once(("chair-han", "chair-yang"), page, f"{page}/{button}")
        seed.expect(_one_of_four(answers), f"{button} once of four: {dict(answers)}")
    await world.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
    async with services.logged_in_as("niangjia_worker"):
        await world.services.deadlines.run()
    rows = await fetch(
        "SELECT id, placement, points FROM application WHERE aggregate = $1 AND placement <> ''"
        " ORDER BY placement, rank",
        batch,
    )
    mains = sum(row["placement"] == "main" for row in rows)
    seed.expect(mains == min(seed.size.places, len(rows)), f"{mains} mains for {seed.size.places} places")
    points = [row["points"] for row in rows]
    seed.expect(points == sorted(points, reverse=True), "most points come first")
    return [row["id"] for row in rows]


# Giving and taking


async def answer_offer(house: House, seed: Seed, member: Member, case: UUID) -> None:
    """Look, then confirm, decline or withdraw; twice, or two of them at once."""
    await asyncio.sleep(seed.chance.random() * 0.5)
    path = f"/applications/{case}"
    shown = (await house.call(seed, house.some(seed), member, "GET", path)).json()
    act, choice = {"version": shown["version"]}, seed.chance.random()
    if "confirm" not in shown["actions"]:
        if choice < 0.3:
            await house.tap(seed, member, "POST", f"{path}/withdraw", act, act)
    elif choice < 0.45:
        await house.tap(seed, member, "POST", f"{path}/decline", act, act)
    elif choice < 0.70:
        await house.tap(seed, member, "POST", f"{path}/confirm", act, act)
    elif choice < 0.85:
        sent = await asyncio.gather(
            *(house.tap(seed, member, "POST", f"{path}/{verb}", act) for verb in ("confirm", "decline", "withdraw"))
        )
        won = [one[0].status for one in sent].count(200)
        # A reserve who is promoted meanwhile has another version: then all three are stale.
        seed.expect(won <= 1, f"{won} of confirm, decline and withdraw at once were taken")


async def give_and_take(house: House, seed: Seed, batch: UUID, order: list[UUID], people: dict[UUID, Member]) -> None:
    """All who hold or await a place act at once, wave after wave, while the places held are counted."""
    done = asyncio.Event()
    watch = asyncio.create_task(_look_out(seed, batch, done))
    acting = order
    for _ in range(4):
        await asyncio.gather(*(answer_offer(house, seed, people[case], case) for case in acting))
        rows = await fetch("SELECT id FROM application WHERE aggregate = $1 AND state = 'approved'", batch)
        acting = [row["id"] for row in rows]
    done.set()
    await watch
    seed.expect(seed.most_held <= seed.size.places, f"{seed.most_held} held {seed.size.places} places")
    rows = await fetch(f"SELECT id, state, {_HELD} AS held FROM application WHERE aggregate = $1", batch)
    state = {row["id"]: row["state"] for row in rows}
    seed.expect(len(state) == seed.size.clients, f"{len(state)} cases are left of {seed.size.clients}")
    out = {"declined", "withdrawn", "lapsed"}
    unknown = Counter(state[case] for case in order if state[case] not in {*out, "approved", "confirmed", "reserve"})
    seed.expect(not unknown, f"cases in other states: {dict(unknown)}")
    entitled = [case for case in order if state[case] not in out][: seed.size.places]
    held = {row["id"] for row in rows if row["held"]}
    seed.expect(held == set(entitled), f"{len(held ^ set(entitled))} places are not where the rank says")
    twice = await fetch(
        "SELECT e.application FROM application_event e JOIN application a ON a.id = e.application"
        " WHERE a.aggregate = $1 AND e.action IN ('confirm', 'decline', 'withdraw', 'promote')"
        " GROUP BY e.application, e.action HAVING count(*) > 1",
        batch,
    )
    seed.expect(not twice, f"{len(twice)} acts were done twice")


async def _look_out(seed: Seed, batch: UUID, done: asyncio.Event) -> None:
    counted = f"SELECT count(*) FROM application WHERE aggregate = $1 AND {_HELD}"
    connection = await asyncpg.connect(services.dsn(OWNER))
    try:
        while not done.is_set():
            held = await connection.fetchval(counted, batch)
            seed.most_held = max(seed.most_held, held)
            await asyncio.sleep(0.005)
    finally:
        await connection.close()


# Covers


async def cover(house: House, seed: Seed, members: Sequence[Member]) -> None:
    """Two sisters enrol one mother at once; what got through is assessed four times at once, at two desks."""
    city, mothers = house.city, []
    cases: list[tuple[Member, dict[str, Any]]] = []
    for one, two in zip(members[::2], members[1::2], strict=True):
        hers, mother = await city.relative(one.actor, "parent", date(1965, 3, 8))
        sisters, _ = await city.relative(two.actor, "parent", date(1965, 3, 8), person=mother)
        mothers.append(mother)
        for member, relation in ((one, hers), (two, sisters)):
            body = {"plan_id": str(city.plans["critical"]), "shares": 1}
            body["members"] = [{"relation_id": str(relation), "health": WELL}]
            drafted = await house.tap(seed, member, "POST", "/mutual-aid/enrolments", body, body)
            seed.expect(len({answer.json()["id"] for answer in drafted}) == 1, "one key made two enrolments")
            case = drafted[0].json()
            card = await city.world.paper(member.actor, "resident_id")
            attached = {"requirement": "identity", "upload_id": str(card)}
            await house.call(seed, house.some(seed), member, "POST", f"/applications/{case['id']}/papers", attached)
            cases.append((member, case))
    sent = await asyncio.gather(
        *(
            house.tap(seed, member, "POST", f"/applications/{case['id']}/submit", *[{"version": case["version"]}] * 2)
            for member, case in cases
        )
    )
    through = [case["id"] for (_, case), answers in zip(cases, sent, strict=True) if answers[0].status == 200]
    seed.expect(len(through) == len(mothers), f"{len(through)} of {len(cases)} enrolments for {len(mothers)} mothers")
    for case in map(UUID, through):
        async with services.logged_in_as("niangjia_console"):
            await city.at_assessment(await load_case(case))
        page, version = f"/review/cases/{case}", str((await load_case(case)).version_number)
        verdicts = await city.verdicts(await load_case(case))
        fields = {f"verdict_{one.member}": "accepted" for one in verdicts.lines}
        answers = await house.press_at_once(
            ("hr-wang", "hr-wang"), page, f"{page}/act", action="assess", version=version, comment="核定", **fields
        )
        seed.expect(_one_of_four(answers), f"one assessment of four: {dict(answers)}")
    held = await fetch("SELECT person, count(*) AS n FROM cover WHERE person = ANY($1) GROUP BY person", mothers)
    seed.expect([row["n"] for row in held] == [1] * len(mothers), "every mother is covered once")


# Tokens and keys


async def refresh(house: House, seed: Seed, members: Sequence[Member]) -> None:
    """A phone refreshes sixteen times at once and gets one successor; a copied token ends the device everywhere."""
    for member in members:

        async def trade(token: str, port: int, member: Member = member) -> Answer:
            return await house.call(seed, port, member, "POST", "/login/refresh", {"refresh_token": token})

        current = member.refresh
        for _ in range(2):
            answers = await asyncio.gather(*(trade(current, port) for port in [*house.apis] * 4))
            statuses = [answer.status for answer in answers]
            if not seed.expect(statuses == [200] * 16, f"refreshes at once: {statuses}"):
                return
            seed.expect(len({answer.json()["refresh_token"] for answer in answers}) == 1, "one token, two successors")
            current = answers[0].json()["refresh_token"]
        stolen = [trade(member.refresh, port) for port in house.apis] + [trade(current, port) for port in house.apis]
        answers = await asyncio.gather(*stolen)
        seed.expect({one.status for one in answers[: len(house.apis)]} == {401}, "a token of long ago was taken")
        # The other processes hear of it within milliseconds, and believe nothing that is older than this.
        heard_by = time.monotonic() + TRUST_SECONDS
        for port in house.apis:
            while (answer := await house.call(seed, port, member, "GET", "/me")).status == 200:
                if time.monotonic() > heard_by:
                    break
                await asyncio.sleep(0.01)
            seed.expect(answer.status == 401, f"an ended device was answered {answer.status}")
        ends = await fetch_value(
            "SELECT count(*) FROM audit_entry WHERE act = 'login.reuse' AND object = $1", member.family
        )
        seed.expect(ends == 1, f"the device was ended {ends} times")


async def keys(house: House, seed: Seed, members: Sequence[Member], batch: UUID) -> None:
    """One key with two bodies, sixteen times at once: one body is carried out, once; the other is refused."""
    for member in members:
        bodies = [{"batch_id": str(batch), **STAY, "companions": number % 2} for number in range(16)]
        seed.chance.shuffle(bodies)
        answers = await house.tap(seed, member, "POST", "/recuperation/requests", *bodies)
        made = {answer.json()["id"] for answer in answers if answer.status == 201}
        good = {body["companions"] for body, answer in zip(bodies, answers, strict=True) if answer.status == 201}
        refused = Counter(answer.code for answer in answers if answer.status != 201)
        seed.expect(len(made) == 1 and len(good) == 1, f"one key made {len(made)} drafts of {len(good)} bodies")
        seed.expect(refused == {"idempotency_key_reused": 8}, f"the other body: {dict(refused)}")
        rows = await fetch_value(
            "SELECT count(*) FROM stay_request WHERE batch = $1 AND person = $2", batch, member.actor.person_id
        )
        seed.expect(rows == 1, f"{rows} drafts of one worker")


async def run_seed(house: House, number: int, size: Size, first: int) -> Seed:
    """One seed with workers of its own, the `first`-th and those after."""
    seed, world = Seed(number, size), house.city.world
    await world.at(BEGINS)
    batch, other = await world.batch(size.places), await world.batch(size.places)
    members = await crowd(world, size.clients, first=first)
    await asyncio.gather(*(apply(house, seed, member, batch) for member in members))
    await check_applied(seed, batch)
    await keys(house, seed, members[: size.keys], other)
    await cover(house, seed, members[: 2 * size.pairs])
    await decide(house, seed, batch)
    order = await allocate(house, seed, batch)
    rows = await fetch("SELECT id, subject_person FROM application WHERE aggregate = $1", batch)
    by_person = {member.actor.person_id: member for member in members}
    await give_and_take(house, seed, batch, order, {row["id"]: by_person[row["subject_person"]] for row in rows})
    await refresh(house, seed, members[-size.families :])
    seed.expect([broken async for broken in broken_chains()] == [], "a chain of events is broken")
    return seed


async def race_afresh(seeds: Sequence[int], size: Size, say: Callable[[str], object]) -> list[str]:
    """Run them on a database that is made for it."""
    await services.create_database()
    await open_pool(max_size=16)
    try:
        return await race(seeds, size, say)
    finally:
        await close_pool()


async def race(seeds: Sequence[int], size: Size, say: Callable[[str], object]) -> list[str]:
    """Run the seeds one after the other in an empty database; what was wrong."""
    wrong: list[str] = []
    async with house() as running:
        for place, number in enumerate(seeds):
            began = time.monotonic()
            seed = await run_seed(running, number, size, place * size.clients)
            wrong += seed.wrong
            said = ", ".join(f"{count} × {answer}" for answer, count in sorted(seed.answers.items()))
            say(
                f"seed {number}: at most {seed.most_held} of {size.places} held, {len(seed.wrong)} wrong,"
                f" {time.monotonic() - began:.0f} s; answers {said}\n"
            )
            say("".join(f"✗ {line}\n" for line in seed.wrong))
    return wrong


def main() -> None:
    """Race on a PostgreSQL of our own; exits 1 where an invariant did not hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first seed: to play one again")
    parser.add_argument("--clients", type=int, default=Size.clients)
    parser.add_argument("--places", type=int, default=Size.places)
    chosen = parser.parse_args()
    size = Size(clients=chosen.clients, places=chosen.places)
    seeds = range(chosen.first, chosen.first + chosen.seeds)

    def say(words: str) -> None:
        sys.stdout.write(words)
        sys.stdout.flush()

    try:
        with services.postgres():
            wrong = asyncio.run(race_afresh(seeds, size, say))
    finally:
        shutil.rmtree(services.folder(), ignore_errors=True)
    say(f"{len(wrong)} wrong\n" if wrong else f"✓ {len(seeds)} seeds: nothing lost, nothing twice\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
