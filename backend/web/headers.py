"""Headers that every answer carries: a request id, and what keeps a browser from guessing or framing."""

from __future__ import annotations

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from backend.database import new_id

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class SecurityHeaders(ASGIMiddleware):
    """Adds the headers; an id made here goes into the log and the answer, never one that a caller sends."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, referrer_policy: str = "no-referrer") -> None:
        self._headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", referrer_policy.encode()),
            (b"content-security-policy", CSP.encode()),
            (b"cache-control", b"no-store"),
        ]

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Add to the answer each header that it does not carry itself."""
        request_id = str(new_id())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request_id)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                carried = list(message["headers"])
                names = {name.lower() for name, _ in carried}
                carried += [header for header in self._headers if header[0] not in names]
                message["headers"] = [*carried, (b"x-request-id", request_id.encode())]
            await send(message)

        await next_app(scope, receive, sending)
