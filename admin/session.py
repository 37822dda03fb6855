"""From a cookie to an Actor: the browser's session, its preferences, and the proof that a form is ours."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from backend.accounts.console_login import ConsoleLogin, Session
from backend.errors import Forbidden, Unauthenticated
from backend.identity import Actor
from backend.words import Language, Text

SESSION_COOKIE = "niangjia_console"
FORM_COOKIE = "niangjia_form"
LANGUAGE_COOKIE = "niangjia_language"
SIZE_COOKIE = "niangjia_size"

CSRF_FIELD = "_csrf"
CSRF_HEADER = "x-csrf-token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_YEAR = 365 * 24 * 3600

#: A path on this site: one slash, then nothing that a browser could take for a host or drop on the way.
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


@dataclass(frozen=True, slots=True)
class Browser:
    """Who and what is asking: the session if there is one, the secret that its forms prove, what it prefers."""

    session: Session | None
    secret: str
    language: Language
    large: bool

    @property
    def csrf(self) -> str:
        """What every form of this browser carries in the field `_csrf`."""
        return hmac.digest(self.secret.encode(), b"form", hashlib.sha256).hex() if self.secret else ""


class Sessions(ASGIMiddleware):
    """Puts the Browser, and the Actor of a session that is fully proven, into the scope; asks nothing of anybody."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, login: ConsoleLogin) -> None:
        self._login = login

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Look up the session, then go on."""
        if not scope["route_handler"].opt.get("no_session"):
            connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)
            cookies = connection.cookies
            token = cookies.get(SESSION_COOKIE, "")
            language = (
                Language(cookies[LANGUAGE_COOKIE])
                if cookies.get(LANGUAGE_COOKIE) in set(Language)
                else Language.of(connection.headers.get("accept-language"))
            )
            session = await self._login.session(token, language) if token else None
            scope["auth"] = Browser(
                session,
                token if session else cookies.get(FORM_COOKIE, ""),
                language,
                cookies.get(SIZE_COOKIE) == "large",
            )
            if session is not None and session.actor is not None:
                scope["user"] = session.actor
        await next_app(scope, receive, send)


def browser_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Browser:
    """The browser of a request; one that prefers nothing where the route looks for no session."""
    found = connection.scope.get("auth")
    if isinstance(found, Browser):
        return found
    return Browser(None, "", Language.of(connection.headers.get("accept-language")), large=False)


async def signed_in(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard of every route: somebody is logged in with both factors, or the route is public.

    A coroutine, because a plain function would be given a thread.
    """
    if not handler.opt.get("public") and not isinstance(connection.scope.get("user"), Actor):
        raise Unauthenticated("login_needed", Text("请先登录。", "Please log in."))


async def own_form(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard of every route: what changes something comes from a page of ours, in this very browser."""
    if connection.scope.get("method") in _SAFE_METHODS:
        return
    require_same_origin(connection)
    if not isinstance(connection, Request):
        return
    given = connection.headers.get(CSRF_HEADER) or (await connection.form()).get(CSRF_FIELD, "")
    expected = browser_of(connection).csrf
    if not (expected and isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())):
        raise _foreign_form()


def require_same_origin(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Raise Forbidden where the browser says that another site is asking."""
    if connection.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _foreign_form()
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != connection.headers.get("host"):
        raise _foreign_form()


def own_path(wanted: str | None, otherwise: str = "/review/") -> str:
    """`wanted` where it is a path on this site, else `otherwise`: nobody is sent elsewhere after a login."""
    return wanted if wanted and _OWN_PATH.fullmatch(wanted) and not wanted.startswith("/login") else otherwise


def session_cookie(token: str, *, secure: bool) -> Cookie:
    """The session in the browser: gone with it, out of reach of scripts and of other sites."""
    return Cookie(SESSION_COOKIE, value=token, path="/", httponly=True, samesite="strict", secure=secure)


def form_cookie(secret: str, *, secure: bool) -> Cookie:
    """The secret that the forms before the login prove."""
    return Cookie(FORM_COOKIE, value=secret, path="/", httponly=True, samesite="strict", secure=secure)


def preference_cookie(name: str, value: str, *, secure: bool) -> Cookie:
    """A preference, kept for a year."""
    return Cookie(name, value=value, path="/", httponly=True, samesite="lax", secure=secure, max_age=_YEAR)


def _foreign_form() -> Forbidden:
    return Forbidden(
        "foreign_form",
        Text("页面已过期,请返回、刷新后重试。", "This page is out of date: go back, reload it and try again."),
    )
