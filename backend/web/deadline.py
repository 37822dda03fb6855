"""No request waits without end: what is not answered in time is given up and answered as busy."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send, WebSocketReceiveMessage

from backend.errors import Unavailable

log = structlog.get_logger(__name__)

#: Seconds from a request's last byte to its answer.
ANSWER_SECONDS = 4.5

#: For the few acts at the desk that concern thousands of cases, or a file: `opt=LONG`.
LONG: dict[str, Any] = {"answer_seconds": 120.0}


class Deadline(ASGIMiddleware):
    """Gives up a request that the database, the store or another part holds for too long: raises Unavailable.

    The line of who asks may be slow: the time is counted anew from each piece of the request's body.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass on, for so long."""
        limit = float(scope["route_handler"].opt.get("answer_seconds", ANSWER_SECONDS))
        loop, begun = asyncio.get_running_loop(), False

        async def receiving() -> HTTPReceiveMessage | WebSocketReceiveMessage:
            message = await receive()
            if message["type"] == "http.request":
                deadline.reschedule(loop.time() + limit)
            return message

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(limit) as deadline:
                await next_app(scope, receiving, sending)
        except TimeoutError:
            log.warning("given_up", path=scope.get("path_template"), begun=begun)
            raise Unavailable("answer") from None
