"""Every operation that writes, sent again: by a retry, by many taps at once, and with another body under its key.

The operations are those of the OpenAPI document: a new one fails here until it is arranged in `writing_acts`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from itertools import count
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from backend.asgi import create_app
from backend.operations.demo_covers import seed_plans
from backend.operations.embedded_postgres import OWNER
from backend.operations.embedded_store import Store
from backend.operations.openapi_document import openapi_document
from tests.api.conftest import Api, messages
from tests.api.writing_acts import ARRANGED, Act, Stage
from tests.integration.award_world import make_award_world
from tests.integration.cover_world import CoverWorld
from tests.integration.stay_world import BEGINS, World
from tests.services import Cleaner, dsn, logged_in_as

AT_ONCE = 8

#: What takes no key, because sending it twice is sending it once; and what the second is answered, for those where it
#: is not the same as the first: a code works once, who has logged out is not logged in, and no phone gets two messages.
KEYLESS: dict[str, int | None] = {
    "sendLoginCode": 429,
    "logIn": 401,
    "refreshTokens": None,
    "logOut": 401,
    "endDevice": None,
    "endAllDevices": 401,
    "giveConsent": None,
    "withdrawConsent": None,
    "sendTakeoverCode": 429,
    "takeOverRecord": None,
    "giveRelativeConsent": None,
    "withdrawRelativeConsent": None,
    "sendInParts": None,
    "completeDocument": None,
    "previewEnrolment": None,
    "countNomination": None,
    "attachPaper": None,
    "detachPaper": None,
    "markMessageRead": None,
}

#: A code is looked at by one of those who come at once: the others may be refused before the first is done.
LATE: dict[str, set[int]] = {"takeOverRecord": {200, 401}}


#: One line for each row of the record that no seal covers yet, refusals among them.
UNSEALED = "unsealed"


def operations() -> Iterator[tuple[str, str, bool]]:
    """Method, id and whether it takes a key, of every operation that writes."""
    for path, methods in json.loads(openapi_document())["paths"].items():
        for method, operation in methods.items():
            if method in ("post", "put", "patch", "delete") and path.startswith("/api/"):
                keys = {parameter["name"] for parameter in operation.get("parameters", [])}
                yield method.upper(), operation["operationId"], "Idempotency-Key" in keys


OPERATIONS = {name: (method, keyed) for method, name, keyed in operations()}


def test_every_operation_that_writes_is_arranged() -> None:
    assert sorted(ARRANGED) == sorted(OPERATIONS)
    assert sorted(name for name, (_, keyed) in OPERATIONS.items() if not keyed) == sorted(KEYLESS)


@pytest.fixture(scope="module")
async def city(cleaner: Cleaner, pool: None, object_store: Store) -> AsyncIterator[Stage]:
    """One city for all of them: its people are many, and each act has workers of its own."""
    await cleaner.clean()
    messages().unlink(missing_ok=True)
    awards = await make_award_world()
    async with logged_in_as(OWNER):
        plans = await seed_plans(awards.services.programmes, awards.by, awards.unions["city"])
    stays = World(**{field.name: getattr(awards, field.name) for field in fields(World)})
    app: Any = create_app(awards.services)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield Stage(Api(stays, client), awards, stays, CoverWorld(stays, plans), count(1))


@pytest.fixture
async def stage(city: Stage) -> Stage:
    """The city on the morning when everything is open."""
    await city.stays.at(BEGINS)
    return city


class Ledger:
    """The whole database as it stands: of each table the rows and a digest of them."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def read(self) -> dict[str, tuple[int, str]]:
        """Rows and digest by table; of the audit log what was done, for refusals are noted each time."""
        tables = await self._connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        found = {}
        for table in (row["tablename"] for row in tables if row["tablename"] != UNSEALED):
            done = " WHERE outcome = 'done'" if table == "audit_entry" else ""
            counted = await self._connection.fetchrow(
                f"SELECT count(*) AS n, coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') AS digest"
                f' FROM "{table}" t{done}'
            )
            assert counted is not None
            found[table] = (counted["n"], counted["digest"])
        return found


@pytest.fixture
async def ledger(stage: Stage) -> AsyncIterator[Ledger]:
    connection = await asyncpg.connect(dsn(OWNER))
    yield Ledger(connection)
    await connection.close()


def grown(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> dict[str, int]:
    """How many rows each table has got, where any."""
    return {name: after[name][0] - before[name][0] for name in after if after[name][0] != before[name][0]}


def resource(answer: httpx.Response) -> Any:
    """What an answer is about: links and times of signing are made anew each time."""
    said = answer.json() if answer.content else None
    return (said.get("id"), said.get("version")) if isinstance(said, dict) else said


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_sent_again_it_is_done_once(operation: str, stage: Stage, ledger: Ledger) -> None:
    method, keyed = OPERATIONS[operation]
    alone, crowd = await ARRANGED[operation](stage)

    async def send(act: Act, key: str, **changed: Any) -> httpx.Response:
        body = None if act.body is None else {**act.body, **changed}
        return await act.phone.send(method, act.path, body, key=key)

    key = uuid4().hex
    before = await ledger.read()
    first = await send(alone, key)
    assert first.status_code < 300, first.text
    once = await ledger.read()
    again = await send(alone, key)
    assert again.status_code == (KEYLESS.get(operation) or first.status_code), again.text
    if again.status_code == first.status_code:
        assert resource(again) == resource(first)
    assert await ledger.read() == once

    if keyed:
        assert alone.other, "say what another body would be"
        other = await send(alone, key, **alone.other)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused"), other.text
        assert await ledger.read() == once

    key = uuid4().hex
    start = await ledger.read()
    answers = await asyncio.gather(*(send(crowd, key) for _ in range(AT_ONCE)))
    statuses = [answer.status_code for answer in answers]
    good = [answer for answer in answers if answer.status_code == first.status_code]
    assert set(statuses) <= {first.status_code, again.status_code} | LATE.get(operation, set()), statuses
    assert len(good) == AT_ONCE or (good and operation in KEYLESS), statuses
    assert len({json.dumps(resource(answer)) for answer in good}) == 1
    assert grown(start, await ledger.read()) == grown(before, once)
