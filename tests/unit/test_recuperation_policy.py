"""The rules of rest and recuperation at their edges, each with the clause it cites."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from backend.applications.programme import Ruleset
from backend.operations.demo_reference import POLICIES
from backend.recuperation.facts import (
    BatchFacts,
    EarlierStay,
    HonourHeld,
    Service,
    ServiceRecord,
    StayFacts,
    StayRequestFacts,
)
from backend.recuperation.policy import check_batch, check_submission, points

RULES = Ruleset([(rules, clause) for _, rules, clause in POLICIES])
TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)

BATCH = BatchFacts(
    id=UUID(int=1),
    state="open",
    starts_on=date(2026, 5, 11),
    ends_on=date(2026, 5, 17),
    area_code="370212",
    home_province="37",
    companion_rule="self_paid",
    opens_at=datetime(2026, 3, 1, tzinfo=UTC),
    closes_at=datetime(2026, 3, 20, tzinfo=UTC),
    emergency_ended_on=date(2023, 1, 8),
)
RECORD = ServiceRecord(
    state="verified",
    population="frontline_medical",
    born_on=date(1985, 6, 15),
    joined_unit_on=date(2015, 7, 1),
    services=(Service("other_province", date(2020, 2, 9), date(2020, 3, 22)),),
    honours=(HonourHeld("province", date(2020, 9, 8)),),
    stays=(),
    consents=("personal_data", "sensitive_data", "share_with_sanatorium"),
)
REQUEST = StayRequestFacts(
    companions=1,
    health_declared=True,
    fit_to_travel=True,
    merit_evidenced=True,
    has_live_request=False,
    has_quota=True,
)
FACTS = StayFacts(RECORD, REQUEST, BATCH)


def with_(**parts: dict[str, Any]) -> StayFacts:
    changed = {name: msgspec.structs.replace(getattr(FACTS, name), **values) for name, values in parts.items()}
    return msgspec.structs.replace(FACTS, **changed)


def broken(facts: StayFacts, now: datetime = NOW, today: date = TODAY) -> set[str]:
    return {check.code for check in check_submission(facts, RULES, now, today) if not check.passed}


def test_a_nurse_who_meets_every_rule() -> None:
    assert broken(FACTS) == set()


@dataclass(frozen=True)
class Edge:
    """A change of the facts and the rule that then fails; None where it still holds."""

    parts: dict[str, dict[str, Any]]
    code: str | None


EDGES = [
    Edge({"record": {"state": "submitted"}}, "record_not_verified"),
    Edge({"record": {"population": "frontline_worker"}}, "population_not_entitled"),
    Edge({"record": {"population": "key_project_builder"}}, "population_not_entitled"),
    Edge({"record": {"services": ()}}, "no_frontline_service"),
    Edge({"record": {"joined_unit_on": date(2023, 3, 2)}}, None),
    Edge({"record": {"joined_unit_on": date(2023, 3, 3)}}, "years_in_unit"),
    Edge({"record": {"born_on": date(1961, 5, 12)}}, None),
    Edge({"record": {"born_on": date(1961, 5, 11)}}, "age"),
    Edge({"record": {"born_on": None}}, "age"),
    Edge({"record": {"stays": (EarlierStay("370212", date(2025, 5, 11)),)}}, None),
    Edge({"record": {"stays": (EarlierStay("370212", date(2025, 5, 12)),)}}, "rotation_interval"),
    Edge({"record": {"consents": ("personal_data",)}}, "consent_missing"),
    Edge({"request": {"merit_evidenced": False}}, "merit_not_evidenced"),
    Edge({"request": {"health_declared": False}}, "health_not_declared"),
    Edge({"request": {"fit_to_travel": False}}, "health_not_declared"),
    Edge({"request": {"companions": 2}}, None),
    Edge({"request": {"companions": 3}}, "too_many_companions"),
    Edge({"batch": {"companion_rule": "none"}}, "too_many_companions"),
    Edge({"request": {"has_live_request": True}}, "already_applied"),
    Edge({"request": {"has_quota": False}}, "no_quota"),
    Edge({"batch": {"emergency_ended_on": None}}, "emergency_not_ended"),
    Edge({"batch": {"emergency_ended_on": TODAY}}, "emergency_not_ended"),
    Edge({"batch": {"emergency_ended_on": date(2026, 3, 1)}}, None),
    Edge({"batch": {"state": "allocated"}}, "window_closed"),
    Edge({"batch": {"opens_at": NOW}}, None),
    Edge({"batch": {"closes_at": NOW}}, "window_closed"),
]


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: f"{edge.parts}")
def test_each_rule_at_its_edge(edge: Edge) -> None:
    assert broken(with_(**edge.parts)) == ({edge.code} if edge.code else set())


def test_another_province_is_not_within_three_years_of_another() -> None:
    abroad: dict[str, dict[str, Any]] = {"batch": {"area_code": "341003"}}
    earlier: dict[str, dict[str, Any]] = {"record": {"stays": (EarlierStay("341003", date(2023, 5, 12)),)}}
    assert broken(with_(**abroad, **earlier)) == {"rotation_interval"}
    at_home: dict[str, dict[str, Any]] = {"record": {"stays": (EarlierStay("370212", date(2025, 12, 1)),)}}
    assert broken(with_(**abroad, **at_home)) == set()


def test_everything_wrong_is_said_at_once_and_cites_its_clause() -> None:
    nothing = msgspec.structs.replace(FACTS, record=None)
    assert broken(nothing) == {
        "record_not_verified",
        "population_not_entitled",
        "no_frontline_service",
        "years_in_unit",
        "age",
        "consent_missing",
    }
    cited = {check.code: check.clause for check in check_submission(nothing, RULES, NOW, TODAY)}
    assert "泰会办〔2020〕7号" in cited["population_not_entitled"]
    assert "山东省 2017" in cited["years_in_unit"]


def test_points_line_by_line() -> None:
    assert {line.code: line.points for line in points(FACTS, RULES)} == {
        "front_days": 43,
        "dispatch": 20,
        "honours": 15,
        "never_been": 8,
    }


def test_days_at_the_front_are_capped_and_open_ended_service_ends_with_the_emergency() -> None:
    long = with_(record={"services": (Service("none", date(2022, 1, 1), None),)})
    lines = {line.code: line.points for line in points(long, RULES)}
    assert lines["front_days"] == 60
    assert lines["dispatch"] == 0
    last_day = with_(record={"services": (Service("none", date(2023, 1, 8), None),)})
    assert points(last_day, RULES)[0].points == 1


def test_a_batch_is_bounded_by_policy() -> None:
    def codes(batch: BatchFacts, quotas: list[int], cost: int) -> set[str]:
        return {violation.code for violation in check_batch(batch, quotas, 20, cost, RULES)}

    assert codes(BATCH, [10, 10], 60_000) == set()
    assert codes(BATCH, [10, 11], 60_000) == {"quotas_beyond_capacity"}
    assert codes(BATCH, [], 60_001) == {"batch_too_dear"}
    longer = msgspec.structs.replace(BATCH, ends_on=date(2026, 5, 18))
    assert codes(longer, [], 0) == {"batch_too_long"}
    late = msgspec.structs.replace(BATCH, closes_at=datetime(2026, 5, 11, 1, tzinfo=UTC))
    assert codes(late, [], 0) == {"window_after_start"}


#: What each rule cites and points at; the batch's own quota and window rest on no clause.
CITED = {
    "record_not_verified": ("populations", "record"),
    "population_not_entitled": ("populations", "record.population"),
    "no_frontline_service": ("populations", "record.service_periods"),
    "years_in_unit": ("min_years_in_unit", "record.joined_unit_on"),
    "age": ("age_below", "record.born_on"),
    "merit_not_evidenced": ("merit_evidence", "papers.merit"),
    "emergency_not_ended": ("after_emergency", "batch"),
    "health_not_declared": ("health_declaration", "health"),
    "too_many_companions": ("max_companions", "companions"),
    "already_applied": ("one_request_per_batch", "batch"),
    "rotation_interval": ("interval_years", "record.stays"),
    "no_quota": (None, "batch"),
    "window_closed": (None, "batch"),
}


def test_each_rule_cites_its_clause_and_points_at_its_field() -> None:
    found = {check.code: (check.clause, check.field) for check in check_submission(FACTS, RULES, NOW, TODAY)}
    assert found.pop("consent_missing") == ("个人信息保护法 第二十三、二十九条", "consents")
    assert found == {code: (RULES.clause(key) if key else "", field) for code, (key, field) in CITED.items()}
    abroad = with_(batch={"area_code": "341003"})
    rotation = {check.code: check.clause for check in check_submission(abroad, RULES, NOW, TODAY)}["rotation_interval"]
    assert rotation == RULES.clause("cross_province_interval_years") != RULES.clause("interval_years")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"services": (), "honours": ()}, (0, 0, 0, 8)),
        ({"stays": (EarlierStay("370212", date(2020, 5, 1)),)}, (43, 20, 15, 0)),
        ({"services": (Service("elsewhere", date(2020, 2, 9), date(2020, 2, 9)),)}, (1, 0, 15, 8)),
        ({"services": (Service("in_province", date(2020, 2, 9), date(2020, 2, 8)),)}, (0, 10, 15, 8)),
        (
            {
                "services": (
                    Service("in_province", date(2020, 2, 1), date(2020, 2, 10)),
                    Service("other_province", date(2020, 3, 1), date(2020, 3, 5)),
                ),
                "honours": (HonourHeld("unit", date(2020, 9, 8)), HonourHeld("city", date(2021, 9, 8))),
            },
            (15, 20, 10, 8),
        ),
        ({"honours": (HonourHeld("street", date(2020, 9, 8)),)}, (43, 20, 0, 8)),
    ],
)
def test_points_of_other_records(record: dict[str, Any], expected: tuple[int, ...]) -> None:
    assert tuple(line.points for line in points(with_(record=record), RULES)) == expected


def test_points_without_a_record_or_an_end_and_the_clauses_they_cite() -> None:
    assert [line.points for line in points(msgspec.structs.replace(FACTS, record=None), RULES)] == [0, 0, 0, 0]
    endless = with_(record={"services": (Service("none", date(2020, 2, 9), None),)}, batch={"emergency_ended_on": None})
    assert points(endless, RULES)[0].points == 0
    late = with_(record={"services": (Service("none", date(2023, 1, 9), None),)})
    assert points(late, RULES)[0].points == 0
    keys = ("points_per_front_day", "dispatch_points", "honour_points", "never_been_points")
    assert [line.clause for line in points(FACTS, RULES)] == [RULES.clause(key) for key in keys]


def test_what_is_wrong_with_a_batch_points_at_its_field_and_cites_its_clause() -> None:
    wrong = msgspec.structs.replace(BATCH, ends_on=date(2026, 5, 18), closes_at=datetime(2026, 5, 12, 1, tzinfo=UTC))
    assert [(one.code, one.field, one.clause) for one in check_batch(wrong, [21], 20, 60_001, RULES)] == [
        ("batch_too_long", "ends_on", RULES.clause("max_days")),
        ("batch_too_dear", "cost_per_day_fen", RULES.clause("max_cost_per_day_fen")),
        ("quotas_beyond_capacity", "quotas", ""),
        ("window_after_start", "closes_at", ""),
    ]
    for_free = Ruleset([(rules, clause) for _, rules, clause in POLICIES if "max_cost_per_day_fen" not in rules])
    assert check_batch(BATCH, [20], 20, 10**9, for_free) == []
    eve = msgspec.structs.replace(BATCH, closes_at=datetime(2026, 5, 10, 23, tzinfo=UTC))
    assert check_batch(eve, [20], 20, 60_000, RULES) == []
