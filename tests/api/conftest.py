"""The API in this process, over a real database and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.asgi import create_app
from backend.operations.demo_people import resident_id
from backend.operations.tour.phone import Phone
from storage.setup import Process
from tests import services
from tests.integration.stay_world import World, make_world
from tests.served import served

STAY = {
    "companions": 0,
    "health": {"fit_to_travel": True, "conditions": ""},
    "contact": {"name": "王某某", "phone": "13800009999", "relation": "配偶"},
}


@dataclass(frozen=True)
class Api:
    """The world, and phones that reach its API."""

    world: World
    client: httpx.AsyncClient

    def phone(self, number: str) -> Phone:
        """A phone that is not logged in."""
        return Phone(self.client, messages(), number)

    async def logged_in(self, number: str) -> Phone:
        """A phone that is logged in."""
        phone = self.phone(number)
        await phone.log_in()
        return phone

    def record(self, serial: int = 1, **changed: Any) -> dict[str, Any]:
        """A nurse's record as her phone sends it."""
        return {
            "name": "古丽·买买提",
            "identifier": {"type": "resident_id", "number": resident_id(date(1990, 1, 1), serial)},
            "unit_id": str(self.world.unions["daizong"]),
            "department": "重症医学科",
            "population": "frontline_medical",
            "job_category": "nurse",
            "joined_unit_on": "2015-07-01",
            "certification": "commission_list",
            "services": [
                {
                    "emergency_id": str(self.world.emergency),
                    "place": "武汉",
                    "post": "护理",
                    "dispatch": "other_province",
                    "from_on": "2020-02-09",
                    "to_on": "2020-03-22",
                }
            ],
            **changed,
        }

    async def registered(self, number: str, serial: int = 1) -> Phone:
        """A nurse whose record her unit has verified, with every consent."""
        phone = await self.logged_in(number)
        await phone.call("PUT", "/registry/record", 200, self.record(serial))
        await phone.consent("personal_data", "sensitive_data", "share_with_sanatorium")
        sent = await phone.call("POST", "/registry/record/submit", 200, {"version": 1})
        officer = self.world.by["officer-daizong"]
        await self.world.services.registry.verify(officer, sent["id"], sent["version"])
        return phone


def messages() -> Path:
    """Where the SMS of this test process go."""
    return services.own_folder() / "demo-sms.log"


@pytest.fixture
async def api(database: None) -> AsyncIterator[Api]:
    messages().unlink(missing_ok=True)
    world = await make_world()
    app: Any = create_app(world.services)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield Api(world, client)


@asynccontextmanager
async def api_process(**variables: str) -> AsyncIterator[httpx.AsyncClient]:
    """The API as a process of its own, from its first ready answer on."""
    async with (
        served(Process.API, **variables) as one,
        httpx.AsyncClient(base_url=one.url, trust_env=False) as client,
    ):
        yield client
