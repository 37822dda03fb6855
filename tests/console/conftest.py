"""The console in this process, with invented accounts that log in for real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from backend.composition import compose
from backend.operations import demo
from backend.settings import settings
from tests import services
from tests.console.browser import PASSWORD, SECRET, Browser


@pytest.fixture
async def accounts(database: None) -> AsyncIterator[None]:
    """The tree and the accounts of the demonstration; the backend is logged in as the console."""
    made = compose(settings())
    async with services.logged_in_as("niangjia_owner"):
        unions = await demo.seed_reference(made.clock)
        seeded = await demo.seed_logins(unions, PASSWORD, SECRET, made.sealer)
        await demo.seed_programme(unions, seeded, made.clock)
    async with services.logged_in_as("niangjia_console"):
        yield


@pytest.fixture
def visit() -> Callable[..., Browser]:
    """Makes browsers."""
    return lambda address="127.0.0.1": Browser(address)
