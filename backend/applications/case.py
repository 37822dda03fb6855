"""One case as the rules see it: the row of an application, frozen, with the programme version it is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Self
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.lifecycle import ENDED, By, Moves, StageKind, State, SubjectKind, awaited, moves
from backend.applications.programme import PaperRequirement, ProgrammeContent, Stage
from backend.applications.subject import SUBJECT_COLUMNS
from backend.columns import LEVEL_COLUMNS
from backend.database import fetch_one
from backend.errors import NotFound
from backend.identity import Level


@dataclass(frozen=True, slots=True)
class Version:
    """A published programme version: its content decoded once, with the table of legal moves on its route."""

    id: UUID
    content: ProgrammeContent
    moves: Moves


@lru_cache(maxsize=256)
def _version(version_id: UUID, content: str) -> Version:
    decoded = msgspec.json.decode(content, type=ProgrammeContent)
    return Version(version_id, decoded, moves(decoded.route))


@dataclass(frozen=True, slots=True)
class Case:
    """An application at one moment; a later moment is another Case."""

    id: UUID
    number: str
    kind: str
    submitted_by: UUID
    filed_by_officer: bool
    subject_kind: SubjectKind
    subject: UUID
    subject_name: str
    aggregate: UUID | None
    state: State
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
    levels: dict[Level, UUID | None]
    version: Version

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """The case of a row of `CASE_COLUMNS`."""
        values: dict[str, Any] = {name: row[name] for name in (*_SAME, "subject")}
        return cls(
            **values,
            subject_kind=SubjectKind(row["subject_kind"]),
            state=State(row["state"]),
            stage_key=row["stage"],
            version_number=row["version"],
            levels={level: row[level.column] for level in Level},
            version=_version(row["programme_version"], row["content"]),
        )

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
        return self.content.stage(self.stage_key)

    @property
    def stage_kind(self) -> StageKind | None:
        """The kind of stage it stands in; None after the end."""
        return self.content.kind_of(self.stage_key)

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


_SAME = (
    "id",
    "number",
    "kind",
    "submitted_by",
    "filed_by_officer",
    "subject_name",
    "aggregate",
    "resume_stage",
    "awaiting_role",
    "acting_union",
    "round",
    "placement",
    "rank",
    "points",
    "due_on",
    "created_at",
    "submitted_at",
    "entered_at",
    "decided_at",
)

_OTHERS = ("subject_kind", "state", "stage", "version", "programme_version", *LEVEL_COLUMNS)

CASE_COLUMNS = ", ".join(
    [
        *(f"a.{name}" for name in (*_SAME, *_OTHERS)),
        f"coalesce({', '.join(f'a.{column}' for column in SUBJECT_COLUMNS.values())}) AS subject",
        "v.content",
    ]
)

CASE_FROM = "application a JOIN programme_version v ON v.id = a.programme_version"


async def load_case(application_id: UUID, *, lock: bool = False) -> Case:
    """The case as it stands; `lock` holds its row until the transaction ends. Raises NotFound."""
    row = await fetch_one(
        f"SELECT {CASE_COLUMNS} FROM {CASE_FROM} WHERE a.id = $1{' FOR UPDATE OF a' if lock else ''}", application_id
    )
    if row is None:
        raise NotFound()
    return Case.of(row)
