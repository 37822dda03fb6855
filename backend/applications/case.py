"""One case as the rules see it: the row of an application, frozen, with the programme version it is judged by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.lifecycle import ENDED, FILING, By, Moves, StageKind, State, SubjectKind, awaited, moves
from backend.applications.programme import PaperRequirement, ProgrammeContent, Stage
from backend.applications.subject import SUBJECT_COLUMNS
from backend.database import fetch, fetch_one
from backend.errors import NotFound
from backend.identity import Level


@dataclass(frozen=True, slots=True)
class Version:
    """A published programme version: its content decoded once, with the table of legal moves on its route."""

    id: UUID
    content: ProgrammeContent
    moves: Moves
    stages: Mapping[str, Stage]

    @classmethod
    def of(cls, version_id: UUID, content: ProgrammeContent) -> Self:
        """The version with this content."""
        return cls(version_id, content, moves(content.route), {stage.key: stage for stage in content.route})


_VERSIONS: dict[UUID, Version] = {}
_VERSIONS_KEPT = 256


async def versions(ids: Iterable[UUID]) -> Mapping[UUID, Version]:
    """Programme versions by id. A published one never changes, so each process reads and decodes it once."""
    wanted = set(ids)
    found = {one: _VERSIONS[one] for one in wanted if one in _VERSIONS}
    lacking = wanted - found.keys()
    if lacking:
        rows = await fetch("SELECT id, state, content FROM programme_version WHERE id = ANY($1)", list(lacking))
        for row in rows:
            content = msgspec.json.decode(row["content"], type=ProgrammeContent)
            found[row["id"]] = version = Version.of(row["id"], content)
            if row["state"] == "published":
                if len(_VERSIONS) >= _VERSIONS_KEPT:
                    _VERSIONS.clear()
                _VERSIONS[version.id] = version
    return found


class Case(msgspec.Struct, frozen=True):
    """An application at one moment; a later moment is another Case.

    A list makes many of them: a Struct is made in a third of the time that a frozen dataclass takes.
    """

    # The columns of a row, in the order of _PLAIN.
    id: UUID
    number: str
    kind: str
    submitted_by: UUID
    filed_by_officer: bool
    subject_name: str
    aggregate: UUID | None
    stage_key: str
    resume_stage: str
    awaiting_role: str
    acting_union: UUID | None
    round: int
    placement: str
    rank: int | None
    points: int
    due_on: date | None
    version_number: int
    created_at: datetime
    submitted_at: datetime | None
    entered_at: datetime
    decided_at: datetime | None
    subject: UUID
    # What is made of others.
    subject_kind: SubjectKind
    state: State
    levels: dict[Level, UUID | None]
    version: Version

    @classmethod
    def of(cls, row: asyncpg.Record, version: Version) -> Self:
        """The case of a row that begins with `CASE_COLUMNS`, under its version."""
        levels = dict(zip(_LEVELS, row[_LEVELS_FROM:], strict=False))
        made = _SUBJECT_KINDS[row["subject_kind"]], _STATES[row["state"]], levels, version
        values: tuple[Any, ...] = (*row[:_LEVELS_FROM], *made)
        return cls(*values)

    @property
    def subject_person(self) -> UUID | None:
        """The one person that it is about; None for a team, a unit or a group."""
        return self.subject if self.subject_kind is SubjectKind.PERSON else None

    @property
    def content(self) -> ProgrammeContent:
        """What the programme version says."""
        return self.version.content

    @property
    def papers(self) -> list[PaperRequirement]:
        """The papers that are asked of a subject of this kind."""
        return [paper for paper in self.content.papers if not paper.subjects or self.subject_kind in paper.subjects]

    @property
    def stage(self) -> Stage | None:
        """The stage it stands in; None while filing and after the end."""
        return self.version.stages.get(self.stage_key)

    @property
    def stage_kind(self) -> StageKind | None:
        """The kind of stage it stands in; None after the end."""
        stage = self.stage
        return stage.kind if stage else StageKind.FILING if self.stage_key == FILING else None

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.stage_key == ENDED

    @property
    def waits_for(self) -> By | None:
        """Whom it waits for."""
        kind = self.stage_kind
        return awaited(kind, self.state) if kind else None

    def union_at(self, level: Level) -> UUID | None:
        """The union of the primary line at `level`, or the nearest one above where there is none."""
        order = list(Level)
        for candidate in reversed(order[: order.index(level) + 1]):
            if self.levels[candidate] is not None:
                return self.levels[candidate]
        return None


_STATES = {state.value: state for state in State}
_SUBJECT_KINDS = {kind.value: kind for kind in SubjectKind}
_LEVELS = tuple(Level)

_PLAIN = (
    *("id", "number", "kind", "submitted_by", "filed_by_officer", "subject_name", "aggregate", "stage", "resume_stage"),
    *("awaiting_role", "acting_union", "round", "placement", "rank", "points", "due_on", "version", "created_at"),
    *("submitted_at", "entered_at", "decided_at"),
)
_SUBJECT = f"coalesce({', '.join(f'a.{column}' for column in SUBJECT_COLUMNS.values())}) AS subject"
_LEVELS_FROM = len(_PLAIN) + 1

#: Of case `a`, to stand first in a statement.
CASE_COLUMNS = ", ".join(
    [
        *(f"a.{name}" for name in _PLAIN),
        _SUBJECT,
        *(f"a.{level.column}" for level in _LEVELS),
        *("a.subject_kind", "a.state", "a.programme_version"),
    ]
)


async def cases_of(rows: Sequence[asyncpg.Record]) -> list[Case]:
    """The cases of rows that begin with `CASE_COLUMNS`, in their order."""
    known = await versions(row["programme_version"] for row in rows)
    return [Case.of(row, known[row["programme_version"]]) for row in rows]


async def load_case(application_id: UUID, *, lock: bool = False) -> Case:
    """The case as it stands; `lock` holds its row until the transaction ends. Raises NotFound."""
    row = await fetch_one(
        f"SELECT {CASE_COLUMNS} FROM application a WHERE a.id = $1{' FOR UPDATE' if lock else ''}", application_id
    )
    if row is None:
        raise NotFound()
    (case,) = await cases_of([row])
    return case
