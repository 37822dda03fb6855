"""Campaigns of awards: drafting, quotas, opening, the window, closing, and the way to their slates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import Form, read_form
from admin.review.page import page, to
from admin.review.words import CAMPAIGN_STATES
from backend.applications.lifecycle import StageKind
from backend.clock import Clock
from backend.commendation import policy, queries
from backend.commendation.campaigns import CampaignInput, Campaigns
from backend.commendation.terms import INCIDENT_LABELS, terms_of
from backend.errors import DomainError, NotFound
from backend.identity import Actor, Binding, Level, Role
from backend.unions.service import at_or_below
from backend.unions.service import one as union_of
from backend.words import Text

READ_ROLES = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.CHAIR, Role.REVIEWER, Role.AUDITOR)
DRAFT_ROLES = (Role.HR_VERIFIER, Role.CHAIR)


@get("/campaigns")
async def campaign_list(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """The campaigns that concern the actor's unions, newest first."""
    return page(
        request,
        actor,
        "review/campaigns.html",
        campaigns=await queries.campaigns_in_scope(reading(actor)),
        campaign_states=CAMPAIGN_STATES,
        drafts=bool(actor.unions_as(*DRAFT_ROLES)),
        nominates=bool(actor.unions_as(Role.UNIT_OFFICER)),
    )


@get("/campaigns/new")
async def new_campaign(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """The form for a new campaign."""
    return await _form_page(request, actor)


@post("/campaigns", status_code=303)
async def draft_campaign(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], campaigns: NamedDependency[Campaigns]
) -> Response[str] | Redirect:
    """Draft a campaign."""
    form = await read_form(request)
    try:
        entered = CampaignInput(
            form.id("programme_version"), form.text("name"), form.instant("opens_at"), form.instant("closes_at")
        )
        organiser = form.id("organiser")
        made = await form.once(actor, "desk.campaign", lambda: campaigns.draft(actor, entered, organiser))
    except DomainError as refusal:
        return await _form_page(request, actor, refusal, form.fields)
    return to(f"/review/campaigns/{made}")


@get("/campaigns/{campaign:uuid}")
async def campaign_page(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """One campaign: what it asks, its quotas, and what can be done now."""
    return await _show(request, actor, campaign, clock)


@post("/campaigns/{campaign:uuid}/quota", status_code=303)
async def set_places(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    campaigns: NamedDependency[Campaigns],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Give a union so many main and reserve places."""

    async def work(form: Form) -> None:
        await campaigns.set_quota(
            actor,
            campaign,
            form.id("union"),
            form.number("mains"),
            form.number("reserves"),
            form.text("reason"),
            form.number("version"),
        )

    return await _act(request, actor, campaign, clock, "quota", work)


@post("/campaigns/{campaign:uuid}/open", status_code=303)
async def open_campaign(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    campaigns: NamedDependency[Campaigns],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Open a drafted campaign for nominations."""

    async def work(form: Form) -> None:
        await campaigns.open_(actor, campaign, form.number("version"))

    return await _act(request, actor, campaign, clock, "open", work)


@post("/campaigns/{campaign:uuid}/extend", status_code=303)
async def extend(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    campaigns: NamedDependency[Campaigns],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Move the end of the window."""

    async def work(form: Form) -> None:
        await campaigns.extend(actor, campaign, form.instant("closes_at"), form.text("reason"), form.number("version"))

    return await _act(request, actor, campaign, clock, "extend", work)


@post("/campaigns/{campaign:uuid}/close", status_code=303)
async def close(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    campaigns: NamedDependency[Campaigns],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Close a campaign: reserves that nobody needed are told so."""

    async def work(form: Form) -> None:
        await campaigns.close(actor, campaign, form.number("version"))

    return await _act(request, actor, campaign, clock, "close", work)


async def _act(
    request: Request[Any, Any, Any],
    actor: Actor,
    campaign: UUID,
    clock: Clock,
    verb: str,
    work: Callable[[Form], Awaitable[None]],
) -> Response[str] | Redirect:
    """Carry out one verb on a campaign once, then show it; a refusal comes back with what was typed."""
    form = await read_form(request)
    await queries.require_campaign_in_scope(reading(actor), campaign)

    async def once() -> UUID:
        await work(form)
        return campaign

    try:
        await form.once(actor, f"desk.campaign.{verb}:{campaign}", once)
    except DomainError as refusal:
        return await _show(request, actor, campaign, clock, refusal, form.fields)
    return to(f"/review/campaigns/{campaign}", done=verb)


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    campaign: UUID,
    clock: Clock,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    row = await queries.require_campaign_in_scope(reading(actor), campaign)
    content = queries.content_of(row)
    terms = terms_of(content)
    judges = await queries.organiser_in_scope(reading(actor), campaign)
    stage = queries.stage_of(content, StageKind.ALLOCATION).key
    held = {binding.role for binding in actor.unions_as(*DRAFT_ROLES) if binding.union_id == row["organiser"]}
    return page(
        request,
        actor,
        "review/campaign.html",
        refusal=refusal,
        typed=typed,
        campaign=row,
        content=content,
        terms=terms,
        ratios=policy.check_ratios([], terms.ratios),
        incidents=INCIDENT_LABELS,
        quotas=await queries.quotas(campaign),
        unions=await at_or_below(row["organiser"]) if held else [],
        undecided=await queries.undecided(campaign, stage) if judges else [],
        units=[
            await union_of(binding.union_id)
            for binding in actor.unions_as(Role.UNIT_OFFICER)
            if binding.level is Level.UNIT
        ],
        chairs=Role.CHAIR in held,
        divides=bool(held),
        drafted_by_me=row["created_by"] == actor.account_id,
        closed=await clock.now() >= row["closes_at"],
        campaign_states=CAMPAIGN_STATES,
        done=DONE.get(request.query_params.get("done", "")),
    )


async def _form_page(
    request: Request[Any, Any, Any],
    actor: Actor,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    organisers = list(dict.fromkeys(binding.union_id for binding in actor.unions_as(*DRAFT_ROLES)))
    if not organisers:
        raise NotFound()
    versions = [version for organiser in organisers for version in await queries.published_versions(organiser)]
    return page(
        request,
        actor,
        "review/campaign_form.html",
        refusal=refusal,
        typed=typed,
        organisers=[await union_of(organiser) for organiser in organisers],
        version_choices=[
            (row["id"], Text(row["name_zh"], row["name_en"]).in_(actor.language) + f" v{row['number']}")
            for row in versions
        ],
    )


def reading(actor: Actor) -> list[Binding]:
    """The bindings that read campaigns; whoever has none is told that there is no such page."""
    found = actor.unions_as(*READ_ROLES)
    if not found:
        raise NotFound()
    return found


#: What was just done to a campaign.
DONE = {
    "quota": Text("名额已保存。", "The quota is saved."),
    "open": Text("评选已开放推荐。", "The campaign is open for nominations."),
    "extend": Text("截止时间已调整。", "The window is moved."),
    "close": Text("评选已结束。", "The campaign is closed."),
    "slate": Text("名单已确定。", "The slate is confirmed."),
    "recommend": Text("推荐名单已提交。", "The unit's list is in."),
}
