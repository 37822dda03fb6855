"""The console in Chromium: windows of people who are logged in, and what their pages had to complain of."""

from __future__ import annotations

import shutil
import time
from typing import Any

import pyotp
from playwright.sync_api import Browser, ConsoleMessage, Page, StorageState, ViewportSize, expect

from tests.running_stack import Stack

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: A busy machine is slow; nothing waits that long where all is well.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


class Console:
    """The console of a running stack; each person logs in once and keeps the session."""

    def __init__(self, browser: Browser, stack: Stack) -> None:
        self.address = f"http://127.0.0.1:{stack.console}"
        self.complaints: list[str] = []
        self._browser = browser
        self._operator = stack.operator()
        self._sessions: dict[str, StorageState] = {}

    def window(self, username: str = "", path: str = "", **options: Any) -> Page:
        """A new window of this person, or of nobody, at a path; `options` are those of a browser context."""
        chosen: dict[str, Any] = {"locale": "zh-CN", "viewport": DESKTOP, **options}
        if username:
            chosen["storage_state"] = self._session(username)
        context = self._browser.new_context(base_url=self.address, **chosen)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", self._hear)
        if path:
            page.goto(path)
        return page

    def log_in(self, page: Page, username: str) -> None:
        """Both steps of a login on a page that shows the first."""
        page.get_by_label("用户名").fill(username)
        page.get_by_label("密码").fill(self.password)
        page.get_by_role("button", name="下一步").click()
        # A code counts once; nobody here logs in twice within its half minute.
        page.get_by_label("6 位验证码").fill(self.code())
        page.get_by_role("button", name="登录").click()

    @property
    def password(self) -> str:
        """The password of all invented accounts."""
        return self._operator["NIANGJIA_DEMO_PASSWORD"]

    def code(self) -> str:
        """What everybody's authenticator shows now."""
        return pyotp.TOTP(self._operator["NIANGJIA_DEMO_TOTP"]).at(int(time.time()))

    def _session(self, username: str) -> StorageState:
        if username not in self._sessions:
            page = self.window("", "/login")
            self.log_in(page, username)
            page.get_by_role("button", name="退出").wait_for()
            self._sessions[username] = page.context.storage_state()
            page.context.close()
        return self._sessions[username]

    def _hear(self, message: ConsoleMessage) -> None:
        # That an answer was a refusal is what some tests want; a blocked script or style is nobody's wish.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")
