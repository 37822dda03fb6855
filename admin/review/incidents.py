"""Incidents that bar nominations: what is on record in scope, and the form that notes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from admin.review.campaigns import reading
from admin.review.forms import read_form
from admin.review.page import page, to
from backend.applications.desk import units_below
from backend.commendation.incidents import RECORDERS, IncidentInput, Incidents, incidents_in_scope
from backend.commendation.terms import INCIDENT_LABELS, Incident
from backend.errors import DomainError
from backend.identity import Actor


@get("/incidents")
async def incident_list(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """What is on record against the units in scope and their staff."""
    return await _show(request, actor)


@post("/incidents", status_code=303)
async def note(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], incidents: NamedDependency[Incidents]
) -> Response[str] | Redirect:
    """Put an incident on record."""
    reading(actor)
    form = await read_form(request)
    try:
        entered = IncidentInput(
            form.id("unit"),
            Incident(form.choice("incident", *Incident)),
            form.day("happened_on"),
            form.text("source"),
            form.text("number"),
        )
        await form.once(actor, "desk.incident", lambda: incidents.note(actor, entered))
    except DomainError as refusal:
        return await _show(request, actor, refusal, form.fields)
    return to("/review/incidents", done="noted")


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    return page(
        request,
        actor,
        "review/incidents.html",
        refusal=refusal,
        typed=typed,
        incidents=await incidents_in_scope(reading(actor)),
        units=[(unit.id, unit.short_name) for unit in await units_below(actor, RECORDERS)],
        kinds=[(kind, words.in_(actor.language)) for kind, words in INCIDENT_LABELS.items()],
        labels=INCIDENT_LABELS,
        Incident=Incident,
        noted=request.query_params.get("done") == "noted",
    )
