"""One line and one count for every request: what was asked in general, what came of it, how long it took."""

from __future__ import annotations

import time

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from backend.metrics import REQUESTS, SECONDS

log = structlog.get_logger("access")

#: Asked every few seconds by whoever watches; written down only when they fail.
_QUIET = ("/health/live", "/health/ready")
_BEGAN = "began"

#: The names under which routes take the id of a case.
_CASE = ("application_id", "application")


class Stopwatch(ASGIMiddleware):
    """Notes when the work on a request began."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Note the time, then go on."""
        scope["state"][_BEGAN] = time.perf_counter()
        await next_app(scope, receive, send)


async def log_answer(message: Message, scope: Scope) -> None:
    """Count an answer and write its line: the path's template, never the path, so that search words stay out of it."""
    if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
        return
    status, template = message["status"], scope.get("path_template") or "(no such path)"
    if status < 400 and template in _QUIET:
        return
    method, began = scope["method"], scope["state"].get(_BEGAN)
    seconds = 0.0 if began is None else time.perf_counter() - began
    REQUESTS.labels(method, template, status).inc()
    SECONDS.labels(method, template).observe(seconds)
    case = next((str(found) for name in _CASE if (found := scope.get("path_params", {}).get(name))), None)
    about = {"case": case} if case else {}
    log.info("request", method=method, path=template, status=status, ms=round(seconds * 1000, 1), **about)
