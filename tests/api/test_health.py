"""Health of both web processes: alive by itself, ready with database, schema and store, and saying what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from admin.asgi import create_app as create_console
from backend.asgi import create_app as create_api
from backend.calendars.service import seed_calendar
from backend.composition import compose
from backend.database import db
from backend.operations.embedded_postgres import SUPERUSER, dsn_at
from backend.operations.embedded_store import Store
from backend.settings import settings
from tests import services

APPS = {"api": create_api, "console": create_console}


@pytest.fixture(params=list(APPS))
async def client(request: pytest.FixtureRequest, database: None) -> AsyncIterator[httpx.AsyncClient]:
    app: Any = APPS[request.param](compose(settings()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://health.test") as made:
        yield made


@asynccontextmanager
async def database_at(dsn: str | None) -> AsyncIterator[None]:
    """The block with another database, or none at all."""
    held = db().pool
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2) if dsn else None
    db().pool = pool
    try:
        yield
    finally:
        db().pool = held
        if pool is not None:
            await pool.close()


async def test_ready_with_all_its_parts(client: httpx.AsyncClient, object_store: Store) -> None:
    async with services.logged_in_as("niangjia_owner"):
        await seed_calendar()
    answer = await client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["parts"] == {"database": "ok", "schema": "ok", "store": "ok"}
    assert answer.headers["cache-control"] == "no-store"


async def test_live_without_any_of_them(client: httpx.AsyncClient) -> None:
    async with database_at(None):
        answer = await client.get("/health/live")
        assert (answer.status_code, answer.json()) == (200, {"status": "live"})
        ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
    assert ready.json()["parts"]["database"].startswith("unavailable")


async def test_a_database_without_our_schema_is_named(client: httpx.AsyncClient, object_store: Store) -> None:
    async with database_at(dsn_at(services.folder() / "postgres", SUPERUSER, "postgres")):
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert (parts["database"], parts["store"]) == ("ok", "ok")
    assert parts["schema"].startswith("unavailable")


async def test_health_tells_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    async with database_at(None):
        text = (await client.get("/health/ready")).text
    for word in ("postgresql://", "password", "Traceback", "127.0.0.1", "niangjia_api"):
        assert word not in text
