"""Public pages that need no login: a notice while it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from backend.applications.notices import Notices
from backend.web.auth import NO_SECURITY, PUBLIC
from backend.web.handlers import problems
from backend.web.problem import language_of

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True)
)


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
    notice = await notices.public(token)
    language = language_of(request)
    html = _PAGES.get_template("notice.html").render(
        notice=notice, lang=language.value, title=notice.title.in_(language)
    )
    return Response(
        html,
        media_type=MediaType.HTML,
        headers={"X-Robots-Tag": "noindex, noarchive", "Content-Language": language.value},
    )
