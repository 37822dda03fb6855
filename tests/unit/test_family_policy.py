"""Who may be declared as what, at every edge: ages, dates, numbers, limits as a policy row sets them."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from backend.operations.demo_people import resident_id
from backend.people.identifiers import IdentifierType
from backend.people.relations import EndReason, RelationKind
from backend.registry.facts import IdentifierInput
from backend.registry.family.facts import FamilyRules, MemberInput, Tie
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
