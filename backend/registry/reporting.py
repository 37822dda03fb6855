"""Reporting workers by their unit's officer, one or thousands at once: what stands against it, and the writing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from backend.accounts.phones import StoredPhone
from backend.audit.log import record_many
from backend.clock import Clock
from backend.columns import LEVEL_COLUMNS
from backend.database import execute_many, fetch, new_id, transaction
from backend.errors import Conflict
from backend.identity import Actor
from backend.people.identifiers import Identifier, normal_name
from backend.people.service import Newcomer, People
from backend.registry.facts import IdentifierInput, OnFile, RecordInput
from backend.registry.kinds import RecordState
from backend.registry.policy import hindrance, identifier_of
from backend.sealing import mask_identifier
from backend.words import Text


@dataclass(frozen=True, slots=True)
class Reported:
    """A worker as the officer reports them: `entered` has been found without fault and holds a document number."""

    entered: RecordInput
    phone: StoredPhone

    @property
    def number(self) -> IdentifierInput:
        """The document number as it was entered."""
        assert self.entered.identifier is not None
        return self.entered.identifier

    @property
    def identifier(self) -> Identifier:
        """The document number in its normal form."""
        return identifier_of(self.number)


async def look_up(people: People, actor: Actor, identifiers: Iterable[Identifier]) -> Mapping[Identifier, OnFile]:
    """What is on file under many document numbers, in two statements."""
    known = await people.find_all(identifiers)
    persons = [one.person for one in known.values()]
    rows = await fetch(
        """SELECT p.id AS of_person, s.*, p.name, p.sex, p.born_on, a.id IS NOT NULL AS held,
            (p.id = $2 OR EXISTS (SELECT FROM relation r WHERE r.to_on IS NULL
                AND ((r.person = $2 AND r.relative = p.id) OR (r.relative = $2 AND r.person = p.id)))) AS conflict
        FROM unnest($1::uuid[]) AS k (id) JOIN person p ON p.id = k.id
        LEFT JOIN staff_record s ON s.person = p.id LEFT JOIN worker_account a ON a.person = p.id""",
        persons,
        actor.person_id,
    )
    by_person = {
        row["of_person"]: OnFile(row["of_person"], dict(row) if row["id"] is not None else None, bool(row["conflict"]))
        for row in rows
    }
    return {identifier: by_person[one.person] for identifier, one in known.items()}


@dataclass(frozen=True, slots=True)
class Reporting:
    """Writes what an officer reports; every record counts as verified by that officer."""

    clock: Clock
    people: People

    async def report(
        self, actor: Actor, unit: asyncpg.Record, reported: Sequence[Reported]
    ) -> Mapping[Identifier, UUID]:
        """Write records of one unit, all or none, in a few statements; their ids by document number.

        The caller has checked the unit's scope and every entry. Raises Forbidden or Conflict for the first worker who
        may not be reported, Conflict where somebody else reported one of them a moment ago.
        """
        async with transaction():
            found = await look_up(self.people, actor, (one.identifier for one in reported))
            for one in reported:
                if refusal := hindrance(found.get(one.identifier)):
                    raise refusal
            known = await self.people.find_or_create(
                Newcomer(one.identifier, normal_name(one.entered.name), one.number.sex, one.number.born_on)
                for one in reported
            )
            await self._name([(found[one.identifier].person, one) for one in reported if one.identifier in found])
            made = {one.identifier: new_id() for one in reported}
            now = await self.clock.now()
            rows = [
                {
                    "id": made[one.identifier],
                    "person": known[one.identifier].person,
                    "phone_sealed": one.phone.sealed,
                    "phone_digest": one.phone.digest,
                    "phone_masked": one.phone.masked,
                    "source": "unit",
                    "state": RecordState.VERIFIED,
                    "reported_by": actor.account_id,
                    "verified_by": actor.account_id,
                    "verified_at": now,
                    "created_at": now,
                    "updated_at": now,
                    **identifier_columns(self.people, one.identifier),
                    **entered_columns(one.entered, unit),
                }
                for one in reported
            ]
            try:
                await insert_records(rows)
            except asyncpg.UniqueViolationError:
                raise Conflict("on_file", Text("该证件号已有档案。", "This number is on file already.")) from None
            await write_entries({made[one.identifier]: one.entered for one in reported})
            await record_many(actor, "record.report", "done", "staff_record", list(made.values()))
            return made

    async def update(
        self, actor: Actor, unit: asyncpg.Record, amended: Mapping[UUID, Reported], records: Mapping[UUID, OnFile]
    ) -> None:
        """Bring records of the unit up to what its officer says now; they stay verified, by that officer.

        `amended` and what is on file go by the record's id. A phone that its worker has proven stays. The caller has
        locked the records, checked them and every entry.
        """
        now = await self.clock.now()
        columns = list(entered_columns(next(iter(amended.values())).entered, unit)) if amended else []
        places = ", ".join(f"{column} = ${place}" for place, column in enumerate(columns, start=7))
        await execute_many(
            "UPDATE staff_record SET verified_by = $2, verified_at = $3, updated_at = $3, version = version + 1,"
            " phone_sealed = coalesce($4, phone_sealed), phone_digest = coalesce($5, phone_digest),"
            f" phone_masked = coalesce($6, phone_masked), {places} WHERE id = $1",
            [
                (
                    record_id,
                    actor.account_id,
                    now,
                    *_phone(one, records[record_id]),
                    *entered_columns(one.entered, unit).values(),
                )
                for record_id, one in amended.items()
            ],
        )
        await self._name([(records[record_id].person, one) for record_id, one in amended.items()])
        await record_many(actor, "record.update", "done", "staff_record", list(amended))

    @staticmethod
    async def _name(reported: Sequence[tuple[UUID, Reported]]) -> None:
        """Let the officer's word on who somebody is go before that of whoever named them as a relative."""
        await execute_many(
            "UPDATE person SET name = $2, sex = $3, born_on = $4 WHERE id = $1",
            [
                (
                    person,
                    normal_name(one.entered.name),
                    one.identifier.sex or one.number.sex,
                    one.identifier.born_on or one.number.born_on,
                )
                for person, one in reported
            ],
        )


