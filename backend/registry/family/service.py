"""The verbs of a worker's family: declare, correct, end, agree for a relative; each on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from backend.accounts.consents import Consents
from backend.audit.log import record
from backend.clock import Clock
from backend.database import execute, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, NotFound, RuleViolation, Stale, Violation
from backend.identity import Actor
from backend.people.identifiers import IdentifierType, normal_name
from backend.people.relations import EndReason, RelationKind
from backend.people.service import Newcomer, People
from backend.registry.facts import IdentifierInput
from backend.registry.family import queries, uses, writing
from backend.registry.family.facts import FamilyRules, MemberInput, Said
from backend.registry.family.policy import (
    check_end,
    check_member,
    evidence_for,
    guards,
    needs_guardian,
    said_of,
)
from backend.registry.family.writing import NewRelation
from backend.registry.policy import identifier_of
from backend.words import Text

#: The kind of a paper on which a relative of 14 or more agrees.
SIGNED_CONSENT = "consent_form"


@dataclass(frozen=True, slots=True)
class Family:
    """What a worker declares of their family.

    The worker is answered alike whether or not a number is on file: a relative who is known already is the same
    person, and nothing of what is known of them comes back. What was declared stays on record, struck or not.
    """

    clock: Clock
    people: People
    consents: Consents

    async def declare(self, actor: Actor, entered: MemberInput) -> UUID:
        """Declare a relative; the id of the relation.

        Raises RuleViolation with all that is wrong, Conflict where the actor declared this very person already.
        """
        async with transaction():
            worker = await self._worker(actor)
            if entered.identifier is None:
                raise RuleViolation.of(
                    "identifier_missing", Text("请填写证件号码。", "Give the document number."), "identifier"
                )
            said = said_of(entered.identifier)
            await self._require_valid(worker, entered, said)
            relative, identifier = await self._relative(worker, entered, entered.identifier)
            relation = await self._insert(actor, worker["person"], relative, identifier, entered, said)
            await record(actor, "family.declare", "done", object_kind="relation", object_id=relation)
            return relation

    async def amend(self, actor: Actor, relation: UUID, entered: MemberInput, expected_version: int) -> UUID:
        """Correct a declaration: the mistaken one is struck, the id of the one in its place comes back.

        A relation on which a case rests keeps what it says; only its evidence can be replaced, under the same id.
        Raises as `declare`, Stale, Conflict for one in use.
        """
        async with transaction():
            worker = await self._worker(actor)
            before = await self._live(worker, relation, expected_version)
            if _only_evidence_differs(before, entered):
                await self._replace_evidence(worker, before, entered)
                await record(actor, "family.evidence", "done", object_kind="relation", object_id=relation)
                return relation
            said = said_of(entered.identifier) if entered.identifier else _said_before(before)
            await self._require_valid(worker, entered, said, but=relation)
            await self._strike(relation)
            relative, identifier = before["relative"], before["identifier"]
            if entered.identifier is not None:
                relative, identifier = await self._relative(worker, entered, entered.identifier)
            await writing.correct_person(relative, worker["person"], entered.name, said)
            made = await self._insert(actor, worker["person"], relative, identifier, entered, said)
            await record(actor, "family.amend", "done", object_kind="relation", object_id=relation)
            return made

    async def strike(self, actor: Actor, relation: UUID, expected_version: int) -> None:
        """Take back a declaration that should never have been made; it stays on record as struck.

        Raises Stale, Conflict for one in use.
        """
        async with transaction():
            await self._live(await self._worker(actor), relation, expected_version)
            await self._strike(relation)
            await record(actor, "family.strike", "done", object_kind="relation", object_id=relation)

    async def end(self, actor: Actor, relation: UUID, to_on: date, reason: EndReason, expected_version: int) -> None:
        """Note that a relation ended on a day, its last; it stays on record, also where a case rests on it."""
        async with transaction():
            worker = await self._worker(actor)
            before = await self._live(worker, relation, expected_version)
            found = check_end(RelationKind(before["kind"]), before["from_on"], to_on, reason, await self.clock.today())
            if found:
                raise RuleViolation(found)
            await execute(
                "UPDATE relation SET to_on = $2, end_reason = $3, version = version + 1 WHERE id = $1",
                relation,
                to_on,
                reason,
            )
            await record(actor, "family.end", "done", object_kind="relation", object_id=relation, reason=reason)

    async def agree(
        self, actor: Actor, relation: UUID, purpose: str, text_version: str, signed_paper: UUID | None
    ) -> None:
        """Agree to a purpose for a relative; twice is once.

        Below 14 the actor agrees, who must be the parent or guardian; from 14 on the relative does, on a paper that
        they signed and that the actor has sent. Raises RuleViolation otherwise.
        """
        async with transaction():
            worker = await self._worker(actor)
            row = await self._live(worker, relation)
            if needs_guardian(row["declared_born_on"], await self.clock.today()):
                if not guards(RelationKind(row["kind"]), row["guardian"]):
                    raise RuleViolation.of(
                        "guardian_only",
                        Text(
                            "不满十四周岁,须由父母或其他监护人同意。",
                            "Below 14 it is for a parent or guardian to agree.",
                        ),
                        "purpose",
                        "个人信息保护法 第三十一条",
                    )
                signed_paper = None
            elif signed_paper is None or not await own_paper(worker["person"], signed_paper, (SIGNED_CONSENT,)):
                raise RuleViolation.of(
                    "signed_paper",
                    Text(
                        "年满十四周岁须本人同意:请上传本人签字的同意书。",
                        "From 14 on they agree: send the signed form.",
                    ),
                    "paper",
                    "个人信息保护法 第二十九、三十一条",
                )
            await self.consents.give_for(actor, row["relative"], purpose, text_version, signed_paper)

    async def disagree(self, actor: Actor, relation: UUID, purpose: str) -> None:
        """Take back what the actor agreed to for a relative, or wrote down for them, from now on.

        It can be taken back after the relation has ended, too.
        """
        worker = await self._worker(actor)
        row = await fetch_one("SELECT relative FROM relation WHERE id = $1 AND person = $2", relation, worker["person"])
        if row is None:
            raise NotFound()
        await self.consents.withdraw_for(actor, row["relative"], purpose)

    @staticmethod
    async def _worker(actor: Actor) -> asyncpg.Record:
        """The actor's record with what the rules need; one change of a family at a time."""
        row = await fetch_one(
            "SELECT s.*, p.born_on FROM person p JOIN staff_record s ON s.person = p.id WHERE p.id = $1"
            " FOR NO KEY UPDATE OF p",
            actor.person_id,
        )
        if row is None:
            raise NotFound(Text("请先填写本人档案。", "Fill in your own record first."), "no_record")
        return row

    async def _live(
        self, worker: asyncpg.Record, relation: UUID, expected_version: int | None = None
    ) -> asyncpg.Record:
        """The worker's relation, going on, in the version that was shown."""
        row = await fetch_one(
            "SELECT r.*, i.type AS identifier_type FROM relation r LEFT JOIN person_identifier i ON i.id = r.identifier"
            " WHERE r.id = $1 AND r.person = $2 AND r.struck_at IS NULL FOR NO KEY UPDATE OF r",
            relation,
            worker["person"],
        )
        if row is None:
            raise NotFound()
        if expected_version is not None and row["version"] != expected_version:
            raise Stale()
        if row["to_on"] is not None:
            raise Conflict("relation_ended", Text("这段关系已经结束。", "This relation has ended."))
        return row

    async def _strike(self, relation: UUID) -> None:
        if await uses.in_use(relation):
            raise _in_use()
        await writing.strike([relation], await self.clock.now(), await self.clock.today())

    async def _replace_evidence(self, worker: asyncpg.Record, before: asyncpg.Record, entered: MemberInput) -> None:
        rules, _ = await queries.rules_for(worker, await self.clock.today())
        if entered.evidence is None and await uses.in_use(before["id"]):
            raise _in_use()
        if found := await _check_evidence(worker["person"], entered, rules):
            raise RuleViolation(found)
        await execute(
            "UPDATE relation SET evidence = $2, version = version + 1 WHERE id = $1", before["id"], entered.evidence
        )

    async def _require_valid(
        self, worker: asyncpg.Record, entered: MemberInput, said: Said, but: UUID | None = None
    ) -> None:
        today = await self.clock.today()
        rules, clause = await queries.rules_for(worker, today)
        ties = await queries.ties_of(worker["person"], but=but)
        found = check_member(entered, said, worker["born_on"], ties, rules, clause, today)
        found += await _check_evidence(worker["person"], entered, rules)
        if found:
            raise RuleViolation(found)

    async def _relative(
        self, worker: asyncpg.Record, entered: MemberInput, number: IdentifierInput
    ) -> tuple[UUID, UUID]:
        """The person of the declared number, and the number's row; raises for oneself and for one's relative."""
        identifier = identifier_of(number)
        newcomer = Newcomer(identifier, normal_name(entered.name), number.sex, number.born_on)
        known = (await self.people.find_or_create([newcomer]))[identifier]
        own = identifier.type == worker["identifier_type"] and (
            self.people.digest(identifier) == worker["identifier_digest"]
        )
        if own or known.person == worker["person"]:
            raise RuleViolation.of(
                "oneself", Text("这是您本人的证件号。", "This number is your own."), "identifier.number"
            )
        if await fetch_value(
            "SELECT EXISTS (SELECT FROM relation WHERE person = $1 AND relative = $2 AND to_on IS NULL)",
            worker["person"],
            known.person,
        ):
            raise Conflict("declared_already", Text("您已申报过这位家属。", "You have declared this relative already."))
        return known.person, known.id

    async def _insert(
        self, actor: Actor, worker: UUID, relative: UUID, identifier: UUID | None, entered: MemberInput, said: Said
    ) -> UUID:
        made = NewRelation(new_id(), worker, relative, identifier, entered, said)
        await writing.insert([made], "worker", actor.account_id, await self.clock.now())
        return made.id


