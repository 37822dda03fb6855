"""What a programme's slice gives to the shared case: its rules, its own rows, its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from backend.applications.case import Case
from backend.applications.judgement import Judgement
from backend.applications.lifecycle import Action, Move
from backend.applications.programme import Stage
from backend.calendars.service import working_days_after
from backend.errors import Violation
from backend.identity import Actor
from backend.words import Text


@dataclass(frozen=True, slots=True)
class Panel:
    """A block of the case page that a slice contributes: a heading and rows of label and value."""

    title: Text
    rows: Sequence[tuple[Text, str | Text]]


class Door(Protocol):
    """The inner step of the shared case, for effects that concern further cases."""

    async def step(
        self,
        actor: Actor,
        case: Case,
        action: Action,
        now: datetime,
        *,
        comment: str = "",
        placement: str | None = None,
        rank: int | None = None,
        due_on: date | None = None,
    ) -> Case:
        """Move a case whose row and aggregate the caller has locked; the case as it is afterwards."""

    async def locked(self, application_id: UUID, action: Action) -> Case:
        """The case with its row locked, and before it its aggregate where `action` concerns more than this case."""


@dataclass(frozen=True, slots=True)
class Process:
    """A programme kind with no rules of its own; a slice overrides what it needs.

    `aggregate_table` names the table of the aggregate that a case belongs to: it is locked before the case, so that
    whatever concerns many cases runs in one order.
    """

    kind: str
    prefix: str
    label: Text
    aggregate_table: str = ""
    aggregate_actions: frozenset[Action] = field(default_factory=frozenset)

    async def judge(self, case: Case, now: datetime) -> Judgement:
        """Judge a case that is to be submitted."""
        return Judgement(facts={})

    async def guard(self, case: Case, move: Move, now: datetime) -> list[Violation]:
        """What else forbids `move`, beyond role, scope and conflict."""
        return []

    async def persons_concerned(self, case: Case) -> set[UUID]:
        """The persons whom the case is about: nobody of them, nor a relative of theirs, acts on it."""
        return {case.subject_person} if case.subject_person else set()

    async def effect(self, door: Door, case: Case, move: Move, actor: Actor, now: datetime) -> None:
        """What follows in the slice's own rows; `case` is as it is after the move, `door` steps further cases."""

    async def confirm_due_on(self, case: Case, stage: Stage, today: date) -> date:
        """The last day on which a place that is offered today can be confirmed."""
        return await working_days_after(today, stage.working_days)

    async def notice_concluded(self, door: Door, aggregate: UUID, now: datetime) -> None:
        """What follows in the slice when a notice over its aggregate has ended; the aggregate is locked."""

    async def sweep(self, door: Door, now: datetime) -> None:
        """What the slice does when time has passed: each case in a transaction of its own, by a System actor."""

    async def panels(self, case: Case) -> Sequence[Panel]:
        """What the desk shows of the slice's own rows, without secrets."""
        return ()
