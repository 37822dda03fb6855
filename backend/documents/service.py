"""Papers on their way in: reserve, send, complete, expire; the only writer of an upload's state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from backend.clock import Clock
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.documents.access import Paper, load
from backend.documents.kinds import (
    IN_PARTS_ABOVE,
    KIND_LABELS,
    NEXT,
    STATE_LABELS,
    PaperKind,
    PaperState,
)
from backend.documents.parts import LINKS_VALID, Parts, join, open_parts
from backend.documents.policy import checked_name
from backend.documents.tables import Upload
from backend.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    NotFound,
    RuleViolation,
    Throttled,
    Unavailable,
)
from backend.identity import Actor, Role
from backend.jobs import Job, enqueue_for
from backend.notifications.service import Notifications
from backend.sealing import Sealer
from backend.unions.scope import in_scope
from backend.words import Text
from storage.keys import Bucket, new_key
from storage.port import DocumentStore, ObjectMissing, StoreError, UploadForm

NAME_PURPOSE = "upload.name"

FORM_VALID = timedelta(minutes=10)
RESERVATION_VALID = timedelta(days=1)

#: When the forms and the links of parts that were handed out up to now have ended, whatever clock the store goes by.
LINKS_ENDED = max(FORM_VALID, LINKS_VALID) + timedelta(minutes=1)

#: What one account may have under way at once, reserved or not yet checked: files, and bytes of all of them. The bytes
#: of a file count until its form has ended, for until then it may be sent once more.
UNDER_WAY_FILES = 30
UNDER_WAY_BYTES = 200 * 1024 * 1024

_UNDER_WAY = """SELECT count(*) FILTER (WHERE state IN ('reserved', 'uploaded')) AS files,
        coalesce(sum(declared_size), 0) AS bytes
    FROM upload WHERE reserved_by = $1
        AND (state IN ('reserved', 'uploaded') OR (owner_person = $2 AND uploaded_at > $3))"""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place for one file: `form` is what the phone posts to the store, None once the file is there."""

    upload_id: UUID
    state: PaperState
    form: UploadForm | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose paper it is: a person's, or a case's own."""

    person: UUID | None = None
    application: UUID | None = None


@dataclass(frozen=True, slots=True)
class Documents:
    """Papers from the reservation by a phone until they are complete, and every change of their state."""

    clock: Clock
    sealer: Sealer
    store: DocumentStore
    notifications: Notifications

    async def reserve(
        self, actor: Actor, kind: PaperKind, name: str, size: int, sha256: bytes, media_type: str
    ) -> Reservation:
        """Make place for a paper of the actor's own.

        `size` is in bytes, `sha256` the digest of the file. Raises TooLarge above 20 MiB, RuleViolation with all that
        is wrong with the file's description or where the account has no person yet, Throttled with too many under way.
        """
        if actor.person_id is None:
            raise RuleViolation.of(
                "person_unknown",
                Text("请先填写本人档案,再上传材料。", "Fill in your own record first, then send papers."),
            )
        return await self._reserve(actor, Owner(person=actor.person_id), kind, name, size, sha256, media_type)

    async def reserve_for(
        self, actor: Actor, person: UUID, kind: PaperKind, name: str, size: int, sha256: bytes, media_type: str
    ) -> Reservation:
        """Make place for a paper that a unit officer sends on a worker's behalf.

        Raises as `reserve`, NotFound for a person without a record in the officer's scope, Forbidden for oneself.
        """
        row = await fetch_one(
            "SELECT national_id, province_id, city_id, county_id, unit_id FROM staff_record WHERE person = $1", person
        )
        if row is None or not in_scope(actor, [Role.UNIT_OFFICER], row):
            raise NotFound()
        if actor.person_id == person:
            raise Forbidden(
                "conflict_own_case", Text("本人的材料请在手机端上传。", "Send your own papers from the phone.")
            )
        return await self._reserve(actor, Owner(person=person), kind, name, size, sha256, media_type)

    async def reserve_for_case(
        self, actor: Actor, application: UUID, kind: PaperKind, name: str, size: int, sha256: bytes, media_type: str
    ) -> Reservation:
        """Make place for a paper of a case itself: minutes, a stamped reply.

        Who calls has asked whether the actor may. Raises as `reserve`.
        """
        return await self._reserve(actor, Owner(application=application), kind, name, size, sha256, media_type)

    async def reservation(self, actor: Actor, upload_id: UUID) -> Reservation:
        """A reservation that was made before, its form signed anew; raises NotFound for somebody else's."""
        paper = await self._sendable(actor, upload_id)
        return Reservation(paper.id, paper.state, await self._form(paper))

    async def parts(self, actor: Actor, upload_id: UUID) -> Parts:
        """The parts in which a large file is sent, with links for those that have not arrived; ask again to go on.

        Raises NotFound for somebody else's upload, Conflict for a small file, for one that was completed and where the
        reservation ended, Unavailable.
        """
        paper = await self._sendable(actor, upload_id)
        if paper.state is PaperState.EXPIRED:
            raise _reservation_ended()
        if paper.state is not PaperState.RESERVED:
            raise Conflict("completed", Text("文件已经传完。", "The file has been sent already."))
        if paper.size <= IN_PARTS_ABOVE:
            raise Conflict("not_in_parts", Text("8 MB 以内的文件一次传完。", "A file up to 8 MB is sent in one piece."))
        with store_errors():
            return await open_parts(self.store, paper)

    async def complete(self, actor: Actor, upload_id: UUID) -> PaperState:
        """Say that the file is in the store and have it checked; the paper's state. Saying it twice is once.

        Raises NotFound for somebody else's upload, Conflict where the store has no such file, or not all of its parts,
        or where the reservation ended, Unavailable where the store does not answer.
        """
        paper = await self._sendable(actor, upload_id)
        if paper.state is PaperState.RESERVED:
            await self._receive(paper)
            paper = await load(upload_id)
        if paper.state is PaperState.EXPIRED and paper.rendition_key is None:
            raise _reservation_ended()
        return paper.state

    async def _receive(self, paper: Paper) -> None:
        """Note that the file of a reservation has arrived, unless somebody else has moved the paper meanwhile."""
        with store_errors():
            try:
                await self.store.head(Bucket.QUARANTINE, paper.object_key)
            except ObjectMissing:
                await join(self.store, paper)
        now = await self.clock.now()
        async with transaction():
            current = await load(paper.id, lock=True)
            if current.state is PaperState.RESERVED:
                await self.move(current, PaperState.UPLOADED)
                await execute("UPDATE upload SET uploaded_at = $2 WHERE id = $1", paper.id, now)
                await enqueue_for(Job.CHECK_UPLOAD, paper.id)
                await self.clear_later(paper.id)

    async def expire(self) -> int:
        """End the reservations that nothing came of within a day, and verified papers past their expiry; how many."""
        now, today = await self.clock.now(), await self.clock.today()
        async with transaction():
            ended = await fetch(
                "SELECT id FROM upload WHERE (state = 'reserved' AND reserved_at < $1)"
                " OR (state = 'verified' AND expires_on < $2) ORDER BY id LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED",
                now - RESERVATION_VALID,
                today,
            )
            for row in ended:
                paper = await load(row["id"])
                if paper.state is PaperState.RESERVED:
                    await self._end(paper)
                    continue
                await self.move(paper, PaperState.EXPIRED)
                await enqueue_for(Job.PAPER_JUDGED, paper.id)
                await self.tell_owner(paper.id, paper, "paper_expired", Text("", ""))
            return len(ended)

    async def give_up(self, upload_id: UUID) -> None:
        """End a reservation of which nothing will come; does nothing to a file that was completed."""
        async with transaction():
            paper = await load(upload_id, lock=True)
            if paper.state is PaperState.RESERVED:
                await self._end(paper)

    async def clear(self, upload_id: UUID) -> None:
        """Take away what quarantine holds of a paper that waits for no file: parts that were never joined, and the file
        itself where it ended, or was sent again after its check. Twice is once; raises Unavailable.
        """
        paper = await load(upload_id)
        if paper.state is PaperState.RESERVED:
            return
        with store_errors():
            await self.store.abort_parts(paper.object_key)
            # What waits to be checked is emptied by its check.
            if paper.state is not PaperState.UPLOADED:
                await self.store.delete(Bucket.QUARANTINE, paper.object_key)

    async def _end(self, paper: Paper) -> None:
        """End a reservation, whose row is locked, and have its place cleared at once and after the last form."""
        await self.move(paper, PaperState.EXPIRED)
        await enqueue_for(Job.CLEAR_UPLOAD, paper.id)
        await self.clear_later(paper.id)

    @staticmethod
    async def clear_later(upload_id: UUID) -> None:
        """Have a paper's place in quarantine cleared once nobody can send anything to it any more."""
        await enqueue_for(Job.CLEAR_UPLOAD, upload_id, execute_after=LINKS_ENDED)

    async def move(self, paper: Paper, to: PaperState) -> None:
        """Write the next state of a paper whose row is locked: the one place where it changes.

        Raises IllegalTransition where that state may not follow.
        """
        if to not in NEXT[paper.state]:
            raise IllegalTransition(STATE_LABELS[to].zh, STATE_LABELS[paper.state].zh)
        await execute("UPDATE upload SET state = $2, version = version + 1 WHERE id = $1", paper.id, to)

    async def tell_owner(self, occasion: UUID, paper: Paper, template: str, why: Text, comment: str = "") -> None:
        """Queue a message to the owner's account, if the owner has one."""
        account = await fetch_value("SELECT id FROM worker_account WHERE person = $1", paper.owner_person)
        if account is not None:
            kind = KIND_LABELS[PaperKind(paper.kind)]
            words = {"kind_zh": kind.zh, "kind_en": kind.en, "why_zh": why.zh, "why_en": why.en, "comment": comment}
            await self.notifications.notify(occasion, account, template, words)

    async def _reserve(
        self, actor: Actor, owner: Owner, kind: PaperKind, name: str, size: int, sha256: bytes, media_type: str
    ) -> Reservation:
        shown = checked_name(name, size, sha256, media_type)
        now = await self.clock.now()
        async with transaction():
            # One at a time for each account, so that many at once can't slip under the limits together.
            await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"upload:{actor.account_id}")
            under_way = await fetch_one(_UNDER_WAY, actor.account_id, actor.person_id, now - FORM_VALID)
            assert under_way is not None
            if under_way["files"] >= UNDER_WAY_FILES or under_way["bytes"] + size > UNDER_WAY_BYTES:
                raise Throttled(int(FORM_VALID.total_seconds()))
            upload = Upload(
                id=new_id(),
                kind=kind,
                owner_person=owner.person,
                owner_application=owner.application,
                reserved_by=actor.account_id,
                state=PaperState.RESERVED,
                name_sealed=self.sealer.seal(shown, NAME_PURPOSE),
                declared_type=media_type,
                declared_size=size,
                declared_sha256=sha256,
                object_key=new_key(),
                reserved_at=now,
            )
            await Upload.insert(upload)
        return Reservation(upload.id, PaperState.RESERVED, await self._form(await load(upload.id)))

    async def _form(self, paper: Paper) -> UploadForm | None:
        if paper.state is not PaperState.RESERVED:
            return None
        with store_errors():
            # Signed here, without a call to the store: it may stand inside the transaction of the idempotency key.
            return await self.store.upload_form(
                paper.object_key,
                content_type=paper.declared_type,
                min_size=paper.size,
                max_size=paper.size,
                valid_for=FORM_VALID,
            )

    @staticmethod
    async def _sendable(actor: Actor, upload_id: UUID) -> Paper:
        paper = await load(upload_id)
        own = Role.WORKER in actor.roles and actor.person_id is not None and actor.person_id == paper.owner_person
        if not own and paper.reserved_by != actor.account_id:
            raise NotFound()
        return paper


@contextmanager
def store_errors() -> Iterator[None]:
    """Say Unavailable for a store that does not answer or does not serve us."""
    try:
        yield
    except StoreError as error:
        raise Unavailable("store") from error


def _reservation_ended() -> Conflict:
    return Conflict("reservation_expired", Text("上传已过期,请重新开始。", "This reservation ended. Start again."))
