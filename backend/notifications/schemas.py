"""What the routes of the inbox give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct


class MessageOut(Struct, kw_only=True):
    """One message in the caller's language; `application` is the case it speaks of, if any."""

    id: UUID
    title: Annotated[str, Meta(examples=["申请已收到"])]
    text: Annotated[str, Meta(examples=["您的申请 LX-2026-000001 已收到。"])]
    application: UUID | None
    created_at: datetime
    read_at: datetime | None


class InboxOut(Struct, kw_only=True):
    """Some messages, newest first, where the next page begins (null on the last), and how many are unread in all."""

    items: list[MessageOut]
    next_cursor: str | None
    unread: Annotated[int, Meta(examples=[2])]
