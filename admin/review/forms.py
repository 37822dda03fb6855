"""Reading the desk's forms: every field named when it does not fit, every act carried out once per token."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from litestar import Request

from backend.clock import LOCAL
from backend.errors import Malformed, Violation
from backend.identity import Actor
from backend.web.idempotency import once
from backend.words import UNPRINTABLE, Text

TEXT_LIMIT = 2000

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,80}")

#: Fields that say how a form was sent, not what: they are no part of what a token stands for.
_ENVELOPE = frozenset({"token", "_csrf", "seen", "queue", "place"})


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form as they were typed; reading one that does not fit raises Malformed naming it."""

    fields: Mapping[str, str]

    def text(self, name: str) -> str:
        """The text, trimmed; empty where the field is absent."""
        value = self.fields.get(name, "").strip()
        if len(value) > TEXT_LIMIT or UNPRINTABLE.search(value):
            raise _wrong(name, Text("文字过长或含有不允许的字符。", "Too long, or with characters not allowed."))
        return value

    def number(self, name: str) -> int:
        """A whole number."""
        value = self.fields.get(name, "").strip()
        if not re.fullmatch(r"-?[0-9]{1,9}", value):
            raise _wrong(name, Text("请填写整数。", "Give a whole number."))
        return int(value)

    def fen(self, name: str) -> int:
        """An amount typed in yuan with at most two decimals, as fen."""
        try:
            amount = Decimal(self.fields.get(name, "").strip() or "x")
        except InvalidOperation:
            raise _wrong(name, Text("请填写金额(元)。", "Give an amount in yuan.")) from None
        fen = amount * 100
        if not amount.is_finite() or fen != fen.to_integral_value() or abs(fen) > 2_000_000_000:
            raise _wrong(name, Text("金额最多两位小数。", "An amount has at most two decimals."))
        return int(fen)

    def day(self, name: str) -> date:
        """A local date (YYYY-MM-DD)."""
        try:
            return date.fromisoformat(self.fields.get(name, "").strip())
        except ValueError:
            raise _wrong(name, Text("请填写日期(年-月-日)。", "Give a date (YYYY-MM-DD).")) from None

    def optional_day(self, name: str) -> date | None:
        """A local date, None where the field is empty."""
        return self.day(name) if self.fields.get(name, "").strip() else None

    def instant(self, name: str) -> datetime:
        """A local date and time (YYYY-MM-DDTHH:MM, Asia/Shanghai)."""
        try:
            return datetime.fromisoformat(self.fields.get(name, "").strip()).replace(tzinfo=LOCAL)
        except ValueError:
            raise _wrong(name, Text("请填写日期和时间。", "Give a date and a time.")) from None

    def id(self, name: str) -> UUID:
        """The id of something that was picked."""
        try:
            return UUID(self.fields.get(name, "").strip())
        except ValueError:
            raise _wrong(name, Text("请选择一项。", "Pick one.")) from None

    def choice(self, name: str, *allowed: str) -> str:
        """One of the given words."""
        value = self.fields.get(name, "").strip()
        if value not in allowed:
            raise _wrong(name, Text("请选择一项。", "Pick one."))
        return value

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.fields.get(name, "") in ("1", "on", "yes")

    async def once(self, actor: Actor, operation: str, work: Callable[[], Awaitable[UUID]]) -> UUID:
        """Carry out what the form asks for once, however often it is sent; what it made."""
        token = self.fields.get("token", "")
        if not _TOKEN.fullmatch(token):
            raise _wrong("token", Text("表单已失效,请刷新页面后重试。", "This form is too old; reload the page."))
        body = {name: value for name, value in self.fields.items() if name not in _ENVELOPE}
        return (await once(actor, operation, token, body, work)).resource


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """The form of a request; of a field that came twice the last counts, and files are left out."""
    data = await request.form()
    return Form({name: value for name, value in data.multi_items() if isinstance(value, str)})


def new_token() -> str:
    """A token for one act from one page."""
    return secrets.token_urlsafe(18)


def _wrong(field: str, message: Text) -> Malformed:
    return Malformed("malformed", message, [Violation("malformed", message, field)])
