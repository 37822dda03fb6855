"""Large files in parts: a lost connection costs one part, and the store tells what has arrived, never the phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.clock import security_now
from backend.database import execute, fetch_value
from backend.documents.access import Paper
from backend.documents.policy import PartSpan, parts_of
from backend.errors import Conflict
from backend.words import Text
from storage.keys import Bucket
from storage.port import DocumentStore, ObjectChanged, ObjectMissing, StoredPart

LINKS_VALID = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PartPlace:
    """One part of a file: `url` takes it by PUT, and is None once it has arrived whole."""

    span: PartSpan
    url: str | None


@dataclass(frozen=True, slots=True)
class Parts:
    """Every part that the declared size needs, and until when the links last."""

    places: Sequence[PartPlace]
    expires_at: datetime


async def open_parts(store: DocumentStore, paper: Paper) -> Parts:
    """The parts of a reserved file, those that have not arrived with a link; begins the upload if it was not begun.

    Asked again after a lost connection it goes on where the file stopped. No transaction may be open.
    """
    there = await _arrived(store, paper)
    upload_id = paper.store_upload
    if there is None:
        upload_id, there = await _begin(store, paper), []
    whole = {(part.number, part.size) for part in there}
    expires_at = security_now() + LINKS_VALID

    async def link(span: PartSpan) -> str | None:
        if (span.number, span.size) in whole:
            return None
        return await store.part_link(paper.object_key, upload_id, span.number, size=span.size, valid_for=LINKS_VALID)

    return Parts([PartPlace(span, await link(span)) for span in parts_of(paper.size)], expires_at)


async def join(store: DocumentStore, paper: Paper) -> None:
    """Make one file of the parts that have arrived, if they are all there and each has its size; twice is once.

    Raises Conflict where something is missing, and where nothing was begun.
    """
    if not paper.store_upload:
        raise not_uploaded()
    try:
        there = await store.parts(paper.object_key, paper.store_upload)
        if [(part.number, part.size) for part in there] != [(span.number, span.size) for span in parts_of(paper.size)]:
            raise Conflict("parts_missing", Text("文件还有部分没有传到。", "Some parts of the file have not arrived."))
        await store.join_parts(paper.object_key, paper.store_upload, there)
    except (ObjectMissing, ObjectChanged):
        # Somebody else may have joined them meanwhile: then the file is there.
        if not await _is_there(store, paper):
            raise not_uploaded() from None


def not_uploaded() -> Conflict:
    """There is no such file in quarantine."""
    return Conflict("not_uploaded", Text("文件尚未传到,请重新上传。", "The file has not arrived. Send it again."))


async def _arrived(store: DocumentStore, paper: Paper) -> Sequence[StoredPart] | None:
    """What has arrived; None where no upload is under way. A file that is joined already has all of its parts."""
    if not paper.store_upload:
        return None
    if await _is_there(store, paper):
        return [StoredPart(span.number, span.size, "") for span in parts_of(paper.size)]
    try:
        return await store.parts(paper.object_key, paper.store_upload)
    except ObjectMissing:
        return None


async def _begin(store: DocumentStore, paper: Paper) -> str:
    """Begin the upload; where two requests do so at once, the first to be written down counts."""
    begun = await store.begin_parts(paper.object_key, content_type=paper.declared_type)
    won = await execute(
        "UPDATE upload SET store_upload = $2 WHERE id = $1 AND store_upload = $3 AND state = 'reserved'",
        paper.id,
        begun,
        paper.store_upload,
    )
    if won:
        return begun
    # The other one is left for the sweep, which gives up all that is unfinished under the key.
    kept: str = await fetch_value("SELECT store_upload FROM upload WHERE id = $1", paper.id)
    return kept


async def _is_there(store: DocumentStore, paper: Paper) -> bool:
    try:
        await store.head(Bucket.QUARANTINE, paper.object_key)
    except ObjectMissing:
        return False
    return True
