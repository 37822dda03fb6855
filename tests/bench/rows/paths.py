"""The ways that cases have gone: the steps of each, and whom it waits for since."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Path:
    """What happened to a case: (role, action, stage and state afterwards) each, and whom it waits for since."""

    steps: tuple[tuple[str, str, str, str], ...]
    awaiting: str = ""
    acting: str = ""
    placement: str = ""


_SENT = ("worker", "submit", "unit", "submitted")
_SEEN = ("unit_officer", "approve", "papers", "under_review")
_VERIFIED = ("hr_verifier", "approve", "committee", "under_review")
_JUDGED = ("chair", "decide", "allocation", "under_review")
DRAFT = Path(())
COMPLETED = Path(
    (
        *(_SENT, _SEEN, _VERIFIED, _JUDGED),
        ("chair", "place", "notice", "approved"),
        ("chair", "publish", "notice", "on_notice"),
        ("system", "conclude", "confirmation", "approved"),
        ("worker", "confirm", "confirmation", "confirmed"),
        ("chair", "complete", "", "completed"),
    ),
    placement="main",
)
WAITING = Path((_SENT, _SEEN, _VERIFIED, _JUDGED), "chair", "city")
PATHS = (
    Path((_SENT,), "unit_officer", "unit"),
    Path((_SENT, _SEEN), "hr_verifier", "city"),
    Path((_SENT, _SEEN, _VERIFIED), "reviewer", "city"),
    COMPLETED,
    Path((_SENT, ("unit_officer", "reject", "", "rejected"))),
    Path((_SENT, ("worker", "withdraw", "", "withdrawn"))),
    Path((_SENT, _SEEN, _VERIFIED, _JUDGED, ("system", "lapse", "", "lapsed"))),
)
#: How often each of PATHS is gone.
WEIGHTS = (2, 2, 2, 14, 35, 25, 20)
