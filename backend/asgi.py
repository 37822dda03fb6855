"""Composition root of the phone's API and of the public pages."""

from __future__ import annotations

from litestar import Litestar, Router

from backend.accounts.routes import ROUTER as ACCOUNTS
from backend.applications.routes import ROUTER as APPLICATIONS
from backend.composition import Services, compose
from backend.documents.routes import ROUTER as DOCUMENTS
from backend.notifications.routes import ROUTER as NOTIFICATIONS
from backend.recuperation.routes import ROUTER as RECUPERATION
from backend.registry.routes import ROUTER as REGISTRY
from backend.settings import settings
from backend.unions.routes import ROUTER as UNIONS
from backend.web.access_log import Stopwatch, log_answer
from backend.web.auth import Authentication, signed_in
from backend.web.headers import SecurityHeaders
from backend.web.health import live, ready
from backend.web.openapi import openapi
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
    "keeping",
    "notifications",
    "applications",
    "notices",
    "requests",
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
        middleware=[Stopwatch(), SecurityHeaders(), Authentication(services.login)],
        guards=[signed_in],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=BODY_LIMIT,
        openapi_config=openapi(),
        lifespan=[pool],
        before_send=[log_answer],
        debug=False,
        logging_config=None,
    )


app = create_app(compose(settings()))
