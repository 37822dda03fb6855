"""How the desk's pages are made: one environment, the reader's language, refusals said on the page itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.response import Redirect

from admin.pages import TEMPLATES, shell
from admin.review.forms import new_token
from backend.calendars.service import working_days_after
from backend.clock import LOCAL
from backend.errors import DomainError, RuleViolation
from backend.identity import ROLE_LABELS, Actor, Role
from backend.web.problem import status_of, when_to_retry
from backend.words import Language

_PAGES = Environment(
    loader=FileSystemLoader([Path(__file__).parent / "templates", TEMPLATES]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: Request[Any, Any, Any],
    actor: Actor,
    template: str,
    *,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
    **shown: Any,
) -> Response[str]:
    """A page; with a `refusal` it carries the status of that error, says what and where, and keeps what was typed."""
    html = _PAGES.get_template(template).render(
        **shell(request), **_words(actor.language), token=new_token(), refusal=refusal, typed=typed or {}, **shown
    )
    return Response(
        html,
        media_type=MediaType.HTML,
        status_code=status_of(refusal) if refusal else 200,
        headers={"Content-Language": actor.language.value, "Cache-Control": "no-store", **when_to_retry(refusal)},
    )


def to(path: str, **query: str) -> Redirect:
    """On to another page after an act, by GET."""
    return Redirect(f"{path}?{urlencode(query)}" if query else path, status_code=303)


async def working_day_after(day: date, count: int) -> date | None:
    """The last of so many working days after a day, to be shown; None past the calendar's coverage."""
    try:
        return await working_days_after(day, count)
    except RuleViolation:
        return None


def _words(language: Language) -> dict[str, Any]:
    def when(instant: datetime | None) -> str:
        return instant.astimezone(LOCAL).strftime("%m-%d %H:%M") if instant else "—"

    def moment(instant: datetime | None) -> str:
        return instant.astimezone(LOCAL).strftime("%Y-%m-%d %H:%M") if instant else "—"

    def day(value: date | None) -> str:
        return value.isoformat() if value else "—"

    def yuan(fen: int) -> str:
        return f"{fen / 100:,.2f}"

    def pairs(rows: Iterable[Mapping[str, Any]], label: str = "name") -> list[tuple[Any, str]]:
        return [(row["id"], row[label]) for row in rows]

    def role(name: str) -> str:
        return ROLE_LABELS[Role(name)].in_(language) if name in set(Role) else name

    return {
        "pairs": pairs,
        "when": when,
        "moment": moment,
        "day": day,
        "yuan": yuan,
        "role_of": role,
        "query": urlencode,
    }
