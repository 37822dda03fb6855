"""Who may join a plan: each rule at its edge, all that is broken named at once, the group's conditions, the terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from backend.insurance import policy
from backend.insurance.facts import EnrolmentFacts, HeirFacts, HeldCover, MemberFacts, UnitFacts
from backend.insurance.policy import Proposal
from backend.insurance.terms import SELF, Channel, PlanTerms, read_terms, terms_of
from backend.operations.demo_plans import ACCIDENT, GIFT, SHANGHAI, TIANJIN, WOMEN, content_of
from backend.people.relations import RelationKind

TODAY = date(2026, 3, 2)
NO_UNIT = UnitFacts(could_join=0, covered=0, shares=None)


def member(**changed: Any) -> MemberFacts:
    """A man of forty who may join, but for what is changed."""
    usual = MemberFacts(
        person=uuid4(),
        name="测试甲",
        who=SELF,
        sex="male",
        born_on=date(1986, 1, 1),
        grade="",
        card_holder=False,
        shares=1,
        employed=True,
        evidenced=False,
        health_declared=True,
        healthy=True,
        consents=policy.CONSENTS,
        heirs=(),
        covers=(),
        under_way=False,
    )
    return msgspec.structs.replace(usual, **changed)


def broken(one: MemberFacts, terms: PlanTerms = TIANJIN, unit: UnitFacts = NO_UNIT, on: date = TODAY) -> set[str]:
    """The codes of the rules that somebody does not meet."""
    (judged,) = policy.judge_members(EnrolmentFacts(Channel.WORKER, (one,), unit), terms, on, on)
    assert (judged.proposal is Proposal.REFUSE) is bool(judged.broken)
    return {check.code for check in judged.broken}


@pytest.mark.parametrize(
    ("sex", "grade", "born_on", "taken"),
    [
        ("male", "", date(1966, 3, 3), True),
        ("male", "", date(1966, 3, 2), False),
        ("female", "", date(1971, 3, 3), True),
        ("female", "", date(1971, 3, 2), False),
        ("female", "senior", date(1971, 3, 2), True),
        ("female", "senior", date(1966, 3, 2), False),
        ("male", "", date(2010, 3, 2), True),
        ("male", "", date(2010, 3, 3), False),
        ("female", "", date(1972, 2, 29), True),
    ],
)
def test_the_entry_age_counts_in_full_years_on_the_day_of_asking(
    sex: str, grade: str, born_on: date, taken: bool
) -> None:
    assert ("entry_age" not in broken(member(sex=sex, grade=grade, born_on=born_on))) is taken


def test_somebody_born_on_a_leap_day_is_sixteen_on_the_first_of_march() -> None:
    young = member(born_on=date(2012, 2, 29))
    assert "entry_age" not in broken(young, on=date(2028, 2, 29))
    born_2008 = member(born_on=date(2008, 2, 29), sex="male")
    assert "entry_age" in broken(msgspec.structs.replace(born_2008, born_on=date(2011, 2, 28)), on=date(2027, 2, 27))
    assert "entry_age" not in broken(
        msgspec.structs.replace(born_2008, born_on=date(2011, 2, 28)), on=date(2027, 2, 28)
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"who": None}, "not_family"),
        ({"employed": False}, "not_family"),
        ({"who": "sibling", "evidenced": True}, "not_taken"),
        ({"who": "spouse", "evidenced": False}, "kinship_unproven"),
        ({"born_on": None}, "not_taken_by_sex_or_age"),
        ({"shares": 4}, "shares_most"),
        ({"shares": 0}, "shares_most"),
        ({"health_declared": False}, "health_not_declared"),
        ({"consents": ("personal_data",)}, "consent_missing"),
        ({"heirs": (HeirFacts("甲", RelationKind.SPOUSE, 99),)}, "shares_sum"),
        ({"heirs": (HeirFacts("甲", RelationKind.SPOUSE, 60), HeirFacts("乙", RelationKind.CHILD, 41))}, "shares_sum"),
        ({"heirs": (HeirFacts("甲", RelationKind.SPOUSE, 100), HeirFacts("乙", RelationKind.CHILD, 0))}, "shares_sum"),
        ({"heirs": (HeirFacts("甲", RelationKind.SIBLING, 100),)}, "heirs"),
        ({"covers": (HeldCover(1, date(2026, 1, 1), date(2026, 12, 31)),)}, "already_covered"),
        ({"under_way": True}, "under_way"),
    ],
)
def test_each_rule_is_named_when_it_is_broken(changed: dict[str, Any], code: str) -> None:
    assert code in broken(member(**changed))


def test_everything_that_is_wrong_is_named_at_once_with_its_clause() -> None:
    worst = member(who=None, shares=9, consents=(), health_declared=False, under_way=True)
    (judged,) = policy.judge_members(EnrolmentFacts("worker", (worst,), NO_UNIT), TIANJIN, TODAY, TODAY)
    assert len(judged.broken) >= 6
    assert all(check.clause for check in judged.broken)
    assert all(check.field.startswith("members.0") for check in judged.broken)


def test_a_healthy_worker_is_accepted_and_one_who_declares_an_illness_is_left_to_a_person() -> None:
    facts = EnrolmentFacts("worker", (member(), member(healthy=False)), NO_UNIT)
    fine, ill = policy.judge_members(facts, TIANJIN, TODAY, TODAY)
    assert (fine.proposal, ill.proposal) == (Proposal.ACCEPT, Proposal.REFER)
    assert all(check.passed for check in policy.check_enrolment(facts, TIANJIN, [fine, ill]))


def test_shares_are_equal_for_all_of_a_unit() -> None:
    unit = UnitFacts(could_join=30, covered=12, shares=2)
    assert "shares_equal" in broken(member(shares=1), unit=unit)
    assert "shares_equal" not in broken(member(shares=2), unit=unit)
    assert "shares_equal" not in broken(
        member(shares=1, who="child", born_on=date(2018, 6, 1), evidenced=True), unit=unit
    )


def test_a_plan_costs_by_shares_less_for_card_holders_and_only_the_payer_pays() -> None:
    assert policy.cost_of(TIANJIN, 3, card_holder=False) == 16_500
    assert policy.cost_of(TIANJIN, 3, card_holder=True) == 13_500
    assert policy.paid_by_worker(TIANJIN, 16_500) == 16_500
    assert policy.paid_by_worker(WOMEN, 3_600) == policy.paid_by_worker(GIFT, 5_000) == 0


@dataclass(frozen=True)
class Group:
    """A group before the women's plan: at least 20 and at least 60 %."""

    accepted: int
    covered: int
    could_join: int


