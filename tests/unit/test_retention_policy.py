"""What keeps a paper: open cases, the longest term, the most specific rule of the day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from backend.applications.lifecycle import State
from backend.documents.retention_policy import CaseOutcome, Keep, RetentionRule, Use, keep, outcome_of, rule_for, terms

ENDED = date(2026, 3, 2)
EARLY = date(2020, 1, 1)
GRANTED, REFUSED = CaseOutcome.GRANTED, CaseOutcome.REFUSED
RULES = [
    RetentionRule("", "", GRANTED, 3653, "十年", EARLY),
    RetentionRule("commendation", "", GRANTED, 10958, "三十年", EARLY),
    RetentionRule("", "health_declaration", GRANTED, 180, "用后即删", EARLY),
    RetentionRule("", "", REFUSED, 180, "异议期", EARLY),
    RetentionRule("", "", REFUSED, 365, "新异议期", date(2026, 6, 1)),
    RetentionRule("", "", CaseOutcome.WITHDRAWN, 0, "目的不再存在", EARLY),
]


def use(state: str, kind: str = "recuperation", decided_on: date | None = ENDED, number: str = "RR-1") -> Use:
    return Use(number, kind, state, True, decided_on)


@pytest.mark.parametrize(
    ("kind", "paper", "outcome", "on", "clause"),
    [
        ("recuperation", "resident_id", GRANTED, ENDED, "十年"),
        ("commendation", "resident_id", GRANTED, ENDED, "三十年"),
        ("commendation", "health_declaration", GRANTED, ENDED, "用后即删"),
        ("recuperation", "resident_id", REFUSED, date(2026, 5, 31), "异议期"),
        ("recuperation", "resident_id", REFUSED, date(2026, 6, 1), "新异议期"),
    ],
)
def test_the_most_specific_rule_of_the_day_applies(
    kind: str, paper: str, outcome: CaseOutcome, on: date, clause: str
) -> None:
    found = rule_for(RULES, kind, paper, outcome, on)
    assert found is not None and found.clause == clause


def test_before_any_rule_there_is_none() -> None:
    assert rule_for(RULES, "recuperation", "resident_id", GRANTED, date(2019, 12, 31)) is None


def test_every_end_of_a_case_counts_as_something() -> None:
    counted = {state: outcome_of(state) for state in State}
    assert counted[State.GRANTED] is counted[State.COMPLETED] is counted[State.REVOKED] is GRANTED
    # An enrolment that became a cover ends as approved.
    assert counted[State.APPROVED] is GRANTED
    assert counted[State.REJECTED] is REFUSED
    assert counted[State.WITHDRAWN] is counted[State.LAPSED] is CaseOutcome.WITHDRAWN


def test_a_term_holds_through_its_last_day() -> None:
    last = ENDED + timedelta(days=180)
    assert keep(RULES, "resident_id", [use("rejected")], last) == Keep("RR-1", last, "异议期")
    assert keep(RULES, "resident_id", [use("rejected")], last + timedelta(days=1)) is None


def test_an_open_case_keeps_before_any_term_and_a_draft_keeps_nothing() -> None:
    open_case = use("under_review", decided_on=None, number="RR-2")
    assert keep(RULES, "resident_id", [use("granted"), open_case], ENDED) == Keep("RR-2", None)
    assert keep(RULES, "resident_id", [Use("RR-3", "recuperation", "draft", False, None)], ENDED) is None


def test_the_longest_term_counts_and_the_granted_one_is_still_known() -> None:
    both = [use("completed"), use("granted", "commendation", number="MD-1"), use("rejected", number="RR-9")]
    found = terms(RULES, "resident_id", both, ENDED)
    assert [(term.number, term.granted) for term in found] == [("MD-1", True), ("RR-1", True), ("RR-9", False)]
    assert keep(RULES, "resident_id", both, ENDED) == found[0]


def test_what_was_withdrawn_or_never_used_is_not_kept() -> None:
    assert keep(RULES, "resident_id", [use("withdrawn")], ENDED) is None
    assert keep(RULES, "resident_id", [], ENDED) is None


def test_reasons_are_told_in_both_languages() -> None:
    told = Keep("RR-1", date(2036, 3, 2), "十年").why
    assert "2036-03-02" in told.zh and "2036-03-02" in told.en
    assert "RR-1" in Keep("RR-1", None).why.zh
