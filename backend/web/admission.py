"""How many requests work at a time and how many wait for their turn; beyond that the answer is a quick 503."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, ReceiveMessage, Scope, Send

from backend.database import POOL_MOST, OneConnection
from backend.errors import Malformed, Overloaded
from backend.metrics import REFUSED, RUNNING, WAITING
from backend.words import Text

#: Marks a route that holds no connection for long and must answer in a rush too: `opt=UNBOUNDED`.
UNBOUNDED = {"unbounded": True}

#: Connections that stay free for what a request writes apart, and for the question whether the process is ready.
SPARE = 2
AT_WORK = POOL_MOST - SPARE

#: How long a caller may take to send a body; the proxy in front has usually read it whole.
BODY_SECONDS = 15.0

#: When a caller that was sent away is to come back: one after the other, at the pace at which requests are done.
RETRY_LEAST_S, RETRY_MOST_S = 2, 60

#: How much one request counts in the pace.
_NEWEST = 0.1

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Gate:
    """Lets `at_work` through at a time; up to `waiting` more stand in line, first come first served.

    Nobody waits longer than `wait_s` seconds; who would wait half of that at the present pace is told so at once.
    """

    def __init__(self, at_work: int, waiting: int, wait_s: float) -> None:
        self._free = asyncio.Semaphore(at_work)
        self._at_work = at_work
        self._most_waiting = waiting
        self._wait_s = wait_s
        self._in_line = 0
        self._took_s = 0.0
        self._next_return = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The block when its turn comes; raises Overloaded where the line is too long, or the wait was."""
        if self._free.locked():
            await self._stand_in_line()
        else:
            await self._free.acquire()
        RUNNING.inc()
        began = time.monotonic()
        try:
            yield
        finally:
            self._took_s += _NEWEST * (time.monotonic() - began - self._took_s)
            RUNNING.dec()
            self._free.release()

    async def _stand_in_line(self) -> None:
        if self._in_line >= self._most_waiting or self._in_line * self._pace_s > self._wait_s / 2:
            raise self._sent_away("full")
        self._in_line += 1
        WAITING.inc()
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise self._sent_away("late") from None
        finally:
            self._in_line -= 1
            WAITING.dec()

    @property
    def _pace_s(self) -> float:
        """Seconds from one request that is done to the next."""
        return self._took_s / self._at_work

    def _sent_away(self, why: str) -> Overloaded:
        REFUSED.labels(why).inc()
        now = time.monotonic()
        self._next_return = max(self._next_return + self._pace_s, now + RETRY_LEAST_S)
        if self._next_return > now + RETRY_MOST_S:
            return Overloaded(RETRY_MOST_S - secrets.randbelow(RETRY_MOST_S // 2))
        return Overloaded(ceil(self._next_return - now))


class Admission(ASGIMiddleware):
    """Holds each request at the gate, before anything is asked of the database, until it may run to its end.

    A request that was let in is not refused half-way for want of a connection: there is one for each of them. Its body
    is read before, so that a slow sender holds nobody up.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, waiting: int, wait_s: float, body_limit: int) -> None:
        self._gate = Gate(AT_WORK, waiting, wait_s)
        self._body_limit = body_limit

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Wait for the turn, then go on; raises Overloaded."""
        if scope["route_handler"].opt.get("unbounded"):
            await next_app(scope, receive, send)
            return
        if scope["type"] == ScopeType.HTTP and scope["method"] in _WITH_BODY:
            receive = await _read_ahead(receive, self._body_limit)
        async with self._gate.turn(), OneConnection():
            await next_app(scope, receive, send)


async def _read_ahead(receive: Receive, limit: int) -> Receive:
    """The same messages, the body having arrived, or more of it than may be sent: refusing that is the route's."""
    messages: list[ReceiveMessage] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more and size <= limit:
                message = await receive()
                messages.append(message)
                more = message["type"] == "http.request" and message.get("more_body", False)
                size += len(message.get("body", b"")) if message["type"] == "http.request" else 0
    except TimeoutError:
        raise Malformed("body_late", Text("请求内容未能按时送达。", "The request took too long to arrive.")) from None
    ahead = iter(messages)

    async def replayed() -> ReceiveMessage:
        return next(ahead, None) or await receive()

    return replayed
