"""A person's life with one plan, step by step: whatever is done, no day is covered more often than the plan says."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from backend.insurance.dates import CoverState, cover_dates, cover_state
from backend.insurance.facts import HeldCover
from backend.insurance.terms import PlanTerms
from backend.operations.demo_plans import ACCIDENT, GIFT, SHANGHAI, TIANJIN, WOMEN

TWICE = msgspec.structs.replace(TIANJIN, shares=msgspec.structs.replace(TIANJIN.shares, covers_per_person=2))
DAYS = st.sampled_from([0, 1, 2, 29, 30, 31, 59, 60, 61, 305, 364, 365, 366, 800])


class Life(RuleBasedStateMachine):
    """Joining, renewing, waiting for an answer, leaving, as `make_covers` and `depart` do it."""

    plan: PlanTerms
    today: date
    held: list[HeldCover]

    @initialize(
        plan=st.sampled_from([TIANJIN, WOMEN, SHANGHAI, ACCIDENT, GIFT, TWICE]),
        day=st.dates(date(2026, 1, 1), date(2028, 3, 1)),
    )
    def begin(self, plan: PlanTerms, day: date) -> None:
        self.plan, self.today, self.held = plan, day, []

    @rule(days=DAYS)
    def time_passes(self, days: int) -> None:
        self.today += timedelta(days=days)

    @rule(handled=st.sampled_from([0, 1, 5, 40]))
    def join_or_renew(self, handled: int) -> None:
        asked = self.today
        self.today += timedelta(days=handled)
        dates = cover_dates(self.plan, asked, self.today, self.held)
        if dates is not None:
            self.held.append(HeldCover(dates.slot, dates.starts_on, dates.ends_on))

    @rule(ago=st.sampled_from([0, 1, 40]))
    def leave(self, ago: int) -> None:
        on = self.today - timedelta(days=ago)
        ended = [msgspec.structs.replace(cover, ended_on=on) if cover.last_on > on else cover for cover in self.held]
        # What ended before it began covered nothing, and is not counted again.
        self.held = [cover for cover in ended if cover.ended_on is None or cover.ended_on >= cover.starts_on]

    @invariant()
    def no_day_is_covered_more_often_than_the_plan_says(self) -> None:
        if not hasattr(self, "plan"):
            return
        for edge in {day for cover in self.held for day in (cover.starts_on, cover.last_on)}:
            over = [cover for cover in self.held if cover.starts_on <= edge <= cover.last_on]
            assert len(over) <= self.plan.shares.covers_per_person
            assert len({cover.slot for cover in over}) == len(over)

    @invariant()
    def a_day_between_first_and_last_is_covered(self) -> None:
        if not hasattr(self, "plan"):
            return
        for cover in self.held:
            for day in (cover.starts_on, cover.last_on):
                state = cover_state(self.plan, cover.starts_on, cover.ends_on, cover.ended_on, False, day)
                assert state in (CoverState.WAITING, CoverState.ACTIVE)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
