"""Staff records at the desk: what waits for the officer, claims by phones, and reporting a worker."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import Form, read_form
from admin.review.page import page, to
from admin.review.words import RECORD_TONES
from backend.applications.desk import units_below
from backend.audit.log import record
from backend.documents.access import FILE_ROLES
from backend.errors import DomainError, NotFound, Stale
from backend.identity import Actor, Role
from backend.people.identifiers import IDENTIFIER_LABELS, IdentifierType, normal_identifier
from backend.people.relations import END_LABELS, RELATION_LABELS, SEX_LABELS
from backend.people.service import People
from backend.registry import queries
from backend.registry.facts import HonourInput, IdentifierInput, RecordInput, ServiceInput
from backend.registry.family.queries import family_file, waiting_additions
from backend.registry.kinds import (
    CERTIFICATION_LABELS,
    DISPATCH_LABELS,
    HONOUR_LABELS,
    JOB_LABELS,
    POPULATION_LABELS,
    STATE_LABELS,
    Certification,
    Dispatch,
    HonourLevel,
    JobCategory,
    Population,
)
from backend.registry.service import Registry
from backend.registry.takeovers import Takeovers
from backend.unions.scope import in_scope
from backend.words import Text

SHOWN = 50
READ_ROLES = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.AUDITOR)

_WORDS: dict[str, Any] = {
    "populations": POPULATION_LABELS,
    "jobs": JOB_LABELS,
    "certifications": CERTIFICATION_LABELS,
    "dispatches": DISPATCH_LABELS,
    "honour_levels": HONOUR_LABELS,
    "record_states": STATE_LABELS,
    "record_tones": RECORD_TONES,
    "identifier_types": IDENTIFIER_LABELS,
    "relation_kinds": RELATION_LABELS,
    "end_reasons": END_LABELS,
    "sexes": SEX_LABELS,
}

DONE = {
    "verify": Text("档案已核实。", "The record is verified."),
    "return": Text("档案已退回。", "The record is returned."),
    "approve": Text("认领已通过。", "The claim is approved."),
    "refuse": Text("认领已拒绝。", "The claim is refused."),
    "report": Text("档案已登记并核实。", "The worker is reported, and verified."),
    "addition_approve": Text("身份证号已补录。", "The resident ID is added."),
    "addition_refuse": Text("未予补录,原因已告知本人。", "Not added; the worker sees why."),
}


@get("/records")
async def record_list(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], people: NamedDependency[People]
) -> Response[str]:
    """Submitted records and claims that wait for the officer."""
    return await _list(request, actor, people)


@post("/records/find", status_code=200)
async def find_record(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], people: NamedDependency[People]
) -> Response[str]:
    """Look for a worker's record by part of the name or the whole ID number, which never stands in an address."""
    form = await read_form(request)
    return await _list(request, actor, people, words=form.text("q"))


@get("/records/new")
async def new_record(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """The form to report a worker."""
    return await _report_form(request, actor)


@post("/records", status_code=303)
async def report(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], registry: NamedDependency[Registry]
) -> Response[str] | Redirect:
    """Report a worker of one's own unit."""
    _require_officer(actor)
    form = await read_form(request)

    async def work() -> UUID:
        return (await registry.report(actor, _entered(form), form.text("phone"))).id

    try:
        made = await form.once(actor, "desk.report", work)
    except DomainError as refusal:
        return await _report_form(request, actor, refusal, form.fields)
    return to(f"/review/records/{made}", done="report")


@get("/records/{record_id:uuid}")
async def record_page(
    request: Request[Any, Any, Any],
    record_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    registry: NamedDependency[Registry],
) -> Response[str]:
    """One record; the look is recorded."""
    return await show(request, actor, registry, record_id)


@post("/records/{record_id:uuid}/verify", status_code=303)
async def verify(
    request: Request[Any, Any, Any],
    record_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    registry: NamedDependency[Registry],
) -> Response[str] | Redirect:
    """Verify a submitted record, then back to those that wait."""
    form = await read_form(request)

    async def work() -> UUID:
        return (await registry.verify(actor, record_id, form.number("version"))).id

    try:
        await form.once(actor, f"desk.verify:{record_id}", work)
    except DomainError as refusal:
        return await show(request, actor, registry, record_id, refusal, form.fields)
    return to("/review/records", done="verify")


@post("/records/{record_id:uuid}/return", status_code=303)
async def return_(
    request: Request[Any, Any, Any],
    record_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    registry: NamedDependency[Registry],
) -> Response[str] | Redirect:
    """Send a submitted record back with the reason."""
    form = await read_form(request)

    async def work() -> UUID:
        return (await registry.return_(actor, record_id, form.number("version"), form.text("comment"))).id

    try:
        await form.once(actor, f"desk.return:{record_id}", work)
    except DomainError as refusal:
        return await show(request, actor, registry, record_id, refusal, form.fields)
    return to("/review/records", done="return")


@post("/records/{record_id:uuid}/reveal", status_code=200)
async def reveal_number(
    request: Request[Any, Any, Any],
    record_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    registry: NamedDependency[Registry],
) -> Response[str]:
    """Show the document number in full on the answer to this very act; the reason is recorded."""
    form = await read_form(request)
    try:
        number = await registry.reveal(actor, record_id, form.text("reason"))
    except DomainError as refusal:
        return await show(request, actor, registry, record_id, refusal, form.fields)
    return await show(request, actor, registry, record_id, revealed=number)


