"""Who plays in the tour: the nurses with their phones, the users of the console with their browsers."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

import httpx

from backend.operations.demo_people import resident_id
from backend.operations.tour.browser import Browser
from backend.operations.tour.phone import Phone


class Told(Protocol):
    """Who is told each step."""

    def chapter(self, title: str) -> None:
        """A new part of the story."""

    def step(self, who: str, what: str) -> None:
        """A step that came out as told."""


@dataclass
class Cast:
    """Everybody who plays, and what the chapters hand on."""

    api: str
    console: str
    messages: Path
    password: str
    totp_secret: str
    told: Told
    set_clock: Callable[[datetime], Awaitable[None]]
    #: How requests travel, where that is not the plain way; it outlives the cast.
    transport: httpx.AsyncBaseTransport | None = None
    browsers: dict[str, Browser] = field(default_factory=dict)
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.AsyncClient(base_url=self.api, trust_env=False, timeout=30, transport=self.transport)

    def phone(self, number: str) -> Phone:
        """Somebody's phone."""
        return Phone(self.client, self.messages, number, self.transport)

    async def at(self, username: str) -> Browser:
        """A console user's browser; logs in at the first time."""
        if username not in self.browsers:
            browser = Browser(self.console, username, self.transport)
            self.browsers[username] = browser
            await browser.log_in(self.password, self.totp_secret)
            self.told.step(username, "登录控制台(口令 + 动态码)")
        return self.browsers[username]

    async def close(self) -> None:
        """Hang up."""
        for browser in self.browsers.values():
            await browser.close()
        await self.client.aclose()


@dataclass(frozen=True)
class Nurse:
    """One of the two."""

    name: str
    phone: Phone
    number: str
    born_on: date
    serial: int

    @property
    def identifier(self) -> dict[str, str]:
        """Her document number."""
        return {"type": "resident_id", "number": resident_id(self.born_on, self.serial)}


def new_nurse(cast: Cast, name: str) -> Nurse:
    """A nurse whom nobody has met: a number and a birthday of her own in every tour."""
    number = f"139{secrets.randbelow(10**8):08d}"
    born_on = date(1980, 1, 1) + timedelta(days=secrets.randbelow(5000))
    return Nurse(name, cast.phone(number), number, born_on, 1 + secrets.randbelow(999))
