"""The floor: the four measured requests written by hand on Litestar and asyncpg, as an engineer would for these alone.

No service, scope, registry or log of ours: hand-written SQL, PyJWT verified on each request, the device and the roles
asked of the database each time. The pure rules of the programme are the same business rules and are called as they are.
It reads and writes the same rows and gives the same answers in Chinese; `tests.bench.same` proves that.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from litestar import Litestar, Response, get

from tests.bench.floor.desk import queue
from tests.bench.floor.phone import my_cases, one_case
from tests.bench.floor.submit import submit


@get("/health/live")
async def live() -> Response[None]:
    """That it runs."""
    return Response(None)


@asynccontextmanager
async def _pools(app: Litestar) -> AsyncIterator[None]:
    async with (
        asyncpg.create_pool(os.environ["FLOOR_DATABASE"], min_size=2, max_size=10) as pool,
        asyncpg.create_pool(os.environ["FLOOR_DESK_DATABASE"], min_size=2, max_size=10) as desk,
    ):
        app.state.pool, app.state.desk = pool, desk
        app.state.key = base64.b64decode(os.environ["FLOOR_KEY"])
        yield


app = Litestar([my_cases, one_case, submit, queue, live], lifespan=[_pools], openapi_config=None, logging_config=None)
