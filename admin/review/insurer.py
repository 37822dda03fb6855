"""What leaves the desk for the insurer, and health declarations opened for an assessment: each with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.review.batches import XLSX
from admin.review.forms import read_form
from admin.review.page import page
from backend.applications import casefile
from backend.applications.case import Case
from backend.applications.service import Applications
from backend.clock import Clock
from backend.errors import DomainError, NotFound
from backend.identity import Actor
from backend.insurance.enrolments import Enrolments, HealthSaid
from backend.insurance.insurer_list import GIVE_ROLES, InsurerLists
from backend.insurance.plans import KIND, plans_known
from backend.web.deadline import LONG


@get("/mutual-aid/lists")
async def list_page(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], clock: NamedDependency[Clock]
) -> Response[str]:
    """The form for a list of who joined, changed, ended."""
    return await _list_page(request, actor, clock)


@post("/mutual-aid/lists", opt=LONG, status_code=200)
async def make_list(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    insurer_lists: NamedDependency[InsurerLists],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """The list as an Excel file, for a reason that is recorded with its control totals."""
    form = await read_form(request)
    try:
        from_on, to_on = form.day("from_on"), form.day("to_on")
        made = await insurer_lists.make(actor, form.id("plan"), from_on, to_on, form.text("reason"))
    except DomainError as refusal:
        return await _list_page(request, actor, clock, refusal, form.fields)
    name = quote(f"互助保障参保变动名单 {from_on} 至 {to_on}.xlsx")
    disposition = f"attachment; filename=\"covers.xlsx\"; filename*=UTF-8''{name}"
    return Response(made.workbook, media_type=XLSX, headers={"Content-Disposition": disposition})


@get("/mutual-aid/health/{application:uuid}")
async def health_page(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
) -> Response[str]:
    """Ask for the reason before anything is opened."""
    return _health(request, actor, await _case(actor, applications, application))


@post("/mutual-aid/health/{application:uuid}", status_code=200)
async def open_health(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    enrolments: NamedDependency[Enrolments],
) -> Response[str]:
    """Show the declarations once, on the answer to this very act; the reason is recorded."""
    case = await _case(actor, applications, application)
    form = await read_form(request)
    try:
        said = await enrolments.health(actor, application, form.text("reason"))
    except DomainError as refusal:
        return _health(request, actor, case, refusal=refusal, typed=form.fields)
    return _health(request, actor, case, said=said)


async def _case(actor: Actor, applications: Applications, application: UUID) -> Case:
    case = await casefile.require_readable(actor, applications, application)
    if case.kind != KIND:
        raise NotFound()
    return case


def _health(
    request: Request[Any, Any, Any],
    actor: Actor,
    case: Case,
    *,
    said: Sequence[HealthSaid] | None = None,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    return page(request, actor, "review/health.html", refusal=refusal, typed=typed, case=case, said=said)


async def _list_page(
    request: Request[Any, Any, Any],
    actor: Actor,
    clock: Clock,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    giving = [binding.union_id for binding in actor.unions_as(*GIVE_ROLES)]
    if not giving:
        raise NotFound()
    today = await clock.today()
    return page(
        request,
        actor,
        "review/insurer_list.html",
        refusal=refusal,
        typed=typed,
        plan_choices=[
            (plan.programme, plan.name.in_(actor.language))
            for plan in await plans_known(giving)
            if plan.organiser in giving
        ],
        from_on=today.replace(day=1),
        to_on=today,
    )
