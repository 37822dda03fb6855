"""The verbs of a worker's record: entered on the phone or reported by the unit, verified or returned by its officer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from backend.accounts.phones import StoredPhone
from backend.audit.log import record
from backend.clock import Clock
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, IllegalTransition, NotFound, RuleViolation, Stale, Violation
from backend.identity import Actor, Role
from backend.notifications.service import Notifications
from backend.people.identifiers import normal_name
from backend.people.service import People, are_relatives
from backend.people.tables import Person
from backend.registry import queries
from backend.registry.facts import EmergencyFacts, IdentifierInput, RecordInput
from backend.registry.kinds import STATE_LABELS, RecordState
from backend.registry.merging import become, take_over
from backend.registry.policy import check_record, conflict, identifier_of
from backend.registry.reporting import (
    Reported,
    Reporting,
    entered_columns,
    identifier_columns,
    write_entries,
)
from backend.registry.tables import StaffRecord
from backend.sealing import Sealer
from backend.unions.scope import in_scope
from backend.words import Text

REASON_LEAST = 4
REASON_MOST = 500


@dataclass(frozen=True, slots=True)
class RecordRef:
    """A record with the version and state that it has now."""

    id: UUID
    version: int
    state: RecordState


@dataclass(frozen=True, slots=True)
class Registry:
    """The file of frontline staff (一线人员基本信息档案).

    A worker's own entry is kept under a person without a document number until an officer verifies it: so a number
    that is on file already is answered like one that is not, and only a takeover (see `Takeovers`) joins the two.
    """

    clock: Clock
    sealer: Sealer
    people: People
    notifications: Notifications

    async def save(self, actor: Actor, entered: RecordInput, expected_version: int | None) -> RecordRef:
        """Enter or amend the actor's own record; it becomes a draft, to be submitted.

        `expected_version` is None for the first entry. Where the unit reported this number with this very phone, which
        logging in has proven, the actor gets that record as it stands. Raises RuleViolation with all that is wrong,
        Stale, IllegalTransition while the record waits for the officer.
        """
        async with transaction():
            account = await fetch_one("SELECT * FROM worker_account WHERE id = $1 FOR UPDATE", actor.account_id)
            if account is None:
                raise NotFound()
            before = await self._record_of(account["person"])
            await self._require_valid(entered, before, account["person"])
            phone = StoredPhone(account["phone_sealed"], account["phone_digest"], account["phone_masked"])
            if before is not None:
                return await self._amend(before, entered, expected_version)
            assert entered.identifier is not None
            identifier = identifier_of(entered.identifier)
            reported = await queries.record_known_by(self.people.digest(identifier), identifier.type)
            if reported is not None and reported["phone_digest"] == phone.digest:
                await take_over(account, reported, None)
                await record(actor, "record.takeover", "done", object_kind="staff_record", object_id=reported["id"])
                return _ref(reported)
            person = await self._new_person(entered)
            await execute("UPDATE worker_account SET person = $2 WHERE id = $1", account["id"], person)
            return await self._insert(person, entered, phone, actor)

    async def submit(self, actor: Actor, expected_version: int) -> RecordRef:
        """Send the actor's draft, or a returned record again, to the officer of the unit.

        Raises RuleViolation without the consent to use personal data.
        """
        async with transaction():
            row = await self._own(actor, expected_version, (RecordState.DRAFT, RecordState.RETURNED), "提交")
            if not await queries.has_consent(row["person"], "personal_data"):
                raise RuleViolation.of(
                    "consent_missing",
                    Text("请先同意使用个人信息。", "Agree to the use of your personal data first."),
                    "consents",
                    "个人信息保护法 第十三条",
                )
            # The row is written for a known and an unknown number alike; only the officer sees which one it is.
            await execute(
                "INSERT INTO takeover (id, account, record, state, asked_at)"
                " SELECT $1, $2, (SELECT k.id FROM person_identifier i JOIN staff_record k ON k.person = i.person"
                " WHERE i.type = $3 AND i.digest = $4 AND k.id <> $5), 'open', $6"
                " ON CONFLICT (account) WHERE state = 'open' DO UPDATE SET record = excluded.record",
                new_id(),
                actor.account_id,
                row["identifier_type"],
                row["identifier_digest"],
                row["id"],
                await self.clock.now(),
            )
            return await self._move(row, RecordState.SUBMITTED)

    async def report(self, actor: Actor, entered: RecordInput, phone: str) -> RecordRef:
        """Report a worker of one's own unit; the record counts as verified by the officer who reports it.

        Raises RuleViolation with all that is wrong, Conflict where the number is on file already.
        """
        found = await self._violations(entered, None)
        if entered.identifier is None:
            found.append(_identifier_missing())
        if found:
            raise RuleViolation(found)
        reported = Reported(entered, StoredPhone.of(phone, self.sealer))
        async with transaction():
            unit = await self._unit(entered.unit_id)
            if not in_scope(actor, [Role.UNIT_OFFICER], unit):
                raise NotFound(Text("不是您管理的单位。", "This unit is not yours."))
            made = await Reporting(self.clock, self.people).report(actor, unit, [reported])
            return RecordRef(made[reported.identifier], 1, RecordState.VERIFIED)

    async def verify(self, actor: Actor, record_id: UUID, expected_version: int) -> RecordRef:
        """Verify a submitted record: the person becomes known by the document number on it.

        Raises Conflict where the number is on file under another record: that is settled as a takeover.
        """
        async with transaction():
            row = await self._waiting(actor, record_id, expected_version, "核实")
            identifier = self.people.open(row["identifier_type"], row["identifier_sealed"])
            known = await self.people.find(identifier)
            if known is None:
                if not await self.people.identify(row["person"], identifier):
                    raise _on_file()
            elif known != row["person"]:
                if await self._record_of(known) is not None:
                    raise _on_file()
                await become(row["person"], known, row["id"])
            await execute(
                "UPDATE takeover SET state = 'refused', settled_at = $2, settled_by = $3, how = 'none'"
                " WHERE state = 'open' AND account IN (SELECT id FROM worker_account WHERE person = $1)",
                known or row["person"],
                await self.clock.now(),
                actor.account_id,
            )
            moved = await self._move(row, RecordState.VERIFIED, by=actor)
            await record(actor, "record.verify", "done", object_kind="staff_record", object_id=record_id)
            await self._tell(known or row["person"], "record_verified", {})
            return moved

    async def return_(self, actor: Actor, record_id: UUID, expected_version: int, reason: str) -> RecordRef:
        """Send a submitted record back with the reason."""
        require_reason(reason)
        async with transaction():
            row = await self._waiting(actor, record_id, expected_version, "退回")
            moved = await self._move(row, RecordState.RETURNED, reason=reason)
            await record(actor, "record.return", "done", object_kind="staff_record", object_id=record_id, reason=reason)
            await self._tell(row["person"], "record_returned", {"comment": reason})
            return moved

    async def reveal(self, actor: Actor, record_id: UUID, reason: str) -> str:
        """The document number of a worker in full, for a reason that is recorded; for officers and HR in scope."""
        require_reason(reason)
        row = await queries.record_row(record_id)
        if not in_scope(actor, [Role.UNIT_OFFICER, Role.HR_VERIFIER], row):
            raise NotFound()
        await record(actor, "record.reveal", "done", object_kind="staff_record", object_id=record_id, reason=reason)
        return self.people.open(row["identifier_type"], row["identifier_sealed"]).number

    async def look(self, actor: Actor, record_id: UUID) -> queries.RecordView:
        """A record as officers, HR and auditors in scope see it; the look is recorded."""
        view = await queries.record_view(record_id)
        if not in_scope(actor, queries.READERS, view.levels):
            raise NotFound()
        await record(actor, "record.look", "done", object_kind="staff_record", object_id=record_id)
        return view

    async def _person(self, actor: Actor) -> UUID:
        if actor.person_id is None:
            raise NotFound(Text("请先填写本人档案。", "Fill in your own record first."), "no_record")
        return actor.person_id

    async def _require_valid(self, entered: RecordInput, before: asyncpg.Record | None, person: UUID | None) -> None:
        found = await self._violations(entered, person)
        if before is None and entered.identifier is None:
            found.append(_identifier_missing())
        if before is not None and before["verified_at"] is not None and self._changes_identity(before, entered):
            found.append(
                Violation(
                    "identity_fixed",
                    Text(
                        "已核实的姓名和证件号不能自行修改,请联系单位工会。",
                        "A verified name and number are changed by the union of your unit only.",
                    ),
                    "identifier",
                )
            )
        if found:
            raise RuleViolation(found)
        await self._unit(entered.unit_id)

    def _changes_identity(self, before: asyncpg.Record, entered: RecordInput) -> bool:
        if normal_name(entered.name) != before["name"]:
            return True
        if entered.identifier is None:
            return False
        return bool(self.people.digest(identifier_of(entered.identifier)) != before["identifier_digest"])

    async def _violations(self, entered: RecordInput, person: UUID | None) -> list[Violation]:
        emergencies = {
            row["id"]: EmergencyFacts(row["start_on"], row["end_on"])
            for row in await fetch("SELECT id, start_on, end_on FROM emergency")
        }
        found = check_record(entered, emergencies, await self.clock.today())
        evidence = [service.evidence for service in entered.services] + [honour.evidence for honour in entered.honours]
        papers = {paper for paper in evidence if paper is not None}
        own = await fetch_value(
            "SELECT count(*) FROM upload WHERE id = ANY($1) AND owner_person = $2", list(papers), person
        )
        if own != len(papers):
            found.append(Violation("evidence", Text("佐证材料不存在。", "No such paper of yours."), "services"))
        return found

    @staticmethod
    async def _unit(unit_id: UUID) -> asyncpg.Record:
        row = await fetch_one("SELECT * FROM trade_union WHERE id = $1 AND active AND level = 'unit'", unit_id)
        if row is None:
            raise RuleViolation.of("unit", Text("请选择所在单位。", "Choose the unit you work in."), "unit_id")
        return row

    async def _new_person(self, entered: RecordInput) -> UUID:
        assert entered.identifier is not None
        identifier = identifier_of(entered.identifier)
        person = Person(
            id=new_id(),
            name=normal_name(entered.name),
            sex=identifier.sex or entered.identifier.sex,
            born_on=identifier.born_on or entered.identifier.born_on,
            created_at=await self.clock.now(),
        )
        await Person.insert(person)
        return UUID(str(person.id))

    async def _insert(self, person: UUID, entered: RecordInput, phone: StoredPhone, actor: Actor) -> RecordRef:
        now = await self.clock.now()
        row = StaffRecord(
            id=new_id(),
            person=person,
            phone_sealed=phone.sealed,
            phone_digest=phone.digest,
            phone_masked=phone.masked,
            source="worker",
            state=RecordState.DRAFT,
            reported_by=actor.account_id,
            created_at=now,
            updated_at=now,
            **self._identifier_columns(entered.identifier),
            **entered_columns(entered, await self._unit(entered.unit_id)),
        )
        await StaffRecord.insert(row)
        await write_entries({row.id: entered})
        return RecordRef(row.id, 1, RecordState.DRAFT)

    async def _amend(self, before: asyncpg.Record, entered: RecordInput, expected_version: int | None) -> RecordRef:
        if before["version"] != expected_version:
            raise Stale()
        if before["state"] == RecordState.SUBMITTED:
            raise IllegalTransition("修改", STATE_LABELS[RecordState.SUBMITTED].zh)
        unit = await self._unit(entered.unit_id)
        values = entered_columns(entered, unit) | self._identifier_columns(entered.identifier)
        await StaffRecord.update(**values).where(StaffRecord.id == before["id"])
        if before["verified_at"] is None:
            await self._rename(before["person"], entered)
        await execute("DELETE FROM service_period WHERE record = $1", before["id"])
        await execute("DELETE FROM honour WHERE record = $1", before["id"])
        await write_entries({before["id"]: entered})
        return await self._move(before, RecordState.DRAFT)

    @staticmethod
    async def _rename(person: UUID, entered: RecordInput) -> None:
        identifier = identifier_of(entered.identifier) if entered.identifier else None
        await execute(
            "UPDATE person SET name = $2, sex = coalesce($3, sex), born_on = coalesce($4, born_on) WHERE id = $1",
            person,
            normal_name(entered.name),
            (identifier.sex or entered.identifier.sex) if identifier and entered.identifier else None,
            (identifier.born_on or entered.identifier.born_on) if identifier and entered.identifier else None,
        )

    def _identifier_columns(self, entered: IdentifierInput | None) -> dict[str, Any]:
        return identifier_columns(self.people, identifier_of(entered)) if entered else {}

    async def _own(
        self, actor: Actor, expected_version: int, states: tuple[RecordState, ...], action: str
    ) -> asyncpg.Record:
        row = await self._record_of(await self._person(actor))
        if row is None:
            raise NotFound()
        return _expected(row, expected_version, states, action)

    async def _waiting(self, actor: Actor, record_id: UUID, expected_version: int, action: str) -> asyncpg.Record:
        """The locked record, submitted, if it is the officer's to settle."""
        row = await queries.record_row(record_id, lock=True)
        if not in_scope(actor, [Role.UNIT_OFFICER], row):
            raise NotFound()
        await require_no_conflict(actor, row["person"])
        return _expected(row, expected_version, (RecordState.SUBMITTED,), action)

    @staticmethod
    async def _record_of(person: UUID | None) -> asyncpg.Record | None:
        return await fetch_one(
            "SELECT r.*, p.name FROM staff_record r JOIN person p ON p.id = r.person WHERE r.person = $1"
            " FOR NO KEY UPDATE OF r",
            person,
        )

    async def _move(
        self, row: asyncpg.Record, state: RecordState, *, by: Actor | None = None, reason: str = ""
    ) -> RecordRef:
        """Write the state of a locked record: the only place that does."""
        now = await self.clock.now()
        await execute(
            "UPDATE staff_record SET state = $2, return_reason = $3, version = version + 1, updated_at = $4,"
            " verified_by = coalesce($5, verified_by), verified_at = CASE WHEN $5::uuid IS NULL THEN verified_at"
            " ELSE $4 END WHERE id = $1",
            row["id"],
            state,
            reason,
            now,
            by.account_id if by else None,
        )
        return RecordRef(row["id"], row["version"] + 1, state)

    async def _tell(self, person: UUID, template: str, words: dict[str, str]) -> None:
        account = await fetch_value("SELECT id FROM worker_account WHERE person = $1", person)
        if account is not None:
            await self.notifications.notify(new_id(), account, template, words)


