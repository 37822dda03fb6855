"""Covers at the desk: who is covered on a day, an end by leaving or death shown before it is done, a unit's gaps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import Form, read_form
from admin.review.page import page, to
from backend.applications.desk import units_below
from backend.clock import Clock
from backend.errors import DomainError, NotFound
from backend.identity import Actor, Role
from backend.insurance import gaps
from backend.insurance.covers import DEATH, END_LABELS, LEFT, READ_ROLES, Covers, covers_in_scope
from backend.insurance.dates import STATE_LABELS, CoverState
from backend.insurance.panels import who_in_words
from backend.insurance.plans import plans_known
from backend.people.identifiers import IdentifierType, normal_identifier
from backend.people.service import People
from backend.words import Text

SHOWN = 50

STATE_TONES = {
    CoverState.UPCOMING: "info",
    CoverState.WAITING: "warn",
    CoverState.ACTIVE: "ok",
    CoverState.EXPIRED: "soft",
    CoverState.ENDED: "soft",
    CoverState.VOID: "soft",
}


@get("/mutual-aid/covers")
async def cover_list(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    people: NamedDependency[People],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """The covers in scope as they stand today, the newest first."""
    return await _list_page(request, actor, people, clock, Form({}))


@post("/mutual-aid/covers/find", status_code=200)
async def find_covers(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    people: NamedDependency[People],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """The covers of a name or a whole document number, as they stand on a day; nothing of it stands in an address."""
    return await _list_page(request, actor, people, clock, await read_form(request))


@get("/mutual-aid/departures/{person:uuid}")
async def departure_page(
    request: Request[Any, Any, Any],
    person: FromPath[UUID],
    actor: NamedDependency[Actor],
    covers: NamedDependency[Covers],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """What becomes of somebody's covers when they left the unit or died."""
    return await _departure(request, actor, covers, clock, person, Form({}))


@post("/mutual-aid/departures/{person:uuid}", status_code=303)
async def depart(
    request: Request[Any, Any, Any],
    person: FromPath[UUID],
    actor: NamedDependency[Actor],
    covers: NamedDependency[Covers],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Show what would end, or end it."""
    form = await read_form(request)
    if form.text("do") != "end":
        return await _departure(request, actor, covers, clock, person, form)

    async def work() -> UUID:
        await covers.depart(actor, person, form.day("on"), form.choice("reason", LEFT, DEATH))
        return person

    try:
        await form.once(actor, f"desk.depart:{person}", work)
    except DomainError as refusal:
        return await _departure(request, actor, covers, clock, person, form, refusal)
    return to("/review/mutual-aid/covers", done="ended")


@get("/mutual-aid/gaps")
async def gaps_page(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], clock: NamedDependency[Clock]
) -> Response[str]:
    """Listed frontline staff of a unit whom a plan does not cover, and why."""
    roles = actor.unions_as(*gaps.READ_ROLES)
    if not roles:
        raise NotFound()
    query = Form(dict(request.query_params))
    units = await units_below(actor, gaps.READ_ROLES)
    plans = await plans_known([*(union.union_id for union in roles), *(first.id for first in units[:1])])
    unit = query.id("unit") if query.fields.get("unit") else (units[0].id if units else None)
    version = query.id("plan") if query.fields.get("plan") else (plans[0].version if plans else None)
    found = await gaps.coverage_of(actor, clock, version, unit) if unit and version else None
    return page(
        request,
        actor,
        "review/gaps.html",
        coverage=found,
        units=units,
        plan_choices=[(plan.version, plan.name.in_(actor.language)) for plan in plans],
        unit=unit,
        plan=version,
        today=await clock.today(),
    )


async def _list_page(
    request: Request[Any, Any, Any], actor: Actor, people: People, clock: Clock, form: Form
) -> Response[str]:
    if not actor.unions_as(*READ_ROLES):
        raise NotFound()
    words = form.text("q")[:60]
    on: date = form.optional_day("on") or await clock.today()
    number = sum(sign.isdigit() for sign in words) >= 6
    digest = people.digest(normal_identifier(IdentifierType.RESIDENT_ID, words)) if number else None
    held = await covers_in_scope(actor, on, "" if number else words, digest, limit=SHOWN + 1)
    return page(
        request,
        actor,
        "review/covers.html",
        typed=form.fields,
        covers=held[:SHOWN],
        more=len(held) > SHOWN,
        on=on,
        words="" if number else words,
        states=STATE_LABELS,
        tones=STATE_TONES,
        ends=END_LABELS,
        who=who_in_words,
        ending=bool(actor.unions_as(Role.UNIT_OFFICER)),
        done=DONE.get(request.query_params.get("done", "")),
    )


async def _departure(
    request: Request[Any, Any, Any],
    actor: Actor,
    covers: Covers,
    clock: Clock,
    person: UUID,
    form: Form,
    refusal: DomainError | None = None,
) -> Response[str]:
    """The form, and below it what the act would do to each cover."""
    reason, on = form.fields.get("reason", LEFT), await clock.today()
    try:
        on = form.optional_day("on") or on
        found = await covers.departures(actor, person, on, reason)
    except NotFound:
        raise
    except DomainError as error:
        refusal = refusal or error
        on, found = await clock.today(), await covers.departures(actor, person, await clock.today(), LEFT)
    typed: Mapping[str, str] = {"on": on.isoformat(), "reason": reason, **form.fields}
    return page(
        request,
        actor,
        "review/departure.html",
        refusal=refusal,
        typed=typed,
        person=person,
        found=found,
        reasons=[(one, END_LABELS[one].in_(actor.language)) for one in (LEFT, DEATH)],
        who=who_in_words,
        seen=bool(form.fields),
    )


DONE = {"ended": Text("已登记,相关保障已按规定终止。", "Noted; the covers ended by their rule.")}
