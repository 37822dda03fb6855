"""Batches: drafting, quotas, opening, allocating with the ranking shown before, the notice, the roster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import Form, read_form
from admin.review.page import page, to, working_day_after
from admin.review.words import BATCH_STATES, COMPANIONS, PLACEMENTS, TONES
from backend.applications.lifecycle import StageKind, State
from backend.applications.programme import ProgrammeContent
from backend.applications.words import STAFF_STATES
from backend.clock import Clock
from backend.errors import DomainError, NotFound
from backend.identity import Actor, Binding, Role
from backend.recuperation import desk_queries
from backend.recuperation.batches import Batches, BatchInput, published_versions
from backend.registry.queries import emergencies
from backend.unions.service import at_or_below
from backend.unions.service import one as union_of
from backend.web.deadline import LONG
from backend.words import Text

READ_ROLES = (Role.HR_VERIFIER, Role.CHAIR, Role.REVIEWER, Role.FINANCE, Role.AUDITOR)
DRAFT_ROLES = (Role.HR_VERIFIER, Role.CHAIR)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@get("/batches")
async def batch_list(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """The batches whose organiser the actor's roles reach, newest first."""
    return page(
        request,
        actor,
        "review/batches.html",
        batches=await desk_queries.batches_in_scope(_reading(actor)),
        batch_states=BATCH_STATES,
        drafts=bool(actor.unions_as(*DRAFT_ROLES)),
    )


@get("/batches/new")
async def new_batch(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """The form for a new batch."""
    return await _form_page(request, actor)


@post("/batches", status_code=303)
async def draft_batch(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], batches: NamedDependency[Batches]
) -> Response[str] | Redirect:
    """Draft a batch."""
    form = await read_form(request)
    try:
        entered, organiser = _entered(form), form.id("organiser")
        made = await form.once(actor, "desk.batch", lambda: batches.draft(actor, entered, organiser))
    except DomainError as refusal:
        return await _form_page(request, actor, refusal, form.fields)
    return to(f"/review/batches/{made}")


@get("/batches/{batch:uuid}")
async def batch_page(
    request: Request[Any, Any, Any], batch: FromPath[UUID], actor: NamedDependency[Actor], clock: NamedDependency[Clock]
) -> Response[str]:
    """One batch: its figures, quotas, ranking, and what can be done now."""
    return await _show(request, actor, batch, clock)


