"""Routes of papers: the phone reserves, sends the file to the store itself, completes, and looks."""

from __future__ import annotations

from uuid import UUID

from litestar import Response, Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from backend.documents import queries
from backend.documents.access import see
from backend.documents.kinds import KIND_LABELS, REJECTION_LABELS, STATE_LABELS, PaperKind, PaperState, RejectionReason
from backend.documents.policy import why_refused
from backend.documents.queries import PaperEntry
from backend.documents.retention import Erasure, Keeping, erasure, erasures_of
from backend.documents.schemas import (
    ErasureIn,
    ErasureOut,
    FormOut,
    KeptOut,
    PaperIn,
    PaperOut,
    PartOut,
    PartsOut,
    ReservationOut,
)
from backend.documents.service import Documents, Reservation
from backend.documents.viewing import Viewing
from backend.errors import NotFound
from backend.identity import Actor
from backend.web.handlers import read, write
from backend.web.idempotency import IdempotencyKey, once
from backend.web.paging import Cursor, Limit, Page, page, read_cursor
from backend.words import Language, Text

_OWN_LOOK = Text("本人查看", "Seen by the owner")
_NO_STORE = {"Cache-Control": "no-store"}


@write("/documents", status_code=201, operation_id="reserveDocument")
async def reserve(
    data: JSONBody[PaperIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    documents: NamedDependency[Documents],
) -> ReservationOut:
    """Make place for one file and get the form that sends it to the store; sent again, the form is signed anew."""

    async def work() -> UUID:
        made = await documents.reserve(
            actor, data.kind, data.name, data.size, bytes.fromhex(data.sha256), data.media_type
        )
        return made.upload_id

    done = await once(actor, "documents.reserve", idempotency_key, data, work)
    return _reservation(await documents.reservation(actor, done.resource))


@write("/documents/{upload_id:uuid}/parts", status_code=200, operation_id="sendInParts")
async def parts(
    upload_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    documents: NamedDependency[Documents],
) -> Response[PartsOut]:
    """Links for the parts of a file over 8 MB that have not arrived yet; ask again after a lost connection."""
    found = await documents.parts(actor, upload_id)
    answer = PartsOut(
        pieces=[
            PartOut(part_number=place.span.number, offset=place.span.offset, size=place.span.size, url=place.url)
            for place in found.places
        ],
        expires_at=found.expires_at,
    )
    return Response(answer, headers=_NO_STORE)


@write("/documents/{upload_id:uuid}/complete", status_code=200, operation_id="completeDocument")
async def complete(
    upload_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    documents: NamedDependency[Documents],
) -> PaperOut:
    """Say that the file is in the store, so that it is checked; saying it twice is saying it once."""
    await documents.complete(actor, upload_id)
    return await _one(actor, upload_id, documents)


@read("/documents", operation_id="listDocuments")
async def mine(
    actor: NamedDependency[Actor], documents: NamedDependency[Documents], limit: Limit = 20, cursor: Cursor = None
) -> Page[PaperOut]:
    """One's own papers, newest first."""
    rows = await queries.mine(actor, documents.sealer, after=read_cursor(cursor), limit=limit + 1)
    return page(rows, limit, lambda row: row.id, lambda row: _paper(row, actor.language))


@read("/documents/{upload_id:uuid}", operation_id="getDocument")
async def one(
    upload_id: FromPath[UUID], actor: NamedDependency[Actor], documents: NamedDependency[Documents]
) -> PaperOut:
    """One of one's own papers."""
    await see(actor, upload_id)
    return await _one(actor, upload_id, documents)


@read("/documents/{upload_id:uuid}/preview", operation_id="previewDocument", media_type="image/jpeg")
async def preview(
    upload_id: FromPath[UUID], actor: NamedDependency[Actor], viewing: NamedDependency[Viewing]
) -> Response[bytes]:
    """A picture of the paper, marked with who looks and when; each look is recorded."""
    picture = await viewing.look(actor, upload_id, purpose=_OWN_LOOK.in_(actor.language))
    return Response(picture, media_type="image/jpeg", headers=_NO_STORE)


@write("/erasures", status_code=201, operation_id="eraseMyDocuments")
async def erase(
    data: JSONBody[ErasureIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    keeping: NamedDependency[Keeping],
) -> ErasureOut:
    """Have one's own papers erased: the answer says how many went, what is kept, by which rule and until when."""
    done = await once(actor, "documents.erase", idempotency_key, data, lambda: keeping.ask_to_erase(actor, data.reason))
    return _erasure(await erasure(done.resource), actor.language)


@read("/erasures", operation_id="listMyErasures")
async def erasures(actor: NamedDependency[Actor]) -> list[ErasureOut]:
    """One's own requests for erasure with their answers, newest first."""
    return [_erasure(found, actor.language) for found in await erasures_of(actor)]


async def _one(actor: Actor, upload_id: UUID, documents: Documents) -> PaperOut:
    found = await queries.one(upload_id, documents.sealer)
    if found is None:
        raise NotFound()
    return _paper(found, actor.language)


def _reservation(made: Reservation) -> ReservationOut:
    form = made.form
    return ReservationOut(
        id=made.upload_id,
        state=made.state,
        form=FormOut(url=form.url, fields=dict(form.fields), expires_at=form.expires_at) if form else None,
    )


def _paper(entry: PaperEntry, language: Language) -> PaperOut:
    kind, state = PaperKind(entry.kind), PaperState(entry.state)
    return PaperOut(
        id=entry.id,
        kind=kind,
        kind_label=KIND_LABELS[kind].in_(language),
        state=state,
        state_label=STATE_LABELS[state].in_(language),
        name=entry.name,
        size=entry.size,
        sha256=entry.sha256.hex(),
        media_type=entry.media_type,
        pages=entry.pages,
        malware=entry.malware,
        problem=_problem(entry).in_(language),
        comment=entry.comment,
        reserved_at=entry.reserved_at,
        uploaded_at=entry.uploaded_at,
        checked_at=entry.checked_at,
        expires_on=entry.expires_on,
        version=entry.version,
    )


def _erasure(found: Erasure, language: Language) -> ErasureOut:
    return ErasureOut(
        id=found.id,
        asked_at=found.asked_at,
        reason=found.reason,
        erased=found.erased,
        kept=[
            KeptOut(
                upload_id=kept.upload,
                kind=PaperKind(kept.kind),
                kind_label=KIND_LABELS[PaperKind(kept.kind)].in_(language),
                why=kept.why.in_(language),
                clause=kept.clause,
                kept_until=kept.until,
            )
            for kept in found.kept
        ],
    )


def _problem(entry: PaperEntry) -> Text:
    if entry.refusal_code:
        return why_refused(entry.refusal_code)
    if entry.reason_code:
        return REJECTION_LABELS[RejectionReason(entry.reason_code)]
    return Text("", "")


ROUTER = Router("", tags=["documents"], route_handlers=[reserve, parts, complete, mine, one, preview, erase, erasures])
