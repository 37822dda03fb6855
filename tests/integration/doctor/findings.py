"""What the doctor finds in the database, the store and the machine of the tests."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from backend.composition import compose
from backend.operations.doctor import of_database, of_machine, of_store
from backend.operations.doctor.finding import Finding, Grade
from backend.operations.embedded_postgres import OWNER
from backend.settings import Settings, settings
from storage.keys import Bucket
from storage.port import StoreConfig
from tests import services
from tests.integration.paper_world import SetClock

NOW = datetime.now(UTC)


def of(findings: list[Finding], what: str) -> Finding:
    """The one finding about a thing."""
    (found,) = [finding for finding in findings if finding.what.en == what]
    if found.grade in (Grade.WARN, Grade.FAIL):
        assert found.do is not None
        assert found.do.zh
        assert found.do.en
    return found


async def database_findings(**changed: Any) -> list[Finding]:
    given = dataclasses.replace(settings(), **changed)
    async with services.logged_in_as(OWNER):
        return [finding async for finding in of_database.examine(given, SetClock(NOW))]


async def fill_calendar(owner: asyncpg.Connection, days: int) -> None:
    await owner.execute("DELETE FROM calendar_day")
    await owner.execute(
        "INSERT INTO calendar_day (day, working) SELECT day::date, true"
        " FROM generate_series($1::date, $2::date, '1 day') AS day",
        NOW.date() - timedelta(days=30),
        NOW.date() + timedelta(days=days),
    )


def at(config: StoreConfig, **changed: Any) -> Settings:
    where = dataclasses.replace(
        settings().store, endpoint=config.endpoint, access_key=config.access_key, secret_key=config.secret_key
    )
    return dataclasses.replace(settings(), store=where, **changed)


async def store_findings(config: StoreConfig, **changed: Any) -> list[Finding]:
    return [finding async for finding in of_store.examine(at(config, **changed), services.store_users())]


def of_bucket(findings: list[Finding], bucket: Bucket) -> Finding:
    (found,) = [finding for finding in findings if finding.what.zh == f"存储桶 {bucket}"]
    return found


async def machine_findings(env: dict[str, str] | None = None, **changed: Any) -> list[Finding]:
    given = dataclasses.replace(settings(), **changed)
    return [finding async for finding in of_machine.examine(given, compose(given), env or {})]
