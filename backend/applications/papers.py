"""The papers of a case: which are asked for, which are there, and how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from backend.applications.case import Case
from backend.applications.fairness import concerned
from backend.applications.programme import MOST_PAPERS, PaperRequirement
from backend.database import execute, fetch, fetch_one, fetch_value, new_id
from backend.errors import NotFound, RuleViolation, Violation
from backend.words import Text

#: States of an upload that can still become, or already are, good papers.
_WAITING = ("uploaded", "checked")
_LIVE = (*_WAITING, "verified")


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
    """One requirement with what was attached to it, newest first; `person` is whose, where it is asked of each."""

    requirement: PaperRequirement
    papers: tuple[Paper, ...]
    person: UUID | None = None
    person_name: str = ""

    @property
    def label(self) -> Text:
        """What is asked for, and of whom."""
        label = self.requirement.label
        return (
            Text("{label}({name})", "{label} ({name})").fill(label=label, name=self.person_name)
            if self.person
            else label
        )

    @property
    def lacking(self) -> int:
        """How many usable papers are still to be sent."""
        return max(0, self.requirement.at_least - sum(paper.state in _LIVE for paper in self.papers))

    @property
    def state(self) -> str:
        """`missing`, `rejected` (send another), `waiting` (sent, not yet judged) or `verified`.

        A file sent after the verdict waits for one of its own: what was said of the others does not cover it.
        """
        states = {paper.state for paper in self.papers}
        if self.lacking:
            return "rejected" if states - set(_LIVE) else "missing"
        return "waiting" if states & set(_WAITING) else "verified"


class Attached(msgspec.Struct, array_like=True, frozen=True):
    """One paper as it hangs on a case."""

    requirement: str
    person: UUID | None
    upload: UUID
    kind: str
    state: str
    refusal_code: str
    attached_at: datetime


#: The papers of case `a` as JSON for `read_attached`, the newest first.
ATTACHED = """(SELECT coalesce(json_agg(json_build_array(d.requirement, d.person, d.upload, u.kind, u.state,
        u.refusal_code, d.attached_at) ORDER BY d.attached_at DESC), '[]')
    FROM application_document d JOIN upload u ON u.id = d.upload WHERE d.application = a.id)"""


def read_attached(found: str) -> list[Attached]:
    """The papers that a statement with ATTACHED has found."""
    return msgspec.json.decode(found, type=list[Attached])


async def slots(case: Case) -> list[Slot]:
    """Every requirement of the case's programme version with its papers, once for each person where it asks so."""
    found = await fetch_value(f"SELECT {ATTACHED} FROM application a WHERE a.id = $1", case.id)
    return await arranged(case, read_attached(found))


async def arranged(case: Case, attached: Sequence[Attached]) -> list[Slot]:
    """What `slots` gives, of papers that were read along with the case."""
    people: list[tuple[UUID | None, str]] = []
    if any(requirement.each_person for requirement in case.papers):
        people = [
            (row["id"], row["name"])
            for row in await fetch(
                "SELECT p.id, p.name FROM application_person a JOIN person p ON p.id = a.person"
                " WHERE a.application = $1 ORDER BY p.id",
                case.id,
            )
        ]

    def slot(requirement: PaperRequirement, person: UUID | None, name: str) -> Slot:
        return Slot(
            requirement,
            tuple(
                Paper(paper.upload, paper.kind, paper.state, paper.refusal_code, paper.attached_at)
                for paper in attached
                if paper.requirement == requirement.key and person in (None, paper.person)
            ),
            person,
            name,
        )

    return [
        slot(requirement, person, name)
        for requirement in case.papers
        for person, name in (people if requirement.each_person else [(None, "")])
    ]


def missing(found: Sequence[Slot], due_stage: str) -> list[Violation]:
    """The required papers due in this stage (empty: on submitting) of which too few that are usable were sent."""
    return [
        Violation(
            "paper_missing",
            Text("缺少材料:{label},还差 {count} 份", "Missing paper: {label}, {count} more").fill(
                label=slot.label, count=slot.lacking
            )
            if slot.requirement.at_least > 1
            else Text("缺少材料:{label}", "Missing paper: {label}").fill(label=slot.label),
            f"papers.{slot.requirement.key}",
        )
        for slot in found
        if slot.requirement.required and slot.requirement.due_stage == due_stage and slot.lacking
    ]


def unverified(found: Sequence[Slot]) -> list[Violation]:
    """The required papers that were due on submitting and are not verified."""
    return [
        Violation(
            "paper_not_verified",
            Text("材料尚未核验通过:{label}", "Paper not verified: {label}").fill(label=slot.label),
            f"papers.{slot.requirement.key}",
        )
        for slot in found
        if slot.requirement.required and not slot.requirement.due_stage and slot.state != "verified"
    ]


async def attach(case: Case, requirement_key: str, upload_id: UUID, at: datetime, person: UUID | None = None) -> None:
    """Link an upload to a requirement of a case; twice is once.

    It belongs to the subject, to the worker who files, or to the case itself; a paper that was verified for another
    case is as good here, without being sent again. `person` says whose paper it is, the subject's if None. Raises
    NotFound for any other upload, for a paper that the programme does not ask for and for somebody whom the case is
    not about; RuleViolation for one of the wrong kind or not usable, and for too many.
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
    whose = person or case.subject_person
    if whose is not None and whose != case.subject_person and whose not in await concerned(case.id):
        raise NotFound()
    held = await fetch_value(
        "SELECT count(*) FROM application_document WHERE application = $1 AND requirement = $2 AND upload <> $3",
        case.id,
        requirement_key,
        upload_id,
    )
    if held >= MOST_PAPERS:
        raise RuleViolation.of(
            "papers_many", Text("同一项材料最多 20 份。", "One requirement takes at most 20 papers."), "upload"
        )
    await execute(
        "INSERT INTO application_document (id, application, requirement, person, upload, attached_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (application, requirement, upload, person) DO NOTHING",
        new_id(),
        case.id,
        requirement_key,
        whose,
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
