"""A request that is sent twice is carried out once, and a key stands for one act of one caller."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.clock import security_now
from backend.database import execute, fetch_value, new_id, transaction
from backend.errors import DomainError, RuleViolation
from backend.identity import Actor
from backend.web.idempotency import once
from backend.words import Text
from backend.worker import KEYS_KEPT, delete_leftovers
from tests.services import logged_in_as

pytestmark = pytest.mark.usefixtures("database")


def caller() -> Actor:
    return Actor(new_id(), "某", origin="phone")


class Work:
    """Makes something, after a while; fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.made: list[UUID] = []
        self.failures = failures

    async def __call__(self) -> UUID:
        await asyncio.sleep(0.02)
        if self.failures:
            self.failures -= 1
            raise RuleViolation.of("no", Text("不行", "No"))
        self.made.append(uuid4())
        await execute("INSERT INTO case_key (application, sealed) VALUES ($1, '')", self.made[-1])
        return self.made[-1]


async def test_ten_at_once_do_the_work_once_and_get_the_same() -> None:
    actor, key, work = caller(), uuid4().hex, Work()
    done = await asyncio.gather(*(once(actor, "make", key, {"a": 1}, work) for _ in range(10)))
    assert {one.resource for one in done} == set(work.made)
    assert sorted(one.replayed for one in done) == [False] + [True] * 9
    assert await fetch_value("SELECT count(*) FROM case_key") == 1


async def test_the_same_key_with_another_body_is_refused() -> None:
    actor, key, work = caller(), uuid4().hex, Work()
    await once(actor, "make", key, {"a": 1, "b": [1, 2]}, work)
    bodies: list[Any] = [{"a": 2, "b": [1, 2]}, {"a": 1}, {}, [], None, {"a": "1", "b": [1, 2]}]
    for body in bodies:
        with pytest.raises(RuleViolation) as refused:
            await once(actor, "make", key, body, work)
        assert refused.value.code == "idempotency_key_reused"
    replay = await once(actor, "make", key, {"b": [1, 2], "a": 1}, work)
    assert (replay.replayed, len(work.made)) == (True, 1)


async def test_a_key_belongs_to_a_caller_and_an_act() -> None:
    key, work = uuid4().hex, Work()
    actor = caller()
    await once(actor, "make", key, {}, work)
    await once(caller(), "make", key, {}, work)
    await once(actor, "unmake", key, {}, work)
    assert len(work.made) == 3


async def test_a_refusal_frees_the_key_and_leaves_nothing() -> None:
    actor, key, work = caller(), uuid4().hex, Work(failures=2)
    results = await asyncio.gather(*(once(actor, "make", key, {}, work) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(result, DomainError) for result in results) == 2
    assert len(work.made) == 1
    assert await fetch_value("SELECT count(*) FROM idempotency_key") == 1


async def test_a_killed_transaction_takes_key_and_work_along() -> None:
    actor, key, work = caller(), uuid4().hex, Work()

    async def killed() -> None:
        async with transaction():
            await once(actor, "make", key, {}, work)
            raise ConnectionResetError

    with pytest.raises(Exception, match="unavailable"):
        await killed()
    assert await fetch_value("SELECT count(*) FROM case_key") == 0
    assert not (await once(actor, "make", key, {}, work)).replayed


async def test_keys_are_kept_for_a_week() -> None:
    actor, key, work = caller(), uuid4().hex, Work()
    await once(actor, "make", key, {}, work)
    for age, kept in ((KEYS_KEPT - timedelta(minutes=1), 1), (KEYS_KEPT + timedelta(minutes=1), 0)):
        await execute("UPDATE idempotency_key SET created_at = $1", security_now() - age)
        async with logged_in_as("niangjia_worker"):
            await delete_leftovers()
        assert await fetch_value("SELECT count(*) FROM idempotency_key") == kept
