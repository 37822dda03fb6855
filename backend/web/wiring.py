"""What the HTTP roots share: the pool of their lifetime, the caller and the services that handlers ask for by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.di import NamedDependency, Provide

from backend.database import close_pool, open_pool
from backend.logs import configure as configure_log
from backend.metrics import measure_pool
from backend.settings import settings

_WATCH_SECONDS = 5.0


async def provide_actor(request: Request[Any, Any, Any]) -> Any:
    """The caller; None on a public route."""
    return request.scope.get("user")


def dependencies(services: object, names: Iterable[str]) -> dict[str, Provide]:
    """The caller as `actor`, and one dependency per service by its name.

    A service names the actor only to come after it: what comes at once is resolved in a task for each, and most
    handlers ask for the actor and one service.
    """

    def giving(name: str) -> Provide:
        service = getattr(services, name)

        async def give(actor: NamedDependency[Any]) -> Any:
            return service

        return Provide(give)

    return {"actor": Provide(provide_actor)} | {name: giving(name) for name in names}


def pool(*, plan_once: bool) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """The log, the database pool (see `open_pool`) and its figures, as long as the process serves."""

    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncIterator[None]:
        configure_log(settings().demo)
        await open_pool(plan_once=plan_once)
        watch = asyncio.create_task(_watch_pool())
        try:
            yield
        finally:
            watch.cancel()
            await close_pool()

    return opened


async def _watch_pool() -> None:
    while True:
        measure_pool()
        await asyncio.sleep(_WATCH_SECONDS)
