"""Read-only listings of a worker's inbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.database import fetch, fetch_value
from backend.identity import Actor
from backend.notifications.service import words_of


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One message; `words` fill its template."""

    id: UUID
    template: str
    words: Mapping[str, str]
    application: UUID | None
    created_at: datetime
    read_at: datetime | None


async def inbox(actor: Actor, *, after: UUID | None, limit: int) -> list[InboxEntry]:
    """The messages to the actor's own account, newest first, older than the one named `after`."""
    rows = await fetch(
        "SELECT id, template, words, application, created_at, read_at FROM notification"
        " WHERE recipient = $1 AND channel = 'inbox' AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        actor.account_id,
        after,
        limit,
    )
    return [
        InboxEntry(
            row["id"], row["template"], words_of(row["words"]), row["application"], row["created_at"], row["read_at"]
        )
        for row in rows
    ]


async def unread(actor: Actor) -> int:
    """How many messages of the inbox the actor has not read."""
    count: int = await fetch_value(
        "SELECT count(*) FROM notification WHERE recipient = $1 AND channel = 'inbox' AND read_at IS NULL",
        actor.account_id,
    )
    return count
