"""The door: the only code that makes an application and changes its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from backend.applications import committee, messages, objections, papers
from backend.applications.case import Case, load_case
from backend.applications.committee import ReviewInput, SettlementInput
from backend.applications.events import EventLog
from backend.applications.fairness import conflict, holds_seat, seat, standing
from backend.applications.judgement import Judgement
from backend.applications.lifecycle import (
    ENDED,
    FILING,
    KINDS,
    Action,
    By,
    Move,
    Outcome,
    StageKind,
    State,
)
from backend.applications.process import Process
from backend.applications.tables import Application
from backend.applications.words import ACTIONS, STAFF_STATES
from backend.calendars.service import working_days_after
from backend.clock import Clock, local_date
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import Forbidden, IllegalTransition, NotFound, RuleViolation, Stale, Violation
from backend.identity import Actor, Level, Role, system_actor
from backend.notifications.service import Notifications
from backend.unions.scope import in_scope
from backend.words import Text

Details = ReviewInput | SettlementInput | None

COMMENT_LIMIT = 500

#: How long a worker has to mend what was returned; afterwards it lapses.
RETURNED_WORKING_DAYS = 5


@dataclass(frozen=True, slots=True)
class Applications:
    """Makes cases and moves them; built once per process with every programme's `Process`."""

    processes: Mapping[str, Process]
    clock: Clock
    log: EventLog
    notifications: Notifications

    async def draft(
        self, actor: Actor, kind: str, programme_version: UUID, person: UUID, aggregate: UUID | None
    ) -> Case:
        """Make a draft for `person`, who is the actor or somebody of a unit officer's own unit.

        The scope columns are a snapshot of the person's primary line today. Raises NotFound where the person has no
        record in scope.
        """
        now = await self.clock.now()
        async with transaction():
            row = await fetch_one(
                "SELECT p.name, r.national_id, r.province_id, r.city_id, r.county_id, r.unit_id, r.unit,"
                " r.verified_at FROM person p JOIN staff_record r ON r.person = p.id WHERE p.id = $1",
                person,
            )
            own = actor.person_id == person and Role.WORKER in actor.roles
            if row is None or not (own or in_scope(actor, [Role.UNIT_OFFICER], row)):
                raise NotFound(Text("没有找到这位职工的档案。", "No such worker's record."), "no_record")
            if not own and actor.person_id == person:
                raise Forbidden(
                    "conflict_own_case", Text("请在手机端为本人申请。", "Apply for yourself on the phone, not here.")
                )
            if row["verified_at"] is None:
                raise RuleViolation.of(
                    "record_unverified",
                    Text("档案经单位工会核实后才能申请。", "Your unit has to verify the record first."),
                    "record",
                )
            number = await fetch_value("SELECT nextval('application_number')")
            application = Application(
                id=new_id(),
                number=f"{self.processes[kind].prefix}-{local_date(now).year}-{number:06d}",
                kind=kind,
                programme_version=programme_version,
                submitted_by=actor.account_id,
                filed_by_officer=not own,
                subject_kind="person",
                subject_person=person,
                subject_name=row["name"],
                aggregate=aggregate,
                state=State.DRAFT,
                stage=FILING,
                awaiting_role=Role.WORKER,
                created_at=now,
                entered_at=now,
                **{level.column: row[level.column] for level in Level},
            )
            await Application.insert(application)
            return await load_case(application.id)

    async def advance(
        self,
        actor: Actor,
        application_id: UUID,
        action: Action,
        *,
        expected_version: int,
        comment: str = "",
        details: Details = None,
    ) -> Case:
        """Do `action` on a case as `actor`, who saw its version `expected_version`; the case as it is afterwards.

        In one transaction: lock (aggregate first), compare the version, find the move, check role, scope and conflict,
        run the stage's and the slice's guards, write state and event, run the slice's effect, queue the messages.
        Raises NotFound for a case the actor may not know of, Stale, IllegalTransition, Forbidden, RuleViolation.
        """
        async with transaction():
            case = await self.locked(application_id, action)
            await self.require_visible(actor, case)
            if case.version_number != expected_version:
                raise Stale()
            move = self.find_move(case, action)
            await self._authorise(actor, case, move)
            self._check_comment(move, comment)
            now = await self.clock.now()
            judgement = await self._judge(case, move, now)
            await self._conduct(actor, case, move, comment, details, now)
            after = await self._apply(actor, case, move, now, comment=comment, judgement=judgement)
            if action is Action.SUBMIT:
                await self._count_papers(after)
            if action is Action.DISMISS and await objections.notice_is_over(after):
                after = await self.step(system_actor("公示到期"), after, Action.CONCLUDE, now)
            return after

    async def step(
        self,
        actor: Actor,
        case: Case,
        action: Action,
        now: datetime,
        *,
        comment: str = "",
        placement: str | None = None,
        rank: int | None = None,
        due_on: date | None = None,
    ) -> Case:
        """The inner step, for an aggregate that has locked itself and then `case`: no role is checked here.

        Raises IllegalTransition where the action is not possible in the state of the case.
        """
        move = self.find_move(case, action)
        return await self._apply(actor, case, move, now, comment=comment, placement=placement, rank=rank, due_on=due_on)

    async def locked(self, application_id: UUID, action: Action) -> Case:
        """The case with its row locked, and before it its aggregate where `action` concerns more than this case."""
        row = await fetch_one("SELECT kind, aggregate FROM application WHERE id = $1", application_id)
        if row is None:
            raise NotFound()
        process = self.processes[row["kind"]]
        if row["aggregate"] and action in process.aggregate_actions:
            await execute(f"SELECT FROM {process.aggregate_table} WHERE id = $1 FOR UPDATE", row["aggregate"])
        return await load_case(application_id, lock=True)

    def find_move(self, case: Case, action: Action) -> Move:
        """The move that `action` is in the state of the case."""
        move = case.version.moves.get((case.stage_key, case.state, action))
        if move is None:
            raise IllegalTransition(ACTIONS[action].zh, STAFF_STATES[case.state].zh)
        return move

    async def require_visible(self, actor: Actor, case: Case) -> None:
        """Raise NotFound unless the case is the actor's own, or in the scope of a role that may read cases."""
        own = actor.person_id is not None and actor.person_id == case.subject_person
        if own or actor.account_id == case.submitted_by or actor.is_system or self.reads(actor, case):
            return
        raise NotFound()

    @staticmethod
    def reads(actor: Actor, case: Case) -> bool:
        """Whether a role of the actor reaches the case."""
        unions = set(case.levels.values())
        return any(binding.union_id in unions for binding in actor.unions_as(*READERS))

    def actions_for(self, actor: Actor, case: Case) -> list[Move]:
        """The moves that the actor's roles allow now, conflicts of interest aside: what the action bar offers."""
        return [
            move
            for (stage, state, _), move in case.version.moves.items()
            if (stage, state) == (case.stage_key, case.state) and self._may(actor, case, move)
        ]

    def _may(self, actor: Actor, case: Case, move: Move) -> bool:
        match move.by:
            case By.APPLICANT:
                return self.files(actor, case)
            case By.STAGE_ROLE | By.CHAIR:
                return move.role is not None and holds_seat(actor, case, move.role)
            case By.ANYBODY | By.AGGREGATE:
                return False

    @staticmethod
    def files(actor: Actor, case: Case) -> bool:
        """Whether the case is the actor's to file: the worker's own, or one that an officer in scope filed for them."""
        if actor.person_id is not None and actor.person_id == case.subject_person:
            return Role.WORKER in actor.roles
        if not case.filed_by_officer:
            return False
        officer_of = {binding.union_id for binding in actor.unions_as(Role.UNIT_OFFICER)}
        return bool(officer_of & set(case.levels.values()))

    async def _authorise(self, actor: Actor, case: Case, move: Move) -> None:
        if not self._may(actor, case, move):
            raise Forbidden(
                "not_your_part",
                Text("这一步不由您办理。", "This step is not yours to take."),
            )
        kind = case.stage_kind
        if move.by in (By.STAGE_ROLE, By.CHAIR) and kind is not None:
            concerned = await self.processes[case.kind].persons_concerned(case)
            barred = conflict(await standing(actor, case, concerned), judging=KINDS[kind].judging)
            if barred is not None:
                raise Forbidden(barred.code, barred.message)

    @staticmethod
    def _check_comment(move: Move, comment: str) -> None:
        if len(comment) > COMMENT_LIMIT:
            raise RuleViolation.of(
                "comment_too_long",
                Text("意见最多 {limit} 字。", "A comment has at most {limit} characters.").fill(limit=COMMENT_LIMIT),
                "comment",
            )
        if move.needs_comment and not comment.strip():
            raise RuleViolation.of("comment_required", Text("请写明理由。", "Please give the reason."), "comment")

    async def _judge(self, case: Case, move: Move, now: datetime) -> Judgement | None:
        """Run every guard of the move; raise RuleViolation with all that forbids it. On submitting, the judgement."""
        process = self.processes[case.kind]
        found: list[Violation] = await process.guard(case, move, now)
        judgement = None
        if move.action is Action.SUBMIT:
            judgement = await process.judge(case, now)
            found += [*judgement.violations, *papers.missing(await papers.slots(case))]
        stage = case.stage
        if stage is not None and stage.papers and move.outcome is Outcome.NEXT:
            found += papers.unverified(await papers.slots(case))
        if stage is not None and move.outcome is Outcome.TALLY:
            found += committee.forbids_decision(await committee.current_tally(case, stage))
        if found:
            raise RuleViolation(found)
        return judgement

    @staticmethod
    async def _conduct(actor: Actor, case: Case, move: Move, comment: str, details: Details, now: datetime) -> None:
        """What an action writes in the shared rows of its stage, beside the state."""
        stage = case.stage
        if stage is None:
            return
        match move.action, details:
            case Action.REVIEW, ReviewInput():
                await committee.record_review(actor, case, stage, details, comment, now)
            case Action.SETTLE, SettlementInput():
                await committee.record_settlement(actor, case, stage, details, comment, now)
            case Action.RECUSE, _:
                await committee.record_recusal(actor, case, stage, comment, now)
            case ((Action.DISMISS | Action.UPHOLD), _):
                await objections.settle(actor, case, upheld=move.action is Action.UPHOLD, result=comment, at=now)
            case ((Action.REVIEW | Action.SETTLE), _):
                raise RuleViolation.of("verdict_missing", Text("请选择通过或不通过。", "Choose pass or not."), "passes")

    async def _apply(
        self,
        actor: Actor,
        case: Case,
        move: Move,
        now: datetime,
        *,
        comment: str = "",
        judgement: Judgement | None = None,
        placement: str | None = None,
        rank: int | None = None,
        due_on: date | None = None,
    ) -> Case:
        """Write the state and the event, then run the slice's effect and queue the messages."""
        after = replace(
            case,
            placement=placement if placement is not None else case.placement,
            rank=rank if rank is not None else case.rank,
        )
        after = await self._moved(after, move, now, judgement)
        if due_on is not None:
            after = replace(after, due_on=due_on)
        await self._write(after)
        facts = {"facts": judgement.facts, "checks": judgement.checks, "lines": judgement.lines} if judgement else None
        event = await self.log.append(case, move, after, actor, now, comment, facts)
        await self.processes[case.kind].effect(self, after, move, actor, now)
        await messages.tell(self.notifications, event, after, move, comment)
        return after

    async def _moved(self, case: Case, move: Move, now: datetime, judgement: Judgement | None) -> Case:
        """The case after `move`: its place, state, and whom it waits for."""
        to_stage, to_state = move.to_stage, move.to_state or case.state
        if move.outcome is Outcome.TALLY and not await self._passes(case):
            to_stage, to_state = ENDED, State.REJECTED
        if move.action is Action.SUBMIT and case.resume_stage and not await self._facts_changed(case, judgement):
            to_stage, to_state = case.resume_stage, self._resumed_state(case)
        if move.outcome is Outcome.NEXT and case.placement == "reserve":
            stage = case.content.stage(to_stage)
            if stage is not None and stage.kind is StageKind.CONFIRMATION:
                to_state = State.RESERVE
        if to_stage == case.stage_key and to_state == case.state:
            return case
        moved = replace(
            case,
            stage_key=to_stage,
            state=to_state,
            version_number=case.version_number + 1,
            due_on=None,
            entered_at=now,
        )
        if move.outcome is Outcome.BACK:
            moved = replace(moved, resume_stage=case.stage_key, round=case.round + 1)
            moved = replace(moved, due_on=await self._target_date(RETURNED_WORKING_DAYS, now))
        if move.action is Action.SUBMIT:
            moved = replace(
                moved,
                submitted_at=case.submitted_at or now,
                points=judgement.points if judgement else case.points,
            )
        if to_stage == ENDED or to_state is State.GRANTED:
            moved = replace(moved, decided_at=now)
        return await self._seated(moved, entering=to_stage != case.stage_key, now=now)

    @staticmethod
    async def _passes(case: Case) -> bool:
        return case.stage is not None and (await committee.current_tally(case, case.stage)).passes

    async def _seated(self, case: Case, *, entering: bool, now: datetime) -> Case:
        """The case with the role and the union that it waits for."""
        stage = case.stage
        if entering and stage is not None:
            concerned = await self.processes[case.kind].persons_concerned(case)
            case = replace(case, acting_union=await seat(case, stage, concerned))
            if stage.kind in _TIMED:
                case = replace(case, due_on=await self._target_date(stage.working_days, now))
        if stage is not None and stage.kind is StageKind.CONFIRMATION and case.state is State.APPROVED:
            case = replace(case, due_on=await self.processes[case.kind].confirm_due_on(case, stage, local_date(now)))
        match case.waits_for:
            case By.APPLICANT:
                return replace(case, awaiting_role=Role.WORKER)
            case By.STAGE_ROLE if stage is not None:
                return replace(case, awaiting_role=stage.role)
            case By.CHAIR:
                return replace(case, awaiting_role=Role.CHAIR)
            case _:
                return replace(case, awaiting_role="")

    @staticmethod
    async def _target_date(working_days: int, now: datetime) -> date | None:
        """By when something should be done; None where the calendar does not reach: never guessed."""
        try:
            return await working_days_after(local_date(now), working_days)
        except RuleViolation:
            return None

    def _resumed_state(self, case: Case) -> State:
        first = case.content.route[0].key == case.resume_stage
        return State.SUBMITTED if first else State.UNDER_REVIEW

    async def _facts_changed(self, case: Case, judgement: Judgement | None) -> bool:
        """Whether what was judged differs from the last submit: then earlier verdicts no longer stand."""
        last = await fetch_value(
            "SELECT max(seq) FROM application_event WHERE application = $1 AND action = 'submit'", case.id
        )
        before = await self.log.facts(case.id, last) if last else None
        return before is None or judgement is None or before["facts"] != self.log.plain(judgement.facts)

    @staticmethod
    async def _write(case: Case) -> None:
        await execute(
            "UPDATE application SET state = $2, stage = $3, resume_stage = $4, awaiting_role = $5, acting_union = $6,"
            " round = $7, placement = $8, rank = $9, points = $10, due_on = $11, version = $12, submitted_at = $13,"
            " entered_at = $14, decided_at = $15 WHERE id = $1",
            case.id,
            case.state,
            case.stage_key,
            case.resume_stage,
            case.awaiting_role,
            case.acting_union,
            case.round,
            case.placement,
            case.rank,
            case.points,
            case.due_on,
            case.version_number,
            case.submitted_at,
            case.entered_at,
            case.decided_at,
        )

    async def recount_papers(self, upload_id: UUID) -> None:
        """Count anew, on every case that carries this upload, how many of its required papers are verified."""
        rows = await fetch("SELECT DISTINCT application FROM application_document WHERE upload = $1", upload_id)
        for row in rows:
            async with transaction():
                await self._count_papers(await load_case(row["application"], lock=True))

    @staticmethod
    async def _count_papers(case: Case) -> None:
        required = [slot for slot in await papers.slots(case) if slot.requirement.required]
        await execute(
            "UPDATE application SET papers_required = $2, papers_verified = $3 WHERE id = $1",
            case.id,
            len(required),
            sum(slot.state == "verified" for slot in required),
        )

    async def facts_of(self, case: Case) -> Any:
        """The facts, checks and lines of the last submit, as they were judged; None before any."""
        seq = await fetch_value(
            "SELECT max(seq) FROM application_event WHERE application = $1 AND action = 'submit'", case.id
        )
        return await self.log.facts(case.id, seq) if seq else None


#: Roles that may read cases of their subtree; security administrators see none.
READERS = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.REVIEWER, Role.CHAIR, Role.AUDITOR)

#: Kinds of stage to be done within the stage's working days; notice and confirmation have dates of their own.
_TIMED = frozenset(
    {
        StageKind.VERIFICATION,
        StageKind.RECOMMENDATION,
        StageKind.CLEARANCE,
        StageKind.COMMITTEE,
        StageKind.ASSESSMENT,
        StageKind.SIGN_OFF,
    }
)
