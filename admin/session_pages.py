"""The pages around a session: logging in with two factors, logging out, password, language and size."""

from __future__ import annotations

import secrets
from typing import Any

import pyotp
import segno
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.response import Redirect

from admin.navigation import home_of
from admin.pages import LOGIN, SECOND_FACTOR, page
from admin.session import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    SIZE_COOKIE,
    browser_of,
    form_cookie,
    own_path,
    preference_cookie,
    session_cookie,
)
from backend.accounts.console_login import ConsoleLogin, Session, Step
from backend.errors import DomainError, RuleViolation, Throttled, Unauthenticated
from backend.identity import Actor
from backend.settings import Settings
from backend.web.auth import PUBLIC
from backend.words import UNPRINTABLE, Language

ISSUER = "娘家"


@get("/", name="home", sync_to_thread=False)
def home(actor: NamedDependency[Actor]) -> Redirect:
    """To where the caller's work is."""
    return Redirect(home_of(actor), status_code=303)


@get("/login", opt=PUBLIC, sync_to_thread=False)
def login_page(request: Request[Any, Any, Any], settings: NamedDependency[Settings]) -> Response[Any]:
    """The form for name and password; who is logged in goes on."""
    session = browser_of(request).session
    if session is not None and session.step is Step.DONE:
        return Redirect(own_path(request.query_params.get("next"), "/"), status_code=303)
    return _login_page(request, settings)


@post("/login", opt=PUBLIC, status_code=303)
async def log_in(
    request: Request[Any, Any, Any], console_login: NamedDependency[ConsoleLogin], settings: NamedDependency[Settings]
) -> Response[Any]:
    """Check the password, then ask for the second factor."""
    fields = await _fields(request)
    try:
        token = await console_login.begin(fields.get("username", ""), fields.get("password", ""), _address(request))
    except (Unauthenticated, Throttled) as error:
        return _login_page(request, settings, error, fields)
    return _onward(SECOND_FACTOR, fields, session_cookie(token, secure=_secure(settings)))


@get("/login/second-factor", opt=PUBLIC)
async def second_factor_page(
    request: Request[Any, Any, Any], console_login: NamedDependency[ConsoleLogin]
) -> Response[Any]:
    """The form for a code; at the first login with the secret to enrol."""
    session = browser_of(request).session
    if session is None or session.step is Step.DONE:
        return Redirect(LOGIN if session is None else "/", status_code=303)
    return await _code_page(request, console_login, session)


@post("/login/second-factor", opt=PUBLIC, status_code=303)
async def second_factor(
    request: Request[Any, Any, Any], console_login: NamedDependency[ConsoleLogin], settings: NamedDependency[Settings]
) -> Response[Any]:
    """Check the code; from here on somebody is logged in."""
    fields = await _fields(request)
    session = browser_of(request).session
    if session is None or session.step is Step.DONE:
        return Redirect(LOGIN if session is None else "/", status_code=303)
    try:
        code = "".join(fields.get("code", "").split())
        token = await console_login.prove(session, code, _address(request))
    except (Unauthenticated, Throttled) as error:
        return await _code_page(request, console_login, session, error, fields)
    return _onward(own_path(fields.get("next"), "/"), {}, session_cookie(token, secure=_secure(settings)))


@post("/logout", opt=PUBLIC, status_code=303)
async def log_out(request: Request[Any, Any, Any], console_login: NamedDependency[ConsoleLogin]) -> Redirect:
    """End this browser's session."""
    session = browser_of(request).session
    if session is not None:
        await console_login.end(session)
    answer = Redirect(LOGIN, status_code=303)
    answer.delete_cookie(SESSION_COOKIE)
    return answer


@post("/preferences", opt=PUBLIC, status_code=303)
async def preferences(request: Request[Any, Any, Any], settings: NamedDependency[Settings]) -> Redirect:
    """Keep a language or a size of text, and back to the page."""
    fields = await _fields(request)
    answer = Redirect(own_path(fields.get("next"), "/") if fields.get("next") != LOGIN else LOGIN, status_code=303)
    if fields.get("language") in set(Language):
        answer.set_cookie(preference_cookie(LANGUAGE_COOKIE, fields["language"], secure=_secure(settings)))
    if fields.get("size") in ("normal", "large"):
        answer.set_cookie(preference_cookie(SIZE_COOKIE, fields["size"], secure=_secure(settings)))
    return answer


@get("/password", sync_to_thread=False)
def password_page(request: Request[Any, Any, Any]) -> Response[str]:
    """The form for another password."""
    return page(request, "password.html", refusal=None)


@post("/password", status_code=303)
async def change_password(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], console_login: NamedDependency[ConsoleLogin]
) -> Response[Any]:
    """Set another password; every session of the account ends, this one too."""
    fields = await _fields(request)
    session = browser_of(request).session
    if session is None:
        return Redirect(LOGIN, status_code=303)
    try:
        await console_login.change_password(
            actor, session, fields.get("old", ""), fields.get("new", ""), _address(request)
        )
    except (Unauthenticated, Throttled, RuleViolation) as error:
        return page(request, "password.html", refusal=error)
    answer = Redirect(LOGIN, status_code=303)
    answer.delete_cookie(SESSION_COOKIE)
    return answer


PAGES = (
    home,
    login_page,
    log_in,
    second_factor_page,
    second_factor,
    log_out,
    preferences,
    password_page,
    change_password,
)


def _login_page(
    request: Request[Any, Any, Any],
    settings: Settings,
    refusal: DomainError | None = None,
    typed: dict[str, str] | None = None,
) -> Response[str]:
    browser = browser_of(request)
    wanted = (typed or request.query_params).get("next", "")
    if browser.secret and browser.session is None:
        return page(request, "login.html", refusal=refusal, next=own_path(wanted, "/"))
    # A form of its own secret from here on; the page is made with it.
    secret = secrets.token_urlsafe(32)
    request.scope["auth"] = type(browser)(None, secret, browser.language, browser.large)
    answer = page(request, "login.html", refusal=refusal, next=own_path(wanted, "/"))
    answer.set_cookie(form_cookie(secret, secure=_secure(settings)))
    if browser.session is not None:
        answer.delete_cookie(SESSION_COOKIE)
    return answer


async def _code_page(
    request: Request[Any, Any, Any],
    console_login: ConsoleLogin,
    session: Session,
    refusal: DomainError | None = None,
    typed: dict[str, str] | None = None,
) -> Response[str]:
    secret = image = ""
    if session.step is Step.ENROL:
        secret = await console_login.proposed_secret(session)
        uri = pyotp.TOTP(secret).provisioning_uri(name=session.username, issuer_name=ISSUER)
        image = segno.make(uri, error="m").svg_inline(scale=5, border=2, dark="#1c2024", light="#fff")
    return page(
        request,
        "second_factor.html",
        refusal=refusal,
        secret=secret,
        image=image,
        next=own_path((typed or request.query_params).get("next"), "/"),
    )


def _onward(path: str, fields: dict[str, str], cookie: Cookie) -> Redirect:
    wanted = own_path(fields.get("next"), "/")
    answer = Redirect(path, query_params={"next": wanted} if fields and wanted != "/" else None, status_code=303)
    answer.set_cookie(cookie)
    return answer


async def _fields(request: Request[Any, Any, Any]) -> dict[str, str]:
    fields = (await request.form()).items()
    return {name: UNPRINTABLE.sub("", value) for name, value in fields if isinstance(value, str)}


def _address(request: Request[Any, Any, Any]) -> str:
    return request.client.host if request.client else ""


def _secure(settings: Settings) -> bool:
    return settings.console_url.startswith("https://")
