"""Persons and how they are known: one person per document number, whoever enters it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from backend.clock import Clock
from backend.database import execute_many, fetch, fetch_value, new_id, transaction
from backend.people.identifiers import Identifier, IdentifierType
from backend.sealing import Sealer, mask_identifier


@dataclass(frozen=True, slots=True)
class Known:
    """A document number that is on file: its row, and the person known by it."""

    id: UUID
    person: UUID


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who is not on file yet; a resident ID's own birth date and sex go before those entered."""

    identifier: Identifier
    name: str
    sex: str
    born_on: date | None


@dataclass(frozen=True, slots=True)
class People:
    """Finds, makes and identifies persons."""

    clock: Clock
    sealer: Sealer

    async def find(self, identifier: Identifier) -> UUID | None:
        """The person known by a document number."""
        person: UUID | None = await fetch_value(
            "SELECT person FROM person_identifier WHERE type = $1 AND digest = $2",
            identifier.type,
            self.digest(identifier),
        )
        return person

    async def find_all(self, identifiers: Iterable[Identifier]) -> Mapping[Identifier, Known]:
        """Those of many document numbers that are on file."""
        wanted = {(str(one.type), self.digest(one)): one for one in identifiers}
        rows = await fetch(
            "SELECT i.id, i.person, i.type, i.digest FROM unnest($1::text[], $2::bytea[]) AS k (type, digest)"
            " JOIN person_identifier i ON i.type = k.type AND i.digest = k.digest",
            [type_ for type_, _ in wanted],
            [digest for _, digest in wanted],
        )
        return {wanted[row["type"], row["digest"]]: Known(row["id"], row["person"]) for row in rows}

    async def find_or_create(self, newcomers: Iterable[Newcomer]) -> Mapping[Identifier, Known]:
        """The persons of document numbers, made where there is none; two at once make one."""
        wanted = {one.identifier: one for one in newcomers}
        known = await self.find_all(wanted)
        missing = [one for identifier, one in wanted.items() if identifier not in known]
        if not missing:
            return known
        try:
            return {**known, **await self._create(missing)}
        except asyncpg.UniqueViolationError:
            # Somebody made one of them a moment ago: theirs stands, ours were rolled back.
            return await self.find_or_create(wanted.values())

    async def identify(self, person: UUID, identifier: Identifier) -> bool:
        """Make `person` known by a document number; False where somebody else is known by it."""
        added = await fetch_value(
            "INSERT INTO person_identifier (id, person, type, sealed, digest, masked) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (type, digest) DO NOTHING RETURNING id",
            new_id(),
            person,
            *self._stored(identifier),
        )
        return added is not None

    async def _create(self, newcomers: Sequence[Newcomer]) -> Mapping[Identifier, Known]:
        now = await self.clock.now()
        # In one order for all, so that two who make the same persons at once wait for one another.
        ordered = sorted(newcomers, key=lambda one: self.digest(one.identifier))
        made = {one.identifier: Known(new_id(), new_id()) for one in ordered}
        async with transaction():
            await execute_many(
                "INSERT INTO person (id, name, sex, born_on, created_at) VALUES ($1, $2, $3, $4, $5)",
                [
                    (
                        made[one.identifier].person,
                        one.name,
                        one.identifier.sex or one.sex,
                        one.identifier.born_on or one.born_on,
                        now,
                    )
                    for one in ordered
                ],
            )
            await execute_many(
                "INSERT INTO person_identifier (id, person, type, sealed, digest, masked)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                [(known.id, known.person, *self._stored(identifier)) for identifier, known in made.items()],
            )
        return made

    def _stored(self, identifier: Identifier) -> tuple[str, bytes, bytes, str]:
        masked = mask_identifier(identifier.number)
        return identifier.type, self.seal(identifier), self.digest(identifier), masked

    def digest(self, identifier: Identifier) -> bytes:
        """The keyed hash by which a document number is looked up."""
        return self.sealer.digest(identifier.number, _purpose(identifier.type))

    def seal(self, identifier: Identifier) -> bytes:
        """The document number as it is stored."""
        return self.sealer.seal(identifier.number, _purpose(identifier.type))

    def open(self, type_: str, sealed: bytes) -> Identifier:
        """The document number out of its stored form; who calls records the look."""
        return Identifier(IdentifierType(type_), self.sealer.open(sealed, _purpose(type_)))


async def are_relatives(one: UUID, other: UUID) -> bool:
    """Whether a relation in either direction is on file between two persons."""
    return bool(
        await fetch_value(
            "SELECT EXISTS (SELECT FROM relation WHERE to_on IS NULL"
            " AND ((person = $1 AND relative = $2) OR (person = $2 AND relative = $1)))",
            one,
            other,
        )
    )


def _purpose(type_: str) -> str:
    return f"identifier:{type_}"
