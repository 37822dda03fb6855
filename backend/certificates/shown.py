"""What a certificate shows, and how it stands on a day."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from msgspec import Struct

from backend.words import Text


class Kind(StrEnum):
    """What a certificate is about: a cover is held for a time, an award for good."""

    COVER = "cover"
    AWARD = "award"


class State(StrEnum):
    """What was done to a certificate; what follows from dates is its Standing."""

    VALID = "valid"
    ENDED = "ended"
    REVOKED = "revoked"


class Standing(StrEnum):
    """How a certificate stands on a day."""

    UPCOMING = "upcoming"
    WAITING = "waiting"
    VALID = "valid"
    EXPIRED = "expired"
    ENDED = "ended"
    REVOKED = "revoked"


STANDING_LABELS = {
    Standing.UPCOMING: Text("尚未生效", "Not yet in force"),
    Standing.WAITING: Text("等待期内", "In the waiting period"),
    Standing.VALID: Text("有效", "Valid"),
    Standing.EXPIRED: Text("已到期", "Expired"),
    Standing.ENDED: Text("已终止", "Ended"),
    Standing.REVOKED: Text("已撤销", "Revoked"),
}


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A label and its value."""

    label: Text
    value: Text


class Shown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of a certificate. All but `citation` and `honorific`, which are only printed, are public.

    `title` names the plan or the award, `holder` is masked or named as the programme says, `issuer` is the union that
    gives it. `valid_from` and `valid_to` are its first and last day, `waits_until` the last day on which some benefit
    still waits; an award has none of them. `citation` is a whole Chinese sentence on what the award is for, `honorific`
    follows a person's name (同志).
    """

    title: Text
    holder: str
    issuer: str
    lines: tuple[Line, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    waits_until: date | None = None
    citation: str = ""
    honorific: str = ""


def standing(state: State, shown: Shown, today: date) -> Standing:
    """How a certificate in `state` stands on `today`: an act outweighs the dates."""
    if state is not State.VALID:
        return Standing(state)
    if shown.valid_from is not None and today < shown.valid_from:
        return Standing.UPCOMING
    if shown.valid_to is not None and today > shown.valid_to:
        return Standing.EXPIRED
    if shown.waits_until is not None and today <= shown.waits_until:
        return Standing.WAITING
    return Standing.VALID
