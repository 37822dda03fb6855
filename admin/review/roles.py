"""Roles at the console: granted by a security administrator, a deciding one approved by a second person."""

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
from backend.accounts import roster
from backend.accounts.console import DECIDING, Roles
from backend.errors import DomainError, NotFound
from backend.identity import ROLE_LABELS, Actor, Role
from backend.words import UNPRINTABLE

_GRANTABLE = tuple(role for role in Role if role not in (Role.WORKER, Role.SYSTEM))


@get("/roles")
async def role_list(request: Request[Any, Any, Any], actor: NamedDependency[Actor]) -> Response[str]:
    """Who holds which role, and what waits for a second person."""
    return await _show(request, actor)


@post("/roles", status_code=303)
async def grant(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], roles: NamedDependency[Roles]
) -> Response[str] | Redirect:
    """Grant a role at a union."""

    async def work(form: Form) -> UUID:
        role = Role(form.choice("role", *_GRANTABLE))
        return await roles.grant(actor, form.id("account"), role, form.id("union"))

    return await _act(request, actor, "desk.grant", work)


@post("/roles/{binding:uuid}/approve", status_code=303)
async def approve(
    request: Request[Any, Any, Any],
    binding: FromPath[UUID],
    actor: NamedDependency[Actor],
    roles: NamedDependency[Roles],
) -> Response[str] | Redirect:
    """Let a deciding role count, as the second person."""

    async def work(form: Form) -> UUID:
        await roles.approve(actor, binding)
        return binding

    return await _act(request, actor, f"desk.approve:{binding}", work)


@post("/roles/{binding:uuid}/revoke", status_code=303)
async def revoke(
    request: Request[Any, Any, Any],
    binding: FromPath[UUID],
    actor: NamedDependency[Actor],
    roles: NamedDependency[Roles],
) -> Response[str] | Redirect:
    """End a role from now on."""

    async def work(form: Form) -> UUID:
        await roles.revoke(actor, binding)
        return binding

    return await _act(request, actor, f"desk.revoke:{binding}", work)


async def _act(
    request: Request[Any, Any, Any], actor: Actor, operation: str, work: Callable[[Form], Awaitable[UUID]]
) -> Response[str] | Redirect:
    _require_manager(actor)
    form = await read_form(request)
    try:
        await form.once(actor, operation, lambda: work(form))
    except DomainError as refusal:
        return await _show(request, actor, refusal, form.fields)
    return to("/review/roles")


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    _require_manager(actor)
    words = UNPRINTABLE.sub("", request.query_params.get("union", "")).strip()[:60]
    return page(
        request,
        actor,
        "review/roles.html",
        refusal=refusal,
        typed=typed,
        accounts=await roster.accounts(),
        bindings=await roster.bindings(actor),
        unions=await roster.unions_named(actor, words),
        words=words,
        role_choices=[(role.value, ROLE_LABELS[role].in_(actor.language)) for role in _GRANTABLE],
        deciding=DECIDING,
        Role=Role,
        manages=Role.SECURITY_ADMIN in actor.roles,
    )


def _require_manager(actor: Actor) -> None:
    if not actor.roles & set(roster.MANAGERS):
        raise NotFound()
