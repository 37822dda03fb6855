"""The audit log: looks, refusals, logins and operator acts, append-only; and the seals over it and over the cases."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Array, BigInt, Bytea, Text, Varchar
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


class Unsealed(Table, tablename="unsealed"):
    """A row of a sealed table that no seal covers yet: written by a trigger in the row's own transaction."""

    id = Id()
    source = Varchar(30)


class Seal(Table, tablename="seal"):
    """A signed statement over rows of one table, chained to the seal before it.

    `rows` are the ids in the order in which `digest` covers them, `columns` what of each row it covers.
    """

    number = BigInt(primary_key=True, default=None)
    at = Instant()
    source = Varchar(30)
    columns = Array(base_column=Text())
    rows = Array(base_column=UUID())
    digest = Bytea()
    previous = Bytea()
    hash = Bytea()
    signature = Bytea()