@pytest.mark.parametrize(
    ("group", "found"),
    [
        (Group(20, 0, 33), set()),
        (Group(19, 0, 20), {"group_persons"}),
        (Group(20, 0, 34), {"group_percent"}),
        (Group(19, 0, 40), {"group_persons", "group_percent"}),
        (Group(5, 15, 33), set()),
        (Group(0, 25, 33), {"nobody_accepted"}),
    ],
)
def test_a_group_needs_so_many_persons_and_so_much_of_those_who_could_join(group: Group, found: set[str]) -> None:
    unit = UnitFacts(group.could_join, group.covered, None)
    assert {check.code for check in policy.check_group(WOMEN, group.accepted, unit) if not check.passed} == found


def test_what_is_missing_to_the_percent_is_counted_up() -> None:
    assert policy.missing_for_percent(20, 34, 60) == 1
    assert policy.missing_for_percent(0, 0, 60) == 0


def test_refused_persons_do_not_stop_a_group_that_still_meets_its_conditions() -> None:
    women = tuple(member(sex="female", name=f"测试{n}") for n in range(20))
    old = member(sex="female", born_on=date(1960, 1, 1))
    facts = EnrolmentFacts(Channel.UNIT, (*women, old), UnitFacts(30, 0, None))
    judged = policy.judge_members(facts, WOMEN, TODAY, TODAY)
    assert [one.proposal for one in judged].count(Proposal.REFUSE) == 1
    assert all(check.passed for check in policy.check_enrolment(facts, WOMEN, judged))
    fewer = EnrolmentFacts(Channel.UNIT, (*women[1:], old), UnitFacts(30, 0, None))
    checks = policy.check_enrolment(fewer, WOMEN, policy.judge_members(fewer, WOMEN, TODAY, TODAY))
    assert {check.code for check in checks if not check.passed} == {"group_persons"}


def test_a_plan_for_units_is_not_joined_by_one_person() -> None:
    facts = EnrolmentFacts(Channel.WORKER, (member(sex="female"),), NO_UNIT)
    checks = policy.check_enrolment(facts, WOMEN, policy.judge_members(facts, WOMEN, TODAY, TODAY))
    assert "channel" in {check.code for check in checks if not check.passed}


@pytest.mark.parametrize("terms", [TIANJIN, WOMEN, SHANGHAI, ACCIDENT, GIFT])
def test_the_plans_can_be_published_and_read_back(terms: PlanTerms) -> None:
    assert read_terms(content_of(terms)) == (terms, [])
    assert terms_of(msgspec.json.decode(msgspec.json.encode(content_of(terms)))) == terms


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("benefits",), [], "benefits"),
        (
            ("benefits", 0, "tiers"),
            [{"through_day": 90, "percent": 0}, {"through_day": 30, "percent": 1}],
            "tiers_order",
        ),
        (("benefits", 0, "tiers"), [{"through_day": 30}], "tier_amount"),
        (("benefits", 0, "tiers"), [{"through_day": 30, "amount_fen": 9_999_999}], "tier_amount"),
        (("benefits", 0, "clause"), "", "terms_unreadable"),
        (("taken", 0, "who"), "cousin", "taken"),
        (("taken", 0, "ages", 0, "below"), 16, "ages"),
        (("taken", 0, "ages", 0, "grade"), "chief", "ages_grade"),
        (("start", "rule"), "fixed", "start_day"),
        (("contribution", "card_holder_fen"), 9_900, "card_holder"),
        (("channels",), ["unit", "fax"], "terms_unreadable"),
        (("group",), {"persons": 20, "percent": 60, "clause": "示例"}, "channels"),
        (("group",), {"persons": 20, "percent": 160, "clause": "示例"}, "terms_unreadable"),
        (("surprise",), 1, "terms_unreadable"),
    ],
)
def test_a_plan_that_makes_no_sense_is_not_published(path: tuple[Any, ...], value: Any, code: str) -> None:
    terms = msgspec.json.decode(msgspec.json.encode(content_of(TIANJIN)))
    target = terms
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert code in {violation.code for violation in read_terms(terms)[1]}
