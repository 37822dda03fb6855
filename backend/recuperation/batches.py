"""The verbs of a batch: draft, open, divide, allocate, announce, hand over; the batch locks itself, then its cases."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.allocation import allocate
from backend.applications.lifecycle import StageKind
from backend.applications.notices import Notices, Waiting
from backend.applications.service import Applications
from backend.audit.log import record
from backend.database import execute, fetch, fetch_one, new_id, transaction
from backend.errors import Conflict, Forbidden, RuleViolation, Stale, Violation
from backend.identity import Actor, Role
from backend.recuperation import desk_queries, policy, queries
from backend.recuperation.roster import Traveller, roster_xlsx
from backend.recuperation.service import CONTACT_PURPOSE, HEALTH_PURPOSE, EmergencyContact, HealthDeclaration
from backend.recuperation.tables import Batch
from backend.sealing import Sealer
from backend.unions.service import at_or_below
from backend.words import Text

REASON_LEAST, REASON_MOST = 2, 500


class BatchInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch as it is drafted: instants in UTC, dates local, money in fen per person and day."""

    programme_version: UUID
    sanatorium: UUID
    emergency: UUID
    name: str
    starts_on: date
    ends_on: date
    capacity: int
    cost_per_day_fen: int
    funding_source: str
    companion_rule: str
    opens_at: datetime
    closes_at: datetime
    confirm_working_days: int = 3


