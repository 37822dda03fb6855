"""The audit log: looks, refusals, logins and operator acts, append-only."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Varchar
from piccolo.table import Table

from backend.columns import Id, Instant


class AuditEntry(Table, tablename="audit_entry"):
    """One thing that somebody did, saw or was refused; `detail` holds no personal data."""

    id = Id()
    at = Instant()
    actor = UUID(null=True, default=None, index=True)
    actor_name = Varchar(60, default="")
    role = Varchar(20, default="")
    act = Varchar(60)
    outcome = Varchar(20)
    object_kind = Varchar(30, default="")
    object = UUID(null=True, default=None, index=True)
    reason = Varchar(500, default="")
    detail = JSONB(default="{}")
