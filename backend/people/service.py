"""Persons and how they are known: one person per document number, relations as dated edges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from backend.audit.log import record
from backend.clock import Clock
from backend.database import execute, fetch_one, fetch_value, new_id, transaction
from backend.errors import NotFound, RuleViolation
from backend.identity import Actor
from backend.people.identifiers import Identifier
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

    async def _create(self, identifier: Identifier, name: str, sex: str, born_on: date | None) -> UUID:
        async with transaction():
            person = Person(id=new_id(), name=name, sex=sex, born_on=born_on, created_at=await self.clock.now())
            await Person.insert(person)
            added = await fetch_value(
                "INSERT INTO person_identifier (id, person, type, sealed, digest, masked)"
                " VALUES ($1, $2, $3, $4, $5, $6)"
                " ON CONFLICT (type, digest) DO NOTHING RETURNING id",
                new_id(),
                person.id,
                identifier.type,
                self.sealer.seal(identifier.number, _purpose(identifier)),
                self.digest(identifier),
                mask_identifier(identifier.number),
            )
            if added is None:
                raise _MadeElsewhere
            return UUID(str(person.id))

    async def reveal(self, actor: Actor, person: UUID, reason: str, application: UUID | None) -> str:
        """The document number in full, for a reason that is recorded; the caller has checked the scope."""
        if len(reason.strip()) < 4:
            raise RuleViolation.of(
                "reason_required", Text("请写明查看理由(至少 4 字)。", "Say why you look."), "reason"
            )
        row = await fetch_one(
            "SELECT type, sealed FROM person_identifier WHERE person = $1 ORDER BY type = 'resident_id' DESC LIMIT 1",
            person,
        )
        if row is None:
            raise NotFound()
        detail = {"application": str(application)} if application else {}
        await record(
            actor, "person.reveal", "done", object_kind="person", object_id=person, reason=reason, detail=detail
        )
        return self.sealer.open(row["sealed"], f"identifier:{row['type']}")

    def digest(self, identifier: Identifier) -> bytes:
        """The keyed hash by which a document number is looked up."""
        return self.sealer.digest(identifier.number, _purpose(identifier))


async def relate(person: UUID, relative: UUID, kind: str, at: datetime, evidence: UUID | None = None) -> None:
    """Note that `relative` is the `kind` of `person`; once is enough."""
    if kind not in RELATION_KINDS or person == relative:
        raise RuleViolation.of("relation_kind", Text("亲属关系不正确。", "No such relation."), "kind")
    await execute(
        "INSERT INTO relation (id, person, relative, kind, evidence, from_on) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (person, relative, kind) WHERE to_on IS NULL DO NOTHING",
        new_id(),
        person,
        relative,
        kind,
        evidence,
        at.date(),
    )


async def end_relation(person: UUID, relative: UUID, on: date) -> None:
    """Note that a relation ended; it stays on record."""
    touched = await execute(
        "UPDATE relation SET to_on = $3 WHERE person = $1 AND relative = $2 AND to_on IS NULL", person, relative, on
    )
    if not touched:
        raise NotFound()


def _purpose(identifier: Identifier) -> str:
    return f"identifier:{identifier.type}"