@dataclass(frozen=True, slots=True)
class Batches:
    """What an organiser does with its batches."""

    applications: Applications
    notices: Notices
    sealer: Sealer

    async def draft(self, actor: Actor, batch: BatchInput, organiser: UUID) -> UUID:
        """Draft a batch of a published programme for a union where the actor verifies or chairs."""
        _require_role(actor, organiser, Role.HR_VERIFIER, Role.CHAIR)
        _require_sound(batch, await self.applications.clock.today())
        async with transaction():
            if batch.programme_version not in {row["id"] for row in await published_versions(organiser)}:
                raise RuleViolation.of(
                    "programme_not_published",
                    Text("所选项目尚未发布。", "That programme is not published."),
                    "programme_version",
                )
            row = Batch(
                id=new_id(),
                organiser=organiser,
                state="drafted",
                created_by=actor.account_id,
                **{name: getattr(batch, name) for name in batch.__struct_fields__},
            )
            await Batch.insert(row)
        return UUID(str(row.id))

    async def set_quota(
        self, actor: Actor, batch_id: UUID, union: UUID, places: int, reason: str, expected_version: int
    ) -> None:
        """Give a union below the organiser so many of the places; a recorded act, before the allocation alone."""
        async with transaction():
            batch = await self._locked(actor, batch_id, expected_version, Role.CHAIR, Role.HR_VERIFIER)
            _require_state(batch, "drafted", "open")
            await _require_quota(batch, union, places)
            _require_reason(reason)
            await execute(
                "INSERT INTO batch_quota (id, batch, trade_union, places) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (batch, trade_union) DO UPDATE SET places = $4",
                new_id(),
                batch_id,
                union,
                places,
            )
            await self._require_openable(await queries.batch_row(batch_id))
            # Whoever asked before falls under the same quota as whoever asks from now on.
            await execute(
                f"UPDATE stay_request r SET quota_union = ({queries.NEAREST_QUOTA}) FROM application a"
                " WHERE a.id = r.application AND r.batch = $1",
                batch_id,
            )
            await _bump(batch_id, batch["state"])
            await record(actor, "batch.quota", "done", object_kind="batch", object_id=batch_id, reason=reason)

    async def open_(self, actor: Actor, batch_id: UUID, expected_version: int) -> None:
        """Open a drafted batch for requests: a chair of the organiser, and not the one who drafted it."""
        async with transaction():
            batch = await self._locked(actor, batch_id, expected_version, Role.CHAIR)
            _require_state(batch, "drafted")
            if batch["created_by"] == actor.account_id:
                raise Forbidden(
                    "second_person", Text("须由另一人开放批次。", "Somebody else than the drafter opens a batch.")
                )
            await self._require_openable(await queries.batch_row(batch_id))
            await execute(
                "UPDATE batch SET state = 'open', opened_by = $2, version = version + 1 WHERE id = $1",
                batch_id,
                actor.account_id,
            )
            await record(actor, "batch.open", "done", object_kind="batch", object_id=batch_id)

    async def allocate(self, actor: Actor, batch_id: UUID, expected_version: int) -> tuple[int, int]:
        """Give the places by rank within the quotas; the numbers of mains and reserves.

        Run twice at once, the second finds the batch allocated (Conflict) and changes nothing. Refused while the window
        is open or a case has not come through its stages.
        """
        async with transaction():
            batch = await self._locked(actor, batch_id, expected_version, Role.CHAIR)
            _require_state(batch, "open")
            now = await self.applications.clock.now()
            await self._require_ready(batch, now)
            placed = allocate(await queries.candidates(batch_id), await queries.places(batch_id))
            await self.applications.place_all(actor, placed, now)
            await execute(
                "UPDATE batch SET state = 'allocated', allocated_at = $2, version = version + 1 WHERE id = $1",
                batch_id,
                now,
            )
            mains = sum(place.placement == "main" for place in placed)
            await record(actor, "batch.allocate", "done", object_kind="batch", object_id=batch_id)
        return mains, len(placed) - mains

    async def publish_notice(self, actor: Actor, batch_id: UUID, expected_version: int) -> UUID:
        """Put mains and ranked reserves on public notice, for as many working days as the programme says."""
        async with transaction():
            batch = await self._locked(actor, batch_id, expected_version, Role.CHAIR)
            _require_state(batch, "allocated")
            now = await self.applications.clock.now()
            content = await queries.content_of(batch["programme_version"])
            stage = next(stage for stage in content.route if stage.kind is StageKind.NOTICE)
            notice = await self.notices.publish(
                actor, Waiting("recuperation", batch["programme_version"], batch_id, stage.key, batch["organiser"]), now
            )
            await _bump(batch_id, "on_notice")
            await record(actor, "batch.notice", "done", object_kind="batch", object_id=batch_id)
        return notice

    async def roster(self, actor: Actor, batch_id: UUID, reason: str) -> bytes:
        """The Excel roster for the sanatorium: who travels, their health declaration and whom to call. Recorded.

        Who has taken back the consent to be shared with a sanatorium is counted, and not in it.
        """
        row = await queries.batch_row(batch_id)
        _require_role(actor, row["organiser"], Role.CHAIR, Role.HR_VERIFIER)
        _require_reason(reason)
        rows = await desk_queries.roster_rows(batch_id)
        travellers = [self._traveller(line) for line in rows if line["shared"]]
        await record(actor, "batch.roster", "done", object_kind="batch", object_id=batch_id, reason=reason)
        withheld = len(rows) - len(travellers)
        return await asyncio.to_thread(roster_xlsx, row["name"], row["sanatorium_name"], travellers, withheld)

    def _traveller(self, row: asyncpg.Record) -> Traveller:
        health = msgspec.json.decode(self.sealer.open(row["health_sealed"], HEALTH_PURPOSE), type=HealthDeclaration)
        contact = msgspec.json.decode(self.sealer.open(row["contact_sealed"], CONTACT_PURPOSE), type=EmergencyContact)
        return Traveller(
            name=row["name"],
            sex=row["sex"],
            born_on=row["born_on"],
            unit=row["unit_name"],
            phone=self.sealer.open(row["phone_sealed"], "phone"),
            companions=row["companions"],
            fit_to_travel=health.fit_to_travel,
            conditions=health.conditions,
            contact=f"{contact.name}({contact.relation})",
            contact_phone=contact.phone,
        )

    async def _require_ready(self, batch: asyncpg.Record, now: datetime) -> None:
        found = []
        if now < batch["closes_at"]:
            found.append(
                Violation("window_open", Text("申请尚未截止,不能分配名额。", "The window is still open."), "closes_at")
            )
        if waiting := await queries.undecided(batch["id"]):
            found.append(
                Violation(
                    "cases_undecided",
                    Text("还有 {n} 件申请未评审完。", "{n} cases are not decided yet.").fill(n=waiting),
                )
            )
        if found:
            raise RuleViolation(found)

    @staticmethod
    async def _require_openable(row: asyncpg.Record) -> None:
        rules = await queries.ruleset(row["programme_version"])
        quotas = [quota["places"] for quota in await desk_queries.batch_quotas(row["id"])]
        found = policy.check_batch(queries.batch_facts(row), quotas, row["capacity"], row["cost_per_day_fen"], rules)
        if found:
            raise RuleViolation(found)

    @staticmethod
    async def _locked(actor: Actor, batch_id: UUID, expected_version: int, *roles: Role) -> asyncpg.Record:
        batch = await fetch_one("SELECT * FROM batch WHERE id = $1 FOR UPDATE", batch_id)
        if batch is None:
            raise queries.no_batch()
        _require_role(actor, batch["organiser"], *roles)
        if batch["version"] != expected_version:
            raise Stale()
        return batch


