"""The door: the only code that makes an application and changes its state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from msgspec import structs

from backend.applications import committee, messages, objections, papers
from backend.applications.allocation import Placed
from backend.applications.case import CASE_COLUMNS, Case, cases_of, load_case
from backend.applications.committee import ReviewInput, SettlementInput
from backend.applications.events import CHAIN_COLUMNS, CHAIN_FROM, Chain, EventLog, chain_in
from backend.applications.fairness import seats
from backend.applications.judgement import Judgement, PointLine
from backend.applications.lifecycle import (
    FILING,
    Action,
    Move,
    Outcome,
    State,
)
from backend.applications.moving import Moving
from backend.applications.papers import ATTACHED, Attached, Slot, read_attached
from backend.applications.reading import Judged
from backend.applications.rights import Rights
from backend.applications.subject import SUBJECT_COLUMNS, Subject
from backend.applications.tables import Application
from backend.applications.words import STAFF_STATES
from backend.clock import Clock, local_date
from backend.database import (
    Write,
    execute,
    execute_many,
    fetch,
    fetch_one,
    fetch_value,
    joined,
    new_id,
    together,
    transaction,
)
from backend.errors import IllegalTransition, NotFound, RuleViolation, Stale, Violation
from backend.identity import Actor, Role, system_actor
from backend.jobs import Job, enqueued
from backend.notifications.service import Notifications
from backend.words import Text

#: What an action is given beside a comment: the committee's votes, or a slice's own struct.
Details = msgspec.Struct | None

COMMENT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Held:
    """A case whose row is locked, with what every move needs of it, read after the lock in one statement."""

    case: Case
    chain: Chain
    attached: Sequence[Attached]
    subject_account: UUID | None


@dataclass(frozen=True, slots=True)
class Applications(Rights):
    """Makes cases and moves them; built once per process with every programme's `Process`."""

    clock: Clock
    log: EventLog
    notifications: Notifications
    moving: Moving = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "moving", Moving(self.processes, self.log))

    async def draft(
        self, actor: Actor, kind: str, programme_version: UUID, subject: Subject, aggregate: UUID | None = None
    ) -> Case:
        """Make a draft about `subject`; the slice has asked whether the actor may file for it.

        The scope columns are a snapshot of the subject's primary line today.
        """
        now = await self.clock.now()
        async with transaction():
            number = await fetch_value("SELECT nextval('application_number')")
            columns: dict[str, Any] = {level.column: union for level, union in subject.levels.items()}
            columns[SUBJECT_COLUMNS[subject.kind]] = subject.id
            application = Application(
                id=new_id(),
                number=f"{self.processes[kind].prefix}-{local_date(now).year}-{number:06d}",
                kind=kind,
                programme_version=programme_version,
                submitted_by=actor.account_id,
                filed_by_officer=Role.WORKER not in actor.roles,
                subject_kind=subject.kind,
                subject_name=subject.name,
                aggregate=aggregate,
                state=State.DRAFT,
                stage=FILING,
                awaiting_role=Role.WORKER,
                created_at=now,
                entered_at=now,
                **columns,
            )
            await Application.insert(application)
            case = await load_case(application.id)
            if case.subject_person is not None:
                await self.concern(case, [case.subject_person])
            return case

    async def concern(self, case: Case, persons: Iterable[UUID]) -> None:
        """Say that a case is about these persons and no others: nobody of them, nor a relative, acts on it."""
        found = list(persons)
        await execute("DELETE FROM application_person WHERE application = $1 AND person <> ALL($2)", case.id, found)
        await execute(
            "INSERT INTO application_person (id, application, person) SELECT gen_random_uuid(), $1, p"
            " FROM unnest($2::uuid[]) p ON CONFLICT (application, person) DO NOTHING",
            case.id,
            found,
        )

    async def filing(
        self, actor: Actor, application_id: UUID, expected_version: int | None, kind: str | None = None
    ) -> Case:
        """The locked case (of this programme kind), if the actor files it and it is being filed.

        Raises NotFound, Stale, IllegalTransition.
        """
        case = await load_case(application_id, lock=True)
        await self.require_visible(actor, case)
        if not self.files(actor, case) or (kind is not None and case.kind != kind):
            raise NotFound()
        if expected_version is not None and case.version_number != expected_version:
            raise Stale()
        if case.stage_key != FILING or case.state not in (State.DRAFT, State.RETURNED):
            raise IllegalTransition("修改", STAFF_STATES[case.state].zh)
        return case

    async def attach(
        self,
        actor: Actor,
        application_id: UUID,
        requirement: str,
        upload: UUID,
        person: UUID | None = None,
        replaces: UUID | None = None,
    ) -> Case:
        """Link a paper to a requirement of a case that the actor files, or whose present stage asks the actor for it.

        `person` says whose paper it is where the case is about several; `replaces` is taken off in the same step.
        Raises as `filing`, and as `papers.attach`.
        """
        async with transaction():
            case = await self._open_to(actor, application_id, requirement)
            if replaces is not None:
                await papers.detach(case, requirement, replaces)
            await papers.attach(case, requirement, upload, await self.clock.now(), person)
            await self._count_papers(case)
            return case

    async def detach(self, actor: Actor, application_id: UUID, requirement: str, upload: UUID) -> Case:
        """Take a paper off again; raises as `attach`."""
        async with transaction():
            case = await self._open_to(actor, application_id, requirement)
            await papers.detach(case, requirement, upload)
            await self._count_papers(case)
            return case

    async def _open_to(self, actor: Actor, application_id: UUID, requirement: str) -> Case:
        case = await load_case(application_id, lock=True)
        if self.brings(actor, case, requirement):
            await self.require_visible(actor, case)
            return case
        return await self.filing(actor, application_id, None)

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
        async with joined():
            held = await self._hold(application_id, action)
            case = held.case
            await self.require_visible(actor, case)
            if case.version_number != expected_version:
                raise Stale()
            move = self.find_move(case, action)
            await self.authorise(actor, case, move)
            self._check_comment(move, comment)
            now = await self.clock.now()
            judgement = await self._judge(actor, held, move, details, now)
            await self._conduct(actor, case, move, comment, details, now)
            after = await self._apply(actor, held, move, now, comment=comment, judgement=judgement)
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
        held = replace(await _held(case.id), case=case)
        return await self._apply(actor, held, move, now, comment=comment, placement=placement, rank=rank, due_on=due_on)

    async def locked(self, application_id: UUID, action: Action) -> Case:
        """The case with its row locked, and before it its aggregate where `action` concerns more than this case."""
        return (await self._hold(application_id, action)).case

    async def _hold(self, application_id: UUID, action: Action) -> Held:
        if any(action in process.aggregate_actions for process in self.processes.values()):
            row = await fetch_one("SELECT kind, aggregate FROM application WHERE id = $1", application_id)
            process = self.processes[row["kind"]] if row else None
            if row and process and row["aggregate"] and action in process.aggregate_actions:
                await execute(f"SELECT FROM {process.aggregate_table} WHERE id = $1 FOR UPDATE", row["aggregate"])
        rows = await fetch(f"{_HELD} FOR UPDATE OF a", [application_id])
        if not rows:
            raise NotFound()
        if rows[0]["locked"] != rows[0]["seen"]:
            # It waited for somebody who wrote: the other tables were read as they were before. Every writer of a case
            # touches its row.
            return await _held(application_id)
        return (await _held_of(rows))[application_id]

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

    async def _judge(self, actor: Actor, held: Held, move: Move, details: Details, now: datetime) -> Judgement | None:
        """Run every guard of the move; raise RuleViolation with all that forbids it. On submitting, the judgement."""
        case = held.case
        process, stage = self.processes[case.kind], case.stage
        found: list[Violation] = await process.guard(actor, case, move, details, now)
        judgement = None
        if move.action is Action.SUBMIT:
            judgement = await process.judge(case, now)
            slots = await papers.arranged(case, held.attached)
            found += [*judgement.violations, *papers.missing(slots, "")]
        if stage is not None and move.outcome in (Outcome.NEXT, Outcome.TALLY):
            slots = await papers.arranged(case, held.attached)
            found += papers.missing(slots, stage.key)
            if stage.papers:
                found += papers.unverified(slots)
        if stage is not None and move.outcome is Outcome.TALLY:
            found += committee.forbids_decision(await committee.current_tally(case, stage))
        if found:
            raise RuleViolation(found)
        return judgement

    async def _conduct(
        self, actor: Actor, case: Case, move: Move, comment: str, details: Details, now: datetime
    ) -> None:
        """What an action writes in the rows of its stage, beside the state: the slice's, then the shared ones."""
        await self.processes[case.kind].conduct(actor, case, move, details, comment, now)
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
            case Action.WITHDRAW, _ if case.state is State.OBJECTED:
                # Nobody looks into it any more: what is withdrawn needs no verdict on whether it was right.
                await objections.settle(system_actor("申请撤回"), case, upheld=False, result="申请已撤回", at=now)
            case ((Action.REVIEW | Action.SETTLE), _):
                raise RuleViolation.of("verdict_missing", Text("请选择通过或不通过。", "Choose pass or not."), "passes")

    async def _apply(
        self,
        actor: Actor,
        held: Held,
        move: Move,
        now: datetime,
        *,
        comment: str = "",
        judgement: Judgement | None = None,
        placement: str | None = None,
        rank: int | None = None,
        due_on: date | None = None,
    ) -> Case:
        """Write the state, the event, the messages and the jobs in one go, then run the slice's effect."""
        case, process = held.case, self.processes[held.case.kind]
        after = await self.moving.moved(_placed(case, placement, rank), move, now, judgement)
        if due_on is not None:
            after = structs.replace(after, due_on=due_on)
        event, logged = self._logged(actor, held, move, after, now, comment, judgement)
        told = await messages.told(self.notifications, event, process, after, move, comment, now, held.subject_account)
        counted = await papers.arranged(after, held.attached) if move.action is Action.SUBMIT else None
        decided = after.decided_at is not None and after.decided_at != case.decided_at
        jobs = enqueued(Job.CASE_DECIDED, [after.id]) if decided else []
        await together([_state_of(after, counted), *logged, *told, *jobs])
        await process.effect(self, after, move, actor, now)
        return after

    def _logged(
        self, actor: Actor, held: Held, move: Move, after: Case, now: datetime, comment: str, judged: Judgement | None
    ) -> tuple[UUID, list[Write]]:
        facts = {"facts": judged.facts, "checks": judged.checks, "lines": judged.lines} if judged else None
        return self.log.appended(held.chain, held.case, move, after, actor, now, comment, facts)

    async def place_all(self, actor: Actor, placed: Sequence[Placed], now: datetime) -> None:
        """PLACE every case of an aggregate that has locked itself, as `step` would place one.

        The cases are locked in the order of their ids, PLACED_AT_ONCE at a time, and written by a few statements:
        a hundred thousand need no more memory than a thousand. Nobody is told of a place before its notice.
        """
        for some in _in_parts(sorted(placed, key=lambda one: one.application), PLACED_AT_ONCE):
            ids = [one.application for one in some]
            await execute("SELECT FROM application WHERE id = ANY($1) ORDER BY id FOR UPDATE", ids)
            held = await _held_all(ids)
            moves = {each.case.id: self.find_move(each.case, Action.PLACE) for each in held.values()}
            stages = {move.to_stage for move in moves.values()}
            if len(stages) != 1:
                raise RuntimeError("the cases of one aggregate are placed in one stage")
            first = next(iter(held.values())).case
            stage = first.version.stages.get(stages.pop())
            seated = await seats([each.case for each in held.values()], stage) if stage else None
            states, events = [], []
            for one in some:
                each, move = held[one.application], moves[one.application]
                after = await self.moving.moved(_placed(each.case, one.placement, one.rank), move, now, None, seated)
                states.append(_state_of(after, None))
                events += self._logged(actor, each, move, after, now, "", None)[1]
            for writes in (states, events):
                await execute_many(writes[0].sql, [write.args for write in writes])

    async def recount_papers(self, upload_id: UUID) -> None:
        """Count anew, on every case that carries this upload, how many of its required papers are verified."""
        rows = await fetch("SELECT DISTINCT application FROM application_document WHERE upload = $1", upload_id)
        for row in rows:
            async with transaction():
                await self._count_papers(await load_case(row["application"], lock=True))

    @staticmethod
    async def _count_papers(case: Case) -> None:
        await execute(
            "UPDATE application SET papers_required = $2, papers_verified = $3 WHERE id = $1",
            case.id,
            *_counts(await papers.slots(case)),
        )

    def lines_of(self, case: Case, judged: Judged | None) -> list[PointLine]:
        """The priority line by line as the last submit was judged; none before any, or once its facts are destroyed."""
        facts = self.log.open_facts(case.id, judged.seq, judged.sealed, judged.key) if judged else None
        return msgspec.convert(facts["lines"], list[PointLine]) if facts else []

    async def facts_of(self, case: Case) -> Any:
        """The facts, checks and lines of the last submit, as they were judged; None before any."""
        seq = await fetch_value(
            "SELECT max(seq) FROM application_event WHERE application = $1 AND action = 'submit'", case.id
        )
        return await self.log.facts(case.id, seq) if seq else None


