"""Where a case goes by a move, and whom it waits for there; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import structs

from backend.applications import committee
from backend.applications.case import Case
from backend.applications.events import EventLog
from backend.applications.fairness import seat
from backend.applications.judgement import Judgement
from backend.applications.lifecycle import ENDED, HOLDS_RESERVES, Action, By, Move, Outcome, StageKind, State
from backend.applications.process import Process
from backend.calendars.service import working_days_after
from backend.clock import local_date
from backend.database import fetch_value
from backend.errors import RuleViolation
from backend.identity import Role

#: How long a worker has to mend what was returned; afterwards it lapses.
RETURNED_WORKING_DAYS = 5

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


@dataclass(frozen=True, slots=True)
class Moving:
    """Finds the place of a case after a move: of its programme's route, its rules and its calendar."""

    processes: Mapping[str, Process]
    log: EventLog

    async def moved(
        self,
        case: Case,
        move: Move,
        now: datetime,
        judgement: Judgement | None = None,
        seats: Mapping[UUID, UUID | None] | None = None,
    ) -> Case:
        """The case after `move`: its place, state, and whom it waits for.

        `seats` are the unions that act in the stage that the move leads to, where they were found for many cases.
        """
        to_stage, to_state = move.to_stage, move.to_state or case.state
        if move.outcome is Outcome.TALLY and not await self._passes(case):
            to_stage, to_state = ENDED, State.REJECTED
        if move.action is Action.SUBMIT and case.resume_stage and not await self._facts_changed(case, judgement):
            to_stage, to_state = case.resume_stage, self._resumed_state(case)
        if move.outcome is Outcome.NEXT and case.placement == "reserve":
            stage = case.content.stage(to_stage)
            if stage is not None and stage.kind in HOLDS_RESERVES:
                to_state = State.RESERVE
        if to_stage == case.stage_key and to_state == case.state:
            return case
        changed: dict[str, Any] = {
            "stage_key": to_stage,
            "state": to_state,
            "version_number": case.version_number + 1,
            "due_on": None,
            "entered_at": now,
        }
        if move.outcome is Outcome.BACK:
            changed |= {"resume_stage": case.stage_key, "round": case.round + 1}
            changed["due_on"] = await self._target_date(RETURNED_WORKING_DAYS, now)
        if move.action is Action.SUBMIT:
            changed["submitted_at"] = case.submitted_at or now
            changed["points"] = judgement.points if judgement else case.points
        if to_stage == ENDED or to_state is State.GRANTED:
            changed["decided_at"] = now
        moved = structs.replace(case, **changed)
        return structs.replace(moved, **await self._seat(moved, seats, entering=to_stage != case.stage_key, now=now))

    @staticmethod
    async def _passes(case: Case) -> bool:
        return case.stage is not None and (await committee.current_tally(case, case.stage)).passes

    async def _seat(
        self, case: Case, seats: Mapping[UUID, UUID | None] | None, *, entering: bool, now: datetime
    ) -> dict[str, Any]:
        """The role and the union that the case waits for, and until when."""
        stage, found = case.stage, dict[str, Any]()
        if entering and stage is not None:
            found["acting_union"] = seats[case.id] if seats is not None else await seat(case, stage)
            if stage.kind in _TIMED:
                found["due_on"] = await self._target_date(stage.working_days, now)
        if stage is not None and stage.kind is StageKind.CONFIRMATION and case.state is State.APPROVED:
            found["due_on"] = await self.processes[case.kind].confirm_due_on(case, stage, local_date(now))
        match case.waits_for:
            case By.APPLICANT:
                found["awaiting_role"] = Role.WORKER
            case By.STAGE_ROLE if stage is not None:
                found["awaiting_role"] = stage.role
            case By.CHAIR:
                found["awaiting_role"] = Role.CHAIR
            case _:
                found["awaiting_role"] = ""
        return found

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
