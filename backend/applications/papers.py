"""The papers of a case: which are asked for, which are there, and how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.applications.case import Case
from backend.applications.programme import PaperRequirement
from backend.database import execute, fetch, fetch_one, new_id
from backend.errors import NotFound, RuleViolation, Violation
from backend.words import Text

#: States of an upload that can still become, or already are, good papers.
_LIVE = ("uploaded", "checked", "verified")

#: States of a slot in which a paper is still to be sent.
_LACKING = ("missing", "rejected")


@dataclass(frozen=True, slots=True)
class Paper:
    """One upload attached to a requirement."""

    upload: UUID
    kind: str
    state: str
    refusal_code: str
    attached_at: datetime


@dataclass(frozen=True, slots=True)
class Slot:
    """One requirement with what was attached to it, newest first."""

    requirement: PaperRequirement
    papers: tuple[Paper, ...]

    @property
    def state(self) -> str:
        """`verified`, `waiting` (sent, not yet judged), `rejected` (send another) or `missing`."""
        states = {paper.state for paper in self.papers}
        if "verified" in states:
            return "verified"
        if states & set(_LIVE):
            return "waiting"
        return "rejected" if states else "missing"


async def slots(case: Case) -> list[Slot]:
    """Every requirement of the case's programme version with its papers."""
    rows = await fetch(
        "SELECT d.requirement, d.upload, d.attached_at, u.kind, u.state, u.refusal_code FROM application_document d"
        " JOIN upload u ON u.id = d.upload WHERE d.application = $1 ORDER BY d.attached_at DESC",
        case.id,
    )
    return [
        Slot(
            requirement,
            tuple(
                Paper(row["upload"], row["kind"], row["state"], row["refusal_code"], row["attached_at"])
                for row in rows
                if row["requirement"] == requirement.key
            ),
        )
        for requirement in case.papers
    ]


def missing(found: Sequence[Slot], due_stage: str) -> list[Violation]:
    """The required papers due in this stage (empty: on submitting) that nothing usable was sent for."""
    return [
        Violation(
            "paper_missing",
            Text("缺少材料:{label}", "Missing paper: {label}").fill(label=slot.requirement.label),
            f"papers.{slot.requirement.key}",
        )
        for slot in found
        if slot.requirement.required and slot.requirement.due_stage == due_stage and slot.state in _LACKING
    ]


def unverified(found: Sequence[Slot]) -> list[Violation]:
    """The required papers that were due on submitting and are not verified."""
    return [
        Violation(
            "paper_not_verified",
            Text("材料尚未核验通过:{label}", "Paper not verified: {label}").fill(label=slot.requirement.label),
            f"papers.{slot.requirement.key}",
        )
        for slot in found
        if slot.requirement.required and not slot.requirement.due_stage and slot.state != "verified"
    ]


async def attach(case: Case, requirement_key: str, upload_id: UUID, at: datetime, person: UUID | None = None) -> None:
    """Link an upload to a requirement of a case; twice is once.

    It belongs to the subject, to the worker who files, or to the case itself. Raises NotFound for any other upload
    and for a paper that the programme does not ask for, RuleViolation for one of the wrong kind or not usable.
    """
    requirement = next((paper for paper in case.papers if paper.key == requirement_key), None)
    if requirement is None:
        raise NotFound(Text("本项目不需要这种材料。", "This programme does not ask for that paper."))
    row = await fetch_one(
        "SELECT kind, state FROM upload WHERE id = $1 AND (owner_application = $2 OR owner_person = $3"
        " OR owner_person = (SELECT person FROM worker_account WHERE id = $4))",
        upload_id,
        case.id,
        case.subject_person,
        case.submitted_by,
    )
    if row is None:
        raise NotFound()
    if row["kind"] not in requirement.kinds:
        raise RuleViolation.of(
            "paper_kind",
            Text("这份材料的种类不符合“{label}”的要求。", "This kind of paper does not answer “{label}”.").fill(
                label=requirement.label
            ),
            "upload",
        )
    if row["state"] not in _LIVE:
        raise RuleViolation.of(
            "paper_not_usable",
            Text("这份材料未上传完成或未通过检查。", "This paper is not uploaded or was refused."),
            "upload",
        )
    await execute(
        "INSERT INTO application_document (id, application, requirement, person, upload, attached_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (application, requirement, upload) DO NOTHING",
        new_id(),
        case.id,
        requirement_key,
        person or case.subject_person,
        upload_id,
        at,
    )


async def detach(case: Case, requirement_key: str, upload_id: UUID) -> None:
    """Take a paper off a case that is being filed; the upload itself stays."""
    await execute(
        "DELETE FROM application_document WHERE application = $1 AND requirement = $2 AND upload = $3",
        case.id,
        requirement_key,
        upload_id,
    )
