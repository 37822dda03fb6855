"""Persons and how they are known: one person per document number, relations as dated edges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from backend.clock import Clock
from backend.database import execute, fetch_value, new_id, transaction
from backend.errors import NotFound, RuleViolation
from backend.people.identifiers import Identifier, IdentifierType
from backend.people.tables import Person
from backend.sealing import Sealer, mask_identifier
from backend.words import Text

RELATION_KINDS = ("spouse", "child", "parent", "sibling", "other")


class _MadeElsewhere(Exception):
    """Somebody made the same person a moment ago: theirs stands, ours is rolled back."""


@dataclass(frozen=True, slots=True)
class People:
    """Finds, makes and relates persons."""

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

    async def find_or_create(self, identifier: Identifier, name: str, sex: str, born_on: date | None) -> UUID:
        """The person of a document number, made if there is none; two at once make one."""
        known = await self.find(identifier)
        if known is not None:
            return known
        try:
            return await self._create(identifier, name, identifier.sex or sex, identifier.born_on or born_on)
        except _MadeElsewhere:
            winner = await self.find(identifier)
            assert winner is not None
            return winner

    async def identify(self, person: UUID, identifier: Identifier) -> bool:
        """Make `person` known by a document number; False where somebody else is known by it."""
        added = await fetch_value(
            "INSERT INTO person_identifier (id, person, type, sealed, digest, masked) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (type, digest) DO NOTHING RETURNING id",
            new_id(),
            person,
            identifier.type,
            self.seal(identifier),
            self.digest(identifier),
            mask_identifier(identifier.number),
        )
        return added is not None

    async def _create(self, identifier: Identifier, name: str, sex: str, born_on: date | None) -> UUID:
        async with transaction():
            person = Person(id=new_id(), name=name, sex=sex, born_on=born_on, created_at=await self.clock.now())
            await Person.insert(person)
            if not await self.identify(UUID(str(person.id)), identifier):
                raise _MadeElsewhere
            return UUID(str(person.id))

    def digest(self, identifier: Identifier) -> bytes:
        """The keyed hash by which a document number is looked up."""
        return self.sealer.digest(identifier.number, _purpose(identifier.type))

    def seal(self, identifier: Identifier) -> bytes:
        """The document number as it is stored."""
        return self.sealer.seal(identifier.number, _purpose(identifier.type))

    def open(self, type_: str, sealed: bytes) -> Identifier:
        """The document number out of its stored form; who calls records the look."""
        return Identifier(IdentifierType(type_), self.sealer.open(sealed, _purpose(type_)))


async def relate(
    person: UUID, relative: UUID, declared_name: str, kind: str, at: datetime, evidence: UUID | None = None
) -> None:
    """Note that `relative`, named as `declared_name` by `person`, is their `kind`; once is enough."""
    if kind not in RELATION_KINDS or person == relative:
        raise RuleViolation.of("relation_kind", Text("亲属关系不正确。", "No such relation."), "kind")
    await execute(
        "INSERT INTO relation (id, person, relative, declared_name, kind, evidence, from_on)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (person, relative, kind) WHERE to_on IS NULL DO NOTHING",
        new_id(),
        person,
        relative,
        declared_name,
        kind,
        evidence,
        at.date(),
    )


async def end_relation(person: UUID, relation: UUID, on: date) -> None:
    """Note that a relation that `person` declared ended; it stays on record."""
    touched = await execute(
        "UPDATE relation SET to_on = $3 WHERE person = $1 AND id = $2 AND to_on IS NULL", person, relation, on
    )
    if not touched:
        raise NotFound()


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
