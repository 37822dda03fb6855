"""Covers that are held: who is covered on a day and for what, beneficiaries changed, an end by leaving or death."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
import msgspec

from backend.audit.log import record
from backend.certificates.service import Certificates
from backend.certificates.shown import Kind, State
from backend.clock import Clock
from backend.database import execute, fetch, fetch_value, new_id, transaction
from backend.errors import NotFound, RuleViolation, Violation
from backend.identity import Actor, Role
from backend.insurance.covering import note_change
from backend.insurance.dates import CoverState, Payable, cover_state, payable_on, waits_until
from backend.insurance.facts import HeirFacts
from backend.insurance.plans import Plan, plans_by_id
from backend.insurance.policy import check_heirs
from backend.insurance.terms import OnLeaving
from backend.notifications.service import Notifications
from backend.people.identifiers import check_name
from backend.unions.scope import scope_sql
from backend.words import Text

#: Who reads covers in their scope at the desk; the auditor reads all.
READ_ROLES = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.AUDITOR)

#: How a cover stands on the days that it covers.
COVERING = frozenset({CoverState.WAITING, CoverState.ACTIVE})

LEFT, DEATH, LEFT_WORKER = "left", "death", "left_worker"

END_LABELS = {
    "": Text("", ""),
    LEFT: Text("离开单位", "Left the unit"),
    DEATH: Text("身故", "Died"),
    LEFT_WORKER: Text("职工离开单位", "The worker left the unit"),
}


@dataclass(frozen=True, slots=True)
class HeldBy:
    """One cover as it stands on a day; `who` is what the person is to the worker through whom they are covered."""

    id: UUID
    number: str
    application: UUID
    plan: Plan
    person: UUID
    worker: UUID
    name: str
    worker_name: str
    unit_name: str
    who: str
    shares: int
    starts_on: date
    ends_on: date
    ended_on: date | None
    end_reason: str
    waived: bool
    renews: bool
    contribution_fen: int
    payer: str
    state: CoverState
    waits_until: date | None
    payable: Sequence[Payable]
    heirs: Sequence[HeirFacts]

    @property
    def last_on(self) -> date:
        """Its last day."""
        return self.ended_on or self.ends_on


@dataclass(frozen=True, slots=True)
class Departure:
    """What an end does to one cover: its last day afterwards, or None where it runs on."""

    cover: HeldBy
    last_on: date | None
    reason: str


_SELECT = """SELECT c.id, c.number, c.application, c.programme_version, c.person, c.worker, m.name,
    w.name AS worker_name, coalesce(u.name, '') AS unit_name, m.who, c.shares, c.starts_on, c.ends_on, c.ended_on,
    c.end_reason, c.waived, c.renews, c.contribution_fen, c.payer,
    (SELECT coalesce(json_agg(json_build_object('name', b.name, 'relation', b.relation, 'percent', b.percent)
        ORDER BY b.id), '[]') FROM beneficiary b WHERE b.member = c.member AND b.to_at IS NULL) AS heirs
    FROM cover c JOIN enrolment_member m ON m.id = c.member JOIN person w ON w.id = c.worker
    LEFT JOIN trade_union u ON u.id = c.unit_id"""


async def covers_of(person: UUID, on: date) -> list[HeldBy]:
    """The covers of a person, and those of the family through them, as they stand on a day; the newest first."""
    rows = await fetch(
        f"{_SELECT} WHERE c.worker = $1 OR c.person = $1 ORDER BY c.starts_on DESC, c.id LIMIT 200", person
    )
    return await _held(rows, on)


async def cover_of(actor: Actor, cover: UUID, on: date) -> HeldBy:
    """One of the covers that `covers_of` gives the actor; NotFound for any other."""
    rows = await fetch(f"{_SELECT} WHERE c.id = $1 AND (c.worker = $2 OR c.person = $2)", cover, actor.person_id)
    if not rows:
        raise NotFound()
    return (await _held(rows, on))[0]


async def covers_in_scope(
    actor: Actor, on: date, words: str = "", digest: bytes | None = None, after: UUID | None = None, limit: int = 50
) -> list[HeldBy]:
    """The covers that a reading role of the actor reaches, as they stand on a day, the newest first; recorded.

    `words` are part of a name, `digest` the keyed hash of a document number. From behind `after` on.
    """
    reached, unions = scope_sql(actor.unions_as(*READ_ROLES), "c", 5)
    rows = await fetch(
        f"""{_SELECT} WHERE {reached} AND ($1 = '' OR strpos(m.name, $1) > 0 OR strpos(w.name, $1) > 0)
            AND ($2::bytea IS NULL OR EXISTS (SELECT FROM person_identifier i
                WHERE i.person IN (c.person, c.worker) AND i.digest = $2))
            AND ($3::uuid IS NULL OR c.id < $3)
        ORDER BY c.id DESC LIMIT $4""",
        words,
        digest,
        after,
        limit,
        *unions,
    )
    await record(actor, "cover.list", "done", detail={"on": on.isoformat(), "shown": str(len(rows))})
    return await _held(rows, on)


@dataclass(frozen=True, slots=True)
class Covers:
    """Acts on covers that are held."""

    clock: Clock
    notifications: Notifications
    certificates: Certificates

    async def set_heirs(self, actor: Actor, cover: UUID, heirs: Sequence[HeirFacts]) -> None:
        """Name other beneficiaries for a cover through oneself; none means the legal heirs.

        Those who were named stay on record. Raises NotFound, RuleViolation.
        """
        now, today = await self.clock.now(), await self.clock.today()
        async with transaction():
            await execute("SELECT FROM person WHERE id = $1 FOR NO KEY UPDATE", actor.person_id)
            held = await cover_of(actor, cover, today)
            if held.worker != actor.person_id or held.last_on < today or held.state is CoverState.VOID:
                raise NotFound()
            found = [one.violation() for one in check_heirs(heirs, held.plan.terms, "beneficiaries") if not one.passed]
            for place, heir in enumerate(heirs):
                found += check_name(heir.name, f"beneficiaries.{place}.name")
            if found:
                raise RuleViolation(found)
            await execute(
                "UPDATE beneficiary SET to_at = $2 WHERE to_at IS NULL"
                " AND member = (SELECT member FROM cover WHERE id = $1)",
                cover,
                now,
            )
            for heir in heirs:
                await execute(
                    "INSERT INTO beneficiary (id, member, name, relation, percent, from_at)"
                    " SELECT $2, member, $3, $4, $5, $6 FROM cover WHERE id = $1",
                    cover,
                    new_id(),
                    heir.name,
                    heir.relation,
                    heir.percent,
                    now,
                )
            await note_change(cover, "changed", today, "受益人变更", actor, now)
            await record(actor, "cover.heirs", "done", object_kind="cover", object_id=cover)

    async def departures(self, actor: Actor, person: UUID, on: date, reason: str) -> list[Departure]:
        """What it would do to covers that somebody left the unit, or died, on a day; nothing is written.

        Raises NotFound where no cover of the person is in the scope of the officer, RuleViolation for a day to come.
        """
        today = await self.clock.today()
        if reason not in (LEFT, DEATH):
            raise RuleViolation.of("reason", Text("请选择离开单位或身故。", "Left the unit, or died."), "reason")
        if on > today:
            raise RuleViolation.of("date_in_future", Text("日期不能晚于今天。", "This day has not come yet."), "on")
        reached, unions = scope_sql(actor.unions_as(Role.UNIT_OFFICER), "c", 2)
        rows = await fetch(
            f"{_SELECT} WHERE (c.worker = $1 OR c.person = $1) AND {reached} ORDER BY c.id", person, *unions
        )
        if not rows:
            raise NotFound()
        return [_departure(held, person, on, reason) for held in await _held(rows, on) if held.last_on > on]

    async def depart(self, actor: Actor, person: UUID, on: date, reason: str) -> int:
        """Note that somebody left the unit, or died, on their last day `on`, and end covers by the plans' rule.

        The number of covers that ended. Raises as `departures`, RuleViolation where nothing would end.
        """
        now = await self.clock.now()
        async with transaction():
            await execute("SELECT FROM person WHERE id = $1 FOR NO KEY UPDATE", person)
            await execute("SELECT FROM cover WHERE worker = $1 OR person = $1 ORDER BY id FOR NO KEY UPDATE", person)
            ending = [one for one in await self.departures(actor, person, on, reason) if one.last_on is not None]
            if not ending:
                raise RuleViolation(
                    [
                        Violation(
                            "nothing_ends",
                            Text("没有保障因此终止:按计划规定保障到期为止。", "No cover ends by this; they run on."),
                            "on",
                        )
                    ]
                )
            occasion = new_id()
            for one in ending:
                await execute(
                    "UPDATE cover SET ended_on = $2, end_reason = $3 WHERE id = $1", one.cover.id, on, one.reason
                )
                await note_change(one.cover.id, "ended", on, END_LABELS[one.reason].zh, actor, now)
                if await self.certificates.of(Kind.COVER, one.cover.id) is not None:
                    await self.certificates.change_state(Kind.COVER, one.cover.id, State.ENDED, "", now)
            await record(
                actor,
                "cover.depart",
                "done",
                object_kind="person",
                object_id=person,
                reason=reason,
                detail={"on": on.isoformat(), "covers": str(len(ending))},
            )
            for worker in {one.cover.worker for one in ending}:
                account = await fetch_value("SELECT id FROM worker_account WHERE person = $1", worker)
                if account is not None:
                    await self.notifications.notify(occasion, account, "cover_ended", {"ended_on": on.isoformat()})
            return len(ending)


def _departure(held: HeldBy, person: UUID, on: date, reason: str) -> Departure:
    """Death ends the cover of who died alone; leaving is the plan's to say, for the worker and for the family."""
    own = held.person == person
    if reason == DEATH:
        return Departure(held, on if own else None, DEATH)
    ending = held.plan.terms.ending
    ends = held.worker == person and ending.leaving is OnLeaving.ENDS and (own or ending.family_too)
    return Departure(held, on if ends else None, LEFT if own else LEFT_WORKER)


async def _held(rows: Sequence[asyncpg.Record], on: date) -> list[HeldBy]:
    plans = await plans_by_id(list({row["programme_version"] for row in rows}))
    found = []
    for row in rows:
        plan = plans[row["programme_version"]]
        values = {name: value for name, value in row.items() if name not in ("programme_version", "heirs")}
        begins, waived = row["starts_on"], row["waived"]
        state = cover_state(plan.terms, begins, row["ends_on"], row["ended_on"], waived, on)
        payable = payable_on(plan.terms, begins, row["shares"], waived, on)
        if state not in COVERING:
            payable = [msgspec.structs.replace(one, amount_fen=0) for one in payable]
        found.append(
            HeldBy(
                **values,
                plan=plan,
                state=state,
                waits_until=waits_until(plan.terms, begins, waived),
                payable=payable,
                heirs=msgspec.json.decode(row["heirs"], type=list[HeirFacts]),
            )
        )
    return found
