"""How people and their phones travel through a bad day: they ask again until they are answered, and remember it."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qs

import httpx

#: Longer than any part takes to come back on a busy machine, with the 30 s after which a dead worker's job is taken up.
PATIENCE_S = 120.0
_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that changes something and that was answered with success: what must never be lost again."""

    key: str
    path: str
    status: int
    resource: str


@dataclass
class Ledger:
    """What was accepted, and what was answered meanwhile that is no success."""

    accepted: list[Accepted] = field(default_factory=list)
    lost_answers: int = 0
    outages: Counter[str] = field(default_factory=Counter)
    #: Answers that nobody should ever get: a 500, or a 503 that does not say when to come back.
    wrong: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    under_way: int = 0


class Patient(httpx.AsyncBaseTransport):
    """Sends a request again, word for word, until it is answered by something other than an outage."""

    def __init__(self, ledger: Ledger, ours: Sequence[str], address: str = "127.0.0.1") -> None:
        """`ours` are the origins of our own processes; `address` is where the caller seems to come from."""
        self._ledger = ledger
        self._ours = tuple(ours)
        self._address = address
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        ours = str(request.url).startswith(self._ours)
        if ours:
            request.headers["X-Forwarded-For"] = self._address
        give_up = time.monotonic() + PATIENCE_S
        self._ledger.under_way += 1
        try:
            while True:
                answer = await self._once(request, ours)
                if answer is not None:
                    if ours:
                        self._note(request, answer)
                    return answer
                if time.monotonic() > give_up:
                    raise httpx.ConnectError(f"no answer to {request.method} {request.url.path} in {PATIENCE_S:.0f} s")
                await asyncio.sleep(_AGAIN_S)
        finally:
            self._ledger.under_way -= 1

    async def _once(self, request: httpx.Request, ours: bool) -> httpx.Response | None:
        """The answer, or None where there is none that counts."""
        began = time.monotonic()
        try:
            answer = await self._inner.handle_async_request(request)
            await answer.aread()
        except httpx.TransportError:
            self._ledger.lost_answers += 1
            return None
        finally:
            if ours:
                self._ledger.slowest_s = max(self._ledger.slowest_s, time.monotonic() - began)
        if not ours:
            # A store that has just been started knows nobody for a moment.
            return None if answer.status_code >= 500 or answer.status_code == 403 else answer
        if answer.status_code == 429:
            await asyncio.sleep(min(float(answer.headers.get("retry-after", 1)), 40.0))
            return None
        if answer.status_code < 500:
            return answer
        self._ledger.outages[f"{answer.status_code}"] += 1
        again = answer.headers.get("retry-after", "")
        if answer.status_code != 503 or not again.isdigit():
            self._ledger.wrong.append(
                f"{request.method} {request.url.path}: {answer.status_code}, Retry-After “{again}”"
            )
        return None

    def _note(self, request: httpx.Request, answer: httpx.Response) -> None:
        if request.method in ("GET", "HEAD") or answer.status_code >= 400:
            return
        key = request.headers.get("idempotency-key") or _token_of(request)
        resource = ""
        if answer.headers.get("content-type", "").startswith("application/json") and answer.content:
            said = answer.json()
            resource = str(said.get("id", "")) if isinstance(said, dict) else ""
        self._ledger.accepted.append(Accepted(key, request.url.path, answer.status_code, resource))

    async def aclose(self) -> None:
        """Nothing: it outlives the clients that use it."""

    async def hang_up(self) -> None:
        """Close its connections."""
        await self._inner.aclose()


def _token_of(request: httpx.Request) -> str:
    """The token of a form, which makes it an act that is done once."""
    kind = Message()
    kind["content-type"] = request.headers.get("content-type", "")
    if kind.get_content_type() == "application/x-www-form-urlencoded":
        return parse_qs(request.content.decode()).get("token", [""])[0]
    return ""


#: Operations that change something and are the same however often they are done: no key is kept of them.
UNKEYED = re.compile(
    r"/login|/logout|/consents|/registry/record|/complete$|/papers(/new)?$|/count$|/preview$|/find$|/lists$|/roster$"
    r"|/health/|/departures/"
)
