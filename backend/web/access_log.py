"""One line for every request: what was asked in general, what came of it, how long it took."""

from __future__ import annotations

import time

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("access")

#: Asked every few seconds by whoever watches; written down only when they fail.
_QUIET = ("/health/live", "/health/ready")
_BEGAN = "began"


class Stopwatch(ASGIMiddleware):
    """Notes when the work on a request began."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Note the time, then go on."""
        scope["state"][_BEGAN] = time.perf_counter()
        await next_app(scope, receive, send)


async def log_answer(message: Message, scope: Scope) -> None:
    """Write the line of an answer: the path's template, never the path, so that ids and search words stay out of it."""
    if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
        return
    status, template = message["status"], scope.get("path_template") or "(no such path)"
    if status < 400 and template in _QUIET:
        return
    began = scope["state"].get(_BEGAN)
    took = {} if began is None else {"ms": round((time.perf_counter() - began) * 1000, 1)}
    log.info("request", method=scope["method"], path=template, status=status, **took)
