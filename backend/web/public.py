"""Public pages that need no login: a notice while it stands, what a certificate's link stands for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from backend.applications.notices import Notices
from backend.certificates.service import Certificates
from backend.certificates.shown import STANDING_LABELS
from backend.web.auth import NO_SECURITY, PUBLIC
from backend.web.handlers import problems
from backend.web.problem import language_of
from backend.words import Language

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True)
)

_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


@get(
    "/notices/{token:str}",
    opt=PUBLIC,
    security=NO_SECURITY,
    tags=["notices"],
    operation_id="readNotice",
    media_type=MediaType.HTML,
    responses=problems(400, 404, 429, 503),
)
async def notice_page(
    token: FromPath[str], request: Request[Any, Any, Any], notices: NamedDependency[Notices]
) -> Response[str]:
    """A public notice as a page, while it stands; never indexed, gone at its end."""
    notice = await notices.public(_possible(token))
    language = language_of(request)
    return _page("notice.html", language, notice=notice, title=notice.title.in_(language))


@get(
    "/certificates/{token:str}",
    opt=PUBLIC,
    security=NO_SECURITY,
    tags=["certificates"],
    operation_id="verifyCertificate",
    media_type=MediaType.HTML,
    responses=problems(400, 404, 429, 503),
)
async def certificate_page(
    token: FromPath[str], request: Request[Any, Any, Any], certificates: NamedDependency[Certificates]
) -> Response[str]:
    """Whether a certificate holds today, as a page for who scans its code; never indexed."""
    certificate = await certificates.public(_possible(token))
    language = language_of(request)
    return _page(
        "certificate.html",
        language,
        certificate=certificate,
        title=certificate.title.in_(language),
        standing=STANDING_LABELS[certificate.standing].in_(language),
        lines=[(line.label.in_(language), line.value.in_(language)) for line in certificate.lines],
    )


def _possible(token: str) -> str:
    """The token, or the empty one, which nobody has, where the text cannot be one: the database takes no NUL."""
    return token if _TOKEN.fullmatch(token) else ""


def _page(template: str, language: Language, **values: Any) -> Response[str]:
    return Response(
        _PAGES.get_template(template).render(lang=language.value, **values),
        media_type=MediaType.HTML,
        headers={"X-Robots-Tag": "noindex, noarchive", "Content-Language": language.value},
    )
