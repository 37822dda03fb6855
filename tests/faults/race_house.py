"""The house that is raced in: four api processes and two consoles on one PostgreSQL, and what one seed saw of them."""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from admin.session import SESSION_COOKIE
from backend.accounts.tables import ConsoleSession
from backend.clock import security_now
from backend.database import new_id
from backend.operations.embedded_postgres import OWNER
from storage.setup import Process
from tests import services
from tests.console.desk_world import hidden
from tests.crowd import Member, programme_of_one_paper
from tests.integration.cover_world import CoverWorld, make_cover_world
from tests.served import served
from tests.wire import Answer, Wire

APIS, CONSOLES = 4, 2

#: A line that holds all clients of a seed: what is raced here is the domain, not the gate.
ROOMY = {"NIANGJIA_API_WAITING": "1000", "NIANGJIA_API_WAIT_S": "10"}


@dataclass(frozen=True)
class Size:
    """How much is raced in one seed."""

    clients: int = 500
    places: int = 50
    decided: int = 12
    pairs: int = 8
    families: int = 20
    keys: int = 20


@dataclass
class Seed:
    """One seed: its chances, what it saw, and what must not have been."""

    number: int
    size: Size
    chance: random.Random = field(init=False)
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    most_held: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.number)

    def expect(self, good: object, what: str) -> bool:
        """Whether it is so; `what` is noted where it is not."""
        if not good:
            self.wrong.append(f"seed {self.number}: {what}")
        return bool(good)


@dataclass(frozen=True)
class House:
    """The processes, and the city in their database."""

    city: CoverWorld
    apis: Sequence[int]
    consoles: Sequence[int]

    async def call(
        self, seed: Seed, port: int, member: Member, method: str, path: str, body: Any = None, key: str = ""
    ) -> Answer:
        """One request to one process; who is told to come back does so, with the same key."""
        for _ in range(60):
            async with Wire(port, member.token) as wire:
                answer = await wire.call(method, path, body, key)
            seed.answers[f"{answer.status} {answer.code}".strip()] += 1
            if answer.status != 503:
                break
            await asyncio.sleep(1 + seed.chance.random())
        seed.expect(
            answer.status < 500, f"{method} {path.split('/')[1]} answered {answer.status} {answer.body[:200]!r}"
        )
        return answer

    async def tap(
        self, seed: Seed, member: Member, method: str, path: str, *bodies: Any, same_key: bool = True
    ) -> list[Answer]:
        """The bodies sent at once, each to another process."""
        key = uuid4().hex
        ports = seed.chance.sample(self.apis, k=min(len(bodies), len(self.apis)))
        return await asyncio.gather(
            *(
                self.call(seed, ports[n % len(ports)], member, method, path, body, key if same_key else uuid4().hex)
                for n, body in enumerate(bodies)
            )
        )

    def some(self, seed: Seed) -> int:
        """One of the api processes."""
        return seed.chance.choice(self.apis)

    async def browsers(self, username: str) -> list[httpx.AsyncClient]:
        """A browser of this account at each console."""
        token, now = secrets.token_urlsafe(32), security_now()
        await ConsoleSession.insert(
            ConsoleSession(
                id=new_id(),
                account=self.city.world.by[username].account_id,
                token_digest=hashlib.sha256(token.encode()).digest(),
                proven=True,
                created_at=now,
                used_at=now,
            )
        )
        return [
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Cookie": f"{SESSION_COOKIE}={token}"},
                timeout=120,
                trust_env=False,
            )
            for port in self.consoles
        ]

    async def press_at_once(self, usernames: Sequence[str], page: str, button: str, /, **fields: str) -> Counter[int]:
        """The same button pressed by all of these at every console, by who saw the same page; statuses."""
        browsers = [one for name in usernames for one in await self.browsers(name)]
        try:
            forms = []
            for browser in browsers:
                shown = await browser.get(page)
                forms.append({**hidden(shown.text, button), **fields})
            answers = await asyncio.gather(
                *(browser.post(button, data=form) for browser, form in zip(browsers, forms, strict=True))
            )
        finally:
            for browser in browsers:
                await browser.aclose()
        return Counter(answer.status_code for answer in answers)


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    """The processes on the database of this run, which is empty and is filled with the city."""
    covers = await make_cover_world()
    city = CoverWorld(await programme_of_one_paper(covers.world), covers.plans)
    async with AsyncExitStack() as running:
        started = await asyncio.gather(
            *(running.enter_async_context(served(Process.API, "/health/live", **ROOMY)) for _ in range(APIS)),
            *(running.enter_async_context(served(Process.CONSOLE, "/health/live")) for _ in range(CONSOLES)),
        )
        ports = [one.port for one in started]
        # What the driver itself lays and counts, it does as the database's owner.
        async with services.logged_in_as(OWNER):
            yield House(city, ports[:APIS], ports[APIS:])
