"""An invented city for the tests of the desk: console accounts, workers with requests, papers that need no store."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pyotp

from backend.applications.case import Case, load_case
from backend.applications.committee import ReviewInput
from backend.applications.lifecycle import Action
from backend.clock import LOCAL, set_business_clock
from backend.composition import Services
from backend.database import execute, fetch_value, new_id
from backend.documents.kinds import PaperKind, PaperState
from backend.documents.service import NAME_PURPOSE
from backend.documents.tables import Upload
from backend.identity import Actor
from backend.operations import demo, demo_cases, demo_people
from tests import services
from tests.console.browser import all_services, signed_in

BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=LOCAL)
PAPERS = (("identity", PaperKind.RESIDENT_ID), ("work", PaperKind.WORK_PERMIT), ("merit", PaperKind.MERIT_STATEMENT))
HIGH = ReviewInput(True, {"contribution": 90, "performance": 85, "need": 80})
LOW = ReviewInput(False, {"contribution": 40, "performance": 35, "need": 30})


@dataclass
class World:
    """What the tests act in; `by` are the console's actors by user name, `workers` the phones by name."""

    services: Services
    unions: Mapping[str, UUID]
    accounts: Mapping[str, UUID]
    by: dict[str, Actor]
    workers: dict[str, Actor]
    batch: UUID
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def desk(self, username: str) -> httpx.AsyncClient:
        """A browser of this account, logged in."""
        if username not in self.clients:
            self.clients[username] = await signed_in(self.accounts[username], self.services)
        return self.clients[username]

    async def request(self, worker: str) -> Case:
        """A submitted request of this worker, with three checked papers."""
        actor = self.workers[worker]
        assert actor.person_id is not None
        case = await self.services.requests.draft(actor, self.batch, actor.person_id, demo_cases.STAY)
        for requirement, kind in PAPERS:
            upload = await self.paper(actor, kind)
            case = await self.services.applications.attach(actor, case.id, requirement, upload)
        return await self.act(actor, case, Action.SUBMIT)

    async def paper(self, owner: Actor, kind: PaperKind) -> UUID:
        """A paper that has been checked; nothing lies in a store for it."""
        upload = new_id()
        sealed = self.services.sealer.seal(f"{kind}.png", NAME_PURPOSE)
        await Upload.insert(
            Upload(
                id=upload,
                kind=kind,
                owner_person=owner.person_id,
                reserved_by=owner.account_id,
                state=PaperState.CHECKED,
                name_sealed=sealed,
                declared_type="image/png",
                declared_size=100,
                declared_sha256=hashlib.sha256(upload.bytes).digest(),
                object_key=secrets.token_hex(16),
                rendition_key=secrets.token_hex(16),
                detected_type="image/png",
                pages=1,
                reserved_at=BEGINS,
                uploaded_at=BEGINS,
                checked_at=BEGINS,
            )
        )
        return upload

    async def verify_papers(self, case: Case, verifier: str = "hr-sun") -> None:
        """Every paper of the case verified."""
        await demo_cases.verify_papers(
            _Verified(self.services),  # type: ignore[arg-type]
            self.by[verifier],
            case,
        )

    async def act(self, actor: Actor, case: Case, action: Action, comment: str = "") -> Case:
        """One step, with the version that the case has now."""
        return await demo_cases.act(self.services, actor, case, action, comment)

    async def at_papers(self, worker: str, officer: str) -> Case:
        """A request that its unit has approved."""
        return await self.act(self.by[officer], await self.request(worker), Action.APPROVE, "情况属实")

    async def at_committee(self, worker: str, officer: str) -> Case:
        """A request whose papers HR has verified."""
        case = await self.at_papers(worker, officer)
        await self.verify_papers(case)
        return await self.act(self.by["hr-sun"], case, Action.APPROVE)

    async def review(self, reviewer: str, case: Case, review: ReviewInput = HIGH, comment: str = "") -> None:
        """A member's review."""
        now = await load_case(case.id)
        await self.services.applications.advance(
            self.by[reviewer],
            case.id,
            Action.REVIEW,
            expected_version=now.version_number,
            details=review,
            comment=comment,
        )


class _Verified:
    """The services with papers that were checked already."""

    def __init__(self, held: Services) -> None:
        self.verdicts, self.applications, self.checking = held.verdicts, held.applications, self

    async def check(self, upload: UUID) -> None:
        """Nothing: the paper is checked."""


@asynccontextmanager
async def make_world() -> AsyncIterator[World]:
    """The world in an empty database; within, the backend is logged in as the console."""
    made = all_services()
    await set_business_clock(services.dsn("niangjia_owner"), BEGINS)
    async with services.logged_in_as("niangjia_owner"):
        unions = await demo.seed_reference(made.clock)
        accounts = await demo.seed_logins(unions, "a long password", pyotp.random_base32(), made.sealer)
        by = {login.username: demo.demo_actor(login, unions, accounts) for login in demo.LOGINS}
        version = await demo.seed_programme(unions, accounts, made.clock)
        emergency = await fetch_value("SELECT id FROM emergency LIMIT 1")
        workers = {
            worker.name: await demo_people.seed_worker(
                made, by[f"officer-{worker.unit}"], unions[worker.unit], emergency, worker
            )
            for worker in demo_people.WORKERS
        }
        batch = await demo_cases.open_batch(made, by, unions, version)
    async with services.logged_in_as("niangjia_console"):
        world = World(made, unions, accounts, by, workers, batch)
        try:
            yield world
        finally:
            for client in world.clients.values():
                await client.aclose()


async def relate(one: UUID, other: UUID) -> None:
    """Put on file that two persons are relatives."""
    await execute(
        "INSERT INTO relation (id, person, relative, kind) VALUES ($1, $2, $3, 'spouse')", new_id(), one, other
    )


async def press(world: World, username: str, page: str, action: str, /, **fields: Any) -> httpx.Response:
    """Open a page as somebody, fill in the form that goes to `action`, and press its button."""
    browser = await world.desk(username)
    opened = await browser.get(page)
    assert opened.status_code == 200, opened.text
    return await browser.post(action, data={**hidden(opened.text, action), **fields})


def hidden(html: str, action: str) -> dict[str, str]:
    """The hidden fields of the form on a page that goes to `action`."""
    for form in re.findall(r"<form[^>]*>.*?</form>", html, re.S):
        if f'method="post" action="{action}"' in form:
            return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    raise AssertionError(f"no form goes to {action}")
