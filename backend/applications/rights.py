"""Who may see a case, and do what on it: by role, seat, filing and conflict of interest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.applications.case import Case
from backend.applications.fairness import conflict, holds_seat, standing
from backend.applications.lifecycle import KINDS, Action, By, Move
from backend.applications.process import Process
from backend.applications.words import ACTIONS, STAFF_STATES
from backend.errors import Forbidden, IllegalTransition, NotFound
from backend.identity import Actor, Role
from backend.words import Text

#: Roles that may read cases of their subtree; security administrators see none.
READERS = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.REVIEWER, Role.CHAIR, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class Rights:
    """What actors may do with cases of the programmes."""

    processes: Mapping[str, Process]

    @staticmethod
    def brings(actor: Actor, case: Case, requirement: str) -> bool:
        """Whether the present stage of the case asks this very actor for a paper."""
        stage = case.stage
        due = next((paper.due_stage for paper in case.papers if paper.key == requirement), "")
        return stage is not None and due == stage.key and holds_seat(actor, case, stage.role)

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

    def files(self, actor: Actor, case: Case) -> bool:
        """Whether the case is the actor's to file, as its programme says."""
        return self.processes[case.kind].files(actor, case)

    def awaits(self, actor: Actor, case: Case) -> bool:
        """Whether the case waits for this very worker."""
        return case.waits_for is By.APPLICANT and self.files(actor, case)

    async def authorise(self, actor: Actor, case: Case, move: Move) -> None:
        """Raise Forbidden unless the move is the actor's to make, and no conflict of interest bars it."""
        if not self._may(actor, case, move):
            raise Forbidden(
                "not_your_part",
                Text("这一步不由您办理。", "This step is not yours to take."),
            )
        kind = case.stage_kind
        if move.by in (By.STAGE_ROLE, By.CHAIR) and kind is not None:
            barred = conflict(await standing(actor, case), judging=KINDS[kind].judging)
            if barred is not None:
                raise Forbidden(barred.code, barred.message)