@post("/batches/{batch:uuid}/quota", status_code=303)
async def set_quota(
    request: Request[Any, Any, Any],
    batch: FromPath[UUID],
    actor: NamedDependency[Actor],
    batches: NamedDependency[Batches],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Give a union so many of the places."""

    async def work(form: Form) -> None:
        await batches.set_quota(
            actor, batch, form.id("union"), form.number("places"), form.text("reason"), form.number("version")
        )

    return await _act(request, actor, batch, clock, "quota", work)


@post("/batches/{batch:uuid}/open", status_code=303)
async def open_batch(
    request: Request[Any, Any, Any],
    batch: FromPath[UUID],
    actor: NamedDependency[Actor],
    batches: NamedDependency[Batches],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Open a drafted batch for requests."""

    async def work(form: Form) -> None:
        await batches.open_(actor, batch, form.number("version"))

    return await _act(request, actor, batch, clock, "open", work)


@post("/batches/{batch:uuid}/allocate", opt=LONG, status_code=303)
async def allocate(
    request: Request[Any, Any, Any],
    batch: FromPath[UUID],
    actor: NamedDependency[Actor],
    batches: NamedDependency[Batches],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Give the places by rank within the quotas."""

    async def work(form: Form) -> None:
        await batches.allocate(actor, batch, form.number("version"))

    return await _act(request, actor, batch, clock, "allocate", work)


@post("/batches/{batch:uuid}/notice", opt=LONG, status_code=303)
async def publish_notice(
    request: Request[Any, Any, Any],
    batch: FromPath[UUID],
    actor: NamedDependency[Actor],
    batches: NamedDependency[Batches],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Put mains and reserves on public notice."""

    async def work(form: Form) -> None:
        await batches.publish_notice(actor, batch, form.number("version"))

    return await _act(request, actor, batch, clock, "notice", work)


@post("/batches/{batch:uuid}/roster", opt=LONG, status_code=200)
async def roster(
    request: Request[Any, Any, Any],
    batch: FromPath[UUID],
    actor: NamedDependency[Actor],
    batches: NamedDependency[Batches],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """The roster as an Excel file, for a reason that is recorded."""
    form = await read_form(request)
    row = await desk_queries.require_batch_in_scope(_reading(actor), batch)
    try:
        content = await batches.roster(actor, batch, form.text("reason"))
    except DomainError as refusal:
        return await _show(request, actor, batch, clock, refusal, form.fields)
    name = quote(f"疗休养名册 {row['name']}.xlsx")
    return Response(
        content,
        media_type=XLSX,
        headers={"Content-Disposition": f"attachment; filename=\"roster.xlsx\"; filename*=UTF-8''{name}"},
    )


async def _act(
    request: Request[Any, Any, Any],
    actor: Actor,
    batch: UUID,
    clock: Clock,
    verb: str,
    work: Callable[[Form], Awaitable[None]],
) -> Response[str] | Redirect:
    """Carry out one verb on a batch once, then show it; a refusal comes back with what was typed."""
    form = await read_form(request)
    await desk_queries.require_batch_in_scope(_reading(actor), batch)

    async def once() -> UUID:
        await work(form)
        return batch

    try:
        await form.once(actor, f"desk.{verb}:{batch}", once)
    except DomainError as refusal:
        return await _show(request, actor, batch, clock, refusal, form.fields)
    return to(f"/review/batches/{batch}", done=verb)


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    batch: UUID,
    clock: Clock,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    row = await desk_queries.require_batch_in_scope(_reading(actor), batch)
    content = msgspec.json.decode(row["content"], type=ProgrammeContent)
    stage = next((stage for stage in content.route if stage.kind is StageKind.NOTICE), None)
    today, state = await clock.today(), row["state"]
    held = {binding.role for binding in actor.unions_as(*DRAFT_ROLES) if binding.union_id == row["organiser"]}
    return page(
        request,
        actor,
        "review/batch.html",
        refusal=refusal,
        typed=typed,
        batch=row,
        days=(row["ends_on"] - row["starts_on"]).days + 1,
        content=content,
        notice_stage=stage,
        notice_through=await working_day_after(today, stage.working_days) if stage and state == "allocated" else None,
        notice=await desk_queries.notice_of_batch(batch),
        counts=await desk_queries.batch_counts(batch),
        quotas=await desk_queries.batch_quotas(batch),
        unions=await at_or_below(row["organiser"]) if held else [],
        ranking=await desk_queries.batch_ranking(batch),
        preview=await desk_queries.ranking_preview(batch) if state == "open" else [],
        undecided=await desk_queries.undecided_cases(batch) if state == "open" else [],
        closed=await clock.now() >= row["closes_at"],
        chairs=Role.CHAIR in held,
        divides=bool(held),
        drafted_by_me=row["created_by"] == actor.account_id,
        today=today,
        batch_states=BATCH_STATES,
        companions=COMPANIONS,
        placements=PLACEMENTS,
        states=STAFF_STATES,
        tones=TONES,
        State=State,
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
    versions = [version for organiser in organisers for version in await published_versions(organiser)]
    return page(
        request,
        actor,
        "review/batch_form.html",
        refusal=refusal,
        typed=typed,
        organisers=[await union_of(organiser) for organiser in organisers],
        versions=versions,
        sanatoria=await desk_queries.sanatoria(),
        emergencies=await emergencies(),
        version_choices=[
            (row["id"], Text(row["name_zh"], row["name_en"]).in_(actor.language) + f" v{row['number']}")
            for row in versions
        ],
        companion_choices=[(rule, words.in_(actor.language)) for rule, words in COMPANIONS.items()],
    )


def _entered(form: Form) -> BatchInput:
    return BatchInput(
        programme_version=form.id("programme_version"),
        sanatorium=form.id("sanatorium"),
        emergency=form.id("emergency"),
        name=form.text("name"),
        starts_on=form.day("starts_on"),
        ends_on=form.day("ends_on"),
        capacity=form.number("capacity"),
        cost_per_day_fen=form.fen("cost_yuan"),
        funding_source=form.text("funding_source"),
        companion_rule=form.choice("companion_rule", *COMPANIONS),
        opens_at=form.instant("opens_at"),
        closes_at=form.instant("closes_at"),
        confirm_working_days=form.number("confirm_working_days"),
    )


def _reading(actor: Actor) -> list[Binding]:
    """The bindings that read batches; whoever has none is told that there is no such page."""
    found = actor.unions_as(*READ_ROLES)
    if not found:
        raise NotFound()
    return found


#: What was just done to a batch.
DONE = {
    "quota": Text("名额已保存。", "The quota is saved."),
    "open": Text("批次已开放申请。", "The batch is open."),
    "allocate": Text("名额已分配。", "The places are allocated."),
    "notice": Text("公示已发布。", "The notice is published."),
}
