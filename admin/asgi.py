"""Composition root of the console."""

from __future__ import annotations

from pathlib import Path

from litestar import Litestar
from litestar.di import Provide
from litestar.static_files import create_static_files_router

from admin.console import DataConsole
from admin.gate import Gate, data_console
from admin.pages import EXCEPTION_HANDLERS
from admin.review.routes import ROUTER as REVIEW
from admin.session import Sessions, own_form, signed_in
from admin.session_pages import PAGES
from backend.accounts.console_login import ConsoleLogin
from backend.composition import Services, compose
from backend.settings import settings
from backend.web.access_log import Stopwatch, log_answer
from backend.web.deadline import Deadline
from backend.web.headers import SecurityHeaders
from backend.web.health import live, ready
from backend.web.wiring import dependencies, pool

BODY_LIMIT = 256 * 1024
HERE = Path(__file__).parent

#: The services that pages may ask for by name.
NAMES = (
    "settings",
    "clock",
    "sealer",
    "store",
    "roles",
    "people",
    "registry",
    "takeovers",
    "additions",
    "rosters",
    "documents",
    "verdicts",
    "viewing",
    "applications",
    "notices",
    "programmes",
    "requests",
    "batches",
    "enrolments",
    "groups",
    "covers",
    "insurer_lists",
    "campaigns",
    "nominations",
    "recommendations",
    "clearances",
    "incidents",
    "slates",
    "approval_forms",
)


def create_app(services: Services) -> Litestar:
    """The console over these services."""
    login = ConsoleLogin(services.sealer)
    files = create_static_files_router(
        "/static", [HERE / "static", HERE / "review" / "static"], opt={"public": True, "no_session": True}
    )
    return Litestar(
        route_handlers=[live, ready, files, *PAGES, REVIEW, data_console(Gate(DataConsole(services), login))],
        dependencies=dependencies(services, NAMES) | {"console_login": Provide(lambda: login, sync_to_thread=False)},
        # Without a referrer a browser calls the origin of a form "null"; ours are asked where they come from.
        middleware=[Stopwatch(), SecurityHeaders(referrer_policy="same-origin"), Deadline(), Sessions(login)],
        guards=[signed_in, own_form],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=BODY_LIMIT,
        openapi_config=None,
        before_send=[log_answer],
        lifespan=[pool(plan_once=False)],
        debug=False,
        logging_config=None,
    )


app = create_app(compose(settings()))
