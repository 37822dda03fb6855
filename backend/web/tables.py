"""Idempotency keys: which request made which resource."""

from __future__ import annotations

from piccolo.columns import UUID, Bytea, SmallInt, Varchar
from piccolo.table import Table

from backend.columns import Id, Instant


class IdempotencyKey(Table, tablename="idempotency_key"):
    """A creating or deciding request that was carried out: its key, the digest of its body and what came of it."""

    id = Id()
    actor = UUID(default=None)
    operation = Varchar(60)
    key = Varchar(80)
    digest = Bytea()
    resource = UUID(null=True, default=None)
    status = SmallInt()
    created_at = Instant()
