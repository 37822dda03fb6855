"""What a union and its place in the tree must look like; whose rows a role reaches."""

from __future__ import annotations

from datetime import date
from itertools import product
from uuid import UUID

import pytest

from backend.columns import LEVEL_COLUMNS
from backend.identity import Actor, Binding, Level, Role
from backend.operations.demo_reference import UNIONS, union_code
from backend.unions.kinds import Line, UnionKind
from backend.unions.policy import Place, UnionInput, check_affiliation, check_from_on, check_union, check_uscc
from backend.unions.scope import in_scope, scope_sql

TODAY = date(2026, 3, 2)
LEVELS = list(Level)


@pytest.mark.parametrize("code", ["91350100M000100Y43", "813709009999000110", "1237090099990002XU"])
def test_good_credit_codes(code: str) -> None:
    assert check_uscc(code) == []


@pytest.mark.parametrize(
    "code",
    [
        "81370900999900011O",  # the letter O for a nought
        "813709009999OOO110",
        "813709009999000111",  # a wrong check character
        "81370900999900011",
        "8137090099990001100",
        "91350100m000100y43",
        "91350100-M000100Y43",
        "９1350100M000100Y43",
        " 813709009999000110",
        "I13709009999000110",
        "",
    ],
)
def test_bad_credit_codes(code: str) -> None:
    assert [violation.field for violation in check_uscc(code)] == ["uscc"]


def test_every_invented_union_is_well_described() -> None:
    for number, union in enumerate(UNIONS, start=1):
        entered = UnionInput(
            union.name, Level(union.level), union.kind, union_code(number, union.area_code), union.area_code
        )
        assert check_union(entered) == []


def test_everything_wrong_with_a_union_is_named_at_once() -> None:
    found = check_union(UnionInput(" x ", Level.UNIT, "castle", "813709009999000111", "37O900"))
    assert {violation.field for violation in found} == {"name", "kind", "uscc", "area_code"}


@pytest.mark.parametrize(("union", "parent"), list(product(LEVELS, LEVELS)))
def test_a_parent_stands_above(union: Level, parent: Level) -> None:
    found = check_affiliation(Place(union, "hospital"), Place(parent, "federation"), Line.PRIMARY)
    assert (found == []) is (LEVELS.index(parent) < LEVELS.index(union))


def test_along_the_industry_line_the_parent_is_an_industrial_union() -> None:
    hospital = Place(Level.UNIT, UnionKind.HOSPITAL)
    assert check_affiliation(hospital, Place(Level.COUNTY, UnionKind.INDUSTRY), Line.INDUSTRY) == []
    found = check_affiliation(hospital, Place(Level.COUNTY, UnionKind.FEDERATION), Line.INDUSTRY)
    assert [violation.code for violation in found] == ["parent_not_industry"]


@pytest.mark.parametrize(
    ("from_on", "present", "code"),
    [
        (date(2026, 3, 2), None, None),
        (date(2026, 3, 3), None, "date_in_future"),
        (date(2026, 3, 2), date(2026, 3, 1), None),
        (date(2026, 3, 1), date(2026, 3, 1), None),
        (date(2026, 2, 28), date(2026, 3, 1), "affiliation_too_early"),
    ],
)
def test_an_affiliation_follows_the_one_before(from_on: date, present: date | None, code: str | None) -> None:
    assert [violation.code for violation in check_from_on(from_on, present, TODAY)] == ([code] if code else [])


def actor(*bindings: tuple[Role, int, Level]) -> Actor:
    return Actor(
        UUID(int=99), "某", bindings=tuple(Binding(role, UUID(int=union), level) for role, union, level in bindings)
    )


#: A unit (5) of a county (4) of a city (3).
ROW = dict(zip(LEVEL_COLUMNS, (None, None, UUID(int=3), UUID(int=4), UUID(int=5)), strict=True))


@pytest.mark.parametrize(
    ("union", "level", "reached"),
    [
        (3, Level.CITY, True),
        (4, Level.COUNTY, True),
        (5, Level.UNIT, True),
        (6, Level.UNIT, False),
        (7, Level.CITY, False),
    ],
)
def test_a_role_reaches_its_subtree(union: int, level: Level, reached: bool) -> None:
    officer = actor((Role.UNIT_OFFICER, union, level))
    assert in_scope(officer, [Role.UNIT_OFFICER], ROW) is reached
    assert not in_scope(officer, [Role.AUDITOR], ROW)


def test_nobody_reaches_what_stands_on_no_line() -> None:
    assert not in_scope(actor((Role.AUDITOR, 3, Level.CITY)), [Role.AUDITOR], dict.fromkeys(LEVEL_COLUMNS))
    assert not in_scope(actor(), list(Role), ROW)


def test_a_condition_names_one_column_for_each_level() -> None:
    bound = actor((Role.AUDITOR, 4, Level.COUNTY), (Role.AUDITOR, 6, Level.COUNTY), (Role.AUDITOR, 3, Level.CITY))
    condition, params = scope_sql(bound.unions_as(Role.AUDITOR), "a", 2)
    assert condition == "(a.county_id = ANY($2) OR a.city_id = ANY($3))"
    assert params == [[UUID(int=4), UUID(int=6)], [UUID(int=3)]]
    assert scope_sql([], "a", 1) == ("false", [])


def test_each_thing_wrong_with_a_union_has_its_code_and_field() -> None:
    found = check_union(UnionInput(" x ", Level.UNIT, "castle", "813709009999000111", "37O900"))
    assert [(one.code, one.field) for one in found] == [
        ("uscc", "uscc"),
        ("name_length", "name"),
        ("union_kind", "kind"),
        ("area_code", "area_code"),
    ]
    ring = check_affiliation(
        Place(Level.COUNTY, UnionKind.HOSPITAL), Place(Level.COUNTY, UnionKind.FEDERATION), Line.INDUSTRY
    )
    assert [(one.code, one.field) for one in ring] == [("parent_level", "parent"), ("parent_not_industry", "parent")]
    for from_on in (date(2026, 3, 3), date(2026, 2, 28)):
        assert [one.field for one in check_from_on(from_on, date(2026, 3, 1), TODAY)] == ["from_on"]


@pytest.mark.parametrize(("length", "good"), [(1, False), (2, True), (120, True), (121, False)])
def test_a_name_at_the_edges_of_its_length(length: int, good: bool) -> None:
    union = UnionInput("工" * length, Level.UNIT, UnionKind.HOSPITAL, None, None)
    assert (check_union(union) == []) is good