def _require_role(actor: Actor, union: UUID, *roles: Role) -> None:
    if union not in {binding.union_id for binding in actor.unions_as(*roles)}:
        raise Forbidden("not_your_part", Text("这一步不由您办理。", "This step is not yours to take."))


def _require_state(batch: asyncpg.Record, *states: str) -> None:
    if batch["state"] not in states:
        raise Conflict(
            "batch_state", Text("批次当前状态不能这样做。", "This is not possible in the state of the batch.")
        )


async def _require_quota(batch: asyncpg.Record, union: UUID, places: int) -> None:
    if not 0 <= places <= batch["capacity"]:
        raise RuleViolation.of(
            "quota_range",
            Text("名额应在 0 至 {most} 之间。", "Between 0 and {most} places.").fill(most=batch["capacity"]),
            "places",
        )
    if union not in {row["id"] for row in await at_or_below(batch["organiser"])}:
        raise RuleViolation.of(
            "quota_union", Text("只能分配给本工会及下级工会。", "Only the organiser and unions below it."), "union"
        )


def _require_reason(reason: str) -> None:
    if not REASON_LEAST <= len(reason.strip()) <= REASON_MOST:
        raise RuleViolation.of(
            "reason_required",
            Text(
                f"请写明理由({REASON_LEAST} 至 {REASON_MOST} 字)。",
                f"Say why ({REASON_LEAST} to {REASON_MOST} characters).",
            ),
            "reason",
        )


def _require_sound(batch: BatchInput, today: date) -> None:
    found = []
    if batch.starts_on <= today:
        found.append(Violation("date_past", Text("出发日期须晚于今天。", "It starts after today."), "starts_on"))
    if not 1 <= len(batch.funding_source.strip()) <= 40:
        found.append(
            Violation("funding_length", Text("经费来源为 1 至 40 字。", "1 to 40 characters."), "funding_source")
        )
    if not 1 <= len(batch.name.strip()) <= 80:
        found.append(Violation("name_length", Text("批次名称为 1 至 80 字。", "1 to 80 characters."), "name"))
    if batch.ends_on < batch.starts_on:
        found.append(Violation("dates", Text("结束日期早于开始日期。", "It ends before it starts."), "ends_on"))
    if batch.closes_at <= batch.opens_at:
        found.append(Violation("window", Text("截止时间须晚于开放时间。", "It closes before it opens."), "closes_at"))
    if not 1 <= batch.capacity <= 10_000:
        found.append(Violation("capacity", Text("名额应在 1 至 10000 之间。", "Between 1 and 10000."), "capacity"))
    if batch.cost_per_day_fen < 0:
        found.append(Violation("cost", Text("费用不能为负数。", "A cost is not negative."), "cost_per_day_fen"))
    if batch.companion_rule not in ("none", "self_paid", "free"):
        found.append(Violation("companion_rule", Text("同行规则不正确。", "Unknown companion rule."), "companion_rule"))
    if not 1 <= batch.confirm_working_days <= 30:
        found.append(
            Violation(
                "confirm_days", Text("确认期限为 1 至 30 个工作日。", "1 to 30 working days."), "confirm_working_days"
            )
        )
    if found:
        raise RuleViolation(found)


async def _bump(batch_id: UUID, state: str) -> None:
    await execute("UPDATE batch SET state = $2, version = version + 1 WHERE id = $1", batch_id, state)


async def published_versions(organiser: UUID) -> list[asyncpg.Record]:
    """The published programme versions of this kind that a union may draft batches of, newest first."""
    return await fetch(
        "SELECT v.id, p.name_zh, p.name_en, v.number FROM programme_version v JOIN programme p ON p.id = v.programme"
        " WHERE p.kind = 'recuperation' AND p.organiser = $1 AND v.state = 'published' ORDER BY v.published_at DESC",
        organiser,
    )