async def own_paper(owner: UUID, upload: UUID, kinds: Sequence[str]) -> bool:
    """Whether an upload is a usable paper of the owner's, of one of these kinds."""
    return bool(
        await fetch_value(
            "SELECT EXISTS (SELECT FROM upload WHERE id = $1 AND owner_person = $2 AND kind = ANY($3)"
            " AND state IN ('uploaded', 'checked', 'verified'))",
            upload,
            owner,
            list(kinds),
        )
    )


async def _check_evidence(owner: UUID, entered: MemberInput, rules: FamilyRules) -> list[Violation]:
    kinds = evidence_for(entered.kind, entered.guardian, rules)
    if entered.evidence is None or await own_paper(owner, entered.evidence, kinds):
        return []
    return [
        Violation(
            "evidence",
            Text(
                "佐证材料须是本人上传的、能证明该关系的有效材料。",
                "Evidence is a usable paper of your own that shows this relation.",
            ),
            "evidence",
        )
    ]


def _in_use() -> Conflict:
    return Conflict(
        "relation_in_use",
        Text(
            "已有办理事项用到这位家属,不能更正或撤回;关系结束请填写结束日期。",
            "A case rests on this relative: it cannot be corrected or taken back, only ended.",
        ),
    )


def _said_before(row: asyncpg.Record) -> Said:
    type_ = IdentifierType(row["identifier_type"]) if row["identifier_type"] else None
    return Said(type_, row["declared_born_on"], row["declared_sex"])


def _only_evidence_differs(row: asyncpg.Record, entered: MemberInput) -> bool:
    return entered.identifier is None and (
        (normal_name(entered.name), entered.kind, entered.guardian, entered.from_on)
        == (row["declared_name"], row["kind"], row["guardian"], row["from_on"])
    )
