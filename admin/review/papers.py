"""Papers on the case page: the marked picture, the verdict, the original for a reason; and requests for erasure."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.case import show
from admin.review.forms import Form, read_form
from admin.review.page import page, to
from backend.applications import casefile
from backend.applications.service import Applications
from backend.clock import Clock
from backend.documents.access import FILE_ROLES
from backend.documents.kinds import KIND_LABELS, PaperKind, PaperState, RejectionReason
from backend.documents.retention import erasures_in_scope
from backend.documents.verdicts import Verdicts
from backend.documents.viewing import Viewing
from backend.errors import DomainError, Malformed, NotFound
from backend.identity import Actor
from backend.sealing import Sealer
from backend.words import Text


@get("/cases/{application:uuid}/papers/{upload:uuid}/preview", media_type="image/jpeg")
async def preview(
    application: FromPath[UUID],
    upload: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    viewing: NamedDependency[Viewing],
) -> Response[bytes]:
    """The paper as a picture, who looks at it and why burned in; each look is recorded."""
    case = await casefile.paper_of(actor, applications, application, upload)
    picture = await viewing.look(actor, upload, purpose=case.number, application=application)
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@post("/cases/{application:uuid}/papers/{upload:uuid}/verdict", status_code=303)
async def verdict(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    upload: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    verdicts: NamedDependency[Verdicts],
    sealer: NamedDependency[Sealer],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Verify or reject the very file that was shown, then on to the next paper of the case."""
    form = await read_form(request)
    try:
        await casefile.paper_of(actor, applications, application, upload)
        outcome = PaperState(form.choice("outcome", PaperState.VERIFIED, PaperState.REJECTED))
        reason = form.text("reason_code") if outcome is PaperState.REJECTED else ""
        sha256, version, expires_on = _digest(form), form.number("version"), form.optional_day("expires_on")

        async def work() -> UUID:
            await verdicts.verify(
                actor,
                upload,
                outcome,
                sha256=sha256,
                expected_version=version,
                reason_code=RejectionReason(reason) if reason in set(RejectionReason) else None,
                comment=form.text("comment"),
                expires_on=expires_on,
                unlimited=bool(form.text("unlimited")),
            )
            return upload

        await form.once(actor, f"desk.verdict:{upload}", work)
    except DomainError as refusal:
        typed = {**form.fields, "paper": str(upload)}
        return await show(request, actor, application, applications, sealer, clock, refusal=refusal, typed=typed)
    return to(f"/review/cases/{application}", queue=form.text("queue"))


@post("/cases/{application:uuid}/papers/{upload:uuid}/original", status_code=200)
async def original(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    upload: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    viewing: NamedDependency[Viewing],
    sealer: NamedDependency[Sealer],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """A link to the copy of the whole file that others may open, good for a minute; recorded with its reason."""
    form = await read_form(request)
    typed = {**form.fields, "paper": str(upload)}
    try:
        await casefile.paper_of(actor, applications, application, upload)
        link = await viewing.original(actor, upload, reason=form.text("original_reason"), application=application)
    except DomainError as refusal:
        return await show(request, actor, application, applications, sealer, clock, refusal=refusal, typed=typed)
    return await show(request, actor, application, applications, sealer, clock, typed=typed, link=link)


@get("/erasures")
async def erasure_list(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """What workers in scope asked to have erased, and what was kept by which rule."""
    if not actor.unions_as(*FILE_ROLES):
        raise NotFound()
    found = await erasures_in_scope(actor)
    return page(request, actor, "review/erasures.html", found=found, kind_labels=KIND_LABELS, PaperKind=PaperKind)


def _digest(form: Form) -> bytes:
    sha256 = form.text("sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise Malformed("malformed", Text("表单不完整,请刷新页面。", "The form is not whole; reload the page."))
    return bytes.fromhex(sha256)
