"""Taking over the record that the unit reported: by a code to the phone on it, or by the officer's approval."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from backend.accounts.codes import CodePurpose, Codes
from backend.audit.log import record, record_apart
from backend.clock import Clock
from backend.database import execute, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation, Unauthenticated
from backend.identity import Actor, Role
from backend.notifications.service import Notifications
from backend.people.identifiers import Identifier
from backend.people.service import People
from backend.registry import queries
from backend.registry.facts import IdentifierInput
from backend.registry.kinds import RecordState
from backend.registry.merging import take_over
from backend.registry.policy import check_identity, identifier_of
from backend.registry.service import require_no_conflict, require_reason
from backend.unions.scope import in_scope
from backend.words import Text

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Takeovers:
    """Proves that an account and a reported record belong to one person."""

    clock: Clock
    people: People
    codes: Codes
    notifications: Notifications
    _sending: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    async def send_code(self, actor: Actor, entered: IdentifierInput, address: str) -> None:
        """Send a code to the phone on the record of this number, if there is one; told to nobody.

        A known and an unknown number take the same way and the same time: the message itself leaves afterwards.
        """
        if found := check_identity(entered, await self.clock.today()):
            raise RuleViolation(found)
        identifier = identifier_of(entered)
        digest = self.people.digest(identifier)
        code = await self.codes.issue(CodePurpose.TAKEOVER, digest, address)
        await record(actor, "takeover.code", "done")
        reported = await queries.record_known_by(digest, identifier.type)
        if reported is not None:
            task = asyncio.create_task(self._deliver(reported["phone_sealed"], code))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, phone_sealed: bytes, code: str) -> None:
        try:
            await self.codes.deliver(CodePurpose.TAKEOVER, phone_sealed, code)
        except Exception as error:
            # Nobody waits for it any more, and a failure must not tell that there was a phone to send to.
            log.warning("takeover_code_lost", error=type(error).__name__)

    async def prove(self, actor: Actor, entered: IdentifierInput, code: str) -> UUID:
        """Take the record over by the code; its id, once more where the answer was lost and it is one's own already.

        Raises Unauthenticated alike for a wrong code and an unknown number.
        """
        identifier = identifier_of(entered)
        digest = self.people.digest(identifier)
        try:
            await self.codes.prove(CodePurpose.TAKEOVER, digest, code)
        except Unauthenticated:
            if (held := await self._held(actor.account_id, digest, identifier)) is not None:
                return held
            await record_apart(actor, "takeover.prove", "refused")
            raise
        async with transaction():
            account = await self._account(actor.account_id)
            reported = await queries.record_known_by(digest, identifier.type)
            if reported is None:
                raise NotFound()
            await self._join(account, reported)
            await execute(
                "UPDATE takeover SET state = 'approved', settled_at = $2, how = 'code'"
                " WHERE account = $1 AND state = 'open'",
                account["id"],
                await self.clock.now(),
            )
            await record(actor, "record.takeover", "done", object_kind="staff_record", object_id=reported["id"])
            return UUID(str(reported["id"]))

    async def approve(self, actor: Actor, takeover_id: UUID, reason: str) -> None:
        """Let an account have the record, on the word of an officer of the record's unit who knows the person."""
        require_reason(reason)
        async with transaction():
            asked, reported = await self._open(actor, takeover_id)
            account = await self._account(asked["account"])
            await self._join(account, reported)
            await self._settle(asked["id"], "approved", actor, reason)
            await record(
                actor, "takeover.approve", "done", object_kind="staff_record", object_id=reported["id"], reason=reason
            )
            await self.notifications.notify(new_id(), account["id"], "takeover_approved", {})

    async def refuse(self, actor: Actor, takeover_id: UUID, reason: str) -> None:
        """Do not let an account have the record: what it entered goes back to it, worded as any returned record."""
        require_reason(reason)
        async with transaction():
            asked, reported = await self._open(actor, takeover_id)
            await execute(
                "UPDATE staff_record r SET state = $2, return_reason = $3, version = version + 1, updated_at = $4"
                " FROM worker_account a WHERE a.id = $1 AND r.person = a.person AND r.state = $5",
                asked["account"],
                RecordState.RETURNED,
                reason,
                await self.clock.now(),
                RecordState.SUBMITTED,
            )
            await self._settle(asked["id"], "refused", actor, reason)
            await record(
                actor, "takeover.refuse", "done", object_kind="staff_record", object_id=reported["id"], reason=reason
            )
            await self.notifications.notify(new_id(), asked["account"], "record_returned", {"comment": reason})

    async def _open(self, actor: Actor, takeover_id: UUID) -> tuple[asyncpg.Record, asyncpg.Record]:
        """The locked request and the record it is about, if it is the officer's to settle."""
        asked = await fetch_one("SELECT * FROM takeover WHERE id = $1 FOR UPDATE", takeover_id)
        if asked is None or asked["record"] is None:
            raise NotFound()
        reported = await queries.record_row(asked["record"], lock=True)
        if not in_scope(actor, [Role.UNIT_OFFICER], reported):
            raise NotFound()
        await require_no_conflict(actor, reported["person"])
        if asked["state"] != "open":
            raise Conflict("settled", Text("该申请已办结。", "This was settled already."))
        return asked, reported

    @staticmethod
    async def _held(account: UUID, digest: bytes, identifier: Identifier) -> UUID | None:
        """The record that is known by this number, if it is the account's already."""
        reported = await queries.record_known_by(digest, identifier.type)
        own = await fetch_value("SELECT person FROM worker_account WHERE id = $1", account)
        return reported["id"] if reported is not None and reported["person"] == own else None

    @staticmethod
    async def _account(account: UUID) -> asyncpg.Record:
        row = await fetch_one("SELECT * FROM worker_account WHERE id = $1 FOR UPDATE", account)
        if row is None:
            raise NotFound()
        return row

    @staticmethod
    async def _join(account: asyncpg.Record, reported: asyncpg.Record) -> None:
        if account["person"] == reported["person"]:
            return
        own = await fetch_one("SELECT * FROM staff_record WHERE person = $1 FOR UPDATE", account["person"])
        if own is not None and own["verified_at"] is not None:
            raise Forbidden(
                "account_taken",
                Text("本手机号已有核实的档案。", "This phone has a verified record already."),
            )
        await take_over(account, reported, own)

    async def _settle(self, takeover_id: UUID, state: str, actor: Actor, reason: str) -> None:
        await execute(
            "UPDATE takeover SET state = $2, settled_at = $3, settled_by = $4, how = 'officer', reason = $5"
            " WHERE id = $1",
            takeover_id,
            state,
            await self.clock.now(),
            actor.account_id,
            reason,
        )
