"""Composition root of the phone's API and of the public pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from litestar import Litestar, Router
from litestar.static_files import create_static_files_router

from backend.accounts.known import KnownActors
from backend.accounts.routes import ROUTER as ACCOUNTS
from backend.applications.routes import ROUTER as APPLICATIONS
from backend.commendation.routes import ROUTER as COMMENDATION
from backend.composition import Services, compose
from backend.documents.routes import ROUTER as DOCUMENTS
from backend.insurance.routes import ROUTER as INSURANCE
from backend.notifications.routes import ROUTER as NOTIFICATIONS
from backend.recuperation.routes import ROUTER as RECUPERATION
from backend.registry.family.routes import ROUTER as FAMILY
from backend.registry.routes import ROUTER as REGISTRY
from backend.settings import settings
from backend.unions.routes import ROUTER as UNIONS
from backend.web.access_log import Stopwatch, log_answer
from backend.web.admission import UNBOUNDED, Admission
from backend.web.auth import PUBLIC, Authentication
from backend.web.deadline import Deadline
from backend.web.headers import SecurityHeaders
from backend.web.health import live, ready
from backend.web.openapi import openapi
from backend.web.plain_text import PlainText
from backend.web.problem import EXCEPTION_HANDLERS
from backend.web.public import certificate_page, notice_page
from backend.web.wiring import dependencies, pool

BODY_LIMIT = 64 * 1024
STATIC = Path(__file__).parent / "web" / "static"

#: The services that handlers may ask for by name.
NAMES = (
    "clock",
    "store",
    "login",
    "consents",
    "registry",
    "takeovers",
    "family",
    "additions",
    "documents",
    "viewing",
    "keeping",
    "notifications",
    "applications",
    "notices",
    "certificates",
    "requests",
    "enrolments",
    "covers",
    "proofs",
    "nominations",
    "approval_forms",
)


def create_app(services: Services) -> Litestar:
    """The API over these services."""
    api = Router(
        "/api/v1",
        route_handlers=[
            ACCOUNTS,
            UNIONS,
            REGISTRY,
            FAMILY,
            DOCUMENTS,
            RECUPERATION,
            INSURANCE,
            COMMENDATION,
            APPLICATIONS,
            NOTIFICATIONS,
        ],
    )
    files = create_static_files_router("/static", [STATIC], opt=PUBLIC | UNBOUNDED, include_in_schema=False)
    actors = KnownActors()

    @asynccontextmanager
    async def listening(app: Litestar) -> AsyncIterator[None]:
        async with actors.listening(services.settings.database_url):
            yield

    return Litestar(
        route_handlers=[live, ready, files, notice_page, certificate_page, api],
        dependencies=dependencies(services, NAMES),
        middleware=[
            Stopwatch(),
            SecurityHeaders(),
            Deadline(),
            Admission(services.settings.waiting, services.settings.wait_s, BODY_LIMIT),
            Authentication(services.login, actors),
            PlainText(),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=BODY_LIMIT,
        openapi_config=openapi(),
        lifespan=[pool(plan_once=True), listening],
        before_send=[log_answer],
        debug=False,
        logging_config=None,
    )


app = create_app(compose(settings()))
