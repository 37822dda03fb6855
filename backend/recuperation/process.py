"""Rest and recuperation as the shared case knows it: its judgement, its effects, its deadlines, its panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from backend.applications.allocation import next_in_line
from backend.applications.apart import apart
from backend.applications.case import Case, load_case
from backend.applications.judgement import Judgement
from backend.applications.lifecycle import Action, Move, State
from backend.applications.process import Announcement, Door, Panel, Process
from backend.applications.programme import Stage
from backend.calendars.service import working_days_after
from backend.clock import local_date
from backend.database import execute, fetch, transaction
from backend.errors import Violation
from backend.identity import Actor, system_actor
from backend.recuperation import policy, queries
from backend.recuperation.tables import Stay
from backend.words import Text

KIND = "recuperation"
LABEL = Text("疗休养", "Rest and recuperation")

_ENDED_WITHOUT_STAY = frozenset({State.DECLINED, State.LAPSED, State.REJECTED, State.WITHDRAWN})

_HEADLINES = {
    State.APPROVED: Text("名额已为您保留,请确认", "A place is kept for you: please confirm"),
    State.CONFIRMED: Text("已确认参加", "You have confirmed"),
}

_COMPANION_RULES = {
    "none": Text("不带家属", "No companions"),
    "self_paid": Text("家属可同行,费用自理", "Companions at their own cost"),
    "free": Text("家属可同行,费用由工会承担", "Companions free of charge"),
}


@dataclass(frozen=True, slots=True)
class Recuperation(Process):
    """The slice's part in a case of rest and recuperation (疗休养)."""

    kind: str = KIND
    prefix: str = "RR"
    label: Text = LABEL
    by_policy: bool = True
    aggregate_table: str = "batch"
    aggregate_actions: frozenset[Action] = frozenset(
        {Action.DECLINE, Action.LAPSE, Action.WITHDRAW, Action.UPHOLD, Action.DISMISS, Action.COMPLETE}
    )

    async def judge(self, case: Case, now: datetime) -> Judgement:
        """Judge the request by the policies of the version that the case was first submitted under."""
        assert case.aggregate is not None
        assert case.subject_person is not None
        facts = await queries.stay_facts(case.aggregate, case.subject_person, case.id)
        rules = await queries.ruleset(case.version.id)
        checks = policy.check_submission(facts, rules, now, local_date(now))
        if case.submitted_at is not None:
            # A case that was sent in time and returned is not shut out by a window that closed meanwhile.
            checks = [check for check in checks if check.code != "window_closed"]
        return Judgement(facts, checks, policy.points(facts, rules))

    async def guard(
        self, actor: Actor, case: Case, move: Move, details: msgspec.Struct | None, now: datetime
    ) -> list[Violation]:
        """A place can be confirmed through its last day only."""
        if move.action is Action.CONFIRM and case.due_on is not None and local_date(now) > case.due_on:
            return [
                Violation(
                    "confirm_too_late",
                    Text("已过确认期限({due}),名额已由他人递补。", "The last day to confirm was {due}.").fill(
                        due=case.due_on
                    ),
                )
            ]
        return []

    async def effect(self, door: Door, case: Case, move: Move, actor: Actor, now: datetime) -> None:
        """Close the request when the case ends; a main place that falls free goes to the next reserve at once.

        A reserve whose objection was dismissed after the notice comes late: a place may be waiting for it.
        """
        if move.action is Action.CONCLUDE and case.state is State.RESERVE and case.aggregate is not None:
            if await queries.batch_state(case.aggregate) == "confirming":
                await self.fill(door, case.aggregate, now)
            return
        if not case.ended:
            return
        if case.state is State.COMPLETED:
            await self._record_stay(case)
        if case.state in _ENDED_WITHOUT_STAY:
            await execute("UPDATE stay_request SET live = false WHERE application = $1", case.id)
            if case.placement == "main" and case.aggregate is not None:
                await self.fill(door, case.aggregate, now)

    async def confirm_due_on(self, case: Case, stage: Stage, today: date) -> date:
        """As many working days as the batch gives, and not past the day before it leaves."""
        assert case.aggregate is not None
        days, starts_on = await queries.confirmation_terms(case.aggregate)
        return max(min(await working_days_after(today, days), starts_on - timedelta(days=1)), today)

    async def announcement(self, cases: Sequence[Case], stage: Stage) -> Announcement:
        """Mains and ranked reserves, under the name of the batch."""
        batch = await queries.batch_row(cases[0].aggregate)
        usual = await Process.announcement(self, cases, stage)
        order = {"main": 0, "reserve": 1}
        return Announcement(
            Text(
                f"{batch['programme_zh']} · {batch['name']} 拟参加人员公示",
                f"Public notice: {batch['programme_en']}, {batch['name']}",
            ),
            sorted(
                [replace(line, placement=line.case.placement, rank=line.case.rank or 0) for line in usual.lines],
                key=lambda line: (order[line.placement], line.rank),
            ),
        )

    async def notice_concluded(self, door: Door, aggregate: UUID | None, stage_key: str, now: datetime) -> None:
        """Mains are offered their places; places that fell free during the notice go to reserves."""
        assert aggregate is not None
        await execute(
            "UPDATE batch SET state = 'confirming', version = version + 1 WHERE id = $1 AND state = 'on_notice'",
            aggregate,
        )
        await self.fill(door, aggregate, now)

    async def fill(self, door: Door, batch_id: UUID, now: datetime) -> None:
        """Promote reserves, by rank within their quotas, into the places that are free; the batch is locked."""
        places = await queries.places(batch_id)
        for candidate in next_in_line(await queries.waiting_reserves(batch_id), places):
            reserve = await load_case(candidate.application, lock=True)
            await door.step(system_actor("名额递补"), reserve, Action.PROMOTE, now, placement="main")

    async def sweep(self, door: Door, now: datetime) -> None:
        """Drafts lapse when the window closes; reserves when the batch leaves; stays complete when it is back."""
        actor = system_actor("期限届满")
        for row in await fetch(
            """SELECT a.id, CASE WHEN a.state = 'confirmed' THEN 'complete' ELSE 'lapse' END AS action
            FROM application a JOIN batch b ON b.id = a.aggregate
            WHERE a.kind = $1 AND ((a.state = 'draft' AND b.closes_at <= $2)
                OR (a.state = 'reserve' AND b.starts_on <= $3) OR (a.state = 'confirmed' AND b.ends_on < $3))
            ORDER BY a.id""",
            KIND,
            now,
            local_date(now),
        ):
            with apart("stay", row["id"]):
                async with transaction():
                    action = Action(row["action"])
                    case = await door.locked(row["id"], action)
                    if (case.stage_key, case.state, action) in case.version.moves:
                        await door.step(actor, case, action, now)
        await execute(
            "UPDATE batch SET state = 'completed', version = version + 1 WHERE state = 'confirming' AND ends_on < $1",
            local_date(now),
        )

    def headline(self, case: Case) -> Text:
        """A place that is offered wants an answer."""
        return _HEADLINES.get(case.state) or Process.headline(self, case)

    async def panels(self, actor: Actor, case: Case) -> Sequence[Panel]:
        """The batch and what the worker asked for; health and contact stay sealed."""
        row = await queries.request_row(case.id)
        return [
            Panel(
                Text("疗休养", "Stay"),
                [
                    (Text("批次", "Batch"), f"{row['name']} · {row['sanatorium']}"),
                    (Text("日期", "Dates"), f"{row['starts_on']} – {row['ends_on']}"),
                    (Text("同行", "Companions"), str(row["companions"])),
                    (Text("同行规则", "Companion rule"), _COMPANION_RULES[row["companion_rule"]]),
                    (
                        Text("经费", "Funding"),
                        f"{row['funding_source']} · {row['cost_per_day_fen'] / 100:.2f} 元/人·天",
                    ),
                    (Text("名额归属", "Quota of"), row["quota_union"] or "—"),
                ],
            )
        ]

    @staticmethod
    async def _record_stay(case: Case) -> None:
        batch = await queries.batch_row(case.aggregate)
        await Stay.insert(
            Stay(
                person=case.subject_person,
                batch=case.aggregate,
                area_code=batch["area_code"],
                starts_on=batch["starts_on"],
                ends_on=batch["ends_on"],
            )
        )
