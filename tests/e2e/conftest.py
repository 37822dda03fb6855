"""A stack that runs, and Chromium on its console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.console import CHROMIUM, FLAGS, Console
from tests.running_stack import Stack


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How the browser is started; everything here is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium is at hand (apt-get install chromium fonts-noto-cjk)")
    return {"executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The demonstration as `niangjia run` begins it; its cases are the tests', each for one of them."""
    made = Stack("e2e")
    with made.running():
        yield made
    made.clear()


@pytest.fixture(scope="session")
def desk(browser: Browser, stack: Stack) -> Console:
    """The console of that stack, for all tests."""
    return Console(browser, stack)


@pytest.fixture
def console(desk: Console) -> Iterator[Console]:
    """The console, for a test whose pages must not have complained."""
    desk.complaints.clear()
    yield desk
    assert desk.complaints == []
