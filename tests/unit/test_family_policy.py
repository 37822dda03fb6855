"""Who may be declared as what, at every edge: ages, dates, numbers, limits as a policy row sets them."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from backend.errors import Violation
from backend.operations.demo_people import resident_id
from backend.people.identifiers import IdentifierType
from backend.people.relations import EndReason, RelationKind
from backend.registry.facts import IdentifierInput
from backend.registry.family.facts import FamilyRules, MemberInput, Said, Tie
from backend.registry.family.policy import (
    DEFAULT_RULES,
    check_end,
    check_member,
    evidence_for,
    guards,
    needs_guardian,
    said_of,
)

TODAY = date(2026, 3, 2)
BORN = date(1988, 5, 12)
KIND = RelationKind


def resident(born_on: date, serial: int = 11) -> IdentifierInput:
    return IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(born_on, serial))


def certificate(born_on: date | None, number: str = "S370123456", sex: str = "female") -> IdentifierInput:
    return IdentifierInput(IdentifierType.BIRTH_CERTIFICATE, number, born_on, sex)


def codes(
    kind: RelationKind,
    identifier: IdentifierInput,
    ties: tuple[Tie, ...] = (),
    rules: FamilyRules = DEFAULT_RULES,
    name: str = "马小满",
    **changed: Any,
) -> set[str]:
    entered = MemberInput(name=name, identifier=identifier, kind=kind, **changed)
    return {one.code for one in check_member(entered, said_of(identifier), BORN, ties, rules, "条款", TODAY)}


@pytest.mark.parametrize(
    ("kind", "born_on", "changed"),
    [
        (KIND.SPOUSE, date(1987, 1, 1), {"from_on": date(2014, 10, 1)}),
        (KIND.SPOUSE, date(1987, 1, 1), {"from_on": TODAY}),
        (KIND.CHILD, date(2018, 6, 1), {}),
        (KIND.CHILD, TODAY, {}),
        (KIND.CHILD, date(2000, 5, 12), {}),
        (KIND.PARENT, date(1976, 5, 12), {}),
        (KIND.PARENT_IN_LAW, date(1990, 1, 1), {}),
        (KIND.SIBLING, date(2010, 1, 1), {"guardian": True}),
        (KIND.GRANDCHILD, date(2024, 1, 1), {"guardian": True, "from_on": date(2025, 1, 1)}),
    ],
)
def test_good_declarations(kind: RelationKind, born_on: date, changed: dict[str, Any]) -> None:
    assert codes(kind, resident(born_on), **changed) == set()


@pytest.mark.parametrize(
    ("kind", "identifier", "changed", "code"),
    [
        (KIND.SPOUSE, resident(date(1987, 1, 1)), {}, "from_on_missing"),
        (KIND.SPOUSE, resident(date(1987, 1, 1)), {"from_on": date(2026, 3, 3)}, "date_in_future"),
        (KIND.SPOUSE, resident(date(1987, 1, 1)), {"from_on": date(1988, 5, 11)}, "before_birth"),
        (KIND.CHILD, resident(date(2018, 6, 1)), {"from_on": date(2018, 5, 31)}, "before_birth"),
        (KIND.CHILD, resident(date(2000, 5, 11)), {}, "generation"),
        (KIND.CHILD, resident(date(1970, 1, 1)), {}, "generation"),
        (KIND.PARENT, resident(date(1976, 5, 13)), {}, "generation"),
        (KIND.GRANDPARENT, resident(date(1990, 1, 1)), {}, "generation"),
        (KIND.CHILD, resident(date(2018, 6, 1)), {"guardian": True}, "guardian"),
        (KIND.SIBLING, resident(date(2008, 3, 2)), {"guardian": True}, "guardian"),
        (KIND.SPOUSE, resident(date(1987, 1, 1)), {"guardian": True, "from_on": TODAY}, "guardian"),
        (KIND.CHILD, resident(date(2018, 6, 1)), {"name": "小满2号"}, "name_characters"),
        (KIND.CHILD, resident(date(2018, 6, 1)), {"name": "满" * 26}, "name_too_long"),
        (KIND.CHILD, certificate(date(2010, 3, 2)), {}, "birth_certificate_age"),
        (KIND.CHILD, certificate(None), {}, "born_on"),
        (KIND.CHILD, certificate(date(2026, 3, 3)), {}, "born_on"),
        (KIND.CHILD, certificate(date(2020, 1, 1), sex=""), {}, "sex"),
        (KIND.CHILD, certificate(date(2020, 1, 1), "3701234567"), {}, "birth_certificate_shape"),
        (KIND.CHILD, certificate(date(2020, 1, 1), "S37012345６"), {}, "birth_certificate_shape"),
        (KIND.CHILD, certificate(date(2020, 1, 1), "S991234567"), {}, "birth_certificate_province"),
        (KIND.CHILD, IdentifierInput(IdentifierType.RESIDENT_ID, "370999201806010029"), {}, "resident_id_check"),
    ],
)
def test_bad_declarations(kind: RelationKind, identifier: IdentifierInput, changed: dict[str, Any], code: str) -> None:
    assert code in codes(kind, identifier, **changed)


def test_a_birth_certificate_will_do_until_the_day_before_the_sixteenth_birthday() -> None:
    assert codes(KIND.CHILD, certificate(date(2010, 3, 3))) == set()


def ties(kind: RelationKind, count: int, **changed: Any) -> tuple[Tie, ...]:
    return tuple(Tie(kind, date(2000, 1, 1), **{"to_on": None, **changed}) for _ in range(count))


@pytest.mark.parametrize(
    ("kind", "most"), [(kind, DEFAULT_RULES.live[kind]) for kind in RelationKind if kind is not KIND.SPOUSE]
)
def test_so_many_of_a_kind_and_not_one_more(kind: RelationKind, most: int) -> None:
    born_on = date(1950, 1, 1) if kind in (KIND.PARENT, KIND.GRANDPARENT) else date(2005, 1, 1)
    assert codes(kind, resident(born_on), ties(kind, most - 1)) == set()
    assert codes(kind, resident(born_on), ties(kind, most)) == {"too_many_of_kind"}
    # Those that ended or were struck leave a place.
    assert codes(kind, resident(born_on), ties(kind, most, to_on=date(2020, 1, 1))) == set()
    assert codes(kind, resident(born_on), ties(kind, most, struck=True, to_on=date(2020, 1, 1))) == set()


def test_one_spouse_at_a_time() -> None:
    now = resident(date(1987, 1, 1))
    assert codes(KIND.SPOUSE, now, ties(KIND.SPOUSE, 1), from_on=TODAY) == {"too_many_of_kind"}
    former = Tie(KIND.SPOUSE, date(2010, 1, 1), date(2019, 6, 30))
    assert codes(KIND.SPOUSE, now, (former,), from_on=date(2019, 6, 30)) == set()
    assert codes(KIND.SPOUSE, now, (former,), from_on=date(2019, 6, 29)) == {"spouse_overlap"}
    mistaken = Tie(KIND.SPOUSE, date(2010, 1, 1), date(2019, 6, 30), struck=True)
    assert codes(KIND.SPOUSE, now, (mistaken,), from_on=date(2012, 1, 1)) == set()


def test_nobody_names_fifty_relatives() -> None:
    child = resident(date(2018, 6, 1))
    many = ties(KIND.SIBLING, 10) + ties(KIND.GRANDCHILD, 9)
    assert codes(KIND.CHILD, child, many) == set()
    assert codes(KIND.CHILD, child, many + ties(KIND.PARENT, 1)) == {"too_many_relatives"}
    tried = ties(KIND.OTHER, 60, struck=True, to_on=date(2020, 1, 1))
    assert codes(KIND.CHILD, child, tried[:59]) == set()
    assert codes(KIND.CHILD, child, tried) == {"declared_too_often"}


def test_the_limits_are_a_policy_rows() -> None:
    written = msgspec.json.encode(msgspec.structs.replace(DEFAULT_RULES, live={KIND.CHILD: 1}))
    rules = msgspec.json.decode(written, type=FamilyRules)
    assert codes(KIND.CHILD, resident(date(2018, 6, 1)), ties(KIND.CHILD, 1), rules) == {"too_many_of_kind"}
    assert codes(KIND.SIBLING, resident(date(2010, 1, 1)), (), rules) == {"too_many_of_kind"}
    assert evidence_for(KIND.SIBLING, True, rules) == ("guardianship_proof",)


@pytest.mark.parametrize(
    ("kind", "to_on", "reason", "expected"),
    [
        (KIND.SPOUSE, TODAY, EndReason.DIVORCE, set()),
        (KIND.SPOUSE, date(2014, 10, 1), EndReason.DIVORCE, set()),
        (KIND.SPOUSE, date(2014, 9, 30), EndReason.DIVORCE, {"ends_before_start"}),
        (KIND.SPOUSE, date(2026, 3, 3), EndReason.DEATH, {"date_in_future"}),
        (KIND.PARENT_IN_LAW, TODAY, EndReason.DIVORCE, set()),
        (KIND.CHILD, TODAY, EndReason.DIVORCE, {"end_reason"}),
        (KIND.CHILD, TODAY, EndReason.DEATH, set()),
    ],
)
def test_how_a_relation_ends(kind: RelationKind, to_on: date, reason: EndReason, expected: set[str]) -> None:
    assert {one.code for one in check_end(kind, date(2014, 10, 1), to_on, reason, TODAY)} == expected


@pytest.mark.parametrize(
    ("born_on", "on", "needed"),
    [
        (date(2012, 3, 3), TODAY, True),
        (date(2012, 3, 2), TODAY, False),
        (date(2012, 2, 29), date(2026, 2, 28), True),
        (date(2012, 2, 29), date(2026, 3, 1), False),
        (None, TODAY, False),
    ],
)
def test_a_guardian_agrees_until_the_fourteenth_birthday(born_on: date | None, on: date, needed: bool) -> None:
    assert needs_guardian(born_on, on) is needed


def test_parents_and_named_guardians_guard() -> None:
    assert guards(KIND.CHILD, False)
    assert guards(KIND.GRANDCHILD, True)
    assert not guards(KIND.GRANDCHILD, False)
    assert not guards(KIND.SPOUSE, False)


def found(
    kind: RelationKind,
    said: Said | IdentifierInput,
    known: tuple[Tie, ...] = (),
    rules: FamilyRules = DEFAULT_RULES,
    worker_born_on: date | None = BORN,
    **changed: Any,
) -> dict[str, Violation]:
    """What is wrong by its code; a Said is what is known of a number that was declared before."""
    identifier = said if isinstance(said, IdentifierInput) else None
    entered = MemberInput(name="马小满", identifier=identifier, kind=kind, **changed)
    known_of = said_of(said) if isinstance(said, IdentifierInput) else said
    violations = check_member(entered, known_of, worker_born_on, known, rules, "条款", TODAY)
    return {one.code: one for one in violations}


CHILD_2018 = resident(date(2018, 6, 1))
SPOUSE_1987 = resident(date(1987, 1, 1))
FORMER = Tie(KIND.SPOUSE, date(2010, 1, 1), date(2019, 6, 30))


@pytest.mark.parametrize(
    ("kind", "said", "changed", "code", "field", "clause"),
    [
        (
            KIND.CHILD,
            certificate(date(2010, 3, 2)),
            {},
            "birth_certificate_age",
            "identifier.type",
            "居民身份证法 第二条",
        ),
        (KIND.SPOUSE, SPOUSE_1987, {}, "from_on_missing", "from_on", ""),
        (KIND.SPOUSE, SPOUSE_1987, {"from_on": date(2026, 3, 3)}, "date_in_future", "from_on", ""),
        (KIND.CHILD, CHILD_2018, {"from_on": date(2018, 5, 31)}, "before_birth", "from_on", ""),
        (KIND.CHILD, resident(date(2000, 5, 11)), {}, "generation", "identifier", ""),
        (KIND.CHILD, CHILD_2018, {"guardian": True}, "guardian", "guardian", "民法典 第二十七条"),
        (KIND.CHILD, CHILD_2018, {"known": ties(KIND.CHILD, 10)}, "too_many_of_kind", "kind", "条款"),
        (KIND.SPOUSE, SPOUSE_1987, {"known": (FORMER,), "from_on": BORN}, "spouse_overlap", "from_on", "条款"),
        (KIND.CHILD, CHILD_2018, {"known": ties(KIND.SIBLING, 20)}, "too_many_relatives", "kind", "条款"),
        (
            KIND.CHILD,
            CHILD_2018,
            {"known": ties(KIND.OTHER, 60, to_on=date(2020, 1, 1))},
            "declared_too_often",
            "kind",
            "条款",
        ),
    ],
)
def test_a_broken_rule_points_at_the_input_and_cites_its_clause(
    kind: RelationKind, said: IdentifierInput, changed: dict[str, Any], code: str, field: str, clause: str
) -> None:
    violations = found(kind, said, **changed)
    assert set(violations) == {code}
    assert (violations[code].field, violations[code].clause) == (field, clause)


def test_limits_are_told_in_figures() -> None:
    assert found(KIND.CHILD, CHILD_2018, ties(KIND.CHILD, 10))["too_many_of_kind"].message.zh == "子女最多 10 人。"
    many = found(KIND.CHILD, CHILD_2018, ties(KIND.SIBLING, 20))
    assert "20" in many["too_many_relatives"].message.zh
    assert "16" in found(KIND.CHILD, certificate(date(2010, 3, 2)))["birth_certificate_age"].message.zh
    apart = found(KIND.CHILD, resident(date(2000, 5, 11)))["generation"].message
    assert "12 岁" in apart.zh and "12 years" in apart.en


def test_a_number_tells_birth_and_sex_and_where_it_tells_nothing_what_was_said_counts() -> None:
    assert said_of(resident(date(1987, 1, 1), 12)) == Said(IdentifierType.RESIDENT_ID, date(1987, 1, 1), "female")
    assert said_of(resident(date(1987, 1, 1), 11)) == Said(IdentifierType.RESIDENT_ID, date(1987, 1, 1), "male")
    claimed = IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(date(1987, 1, 1), 11), date(1999, 9, 9), "female")
    assert said_of(claimed) == said_of(resident(date(1987, 1, 1), 11))
    assert said_of(certificate(date(2020, 1, 1))) == Said(IdentifierType.BIRTH_CERTIFICATE, date(2020, 1, 1), "female")


def test_a_number_declared_before_is_judged_by_what_is_known_of_it() -> None:
    grown = Said(IdentifierType.BIRTH_CERTIFICATE, date(2010, 3, 2), "male")
    assert set(found(KIND.CHILD, grown)) == {"birth_certificate_age"}
    assert found(KIND.CHILD, Said(IdentifierType.BIRTH_CERTIFICATE, date(2010, 3, 3), "male")) == {}
    assert found(KIND.CHILD, Said(IdentifierType.RESIDENT_ID, date(2010, 3, 2), "male")) == {}


def test_what_is_not_known_breaks_no_rule_of_ages_but_lets_nobody_be_a_ward() -> None:
    unknown = Said(None, None, "")
    assert found(KIND.PARENT, unknown) == {}
    assert found(KIND.CHILD, unknown, worker_born_on=None) == {}
    assert found(KIND.CHILD, resident(date(1970, 1, 1)), worker_born_on=None) == {}
    assert set(found(KIND.CHILD, unknown, from_on=date(1988, 5, 11))) == {"before_birth"}
    assert found(KIND.CHILD, unknown, worker_born_on=None, from_on=date(1988, 5, 11)) == {}
    assert set(found(KIND.SIBLING, unknown, guardian=True)) == {"guardian"}


def test_a_relation_may_begin_on_the_day_of_birth_or_today() -> None:
    assert found(KIND.CHILD, CHILD_2018, from_on=date(2018, 6, 1)) == {}
    assert found(KIND.CHILD, CHILD_2018, from_on=TODAY) == {}
    assert found(KIND.PARENT, resident(date(1960, 1, 1)), from_on=BORN) == {}


@pytest.mark.parametrize("kind", [KIND.GRANDCHILD, KIND.SIBLING, KIND.OTHER])
def test_wards_are_grandchildren_siblings_and_others_until_the_day_before_they_come_of_age(kind: RelationKind) -> None:
    assert found(kind, resident(date(2008, 3, 3)), guardian=True) == {}
    assert set(found(kind, resident(date(2008, 3, 2)), guardian=True)) == {"guardian"}


@pytest.mark.parametrize("kind", [KIND.CHILD, KIND.PARENT_IN_LAW, KIND.SPOUSE])
def test_nobody_else_is_a_ward_however_young(kind: RelationKind) -> None:
    assert "guardian" in found(kind, CHILD_2018, guardian=True, from_on=TODAY)


@pytest.mark.parametrize(
    ("kind", "older", "younger"),
    [
        (KIND.CHILD, None, date(2000, 5, 12)),
        (KIND.GRANDCHILD, None, date(2000, 5, 12)),
        (KIND.PARENT, date(1976, 5, 12), None),
        (KIND.GRANDPARENT, date(1976, 5, 12), None),
    ],
)
def test_generations_lie_twelve_years_apart_to_the_day(
    kind: RelationKind, older: date | None, younger: date | None
) -> None:
    born_on = younger or older
    assert born_on is not None
    assert found(kind, resident(born_on)) == {}
    nearer = born_on.replace(day=11 if younger else 13)
    assert set(found(kind, resident(nearer))) == {"generation"}


def test_spouses_and_siblings_may_be_of_any_age() -> None:
    for kind in (KIND.SPOUSE, KIND.SIBLING, KIND.OTHER, KIND.PARENT_IN_LAW):
        assert found(kind, resident(date(1988, 5, 12)), from_on=TODAY) == {}


def test_only_an_earlier_marriage_stands_in_the_way_of_a_marriage() -> None:
    undated = msgspec.structs.replace(DEFAULT_RULES, dated=())
    assert set(found(KIND.SPOUSE, SPOUSE_1987, (FORMER,), undated)) == {"spouse_overlap"}
    others = ties(KIND.SIBLING, 2, to_on=TODAY)
    assert found(KIND.SPOUSE, SPOUSE_1987, others, from_on=date(2012, 1, 1)) == {}
    assert found(KIND.CHILD, CHILD_2018, (FORMER,), from_on=date(2018, 6, 1)) == {}
    # A second earlier marriage counts as the first does.
    gone = Tie(KIND.SPOUSE, date(2008, 1, 1), date(2009, 1, 1))
    assert set(found(KIND.SPOUSE, SPOUSE_1987, (gone, FORMER), from_on=date(2012, 1, 1))) == {"spouse_overlap"}


def test_everything_that_is_wrong_with_a_relative_is_named_at_once() -> None:
    worst = found(
        KIND.CHILD,
        certificate(date(2000, 5, 11), "3701234567"),
        ties(KIND.CHILD, 60),
        guardian=True,
        from_on=date(2000, 5, 10),
    )
    assert set(worst) == {
        "birth_certificate_shape",
        "birth_certificate_age",
        "before_birth",
        "generation",
        "guardian",
        "too_many_of_kind",
        "too_many_relatives",
        "declared_too_often",
    }


def test_papers_show_a_relation_by_its_kind_and_guardianship_by_its_own() -> None:
    assert evidence_for(KIND.SPOUSE, False, DEFAULT_RULES) == ("marriage_certificate", "household_register")
    assert evidence_for(KIND.GRANDCHILD, True, DEFAULT_RULES) == ("guardianship_proof",)
    unlisted = msgspec.structs.replace(DEFAULT_RULES, evidence={})
    assert evidence_for(KIND.SPOUSE, False, unlisted) == ()


def test_an_end_that_cannot_be_points_at_the_day_or_the_reason() -> None:
    later = date(2026, 3, 3)
    wrong = check_end(KIND.CHILD, date(2026, 3, 4), later, EndReason.DIVORCE, TODAY)
    assert [(one.code, one.field) for one in wrong] == [
        ("date_in_future", "to_on"),
        ("ends_before_start", "to_on"),
        ("end_reason", "reason"),
    ]
    assert check_end(KIND.CHILD, None, TODAY, EndReason.DEATH, TODAY) == []
    assert check_end(KIND.CHILD, TODAY, TODAY, EndReason.DEATH, TODAY) == []
