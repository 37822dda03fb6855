"""Messages to workers: what to say, to whom, through which channel, and whether it went."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Varchar
from piccolo.table import Table

from backend.accounts.tables import WorkerAccount
from backend.columns import Id, Instant, Link


class Notification(Table, tablename="notification"):
    """One message, unique by occasion, recipient and channel; `words` fills its template and holds no secret."""

    id = Id()
    occasion = UUID(default=None)
    recipient = Link(WorkerAccount)
    channel = Varchar(10)
    template = Varchar(40)
    words = JSONB(default="{}")
    application = UUID(null=True, default=None)
    created_at = Instant()
    attempted_at = Instant(null=True)
    delivered_at = Instant(null=True)
    read_at = Instant(null=True)
