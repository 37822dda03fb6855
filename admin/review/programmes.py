"""Programmes: their versions, what each resolved to, drafting the next and publishing it by a second person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import TEXT_LIMIT, read_form
from admin.review.page import page, to
from backend.applications import programmes as reading
from backend.applications.programme import ProgrammeContent, check_content
from backend.applications.programmes import Programmes
from backend.errors import DomainError, Malformed, NotFound, Violation
from backend.identity import ROLE_LABELS, Actor, Role
from backend.words import Text

READ_ROLES = (Role.SYSTEM_ADMIN, Role.HR_VERIFIER, Role.CHAIR, Role.FINANCE, Role.AUDITOR)
DRAFT_ROLES = (Role.SYSTEM_ADMIN, Role.HR_VERIFIER, Role.CHAIR)

#: Characters of a version's content as it is typed.
CONTENT_LIMIT = 20 * TEXT_LIMIT


@get("/programmes")
async def programme_list(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """The versions of the programmes that the actor's unions organise."""
    return page(request, actor, "review/programmes.html", versions=await reading.versions(_organisers(actor)))


@get("/programmes/{version:uuid}")
async def programme_page(
    request: Request[Any, Any, Any], version: FromPath[UUID], actor: NamedDependency[Actor]
) -> Response[str]:
    """One version: its route, its papers, and the policy rows that it resolved to."""
    return await _show(request, actor, version)


@post("/programmes/{version:uuid}/publish", status_code=303)
async def publish(
    request: Request[Any, Any, Any],
    version: FromPath[UUID],
    actor: NamedDependency[Actor],
    programmes: NamedDependency[Programmes],
) -> Response[str] | Redirect:
    """Make a drafted version final."""
    form = await read_form(request)
    await _version(actor, version)

    async def work() -> UUID:
        await programmes.publish(actor, version)
        return version

    try:
        await form.once(actor, f"desk.publish:{version}", work)
    except DomainError as refusal:
        return await _show(request, actor, version, refusal)
    return to(f"/review/programmes/{version}")


@post("/programmes/{version:uuid}/draft", status_code=303)
async def draft(
    request: Request[Any, Any, Any],
    version: FromPath[UUID],
    actor: NamedDependency[Actor],
    programmes: NamedDependency[Programmes],
) -> Response[str] | Redirect:
    """Draft the next version out of this one, as its content was edited."""
    form = await read_form(request)
    row = await _version(actor, version)

    async def work() -> UUID:
        content = msgspec.structs.replace(_content(form.fields.get("content", "")), policies=())
        return await programmes.draft(actor, row["programme"], content)

    try:
        made = await form.once(actor, f"desk.draft:{version}", work)
    except DomainError as refusal:
        return await _show(request, actor, version, refusal, form.fields)
    return to(f"/review/programmes/{made}")


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    version: UUID,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    row = await _version(actor, version)
    content = msgspec.json.decode(row["content"], type=ProgrammeContent)
    organises = {binding.role for binding in actor.unions_as(*DRAFT_ROLES) if binding.union_id == row["organiser"]}
    drafted = row["state"] == "drafted"
    return page(
        request,
        actor,
        "review/programme.html",
        refusal=refusal,
        typed=typed,
        version=row,
        content=content,
        policies=await reading.policies_of(content.policies),
        wrong=check_content(content) if drafted else [],
        text=msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(content, policies=())), indent=2).decode(),
        may_publish=drafted and Role.CHAIR in organises and row["drafted_by"] != actor.account_id,
        may_draft=bool(organises),
        role_labels=ROLE_LABELS,
    )


async def _version(actor: Actor, version: UUID) -> Any:
    row = await reading.version_row(version)
    if row is None or row["organiser"] not in _organisers(actor):
        raise NotFound(Text("没有找到这个项目版本。", "No such version."))
    return row


def _organisers(actor: Actor) -> list[UUID]:
    found = list(dict.fromkeys(binding.union_id for binding in actor.unions_as(*READ_ROLES)))
    if not found:
        raise NotFound()
    return found


def _content(text: str) -> ProgrammeContent:
    if len(text) > CONTENT_LIMIT:
        raise Malformed("malformed", Text("内容过长。", "Too long."))
    try:
        return msgspec.json.decode(text, type=ProgrammeContent)
    except (msgspec.DecodeError, UnicodeError) as error:
        message = Text(f"内容不能读取:{error}", f"The content cannot be read: {error}")
        raise Malformed("malformed", message, [Violation("malformed", message, "content")]) from None
