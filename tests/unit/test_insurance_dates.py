"""Covers at every edge of their dates: waiting by tiers, renewal, leap days, first and last day."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.insurance.dates import CoverState, cover_dates, cover_state, last_day, payable_on, waits_until
from backend.insurance.facts import HeldCover
from backend.insurance.terms import PlanTerms, StartRule
from backend.operations.demo_plans import ACCIDENT, GIFT, SHANGHAI, TIANJIN, WOMEN

START = date(2026, 4, 1)
DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))
PLANS = st.sampled_from([TIANJIN, WOMEN, SHANGHAI, ACCIDENT, GIFT])


def on_day(number: int) -> date:
    """The day of the cover with this number; its first is 1."""
    return START + timedelta(days=number - 1)


@pytest.mark.parametrize(
    ("plan", "benefit", "day", "fen"),
    [
        (TIANJIN, "critical_severe", 1, 0),
        (TIANJIN, "critical_severe", 30, 0),
        (TIANJIN, "critical_severe", 31, 500_000),
        (TIANJIN, "critical_severe", 90, 500_000),
        (TIANJIN, "critical_severe", 91, 1_000_000),
        (TIANJIN, "critical_severe", 365, 1_000_000),
        (WOMEN, "womens_cancer", 30, 0),
        (WOMEN, "womens_cancer", 31, 50_000),
        (WOMEN, "womens_cancer", 60, 50_000),
        (WOMEN, "womens_cancer", 61, 1_500_000),
        (WOMEN, "in_situ", 30, 0),
        (WOMEN, "in_situ", 31, 200_000),
        (ACCIDENT, "accident", 1, 2_000_000),
    ],
)
def test_a_share_pays_by_the_day_of_the_cover(plan: PlanTerms, benefit: str, day: int, fen: int) -> None:
    (found,) = [one for one in payable_on(plan, START, 1, False, on_day(day)) if one.benefit.key == benefit]
    assert found.amount_fen == fen
    assert (found.full_from is None) is (fen == found.full_fen)


def test_shares_multiply_and_a_waiver_lifts_every_tier() -> None:
    severe = payable_on(TIANJIN, START, 3, False, on_day(31))[0]
    assert (severe.amount_fen, severe.full_fen, severe.full_from) == (1_500_000, 3_000_000, on_day(91))
    assert payable_on(TIANJIN, START, 3, True, on_day(1))[0].amount_fen == 3_000_000


@pytest.mark.parametrize(
    ("starts_on", "years", "ends_on"),
    [
        (date(2026, 3, 3), 1, date(2027, 3, 2)),
        (date(2028, 2, 29), 1, date(2029, 2, 28)),
        (date(2027, 3, 1), 1, date(2028, 2, 29)),
        (date(2024, 2, 29), 4, date(2028, 2, 28)),
        (date(2026, 1, 1), 2, date(2027, 12, 31)),
        (date(2026, 12, 31), 3, date(2029, 12, 30)),
    ],
)
def test_a_cover_runs_to_the_day_before_its_anniversary(starts_on: date, years: int, ends_on: date) -> None:
    assert last_day(starts_on, years) == ends_on


@pytest.mark.parametrize(
    ("on", "state"),
    [
        (START - timedelta(days=1), CoverState.UPCOMING),
        (START, CoverState.WAITING),
        (on_day(90), CoverState.WAITING),
        (on_day(91), CoverState.ACTIVE),
        (date(2027, 3, 31), CoverState.ACTIVE),
        (date(2027, 4, 1), CoverState.EXPIRED),
    ],
)
def test_states_follow_from_dates(on: date, state: CoverState) -> None:
    assert cover_state(TIANJIN, START, date(2027, 3, 31), None, False, on) is state


def test_an_end_outweighs_the_dates_and_the_last_day_is_covered() -> None:
    ended = date(2026, 9, 30)
    on_it, after = (
        cover_state(TIANJIN, START, date(2027, 3, 31), ended, False, day) for day in (ended, date(2026, 10, 1))
    )
    assert (on_it, after) == (CoverState.ACTIVE, CoverState.ENDED)
    before = cover_state(TIANJIN, START, date(2027, 3, 31), START - timedelta(days=1), False, START)
    assert before is CoverState.VOID


@pytest.mark.parametrize(
    ("rule", "on", "asked", "approved", "starts_on"),
    [
        (StartRule.AFTER_APPROVAL, None, date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)),
        (StartRule.AFTER_APPROVAL, None, date(2028, 2, 28), date(2028, 2, 28), date(2028, 2, 29)),
        (StartRule.AFTER_SUBMISSION, None, date(2026, 2, 27), date(2026, 3, 20), date(2026, 2, 28)),
        (StartRule.NEXT_MONTH, None, date(2026, 3, 1), date(2026, 3, 1), date(2026, 4, 1)),
        (StartRule.NEXT_MONTH, None, date(2026, 12, 31), date(2026, 12, 31), date(2027, 1, 1)),
        (StartRule.FIXED, date(2026, 4, 1), date(2026, 3, 1), date(2026, 4, 1), date(2026, 4, 1)),
        (StartRule.FIXED, date(2026, 4, 1), date(2026, 3, 1), date(2026, 4, 2), date(2026, 4, 3)),
    ],
)
def test_a_cover_begins_as_the_plan_says(
    rule: StartRule, on: date | None, asked: date, approved: date, starts_on: date
) -> None:
    start = msgspec.structs.replace(TIANJIN.start, rule=rule, on=on)
    dates = cover_dates(msgspec.structs.replace(TIANJIN, start=start), asked, approved, ())
    assert dates is not None and dates.starts_on == starts_on
    assert (dates.renews, dates.waived) == (False, False)


EXPIRES = date(2027, 3, 31)
HELD = (HeldCover(1, START, EXPIRES),)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (EXPIRES - timedelta(days=61), None),
        (EXPIRES - timedelta(days=60), (date(2027, 4, 1), True, True)),
        (EXPIRES, (date(2027, 4, 1), True, True)),
        (EXPIRES + timedelta(days=30), (date(2027, 5, 1), True, True)),
        (EXPIRES + timedelta(days=31), (date(2027, 5, 2), False, False)),
    ],
)
def test_tianjin_waives_the_waiting_on_renewal_within_thirty_days(
    asked: date, found: tuple[date, bool, bool] | None
) -> None:
    dates = cover_dates(TIANJIN, asked, asked, HELD)
    assert (dates and (dates.starts_on, dates.renews, dates.waived)) == found


def test_a_renewal_in_time_joins_without_a_gap_however_long_it_is_handled() -> None:
    dates = cover_dates(TIANJIN, EXPIRES, EXPIRES + timedelta(days=20), HELD)
    assert dates is not None and dates.starts_on == EXPIRES + timedelta(days=1)


def test_who_left_and_comes_back_waits_again() -> None:
    left = (HeldCover(1, START, EXPIRES, ended_on=date(2026, 9, 30)),)
    dates = cover_dates(TIANJIN, date(2026, 10, 5), date(2026, 10, 5), left)
    assert dates is not None and (dates.renews, dates.waived) == (False, False)
    same_day = cover_dates(TIANJIN, date(2026, 9, 30), date(2026, 9, 30), left)
    assert same_day is not None and same_day.starts_on == date(2026, 10, 1)


def test_a_gift_waits_for_nothing_and_shanghai_gives_one_cover() -> None:
    gift = cover_dates(GIFT, START, START, ())
    assert gift is not None and gift.waived
    assert cover_dates(SHANGHAI, START, START, HELD) is None
    two = msgspec.structs.replace(SHANGHAI, shares=msgspec.structs.replace(SHANGHAI.shares, covers_per_person=2))
    second = cover_dates(two, START, START, HELD)
    assert second is not None and second.slot == 2


@given(plan=PLANS, asked=DAYS, handled=st.integers(0, 60), held_from=DAYS)
def test_a_new_cover_never_overlaps_the_one_that_is_held(
    plan: PlanTerms, asked: date, handled: int, held_from: date
) -> None:
    held = HeldCover(1, held_from, last_day(held_from, plan.period.years))
    dates = cover_dates(plan, asked, asked + timedelta(days=handled), (held,))
    if dates is None:
        assert asked <= held.last_on
        return
    assert dates.starts_on > held.last_on
    assert dates.ends_on > dates.starts_on
    assert asked > held.last_on or dates.starts_on == held.last_on + timedelta(days=1)


@given(plan=PLANS, starts_on=DAYS, waived=st.booleans())
def test_what_a_cover_pays_never_falls_and_is_full_after_the_waiting(
    plan: PlanTerms, starts_on: date, waived: bool
) -> None:
    paid = [
        [one.amount_fen for one in payable_on(plan, starts_on, 1, waived, starts_on + timedelta(days=day))]
        for day in range(100)
    ]
    assert all(before <= after for first, second in pairwise(paid) for before, after in zip(first, second, strict=True))
    waits = waits_until(plan, starts_on, waived)
    first_full = waits + timedelta(days=1) if waits else starts_on
    assert all(one.full_from is None for one in payable_on(plan, starts_on, 1, waived, first_full))