#: How many cases are placed by one statement.
PLACED_AT_ONCE = 1000


def _placed(case: Case, placement: str | None, rank: int | None) -> Case:
    given: dict[str, Any] = {"placement": placement, "rank": rank}
    given = {name: value for name, value in given.items() if value is not None}
    return structs.replace(case, **given) if given else case


def _in_parts(placed: Sequence[Placed], size: int) -> Iterator[Sequence[Placed]]:
    for start in range(0, len(placed), size):
        yield placed[start : start + size]


_STATE = (
    "UPDATE application SET state = $2, stage = $3, resume_stage = $4, awaiting_role = $5, acting_union = $6,"
    " round = $7, placement = $8, rank = $9, points = $10, due_on = $11, version = $12, submitted_at = $13,"
    " entered_at = $14, decided_at = $15, papers_required = coalesce($16, papers_required),"
    " papers_verified = coalesce($17, papers_verified) WHERE id = $1"
)


def _state_of(case: Case, slots: Sequence[Slot] | None) -> Write:
    """The state of a case as it is to be; its papers are counted anew where `slots` are given."""
    required, verified = _counts(slots) if slots is not None else (None, None)
    return Write(
        _STATE,
        (
            *(case.id, case.state, case.stage_key, case.resume_stage, case.awaiting_role, case.acting_union),
            *(case.round, case.placement, case.rank, case.points, case.due_on, case.version_number),
            *(case.submitted_at, case.entered_at, case.decided_at, required, verified),
        ),
    )


