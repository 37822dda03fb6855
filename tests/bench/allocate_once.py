"""Allocates one batch through the service, in a process of its own, and tells what that took."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from uuid import UUID

from backend.composition import compose
from backend.database import close_pool, fetch_one, fetch_value, open_pool
from backend.identity import Actor, Binding, Level, Role
from backend.settings import settings


async def _allocate(batch: UUID) -> None:
    services = compose(settings())
    await open_pool()
    chair = await fetch_one(
        "SELECT c.id, c.name, b.trade_union FROM console_user u JOIN console_account c ON c.login = u.id"
        " JOIN role_binding b ON b.account = c.id WHERE u.username = 'chair-han'"
    )
    assert chair is not None
    actor = Actor(chair["id"], chair["name"], bindings=(Binding(Role.CHAIR, chair["trade_union"], Level.CITY),))
    version = await fetch_value("SELECT version FROM batch WHERE id = $1", batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    mains, reserves = await services.batches.allocate(actor, batch, version)
    found = {
        "seconds": time.monotonic() - began,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "memory_before_mb": before / 1000,
        "mains": mains,
        "reserves": reserves,
    }
    await close_pool()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(_allocate(UUID(sys.argv[1])))
