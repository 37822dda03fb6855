"""What the routes of a worker's cases take and give."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from backend.applications.judgement import PointLine, RuleCheck
from backend.applications.lifecycle import Action, State
from backend.applications.papers import Slot
from backend.applications.reading import Mine
from backend.applications.timeline import StepState, Timeline
from backend.documents.kinds import KIND_LABELS, PaperKind
from backend.words import Language, Text


class ActIn(Struct, forbid_unknown_fields=True):
    """An act on a case by who saw its `version`."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1, description="The version that was shown.", examples=[1])]
    comment: Annotated[str, Meta(max_length=500)] = ""


class AttachIn(Struct, forbid_unknown_fields=True):
    """A paper that answers a requirement.

    `person_id` says whose it is where the case is about several people, `replaces` which paper it takes the place of.
    """

    requirement: Annotated[str, Meta(max_length=30, examples=["merit"])]
    upload_id: UUID
    person_id: UUID | None = None
    replaces: UUID | None = None


class CaseOut(Struct, kw_only=True):
    """A case in a list: where it is, in one phrase."""

    id: UUID
    number: Annotated[str, Meta(examples=["RR-2026-000318"])]
    kind: str
    programme: str
    state: State
    headline: str
    stage: str
    your_turn: bool
    due_on: date | None
    version: int
    created_at: datetime
    submitted_at: datetime | None


class StepOut(Struct, kw_only=True):
    """One step of the way."""

    key: str
    label: str
    state: StepState
    at: datetime | None
    comment: str


class PaperOut(Struct, kw_only=True):
    """A paper that was asked for: `state` is missing, waiting, rejected or verified, `lacking` how many to send yet."""

    requirement: str
    label: str
    kinds: list[str]
    kind_labels: list[str]
    required: bool
    state: str
    uploads: list[UUID]
    person_id: UUID | None = None
    at_least: int = 1
    lacking: int = 0


class CheckOut(Struct, kw_only=True):
    """A rule as it was judged."""

    code: str
    passed: bool
    message: str
    clause: str
    field: str


class LineOut(Struct, kw_only=True):
    """One line of the priority."""

    code: str
    label: str
    points: int
    clause: str


class CaseDetail(CaseOut, kw_only=True):
    """A case with its timeline, papers, what was judged, and what the worker may do now."""

    explanation: str
    acts_next: str
    filed_by: str | None
    placement: str
    rank: int | None
    notice: str | None
    steps: list[StepOut]
    papers: list[PaperOut]
    actions: list[str]
    points: int
    point_lines: list[LineOut]


class ObjectionIn(Struct, forbid_unknown_fields=True):
    """What one objects to and why; only the handler reads it."""

    application_id: UUID
    words: Annotated[str, Meta(min_length=1, max_length=2000)]


class Created(Struct):
    """What was made."""

    id: UUID


def case_out(mine: Mine, headline: Text, your_turn: bool, language: Language) -> CaseOut:
    """The list form of a case; `headline` is its programme's word for where it is."""
    case, stage, in_chinese = mine.case, mine.case.stage, language is Language.ZH
    return CaseOut(
        id=case.id,
        number=case.number,
        kind=case.kind,
        programme=mine.programme_zh if in_chinese else mine.programme_en,
        state=case.state,
        headline=headline.in_(language),
        stage=(stage.label_zh if in_chinese else stage.label_en) if stage else "",
        your_turn=your_turn,
        due_on=case.due_on,
        version=case.version_number,
        created_at=case.created_at,
        submitted_at=case.submitted_at,
    )


def case_detail(
    mine: Mine,
    told: Timeline,
    slots: list[Slot],
    actions: list[Action],
    lines: list[PointLine],
    filed_by: str | None,
    language: Language,
) -> CaseDetail:
    """The full form of a case."""
    case = mine.case
    return CaseDetail(
        **msgspec.structs.asdict(case_out(mine, told.headline, told.your_turn, language)),
        explanation=told.explanation.in_(language),
        acts_next=told.acts_next.in_(language),
        filed_by=filed_by,
        placement=case.placement,
        rank=case.rank,
        notice=f"/notices/{mine.token}" if mine.token else None,
        steps=[
            StepOut(key=step.key, label=step.label.in_(language), state=step.state, at=step.at, comment=step.comment)
            for step in told.steps
        ],
        papers=[paper_out(slot, language) for slot in slots],
        actions=[action.value for action in actions],
        points=case.points,
        point_lines=lines_out(lines, language),
    )


def paper_out(slot: Slot, language: Language) -> PaperOut:
    """A line of the checklist; of a programme that is only looked at, a slot without papers."""
    asked = slot.requirement
    return PaperOut(
        requirement=asked.key,
        label=slot.label.in_(language),
        kinds=list(asked.kinds),
        kind_labels=[KIND_LABELS[PaperKind(kind)].in_(language) for kind in asked.kinds],
        required=asked.required,
        person_id=slot.person,
        at_least=asked.at_least,
        lacking=slot.lacking,
        state=slot.state,
        uploads=[paper.upload for paper in slot.papers],
    )


def checks_out(checks: list[RuleCheck], language: Language) -> list[CheckOut]:
    """Rules in the reader's language."""
    return [
        CheckOut(
            code=check.code,
            passed=check.passed,
            message=Text(check.zh, check.en).in_(language),
            clause=check.clause,
            field=check.field,
        )
        for check in checks
    ]


def lines_out(lines: list[PointLine], language: Language) -> list[LineOut]:
    """Point lines in the reader's language."""
    return [
        LineOut(
            code=line.code,
            label=Text(line.label_zh, line.label_en).in_(language),
            points=line.points,
            clause=line.clause,
        )
        for line in lines
    ]
