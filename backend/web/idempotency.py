"""A request that is sent twice is carried out once: the key is recorded with what it made, in one transaction."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar.params import HeaderParameter

from backend.clock import security_now
from backend.database import execute, fetch_one, new_id, transaction
from backend.errors import RuleViolation
from backend.identity import Actor
from backend.settings import settings
from backend.words import Text

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=8,
        max_length=80,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Chosen by the phone for one act; the same act sent again with the same key is done once.",
    ),
]


@dataclass(frozen=True, slots=True)
class Done:
    """What an act made, and whether this was only a replay of it."""

    resource: UUID
    replayed: bool


async def once(
    actor: Actor,
    operation: str,
    key: str,
    body: Any,
    work: Callable[[], Awaitable[UUID]],
    *,
    on: UUID | None = None,
) -> Done:
    """Carry out `work` once for (actor, operation, key); a replay gets the resource that the first made.

    `on` is that resource where it is known before, and saves a round trip.

    A second request at the same time waits for the first. Raises RuleViolation where the key came with another body.
    A refusal by `work` undoes the key, so that a mended request may use it again.
    """
    # Keyed, for a body may hold an ID number, and of those there are few enough to try them all.
    digest = hmac.digest(
        settings().index_key, b"idempotency" + msgspec.json.encode(body, order="deterministic"), "sha256"
    )
    async with transaction():
        added = await execute(
            "INSERT INTO idempotency_key (id, actor, operation, key, digest, resource, status, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (actor, operation, key) DO NOTHING",
            new_id(),
            actor.account_id,
            operation,
            key,
            digest,
            on,
            200 if on else 0,
            security_now(),
        )
        if added:
            resource = await work()
            if resource == on:
                return Done(resource, replayed=False)
            await execute(
                "UPDATE idempotency_key SET resource = $4, status = 200"
                " WHERE actor = $1 AND operation = $2 AND key = $3",
                actor.account_id,
                operation,
                key,
                resource,
            )
            return Done(resource, replayed=False)
        row = await fetch_one(
            "SELECT digest, resource FROM idempotency_key WHERE actor = $1 AND operation = $2 AND key = $3",
            actor.account_id,
            operation,
            key,
        )
    if row is None or row["digest"] != digest:
        raise RuleViolation.of(
            "idempotency_key_reused",
            Text("同一操作编号不能用于不同的内容。", "This key came with another body before."),
            "Idempotency-Key",
        )
    return Done(row["resource"], replayed=True)
