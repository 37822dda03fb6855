"""What a programme's slice gives to the shared case: its rules, its own rows, its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

import msgspec

from backend.applications.case import Case
from backend.applications.judgement import Judgement
from backend.applications.lifecycle import Action, Move
from backend.applications.programme import ProgrammeContent, Stage
from backend.applications.words import WORKER_STATES
from backend.calendars.service import working_days_after
from backend.database import fetch, fetch_one
from backend.errors import Violation
from backend.identity import Actor, Role
from backend.words import Text


@dataclass(frozen=True, slots=True)
class Panel:
    """A block of the case page that a slice contributes: a heading, rows of label and value, links to its own pages."""

    title: Text
    rows: Sequence[tuple[Text, str | Text]]
    links: Sequence[tuple[Text, str]] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that an action asks of whoever takes it at the desk.

    `kind` is text, area, number, date or choice; `choices` are pairs of stored value and label; `value` is what stands
    there before anything is typed; `note` says what is meant.
    """

    name: str
    label: Text
    kind: str = "text"
    choices: Sequence[tuple[str, Text]] = ()
    value: str = ""
    required: bool = True
    note: Text | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One case on a notice, in the words that may be public: never an ID number, a phone, an illness or an address."""

    case: Case
    name: str
    unit: str
    deed: str = ""
    placement: str = "main"
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a notice says: its words and its lines, in the order in which they are shown."""

    title: Text
    lines: Sequence[Line]


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
    whatever concerns many cases runs in one order. `by_policy` says that its figures are policy rows, without which
    nothing is published.
    """

    kind: str
    prefix: str
    label: Text
    aggregate_table: str = ""
    aggregate_actions: frozenset[Action] = field(default_factory=frozenset)
    by_policy: bool = False

    def check_terms(self, content: ProgrammeContent) -> list[Violation]:
        """What forbids publishing these terms, beyond what holds for every programme."""
        return []

    def files(self, actor: Actor, case: Case) -> bool:
        """Whether the case is the actor's to file.

        It is the worker's own, or one of an officer who reaches it and whose union filed it.
        """
        if actor.person_id is not None and actor.person_id == case.subject_person:
            return Role.WORKER in actor.roles
        officer_of = {binding.union_id for binding in actor.unions_as(Role.UNIT_OFFICER)}
        return case.filed_by_officer and bool(officer_of & set(case.levels.values()))

    async def judge(self, case: Case, now: datetime) -> Judgement:
        """Judge a case that is to be submitted."""
        return Judgement(facts={})

    async def guard(
        self, actor: Actor, case: Case, move: Move, details: msgspec.Struct | None, now: datetime
    ) -> list[Violation]:
        """What else forbids `move`, beyond role, scope and conflict."""
        return []

    async def fields(self, case: Case, action: Action) -> Sequence[Field]:
        """What `action` asks for at the desk, beside a comment."""
        return ()

    def details(self, case: Case, action: Action, fields: Mapping[str, str]) -> msgspec.Struct | None:
        """What was given in `fields`; raises RuleViolation naming each field that does not fit."""
        return None

    async def conduct(
        self, actor: Actor, case: Case, move: Move, details: msgspec.Struct | None, comment: str, now: datetime
    ) -> None:
        """Write what `move` says in the slice's own rows, before the case moves."""

    async def effect(self, door: Door, case: Case, move: Move, actor: Actor, now: datetime) -> None:
        """What follows in the slice's own rows; `case` is as it is after the move, `door` steps further cases."""

    async def confirm_due_on(self, case: Case, stage: Stage, today: date) -> date:
        """The last day on which a place that is offered today can be confirmed."""
        return await working_days_after(today, stage.working_days)

    async def announcement(self, cases: Sequence[Case], stage: Stage) -> Announcement:
        """What the notice of these cases of one programme, stage and aggregate says; they come in order of age."""
        programme = await fetch_one(
            "SELECT p.name_zh, p.name_en FROM programme_version v JOIN programme p ON p.id = v.programme"
            " WHERE v.id = $1",
            cases[0].version.id,
        )
        assert programme is not None
        rows = await fetch("SELECT id, name FROM trade_union WHERE id = ANY($1)", [union_shown(case) for case in cases])
        units = {row["id"]: row["name"] for row in rows}
        name = Text(programme["name_zh"], programme["name_en"])
        return Announcement(
            Text("{name} · {stage}", "{name}: {stage}").fill(name=name, stage=stage.label),
            [
                Line(case, case.subject_name, units.get(union_shown(case), ""), rank=rank)
                for rank, case in enumerate(cases, start=1)
            ],
        )

    async def notice_published(self, aggregate: UUID | None, stage: Stage, now: datetime) -> None:
        """What follows in the slice when a notice over its aggregate has gone up."""

    async def notice_concluded(self, door: Door, aggregate: UUID | None, stage_key: str, now: datetime) -> None:
        """What follows in the slice when a notice over its aggregate has ended; the aggregate is locked."""

    async def sweep(self, door: Door, now: datetime) -> None:
        """What the slice does when time has passed: each case in a transaction of its own, by a System actor."""

    async def panels(self, actor: Actor, case: Case) -> Sequence[Panel]:
        """What the desk shows of the slice's own rows, without secrets."""
        return ()

    def headline(self, case: Case) -> Text:
        """Where the case is, in one phrase for the worker."""
        return WORKER_STATES[case.state]

    def message(self, case: Case, template: str) -> str:
        """The template by which `recipients` are told, where another has better words than the usual one."""
        return template

    async def recipients(self, case: Case, subject_account: UUID | None) -> list[UUID]:
        """The worker accounts that are told when the case moves: that of the one it is about, if there is one."""
        return [subject_account] if subject_account is not None else []


def union_shown(case: Case) -> UUID | None:
    """The lowest union of the line that a case stands on: a worker's unit, or the unit itself."""
    return next((union for union in reversed(list(case.levels.values())) if union is not None), None)
