"""The rules of a commendation at their edges: ratios as published, bars, lengths, clearances, order, publishing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from backend.applications.judgement import RuleCheck
from backend.applications.lifecycle import StageKind, SubjectKind
from backend.applications.programme import ProgrammeContent, check_content
from backend.commendation import policy
from backend.commendation.facts import (
    CampaignFacts,
    ClearanceFact,
    HonourFact,
    IncidentFact,
    NominationFacts,
    Nominee,
)
from backend.commendation.published import BARS, JINAN_2016, NATIONAL_2022, NINGXIA_2021
from backend.commendation.terms import (
    Authority,
    Bar,
    CampaignTerms,
    Category,
    Incident,
    PriorityRule,
    Ratio,
    Trait,
    check_terms,
)
from backend.commendation.workflow import CITY_ROUTE, NATIONAL_ROUTE, PAPERS
from backend.operations.demo_awards import CITY_TERMS
from backend.registry.kinds import HonourLevel

TODAY = date(2026, 3, 16)
NOW = datetime(2026, 3, 16, 2, 0, tzinfo=UTC)


def slate(*groups: tuple[int, tuple[Trait, ...]], kind: SubjectKind = SubjectKind.PERSON) -> list[Nominee]:
    """So many nominees of each set of traits."""
    return [Nominee(kind, traits) for count, traits in groups for _ in range(count)]


def broken(mains: Sequence[Nominee], ratios: Sequence[Ratio]) -> dict[str, tuple[int, int, int]]:
    """The broken ratios with count, base and how many are missing or over."""
    return {
        check.ratio.key: (check.count, check.base, check.short)
        for check in policy.check_ratios(mains, ratios)
        if not check.passed
    }


def test_jinan_2016_one_woman_short() -> None:
    front, technical, woman, head = (Trait.FRONTLINE,), (Trait.PROFESSIONAL,), (Trait.WOMAN,), (Trait.HEAD,)
    mains = slate((4, (*front, *woman)), (5, front), (8, technical), (3, head))
    assert broken(mains, JINAN_2016) == {}
    one_less = slate((3, (*front, *woman)), (6, front), (8, technical), (3, head))
    assert broken(one_less, JINAN_2016) == {"women": (3, 20, 1)}
    (check,) = [check for check in policy.check_ratios(one_less, JINAN_2016) if not check.passed]
    told = check.check()
    assert told.zh == "女职工 3/20(15.0%),要求 ≥20%,缺 1"
    assert told.en == "Women 3 of 20 (15.0 %), wanted at least 20 %: 1 short"
    assert told.clause == "济南市 2016 年五一劳动奖评选通知 评选比例"


def test_jinan_2016_heads_and_crews() -> None:
    woman = (Trait.FRONTLINE, Trait.PROFESSIONAL, Trait.WOMAN)
    assert broken(slate((17, woman), (3, (Trait.HEAD,))), JINAN_2016) == {}
    assert broken(slate((16, woman), (4, (Trait.HEAD,))), JINAN_2016) == {"heads": (4, 20, 1)}
    crews = slate((7, (Trait.CREW,)), (3, ()), kind=SubjectKind.TEAM)
    assert broken(crews, JINAN_2016) == {}
    assert broken(crews[1:], JINAN_2016) == {"crews": (6, 9, 1)}


def test_national_2022() -> None:
    mains = slate(
        (7, (Trait.PRODUCTION_WORKER, Trait.NON_PUBLIC)),
        (4, (Trait.PROFESSIONAL,)),
        (4, (Trait.SCIENCE_EDUCATION,)),
        (2, (Trait.MIGRANT_WORKER, Trait.NON_PUBLIC)),
        (3, ()),
    )
    assert broken(mains, NATIONAL_2022) == {}
    short = slate(
        (6, (Trait.PRODUCTION_WORKER, Trait.NON_PUBLIC)),
        (3, (Trait.FRONTLINE,)),
        (3, (Trait.SCIENCE_EDUCATION,)),
        (1, (Trait.MIGRANT_WORKER,)),
        (7, ()),
    )
    assert broken(short, NATIONAL_2022) == {
        "production": (6, 20, 1),
        "front": (3, 20, 1),
        "science": (3, 20, 1),
        "migrant": (1, 20, 1),
        "non_public_person": (6, 20, 1),
    }
    units = slate((1, (Trait.NON_PUBLIC,)), (2, ()), kind=SubjectKind.UNIT)
    assert broken([*mains, *units], NATIONAL_2022) == {"non_public_unit": (1, 3, 1)}


def test_ningxia_counts_county_cadres_among_public_institutions_alone() -> None:
    cadre = (Trait.PUBLIC_INSTITUTION, Trait.COUNTY_CADRE)
    mains = slate((1, cadre), (4, (Trait.PUBLIC_INSTITUTION,)), (95, ()))
    assert broken(mains, NINGXIA_2021) == {}
    assert broken(slate((1, cadre), (3, (Trait.PUBLIC_INSTITUTION,)), (96, ())), NINGXIA_2021) == {
        "county_cadres": (1, 4, 1)
    }
    assert broken(slate((13, (Trait.HEAD,)), (87, ())), NINGXIA_2021) == {}
    assert broken(slate((14, (Trait.HEAD,)), (86, ())), NINGXIA_2021) == {"heads": (14, 100, 1)}


@pytest.mark.parametrize("ratio", [*NATIONAL_2022, *NINGXIA_2021, *JINAN_2016], ids=lambda ratio: ratio.key)
def test_each_published_ratio_at_its_very_limit(ratio: Ratio) -> None:
    """Of a hundred: the limit itself holds, one less than the least or one more than the most does not."""
    for limit, past in ((ratio.least_percent, -1), (ratio.most_percent, 1)):
        if limit is None:
            continue
        for count, holds in ((limit, True), (limit + past, False)):
            mains = slate((count, (*ratio.any_of, *ratio.of)), (100 - count, ratio.of), kind=ratio.kinds[0])
            (check,) = policy.check_ratios(mains, [ratio])
            assert (check.passed, check.base, bool(check.ratio.clause)) == (holds, 100, True)


def test_an_empty_slate_breaks_no_ratio() -> None:
    assert broken([], [*NATIONAL_2022, *NINGXIA_2021, *JINAN_2016]) == {}


@pytest.mark.parametrize(
    ("years", "on", "free"),
    [
        (0, date(2026, 1, 1), date(2027, 1, 1)),
        (0, date(2026, 12, 31), date(2027, 1, 1)),
        (3, date(2023, 3, 16), date(2026, 3, 16)),
        (3, date(2023, 3, 17), date(2026, 3, 17)),
        (3, date(2024, 2, 29), date(2027, 3, 1)),
        (4, date(2024, 2, 29), date(2028, 2, 29)),
    ],
)
def test_a_bar_ends_on_the_day(years: int, on: date, free: date) -> None:
    bar = Bar(Incident.ACCIDENT, years, "第三条")
    assert policy.barred_until(bar, on) == free
    incidents = [IncidentFact(Incident.ACCIDENT, on)]
    day_before = free - date.resolution
    assert [
        policy.check_incidents(incidents, Category.ENTERPRISE, [bar], day)[0].passed for day in (day_before, free)
    ] == [False, True]


def test_a_worker_does_not_answer_for_the_employers_arrears() -> None:
    arrears = [IncidentFact(Incident.WAGE_ARREARS, TODAY)]
    assert all(check.passed for check in policy.check_incidents(arrears, Category.WORKER, BARS, TODAY))
    head = policy.check_incidents(arrears, Category.ENTERPRISE_HEAD, BARS, TODAY)
    assert [check.code for check in head if not check.passed] == ["bar_wage_arrears"]


def facts(**changed: object) -> NominationFacts:
    usual = NominationFacts(
        kind=SubjectKind.PERSON,
        category=Category.WORKER,
        by_oneself=False,
        traits=(Trait.FRONTLINE,),
        merit_count=1000,
        deed="长期坚守重症救治一线。",
        foreigner=False,
        honours=(HonourFact("全省先进", HonourLevel.PROVINCE, date(2020, 9, 8)),),
        incidents=(),
        places=3,
        campaign=CampaignFacts("open", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)),
    )
    return msgspec.structs.replace(usual, **changed)


def codes(found: NominationFacts, terms: CampaignTerms = CITY_TERMS, now: datetime = NOW) -> list[str]:
    """The rules that a nomination breaks."""
    return [check.code for check in policy.check_nomination(found, terms, now, TODAY) if not check.passed]


@pytest.mark.parametrize(
    ("count", "expected"), [(99, ["merit_length"]), (100, []), (2000, []), (2001, ["merit_length"])]
)
def test_the_length_of_a_statement_at_its_edges(count: int, expected: list[str]) -> None:
    assert codes(facts(merit_count=count)) == expected


def test_characters_are_counted_as_people_count_them() -> None:
    assert policy.characters("古丽·买买提,\n 𠮷玉山 A1\u3000。") == 13
    assert policy.characters(" \t\r\n\u3000") == 0


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"places": 0}, ["quota_none"]),
        ({"by_oneself": True}, ["self_nomination"]),
        ({"foreigner": True}, ["foreigner"]),
        ({"kind": SubjectKind.UNIT, "category": Category.ENTERPRISE}, ["kind_not_asked"]),
        ({"category": Category.TEAM}, ["kind_not_asked"]),
        ({"deed": ""}, ["deed_length"]),
        ({"deed": "长" * 61}, ["deed_length"]),
        ({"deed": "电话 13800370001"}, ["notice_number"]),
        ({"deed": "电话 88370001"}, ["notice_phone"]),
        ({"honours": (HonourFact(CITY_TERMS.honour, HonourLevel.CITY, date(2022, 5, 1)),)}, ["repeat_award"]),
    ],
)
def test_each_rule_of_a_nomination(changed: dict[str, object], expected: list[str]) -> None:
    assert codes(facts(**changed)) == expected


def test_all_broken_rules_are_told_at_once() -> None:
    wrong = facts(places=0, by_oneself=True, foreigner=True, merit_count=1, deed="")
    late = datetime(2026, 3, 31, tzinfo=UTC)
    assert sorted(codes(wrong, now=late)) == [
        "deed_length",
        "foreigner",
        "merit_length",
        "quota_none",
        "self_nomination",
        "window_closed",
    ]


def test_a_national_award_asks_for_a_provincial_honour_first() -> None:
    terms = msgspec.structs.replace(CITY_TERMS, prior_honour=HonourLevel.PROVINCE, prior_honour_clause="省部级荣誉基础")
    assert codes(facts(), terms) == []
    lesser = (HonourFact("市先进", HonourLevel.CITY, date(2020, 9, 8)),)
    assert codes(facts(honours=lesser), terms) == ["prior_honour"]
    higher = (HonourFact("全国先进", HonourLevel.NATIONAL, date(2020, 9, 8)),)
    assert codes(facts(honours=higher), terms) == []


POLICE = Authority("police", "公安机关", "Police", (Category.WORKER,), 180, "第五条")


@pytest.mark.parametrize(
    ("reply", "passes", "words"),
    [
        (None, False, "尚未回复"),
        (ClearanceFact("police", True, TODAY, TODAY, "同意", True), True, "同意"),
        (
            ClearanceFact("police", True, date(2025, 9, 1), date(2026, 3, 15), "同意", True),
            False,
            "已于 2026-03-15 到期",
        ),
        (ClearanceFact("police", False, TODAY, TODAY, "有行政处罚", True), False, "不同意:有行政处罚"),
        (ClearanceFact("police", True, TODAY, TODAY, "同意", False), False, "缺少公安机关盖章的回复"),
    ],
)
def test_a_clearance_that_is_missing_expired_negative_or_unstamped_blocks(
    reply: ClearanceFact | None, passes: bool, words: str
) -> None:
    (check,) = policy.check_clearances({"police": reply} if reply else {}, [POLICE], TODAY)
    assert (check.passed, words in check.zh) == (passes, True)


@pytest.mark.parametrize(
    ("members", "present", "votes", "expected"),
    [
        (60, 40, 31, []),
        (60, 39, 31, ["meeting_quorum"]),
        (60, 40, 30, ["meeting_majority"]),
        (60, 61, 31, ["meeting_present"]),
        (60, 40, 41, ["meeting_votes"]),
        (0, 0, 0, ["meeting_present", "meeting_majority"]),
    ],
)
def test_a_meeting_needs_its_quorum_and_its_majority(
    members: int, present: int, votes: int, expected: list[str]
) -> None:
    assert [found.code for found in policy.check_meeting(members, present, votes, 50)] == expected


def test_priority_orders_and_never_lifts() -> None:
    tie, first, none = PriorityRule.TIE, PriorityRule.FIRST, PriorityRule.NONE
    assert policy.order_points(8000, True, tie) > policy.order_points(8000, False, tie)
    assert policy.order_points(8000, True, tie) < policy.order_points(8001, False, tie)
    assert policy.order_points(0, True, first) > policy.order_points(10_000, False, first)
    assert policy.order_points(8000, True, none) == policy.order_points(8000, False, none)


def content(terms: CampaignTerms = CITY_TERMS, **changed: object) -> ProgrammeContent:
    stored: dict[str, object] = msgspec.to_builtins(terms)
    return msgspec.structs.replace(ProgrammeContent(CITY_ROUTE, PAPERS, (), "依据", stored), **changed)


def test_the_usual_routes_can_be_published() -> None:
    for route in (CITY_ROUTE, NATIONAL_ROUTE):
        assert check_content(content(route=route)) == []
        assert check_terms(content(route=route)) == []
    kinds = [stage.kind for stage in NATIONAL_ROUTE]
    assert (kinds.count(StageKind.NOTICE), kinds.count(StageKind.COMMITTEE)) == (3, 2)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"quota_mains": 0}, "terms_quota"),
        ({"honour": " "}, "terms_honour"),
        ({"kinds": ()}, "terms_kinds"),
        ({"merit_least": 3000}, "terms_lengths"),
        ({"authorities": ()}, "terms_clearance"),
        ({"authorities": (POLICE, POLICE)}, "terms_authorities"),
        ({"bars": (Bar(Incident.FRAUD, -1, "x"),)}, "terms_bars"),
        ({"ratios": (JINAN_2016[0], JINAN_2016[0])}, "terms_ratios"),
        ({"ratios": (msgspec.structs.replace(JINAN_2016[0], least_percent=101),)}, "terms_ratio"),
        ({"ratios": (msgspec.structs.replace(JINAN_2016[0], clause=""),)}, "terms_ratio"),
        ({"ratios": (msgspec.structs.replace(JINAN_2016[0], least_percent=50, most_percent=40),)}, "terms_ratio"),
    ],
)
def test_terms_that_nobody_could_meet_are_not_published(changed: dict[str, object], expected: str) -> None:
    terms = msgspec.structs.replace(CITY_TERMS, **changed)
    assert expected in {found.code for found in check_terms(content(terms))}


def test_terms_that_cannot_be_read_are_told_so() -> None:
    assert [found.code for found in check_terms(msgspec.structs.replace(content(), terms={"honour": 1}))] == [
        "terms_unreadable"
    ]
    short = tuple(stage for stage in CITY_ROUTE if stage.kind is not StageKind.ALLOCATION)
    assert "terms_route" in {found.code for found in check_terms(content(route=short))}


def told(found: NominationFacts, terms: CampaignTerms = CITY_TERMS, now: datetime = NOW) -> dict[str, RuleCheck]:
    """Every rule of a nomination by its code."""
    checks = policy.check_nomination(found, terms, now, TODAY)
    assert len({check.code for check in checks}) == len(checks)
    return {check.code: check for check in checks}


STRICT = msgspec.structs.replace(
    CITY_TERMS,
    prior_honour=HonourLevel.PROVINCE,
    prior_honour_clause="省部级荣誉基础",
    bars=(Bar(Incident.FRAUD, 3, "第三条"), Bar(Incident.WAGE_ARREARS, 0, "第四条", (Category.ENTERPRISE_HEAD,))),
)
HAS_HONOUR = HonourFact(CITY_TERMS.honour, HonourLevel.CITY, date(2022, 5, 1))


@pytest.mark.parametrize(
    ("changed", "code", "field", "clause", "words"),
    [
        (
            {"campaign": msgspec.structs.replace(facts().campaign, state="closed")},
            "window_closed",
            "campaign",
            "",
            "不在推荐时间内",
        ),
        ({"category": Category.TEAM}, "kind_not_asked", "subject", "", "集体"),
        ({"places": 0}, "quota_none", "campaign", "", "没有名额"),
        ({"by_oneself": True}, "self_nomination", "subject", "自下而上、逐级推荐", "不接受自荐"),
        ({"merit_count": 99}, "merit_length", "merit", CITY_TERMS.merit_clause, "99 字,应为 100 至 2000 字"),
        ({"deed": "长" * 61}, "deed_length", "deed", "", "61 字,应为 1 至 60 字"),
        ({"deed": "患有糖尿病"}, "notice_illness", "deed", "公示去标识化要求:只公示姓名、单位、事迹", "健康"),
        ({"foreigner": True}, "foreigner", "subject", CITY_TERMS.foreigners_barred, "外国人"),
        ({"honours": (HAS_HONOUR,)}, "repeat_award", "subject", CITY_TERMS.repeat_barred, CITY_TERMS.honour),
        ({"honours": ()}, "prior_honour", "subject", "省部级荣誉基础", "省级"),
        (
            {"incidents": (IncidentFact(Incident.FRAUD, date(2024, 1, 1)),)},
            "bar_fraud",
            "subject",
            "第三条",
            "2027-01-01 前不得推荐(3 年内)",
        ),
    ],
)
def test_a_broken_rule_points_at_the_input_cites_its_clause_and_says_what_is_wrong(
    changed: dict[str, object], code: str, field: str, clause: str, words: str
) -> None:
    check = told(facts(**changed), STRICT)[code]
    assert (check.passed, check.field, check.clause) == (False, field, clause)
    assert words in check.zh
    assert check.en


def test_rules_that_are_met_are_told_with_the_same_input_and_clause() -> None:
    met = told(facts(), STRICT)
    assert all(check.passed and check.zh and check.en for check in met.values())
    assert {check.field for check in met.values()} == {"campaign", "subject", "merit", "deed"}
    assert met["prior_honour"].clause == "省部级荣誉基础"
    assert "3 个" in met["quota_none"].zh and "1000 字" in met["merit_length"].zh


def test_a_campaign_opens_on_its_first_instant_and_is_closed_on_its_last() -> None:
    opens, closes = facts().campaign.opens_at, facts().campaign.closes_at
    second = timedelta(seconds=1)
    for now, inside in ((opens - second, False), (opens, True), (closes - second, True), (closes, False)):
        assert told(facts(), now=now)["window_closed"].passed is inside


def test_one_place_is_enough_and_a_campaign_may_take_those_who_nominate_themselves() -> None:
    assert codes(facts(places=1)) == []
    assert codes(facts(by_oneself=True), msgspec.structs.replace(CITY_TERMS, self_nomination=True)) == []


def test_a_public_deed_has_one_to_sixty_characters_without_white_space() -> None:
    for deed in ("长", "长" * 60, "长 " * 60):
        assert codes(facts(deed=deed)) == []
    assert codes(facts(deed=" \n")) == ["deed_length"]


def test_terms_that_bar_nobody_ask_nothing() -> None:
    free = msgspec.structs.replace(CITY_TERMS, foreigners_barred="", repeat_barred="")
    assert codes(facts(foreigner=True, honours=(HAS_HONOUR,)), free) == []
    assert not {"foreigner", "repeat_award"} & set(told(facts(), free))


def test_a_prior_honour_is_asked_of_persons_alone_and_one_of_many_will_do() -> None:
    lesser = HonourFact("市先进", HonourLevel.CITY, date(2020, 9, 8))
    assert codes(facts(honours=(lesser, facts().honours[0])), STRICT) == []
    team = facts(kind=SubjectKind.TEAM, category=Category.TEAM, honours=())
    assert codes(team, STRICT) == []


def test_bars_count_the_days_on_record_for_the_nominees_own_category() -> None:
    fraud = (IncidentFact(Incident.FRAUD, date(2023, 3, 17)),)
    assert codes(facts(incidents=fraud), STRICT) == ["bar_fraud"]
    over = (IncidentFact(Incident.FRAUD, date(2023, 3, 16)),)
    assert codes(facts(incidents=over), STRICT) == []
    arrears = (IncidentFact(Incident.WAGE_ARREARS, TODAY),)
    assert codes(facts(incidents=arrears), STRICT) == []
    assert codes(facts(incidents=arrears, category=Category.ENTERPRISE_HEAD), STRICT) == ["bar_wage_arrears"]


def test_the_last_of_several_incidents_decides_and_a_bar_of_others_is_passed_over() -> None:
    others, all_ = Bar(Incident.FRAUD, 5, "甲", (Category.TEAM,)), Bar(Incident.ACCIDENT, 3, "乙")
    record = [
        IncidentFact(Incident.ACCIDENT, date(2024, 1, 1)),
        IncidentFact(Incident.ACCIDENT, date(2020, 1, 1)),
        IncidentFact(Incident.FRAUD, TODAY),
    ]
    (check,) = policy.check_incidents(record, Category.WORKER, [others, all_], TODAY)
    assert (check.code, check.passed, check.clause, check.field) == ("bar_accident", False, "乙", "subject")
    assert "2027-01-01" in check.zh and "2027-01-01" in check.en


def test_a_bar_of_the_year_is_told_as_the_year_and_others_in_years() -> None:
    for years, span in ((0, "当年"), (3, "3 年内")):
        (check,) = policy.check_incidents([], Category.WORKER, [Bar(Incident.FRAUD, years, "x")], TODAY)
        assert check.passed and check.zh.startswith(span)


def test_each_authority_answers_for_itself_and_a_reply_is_cited_by_its_clause() -> None:
    tax = Authority("tax", "税务部门", "Tax office", (Category.ENTERPRISE,), 180, "第六条")
    reply = ClearanceFact("police", True, date(2026, 3, 1), date(2026, 8, 28), "同意", True)
    police, unasked = policy.check_clearances({"police": reply}, [POLICE, tax], TODAY)
    assert (police.code, police.field, police.clause) == ("clearance_police", "clearance_police", "第五条")
    assert police.passed and "2026-03-01,有效至 2026-08-28" in police.zh
    assert police.en == "Police: favourable (2026-03-01, good through 2026-08-28)"
    assert (unasked.code, unasked.field, unasked.clause) == ("clearance_tax", "clearance_tax", "第六条")
    assert not unasked.passed and unasked.en == "Tax office: no reply yet"


def test_a_ratio_is_told_in_figures_whether_it_holds_lacks_or_is_over() -> None:
    both = Ratio("women", "女职工", "Women", (Trait.WOMAN,), "示例", least_percent=20, most_percent=40)

    def said(women: int, of: int) -> RuleCheck:
        (check,) = policy.check_ratios(slate((women, (Trait.WOMAN,)), (of - women, ())), [both])
        return check.check()

    holds = said(1, 3)
    assert (holds.code, holds.passed, holds.field, holds.clause) == ("ratio_women", True, "slate", "示例")
    assert holds.zh == "女职工 1/3(33.3%),要求 ≥20%、≤40%"
    assert holds.en == "Women 1 of 3 (33.3 %), wanted at least 20 %, at most 40 %"
    assert said(19, 100).zh.endswith("缺 1")
    assert said(198, 1000).zh.endswith("缺 2")
    assert said(100, 501).zh.endswith("缺 1")
    assert said(43, 100).zh.endswith("多 3")
    assert said(43, 100).en.endswith(": 3 too many")
    assert said(20, 100).passed and said(40, 100).passed


def test_a_ratio_with_only_a_most_is_never_lacking() -> None:
    heads = JINAN_2016[2]
    (check,) = policy.check_ratios(slate((4, (Trait.HEAD,)), (16, ())), [heads])
    assert check.check().zh == "单位负责人 4/20(20.0%),要求 ≤15%,多 1"
    (empty,) = policy.check_ratios([], [heads])
    assert (empty.percent, empty.count, empty.base, empty.short) == (0.0, 0, 0, 0)


def test_a_ratio_that_holds_is_neither_short_nor_over() -> None:
    (check,) = policy.check_ratios(slate((5, (Trait.WOMAN,)), (5, ())), [JINAN_2016[3]])
    assert (check.passed, check.short, check.count, check.base) == (True, 0, 5, 10)


def test_points_are_whole_and_an_equal_score_differs_by_priority_alone() -> None:
    for rule, favoured, points in (
        (PriorityRule.NONE, True, 16_000),
        (PriorityRule.TIE, False, 16_000),
        (PriorityRule.TIE, True, 16_001),
        (PriorityRule.FIRST, False, 16_000),
        (PriorityRule.FIRST, True, 36_002),
    ):
        found = policy.order_points(8000, favoured, rule)
        assert (type(found), found) == (int, points)


@pytest.mark.parametrize(
    ("members", "present", "votes", "percent", "expected"),
    [
        (1, 1, 1, 50, []),
        (100_000, 100_000, 50_001, 50, []),
        (100_001, 100_001, 50_002, 50, [("meeting_present", "present", "")]),
        (60, 0, 0, 50, [("meeting_present", "present", ""), ("meeting_majority", "votes_for", "全体代表过半数")]),
        (60, 60, 60, 50, []),
        (60, 40, -1, 50, [("meeting_votes", "votes_for", "")]),
        (60, 39, 31, 50, [("meeting_quorum", "present", "三分之二以上代表出席")]),
        (60, 60, 40, 66, []),
        (100, 100, 66, 66, [("meeting_majority", "votes_for", "全体代表过半数")]),
        (100, 100, 67, 66, []),
    ],
)
def test_a_meetings_figures_are_judged_at_their_edges(
    members: int, present: int, votes: int, percent: int, expected: list[tuple[str, str, str]]
) -> None:
    found = policy.check_meeting(members, present, votes, percent)
    assert [(one.code, one.field) for one in found] == [(code, field) for code, field, _ in expected]
    assert all(
        clause in one.clause and bool(clause) == bool(one.clause)
        for one, (*_, clause) in zip(found, expected, strict=True)
    )
