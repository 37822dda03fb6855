"""Every route of the API asks who is there, but for a short list."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from httpx import ASGITransport, AsyncClient
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from backend.asgi import app
from backend.web.auth import Authentication

#: What anybody may call, and why: somebody must be able to log in, to watch the process, to read what is public.
PUBLIC = {
    "/api/v1/login/codes",
    "/api/v1/login/tokens",
    "/api/v1/login/refresh",
    "/health/live",
    "/health/ready",
    "/notices/{token:str}",
    "/certificates/{token:str}",
    "/static/{file_path:path}",
}


def handlers() -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Path, method and handler of every route of ours."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and not route.path.startswith("/schema"):
            for handler in sorted(route.route_handlers, key=lambda handler: sorted(handler.http_methods)):
                for method in sorted(handler.http_methods):
                    if method != "OPTIONS":
                        yield route.path, method, handler


@pytest.mark.parametrize(("path", "method", "handler"), list(handlers()), ids=lambda part: str(part)[:60])
async def test_a_route_asks_who_is_there(path: str, method: str, handler: HTTPRouteHandler) -> None:
    assert any(isinstance(each, Authentication) for each in handler.resolve_middleware())
    assert bool(handler.opt.get("public")) is (path in PUBLIC)
    if path in PUBLIC:
        return
    address = re.sub(r"\{[^}]*\}", "019a0000-0000-7000-8000-000000000000", path)
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic bm9ib2R5Og=="}):
        transport = ASGITransport(app)  # type: ignore[arg-type]  # Litestar spells the same protocol more narrowly
        async with AsyncClient(transport=transport, base_url="http://api") as nobody:
            answer = await nobody.request(method, address, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_nothing_is_public_that_is_not_there() -> None:
    assert {path for path, _, _ in handlers()} >= PUBLIC


def test_every_operation_is_named_once_and_says_what_it_does() -> None:
    operations = [
        operation
        for item in (app.openapi_schema.paths or {}).values()
        for operation in (item.get, item.post, item.put, item.patch, item.delete)
        if operation is not None
    ]
    names = [operation.operation_id for operation in operations]
    assert len(set(names)) == len(names)
    assert [name for name, one in zip(names, operations, strict=True) if not (one.summary or one.description)] == []
