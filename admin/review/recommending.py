"""A unit's ranked list: one meeting, its votes on each nominee, all recommended in one act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.campaigns import reading
from admin.review.forms import Form, read_form
from admin.review.page import page, to
from admin.review.words import TONES
from backend.applications.lifecycle import State
from backend.applications.words import STAFF_STATES
from backend.commendation import queries
from backend.commendation.process import CONSENTS
from backend.commendation.recommendations import MEETING_KINDS, Listed, Recommendations, meeting_of
from backend.commendation.terms import CATEGORY_LABELS, Category
from backend.errors import DomainError, NotFound
from backend.identity import Actor, Role
from backend.unions.service import one as union_of


@get("/campaigns/{campaign:uuid}/units/{unit:uuid}")
async def unit_list(
    request: Request[Any, Any, Any], campaign: FromPath[UUID], unit: FromPath[UUID], actor: NamedDependency[Actor]
) -> Response[str]:
    """The nominations of one unit, to be ranked by its meeting."""
    return await _show(request, actor, campaign, unit)


@post("/campaigns/{campaign:uuid}/units/{unit:uuid}", status_code=303)
async def recommend(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    unit: FromPath[UUID],
    actor: NamedDependency[Actor],
    recommendations: NamedDependency[Recommendations],
) -> Response[str] | Redirect:
    """Recommend the ranked nominees by one meeting."""
    form = await read_form(request)
    _require_officer(actor, unit)

    async def work() -> UUID:
        await recommendations.recommend(
            actor, campaign, unit, meeting_of(form.fields), _listed(form), form.text("comment")
        )
        return campaign

    try:
        await form.once(actor, f"desk.recommend:{campaign}", work)
    except DomainError as refusal:
        return await _show(request, actor, campaign, unit, refusal, form.fields)
    return to(f"/review/campaigns/{campaign}", done="recommend")


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    campaign: UUID,
    unit: UUID,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    _require_officer(actor, unit)
    row = await queries.require_campaign_in_scope(reading(actor), campaign)
    union = await union_of(unit)
    rows = await queries.waiting_recommendation(campaign, unit)
    return page(
        request,
        actor,
        "review/unit_list.html",
        refusal=refusal,
        typed=typed,
        campaign=row,
        unit=union,
        quota=await queries.quota_for_unit(campaign, unit),
        waiting=[one for one in rows if one["unit_rank"] is None],
        recommended=[one for one in rows if one["unit_rank"] is not None],
        meetings=[(key, words.in_(actor.language)) for key, words in MEETING_KINDS.items()],
        categories=CATEGORY_LABELS,
        Category=Category,
        consents=CONSENTS,
        states=STAFF_STATES,
        State=State,
        tones=TONES,
    )


def _listed(form: Form) -> list[Listed]:
    """The lines that were given a rank."""
    return [
        Listed(
            UUID(name.removeprefix("rank_")),
            form.number(f"version_{name.removeprefix('rank_')}"),
            form.number(f"votes_{name.removeprefix('rank_')}"),
            form.number(name),
        )
        for name, value in form.fields.items()
        if name.startswith("rank_") and value.strip() and _is_id(name.removeprefix("rank_"))
    ]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _require_officer(actor: Actor, unit: UUID) -> None:
    if unit not in {binding.union_id for binding in actor.unions_as(Role.UNIT_OFFICER)}:
        raise NotFound()
