"""Composition root of the phone's API and of the public pages."""

from __future__ import annotations

from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from backend.accounts.routes import ROUTER as ACCOUNTS
from backend.applications.routes import ROUTER as APPLICATIONS
from backend.composition import Services, compose
from backend.documents.routes import ROUTER as DOCUMENTS
from backend.notifications.routes import ROUTER as NOTIFICATIONS
from backend.recuperation.routes import ROUTER as RECUPERATION
from backend.registry.routes import ROUTER as REGISTRY
from backend.settings import settings
from backend.unions.routes import ROUTER as UNIONS
from backend.web.auth import Authentication, signed_in
from backend.web.headers import SecurityHeaders
from backend.web.health import live, ready
from backend.web.problem import EXCEPTION_HANDLERS
from backend.web.public import notice_page
from backend.web.wiring import dependencies, pool

BODY_LIMIT = 64 * 1024

#: The services that handlers may ask for by name.
NAMES = (
    "clock",
    "store",
    "login",
    "consents",
    "registry",
    "takeovers",
    "documents",
    "notifications",
    "applications",
    "notices",
    "requests",
)


def openapi() -> OpenAPIConfig:
    """What the OpenAPI document says of the whole API."""
    return OpenAPIConfig(
        title="Niangjia 娘家",
        version="1",
        description=(
            "Benefits and recognition for union members. Times are RFC 3339 in UTC, dates are local (Asia/Shanghai),"
            " money is integer fen. Errors are RFC 9457 problem details with a stable `code`; words follow"
            " Accept-Language (zh-CN, en). Creating and deciding POSTs take an Idempotency-Key."
        ),
        path="/schema",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
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
            Tag("notifications", "The inbox."),
            Tag("health", "Whether the process lives and is ready."),
        ],
    )


def create_app(services: Services) -> Litestar:
    """The API over these services."""
    api = Router(
        "/api/v1",
        route_handlers=[ACCOUNTS, UNIONS, REGISTRY, DOCUMENTS, RECUPERATION, APPLICATIONS, NOTIFICATIONS],
    )
    return Litestar(
        route_handlers=[live, ready, notice_page, api],
        dependencies=dependencies(services, NAMES),
        middleware=[SecurityHeaders(), Authentication(services.login)],
        guards=[signed_in],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=BODY_LIMIT,
        openapi_config=openapi(),
        lifespan=[pool],
        debug=False,
        logging_config=None,
    )


app = create_app(compose(settings()))
