"""Public notices: those that stand, the objections against named entries, and where they are handled."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import read_form
from admin.review.page import page, to, working_day_after
from admin.review.queue import require_reader
from admin.review.words import PLACEMENTS, TONES
from backend.applications.lifecycle import State
from backend.applications.noticeboard import entries_of, notice_in_scope, notices_in_scope, waiting_for
from backend.applications.notices import Notices, Waiting
from backend.applications.service import Applications
from backend.applications.words import STAFF_STATES
from backend.clock import Clock
from backend.errors import DomainError
from backend.identity import Actor
from backend.settings import Settings
from backend.web.deadline import LONG


@get("/notices")
async def notice_list(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """What waits to be announced by the reader, and the notices that name a case in scope."""
    return await _list(request, actor, applications, clock)


@post("/notices", opt=LONG, status_code=303)
async def announce(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    notices: NamedDependency[Notices],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Put what waits on notice."""
    form = await read_form(request)
    try:
        waiting = Waiting(
            kind=form.text("kind"),
            version=form.id("programme_version"),
            aggregate=form.id("aggregate") if form.text("aggregate") else None,
            stage=form.text("stage"),
            union=form.id("union"),
        )
        made = await form.once(actor, "desk.notice", lambda: notices.announce(actor, waiting))
    except DomainError as refusal:
        return await _list(request, actor, notices.applications, clock, refusal)
    return to(f"/review/notices/{made}")


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


async def _list(
    request: Request[Any, Any, Any],
    actor: Actor,
    applications: Applications,
    clock: Clock,
    refusal: DomainError | None = None,
) -> Response[str]:
    require_reader(actor)
    today = await clock.today()
    waiting = await waiting_for(actor, applications.processes)
    return page(
        request,
        actor,
        "review/notices.html",
        refusal=refusal,
        waiting=[(one, await working_day_after(today, one["working_days"])) for one in waiting],
        notices=await notices_in_scope(actor),
        today=today,
    )
