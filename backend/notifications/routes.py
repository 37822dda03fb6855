"""Routes of the inbox."""

from __future__ import annotations

from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath

from backend.identity import Actor
from backend.notifications import queries
from backend.notifications.queries import InboxEntry
from backend.notifications.schemas import InboxOut, MessageOut
from backend.notifications.service import Notifications
from backend.notifications.templates import render
from backend.web.handlers import read, write
from backend.web.paging import Cursor, Limit, page, read_cursor
from backend.words import Language


@read("/inbox", operation_id="listInbox")
async def inbox(actor: NamedDependency[Actor], limit: Limit = 20, cursor: Cursor = None) -> InboxOut:
    """One's own messages, newest first, and how many are unread."""
    rows = await queries.inbox(actor, after=read_cursor(cursor), limit=limit + 1)
    shown = page(rows, limit, lambda row: row.id, lambda row: _message(row, actor.language))
    return InboxOut(items=shown.items, next_cursor=shown.next_cursor, unread=await queries.unread(actor))


@write("/inbox/{message_id:uuid}/read", status_code=204, operation_id="markMessageRead")
async def mark_read(
    message_id: FromPath[UUID], actor: NamedDependency[Actor], notifications: NamedDependency[Notifications]
) -> None:
    """Note that a message was read; noting it twice is noting it once."""
    await notifications.mark_read(actor, message_id)


def _message(entry: InboxEntry, language: Language) -> MessageOut:
    message = render(entry.template, entry.words, language)
    return MessageOut(
        id=entry.id,
        title=message.title,
        text=message.text,
        application=entry.application,
        created_at=entry.created_at,
        read_at=entry.read_at,
    )


ROUTER = Router("", tags=["inbox"], route_handlers=[inbox, mark_read])
