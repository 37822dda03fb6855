"""Writing the audit log: what was done with the act, what was refused in a transaction of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
from uuid import UUID

import msgspec

from backend.audit.tables import AuditEntry
from backend.clock import security_now
from backend.database import execute_many, new_id
from backend.identity import Actor


async def record(
    actor: Actor | None,
    act: str,
    outcome: str,
    *,
    object_kind: str = "",
    object_id: UUID | None = None,
    reason: str = "",
    detail: Mapping[str, str] | None = None,
) -> None:
    """Add an entry, in the current transaction if there is one; `detail` holds no personal data."""
    await AuditEntry.insert(
        AuditEntry(
            at=security_now(),
            actor=actor.account_id if actor else None,
            actor_name=actor.name if actor else "",
            role=",".join(sorted(actor.roles))[:20] if actor else "",
            act=act,
            outcome=outcome,
            object_kind=object_kind,
            object=object_id,
            reason=reason[:500],
            detail=msgspec.json.encode(detail or {}).decode(),
        )
    )


async def record_apart(
    actor: Actor | None,
    act: str,
    outcome: str,
    *,
    object_kind: str = "",
    object_id: UUID | None = None,
    reason: str = "",
    detail: Mapping[str, str] | None = None,
) -> None:
    """Add an entry that stays even though the act itself is rolled back: a refusal, a failed login."""
    entry = record(actor, act, outcome, object_kind=object_kind, object_id=object_id, reason=reason, detail=detail)
    # An empty context knows of no transaction, so the entry is committed on a connection of its own.
    await asyncio.create_task(entry, context=Context())


async def record_many(actor: Actor, act: str, outcome: str, object_kind: str, objects: Sequence[UUID]) -> None:
    """Add one entry for each of many objects of one act, in the current transaction if there is one."""
    role = ",".join(sorted(actor.roles))[:20]
    now = security_now()
    await execute_many(
        "INSERT INTO audit_entry (id, at, actor, actor_name, role, act, outcome, object_kind, object)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [(new_id(), now, actor.account_id, actor.name, role, act, outcome, object_kind, one) for one in objects],
    )
