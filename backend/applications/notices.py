"""The public notice: mains and ranked reserves in one list, which stands its working days and ends with a result."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from backend.applications import objections
from backend.applications.apart import apart
from backend.applications.case import Case, load_case
from backend.applications.lifecycle import Action, StageKind, State
from backend.applications.service import Applications
from backend.applications.tables import Notice, NoticeEntry
from backend.audit.log import record
from backend.calendars.service import working_days_after
from backend.clock import local_date
from backend.database import execute, fetch, fetch_one, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation
from backend.identity import Actor, system_actor
from backend.sealing import Sealer
from backend.words import Text

OBJECTION_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """The cases that are announced together: of one version, in one notice stage, of one aggregate, at one union."""

    kind: str
    version: UUID
    aggregate: UUID | None
    stage: str
    union: UUID


@dataclass(frozen=True, slots=True)
class PublicEntry:
    """A line as everybody may read it."""

    application: UUID
    placement: str
    rank: int
    name: str
    unit: str
    deed: str


@dataclass(frozen=True, slots=True)
class PublicNotice:
    """A notice as everybody may read it while it stands."""

    id: UUID
    title: Text
    legal_basis: str
    union_name: str
    first_on: date
    last_on: date
    working_days: int
    entries: tuple[PublicEntry, ...]


@dataclass(frozen=True, slots=True)
class Notices:
    """Publishes notices, hears objections, and ends what has stood its time."""

    applications: Applications
    sealer: Sealer

    async def publish(self, actor: Actor, waiting: Waiting, now: datetime) -> UUID:
        """Put on notice, from today on, all cases that wait for it; who calls has locked the aggregate.

        The start day does not count: the notice stands through the last of its working days after it. Raises
        Forbidden unless the actor holds the stage's role at the union, Conflict where nothing waits, RuleViolation
        where the calendar does not cover the last day.
        """
        process = self.applications.processes[waiting.kind]
        cases = await self._waiting_cases(waiting)
        if not cases:
            raise Conflict("nothing_to_announce", Text("没有待公示的事项。", "Nothing waits to be announced."))
        stage = cases[0].stage
        assert stage is not None
        if waiting.union not in {binding.union_id for binding in actor.unions_as(stage.role)}:
            raise Forbidden("not_your_part", Text("这一步不由您办理。", "This step is not yours to take."))
        said = await process.announcement(cases, stage)
        first_on = local_date(now)
        last_on = await working_days_after(first_on, stage.working_days)
        notice = Notice(
            id=new_id(),
            token=secrets.token_urlsafe(16),
            kind=waiting.kind,
            programme_version=waiting.version,
            aggregate=waiting.aggregate,
            stage=stage.key,
            trade_union=waiting.union,
            title_zh=said.title.zh,
            title_en=said.title.en,
            legal_basis=cases[0].content.notice_basis,
            working_days=stage.working_days,
            first_on=first_on,
            last_on=last_on,
            state="published",
            published_by=actor.account_id,
            published_at=now,
        )
        await Notice.insert(notice)
        for line in sorted(said.lines, key=lambda line: line.case.id):
            await NoticeEntry.insert(
                NoticeEntry(
                    notice=notice.id,
                    application=line.case.id,
                    placement=line.placement,
                    rank=line.rank,
                    shown_name=line.name,
                    shown_unit=line.unit,
                    shown_deed=line.deed,
                )
            )
            await self.applications.step(actor, line.case, Action.PUBLISH, now, due_on=last_on)
        await process.notice_published(waiting.aggregate, stage, now)
        return UUID(str(notice.id))

    async def announce(self, actor: Actor, waiting: Waiting) -> UUID:
        """Publish what waits, in a transaction of its own; on record. Raises as `publish`."""
        process = self.applications.processes.get(waiting.kind)
        if process is None:
            raise NotFound()
        async with transaction():
            if process.aggregate_table and waiting.aggregate is not None:
                await execute(f"SELECT FROM {process.aggregate_table} WHERE id = $1 FOR UPDATE", waiting.aggregate)
            notice = await self.publish(actor, waiting, await self.applications.clock.now())
            await record(actor, "notice.publish", "done", object_kind="notice", object_id=notice)
        return notice

    @staticmethod
    async def _waiting_cases(waiting: Waiting) -> list[Case]:
        """The cases, locked in order of their ids."""
        rows = await fetch(
            "SELECT id FROM application WHERE programme_version = $1 AND stage = $2 AND acting_union = $3"
            " AND aggregate IS NOT DISTINCT FROM $4 AND state IN ('submitted', 'under_review') ORDER BY id",
            waiting.version,
            waiting.stage,
            waiting.union,
            waiting.aggregate,
        )
        cases = [await load_case(row["id"], lock=True) for row in rows]
        return [case for case in cases if case.stage_kind is StageKind.NOTICE and case.stage_key == waiting.stage]

    async def object_(self, actor: Actor, notice_id: UUID, application_id: UUID, words: str) -> UUID:
        """Object to one entry of a notice that stands: the case named stops, no other does."""
        words = words.strip()
        if not 10 <= len(words) <= OBJECTION_LIMIT:
            raise RuleViolation.of(
                "objection_length",
                Text(
                    "请用 10 至 {limit} 字写明异议和依据。",
                    "Say in 10 to {limit} characters what you object to and why.",
                ).fill(limit=OBJECTION_LIMIT),
                "words",
            )
        if actor.person_id is None:
            raise Forbidden(
                "person_needed", Text("请先登记本人信息再提出异议。", "Register who you are before you object.")
            )
        async with transaction():
            now = await self.applications.clock.now()
            case = await load_case(application_id, lock=True)
            entry = await objections.entry_of(notice_id, application_id)
            if entry is None:
                raise NotFound(Text("这条公示不存在或已结束。", "There is no such notice, or it has ended."))
            if case.state not in (State.ON_NOTICE, State.OBJECTED):
                raise Conflict(
                    "notice_over", Text("公示已结束,不再受理异议。", "The notice is over; objections are closed.")
                )
            objection = await objections.record(actor, case, entry, words, self.sealer, now)
            if case.state is State.ON_NOTICE:
                # Who objected is known to the handler alone: the case's own log names nobody.
                await self.applications.step(system_actor("公示异议"), case, Action.OBJECT, now)
        return objection

    async def end_due(self) -> int:
        """End every notice whose last day is over; the number ended. Each in a transaction of its own."""
        today = local_date(await self.applications.clock.now())
        due = await fetch("SELECT id, kind, aggregate FROM notice WHERE state = 'published' AND last_on < $1", today)
        ended = 0
        for row in due:
            with apart("notice", row["id"]):
                ended += await self._end(row["id"], row["kind"], row["aggregate"], today)
        return ended

    async def _end(self, notice_id: UUID, kind: str, aggregate: UUID | None, today: date) -> bool:
        process = self.applications.processes[kind]
        actor = system_actor("公示到期")
        async with transaction():
            now = await self.applications.clock.now()
            if process.aggregate_table and aggregate is not None:
                await execute(f"SELECT FROM {process.aggregate_table} WHERE id = $1 FOR UPDATE", aggregate)
            notice = await fetch_one("SELECT state, stage, last_on FROM notice WHERE id = $1 FOR UPDATE", notice_id)
            if notice is None or notice["state"] == "ended" or notice["last_on"] >= today:
                return False
            counts = await fetch_one(
                "SELECT count(*) AS raised, count(*) FILTER (WHERE o.state = 'open') AS open FROM objection o"
                " JOIN notice_entry e ON e.id = o.entry WHERE e.notice = $1",
                notice_id,
            )
            assert counts is not None
            result = (
                "公示无异议"
                if not counts["raised"]
                else f"公示期间收到异议 {counts['raised']} 件,其中 {counts['open']} 件核实中"
            )
            await execute(
                "UPDATE notice SET state = 'ended', ended_at = $2, result = $3 WHERE id = $1", notice_id, now, result
            )
            entries = await fetch(
                "SELECT application FROM notice_entry WHERE notice = $1 ORDER BY application", notice_id
            )
            for entry in entries:
                case = await load_case(entry["application"], lock=True)
                if case.state is State.ON_NOTICE:
                    await self.applications.step(actor, case, Action.CONCLUDE, now)
            await process.notice_concluded(self.applications, aggregate, notice["stage"], now)
        return True

    async def public(self, token: str) -> PublicNotice:
        """The notice behind a public link while it stands; NotFound before, after and for a wrong token alike."""
        row = await fetch_one(
            "SELECT n.*, u.name AS union_name FROM notice n JOIN trade_union u ON u.id = n.trade_union"
            " WHERE n.token = $1 AND n.state = 'published'",
            token,
        )
        today = local_date(await self.applications.clock.now())
        if row is None or row["last_on"] < today:
            raise NotFound(Text("公示不存在或已结束。", "There is no such notice, or it has ended."))
        entries = await fetch(
            "SELECT application, placement, rank, shown_name, shown_unit, shown_deed FROM notice_entry"
            " WHERE notice = $1 ORDER BY placement, rank",
            row["id"],
        )
        return PublicNotice(
            id=row["id"],
            title=Text(row["title_zh"], row["title_en"]),
            legal_basis=row["legal_basis"],
            union_name=row["union_name"],
            first_on=row["first_on"],
            last_on=row["last_on"],
            working_days=row["working_days"],
            entries=tuple(PublicEntry(*entry) for entry in entries),
        )
