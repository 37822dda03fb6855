"""A console user's browser as the tour plays it: it reads the forms of a page and sends them as a person would."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pyotp

from backend.operations.tour.phone import Surprise


@dataclass(slots=True)
class WebForm:
    """One form of a page: where it goes and what its fields hold now."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """The forms, the links and the words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[WebForm] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._select = ""
        self._option: str | None = None
        self._hidden = 0
        self.feed(html)

    @property
    def text(self) -> str:
        """All words of the page."""
        return " ".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        given = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._hidden += 1
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "form":
            self.forms.append(WebForm(given.get("action", "")))
        if not self.forms or ("name" not in given and tag != "option"):
            return
        form = self.forms[-1]
        if tag == "input" and given.get("type") not in ("radio", "checkbox", "file", "submit"):
            form.fields[given["name"]] = given.get("value", "")
        elif tag == "button":
            form.buttons.append((given["name"], given.get("value", "")))
        elif tag == "textarea":
            form.fields[given["name"]] = ""
        elif tag == "select":
            self._select = given["name"]
            form.choices[self._select] = []
        elif tag == "option" and self._select:
            self._option = given.get("value", "")
            if "selected" in given or self._select not in form.fields:
                form.fields[self._select] = self._option

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        if tag in ("script", "style"):
            self._hidden -= 1
        if tag == "option":
            self._option = None
        if tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        if self._option is not None and self.forms:
            self.forms[-1].choices[self._select].append((self._option, data.strip()))
        elif data.strip() and not self._hidden:
            self.words.append(data.strip())


class Browser:
    """One console user, logged in after `log_in`."""

    def __init__(self, console: str, username: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.username = username
        self.client = httpx.AsyncClient(
            base_url=console, trust_env=False, follow_redirects=True, timeout=30, transport=transport
        )
        self.page = Page("")
        self.address = ""
        self.status = 0
        self.content = b""

    async def log_in(self, password: str, totp_secret: str) -> None:
        """Password, then a code of the second factor."""
        await self.open("/login")
        await self.send("/login", username=self.username, password=password)
        totp = pyotp.TOTP(totp_secret)
        try:
            await self.send("/login/second-factor", code=totp.now())
        except Surprise:
            # A code counts once: who logged in half a minute ago waits for the next one.
            await asyncio.sleep(totp.interval - time.time() % totp.interval + 0.5)
            await self.send("/login/second-factor", code=totp.now())
        if urlsplit(self.address).path.startswith("/login"):
            raise Surprise(f"{self.username} could not log in: {self.page.text[:300]}")

    async def open(self, path: str, expected: int = 200) -> Page:
        """A page, which must have this status."""
        self._take(await self.client.get(path))
        if self.status != expected:
            raise Surprise(f"{self.username} GET {path}: {self.status} instead of {expected}: {self.page.text[:300]}")
        return self.page

    async def send(
        self,
        action: str,
        /,
        *,
        expected: int = 200,
        files: dict[str, tuple[str, bytes, str]] | None = None,
        **typed: str,
    ) -> Page:
        """Fill in and send the form of this page that goes to `action`; the page that follows.

        The values of choices may be given as the words that a person picks by.
        """
        form = next((form for form in self.page.forms if form.action == action), None)
        if form is None:
            known = [form.action for form in self.page.forms]
            raise Surprise(f"{self.username}: no form goes to {action} on {self.address}, only {known}")
        fields = form.fields | {name: self._picked(form, name, value) for name, value in typed.items()}
        address = urljoin(self.address, action)
        origin = {"Origin": f"{self.client.base_url.scheme}://{self.client.base_url.netloc.decode()}"}
        self._take(await self.client.post(address, data=fields, files=files, headers=origin))
        if self.status != expected:
            raise Surprise(
                f"{self.username} POST {action}: {self.status} instead of {expected}: {self.page.text[:600]}"
            )
        return self.page

    def expect(self, *words: str) -> None:
        """The page must hold these words."""
        for word in words:
            if word not in self.page.text:
                raise Surprise(f"{self.username}: “{word}” is not on {self.address}: {self.page.text[:600]}")

    def offers(self, name: str, value: str) -> str | None:
        """Where the form goes that has this button, None where the page has no such button."""
        return next((form.action for form in self.page.forms if (name, value) in form.buttons), None)

    def id_of(self, prefix: str) -> str:
        """The id in the first link that begins so, or in the address itself."""
        for path in (urlsplit(self.address).path, *self.page.links):
            rest = path.removeprefix(prefix)
            if rest != path and len(rest) >= 36:
                return rest[:36]
        raise Surprise(f"{self.username}: nothing leads to {prefix}… on {self.address}")

    async def close(self) -> None:
        """End the browser."""
        await self.client.aclose()

    def _take(self, answer: httpx.Response) -> None:
        self.status, self.address, self.content = answer.status_code, str(answer.url), answer.content
        html = answer.headers.get("content-type", "").startswith("text/html")
        self.page = Page(answer.text if html else "")

    @staticmethod
    def _picked(form: WebForm, name: str, value: str) -> str:
        for choice, words in form.choices.get(name, []):
            if choice == value or (value and value in words):
                return choice
        return value
