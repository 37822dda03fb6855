"""A browser without eyes: it keeps cookies, fills in forms and reads codes off an authenticator."""

from __future__ import annotations

import hashlib
import html
import re
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

import httpx
import pyotp
from httpx import ASGITransport
from litestar import Litestar

from admin.asgi import create_app
from admin.session import SESSION_COOKIE
from backend.accounts.tables import ConsoleSession
from backend.clock import security_now
from backend.composition import Services, compose
from backend.database import new_id
from backend.settings import settings

PASSWORD = "a long password"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@cache
def all_services() -> Services:
    """The services of the console's application."""
    return compose(settings())


@cache
def console() -> Litestar:
    """The console's application, whose pool is the test's; one for all tests, for making it takes long."""
    return create_app(all_services())


async def signed_in(account: UUID, services: Services | None = None) -> httpx.AsyncClient:
    """A browser with a session of this account, both factors proven, at a console of other services if so wanted."""
    app = console() if services is None or services is all_services() else create_app(services)
    token, now = secrets.token_urlsafe(32), security_now()
    await ConsoleSession.insert(
        ConsoleSession(
            id=new_id(),
            account=account,
            token_digest=hashlib.sha256(token.encode()).digest(),
            proven=True,
            created_at=now,
            used_at=now,
        )
    )
    # Litestar spells the protocol of an application more narrowly than httpx.
    transport = ASGITransport(app)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://console.test", cookies={SESSION_COOKIE: token})


@dataclass
class Browser:
    """One browser at the console."""

    address: str = "127.0.0.1"
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        # Litestar spells the protocol of an application more narrowly than httpx.
        transport = ASGITransport(console(), client=(self.address, 50000))  # type: ignore[arg-type]
        self.client = httpx.AsyncClient(transport=transport, base_url="http://console.test")

    async def get(self, path: str, **more: str) -> httpx.Response:
        """A page, without following a redirect."""
        return await self.client.get(path, headers=more)

    async def submit(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Send the form on `page` that goes to `action`, with what is typed into it."""
        form = hidden((await self.client.get(page)).text, action)
        return await self.client.post(action, data={**form, **fields})

    async def password(self, username: str, password: str = PASSWORD, page: str = "/login") -> httpx.Response:
        """The first step of logging in."""
        return await self.submit(page, "/login", username=username, password=password)

    async def code(self, code: str, page: str = "/login/second-factor") -> httpx.Response:
        """The second step."""
        return await self.submit(page, "/login/second-factor", code=code)

    async def log_in(self, username: str, secret: str = SECRET, later: int = 0) -> None:
        """Both steps; `later` codes ahead, for a second login within half a minute."""
        assert (await self.password(username)).status_code == 303
        answer = await self.code(code_of(secret, later))
        assert answer.status_code == 303, answer.text

    async def is_logged_in(self) -> bool:
        """Whether a page for those who are logged in opens."""
        return (await self.client.get("/password")).status_code == 200

    async def data(self, method: str, path: str, **more: object) -> httpx.Response:
        """A request of the data console's own page, with the token it reads from its cookie."""
        if "csrftoken" not in self.client.cookies:
            await self.client.get("/admin/")
        headers = {"X-CSRFToken": self.client.cookies["csrftoken"]}
        return await self.client.request(method, f"/admin{path}", headers=headers, **more)  # type: ignore[arg-type]


def code_of(secret: str = SECRET, later: int = 0) -> str:
    """What an authenticator shows now, or so many half-minutes later."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * later)


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that goes to `action`."""
    for form in re.findall(r"<form[^>]*>.*?</form>", page, re.S):
        if f'action="{action}"' in form:
            found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
            return {name: html.unescape(value) for name, value in found}
    raise AssertionError(f"no form goes to {action}")
