"""The committee's arithmetic: quorum, tally, discrepancy, hidden reviews."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from backend.applications.committee import (
    ReviewInput,
    Vote,
    check_review,
    forbids_decision,
    tally,
    visible_votes,
    weighted,
)
from backend.identity import Actor, Binding, Level, Role
from backend.recuperation.workflow import ROUTE

STAGE = ROUTE[2]
PLAIN = msgspec.structs.replace(STAGE, criteria=())
AT = datetime(2026, 3, 2, tzinfo=UTC)


def vote(number: int, passes: bool, score: float | None = None) -> Vote:
    return Vote(UUID(int=number), f"评委{number}", passes, score, {}, "", AT)


@pytest.mark.parametrize(
    ("passing", "failing", "passes", "complete"),
    [(3, 0, True, True), (2, 1, True, True), (1, 2, False, True), (0, 3, False, True), (2, 0, True, False)],
)
def test_the_share_of_votes_decides(passing: int, failing: int, passes: bool, complete: bool) -> None:
    votes = [vote(n, True) for n in range(passing)] + [vote(10 + n, False) for n in range(failing)]
    result = tally(votes, PLAIN, None)
    assert (result.passes, result.complete) == (passes, complete)


def test_sixty_percent_is_reached_by_three_of_five_and_missed_by_four_of_seven() -> None:
    assert tally([vote(n, n < 3) for n in range(5)], PLAIN, None).passes
    assert not tally([vote(n, n < 4) for n in range(7)], PLAIN, None).passes


def test_no_votes_never_pass() -> None:
    assert not tally([], PLAIN, None).passes


def test_a_tie_must_be_settled_and_the_settlement_decides() -> None:
    tied = [vote(1, True), vote(2, True), vote(3, False), vote(4, False)]
    open_ = tally(tied, PLAIN, None)
    assert open_.discrepancy
    assert [violation.code for violation in forbids_decision(open_)] == ["discrepancy_open"]
    assert tally(tied, PLAIN, True).passes
    assert not tally(tied, PLAIN, False).passes
    assert forbids_decision(tally(tied, PLAIN, True)) == []


def test_a_settlement_does_not_overturn_a_clear_vote() -> None:
    assert tally([vote(1, True, 90), vote(2, True, 50), vote(3, True, 88)], STAGE, False).passes


@pytest.mark.parametrize(("low", "apart"), [(60.0, False), (59.9, True)])
def test_scores_further_apart_than_the_rule_are_a_discrepancy(low: float, apart: bool) -> None:
    assert tally([vote(1, True, 90.0), vote(2, True, low), vote(3, True, 80.0)], STAGE, None).discrepancy is apart


def test_quorum() -> None:
    assert [v.code for v in forbids_decision(tally([vote(1, True), vote(2, True)], PLAIN, None))] == ["quorum_not_met"]


def test_the_weighted_score() -> None:
    assert weighted({"contribution": 90, "performance": 80, "need": 50}, STAGE) == pytest.approx(79.0)
    assert weighted({}, PLAIN) is None


def test_a_review_scores_every_criterion_within_bounds() -> None:
    found = check_review(ReviewInput(True, {"contribution": 101, "charm": 5}), STAGE)
    assert {(violation.code, violation.field) for violation in found} == {
        ("score_missing", "scores.performance"),
        ("score_missing", "scores.need"),
        ("score_unknown", "scores.charm"),
        ("score_range", "scores.contribution"),
    }


def member(number: int, *roles: Role) -> Actor:
    return Actor(UUID(int=number), "某", bindings=tuple(Binding(role, UUID(int=7), Level.CITY) for role in roles))


def test_reviews_of_others_are_hidden_until_ones_own_is_in() -> None:
    votes = [vote(1, True), vote(2, False)]
    result = tally(votes, PLAIN, None)
    assert visible_votes(member(3, Role.REVIEWER), votes, result) == []
    assert visible_votes(member(1, Role.REVIEWER), votes, result) == votes
    assert visible_votes(member(9, Role.CHAIR), votes, result) == []
    votes.append(vote(4, True))
    assert visible_votes(member(9, Role.CHAIR), votes, tally(votes, PLAIN, None)) == votes
    assert visible_votes(member(3, Role.REVIEWER, Role.CHAIR), votes, tally(votes, PLAIN, None)) == []
