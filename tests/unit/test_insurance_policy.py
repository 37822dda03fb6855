"""Who may join a plan: each rule at its edge, all that is broken named at once, the group's conditions, the terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from backend.applications.judgement import RuleCheck
from backend.insurance import policy
from backend.insurance.facts import EnrolmentFacts, HeirFacts, HeldCover, MemberFacts, UnitFacts
from backend.insurance.policy import Proposal
from backend.insurance.terms import SELF, Channel, PlanTerms, StartRule, read_terms, terms_of
from backend.operations.demo_plans import ACCIDENT, GIFT, SHANGHAI, TIANJIN, WOMEN, content_of
from backend.people.relations import RELATION_LABELS, RelationKind

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


def told(one: MemberFacts, terms: PlanTerms = TIANJIN, unit: UnitFacts = NO_UNIT, **by: Any) -> dict[str, RuleCheck]:
    """Every rule of somebody by its code."""
    facts = EnrolmentFacts(by.get("channel", Channel.WORKER), (one,), unit)
    (judged,) = policy.judge_members(facts, terms, TODAY, TODAY)
    assert len({check.code for check in judged.checks}) == len(judged.checks)
    return {check.code: check for check in judged.checks}


CHILD = {"who": "child", "born_on": date(2018, 6, 1), "evidenced": True}
OTHERS_IN_FAMILY = {"who": "sibling", "evidenced": True}


@pytest.mark.parametrize(
    ("changed", "code", "field", "clause"),
    [
        ({"employed": False}, "not_family", "", TIANJIN.taken[0].clause),
        ({"who": None}, "not_family", "", TIANJIN.taken[0].clause),
        (OTHERS_IN_FAMILY, "not_taken", "", TIANJIN.taken[0].clause),
        ({**CHILD, "evidenced": False}, "kinship_unproven", ".relation_id", TIANJIN.taken[2].clause),
        ({"born_on": None}, "not_taken_by_sex_or_age", ".age", TIANJIN.taken[0].clause),
        ({**CHILD, "born_on": None}, "not_taken_by_sex_or_age", ".age", TIANJIN.taken[2].clause),
        (OTHERS_IN_FAMILY, "not_taken_by_sex_or_age", ".age", TIANJIN.taken[0].clause),
        ({"born_on": date(2020, 1, 1)}, "entry_age", ".age", TIANJIN.taken[0].ages[0].clause),
        ({"shares": 4}, "shares_most", ".shares", TIANJIN.shares.clause),
        ({"health_declared": False}, "health_not_declared", ".health", TIANJIN.health and TIANJIN.health.clause),
        ({"consents": ()}, "consent_missing", ".consents", "个人信息保护法 第二十三、二十九、三十一条"),
        ({"heirs": (HeirFacts("甲", RelationKind.CHILD, 9),)}, "shares_sum", ".beneficiaries", TIANJIN.heirs.clause),
        ({"heirs": (HeirFacts("甲", RelationKind.SIBLING, 100),)}, "heirs", ".beneficiaries", TIANJIN.heirs.clause),
        ({"covers": (HeldCover(1, TODAY, date(2027, 3, 1)),)}, "already_covered", "", TIANJIN.shares.clause),
        ({"under_way": True}, "under_way", "", TIANJIN.shares.clause),
    ],
)
def test_a_broken_rule_names_the_person_points_at_the_input_and_cites_its_clause(
    changed: dict[str, Any], code: str, field: str, clause: str
) -> None:
    check = told(member(**changed))[code]
    assert (check.passed, check.field, check.clause) == (False, f"members.0{field}", clause)
    assert check.zh.startswith("测试甲:")
    assert check.en.startswith("测试甲:")


def test_rules_that_are_met_are_told_with_the_same_input_and_clause() -> None:
    met = told(member(**CHILD, heirs=(HeirFacts("甲", RelationKind.PARENT, 100),)))
    assert all(check.passed and check.zh.startswith("测试甲:") for check in met.values())
    assert met["not_taken"].en == "测试甲: the plan takes child"
    assert met["kinship_unproven"].clause == met["not_taken"].clause == TIANJIN.taken[2].clause
    assert met["entry_age"].clause == TIANJIN.taken[2].ages[0].clause
    assert met["shares_equal"].field == met["shares_most"].field == "members.0.shares"


def test_somebody_whose_plan_takes_only_one_sex_is_told_so() -> None:
    assert not told(member(), WOMEN)["not_taken_by_sex_or_age"].passed
    assert told(member(sex="female"), WOMEN)["entry_age"].passed


def test_whoever_is_not_born_yet_is_of_no_age() -> None:
    assert told(member(**{**CHILD, "born_on": TODAY}))["entry_age"].passed
    assert not told(member(**{**CHILD, "born_on": date(2026, 3, 3)}))["entry_age"].passed


def test_one_share_up_to_the_most_and_the_units_number_is_told() -> None:
    assert all(told(member(shares=shares))["shares_most"].passed for shares in (1, 3))
    unequal = told(member(shares=1), unit=UnitFacts(30, 12, 2))["shares_equal"]
    assert (unequal.field, unequal.clause) == ("members.0.shares", TIANJIN.shares.clause)
    assert "每人 2 份" in unequal.zh
    free = msgspec.structs.replace(TIANJIN, shares=msgspec.structs.replace(TIANJIN.shares, equal_in_unit=False))
    assert told(member(shares=1), free, unit=UnitFacts(30, 12, 2))["shares_equal"].passed


def test_health_is_declared_by_the_worker_and_stated_by_the_unit() -> None:
    silent = member(health_declared=False)
    assert not told(silent)["health_not_declared"].passed
    by_unit = told(silent, channel=Channel.UNIT)["health_not_declared"]
    assert by_unit.passed and "单位证明在岗" in by_unit.zh
    unasked = told(silent, msgspec.structs.replace(TIANJIN, health=None))["health_not_declared"]
    assert (unasked.passed, unasked.clause) == (True, "")


def test_an_illness_matters_only_to_a_plan_that_asks_for_health_and_doubts_go_to_a_person() -> None:
    careless = msgspec.structs.replace(TIANJIN, health=None)
    for one, terms, proposal in (
        (member(healthy=False), careless, Proposal.ACCEPT),
        (member(healthy=False), TIANJIN, Proposal.REFER),
        (member(agrees=False), TIANJIN, Proposal.REFER),
        (member(agrees=False), careless, Proposal.REFER),
    ):
        (judged,) = policy.judge_members(EnrolmentFacts("worker", (one,), NO_UNIT), terms, TODAY, TODAY)
        assert judged.proposal is proposal


def test_a_guardian_consents_below_fourteen_and_every_missing_purpose_is_named() -> None:
    child = told(member(**{**CHILD, "born_on": date(2012, 3, 3)}, consents=("personal_data",)))["consent_missing"]
    assert "监护人同意(使用敏感个人信息、提供给承办机构)" in child.zh
    assert "sensitive_data, share_with_insurer" in child.en
    youth = told(member(**{**CHILD, "born_on": date(2012, 3, 2)}, consents=policy.CONSENTS[:2]))["consent_missing"]
    assert "本人同意(提供给承办机构)" in youth.zh


def test_each_person_is_judged_with_their_own_dates_and_contribution() -> None:
    one, other = member(shares=2), member(shares=1, card_holder=True)
    first, second = policy.judge_members(EnrolmentFacts("worker", (one, other), NO_UNIT), TIANJIN, TODAY, TODAY)
    assert (first.member, second.member) == (one, other)
    assert (first.cost_fen, second.cost_fen) == (11_000, 4_500)
    assert first.dates is not None
    assert (first.dates.starts_on, first.dates.ends_on) == (date(2026, 3, 3), date(2027, 3, 2))
    assert {check.field.split(".")[1] for check in second.checks} == {"1"}


def test_a_plan_without_a_lower_contribution_costs_card_holders_the_same() -> None:
    assert policy.cost_of(WOMEN, 1, card_holder=True) == 3_600


def test_a_cover_can_be_renewed_from_sixty_days_before_its_end_and_the_day_is_told() -> None:
    ends_in_60 = HeldCover(1, date(2025, 5, 2), date(2026, 5, 1))
    assert told(member(covers=(ends_in_60,)))["already_covered"].passed
    too_early = told(member(covers=(HeldCover(1, date(2025, 5, 3), date(2026, 5, 2)),)))["already_covered"]
    assert not too_early.passed
    assert "2026-03-03 起可以续保" in too_early.zh
    assert "最多 1 份" in too_early.zh


@pytest.mark.parametrize(
    ("heirs", "wrong"),
    [
        ((), set()),
        (((RelationKind.SPOUSE, 99), (RelationKind.CHILD, 1)), set()),
        (((RelationKind.SPOUSE, 101), (RelationKind.CHILD, -1)), {"shares_sum"}),
        (tuple((RelationKind.CHILD, 20) for _ in range(5)), set()),
        (((RelationKind.SPOUSE, 50), *((RelationKind.CHILD, 10) for _ in range(5))), {"heirs"}),
        (((RelationKind.SIBLING, 40), (RelationKind.SIBLING, 40)), {"shares_sum", "heirs"}),
    ],
)
def test_up_to_five_of_the_next_of_kin_share_exactly_a_hundred_percent(
    heirs: tuple[tuple[RelationKind, int], ...], wrong: set[str]
) -> None:
    named = [HeirFacts("甲", relation, percent) for relation, percent in heirs]
    checks = policy.check_heirs(named, TIANJIN, "beneficiaries")
    assert {check.code for check in checks if not check.passed} == wrong
    assert {(check.field, check.clause) for check in checks} == {("beneficiaries", TIANJIN.heirs.clause)}


def test_what_is_wrong_with_beneficiaries_is_told_in_figures_and_relations() -> None:
    strange = [HeirFacts("甲", RelationKind.SIBLING, 30), HeirFacts("乙", RelationKind.GRANDPARENT, 30)]
    shares, heirs = policy.check_heirs(strange, TIANJIN, "beneficiaries")
    assert shares.zh == "受益比例合计 60%,应为 100%,每人大于 0"
    labels = "、".join(RELATION_LABELS[heir.relation].zh for heir in strange)
    assert heirs.zh == f"受益人最多 5 人,且不能为:{labels}"
    assert heirs.en.endswith(": sibling, grandparent")
    assert policy.check_heirs(strange, TIANJIN, "beneficiaries", "马小满")[0].zh.startswith("马小满:受益")


def whole(facts: EnrolmentFacts, terms: PlanTerms) -> dict[str, RuleCheck]:
    """The rules of an enrolment as a whole by their codes."""
    checks = policy.check_enrolment(facts, terms, policy.judge_members(facts, terms, TODAY, TODAY))
    return {check.code: check for check in checks}


def test_an_enrolment_names_somebody_and_nobody_twice() -> None:
    nobody = whole(EnrolmentFacts(Channel.WORKER, (), NO_UNIT), TIANJIN)["nobody"]
    assert (nobody.passed, nobody.field, nobody.clause) == (False, "members", "")
    one = member()
    twice = whole(EnrolmentFacts(Channel.WORKER, (one, member(), one), NO_UNIT), TIANJIN)["named_twice"]
    assert (twice.passed, twice.field, twice.clause) == (False, "members", "")
    fine = whole(EnrolmentFacts(Channel.WORKER, (one, member()), NO_UNIT), TIANJIN)
    assert fine["nobody"].passed and fine["named_twice"].passed


def test_the_way_of_joining_is_the_plans_and_its_clause_is_cited() -> None:
    alone = whole(EnrolmentFacts(Channel.WORKER, (member(sex="female"),), NO_UNIT), WOMEN)["channel"]
    assert WOMEN.group is not None
    assert (alone.passed, alone.field, alone.clause) == (False, "plan", WOMEN.group.clause)
    assert "不能个人参保" in alone.zh
    for_workers = msgspec.structs.replace(TIANJIN, channels=(Channel.WORKER,))
    by_unit = whole(EnrolmentFacts(Channel.UNIT, (member(),), NO_UNIT), for_workers)["channel"]
    assert (by_unit.passed, by_unit.field, by_unit.clause) == (False, "plan", TIANJIN.start.clause)
    assert "由职工本人参保" in by_unit.zh
    assert whole(EnrolmentFacts(Channel.UNIT, (member(),), NO_UNIT), TIANJIN)["channel"].passed


def test_a_workers_own_enrolment_waits_for_every_person_and_a_units_does_not() -> None:
    fine, foreign = member(), member(who=None)
    assert not whole(EnrolmentFacts(Channel.WORKER, (fine, foreign), NO_UNIT), TIANJIN)["not_family"].passed
    by_unit = whole(EnrolmentFacts(Channel.UNIT, (fine, foreign), NO_UNIT), TIANJIN)
    assert set(by_unit) == {"channel", "nobody", "named_twice", "nobody_accepted"}
    assert by_unit["nobody_accepted"].passed
    none = whole(EnrolmentFacts(Channel.UNIT, (foreign,), NO_UNIT), TIANJIN)["nobody_accepted"]
    assert (none.passed, none.field, none.clause) == (False, "members", "")


def test_one_accepted_person_is_enough_where_a_plan_sets_no_group() -> None:
    (some,) = policy.check_group(TIANJIN, 1, NO_UNIT)
    assert some.passed and "1 人" in some.zh


def test_a_group_of_exactly_the_percent_is_enough_and_one_less_is_told_what_is_missing() -> None:
    assert WOMEN.group is not None
    _, persons, percent = policy.check_group(WOMEN, 60, UnitFacts(100, 0, None))
    assert persons.passed and percent.passed
    assert "60%" in percent.zh and "100 人" in percent.zh
    _, _, percent = policy.check_group(WOMEN, 118, UnitFacts(200, 1, None))
    assert percent.zh == "占可参保职工 200 人的 59%,低于 60%,还差 1 人"
    assert percent.en == "59% of the 200 who could join; 60% needs 1 more"
    assert (percent.field, percent.clause) == ("members", WOMEN.group.clause)
    _, persons, percent = policy.check_group(WOMEN, 12, UnitFacts(20, 5, None))
    assert "参保 17 人,不足 20 人,还差 3 人" in persons.zh
    assert "17 persons; at least 20: 3 missing" in persons.en
    assert (persons.field, persons.clause) == ("members", WOMEN.group.clause)
    assert percent.passed and "85%" in percent.zh


def test_a_unit_of_whom_nobody_could_join_reaches_no_percent() -> None:
    _, _, percent = policy.check_group(WOMEN, 0, UnitFacts(0, 0, None))
    assert "0 人的 0%" in percent.zh


@pytest.mark.parametrize(
    ("joined", "could_join", "missing"),
    [(0, 1000, 600), (600, 1000, 0), (599, 1000, 1), (600, 1001, 1), (700, 1000, 0)],
)
def test_persons_missing_to_the_percent_are_whole(joined: int, could_join: int, missing: int) -> None:
    assert policy.missing_for_percent(joined, could_join, 60) == missing


@pytest.mark.parametrize(
    ("terms", "sex", "born_on", "counts"),
    [
        (WOMEN, "female", date(2010, 3, 2), True),
        (WOMEN, "female", date(2010, 3, 3), False),
        (WOMEN, "female", date(1966, 3, 3), True),
        (WOMEN, "female", date(1966, 3, 2), False),
        (WOMEN, "male", date(1990, 1, 1), False),
        (WOMEN, "female", None, False),
        (TIANJIN, "male", date(1969, 1, 1), True),
        (TIANJIN, "female", date(1969, 1, 1), False),
    ],
)
def test_a_groups_percent_is_of_those_whom_the_plan_takes_by_sex_and_age(
    terms: PlanTerms, sex: str, born_on: date | None, counts: bool
) -> None:
    assert policy.could_join(terms, sex, born_on, TODAY) is counts


def test_a_set_first_day_is_told_as_the_day_and_every_other_rule_in_words() -> None:
    fixed = msgspec.structs.replace(TIANJIN.start, rule=StartRule.FIXED, on=date(2026, 7, 1))
    zh, en = policy.starts_in_words(msgspec.structs.replace(TIANJIN, start=fixed))
    assert "2026-07-01" in zh and "2026-07-01" in en
    for rule in StartRule:
        start = msgspec.structs.replace(TIANJIN.start, rule=rule)
        assert all(policy.starts_in_words(msgspec.structs.replace(TIANJIN, start=start)))
