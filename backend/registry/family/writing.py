"""Writing relations: one statement for one or for thousands, by the worker or by the unit's officer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from backend.database import execute, execute_many
from backend.people.identifiers import normal_name
from backend.registry.family.facts import MemberInput, Said


@dataclass(frozen=True, slots=True)
class NewRelation:
    """A relation to be written; `identifier` is the row of the number that was declared."""

    id: UUID
    worker: UUID
    relative: UUID
    identifier: UUID | None
    entered: MemberInput
    said: Said


async def insert(relations: Iterable[NewRelation], source: str, account: UUID, at: datetime) -> None:
    """Write relations as declared by an account: `source` is `worker` or `unit`."""
    await execute_many(
        "INSERT INTO relation (id, person, relative, identifier, declared_name, declared_sex, declared_born_on, kind,"
        " guardian, evidence, from_on, source, declared_by, declared_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        [
            (
                one.id,
                one.worker,
                one.relative,
                one.identifier,
                normal_name(one.entered.name),
                one.said.sex,
                one.said.born_on,
                one.entered.kind,
                one.entered.guardian,
                one.entered.evidence,
                one.entered.from_on,
                source,
                account,
                at,
            )
            for one in relations
        ],
    )


async def strike(relations: Iterable[UUID], at: datetime, today: date) -> None:
    """Take declarations back as mistakes: they stay on record, over and struck."""
    await execute(
        "UPDATE relation SET struck_at = $2, to_on = greatest($3, from_on), version = version + 1 WHERE id = ANY($1)",
        list(relations),
        at,
        today,
    )


async def correct_person(relative: UUID, worker: UUID, name: str, said: Said) -> None:
    """Let a correction reach the person, where nobody but this worker has said who they are."""
    await execute(
        """UPDATE person p SET name = $3, sex = $4, born_on = $5 WHERE id = $1
        AND NOT EXISTS (SELECT FROM staff_record WHERE person = p.id)
        AND NOT EXISTS (SELECT FROM console_account WHERE person = p.id)
        AND NOT EXISTS (SELECT FROM relation WHERE relative = p.id AND person <> $2 AND struck_at IS NULL)""",
        relative,
        worker,
        normal_name(name),
        said.sex,
        said.born_on,
    )
