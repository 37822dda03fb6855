"""The port through which text messages leave."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import urllib3

from backend.clock import security_now
from backend.errors import Unavailable


class Sms(Protocol):
    """Sends one text message; may lose it, never doubles it."""

    async def send(self, phone: str, text: str) -> None:
        """Send `text` to a mainland mobile number; raises Unavailable where no gateway answers."""


@dataclass(frozen=True, slots=True)
class PrintedSms:
    """The demonstration's phone network: messages appear on the operator's screen and in a file for the tour.

    Invented people only: the settings allow this in demo mode alone.
    """

    log: Path | None

    async def send(self, phone: str, text: str) -> None:
        """See Sms."""
        sys.stdout.write(f"[SMS] {phone}: {text}\n")
        sys.stdout.flush()
        if self.log is not None:
            await asyncio.to_thread(self._append, self.log, phone, text)

    @staticmethod
    def _append(log: Path, phone: str, text: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{security_now().isoformat()}\t{phone}\t{text}\n")


#: How long a gateway may take, and how many messages wait for it at once: the rest of a process goes on meanwhile.
GATEWAY_SECONDS = 4.0
_STEP_SECONDS = 3.0
_WAITING_MOST = 4


@dataclass(frozen=True, slots=True)
class GatewaySms:
    """A gateway over HTTP: `{"phone": …, "text": …}` is posted with a bearer token; any 2xx says that it was taken.

    Providers sign and template each in their own way: a small service of the operator's stands before them. A message
    is posted once; whether one whose answer was lost has left, nobody knows, and it is not sent again.
    """

    url: str
    token: str
    _http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=_WAITING_MOST), compare=False, repr=False
    )
    _turn: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_WAITING_MOST), compare=False, repr=False
    )

    async def send(self, phone: str, text: str) -> None:
        """See Sms; raises Unavailable at once where too many wait already."""
        if self._turn.locked():
            raise Unavailable("sms")
        async with self._turn:
            try:
                async with asyncio.timeout(GATEWAY_SECONDS):
                    taken = await asyncio.to_thread(self._post, {"phone": phone, "text": text})
            except (TimeoutError, urllib3.exceptions.HTTPError):
                raise Unavailable("sms") from None
        if not taken:
            raise Unavailable("sms")

    def _post(self, message: dict[str, str]) -> bool:
        answer = self._http.request(
            "POST",
            self.url,
            json=message,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=urllib3.Timeout(total=_STEP_SECONDS),
            retries=False,
        )
        return 200 <= answer.status < 300


@dataclass(frozen=True, slots=True)
class NoSms:
    """Production without a configured gateway: nothing is pretended to be sent."""

    async def send(self, phone: str, text: str) -> None:
        """See Sms."""
        raise Unavailable("sms", retry_after_s=60)
