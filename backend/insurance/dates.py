"""When a cover begins, ends, waits and can be renewed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum

import msgspec

from backend.insurance.facts import HeldCover
from backend.insurance.terms import Benefit, Payer, PlanTerms, Start, StartRule
from backend.words import Text

_DAY = timedelta(days=1)


class CoverState(StrEnum):
    """How a cover stands on a day; it follows from dates and is never stored."""

    UPCOMING = "upcoming"
    WAITING = "waiting"
    ACTIVE = "active"
    EXPIRED = "expired"
    ENDED = "ended"
    VOID = "void"


STATE_LABELS = {
    CoverState.UPCOMING: Text("尚未生效", "Not yet in force"),
    CoverState.WAITING: Text("等待期内", "In the waiting period"),
    CoverState.ACTIVE: Text("保障中", "Covered"),
    CoverState.EXPIRED: Text("已到期", "Expired"),
    CoverState.ENDED: Text("已终止", "Ended"),
    CoverState.VOID: Text("未生效即终止", "Ended before it began"),
}


class Dates(msgspec.Struct, frozen=True):
    """The first and the last day of a cover; `slot` counts covers that one person holds side by side by one plan."""

    slot: int
    starts_on: date
    ends_on: date
    renews: bool
    waived: bool


class Payable(msgspec.Struct, frozen=True):
    """What one benefit pays on a day in fen, and from which day on in full; that is None where it does so already."""

    benefit: Benefit
    amount_fen: int
    full_fen: int
    full_from: date | None


def cover_dates(terms: PlanTerms, asked_on: date, approved_on: date, held: Sequence[HeldCover]) -> Dates | None:
    """The dates of a cover that was asked for and approved on these days, beside those that are held by this plan.

    One that renews in time joins without a gap. None where every place is taken and none can be renewed yet.
    """
    places = []
    for slot in range(1, terms.shares.covers_per_person + 1):
        last = max((cover for cover in held if cover.slot == slot), key=lambda cover: cover.last_on, default=None)
        found = _in_slot(terms, asked_on, approved_on, slot, last)
        if found is not None:
            places.append(found)
    return min(places, key=lambda dates: (not dates.renews, dates.starts_on, dates.slot), default=None)


def renewal_opens_on(terms: PlanTerms, held: Sequence[HeldCover]) -> date | None:
    """The first day on which one of the covers can be renewed; None without any."""
    days = timedelta(days=terms.period.renewal_opens_days)
    return min((cover.last_on - days for cover in held), default=None)


def last_day(starts_on: date, years: int) -> date:
    """The last of so many years from a day on: the day before the same day of that year.

    A cover from 29 February ends on 28 February, as nobody born that day is a year older before 1 March.
    """
    return _anniversary(starts_on, years) - _DAY


def cover_state(
    terms: PlanTerms, starts_on: date, ends_on: date, ended_on: date | None, waived: bool, on: date
) -> CoverState:
    """How a cover stands on a day; one that ended before its first day is void."""
    if ended_on is not None and ended_on < starts_on:
        return CoverState.VOID
    if ended_on is not None and on > ended_on:
        return CoverState.ENDED
    if on > ends_on:
        return CoverState.EXPIRED
    if on < starts_on:
        return CoverState.UPCOMING
    waits = waits_until(terms, starts_on, waived)
    return CoverState.WAITING if waits is not None and on <= waits else CoverState.ACTIVE


def waits_until(terms: PlanTerms, starts_on: date, waived: bool) -> date | None:
    """The last day on which some benefit does not pay in full; None where nothing waits."""
    longest = max((benefit.waits_through_day for benefit in terms.benefits), default=0)
    return None if waived or not longest else starts_on + (longest - 1) * _DAY


def payable_on(terms: PlanTerms, starts_on: date, shares: int, waived: bool, on: date) -> list[Payable]:
    """What each benefit of a cover pays for an event on a day of it; day 1 of a cover is its first."""
    day = (on - starts_on).days + 1
    return [_payable(benefit, starts_on, shares, waived, day) for benefit in terms.benefits]


def _payable(benefit: Benefit, starts_on: date, shares: int, waived: bool, day: int) -> Payable:
    full = benefit.amount_fen * shares
    tier = None if waived else next((tier for tier in benefit.tiers if day <= tier.through_day), None)
    if tier is None:
        return Payable(benefit, full, full, None)
    part = tier.amount_fen * shares if tier.amount_fen is not None else full * (tier.percent or 0) // 100
    return Payable(benefit, part, full, starts_on + benefit.waits_through_day * _DAY)


def _in_slot(terms: PlanTerms, asked_on: date, approved_on: date, slot: int, last: HeldCover | None) -> Dates | None:
    by_rule = _start_by_rule(terms.start, asked_on, approved_on)
    gift = bool(terms.waiver and terms.waiver.gift and terms.contribution.payer is Payer.GIFT)
    if last is None:
        return _dates(terms, slot, by_rule, renews=False, waived=gift)
    if asked_on < last.last_on - timedelta(days=terms.period.renewal_opens_days):
        return None
    ran_out = last.ended_on is None
    within = terms.waiver.renewal_within_days if terms.waiver else None
    in_time = within is not None and asked_on <= last.last_on + timedelta(days=within)
    renews = ran_out and (asked_on <= last.last_on or in_time)
    joins = last.last_on + _DAY
    starts_on = joins if asked_on <= last.last_on else max(joins, by_rule)
    return _dates(terms, slot, starts_on, renews=renews, waived=gift or (ran_out and in_time))


def _dates(terms: PlanTerms, slot: int, starts_on: date, *, renews: bool, waived: bool) -> Dates:
    return Dates(slot, starts_on, last_day(starts_on, terms.period.years), renews, waived)


def _start_by_rule(start: Start, asked_on: date, approved_on: date) -> date:
    if start.rule is StartRule.AFTER_SUBMISSION:
        return asked_on + _DAY
    if start.rule is StartRule.NEXT_MONTH:
        return (approved_on.replace(day=1) + timedelta(days=32)).replace(day=1)
    if start.on is not None and approved_on <= start.on:
        return start.on
    return approved_on + _DAY


def _anniversary(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
