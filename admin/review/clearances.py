"""Replies of authorities about one nominee: what is asked, what came, and a form to record the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import read_form
from admin.review.page import page, to
from backend.applications.casefile import require_readable
from backend.applications.papers import slots
from backend.applications.service import Applications
from backend.clock import Clock
from backend.commendation import clearances as rules
from backend.commendation import queries
from backend.commendation.clearances import REPLIES, Clearances, ReplyInput
from backend.commendation.nominations import KIND
from backend.commendation.terms import Category, terms_of
from backend.errors import DomainError, NotFound
from backend.identity import Actor


@get("/clearances/{application:uuid}")
async def clearance_page(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """The clearances of one nominee."""
    return await _show(request, actor, application, applications, clock)


@post("/clearances/{application:uuid}", status_code=303)
async def record_reply(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    clearances: NamedDependency[Clearances],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Record one reply."""
    form = await read_form(request)

    async def work() -> UUID:
        said = ReplyInput(
            authority=form.text("authority"),
            favourable=form.choice("favourable", "yes", "no") == "yes",
            opinion=form.text("opinion"),
            reference=form.text("reference"),
            replied_on=form.day("replied_on"),
            paper=form.id("paper"),
        )
        await clearances.reply(actor, application, said, form.number("version"))
        return application

    try:
        await form.once(actor, f"desk.clearance:{application}", work)
    except DomainError as refusal:
        return await _show(request, actor, application, applications, clock, refusal, form.fields)
    return to(f"/review/clearances/{application}", done="reply")


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    application: UUID,
    applications: Applications,
    clock: Clock,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    case = await require_readable(actor, applications, application)
    if case.kind != KIND:
        raise NotFound()
    row = await queries.nomination_row(application)
    asked = terms_of(case.content).authorities_for(Category(row["category"]))
    try:
        await rules.require_clerk(actor, case)
        acts = True
    except DomainError:
        acts = False
    papers = next((slot.papers for slot in await slots(case) if slot.requirement.key == REPLIES), ())
    return page(
        request,
        actor,
        "review/clearances.html",
        refusal=refusal,
        typed=typed,
        case=case,
        checks=await rules.judge(case, await clock.now()),
        replies=await queries.all_replies(application),
        names={authority.key: authority.label for authority in asked},
        authorities=[(authority.key, authority.label.in_(actor.language)) for authority in asked],
        papers=papers,
        acts=acts,
        done=request.query_params.get("done", ""),
    )
