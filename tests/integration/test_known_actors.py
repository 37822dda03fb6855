"""Whom a process remembers by their token: believed only while the database can say otherwise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from backend.accounts.known import Known, KnownActors
from backend.accounts.tables import TokenFamily
from backend.accounts.tokens import AccessClaims
from backend.database import execute, fetch_value, new_id
from backend.identity import Actor
from backend.words import Language
from tests.integration.stay_world import World, make_world
from tests.services import dsn

TOKEN = "a.token"


@pytest.fixture
async def world(database: None) -> World:
    return await make_world()


@pytest.fixture
async def actors() -> AsyncIterator[KnownActors]:
    made = KnownActors()
    async with made.listening(dsn("niangjia_api")):
        await until(lambda: made.get(TOKEN, Language.ZH, 0) is None and made.changes > 0)
        yield made


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.02)


async def known(actors: KnownActors, world: World) -> Actor:
    """A nurse whose actor is remembered."""
    nurse = await world.worker()
    family = new_id()
    now = await world.services.clock.now()
    await TokenFamily.insert(
        TokenFamily(id=family, account=nurse.account_id, device="手机", created_at=now, rotated_at=now)
    )
    # What was told of the rows above has come.
    await asyncio.sleep(0.2)
    actors.keep(TOKEN, Known(AccessClaims(nurse.account_id, family, time.time() + 900), nurse), actors.changes)
    await until(lambda: remembered(actors))
    return nurse


def remembered(actors: KnownActors) -> bool:
    return actors.get(TOKEN, Language.ZH, time.time()) is not None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE token_family SET ended_at = now() WHERE account = $1",
        "UPDATE worker_account SET person = NULL WHERE id = $1",
        "UPDATE person SET name = '改名' WHERE id = (SELECT person FROM worker_account WHERE id = $1)",
        "UPDATE staff_record SET unit = (SELECT id FROM trade_union WHERE name LIKE '岱麓%' AND $1 IS NOT NULL)"
        " WHERE person = (SELECT person FROM worker_account WHERE id = $1::uuid)",
    ],
)
async def test_a_change_is_told_to_every_process(actors: KnownActors, world: World, change: str) -> None:
    nurse = await known(actors, world)
    await execute(change, nurse.account_id)
    await until(lambda: not remembered(actors))


async def test_another_ones_change_leaves_one_remembered(actors: KnownActors, world: World) -> None:
    await known(actors, world)
    other = await world.worker(serial=7)
    await execute("UPDATE worker_account SET person = NULL WHERE id = $1", other.account_id)
    await asyncio.sleep(0.3)
    assert remembered(actors)


async def test_nothing_is_believed_without_the_databases_word(world: World) -> None:
    deaf = KnownActors()
    nurse = await world.worker()
    deaf.keep(TOKEN, Known(AccessClaims(nurse.account_id, new_id(), time.time() + 900), nurse), deaf.changes)
    assert not remembered(deaf)


async def test_a_cut_connection_is_made_anew_and_what_was_known_before_is_forgotten(
    actors: KnownActors, world: World
) -> None:
    await known(actors, world)
    listening = "query = 'SELECT 1' AND usename = 'niangjia_api' AND datname = current_database()"
    await until_ended(listening)
    await until(lambda: not remembered(actors))
    nurse = await world.worker(serial=9)
    actors.keep(TOKEN, Known(AccessClaims(nurse.account_id, new_id(), time.time() + 900), nurse), actors.changes)
    await until(lambda: remembered(actors))


async def until_ended(which: str) -> None:
    """End the sessions that listen; a role may end its own."""
    assert await fetch_value(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {which}")


async def test_an_actor_read_before_a_change_is_not_kept_after_it(actors: KnownActors, world: World) -> None:
    nurse = await world.worker()
    before = actors.changes
    actors.forget(nurse.account_id)
    actors.keep(TOKEN, Known(AccessClaims(nurse.account_id, new_id(), time.time() + 900), nurse), before)
    assert not remembered(actors)


async def test_a_token_is_not_believed_past_its_end(actors: KnownActors, world: World) -> None:
    nurse = await known(actors, world)
    assert actors.get(TOKEN, Language.ZH, time.time() + 901) is None
    assert nurse.account_id


async def test_memory_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.accounts.known._KEPT", 3)
    actors = KnownActors()
    nurse = await world.worker()
    for number in range(10):
        known_as = Known(AccessClaims(nurse.account_id, new_id(), time.time() + 900), nurse)
        actors.keep(f"{TOKEN}{number}", known_as, actors.changes)
    assert len(actors._kept) == 3
    actors.forget(nurse.account_id)
    assert not actors._kept
    assert not actors._by_id
