"""Mutual aid by the unit: the plans, picking staff with the group's conditions live, and one enrolment for all."""

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
from admin.review.words import TONES
from backend.applications.desk import units_below
from backend.applications.lifecycle import FILING, State
from backend.applications.service import Applications
from backend.applications.words import STAFF_STATES
from backend.database import fetch
from backend.errors import DomainError, Malformed, NotFound
from backend.identity import Actor, Role
from backend.insurance.assessment import PROPOSAL_LABELS, VERDICT_LABELS, broken_of
from backend.insurance.groups import Groups, groups_in_scope
from backend.insurance.insurer_list import GIVE_ROLES
from backend.insurance.panels import PAYER_LABELS
from backend.insurance.plans import plans_known
from backend.insurance.policy import Proposal, starts_in_words
from backend.insurance.terms import Channel
from backend.web.deadline import LONG
from backend.words import Text

READ_ROLES = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.CHAIR, Role.AUDITOR)
PICK = "pick_"


@get("/mutual-aid")
async def mutual_aid(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """The plans, the group enrolments in scope, and the ways to covers, gaps and lists."""
    return page(
        request,
        actor,
        "review/mutual_aid.html",
        plans=await plans_known(union.union_id for union in _reading(actor)),
        groups=await groups_in_scope(actor),
        units=await units_below(actor, [Role.UNIT_OFFICER]),
        gives=bool(actor.unions_as(*GIVE_ROLES)),
        payers=PAYER_LABELS,
        starts=starts_in_words,
        by_unit=Channel.UNIT,
        states=STAFF_STATES,
        tones=TONES,
        State=State,
        Text=Text,
    )


@get("/mutual-aid/groups/new")
async def new_group(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], groups: NamedDependency[Groups]
) -> Response[str]:
    """The unit's staff before a plan, to pick from."""
    query = Form(dict(request.query_params))
    return await _pick_page(request, actor, groups, query)


@post("/mutual-aid/groups", opt=LONG, status_code=303)
async def draft_group(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], groups: NamedDependency[Groups]
) -> Response[str] | Redirect:
    """Begin the enrolment of those who are picked, or only compute the conditions anew."""
    form = await read_form(request)
    if form.text("do") == "count":
        return await _pick_page(request, actor, groups, form)

    async def work() -> UUID:
        made = await groups.draft(actor, form.id("plan"), form.id("unit"), form.number("shares"), _picked(form))
        return made.id

    try:
        made = await form.once(actor, "desk.group", work)
    except Malformed:
        raise
    except DomainError as refusal:
        return await _pick_page(request, actor, groups, form, refusal)
    return to(f"/review/mutual-aid/groups/{made}")


@get("/mutual-aid/groups/{application:uuid}")
async def group_page(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    groups: NamedDependency[Groups],
    applications: NamedDependency[Applications],
) -> Response[str]:
    """One group enrolment: its conditions and everybody in it; while it is filed, picked anew."""
    return await _show(request, actor, application, groups, applications)


@post("/mutual-aid/groups/{application:uuid}", opt=LONG, status_code=303)
async def amend_group(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    groups: NamedDependency[Groups],
    applications: NamedDependency[Applications],
) -> Response[str] | Redirect:
    """Pick others for an enrolment that is being filed."""
    form = await read_form(request)

    async def work() -> UUID:
        await groups.amend(actor, application, form.number("shares"), _picked(form), form.number("version"))
        return application

    try:
        await form.once(actor, f"desk.group:{application}", work)
    except DomainError as refusal:
        return await _show(request, actor, application, groups, applications, refusal, form.fields)
    return to(f"/review/mutual-aid/groups/{application}", done="saved")


async def _pick_page(
    request: Request[Any, Any, Any],
    actor: Actor,
    groups: Groups,
    form: Form,
    refusal: DomainError | None = None,
) -> Response[str]:
    shares = form.number("shares") if form.fields.get("shares") else 1
    found, enrolled = await groups.candidates(actor, form.id("plan"), form.id("unit"), shares, _picked(form))
    return page(
        request,
        actor,
        "review/group_form.html",
        refusal=refusal,
        typed=form.fields,
        action="/review/mutual-aid/groups",
        version=None,
        unit=form.id("unit"),
        **_picking(found, enrolled, shares),
    )


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    application: UUID,
    groups: Groups,
    applications: Applications,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    case, enrolled = await groups.enrolled(actor, application)
    if case.stage_key == FILING and applications.files(actor, case):
        picked = _picked(Form(typed)) if typed else [line.person for line in enrolled.lines]
        found, now = await groups.candidates(actor, enrolled.plan.version, enrolled.unit, enrolled.shares, picked)
        return page(
            request,
            actor,
            "review/group_form.html",
            refusal=refusal,
            typed=typed,
            action=f"/review/mutual-aid/groups/{application}",
            version=case.version_number,
            unit=enrolled.unit,
            case=case,
            saved="done" in request.query_params,
            **_picking(found, now, enrolled.shares),
        )
    return page(
        request,
        actor,
        "review/group.html",
        refusal=refusal,
        case=case,
        enrolled=enrolled,
        lines=await _lines(application),
        states=STAFF_STATES,
        tones=TONES,
        proposals=PROPOSAL_LABELS,
        verdicts=VERDICT_LABELS,
        Proposal=Proposal,
        broken_of=broken_of,
    )


def _picking(found: Any, enrolled: Any, shares: int) -> dict[str, Any]:
    conditions = [check for check in enrolled.checks if check.code.startswith(("group_", "nobody_"))]
    return {
        "candidates": found,
        "plan": enrolled.plan,
        "facts": enrolled.facts.unit,
        "conditions": conditions,
        "shares": shares,
        "starts": Text(*starts_in_words(enrolled.plan.terms)),
        "payers": PAYER_LABELS,
        "pick": PICK,
        "proposals": PROPOSAL_LABELS,
        "refuse": Proposal.REFUSE,
        "cost_fen": sum(one.cost_fen for one in enrolled.members if one.proposal is not Proposal.REFUSE),
    }


async def _lines(application: UUID) -> list[Any]:
    return await fetch(
        "SELECT m.name, m.proposal, m.findings, m.verdict, m.reason, c.number, c.starts_on, c.ends_on"
        " FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment LEFT JOIN cover c ON c.member = m.id"
        " WHERE e.application = $1 ORDER BY m.id",
        application,
    )


def _picked(form: Form) -> list[UUID]:
    return [Form({"id": name.removeprefix(PICK)}).id("id") for name in form.fields if name.startswith(PICK)]


def _reading(actor: Actor) -> Any:
    found = actor.unions_as(*READ_ROLES)
    if not found:
        raise NotFound()
    return found