def _phone(reported: Reported, on_file: OnFile) -> tuple[bytes | None, bytes | None, str | None]:
    if on_file.record is not None and on_file.record["held"]:
        return None, None, None
    return reported.phone.sealed, reported.phone.digest, reported.phone.masked


async def insert_records(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write whole records; all rows have the same columns."""
    if not rows:
        return
    columns = list(rows[0])
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    await execute_many(
        f"INSERT INTO staff_record ({', '.join(columns)}) VALUES ({places})",
        [[row[column] for column in columns] for row in rows],
    )


async def write_entries(entered: Mapping[UUID, RecordInput]) -> None:
    """The periods and honours of records, by the record's id."""
    await execute_many(
        "INSERT INTO service_period (id, record, emergency, place, post, dispatch, from_on, to_on, evidence)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (
                new_id(),
                record_id,
                one.emergency_id,
                one.place.strip(),
                one.post.strip(),
                one.dispatch,
                one.from_on,
                one.to_on,
                one.evidence,
            )
            for record_id, record in entered.items()
            for one in record.services
        ],
    )
    await execute_many(
        "INSERT INTO honour (id, record, title, level, awarded_on, evidence) VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (new_id(), record_id, one.title.strip(), one.level, one.awarded_on, one.evidence)
            for record_id, record in entered.items()
            for one in record.honours
        ],
    )


def entered_columns(entered: RecordInput, unit: asyncpg.Record) -> dict[str, Any]:
    """The columns of a record that say what was entered, with the level columns of its unit."""
    return {
        "unit": unit["id"],
        "department": entered.department.strip(),
        "population": entered.population,
        "job_category": entered.job_category,
        "joined_unit_on": entered.joined_unit_on,
        "certification": entered.certification,
        "list_version": entered.list_version.strip(),
        **{column: unit[column] for column in LEVEL_COLUMNS},
    }


def identifier_columns(people: People, identifier: Identifier) -> dict[str, Any]:
    """The columns of a record that hold its document number."""
    return {
        "identifier_type": identifier.type,
        "identifier_sealed": people.seal(identifier),
        "identifier_digest": people.digest(identifier),
        "identifier_masked": mask_identifier(identifier.number),
    }
