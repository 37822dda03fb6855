"""The verbs of papers: reserve, complete, check, verify, look; the only writer of an upload's state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from backend.audit.log import record, record_apart
from backend.clock import LOCAL, Clock
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.documents.access import Paper, Seen, load, see
from backend.documents.inspection.watermark import watermark
from backend.documents.kinds import (
    IN_PARTS_ABOVE,
    KIND_LABELS,
    NEXT,
    REJECTION_LABELS,
    STATE_LABELS,
    VIEWABLE,
    Malware,
    MediaType,
    PaperKind,
    PaperState,
    RejectionReason,
)
from backend.documents.parts import LINKS_VALID, Parts, join, open_parts
from backend.documents.policy import check_expiry, check_verdict, checked_name
from backend.documents.tables import Upload, Verdict
from backend.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    NotFound,
    RuleViolation,
    Stale,
    Throttled,
    Unavailable,
)
from backend.identity import Actor, Role
from backend.jobs import Job, enqueue_for
from backend.notifications.service import Notifications
from backend.people.service import are_relatives
from backend.sealing import Sealer
from backend.unions.scope import in_scope
from backend.words import UNPRINTABLE, Text
from storage.keys import Bucket, new_key, shared_key
from storage.port import DocumentStore, ObjectMissing, StoreError, UploadForm

NAME_PURPOSE = "upload.name"

FORM_VALID = timedelta(minutes=10)
LINK_VALID = timedelta(seconds=60)
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

#: Bytes of one rendition; ours are far smaller.
RENDITION_LIMIT = 16 * 1024 * 1024

REASON_LEAST = 4


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
    """Papers, from the reservation by a phone to the verdict by HR; `check` is run by the worker."""

    clock: Clock
    sealer: Sealer
    store: DocumentStore
    notifications: Notifications
    verify_unscanned: bool = True

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
        if paper.state is PaperState.EXPIRED and paper.rendition_key is None:
            raise _reservation_ended()
        if paper.state is not PaperState.RESERVED:
            return paper.state
        with store_errors():
            try:
                await self.store.head(Bucket.QUARANTINE, paper.object_key)
            except ObjectMissing:
                await join(self.store, paper)
        now = await self.clock.now()
        async with transaction():
            paper = await load(upload_id, lock=True)
            if paper.state is PaperState.RESERVED:
                await self.move(paper, PaperState.UPLOADED)
                await execute("UPDATE upload SET uploaded_at = $2 WHERE id = $1", paper.id, now)
                await enqueue_for(Job.CHECK_UPLOAD, paper.id)
                await self.clear_later(paper.id)
                return PaperState.UPLOADED
            return paper.state

    async def verify(
        self,
        actor: Actor,
        upload_id: UUID,
        outcome: PaperState,
        *,
        sha256: bytes,
        expected_version: int,
        reason_code: RejectionReason | None = None,
        comment: str = "",
        expires_on: date | None = None,
        unlimited: bool = False,
    ) -> int:
        """Give a verdict (`verified` or `rejected`) on the file with this digest; the paper's new version.

        The verdict is bound to the upload and its SHA-256, so it can't fall on a file that the verifier did not see.
        `expires_on` is the last day on which the paper counts; of a kind that holds for a time it is given, or
        `unlimited` that there is none.
        Raises NotFound outside the actor's sight, Forbidden without the verifier's role there, on one's own or a
        relative's paper or one that the actor sent in; Stale; Conflict for another file, for a paper that has no such
        move, and for one that no scanner saw where policy asks for one; RuleViolation for an outcome, a reason or an
        expiry that does not fit.
        """
        check_verdict(outcome, reason_code, comment)
        now, today = await self.clock.now(), await self.clock.today()
        async with refusals_recorded(actor, "paper.verify", upload_id), transaction():
            seen = await see(actor, upload_id, lock=True)
            await self._require_verifier(actor, seen)
            paper = seen.paper
            if paper.version != expected_version:
                raise Stale()
            if paper.sha256 != sha256:
                raise Conflict(
                    "another_file", Text("您看到的不是这份文件,请刷新。", "This is not the file you saw. Reload.")
                )
            check_expiry(paper.kind, outcome, expires_on, unlimited, today)
            if outcome is PaperState.VERIFIED and paper.malware == Malware.NOT_SCANNED and not self.verify_unscanned:
                raise Conflict(
                    "not_scanned",
                    Text(
                        "文件未经病毒扫描,暂不能核验通过。", "No malware scanner saw this file; it can't be verified."
                    ),
                )
            await self.move(paper, outcome)
            verdict = Verdict(
                id=new_id(),
                upload=paper.id,
                sha256=paper.sha256,
                outcome=outcome,
                reason_code=reason_code or "",
                comment=comment,
                by_account=actor.account_id,
                by_name=actor.name,
                at=now,
                expires_on=expires_on,
            )
            await Verdict.insert(verdict)
            await execute("UPDATE upload SET expires_on = $2 WHERE id = $1", paper.id, expires_on)
            await record(actor, "paper.verify", outcome, object_kind="upload", object_id=paper.id, reason=comment)
            await enqueue_for(Job.PAPER_JUDGED, paper.id)
            if outcome is PaperState.REJECTED and reason_code is not None:
                await self.tell_owner(verdict.id, paper, "paper_rejected", REJECTION_LABELS[reason_code], comment)
            return paper.version + 1

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
        await self._record_look(actor, paper, "paper.look", purpose, application)
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
        await self._record_look(actor, paper, "paper.original", reason, application)
        return link

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

    @staticmethod
    async def _require_verifier(actor: Actor, seen: Seen) -> None:
        owner = seen.paper.owner_person
        if not seen.verifies:
            raise Forbidden("role_missing", Text("您不是这份材料的核验员。", "You are not a verifier for this paper."))
        if actor.account_id == seen.paper.reserved_by or (actor.person_id is not None and actor.person_id == owner):
            raise Forbidden(
                "conflict_own_case",
                Text(
                    "不能核验本人的或本人代传的材料。", "Nobody verifies a paper that is one's own or that one sent in."
                ),
            )
        if actor.person_id is not None and owner is not None and await are_relatives(actor.person_id, owner):
            raise Forbidden(
                "conflict_relative", Text("不能核验亲属的材料。", "Nobody verifies the paper of a relative.")
            )

    @staticmethod
    async def _record_look(actor: Actor, paper: Paper, act: str, reason: str, application: UUID | None) -> None:
        detail = {"sha256": paper.sha256.hex()}
        if application is not None:
            detail["application"] = str(application)
        async with transaction():
            await record(actor, act, "done", object_kind="upload", object_id=paper.id, reason=reason, detail=detail)


@asynccontextmanager
async def refusals_recorded(actor: Actor, act: str, upload_id: UUID) -> AsyncIterator[None]:
    """Put on record who reached for a paper that is not theirs to see or to judge."""
    try:
        yield
    except (NotFound, Forbidden) as error:
        await record_apart(actor, act, "refused", object_kind="upload", object_id=upload_id, reason=error.code)
        raise


@contextmanager
def store_errors() -> Iterator[None]:
    """Say Unavailable for a store that does not answer or does not serve us."""
    try:
        yield
    except StoreError as error:
        raise Unavailable("store") from error


def _reservation_ended() -> Conflict:
    return Conflict("reservation_expired", Text("上传已过期,请重新开始。", "This reservation ended. Start again."))


def _require_viewable(paper: Paper) -> None:
    if paper.state not in VIEWABLE or paper.rendition_key is None:
        raise Conflict(
            "not_checked", Text("文件还没有通过检查,暂不能查看。", "The file has not been checked; it can't be shown.")
        )
