"""Pictures of the console for docs/screenshots, taken on a demonstration that is started for them and thrown away."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests import services
from tests.e2e.console import CHROMIUM, DESKTOP, FLAGS, PHONE, Console
from tests.e2e.stage import Stage, decide_all, publish
from tests.running_stack import Stack

FOLDER = Path("docs/screenshots")
#: A page of the README is not to weigh more than its words.
MOST_BYTES = 250_000


def take(console: Console, stack: Stack, folder: Path) -> Stage:
    """Every picture, on a demonstration that nobody has touched; where it stands afterwards."""
    camera = _Camera(console, folder)
    with camera.at("login", "", "/login") as page:
        page.get_by_label("用户名").fill("chair-han")
    for name, size in (("queue", DESKTOP), ("queue-phone", PHONE)):
        with camera.at(name, "chair-han", "/review/?tab=all", size):
            pass
    for name, size in (("case", DESKTOP), ("case-phone", PHONE)):
        with camera.at(name, "reviewer-zheng", "/review/", size) as page:
            page.locator("a.open").first.click()
            page.wait_for_load_state("networkidle")
            for label, score in (("一线贡献", "90"), ("工作表现", "85")):
                page.get_by_label(label).fill(score)
            page.mouse.click(1, 1)
    with camera.at("papers", "hr-wang", "/review/") as page:
        page.locator("a.open").first.click()
    with camera.at("data", "hr-wang", "/admin/") as page:
        page.locator(".sidebar").get_by_role("link", name="申请", exact=True).click()
        page.get_by_role("link", name="RR-2026-000001").wait_for()
    with camera.at("group", "officer-daizong", "/review/mutual-aid") as page:
        page.locator("a[href*='/mutual-aid/groups/']:not([href$='/new'])").first.click()
    with camera.at("assessment", "hr-wang", "/review/?tab=mine&kind=mutual_aid") as page:
        page.locator("a.open").first.click()
    with camera.at("nomination", "officer-daizong", "/review/?tab=mine&kind=commendation") as page:
        page.locator("a.open").first.click()
    with camera.at("slate", "chair-han", "/review/campaigns") as page:
        page.locator("a.open").first.click()
        page.locator("a[href$='/slate']").first.click()
    decide_all(console)
    with camera.at("batch", "chair-han", "/review/batches") as page:
        page.locator("a.open").first.click()
    stage = publish(console, stack)
    with camera.at("notice", "chair-han", stage.notice):
        pass
    with camera.at("public-notice", "", stage.public, PHONE):
        pass
    return stage


class _Camera:
    def __init__(self, console: Console, folder: Path) -> None:
        self._console = console
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def at(self, name: str, username: str, path: str, size: ViewportSize = DESKTOP) -> Iterator[Page]:
        """A window; what it shows when the block ends is the picture."""
        page = self._console.window(username, path, viewport=size)
        yield page
        page.wait_for_load_state("networkidle")
        picture = Image.open(io.BytesIO(page.screenshot()))
        # A page has few colours: a palette of them is a third of the bytes, and nobody sees the difference.
        picture.convert("RGB").quantize(255).save(self._folder / f"{name}.png", optimize=True)
        page.context.close()


def main() -> int:
    """Take them all into docs/screenshots."""
    if CHROMIUM is None:
        sys.stderr.write("no chromium is at hand: apt-get install chromium fonts-noto-cjk\n")
        return 1
    stack = Stack("pictures")
    try:
        with stack.running(), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            take(Console(browser, stack), stack, FOLDER)
            browser.close()
    finally:
        stack.clear()
        shutil.rmtree(services.folder(), ignore_errors=True)
    for picture in sorted(FOLDER.glob("*.png")):
        sys.stdout.write(f"{picture}  {picture.stat().st_size // 1000} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