def _counts(slots: Sequence[Slot]) -> tuple[int, int]:
    """How many papers are required, and how many of those are verified."""
    required = [slot for slot in slots if slot.requirement.required]
    return len(required), sum(slot.state == "verified" for slot in required)


_HELD = f"""SELECT {CASE_COLUMNS}, {CHAIN_COLUMNS}, {ATTACHED} AS attached,
    a.xmin AS locked, (SELECT b.xmin FROM application b WHERE b.id = a.id) AS seen,
    (SELECT w.id FROM worker_account w WHERE w.person = a.subject_person) AS subject_account
    FROM application a {CHAIN_FROM} WHERE a.id = ANY($1)"""


async def _held(application_id: UUID) -> Held:
    """What a move needs of a case whose row the caller has locked."""
    return (await _held_all([application_id]))[application_id]


async def _held_all(ids: Sequence[UUID]) -> dict[UUID, Held]:
    """What moves need of cases whose rows the caller has locked."""
    return await _held_of(await fetch(_HELD, ids))


async def _held_of(rows: Sequence[asyncpg.Record]) -> dict[UUID, Held]:
    return {
        case.id: Held(case, chain_in(row), read_attached(row["attached"]), row["subject_account"])
        for row, case in zip(rows, await cases_of(rows), strict=True)
    }
