"""Keyset pages: a bounded number of rows and an opaque cursor to the next."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from backend.errors import Malformed, Violation
from backend.words import Text

Item = TypeVar("Item")
Source = TypeVar("Source")

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many rows, 1 to 100.")]
Cursor = Annotated[
    str | None, QueryParameter(max_length=64, description="`next_cursor` of the page before; absent for the first.")
]


class Page(msgspec.Struct, Generic[Item], kw_only=True):
    """Some rows, newest first, and where the next page begins; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None


def read_cursor(cursor: str | None) -> UUID | None:
    """The id that a cursor stands for; raises Malformed for anything that we did not hand out."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        message = Text("翻页标记不正确,请从第一页重新开始。", "This cursor is not ours; start from the first page.")
        raise Malformed("bad_cursor", message, [Violation("bad_cursor", message, "cursor")]) from None


def page(
    rows: Sequence[Source], limit: int, key: Callable[[Source], UUID], shape: Callable[[Source], Item]
) -> Page[Item]:
    """A page of rows of which one more than `limit` was asked for."""
    shown = rows[:limit]
    cursor = None
    if len(rows) > limit:
        cursor = base64.urlsafe_b64encode(key(shown[-1]).bytes).decode().rstrip("=")
    return Page(items=[shape(row) for row in shown], next_cursor=cursor)
