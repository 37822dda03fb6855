"""A child who was known by a birth certificate gets a resident ID: asked for on the phone, settled by the officer."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from backend.audit.log import record
from backend.clock import Clock
from backend.database import execute, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation, Violation
from backend.identity import Actor, Role
from backend.people.identifiers import Identifier, IdentifierType, check_identifier, normal_identifier
from backend.people.service import People
from backend.registry.family import writing
from backend.registry.family.service import own_paper
from backend.registry.service import require_no_conflict, require_reason
from backend.sealing import mask_identifier
from backend.unions.scope import in_scope
from backend.words import Text

#: Papers that show that one person has both numbers.
EVIDENCE = ("household_register", "resident_id", "birth_certificate")


@dataclass(frozen=True, slots=True)
class Additions:
    """Makes two numbers one person's.

    Two numbers joined by mistake would make two human beings one, for every programme and every other relative: so
    the worker's word and paper are not enough, and the answer is alike whether or not the new number is on file.
    """

    clock: Clock
    people: People

    async def ask(self, actor: Actor, relation: UUID, number: str, evidence: UUID) -> UUID:
        """Ask that a relative be known by a resident ID as well; the id of the request, which replaces an open one.

        Raises RuleViolation for a wrong number, one whose birth date or sex is not the relative's, or without a paper
        of the actor's own; NotFound for a relation that is not the actor's or does not go on.
        """
        identifier = normal_identifier(IdentifierType.RESIDENT_ID, number)
        async with transaction():
            row = await fetch_one(
                "SELECT r.*, i.type AS identifier_type FROM relation r LEFT JOIN person_identifier i"
                " ON i.id = r.identifier WHERE r.id = $1 AND r.person = $2 AND r.to_on IS NULL FOR NO KEY UPDATE OF r",
                relation,
                actor.person_id,
            )
            if row is None:
                raise NotFound()
            found = check_identifier(identifier, await self.clock.today(), "number") or _differences(row, identifier)
            if not await own_paper(row["person"], evidence, EVIDENCE):
                found.append(
                    Violation(
                        "evidence",
                        Text("请上传户口簿或身份证。", "Send the household register or the ID card."),
                        "evidence",
                    )
                )
            if found:
                raise RuleViolation(found)
            made: UUID = await fetch_value(
                "INSERT INTO identifier_addition (id, relation, type, sealed, digest, masked, evidence, state,"
                " asked_by, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9) ON CONFLICT (relation)"
                " WHERE state = 'open' DO UPDATE SET sealed = excluded.sealed, digest = excluded.digest,"
                " masked = excluded.masked, evidence = excluded.evidence, asked_at = excluded.asked_at RETURNING id",
                new_id(),
                relation,
                identifier.type,
                self.people.seal(identifier),
                self.people.digest(identifier),
                mask_identifier(identifier.number),
                evidence,
                actor.account_id,
                await self.clock.now(),
            )
            await record(actor, "family.identifier.ask", "done", object_kind="relation", object_id=relation)
            return made

    async def approve(self, actor: Actor, addition: UUID, reason: str) -> None:
        """Make the number the relative's, on the word of the worker's officer, who has compared the papers.

        A number that is on file makes the two persons one. Raises Conflict where cases rest on both.
        """
        require_reason(reason)
        async with transaction():
            asked = await self._open(actor, addition)
            identifier = self.people.open(asked["type"], asked["sealed"])
            child = asked["relative"]
            if not await self.people.identify(child, identifier):
                known = await self.people.find(identifier)
                assert known is not None
                await require_no_conflict(actor, known)
                if known == asked["person"]:
                    raise RuleViolation.of(
                        "oneself", Text("这是职工本人的证件号。", "This is the worker's own number.")
                    )
                if known != child:
                    child = await self._unite(child, known)
            await execute(
                "UPDATE relation SET relative = $2, version = version + 1, identifier ="
                " (SELECT id FROM person_identifier WHERE type = $3 AND digest = $4) WHERE id = $1",
                asked["relation"],
                child,
                asked["type"],
                asked["digest"],
            )
            await self._settle(actor, addition, "approved", reason)

    async def refuse(self, actor: Actor, addition: UUID, reason: str) -> None:
        """Do not make the number the relative's; the worker sees why."""
        require_reason(reason)
        async with transaction():
            await self._open(actor, addition)
            await self._settle(actor, addition, "refused", reason)

    async def _open(self, actor: Actor, addition: UUID) -> asyncpg.Record:
        """The locked request, if it is the officer's to settle."""
        row = await fetch_one(
            "SELECT a.*, r.person, r.relative, r.to_on, s.national_id, s.province_id, s.city_id, s.county_id, s.unit_id"
            " FROM identifier_addition a JOIN relation r ON r.id = a.relation"
            " JOIN staff_record s ON s.person = r.person WHERE a.id = $1 FOR UPDATE OF a",
            addition,
        )
        if row is None or not in_scope(actor, [Role.UNIT_OFFICER], row):
            raise NotFound()
        await require_no_conflict(actor, row["person"])
        if actor.person_id == row["relative"]:
            raise Forbidden("conflict_own_case", Text("不能办理本人的事项。", "Nobody acts on their own case."))
        if row["state"] != "open" or row["to_on"] is not None:
            raise Conflict("settled", Text("该申请已办结。", "This was settled already."))
        return row

    async def _settle(self, actor: Actor, addition: UUID, state: str, reason: str) -> None:
        await execute(
            "UPDATE identifier_addition SET state = $2, settled_by = $3, settled_at = $4, reason = $5 WHERE id = $1",
            addition,
            state,
            actor.account_id,
            await self.clock.now(),
            reason,
        )
        await record(
            actor,
            f"family.identifier.{state}",
            "done",
            object_kind="identifier_addition",
            object_id=addition,
            reason=reason,
        )

    async def _unite(self, one: UUID, other: UUID) -> UUID:
        """Make two persons one; the one that stays.

        The one on whom nothing rests but family goes: a foreign key of anything else keeps a person, whatever it is.
        """
        for gone, kept in ((one, other), (other, one)):
            try:
                async with transaction():
                    await self._absorb(gone, kept)
                    return kept
            except asyncpg.IntegrityConstraintViolationError:
                continue
        raise Conflict(
            "both_in_use",
            Text(
                "两个号码下都已有办理事项,不能合并,请联系系统管理员。",
                "Cases rest on both numbers: they cannot be joined here.",
            ),
        )

    async def _absorb(self, gone: UUID, kept: UUID) -> None:
        twice = await fetch_value(
            "SELECT coalesce(array_agg(g.id), '{}') FROM relation g JOIN relation k ON k.person = g.person"
            " WHERE g.relative = $1 AND k.relative = $2 AND g.to_on IS NULL AND k.to_on IS NULL",
            gone,
            kept,
        )
        await writing.strike(twice, await self.clock.now(), await self.clock.today())
        await execute("UPDATE relation SET relative = $2 WHERE relative = $1 AND person <> $2", gone, kept)
        await execute(
            "UPDATE consent c SET withdrawn_at = $3 WHERE person = $1 AND withdrawn_at IS NULL AND EXISTS (SELECT"
            " FROM consent k WHERE k.person = $2 AND k.purpose = c.purpose AND k.withdrawn_at IS NULL"
            " AND coalesce(k.recorded_by, k.given_by) = coalesce(c.recorded_by, c.given_by))",
            gone,
            kept,
            await self.clock.now(),
        )
        await execute(
            "UPDATE consent SET person = $2, given_by = CASE WHEN given_by = $1 THEN $2 ELSE given_by END"
            " WHERE person = $1",
            gone,
            kept,
        )
        await execute("UPDATE person_identifier SET person = $2 WHERE person = $1", gone, kept)
        await execute("DELETE FROM person WHERE id = $1", gone)


def _differences(row: asyncpg.Record, identifier: Identifier) -> list[Violation]:
    """What the new number says otherwise than what the worker declared."""
    found = []
    if row["identifier_type"] == IdentifierType.RESIDENT_ID:
        found.append(
            Violation(
                "identifier_known",
                Text("这位家属已登记身份证号;填错请更正。", "A resident ID is on record; correct it if it is wrong."),
                "number",
            )
        )
    if (row["declared_born_on"], row["declared_sex"]) != (identifier.born_on, identifier.sex):
        found.append(
            Violation(
                "identity_differs",
                Text(
                    "身份证号中的出生日期或性别与申报的不一致。",
                    "Birth date or sex in the number differ from what you declared.",
                ),
                "number",
            )
        )
    return found
