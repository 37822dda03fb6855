"""Nominating at the desk: an officer names somebody of the unit, a team or the unit; the statement in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import Form, read_form
from admin.review.page import page, to
from backend.applications.casefile import require_readable
from backend.applications.lifecycle import FILING, SubjectKind
from backend.applications.service import Applications
from backend.commendation import policy, queries
from backend.commendation.form import ApprovalForms
from backend.commendation.nominations import KIND, ApprovalFields, NominationInput, Nominations
from backend.commendation.process import CONSENTS, ORIGINS
from backend.commendation.terms import CATEGORY_LABELS, FROM_FILE, TRAIT_LABELS, Category, Trait, terms_of
from backend.errors import DomainError, NotFound
from backend.identity import Actor, Role
from backend.registry.queries import search_staff
from backend.unions.service import one as union_of

STAFF_SHOWN = 100

DECLARED = [trait for trait in Trait if trait not in FROM_FILE]


@get("/campaigns/{campaign:uuid}/nominate")
async def nominate_page(
    request: Request[Any, Any, Any], campaign: FromPath[UUID], actor: NamedDependency[Actor]
) -> Response[str]:
    """The form to nominate somebody of the unit, a team or the unit itself."""
    return await _form_page(request, actor, campaign)


@post("/campaigns/{campaign:uuid}/nominate", status_code=303)
async def nominate(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    nominations: NamedDependency[Nominations],
) -> Response[str] | Redirect:
    """Draft the nomination, then on to its page for the papers and to send it."""
    _require_officer(actor)
    form = await read_form(request)

    async def work() -> UUID:
        kind, nominee = _nominee(form)
        return (await nominations.draft(actor, campaign, kind, nominee, _said(form))).case.id

    try:
        made = await form.once(actor, f"desk.nominate:{campaign}", work)
    except DomainError as refusal:
        return await _form_page(request, actor, campaign, refusal, form.fields)
    return to(f"/review/cases/{made}")


@post("/campaigns/{campaign:uuid}/teams", status_code=303)
async def new_team(
    request: Request[Any, Any, Any],
    campaign: FromPath[UUID],
    actor: NamedDependency[Actor],
    nominations: NamedDependency[Nominations],
) -> Response[str] | Redirect:
    """Make a team of workers of the unit."""
    _require_officer(actor)
    form = await read_form(request)

    async def work() -> UUID:
        members = [UUID(name.removeprefix("member_")) for name in form.fields if name.startswith("member_")]
        return await nominations.new_team(actor, form.id("unit"), form.text("name"), members, form.id("leader"))

    try:
        await form.once(actor, "desk.team", work)
    except DomainError as refusal:
        return await _form_page(request, actor, campaign, refusal, form.fields)
    return to(f"/review/campaigns/{campaign}/nominate")


@get("/nominations/{application:uuid}")
async def nomination_page(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    nominations: NamedDependency[Nominations],
) -> Response[str]:
    """The statement and the form in full, every line kept; the look is recorded."""
    return await _statement_page(request, actor, application, applications, nominations)


@post("/nominations/{application:uuid}", status_code=303)
async def amend_nomination(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    nominations: NamedDependency[Nominations],
) -> Response[str] | Redirect:
    """Change a nomination that the officer is filing."""
    form = await read_form(request)

    async def work() -> UUID:
        await nominations.amend(actor, application, _said(form), form.number("version"))
        return application

    try:
        await form.once(actor, f"desk.amend:{application}", work)
    except DomainError as refusal:
        return await _statement_page(request, actor, application, applications, nominations, refusal, form.fields)
    return to(f"/review/cases/{application}")


@post("/nominations/{application:uuid}/form", status_code=200)
async def print_form(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    nominations: NamedDependency[Nominations],
    approval_forms: NamedDependency[ApprovalForms],
) -> Response[Any]:
    """The approval form as a PDF, for a reason that is recorded."""
    form = await read_form(request)
    try:
        content = await approval_forms.at_desk(actor, application, form.text("reason"))
    except DomainError as refusal:
        return await _statement_page(request, actor, application, applications, nominations, refusal, form.fields)
    return Response(
        content,
        media_type="application/pdf",
        headers={"Content-Disposition": 'attachment; filename="nomination.pdf"', "Cache-Control": "no-store"},
    )


async def _statement_page(
    request: Request[Any, Any, Any],
    actor: Actor,
    application: UUID,
    applications: Applications,
    nominations: Nominations,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    case = await require_readable(actor, applications, application)
    if case.kind != KIND:
        raise NotFound()
    opened = await nominations.look(actor, application)
    row = await queries.nomination_row(application)
    return page(
        request,
        actor,
        "review/nomination.html",
        refusal=refusal,
        typed=typed,
        case=case,
        opened=opened,
        row=row,
        terms=terms_of(case.content),
        declared=queries.traits_of(row),
        categories=CATEGORY_LABELS,
        Category=Category,
        traits=TRAIT_LABELS,
        all_traits=DECLARED,
        count=policy.characters(opened.merit),
        origins=ORIGINS,
        consents=CONSENTS,
        amends=case.stage_key == FILING and applications.files(actor, case),
    )


async def _form_page(
    request: Request[Any, Any, Any],
    actor: Actor,
    campaign: UUID,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    _require_officer(actor)
    row = await queries.require_campaign_in_scope(actor.unions_as(Role.UNIT_OFFICER), campaign)
    terms = terms_of(queries.content_of(row))
    units = [await union_of(union) for union in dict.fromkeys(_units(actor))]
    staff = await search_staff(actor, "", None, None, STAFF_SHOWN)
    teams = await queries.teams_of(_units(actor))
    choices = []
    if SubjectKind.PERSON in terms.kinds:
        choices += [
            (f"person:{one.person}", f"{one.name} · {one.identifier_masked} · {one.unit_name}") for one in staff
        ]
    if SubjectKind.TEAM in terms.kinds:
        choices += [(f"team:{one['id']}", f"{one['name']} · {one['members']}") for one in teams]
    if SubjectKind.UNIT in terms.kinds:
        choices += [(f"unit:{one['id']}", one["name"]) for one in units]
    return page(
        request,
        actor,
        "review/nominate.html",
        refusal=refusal,
        typed=typed,
        campaign=row,
        terms=terms,
        nominees=choices,
        staff=staff,
        units=units,
        with_teams=SubjectKind.TEAM in terms.kinds,
        categories=[(key.value, words.in_(actor.language)) for key, words in CATEGORY_LABELS.items()],
        traits=TRAIT_LABELS,
        all_traits=DECLARED,
    )


def _nominee(form: Form) -> tuple[SubjectKind, UUID]:
    kind, _, key = form.text("nominee").partition(":")
    if kind not in set(SubjectKind):
        form.id("nominee")
    try:
        return SubjectKind(kind), UUID(key)
    except ValueError:
        raise NotFound() from None


def _said(form: Form) -> NominationInput:
    return NominationInput(
        category=Category(form.choice("category", *Category)),
        merit=form.fields.get("merit", "").replace("\r\n", "\n").strip(),
        deed=form.text("deed"),
        traits=tuple(trait for trait in DECLARED if form.ticked(f"trait_{trait}")),
        fields=ApprovalFields(
            **{
                name: form.fields.get(name, "").replace("\r\n", "\n").strip()
                for name in ApprovalFields.__struct_fields__
            }
        ),
    )


def _units(actor: Actor) -> list[UUID]:
    return [binding.union_id for binding in actor.unions_as(Role.UNIT_OFFICER)]


def _require_officer(actor: Actor) -> None:
    if not _units(actor):
        raise NotFound()
