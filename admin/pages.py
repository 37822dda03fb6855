"""How the console's pages are made: the shell around every page, and refusals as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect

from admin.navigation import current, menu_for
from admin.session import CSRF_FIELD, browser_of
from backend.accounts.console_login import Step
from backend.database import new_id
from backend.errors import DomainError, Unauthenticated
from backend.identity import ROLE_LABELS, Actor
from backend.web.problem import status_of, when_to_retry
from backend.words import Text

log = structlog.get_logger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
LOGIN, SECOND_FACTOR = "/login", "/login/second-factor"

_PAGES = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)

_WORDS = {
    400: Text("请求格式不正确。", "The request cannot be read."),
    404: Text("没有这个页面。", "There is no such page."),
    405: Text("不支持这种操作。", "This is not possible here."),
    413: Text("内容过大。", "Too large."),
}


def shell(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """What `base.html` needs of a request: language, size, menu, who is asking, and `csrf` for the page's forms.

    `t(zh, en)` and `say(text)` give words in the reader's language.
    """
    browser = browser_of(request)
    user = request.scope.get("user")
    actor = user if isinstance(user, Actor) else None
    menu = menu_for(actor) if actor else []
    language = browser.language
    query = request.url.query
    return {
        "lang": language.value,
        "large": browser.large,
        "csrf": browser.csrf,
        "csrf_field": CSRF_FIELD,
        "actor": actor,
        "roles": [ROLE_LABELS[role].in_(language) for role in sorted(actor.roles)] if actor else [],
        "menu": menu,
        "here": current(request.url.path, menu),
        "path": request.url.path,
        "address": f"{request.url.path}?{query}" if query else request.url.path,
        "t": lambda zh, en: Text(zh, en).in_(language),
        "say": lambda text: text.in_(language),
    }


def page(
    request: Request[Any, Any, Any],
    template: str,
    *,
    refusal: DomainError | None = None,
    status: int | None = None,
    **shown: Any,
) -> Response[str]:
    """A page of the shell itself; with a `refusal` it carries the status of that error."""
    headers = {"Content-Language": browser_of(request).language.value, **when_to_retry(refusal)}
    return Response(
        _PAGES.get_template(template).render(**shell(request), refusal=refusal, **shown),
        media_type=MediaType.HTML,
        status_code=status or (status_of(refusal) if refusal else 200),
        headers=headers,
    )


def refusal_page(request: Request[Any, Any, Any], status: int, message: Text) -> Response[str]:
    """A refusal that is not the domain's, as a page."""
    return page(request, "refusal.html", status=status, message=message)


def on_domain_error(request: Request[Any, Any, Any], error: DomainError) -> Response[Any]:
    """Answer a refusal of the domain; who is not logged in is led to the step that is missing."""
    if isinstance(error, Unauthenticated):
        session = browser_of(request).session
        place = SECOND_FACTOR if session and session.step is not Step.DONE else LOGIN
        if request.headers.get("accept", "").startswith("application/json"):
            # A script is asking: it takes no page for an answer.
            return Response({"detail": error.message.in_(browser_of(request).language)}, status_code=401)
        # What a mount makes of the path is not what the browser asked for.
        wanted = request.scope["raw_path"].decode("latin-1") + (f"?{request.url.query}" if request.url.query else "")
        return Redirect(f"{place}?{urlencode({'next': wanted if request.method == 'GET' else '/'})}", status_code=303)
    return page(request, "refusal.html", refusal=error, message=error.message)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer what the framework refuses: no such page, wrong method, too large a form."""
    if error.status_code >= 500:
        return on_unexpected(request, error)
    return refusal_page(request, error.status_code, _WORDS.get(error.status_code, _WORDS[400]))


def on_validation_error(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    """Answer a path or a query that does not have the declared form."""
    return refusal_page(request, 400, _WORDS[400])


def on_constraint(request: Request[Any, Any, Any], error: asyncpg.IntegrityConstraintViolationError) -> Response[Any]:
    """Answer a rule that the database held where no service had looked: a conflict, and a bug worth a log line."""
    log.warning("constraint", constraint=error.constraint_name, path=request.route_handler.handler_name)
    return refusal_page(request, 409, Text("内容与已有记录冲突。", "This conflicts with what is on record."))


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer a bug: an incident number for the reader, the traceback for the log, nothing of the data."""
    incident = str(new_id())
    log.error("unexpected", incident=incident, method=request.method, error=type(error).__name__, exc_info=error)
    message = Text("系统出错,请稍后再试。编号 {incident}", "Something went wrong. Number {incident}")
    return refusal_page(request, 500, message.fill(incident=incident))


EXCEPTION_HANDLERS: dict[Any, Any] = {
    DomainError: on_domain_error,
    ValidationException: on_validation_error,
    HTTPException: on_http_error,
    asyncpg.IntegrityConstraintViolationError: on_constraint,
    Exception: on_unexpected,
}
