"""No text of a request ends, hides or turns what stands around it: asked once, before any handler reads a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from backend.errors import Malformed, Violation
from backend.words import UNPRINTABLE, Text

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_MESSAGE = Text("含有不允许的字符(控制符或文字方向符)。", "It holds control characters or marks of writing direction.")


class PlainText(ASGIMiddleware):
    """Refuses texts with such characters, in address and body of every route of the API."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Go on with a plain request; raises Malformed naming each text that is none."""
        texts = list(scope["path_params"].items())
        with_body = scope.get("method") not in _BODILESS
        if with_body or scope["query_string"]:
            request: Request[Any, Any, Any] = Request(scope, receive, send)
            texts += request.query_params.multi_items()
            texts += _texts_of(await request.body()) if with_body else ()
        found = [field for field, text in texts if isinstance(text, str) and UNPRINTABLE.search(text)]
        if found:
            raise Malformed("malformed", _MESSAGE, [Violation("characters", _MESSAGE, field) for field in found])
        await next_app(scope, receive, send)


def _texts_of(body: bytes) -> Iterator[tuple[str, str]]:
    """The dotted path and the text of every string in a JSON body; nothing of a body that the handler will refuse."""
    try:
        yield from _walk(msgspec.json.decode(body), "")
    except (msgspec.DecodeError, UnicodeError):
        return
    except RecursionError:
        message = Text("嵌套过深。", "It is nested too deep.")
        raise Malformed("malformed", message, [Violation("malformed", message)]) from None


def _walk(value: Any, field: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield field, value
        case dict():
            for name, part in value.items():
                yield from _walk(part, f"{field}.{name}" if field else name)
        case list():
            for place, part in enumerate(value):
                yield from _walk(part, f"{field}.{place}" if field else str(place))
