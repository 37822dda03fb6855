"""What HR says of a paper: a verdict bound to the very file that was seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from backend.audit.log import record
from backend.database import execute, new_id, transaction
from backend.documents.access import Seen, refusals_recorded, see
from backend.documents.kinds import REJECTION_LABELS, Malware, PaperState, RejectionReason
from backend.documents.policy import check_expiry, check_verdict
from backend.documents.service import Documents
from backend.documents.tables import Verdict
from backend.errors import Conflict, Forbidden, Stale
from backend.identity import Actor
from backend.jobs import Job, enqueue_for
from backend.people.service import are_relatives
from backend.words import Text


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Gives verdicts; `unscanned` says whether a paper that no malware scanner saw may be verified."""

    documents: Documents
    unscanned: bool = True

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
        now, today = await self.documents.clock.now(), await self.documents.clock.today()
        async with refusals_recorded(actor, "paper.verify", upload_id), transaction():
            seen = await see(actor, upload_id, lock=True)
            await _require_verifier(actor, seen)
            paper = seen.paper
            if paper.version != expected_version:
                raise Stale()
            if paper.sha256 != sha256:
                raise Conflict(
                    "another_file", Text("您看到的不是这份文件,请刷新。", "This is not the file you saw. Reload.")
                )
            check_expiry(paper.kind, outcome, expires_on, unlimited, today)
            if outcome is PaperState.VERIFIED and paper.malware == Malware.NOT_SCANNED and not self.unscanned:
                raise Conflict(
                    "not_scanned",
                    Text(
                        "文件未经病毒扫描,暂不能核验通过。", "No malware scanner saw this file; it can't be verified."
                    ),
                )
            await self.documents.move(paper, outcome)
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
                await self.documents.tell_owner(
                    verdict.id, paper, "paper_rejected", REJECTION_LABELS[reason_code], comment
                )
            return paper.version + 1


async def _require_verifier(actor: Actor, seen: Seen) -> None:
    owner = seen.paper.owner_person
    if not seen.verifies:
        raise Forbidden("role_missing", Text("您不是这份材料的核验员。", "You are not a verifier for this paper."))
    if actor.account_id == seen.paper.reserved_by or (actor.person_id is not None and actor.person_id == owner):
        raise Forbidden(
            "conflict_own_case",
            Text("不能核验本人的或本人代传的材料。", "Nobody verifies a paper that is one's own or that one sent in."),
        )
    if actor.person_id is not None and owner is not None and await are_relatives(actor.person_id, owner):
        raise Forbidden("conflict_relative", Text("不能核验亲属的材料。", "Nobody verifies the paper of a relative."))
