"""Public notices: those that stand, the objections against named entries, and where they are handled."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.review.page import page
from admin.review.queue import require_reader
from admin.review.words import PLACEMENTS, TONES
from backend.applications.lifecycle import State
from backend.applications.noticeboard import entries_of, notice_in_scope, notices_in_scope
from backend.applications.words import STAFF_STATES
from backend.clock import Clock
from backend.identity import Actor
from backend.settings import Settings


@get("/notices")
async def notice_list(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """The notices that name a case in scope."""
    require_reader(actor)
    return page(request, actor, "review/notices.html", notices=await notices_in_scope(actor))


@get("/notices/{notice:uuid}")
async def notice_page(
    request: Request[Any, Any, Any],
    notice: FromPath[UUID],
    actor: NamedDependency[Actor],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> Response[str]:
    """One notice: what it shows, and each objection; it is handled on the page of the case that it names."""
    require_reader(actor)
    return page(
        request,
        actor,
        "review/notice.html",
        notice=await notice_in_scope(actor, notice),
        entries=await entries_of(actor, notice),
        today=await clock.today(),
        public_url=settings.public_url,
        placements=PLACEMENTS,
        states=STAFF_STATES,
        tones=TONES,
        State=State,
    )
