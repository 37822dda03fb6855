"""What a worker is told when their case moves."""

from __future__ import annotations

from uuid import UUID

from backend.applications.case import Case
from backend.applications.lifecycle import Action, Move, Outcome, State
from backend.database import fetch_value
from backend.notifications.service import Notifications

#: The template for a case that has come into a state, whatever brought it there.
_BY_STATE = {
    State.SUBMITTED: "application_submitted",
    State.RETURNED: "application_returned",
    State.ON_NOTICE: "application_on_notice",
    State.OBJECTED: "application_objected",
    State.RESERVE: "application_reserve",
    State.APPROVED: "application_place_offered",
    State.CONFIRMED: "application_confirmed",
    State.DECLINED: "application_declined",
    State.LAPSED: "application_lapsed",
    State.COMPLETED: "application_completed",
    State.REJECTED: "application_rejected",
    State.WITHDRAWN: "application_withdrawn",
}

_BY_ACTION = {Action.PROMOTE: "application_promoted", Action.DISMISS: "application_objection_dismissed"}

_SILENT = frozenset({Action.REVIEW, Action.RECUSE, Action.SETTLE, Action.PLACE})


async def tell(notifications: Notifications, event: UUID, case: Case, move: Move, comment: str) -> None:
    """Queue the message for this event, to the account of the person whom the case is about, if there is one."""
    if move.action in _SILENT or case.subject_person is None:
        return
    template = _BY_ACTION.get(move.action) or _BY_STATE.get(case.state)
    if move.outcome in (Outcome.NEXT, Outcome.TALLY) and case.state is State.UNDER_REVIEW:
        template = "application_passed_stage"
    if template is None:
        return
    account = await fetch_value("SELECT id FROM worker_account WHERE person = $1", case.subject_person)
    if account is None:
        return
    stage = case.stage
    words = {
        "number": case.number,
        "stage_zh": stage.label_zh if stage else "",
        "stage_en": stage.label_en if stage else "",
        "due_on": case.due_on.isoformat() if case.due_on else "",
        "rank": str(case.rank or ""),
        "comment": comment,
    }
    await notifications.notify(event, account, template, words, case.id)