@post("/records/claims/{takeover:uuid}/{verdict:str}", status_code=303)
async def settle_claim(
    request: Request[Any, Any, Any],
    takeover: FromPath[UUID],
    verdict: FromPath[str],
    actor: NamedDependency[Actor],
    takeovers: NamedDependency[Takeovers],
    people: NamedDependency[People],
) -> Response[str] | Redirect:
    """Let a phone have the record that it asks for (`approve`), or not (`refuse`), on the officer's word."""
    if verdict not in ("approve", "refuse"):
        raise NotFound()
    form = await read_form(request)

    async def work() -> UUID:
        settle = takeovers.approve if verdict == "approve" else takeovers.refuse
        await settle(actor, takeover, form.text("reason"))
        return takeover

    try:
        await form.once(actor, f"desk.claim:{takeover}", work)
    except DomainError as refusal:
        return await _list(request, actor, people, refusal=refusal, typed={**form.fields, "claim": str(takeover)})
    return to("/review/records", done=verdict)


async def _list(
    request: Request[Any, Any, Any],
    actor: Actor,
    people: People,
    *,
    words: str = "",
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    _require_reader(actor)
    number = sum(sign.isdigit() for sign in words) >= 6
    digest = people.digest(normal_identifier(IdentifierType.RESIDENT_ID, words)) if number else None
    if words:
        await record(actor, "record.search", "done")
    return page(
        request,
        actor,
        "review/records.html",
        refusal=refusal,
        typed=typed,
        waiting=await queries.waiting_records(actor, None, SHOWN),
        claims=await queries.waiting_takeovers(actor, None, SHOWN),
        additions=await waiting_additions(actor, SHOWN),
        found=await queries.search_staff(actor, words, digest, None, SHOWN) if words else None,
        words="" if number else words,
        reports=Role.UNIT_OFFICER in actor.roles,
        done=DONE.get(request.query_params.get("done", "")),
        **_WORDS,
    )


async def show(
    request: Request[Any, Any, Any],
    actor: Actor,
    registry: Registry,
    record_id: UUID,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
    revealed: str = "",
) -> Response[str]:
    """The page of one record, with what an act on it answered; the look is recorded."""
    view = await registry.look(actor, record_id)
    return page(
        request,
        actor,
        "review/record.html",
        refusal=refusal,
        typed=typed,
        view=view,
        stale=isinstance(refusal, Stale),
        officer=any(binding.union_id in set(view.levels.values()) for binding in actor.unions_as(Role.UNIT_OFFICER)),
        revealed=revealed,
        family=await family_file(view.person),
        sees_papers=in_scope(actor, FILE_ROLES, view.levels),
        done=DONE.get(request.query_params.get("done", "")),
        **_WORDS,
    )


async def _report_form(
    request: Request[Any, Any, Any],
    actor: Actor,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    _require_officer(actor)

    def choices(labels: Mapping[Any, Text]) -> list[tuple[str, str]]:
        return [(str(key), words.in_(actor.language)) for key, words in labels.items()]

    return page(
        request,
        actor,
        "review/record_form.html",
        refusal=refusal,
        typed=typed,
        units=[(unit.id, unit.short_name) for unit in await units_below(actor, [Role.UNIT_OFFICER])],
        emergencies=[(row["id"], row["name"]) for row in await queries.emergencies()],
        choices=choices,
        **_WORDS,
    )


def _entered(form: Form) -> RecordInput:
    """The record of the form: one period and one honour; further ones are entered by the worker on the phone."""
    services: tuple[ServiceInput, ...] = ()
    if form.text("service_emergency"):
        services = (
            ServiceInput(
                emergency_id=form.id("service_emergency"),
                place=form.text("service_place"),
                post=form.text("service_post"),
                dispatch=_one(form, "service_dispatch", Dispatch),
                from_on=form.day("service_from_on"),
                to_on=form.optional_day("service_to_on"),
            ),
        )
    honours: tuple[HonourInput, ...] = ()
    if form.text("honour_title"):
        honours = (
            HonourInput(
                form.text("honour_title"), _one(form, "honour_level", HonourLevel), form.day("honour_awarded_on")
            ),
        )
    return RecordInput(
        name=form.text("name"),
        identifier=IdentifierInput(
            type=_one(form, "identifier_type", IdentifierType),
            number=form.text("identifier_number"),
            born_on=form.optional_day("born_on"),
            sex=form.choice("sex", "", "male", "female"),
        ),
        unit_id=form.id("unit"),
        department=form.text("department"),
        population=_one(form, "population", Population),
        job_category=_one(form, "job_category", JobCategory),
        joined_unit_on=form.day("joined_unit_on"),
        certification=_one(form, "certification", Certification),
        list_version=form.text("list_version"),
        services=services,
        honours=honours,
    )


def _one(form: Form, name: str, words: type[Any]) -> Any:
    kinds: type[StrEnum] = words
    return kinds(form.choice(name, *kinds))


def _require_reader(actor: Actor) -> None:
    if not actor.unions_as(*READ_ROLES):
        raise NotFound()


def _require_officer(actor: Actor) -> None:
    if not actor.unions_as(Role.UNIT_OFFICER):
        raise NotFound()
