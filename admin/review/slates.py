"""The slate page: order, placements, quotas and ratios judged as they stand, and confirmed by the chair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import Form, read_form
from admin.review.page import page, to
from admin.review.words import CAMPAIGN_STATES
from backend.applications.lifecycle import StageKind
from backend.clock import Clock
from backend.commendation import queries
from backend.commendation.slate import MAIN, NO_CHOICES, OUT, RESERVE, Choices, Slates
from backend.commendation.terms import TRAIT_LABELS, terms_of
from backend.errors import DomainError, NotFound
from backend.identity import Actor, Role
from backend.web.deadline import LONG
from backend.words import Text

#: Who sees scores before the slate is public, at the organiser or above: not the units themselves.
SLATE_ROLES = (Role.HR_VERIFIER, Role.CHAIR, Role.REVIEWER, Role.AUDITOR)

PLACES = {MAIN: Text("正选", "Main"), RESERVE: Text("递补", "Reserve"), OUT: Text("不列入", "Left out")}


@get("/campaigns/{campaign:uuid}/slate")
async def slate_page(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    slates: NamedDependency[Slates],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """The slate as it is, or as the order proposes it."""
    return await _show(request, actor, campaign, slates, clock, NO_CHOICES)


@post("/campaigns/{campaign:uuid}/slate/check", status_code=200)
async def check_slate(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    slates: NamedDependency[Slates],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """Judge the slate with these placements; nothing is written."""
    form = await read_form(request)
    return await _show(request, actor, campaign, slates, clock, _choices(form), typed=form.fields)


@post("/campaigns/{campaign:uuid}/slate", opt=LONG, status_code=303)
async def confirm_slate(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    slates: NamedDependency[Slates],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Confirm the slate with these placements and reasons."""
    form = await read_form(request)
    await _require_judge(actor, campaign)
    choices = _choices(form)

    async def work() -> UUID:
        await slates.confirm(actor, campaign, form.number("version"), choices)
        return campaign

    try:
        await form.once(actor, f"desk.campaign.slate:{campaign}", work)
    except DomainError as refusal:
        return await _show(request, actor, campaign, slates, clock, choices, refusal, form.fields)
    return to(f"/review/campaigns/{campaign}", done="slate")


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    campaign: UUID,
    slates: Slates,
    clock: Clock,
    choices: Choices,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    row = await _require_judge(actor, campaign)
    content = queries.content_of(row)
    return page(
        request,
        actor,
        "review/slate.html",
        refusal=refusal,
        typed=typed,
        campaign=row,
        terms=terms_of(content),
        slate=await slates.look(campaign, choices),
        undecided=await queries.undecided(campaign, queries.stage_of(content, StageKind.ALLOCATION).key),
        choices=await queries.choices(campaign),
        chairs=row["organiser"] in {binding.union_id for binding in actor.unions_as(Role.CHAIR)},
        closed=await clock.now() >= row["closes_at"],
        places=PLACES,
        traits=TRAIT_LABELS,
        campaign_states=CAMPAIGN_STATES,
    )


async def _require_judge(actor: Actor, campaign: UUID) -> asyncpg.Record:
    bindings = actor.unions_as(*SLATE_ROLES)
    row = await queries.require_campaign_in_scope(bindings, campaign)
    if not await queries.organiser_in_scope(bindings, campaign):
        raise NotFound()
    return row


def _choices(form: Form) -> Choices:
    placements, reasons, ratios = {}, {}, {}
    for name, value in form.fields.items():
        kind, _, key = name.partition("_")
        if kind == "place" and value in PLACES:
            placements[_id(key)] = value
        elif kind == "reason":
            reasons[_id(key)] = form.text(name)
        elif kind == "ratio":
            ratios[key] = form.text(name)
    return Choices(placements, reasons, ratios)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
