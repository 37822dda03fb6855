"""What a worker is told when their case moves."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from backend.applications.case import Case
from backend.applications.lifecycle import Action, Move, Outcome, StageKind, State
from backend.applications.process import Process
from backend.database import Write
from backend.notifications.service import Notifications

#: The template for a case that has come into a state, whatever brought it there.
_BY_STATE = {
    State.SUBMITTED: "application_submitted",
    State.RETURNED: "application_returned",
    State.ON_NOTICE: "application_on_notice",
    State.OBJECTED: "application_objected",
    State.RESERVE: "application_reserve",
    State.APPROVED: "application_approved",
    State.CONFIRMED: "application_confirmed",
    State.DECLINED: "application_declined",
    State.LAPSED: "application_lapsed",
    State.COMPLETED: "application_completed",
    State.REJECTED: "application_rejected",
    State.WITHDRAWN: "application_withdrawn",
    State.GRANTED: "application_granted",
    State.REVOKED: "application_revoked",
}

#: A case that lapses in one of these was never offered a place: the places went to others.
_NEVER_OFFERED = frozenset({State.SUBMITTED, State.UNDER_REVIEW, State.RESERVE})

_SILENT = frozenset({Action.REVIEW, Action.RECUSE, Action.SETTLE, Action.PLACE})


async def told(
    notifications: Notifications,
    event: UUID,
    process: Process,
    case: Case,
    move: Move,
    comment: str,
    at: datetime,
    subject_account: UUID | None,
) -> list[Write]:
    """The message for this event to each account that the process names, as statements to be run."""
    template = _template(case, move)
    recipients = await process.recipients(case, subject_account) if template is not None else []
    if template is None or not recipients:
        return []
    stage = case.stage
    words = {
        "number": case.number,
        "stage_zh": stage.label_zh if stage else "",
        "stage_en": stage.label_en if stage else "",
        "due_on": case.due_on.isoformat() if case.due_on else "",
        "rank": str(case.rank or ""),
        "comment": comment,
    }
    return notifications.message(event, recipients, process.message(case, template), words, case.id, at)


def _template(case: Case, move: Move) -> str | None:
    if move.action in _SILENT:
        return None
    offered = case.stage_kind is StageKind.CONFIRMATION
    if move.action is Action.PROMOTE and offered:
        return "application_promoted"
    if move.action is Action.DISMISS:
        return "application_objection_dismissed"
    if move.action is Action.LAPSE and move.from_state in _NEVER_OFFERED:
        return "application_not_reached"
    if case.state is State.APPROVED and offered:
        return "application_place_offered"
    if move.outcome in (Outcome.NEXT, Outcome.TALLY, Outcome.AGAIN) and case.state is State.UNDER_REVIEW:
        return "application_passed_stage"
    return _BY_STATE.get(case.state)
