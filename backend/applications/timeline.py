"""A case in plain words for the worker: one sentence, the steps, who acts next and by when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import msgspec

from backend.applications.case import Case
from backend.applications.lifecycle import FILING, StageKind, State
from backend.words import Text


class StepState(StrEnum):
    """How far a step of the timeline is."""

    DONE = "done"
    NOW = "now"
    LATER = "later"
    SKIPPED = "skipped"


class Passed(msgspec.Struct, array_like=True, frozen=True):
    """An event that the timeline needs: which stage it left, when, and what was said."""

    from_stage: str
    to_stage: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way: its name, how far it is, and when it was done."""

    key: str
    label: Text
    state: StepState
    at: datetime | None
    comment: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the worker sees: the sentence, whether they must act, who acts, by when, and the steps."""

    headline: Text
    explanation: Text
    your_turn: bool
    acts_next: Text
    due_on: date | None
    steps: tuple[Step, ...]


def timeline(case: Case, headline: Text, events: Sequence[Passed], acting_union: str, *, your_turn: bool) -> Timeline:
    """The timeline of a case; `headline` is its programme's word for where it is, `events` come oldest first,
    `acting_union` is the name of the union that acts now, `your_turn` says whether the reader has to act.
    """
    stage = case.stage
    if case.state in (State.SUBMITTED, State.UNDER_REVIEW) and stage is not None:
        headline = Text("{stage}中", "{stage}: in progress").fill(stage=stage.label)
    return Timeline(
        headline=headline,
        explanation=_explanation(case, events),
        your_turn=your_turn,
        acts_next=_acts_next(case, acting_union, your_turn=your_turn),
        due_on=case.due_on,
        steps=tuple(_steps(case, events)),
    )


def _acts_next(case: Case, acting_union: str, *, your_turn: bool) -> Text:
    if case.ended:
        return Text("已办结,不再需要任何人处理。", "Closed; nobody has to act.")
    if your_turn:
        return Text("请您处理。", "It is your turn.")
    if not acting_union:
        return Text("现在不需要您做什么。", "You need not do anything now.")
    return Text("由{union}办理,现在不需要您做什么。", "With {union}; you need not do anything now.").fill(
        union=acting_union
    )


def _explanation(case: Case, events: Sequence[Passed]) -> Text:
    said = next((event.comment for event in reversed(events) if event.comment), "")
    match case.state:
        case State.DRAFT:
            return Text("填写完整后请提交。", "Fill it in, then send it.")
        case State.RETURNED:
            return Text("需要补正:{said}", "What is needed: {said}").fill(said=said)
        case State.REJECTED:
            return Text("原因:{said}", "Reason: {said}").fill(said=said or "—")
        case State.RESERVE:
            return Text(
                "您排在递补第 {rank} 位;有人放弃时按顺序自动递补。",
                "You are number {rank} in line; a place that falls free goes by this order.",
            ).fill(rank=case.rank)
        case State.APPROVED if case.stage_kind is StageKind.CONFIRMATION:
            return Text("请在 {due} 前(含当日)确认或放弃。", "Confirm or decline by {due} (that day included).").fill(
                due=case.due_on
            )
        case State.ON_NOTICE:
            return Text("公示至 {due}。", "The notice stands through {due}.").fill(due=case.due_on)
        case _:
            return Text("", "")


def _steps(case: Case, events: Sequence[Passed]) -> list[Step]:
    keys = [(FILING, Text("提交申请", "Apply")), *((stage.key, stage.label) for stage in case.content.route)]
    here = case.stage_key
    order = [key for key, _ in keys]
    reached = max((order.index(event.to_stage) for event in events if event.to_stage in order), default=0)
    steps = []
    for place, (key, label) in enumerate(keys):
        left = next((event for event in reversed(events) if event.from_stage == key and event.to_stage != key), None)
        if key == here:
            state = StepState.NOW
        elif case.ended and (left is None or place > reached):
            state = StepState.SKIPPED
        elif left is not None and (case.ended or order.index(here) > place or key == case.resume_stage):
            state = StepState.DONE
        else:
            state = StepState.LATER
        done = state is StepState.DONE and left is not None
        steps.append(Step(key, label, state, left.at if done and left else None, left.comment if done and left else ""))
    return steps
