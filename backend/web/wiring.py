"""What the HTTP roots share: the pool of their lifetime, the caller and the services that handlers ask for by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.di import Provide

from backend.database import close_pool, open_pool
from backend.identity import Actor
from backend.logs import configure as configure_log
from backend.settings import settings


def provide_actor(request: Request[Actor, Any, Any]) -> Actor:
    """The caller."""
    return request.user


def dependencies(services: object, names: Iterable[str]) -> dict[str, Provide]:
    """The caller as `actor`, and one dependency per service by its name."""

    def giving(name: str) -> Provide:
        service = getattr(services, name)
        return Provide(lambda: service, sync_to_thread=False)

    return {"actor": Provide(provide_actor, sync_to_thread=False)} | {name: giving(name) for name in names}


@asynccontextmanager
async def pool(app: Litestar) -> AsyncIterator[None]:
    """The log and the database pool, as long as the process serves."""
    configure_log(settings().demo)
    await open_pool()
    try:
        yield
    finally:
        await close_pool()
