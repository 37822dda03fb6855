"""Filing on a worker's behalf: a unit officer drafts a request, adds the papers, and submits it, shown as such."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.case import show
from admin.review.forms import Form, read_form
from admin.review.page import page, to
from backend.applications import casefile
from backend.applications.service import Applications
from backend.audit.log import record
from backend.clock import Clock
from backend.documents.counter import announce, take_in, was_given_up
from backend.documents.kinds import SIZE_LIMIT, PaperKind
from backend.documents.service import Documents, Owner
from backend.errors import DomainError, NotFound, RuleViolation, TooLarge
from backend.identity import Actor, Role
from backend.people.identifiers import IdentifierType, normal_identifier
from backend.people.service import People
from backend.recuperation.queries import open_batches
from backend.recuperation.service import EmergencyContact, HealthDeclaration, Requests, StayInput
from backend.registry.queries import search_staff
from backend.sealing import Sealer
from backend.web.deadline import LONG
from backend.words import Text

#: A file and the fields around it.
UPLOAD_BODY = SIZE_LIMIT + 64 * 1024
STAFF_SHOWN = 50
BATCHES_SHOWN = 100


@get("/file")
async def file_page(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    people: NamedDependency[People],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """Pick a worker of one's own unit and an open batch."""
    return await _file_page(request, actor, people, clock)


@post("/file/find", status_code=200)
async def find_worker(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    people: NamedDependency[People],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """Look for a worker by part of the name or the whole ID number, which never stands in an address."""
    form = await read_form(request)
    return await _file_page(request, actor, people, clock, typed=form.fields, words=form.text("q"))


@post("/file", status_code=303)
async def file_request(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    requests: NamedDependency[Requests],
    people: NamedDependency[People],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Draft a request on the worker's behalf, then on to its page for the papers and to submit it."""
    _require_officer(actor)
    form = await read_form(request)

    async def work() -> UUID:
        return (await requests.draft(actor, form.id("batch"), form.id("person"), _stay(form))).id

    try:
        made = await form.once(actor, "desk.file", work)
    except DomainError as refusal:
        return await _file_page(request, actor, people, clock, refusal=refusal, typed=form.fields)
    return to(f"/review/cases/{made}")


@post("/cases/{application:uuid}/papers", status_code=303)
async def attach_paper(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    sealer: NamedDependency[Sealer],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Attach a paper that is there to a case that the reader files, or whose stage asks the reader for it."""
    form = await read_form(request)
    try:
        await applications.attach(actor, application, form.text("requirement"), form.id("upload"))
    except DomainError as refusal:
        return await show(request, actor, application, applications, sealer, clock, refusal=refusal, typed=form.fields)
    return to(f"/review/cases/{application}")


@post("/cases/{application:uuid}/papers/new", opt=LONG, status_code=303, request_max_body_size=UPLOAD_BODY)
async def send_paper(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    documents: NamedDependency[Documents],
    sealer: NamedDependency[Sealer],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Take a file in at the counter and attach it: the worker's own, or one of the case itself."""
    form = await read_form(request)
    try:
        case = await casefile.require_readable(actor, applications, application)
        requirement, _, kind = form.text("requirement").partition(":")
        name, content = await _file_of(request)
        if kind not in set(PaperKind):
            raise NotFound()
        if applications.brings(actor, case, requirement):
            owner = Owner(application=case.id)
        else:
            await applications.filing(actor, application, None)
            owner = Owner(person=case.subject_person) if case.subject_person else Owner(application=case.id)

        async def work() -> UUID:
            return await announce(documents, actor, owner, PaperKind(kind), name, content)

        # The token stands for this very file: another one from the same page is refused.
        sent = Form({**form.fields, "file": f"{name} {hashlib.sha256(content).hexdigest()}"})
        upload = await sent.once(actor, f"desk.paper:{application}", work)
        while await was_given_up(upload):
            # The store did not take it: the same press begins anew, once for each place that was given up.
            upload = await sent.once(actor, f"desk.paper:{upload}", work)
        await take_in(documents, actor, upload, content)
        await applications.attach(actor, application, requirement, upload)
    except DomainError as refusal:
        return await show(request, actor, application, applications, sealer, clock, refusal=refusal, typed=form.fields)
    return to(f"/review/cases/{application}")


async def _file_page(
    request: Request[Any, Any, Any],
    actor: Actor,
    people: People,
    clock: Clock,
    *,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
    words: str = "",
) -> Response[str]:
    _require_officer(actor)
    number = sum(sign.isdigit() for sign in words) >= 6
    digest = people.digest(normal_identifier(IdentifierType.RESIDENT_ID, words)) if number else None
    if words:
        await record(actor, "record.search", "done")
    staff = await search_staff(actor, words, digest, None, STAFF_SHOWN + 1)
    batches = await open_batches(await clock.now(), None, BATCHES_SHOWN)
    return page(
        request,
        actor,
        "review/file.html",
        refusal=refusal,
        typed=typed,
        staff=staff[:STAFF_SHOWN],
        more=len(staff) > STAFF_SHOWN,
        words="" if number else words,
        batches=[batch for batch in batches if batch["state"] == "open"],
    )


async def _file_of(request: Request[Any, Any, Any]) -> tuple[str, bytes]:
    sent = (await request.form()).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        raise RuleViolation.of("file_missing", Text("请选择文件。", "Choose a file."), "file")
    content = await sent.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise TooLarge("file_too_large", Text("文件超过 20 MB。", "The file is larger than 20 MB."))
    return sent.filename, content


def _stay(form: Form) -> StayInput:
    return StayInput(
        companions=form.number("companions"),
        health=HealthDeclaration(
            fit_to_travel=form.choice("fit", "yes", "no") == "yes", conditions=form.text("conditions")
        ),
        contact=EmergencyContact(
            name=form.text("contact_name"), phone=form.text("contact_phone"), relation=form.text("contact_relation")
        ),
    )


def _require_officer(actor: Actor) -> None:
    if not actor.unions_as(Role.UNIT_OFFICER):
        raise NotFound()
