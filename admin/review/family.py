"""A worker's family at the desk: the papers that show it, and the resident IDs that children have got."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import read_form
from admin.review.page import to
from admin.review.records import show
from backend.documents.viewing import Viewing
from backend.errors import DomainError, NotFound
from backend.identity import Actor
from backend.registry.family.additions import Additions
from backend.registry.family.queries import shows_relation
from backend.registry.queries import READERS, record_view
from backend.registry.service import Registry
from backend.unions.scope import in_scope


@get("/records/{record_id:uuid}/papers/{upload:uuid}/preview", media_type="image/jpeg")
async def preview_evidence(
    record_id: FromPath[UUID],
    upload: FromPath[UUID],
    actor: NamedDependency[Actor],
    viewing: NamedDependency[Viewing],
) -> Response[bytes]:
    """A paper that shows a relation, who looks at it burned in; each look is recorded."""
    view = await record_view(record_id)
    if not in_scope(actor, READERS, view.levels) or not await shows_relation(view.person, upload):
        raise NotFound()
    picture = await viewing.look(actor, upload, purpose="家属关系核对")
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@post("/records/{record_id:uuid}/additions/{addition:uuid}/{verdict:str}", status_code=303)
async def settle_addition(
    request: Request[Any, Any, Any],
    record_id: FromPath[UUID],
    addition: FromPath[UUID],
    verdict: FromPath[str],
    actor: NamedDependency[Actor],
    additions: NamedDependency[Additions],
    registry: NamedDependency[Registry],
) -> Response[str] | Redirect:
    """Make a number a relative's (`approve`), or not (`refuse`), on the officer's word."""
    if verdict not in ("approve", "refuse"):
        raise NotFound()
    form = await read_form(request)

    async def work() -> UUID:
        settle = additions.approve if verdict == "approve" else additions.refuse
        await settle(actor, addition, form.text("reason"))
        return addition

    try:
        await form.once(actor, f"desk.addition:{addition}", work)
    except DomainError as refusal:
        return await show(request, actor, registry, record_id, refusal, {**form.fields, "addition": str(addition)})
    return to(f"/review/records/{record_id}", done=f"addition_{verdict}")
