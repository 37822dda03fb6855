"""One connection for a block: shared by all it asks, given back at its end, replaced where it broke."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from backend.database import OneConnection, db, execute, fetch_value, transaction
from backend.errors import Unavailable
from backend.operations.embedded_postgres import SUPERUSER
from tests import services

pytestmark = pytest.mark.asyncio(loop_scope="session")

BACKEND = "SELECT pg_backend_pid()"


def lent() -> int:
    """How many connections of the pool are in use."""
    pool = db().pool
    assert pool is not None
    return int(pool.get_size() - pool.get_idle_size())


async def test_all_that_a_block_asks_goes_over_one_connection(database: None) -> None:
    async with OneConnection():
        assert lent() == 0, "none is taken before it is needed"
        first = await fetch_value(BACKEND)
        async with transaction():
            assert await fetch_value(BACKEND) == first
            async with transaction():
                assert await fetch_value(BACKEND) == first
        async with OneConnection():
            await execute("SELECT 1")
        assert await fetch_value(BACKEND) == first
        assert lent() == 1
    assert lent() == 0


async def test_another_task_takes_its_own(database: None) -> None:
    async with OneConnection():
        first = await fetch_value(BACKEND)
        others = await asyncio.gather(*(fetch_value(BACKEND) for _ in range(3)))
        assert first not in others
    assert lent() == 0


async def test_what_a_transaction_in_it_wrote_is_undone_alone(database: None) -> None:
    async with OneConnection():
        with pytest.raises(LookupError):
            await _undone()
        assert await fetch_value("SELECT to_regclass('gone')") is None
    assert lent() == 0


async def test_one_that_broke_is_replaced(database: None) -> None:
    async with OneConnection():
        first = await fetch_value(BACKEND)
        await _cut(first)
        with pytest.raises(Unavailable):
            await fetch_value(BACKEND)
        assert await fetch_value(BACKEND) != first
    assert lent() == 0


async def test_one_whose_statement_was_given_up_is_thrown_away(database: None) -> None:
    async with OneConnection():
        first = await fetch_value(BACKEND)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await fetch_value("SELECT pg_sleep(30)")
        assert await fetch_value(BACKEND) != first
    assert lent() == 0


async def _undone() -> None:
    async with transaction():
        await execute("CREATE TEMPORARY TABLE gone (n int)")
        raise LookupError


async def _cut(backend: int) -> None:
    """End a session from outside, and wait until it is gone."""
    connection = await asyncpg.connect(services.dsn(SUPERUSER))
    try:
        await connection.execute("SELECT pg_terminate_backend($1, 5000)", backend)
    finally:
        await connection.close()
