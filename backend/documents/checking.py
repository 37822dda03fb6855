"""The check of a file that a phone has sent, as the worker runs it; safe to run again after a kill at any point."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from uuid import UUID

from backend.database import execute, fetch, transaction
from backend.documents.access import Paper, load
from backend.documents.inspection.findings import Declared, Inspection, Outcome, Refusal
from backend.documents.inspection.inspector import Inspector
from backend.documents.inspection.scanner import ScannerSilent, ScannerUnavailable
from backend.documents.inspection.spool import SpoolOverflow, spool, spool_folder
from backend.documents.kinds import SIZE_LIMIT, VIEWABLE, Malware, MediaType, PaperState
from backend.documents.policy import LOST, why_refused
from backend.documents.service import Documents, store_errors
from backend.errors import Unavailable
from backend.jobs import Job, enqueue_for
from storage.keys import Bucket, keys_of, rendition_key, shared_key
from storage.port import ObjectChanged, ObjectExists, ObjectMissing, ObjectTooLarge


def _inspections_at_once() -> asyncio.Semaphore:
    return asyncio.Semaphore(max(1, (os.cpu_count() or 2) - 1))


@dataclass(frozen=True, slots=True)
class Checking:
    """Brings an upload from `uploaded` to `checked` or `refused`.

    The order is: copy the file, its picture and its shared copy to the documents, commit the state, empty the
    quarantine. So there is no checked row without its objects, and whatever a kill leaves behind is found and finished
    by the next run.
    """

    documents: Documents
    inspector: Inspector
    turns: asyncio.Semaphore = field(default_factory=_inspections_at_once)

    async def check(self, upload_id: UUID) -> None:
        """Check one upload; does nothing to one that was checked already but clear what was left in quarantine.

        Raises Unavailable for a part that does not answer: the job is tried again for as long as it takes; and
        ScannerUnavailable for a file on which the scanner gives no verdict.
        """
        paper = await load(upload_id)
        if paper.state is PaperState.UPLOADED:
            async with self.turns:
                try:
                    await self._decide(paper)
                except OSError as error:
                    # The disk is full, or away: no word about the paper.
                    raise Unavailable("disk") from error
                except ScannerSilent as error:
                    raise Unavailable("scanner") from error
        elif paper.state is PaperState.RESERVED:
            return
        with store_errors():
            await self.documents.store.delete(Bucket.QUARANTINE, paper.object_key)
            if (await load(upload_id)).state is PaperState.ERASED:
                # Taken away while it was checked: nothing of what was just copied may stay.
                for key in keys_of(paper.object_key):
                    await self.documents.store.erase(key)

    async def redraw(self, upload_id: UUID) -> bool:
        """Make the picture and the shared copy of a checked paper anew where they are missing; whether both are there.

        Raises Unavailable. A file that the check would not let through any more, or that is gone, is left alone.
        """
        paper = await load(upload_id)
        if paper.state not in VIEWABLE or paper.rendition_key is None:
            return False
        store = self.documents.store
        with spool_folder() as folder, store_errors():
            try:
                stream = store.stream(Bucket.DOCUMENTS, paper.object_key, cap=SIZE_LIMIT)
                spooled = await spool(stream, folder / "paper", SIZE_LIMIT)
                found = await self.inspector.inspect(
                    spooled, Declared(MediaType(paper.declared_type), paper.size, paper.sha256)
                )
            except (ObjectMissing, ObjectTooLarge, SpoolOverflow, ScannerUnavailable):
                return False
            if found.rendition is None or found.shared is None:
                return False
            await self._put_beside(paper, found.rendition, found.shared, found.shared_type)
        await execute("UPDATE upload SET shared_type = $2 WHERE id = $1", upload_id, found.shared_type)
        return True

    async def _decide(self, paper: Paper) -> None:
        store = self.documents.store
        with spool_folder() as folder, store_errors():
            try:
                etag = (await store.head(Bucket.QUARANTINE, paper.object_key)).etag
                stream = store.stream(Bucket.QUARANTINE, paper.object_key, cap=SIZE_LIMIT)
                spooled = await spool(stream, folder / "paper", SIZE_LIMIT)
            except ObjectMissing:
                await self._refuse(paper, LOST)
                return
            except (ObjectTooLarge, SpoolOverflow):
                await self._refuse(paper, Refusal.TOO_LARGE)
                return
            declared = Declared(MediaType(paper.declared_type), paper.size, paper.sha256)
            found = await self.inspector.inspect(spooled, declared)
            if found.outcome is Outcome.REFUSED or found.rendition is None or found.shared is None:
                refusal = found.refusal or Refusal.DAMAGED
                await self._refuse(paper, refusal, found)
                return
            try:
                # A run that was killed may have copied it when it had come otherwise: only a check writes there, and
                # none lets through what has not the digest of this paper.
                with contextlib.suppress(ObjectExists):
                    await store.accept(paper.object_key, etag=etag, content_type=found.detected_type)
            except (ObjectMissing, ObjectChanged):
                # If another run finished and emptied the quarantine, the row has moved and this does nothing.
                await self._refuse(paper, LOST)
                return
            await self._put_beside(paper, found.rendition, found.shared, found.shared_type)
        await self._settle(paper, PaperState.CHECKED, "", found)

    async def _put_beside(self, paper: Paper, rendition: bytes, shared: bytes, shared_type: str) -> None:
        """Put picture and shared copy beside the file."""
        for key, content, content_type in (
            (rendition_key(paper.object_key), rendition, "image/jpeg"),
            (shared_key(paper.object_key), shared, shared_type),
        ):
            # It may be there from a run that was killed: made of the same bytes, under a key that only we know.
            with contextlib.suppress(ObjectExists):
                await self.documents.store.put(Bucket.DOCUMENTS, key, content, content_type=content_type)

    async def _refuse(self, paper: Paper, code: str, found: Inspection | None = None) -> None:
        async with transaction():
            if await self._settle(paper, PaperState.REFUSED, code, found):
                await enqueue_for(Job.PAPER_JUDGED, paper.id)
                await self.documents.tell_owner(paper.id, paper, "paper_refused", why_refused(code))

    async def _settle(self, paper: Paper, to: PaperState, code: str, found: Inspection | None) -> bool:
        """Write the outcome unless another run was faster; whether this one did."""
        now = await self.documents.clock.now()
        async with transaction():
            current = await load(paper.id, lock=True)
            if current.state is not PaperState.UPLOADED:
                return False
            await self.documents.move(current, to)
            await execute(
                "UPDATE upload SET checked_at = $2, refusal_code = $3, detected_type = $4, pages = $5, malware = $6,"
                " rendition_key = $7, shared_type = $8 WHERE id = $1",
                paper.id,
                now,
                code,
                found.detected_type if found else "",
                found.pages if found else 0,
                found.malware if found else Malware.NOT_SCANNED,
                rendition_key(paper.object_key) if to is PaperState.CHECKED else None,
                found.shared_type if found and to is PaperState.CHECKED else "",
            )
            if to is PaperState.CHECKED:
                await _keep_for_decided_cases(paper.id)
            return True


async def _keep_for_decided_cases(upload_id: UUID) -> None:
    """Have the cases looked at again that ended while their paper waited for its check: there was no file to lock."""
    for row in await fetch(
        "SELECT DISTINCT a.id FROM application_document d JOIN application a ON a.id = d.application"
        " WHERE d.upload = $1 AND a.decided_at IS NOT NULL",
        upload_id,
    ):
        await enqueue_for(Job.CASE_DECIDED, row["id"])
