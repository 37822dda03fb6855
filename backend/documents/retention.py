"""Keeping and erasing: files of what was granted are locked, what a worker wants gone goes unless a rule keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from backend.audit.log import record
from backend.clock import LOCAL, local_date, security_now
from backend.database import execute, fetch, new_id, transaction
from backend.documents.access import FILE_ROLES, load
from backend.documents.kinds import PaperState
from backend.documents.retention_policy import CaseOutcome, Keep, RetentionRule, Use, keep, terms
from backend.documents.service import Documents, store_errors
from backend.documents.tables import ErasureRequest
from backend.errors import NotFound, RuleViolation
from backend.identity import Actor
from backend.jobs import Job, enqueue_for
from backend.registry.family.uses import cases_resting_on, papers_under
from backend.unions.scope import scope_sql
from backend.words import Text
from storage.keys import Bucket, Retention, keys_of
from storage.port import ObjectMissing

SWEPT_AT_ONCE = 200

#: No process of ours may lift it; who holds the right to bypass may, by court order.
LOCK = Retention.GOVERNANCE


class Kept(msgspec.Struct, frozen=True):
    """One paper that stayed and why; `until` is None while its case is open."""

    upload: UUID
    kind: str
    number: str
    until: date | None
    clause: str

    @property
    def why(self) -> Text:
        """The reason for people."""
        return Keep(self.number, self.until, self.clause).why


@dataclass(frozen=True, slots=True)
class Erasure:
    """A worker's request and its answer: how many papers were erased, and each that was kept."""

    id: UUID
    asked_at: datetime
    reason: str
    erased: int
    kept: Sequence[Kept]
    person_name: str
    unit_name: str


@dataclass(frozen=True, slots=True)
class Keeping:
    """Locks, erases and sweeps papers by the rules of retention."""

    documents: Documents

    async def lock_case(self, application: UUID) -> None:
        """A case has ended: write down how long its papers stay, and lock the files of what was granted in the store.

        Papers that show a relative on whom the case rests are locked too; they stay for as long as the relation is on
        file, so no term is written for them. Run again it does nothing more. Raises Unavailable.
        """
        today = await self.documents.clock.today()
        attached = await fetch("SELECT upload FROM application_document WHERE application = $1", application)
        carried = {row["upload"] for row in attached}
        rows = await fetch(
            "SELECT id, kind, object_key, rendition_key, shared_type, locked_until FROM upload WHERE state <> 'erased'"
            " AND id = ANY($1)",
            [*carried, *await papers_under(application)],
        )
        rules, uses = await _rules(), await _uses(rows)
        for row in rows:
            found = keep(rules, row["kind"], uses[row["id"]], today)
            granted = [term for term in terms(rules, row["kind"], uses[row["id"]], today) if term.granted]
            locked = await self._lock(row, granted[0].until) if granted else row["locked_until"]
            # Without a term it is looked at by the next sweep; while a case is open, by the end of that case.
            until = today if found is None else found.until
            # Another case of the paper's that ends at the same moment may have locked it for longer.
            await execute(
                "UPDATE upload SET locked_until = greatest(locked_until, $2),"
                " kept_until = CASE WHEN $3 THEN $4 ELSE kept_until END WHERE id = $1",
                row["id"],
                locked,
                row["id"] in carried,
                until,
            )

    async def ask_to_erase(self, actor: Actor, reason: str) -> UUID:
        """Erase the actor's own papers but those that an open case or a rule keeps; the request's id.

        They are out of reach when this returns; the store's copies follow by job. Raises RuleViolation for an account
        that has no person yet.
        """
        if actor.person_id is None:
            raise RuleViolation.of("person_unknown", Text("账号尚未关联本人档案。", "This account has no record yet."))
        now, today = await self.documents.clock.now(), await self.documents.clock.today()
        async with transaction():
            rows = await fetch(
                "SELECT id, kind FROM upload WHERE owner_person = $1 AND state <> 'erased' ORDER BY id"
                " FOR NO KEY UPDATE",
                actor.person_id,
            )
            rules, uses, kept = await _rules(), await _uses(rows), []
            for row in rows:
                found = keep(rules, row["kind"], uses[row["id"]], today)
                if found is None:
                    await self._take_away(row["id"])
                else:
                    kept.append(Kept(row["id"], row["kind"], found.number, found.until, found.clause))
            request = ErasureRequest(
                id=new_id(),
                person=actor.person_id,
                asked_by=actor.account_id,
                asked_at=now,
                reason=reason,
                erased=len(rows) - len(kept),
                kept=msgspec.json.encode(kept).decode(),
            )
            await ErasureRequest.insert(request)
            await record(actor, "paper.erase", "done", object_kind="erasure_request", object_id=request.id)
        return UUID(str(request.id))

    async def erase(self, upload_id: UUID) -> None:
        """Remove from the store every copy and version of a paper that was taken away; twice is once.

        Raises Unavailable. A locked file stays, and with it the failed job: nothing that a rule keeps comes here.
        """
        paper = await load(upload_id)
        if paper.state is not PaperState.ERASED:
            return
        store = self.documents.store
        with store_errors():
            await store.abort_parts(paper.object_key)
            await store.delete(Bucket.QUARANTINE, paper.object_key)
            for key in keys_of(paper.object_key):
                await store.erase(key)
        await execute("UPDATE upload SET erased_at = $2 WHERE id = $1", upload_id, await self.documents.clock.now())

    async def sweep(self) -> int:
        """Erase the papers whose term has passed and that nothing else keeps; how many were looked at."""
        today = await self.documents.clock.today()
        async with transaction():
            rows = await fetch(
                "SELECT id, kind FROM upload WHERE kept_until < $1 AND state <> 'erased' ORDER BY kept_until"
                " LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
                today,
                SWEPT_AT_ONCE,
            )
            rules, uses = await _rules(), await _uses(rows)
            for row in rows:
                found = keep(rules, row["kind"], uses[row["id"]], today)
                if found is None:
                    await self._take_away(row["id"])
                else:
                    await execute("UPDATE upload SET kept_until = $2 WHERE id = $1", row["id"], found.until)
            return len(rows)

    async def _take_away(self, upload_id: UUID) -> None:
        """Put a paper, whose row is locked, out of everybody's reach; its name goes at once, its files by job."""
        paper = await load(upload_id)
        await self.documents.move(paper, PaperState.ERASED)
        await execute("UPDATE upload SET name_sealed = '', rendition_key = NULL WHERE id = $1", upload_id)
        await enqueue_for(Job.ERASE_UPLOAD, upload_id)
        if paper.state is PaperState.RESERVED:
            await self.documents.clear_later(upload_id)
        await enqueue_for(Job.PAPER_JUDGED, upload_id)

    async def _lock(self, row: asyncpg.Record, until: date | None) -> date | None:
        """Lock the files of a paper through that day; through which day they are locked now."""
        held: date | None = row["locked_until"]
        # The business clock of a demonstration may lie behind the store's, which takes no lock that is over.
        over = until is None or until <= local_date(security_now())
        if until is None or over or row["rendition_key"] is None or (held is not None and held >= until):
            return held
        file, picture, shared = keys_of(row["object_key"])
        with store_errors():
            for key in (file, picture, shared) if row["shared_type"] else (file, picture):
                try:
                    await self.documents.store.lock_until(key, end_of(until), LOCK)
                except ObjectMissing:
                    # Nothing to lock: the audit of the store reports it, and the other papers are still locked.
                    return held
        return until


