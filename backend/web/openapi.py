"""What the OpenAPI document says of the API as a whole, and how it is given out."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from backend.web.auth import PUBLIC
from backend.web.glossary import described


class _Described(JsonRenderPlugin):
    """The document as JSON, with the vocabulary filled in."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """See JsonRenderPlugin."""
        return super().render(request, described(openapi_schema))


def openapi() -> OpenAPIConfig:
    """What the OpenAPI document says of the whole API."""
    return OpenAPIConfig(
        title="Niangjia 娘家",
        version="1",
        description=(
            "Benefits and recognition for union members. Times are RFC 3339 in UTC, dates are local (Asia/Shanghai),"
            " money is integer fen. Errors are RFC 9457 problem details with a stable `code`; words follow"
            " Accept-Language (zh-CN, en). What creates, changes or decides takes an Idempotency-Key."
        ),
        use_handler_docstrings=True,
        render_plugins=[_Described(path="/openapi.json")],
        openapi_router=Router("/schema", route_handlers=[], opt=PUBLIC, include_in_schema=False),
        security=[{"bearer": []}],
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
        tags=[
            Tag("accounts", "Logging in, devices, consents."),
            Tag("unions", "Finding one's union."),
            Tag("registry", "One's own record in the file of frontline staff."),
            Tag("documents", "Papers: reserve, upload to the store, complete, follow."),
            Tag("recuperation", "Batches of rest and recuperation, and requests."),
            Tag("applications", "One's cases: where they are, submit, confirm, withdraw."),
            Tag("notices", "Public notices and objections."),
            Tag("certificates", "What a certificate's public link stands for."),
            Tag("inbox", "Messages to the worker."),
            Tag("health", "Whether the process lives and is ready."),
        ],
    )
