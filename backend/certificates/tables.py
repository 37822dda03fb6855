"""Certificates that were issued: the words they show and whether they still hold."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Varchar
from piccolo.table import Table

from backend.columns import Id, Instant


class Certificate(Table, tablename="certificate"):
    """One certificate for one row of a programme; `token` is its public link, `shown` never changes."""

    id = Id()
    kind = Varchar(20)
    subject = UUID(default=None)
    number = Varchar(40, unique=True)
    token = Varchar(40, unique=True)
    shown = JSONB()
    issued_at = Instant()
    issued_by = UUID(default=None)
    state = Varchar(10, default="valid")
    state_at = Instant()
    state_reason = Varchar(300, default="")
