"""The pictures of the documentation can be taken, and what they show late in the story can be read by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e import screenshots
from tests.e2e.console import Console
from tests.e2e.eyes import wrong_with
from tests.running_stack import Stack

pytestmark = pytest.mark.browser


@pytest.fixture
def other_stack(browser: Browser) -> Iterator[Stack]:
    """A demonstration of its own: its cases are all decided, its clock is moved."""
    made = Stack("pictures")
    with made.running():
        yield made
    made.clear()


def test_pictures_are_taken_and_the_notice_can_be_read_by_everybody(
    browser: Browser, other_stack: Stack, tmp_path: Path
) -> None:
    console = Console(browser, other_stack)
    stage = screenshots.take(console, other_stack, tmp_path)
    taken = {picture.stem: picture.stat().st_size for picture in tmp_path.glob("*.png")}
    assert {picture.stem for picture in screenshots.FOLDER.glob("*.png")} == taken.keys()
    assert all(5_000 < size < screenshots.MOST_BYTES for size in taken.values()), taken
    for language in ("zh-CN", "en"):
        for username, path in (
            ("", stage.public),
            ("chair-han", stage.notice),
            ("chair-han", stage.batch),
            ("chair-han", "/review/notices"),
        ):
            page = console.window(username, path, locale=language)
            assert wrong_with(page, language) == [], f"{language} {page.url}"
            page.context.close()
    assert console.complaints == []
