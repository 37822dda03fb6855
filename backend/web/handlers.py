"""Route decorators that declare the problems a route may answer with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import get, post, put
from litestar.handlers import HTTPRouteHandler, delete, patch
from litestar.openapi.datastructures import ResponseSpec

from backend.web.problem import Problem

#: Turns a function into a route.
Route = Callable[[Callable[..., Any]], HTTPRouteHandler]

_MEANINGS = {
    400: "Malformed: a wrong type, an unknown field, a bad cursor.",
    401: "No valid token.",
    403: "Known, and never allowed.",
    404: "No such object, or not the caller's.",
    409: "Stale version or not possible in this state.",
    413: "Too large.",
    422: "One or more rules are not met: `violations` lists all of them.",
    429: "Too many tries; see Retry-After.",
    503: "A part does not answer, or too many ask at once; see Retry-After.",
}

_READ = (400, 401, 404, 429, 503)
_WRITE = (400, 401, 403, 404, 409, 413, 422, 429, 503)


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The declarations of these problem answers."""
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=_MEANINGS[status], media_type=_PROBLEM)
        for status in statuses
    }


def read(path: str, **options: Any) -> Route:
    """A GET route."""
    return get(path, responses=problems(*_READ), **options)


def write(path: str, **options: Any) -> Route:
    """A POST route: it creates or decides, and is done once per Idempotency-Key where it takes one."""
    return post(path, responses=problems(*_WRITE), **options)


def change(path: str, **options: Any) -> Route:
    """A PATCH route."""
    return patch(path, responses=problems(*_WRITE), **options)


def replace(path: str, **options: Any) -> Route:
    """A PUT route."""
    return put(path, responses=problems(*_WRITE), **options)


def remove(path: str, **options: Any) -> Route:
    """A DELETE route."""
    return delete(path, responses=problems(*_WRITE), **options)


_PROBLEM: Any = "application/problem+json"