async def require_no_conflict(actor: Actor, person: UUID) -> None:
    """Raise Forbidden for one's own record or a relative's."""
    if actor.person_id is None:
        return
    if actor.person_id == person or await are_relatives(actor.person_id, person):
        raise conflict()


def require_reason(reason: str) -> None:
    """Raise RuleViolation unless a reason is given in `REASON_LEAST` to `REASON_MOST` characters."""
    if not REASON_LEAST <= len(reason.strip()) <= REASON_MOST:
        raise RuleViolation.of(
            "reason_required",
            Text(
                f"请写明理由({REASON_LEAST} 至 {REASON_MOST} 字)。",
                f"Give the reason ({REASON_LEAST} to {REASON_MOST} characters).",
            ),
            "reason",
        )


def _expected(
    row: asyncpg.Record, expected_version: int, states: tuple[RecordState, ...], action: str
) -> asyncpg.Record:
    if row["version"] != expected_version:
        raise Stale()
    if row["state"] not in states:
        raise IllegalTransition(action, STATE_LABELS[RecordState(row["state"])].zh)
    return row


def _ref(row: asyncpg.Record) -> RecordRef:
    return RecordRef(row["id"], row["version"], RecordState(row["state"]))


def _identifier_missing() -> Violation:
    return Violation("identifier_missing", Text("请填写证件号码。", "Give the document number."), "identifier")


def _on_file() -> Conflict:
    return Conflict(
        "on_file",
        Text("该证件号已有档案,请在“档案认领”中办理。", "This number is on file already: settle it as a takeover."),
    )
