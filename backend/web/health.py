"""Whether a process lives, and whether all that it depends on answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from backend.calendars.service import covered_until
from backend.clock import Clock
from backend.database import fetch_value
from backend.errors import DomainError
from backend.operations.migrate import schema_is_current
from backend.web.admission import UNBOUNDED
from backend.web.auth import NO_SECURITY, PUBLIC
from storage.port import DocumentStore, StoreError

CALENDAR_WARNING = timedelta(days=60)
_CHECK_SECONDS = 4.0
_AGAIN_SECONDS = "5"


class Live(msgspec.Struct):
    """The process answers."""

    status: str = "live"


class Ready(msgspec.Struct, kw_only=True):
    """Each part: `ok`, or what is wrong; `warnings` do not make the process unready."""

    status: str
    parts: dict[str, str]
    warnings: list[str]


@get(
    "/health/live",
    opt=PUBLIC | UNBOUNDED,
    security=NO_SECURITY,
    tags=["health"],
    operation_id="live",
    sync_to_thread=False,
)
def live() -> Live:
    """Whether the process answers; asks nothing of anybody."""
    return Live()


@get("/health/ready", opt=PUBLIC | UNBOUNDED, security=NO_SECURITY, tags=["health"], operation_id="ready")
async def ready(store: NamedDependency[DocumentStore], clock: NamedDependency[Clock]) -> Response[Ready]:
    """Whether the database, its schema and the store answer; 503 when one does not."""
    questions = {"database": _database, "schema": _schema, "store": lambda: _store(store)}
    answers = await asyncio.gather(*(_check(question) for question in questions.values()))
    parts = dict(zip(questions, answers, strict=True))
    good = all(word == "ok" for word in parts.values())
    body = Ready(
        status="ready" if good else "not_ready",
        parts=parts,
        warnings=await _calendar_warnings(clock) if good else [],
    )
    headers = {"Cache-Control": "no-store"} | ({} if good else {"Retry-After": _AGAIN_SECONDS})
    return Response(body, status_code=200 if good else 503, headers=headers)


async def _check(question: Callable[[], Awaitable[str]]) -> str:
    try:
        return await asyncio.wait_for(question(), _CHECK_SECONDS)
    except (DomainError, StoreError, TimeoutError, asyncpg.PostgresError) as error:
        return f"unavailable ({type(error).__name__})"


async def _database() -> str:
    return "ok" if await fetch_value("SELECT 1") == 1 else "no answer"


async def _schema() -> str:
    return "ok" if await schema_is_current() else "migrations are missing"


async def _store(store: DocumentStore) -> str:
    await store.probe()
    return "ok"


async def _calendar_warnings(clock: Clock) -> list[str]:
    until = await covered_until()
    if until is None or until - await clock.today() < CALENDAR_WARNING:
        return [f"working-day calendar is covered until {until}: extend it"]
    return []
