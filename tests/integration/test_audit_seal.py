"""What is sealed cannot be edited, deleted or reordered unseen."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.applications import events
from backend.applications.lifecycle import Action
from backend.audit.log import record
from backend.audit.sealing import Head, seal, verify
from backend.database import fetch, fetch_value, transaction
from backend.operations.embedded_postgres import SUPERUSER
from tests.integration.stay_world import make_world
from tests.services import logged_in_as

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key()

#: Random blows, each on a database that was whole before.
BLOWS = 1000


class _Undo(Exception):
    """Ends a blow: the transaction that it was struck in is rolled back."""


@pytest.fixture
async def sealed(database: None) -> AsyncIterator[None]:
    """A few cases and looks, all of them sealed, seen by who owns the database."""
    world = await make_world()
    batch = await world.batch(2)
    for worker in await world.workers(3):
        case = await world.submitted(worker, batch)
        await world.act(world.by["officer-daizong"], case, Action.APPROVE, "属实")
        await record(world.by["hr-sun"], "case.look", "done", object_kind="application", object_id=case.id)
    async with logged_in_as("niangjia_worker"):
        assert await seal(KEY) > 10
        await record(world.by["hr-sun"], "case.look", "done", reason="又看了一次")
        assert await seal(KEY) == 1
        assert await seal(KEY) == 0
    async with logged_in_as(SUPERUSER):
        yield


async def whole() -> bool:
    report = await verify(PUBLIC)
    return not report.findings and [one async for one in events.broken_chains()] == []


async def test_what_is_whole_is_found_whole(sealed: None) -> None:
    report = await verify(PUBLIC)
    assert (report.findings, report.waiting) == ([], 0)
    assert report.rows == await fetch_value(
        "SELECT (SELECT count(*) FROM application_event) + (SELECT count(*) FROM audit_entry)"
    )
    assert [one async for one in events.broken_chains()] == []


async def test_a_thousand_random_blows_are_all_found(sealed: None) -> None:
    chance = random.Random(20261125)
    blows = {table: await blows_on(table) for table in ("application_event", "audit_entry", "seal")}
    found = 0
    for _ in range(BLOWS):
        table = chance.choice(list(blows))
        blow = chance.choice(blows[table])
        try:
            async with transaction() as connection:
                await connection.execute("SET LOCAL session_replication_role = replica")
                await strike(connection, table, blow, chance)
                assert not await whole(), f"not found: {table} {blow}"
                found += 1
                raise _Undo
        except _Undo:
            continue
    assert found == BLOWS
    assert await whole()


async def blows_on(table: str) -> list[str]:
    """Every column that can be edited, and the other ways of tampering."""
    rows = await fetch(
        "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", table
    )
    return [*(row["name"] for row in rows), "delete", "swap"]


async def strike(connection: asyncpg.pool.PoolConnectionProxy, table: str, blow: str, chance: random.Random) -> None:
    """Change something in one row (or two) for good."""
    key = "number" if table == "seal" else "id"
    rows = await connection.fetch(f"SELECT {key} AS key FROM {table} ORDER BY 1")
    one, other = chance.sample([row["key"] for row in rows], 2)
    if blow == "delete":
        await connection.execute(f"DELETE FROM {table} WHERE {key} = $1", one)
        return
    if blow == "swap":
        # Two rows change places: each takes the other's id.
        spare = 10**9 if key == "number" else await connection.fetchval("SELECT gen_random_uuid()")
        for now, then in ((one, spare), (other, one), (spare, other)):
            await connection.execute(f"UPDATE {table} SET {key} = $2 WHERE {key} = $1", now, then)
        return
    kind = await connection.fetchval(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2",
        table,
        blow,
    )
    changed = {
        "uuid": "gen_random_uuid()",
        "timestamp with time zone": f"{blow} + interval '1 second'",
        "character varying": f"CASE WHEN {blow} = 'x' THEN 'y' ELSE 'x' END",
        "text": f"{blow} || '改'",
        "integer": f"{blow} + 100",
        "bigint": f"{blow} + 100",
        "bytea": f"{blow} || '\\x00'::bytea",
        "jsonb": """'{"altered": "yes"}'::jsonb""",
        "text[]": f"{blow}[2:]",
        "uuid[]": f"{blow}[2:] || gen_random_uuid()",
    }[kind]
    await connection.execute(f'UPDATE {table} SET "{blow}" = {changed} WHERE {key} = $1', one)


async def test_seals_that_were_cut_off_are_found_by_a_noted_head(sealed: None) -> None:
    head = (await verify(PUBLIC)).head
    assert head is not None
    try:
        async with transaction() as connection:
            await connection.execute(
                "DELETE FROM audit_entry WHERE id IN (SELECT unnest(rows) FROM seal WHERE number = $1)", head.number
            )
            await connection.execute("DELETE FROM seal WHERE number = $1", head.number)
            assert not (await verify(PUBLIC)).findings
            assert (await verify(PUBLIC, head)).findings
            raise _Undo
    except _Undo:
        pass
    assert not (await verify(PUBLIC, head)).findings
    assert (await verify(PUBLIC, Head(head.number, b"another"))).findings


async def test_another_key_is_not_ours(sealed: None) -> None:
    assert (await verify(Ed25519PrivateKey.generate().public_key())).findings


async def test_a_process_may_add_and_never_change(database: None) -> None:
    await record(None, "test", "done")
    for statement in ("UPDATE audit_entry SET act = 'x'", "DELETE FROM audit_entry", "DELETE FROM unsealed"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fetch(statement)
    async with logged_in_as("niangjia_worker"):
        await seal(KEY)
        for statement in ("UPDATE seal SET number = 9", "DELETE FROM seal", "DELETE FROM application_event"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await fetch(statement)
