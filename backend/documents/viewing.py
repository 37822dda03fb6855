"""Looking at papers: the marked picture and the link to the whole; every look is recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from backend.audit.log import record
from backend.clock import LOCAL, Clock
from backend.database import transaction
from backend.documents.access import Paper, refusals_recorded, see
from backend.documents.inspection.watermark import watermark
from backend.documents.kinds import VIEWABLE, MediaType
from backend.documents.service import store_errors
from backend.errors import Conflict, RuleViolation
from backend.identity import Actor
from backend.words import UNPRINTABLE, Text
from storage.keys import Bucket, shared_key
from storage.port import DocumentStore

LINK_VALID = timedelta(seconds=60)

#: Bytes of one rendition; ours are far smaller.
RENDITION_LIMIT = 16 * 1024 * 1024

REASON_LEAST = 4


@dataclass(frozen=True, slots=True)
class Viewing:
    """Shows papers to those who may see them."""

    clock: Clock
    store: DocumentStore

    async def look(self, actor: Actor, upload_id: UUID, *, purpose: str, application: UUID | None = None) -> bytes:
        """A picture (JPEG) of the paper, the viewer's name, the time and the purpose burned in; the look is recorded.

        Raises NotFound outside the actor's sight, Conflict for a paper that was not checked yet, Unavailable.
        """
        async with refusals_recorded(actor, "paper.look", upload_id):
            paper = (await see(actor, upload_id)).paper
        _require_viewable(paper)
        with store_errors():
            picture = await self.store.read(Bucket.DOCUMENTS, paper.rendition_key or "", cap=RENDITION_LIMIT)
        now = await self.clock.now()
        text = f"{actor.name} {now.astimezone(LOCAL):%Y-%m-%d %H:%M} {purpose}"
        marked = await asyncio.to_thread(watermark, picture, text)
        await _record_look(actor, paper, "paper.look", purpose, application)
        return marked

    async def original(self, actor: Actor, upload_id: UUID, *, reason: str, application: UUID | None = None) -> str:
        """A link to the whole file without its place, good for `LINK_VALID`; only with a reason, which is recorded.

        What the link opens is the shared copy: neither the console's user nor the API's may read the file itself in the
        store. Raises as `look`, RuleViolation without a reason, and Conflict for a paper that has no such copy yet.
        """
        async with refusals_recorded(actor, "paper.original", upload_id):
            paper = (await see(actor, upload_id)).paper
        _require_viewable(paper)
        if len(reason.strip()) < REASON_LEAST or UNPRINTABLE.search(reason):
            raise RuleViolation.of(
                "reason_missing", Text("查看原件须说明理由。", "Say why you need the original."), "reason"
            )
        if not paper.shared_type:
            raise Conflict(
                "not_shared",
                Text(
                    "可打开的副本尚未生成,请联系系统管理员(documents audit --repair redraw)。",
                    "The copy that others open was not made yet: ask the operator (documents audit --repair redraw).",
                ),
            )
        with store_errors():
            link = await self.store.signed_download(
                Bucket.DOCUMENTS,
                shared_key(paper.object_key),
                valid_for=LINK_VALID,
                content_type=paper.shared_type,
                file_name=f"{paper.kind}-{paper.id.hex[-8:]}.{MediaType(paper.shared_type).name.lower()}",
            )
        await _record_look(actor, paper, "paper.original", reason, application)
        return link


async def _record_look(actor: Actor, paper: Paper, act: str, reason: str, application: UUID | None) -> None:
    detail = {"sha256": paper.sha256.hex()}
    if application is not None:
        detail["application"] = str(application)
    async with transaction():
        await record(actor, act, "done", object_kind="upload", object_id=paper.id, reason=reason, detail=detail)


def _require_viewable(paper: Paper) -> None:
    if paper.state not in VIEWABLE or paper.rendition_key is None:
        raise Conflict(
            "not_checked", Text("文件还没有通过检查,暂不能查看。", "The file has not been checked; it can't be shown.")
        )
