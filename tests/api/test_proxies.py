"""Whose address is counted where a reverse proxy stands before the API."""

from __future__ import annotations

from itertools import count

import httpx
import pytest

from backend.database import fetch_value
from backend.settings import Settings, SettingsError
from tests import services
from tests.api.conftest import api_process

pytestmark = pytest.mark.usefixtures("database", "object_store")

_NUMBERS = count(13800005000)


async def ask(client: httpx.AsyncClient, *forwarded: str) -> None:
    """Ask for a code as a proxy passes it on for these addresses."""
    headers = {"X-Forwarded-For": ", ".join(forwarded)} if forwarded else {}
    answer = await client.post("/api/v1/login/codes", json={"phone": str(next(_NUMBERS))}, headers=headers)
    assert answer.status_code == 202, answer.text


async def counted() -> int:
    """How many addresses the throttle has seen."""
    found: int = await fetch_value("SELECT count(DISTINCT address_digest) FROM login_code")
    return found


async def test_phones_behind_a_proxy_are_told_apart() -> None:
    async with api_process(NIANGJIA_PROXIES="10.0.0.0/8,127.0.0.1") as client:
        await ask(client, "203.0.113.7")
        await ask(client, "203.0.113.8")
        await ask(client, "203.0.113.8", "10.1.2.3")
        assert await counted() == 2


async def test_an_address_that_the_caller_made_up_is_not_counted() -> None:
    async with api_process(NIANGJIA_PROXIES="127.0.0.1") as client:
        await ask(client, "203.0.113.7")
        await ask(client, "198.51.100.1", "203.0.113.7")
        assert await counted() == 1


async def test_without_proxies_nobody_is_believed() -> None:
    async with api_process() as client:
        await ask(client)
        await ask(client, "203.0.113.7")
        assert await counted() == 1


def test_a_proxy_is_an_address_or_a_network() -> None:
    with pytest.raises(SettingsError, match="NIANGJIA_PROXIES must be addresses or networks"):
        Settings.from_env({**services.environment(), "NIANGJIA_PROXIES": "proxy.example.org"})
