"""The port through which text messages leave."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class NoSms:
    """Production without a configured gateway: nothing is pretended to be sent."""

    async def send(self, phone: str, text: str) -> None:
        """See Sms."""
        raise Unavailable("sms", retry_after_s=60)
