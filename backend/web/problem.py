"""Errors as RFC 9457 problem details, in the caller's language; the only place that knows their HTTP status."""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from backend.database import new_id
from backend.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Malformed,
    NotFound,
    RuleViolation,
    Throttled,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Violation,
)
from backend.web.malformed import said, violations_of
from backend.words import Language, Text

log = structlog.get_logger(__name__)

STATUS: dict[type[DomainError], int] = {
    Malformed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    RuleViolation: 422,
    Throttled: 429,
    Unavailable: 503,
}

_TITLES = {
    400: Text("请求格式不正确", "The request cannot be read"),
    401: Text("请先登录", "Please log in"),
    403: Text("没有权限", "Not allowed"),
    404: Text("没有找到", "Not found"),
    405: Text("不支持这种请求方式", "This method is not supported"),
    409: Text("内容已变化", "Something changed meanwhile"),
    413: Text("内容过大", "Too large"),
    415: Text("不支持这种格式", "This format is not supported"),
    422: Text("不符合规定", "Some rules are not met"),
    429: Text("操作过于频繁", "Too many tries"),
    500: Text("系统出错", "Something went wrong"),
    503: Text("系统繁忙", "Busy"),
}


class ViolationOut(msgspec.Struct, kw_only=True):
    """One broken rule: a stable code, words, the field concerned and the clause."""

    code: str
    message: str
    field: str
    clause: str


class Problem(msgspec.Struct, kw_only=True):
    """An error answer (RFC 9457): `code` is stable, `detail` is for people, `violations` lists every broken rule."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    violations: list[ViolationOut] = []


def status_of(error: DomainError) -> int:
    """The HTTP status of a domain error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def language_of(request: Request[Any, Any, Any]) -> Language:
    """The language that the caller reads."""
    return Language.of(request.headers.get("accept-language"))


def problem(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    message: Text,
    violations: tuple[Violation, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    """A problem answer in the caller's language."""
    language = language_of(request)
    body = Problem(
        title=_TITLES.get(status, _TITLES[500]).in_(language),
        status=status,
        detail=message.in_(language),
        instance=request.url.path,
        code=code,
        violations=[
            ViolationOut(code=v.code, message=v.message.in_(language), field=v.field, clause=v.clause)
            for v in violations
        ],
    )
    return Response(
        body,
        status_code=status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", "Content-Language": language.value, **(headers or {})},
    )


def when_to_retry(error: DomainError | None) -> dict[str, str]:
    """The header that says when the same request may succeed, for the errors that pass."""
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, Throttled | Unavailable) else {}


def on_domain_error(request: Request[Any, Any, Any], error: DomainError) -> Response[Problem]:
    """Answer a refusal of the domain."""
    headers = when_to_retry(error)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(request, status_of(error), error.code, error.message, error.violations, headers)


def on_validation_error(request: Request[Any, Any, Any], error: ValidationException) -> Response[Problem]:
    """Answer input that does not have the declared form, naming the field."""
    message = Text("请检查标出的各项。", "Please check the fields that are named.")
    return problem(request, 400, "malformed", message, tuple(violations_of(error)))


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answer what the framework refuses: no such path, wrong method, too large a body."""
    status = error.status_code
    if status >= 500:
        return on_unexpected(request, error)
    words = said(error.detail) if status == 400 else _TITLES.get(status, _TITLES[400])
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 401: "login_needed"}.get(status, "malformed")
    allow = (error.headers or {}).get("Allow") or (error.headers or {}).get("allow")
    return problem(request, status, code, words, headers={"Allow": allow} if allow else None)


def on_constraint(
    request: Request[Any, Any, Any], error: asyncpg.IntegrityConstraintViolationError
) -> Response[Problem]:
    """Answer a rule that the database held where no service had looked: a conflict, and a bug worth a log line."""
    log.warning("constraint", constraint=error.constraint_name, path=request.route_handler.handler_name)
    return problem(request, 409, "conflict", Text("内容与已有记录冲突。", "This conflicts with what is on record."))


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer a bug: an incident number for the worker, the traceback for the log, nothing of the data."""
    incident = str(new_id())
    log.error("unexpected", incident=incident, method=request.method, error=type(error).__name__, exc_info=error)
    message = Text("系统出错,请稍后再试。编号 {incident}", "Something went wrong. Number {incident}").fill(
        incident=incident
    )
    return problem(request, 500, "internal", message)


EXCEPTION_HANDLERS: dict[Any, Any] = {
    DomainError: on_domain_error,
    ValidationException: on_validation_error,
    HTTPException: on_http_error,
    asyncpg.IntegrityConstraintViolationError: on_constraint,
    Exception: on_unexpected,
}