def end_of(day: date) -> datetime:
    """The instant through which a lock until that day holds."""
    return datetime.combine(day, time.max, LOCAL)


async def erasures_of(actor: Actor) -> list[Erasure]:
    """The worker's own requests, newest first."""
    return await _erasures("e.person = $1", actor.person_id)


async def erasures_in_scope(actor: Actor) -> list[Erasure]:
    """The requests of workers in the scope of a role for files, newest first."""
    reached, unions = scope_sql(actor.unions_as(*FILE_ROLES), "r", 1)
    return await _erasures(reached, *unions)


async def erasure(request: UUID) -> Erasure:
    """One request; who calls has asked whether the actor may know of it. Raises NotFound."""
    found = await _erasures("e.id = $1", request)
    if not found:
        raise NotFound()
    return found[0]


async def _erasures(condition: str, *args: Any) -> list[Erasure]:
    rows = await fetch(
        "SELECT e.id, e.asked_at, e.reason, e.erased, e.kept, p.name, coalesce(t.name, '') AS unit_name"
        " FROM erasure_request e JOIN person p ON p.id = e.person LEFT JOIN staff_record r ON r.person = e.person"
        f" LEFT JOIN trade_union t ON t.id = r.unit WHERE {condition} ORDER BY e.id DESC LIMIT 100",
        *args,
    )
    return [
        Erasure(
            row["id"],
            row["asked_at"],
            row["reason"],
            row["erased"],
            msgspec.json.decode(row["kept"], type=list[Kept]),
            row["name"],
            row["unit_name"],
        )
        for row in rows
    ]


async def _rules() -> list[RetentionRule]:
    rows = await fetch("SELECT case_kind, paper_kind, outcome, keep_days, clause, effective_from FROM retention_rule")
    return [RetentionRule(**{**row, "outcome": CaseOutcome(row["outcome"])}) for row in rows]


async def _uses(uploads: Sequence[asyncpg.Record]) -> dict[UUID, list[Use]]:
    """For each upload the cases that it is attached to, or that rest on the relative whom it shows."""
    uses: dict[UUID, list[Use]] = {row["id"]: [] for row in uploads}
    shown = await cases_resting_on(uses)
    for row in await fetch(
        "SELECT d.upload, a.number, a.kind, a.state, a.submitted_at, a.decided_at FROM"
        " (SELECT upload, application FROM application_document WHERE upload = ANY($1)"
        " UNION SELECT * FROM unnest($2::uuid[], $3::uuid[])) d JOIN application a ON a.id = d.application",
        list(uses),
        [paper for paper, _ in shown],
        [case for _, case in shown],
    ):
        decided_on = local_date(row["decided_at"]) if row["decided_at"] else None
        submitted = row["submitted_at"] is not None
        uses[row["upload"]].append(Use(row["number"], row["kind"], row["state"], submitted, decided_on))
    return uses
