"""Names, resident IDs and phone numbers at their edges."""

from __future__ import annotations

from datetime import date

import pytest

from backend.people.identifiers import (
    Identifier,
    IdentifierType,
    check_identifier,
    check_mobile,
    check_name,
    normal_identifier,
    normal_mobile,
    normal_name,
)

TODAY = date(2026, 3, 2)
RESIDENT = IdentifierType.RESIDENT_ID


def codes(number: str, type_: IdentifierType = RESIDENT) -> set[str]:
    return {violation.code for violation in check_identifier(normal_identifier(type_, number), TODAY)}


@pytest.mark.parametrize("number", ["370999198506150016", "11010519491231002x", "370999201806010028"])
def test_good_resident_ids(number: str) -> None:
    assert codes(number) == set()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("370999198506150017", "resident_id_check"),
        ("370999850615001", "resident_id_shape"),
        ("３７０９９９１９８５０６１５００１６", "resident_id_shape"),
        ("37099919850615001O", "resident_id_shape"),
        ("370999198502300016", "resident_id_birth"),
        ("370999202706150016", "resident_id_birth"),
        ("370999189506150016", "resident_id_birth"),
        ("370999198506150016 1", "resident_id_shape"),
        ("", "resident_id_shape"),
    ],
)
def test_bad_resident_ids(number: str, code: str) -> None:
    assert code in codes(number)


def test_a_resident_id_tells_birth_and_sex() -> None:
    assert Identifier(RESIDENT, "370999198506150016").born_on == date(1985, 6, 15)
    assert Identifier(RESIDENT, "370999198506150016").sex == "male"
    assert Identifier(RESIDENT, "370999201806010028").sex == "female"


@pytest.mark.parametrize(
    ("type_", "number", "good"),
    [
        (IdentifierType.HMT_PERMIT, "H12345678", True),
        (IdentifierType.HMT_PERMIT, "h 1234 5678", True),
        (IdentifierType.HMT_PERMIT, "H1234", False),
        (IdentifierType.HMT_PERMIT, "H１２３４５６７８", False),
        (IdentifierType.HMT_PERMIT, "830000198506150016", True),  # a residence permit has a check digit
        (IdentifierType.HMT_PERMIT, "830000198506150010", False),
        (IdentifierType.FOREIGN_PASSPORT, "AB1234567", True),
        (IdentifierType.FOREIGN_PASSPORT, "AB 12", False),
        (IdentifierType.BIRTH_CERTIFICATE, "S370123456", True),
        (IdentifierType.BIRTH_CERTIFICATE, "370123456", False),
    ],
)
def test_other_documents(type_: IdentifierType, number: str, good: bool) -> None:
    assert (codes(number, type_) == set()) is good


@pytest.mark.parametrize(
    "name",
    [
        "古丽·买买提",
        "𠮷田",
        "𮯰明",  # U+2EBF0: added to Unicode for names, later than the tables of some Pythons
        "欧阳娜娜",
        "阿卜杜热依木·阿卜杜热合曼",
        "王" * 25,
        "Anna-Lena O'Neill",
        "A" * 50,
    ],
)
def test_good_names(name: str) -> None:
    assert check_name(normal_name(name)) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "王" * 26,
        "A" * 51,
        "王\u200b小",
        "王\u202e小",
        "王\x00小",
        "王5",
        "王\uff15",
        "<b>王</b>",
        "=1+1",
        "·王",
        "王·",
        "王\n小",
        "-'-",
        "\u3164",
    ],
)
def test_bad_names(name: str) -> None:
    assert check_name(normal_name(name)) != []


def test_the_dots_of_a_name_become_one() -> None:
    assert {normal_name(f"古丽{dot}买买提") for dot in "·•・･．‧∙⋅"} == {"古丽·买买提"}


@pytest.mark.parametrize(
    ("phone", "good"),
    [
        ("13800000000", True),
        ("+86 138 0000 0000", True),
        ("12800000000", False),
        ("1380000000", False),
        ("138００００００００", False),
        ("138000000000", False),
    ],
)
def test_mobile_numbers(phone: str, good: bool) -> None:
    assert (check_mobile(phone) == []) is good
    assert not good or normal_mobile(phone) == "13800000000"
