"""Checks of names, document numbers and phone numbers; each finds everything that is wrong. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from stdnum.cn import ric

from backend.errors import Violation
from backend.words import Text

NAME_LIMIT = 25
RESIDENT_ID_LENGTH = 18


class IdentifierType(StrEnum):
    """The documents by which a person is known."""

    RESIDENT_ID = "resident_id"
    HMT_PERMIT = "hmt_permit"
    FOREIGN_PASSPORT = "foreign_passport"
    BIRTH_CERTIFICATE = "birth_certificate"


IDENTIFIER_LABELS = {
    IdentifierType.RESIDENT_ID: Text("居民身份证", "Resident ID card"),
    IdentifierType.HMT_PERMIT: Text("港澳台居民居住证或通行证", "Hong Kong, Macao or Taiwan permit"),
    IdentifierType.FOREIGN_PASSPORT: Text("外国护照", "Foreign passport"),
    IdentifierType.BIRTH_CERTIFICATE: Text("出生医学证明", "Birth certificate"),
}

#: In normal form: letters upper case, no blanks. A digit is 0 to 9, never its full-width look-alike.
_SHAPES = {
    IdentifierType.HMT_PERMIT: re.compile(r"[HM]?[0-9]{8,10}|8[123]0000[0-9]{11}[0-9X]"),
    IdentifierType.FOREIGN_PASSPORT: re.compile(r"[A-Z0-9]{6,12}"),
}

#: One letter for the year of printing, two digits for the province (GB/T 2260), seven that count. The certificate has
#: no check character (出生医学证明编号,第二版起为 1 位字母加 9 位数字).
_BIRTH_CERTIFICATE = re.compile(r"[A-Z]([0-9]{2})[0-9]{7}")
_PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 66))
    for code in range(first, last + 1)
)

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_DOTS = str.maketrans(dict.fromkeys("•・･．‧∙⋅", "·"))

#: What stands between the letters of a name, and what a letter of one is: marks and characters of private use too.
_BETWEEN_LETTERS = "·' -"
_LETTERS = frozenset({"Lo", "Lu", "Ll", "Lm", "Mn", "Mc", "Co"})
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"

#: Planes 2 and 3 hold Han characters alone; Unicode's tables in this Python may not know the youngest of them yet.
_HAN_PLANES = range(0x20000, 0x3FFFE)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A document number in its normal form."""

    type: IdentifierType
    number: str

    @property
    def born_on(self) -> date | None:
        """The birth date that a resident ID carries; None for the others."""
        return birth_date(self.number) if self.type is IdentifierType.RESIDENT_ID else None

    @property
    def sex(self) -> str:
        """The sex that a resident ID carries: an odd 17th digit is male; empty for the others, and for what is none."""
        digit = self.number[16:17]
        if self.type is not IdentifierType.RESIDENT_ID or not (digit.isascii() and digit.isdigit()):
            return ""
        return "male" if int(digit) % 2 else "female"


def normal_name(name: str) -> str:
    """A name with one middle dot (U+00B7) for its many look-alikes, composed, without outer blanks."""
    return unicodedata.normalize("NFC", name.strip()).translate(_DOTS)


def check_name(name: str, field: str = "name") -> list[Violation]:
    """What is wrong with a name in normal form: empty, over 25 characters, or holding signs no name has.

    Rare characters of any plane are names (GB 18030); digits, controls and most punctuation are not
    (民委发〔2016〕33号).
    """
    found = []
    if not name:
        found.append(Violation("name_empty", Text("请填写姓名。", "Give a name."), field))
    latin = all(ord(character) < 0x250 for character in name)
    if len(name) > (NAME_LIMIT * 2 if latin else NAME_LIMIT):
        found.append(
            Violation(
                "name_too_long",
                Text(f"姓名最多 {NAME_LIMIT} 个汉字。", f"A name has at most {NAME_LIMIT} Chinese characters."),
                field,
            )
        )
    strange = any(not (_is_letter(character) or character in _BETWEEN_LETTERS) for character in name)
    if name and (strange or not (_is_letter(name[0]) and _is_letter(name[-1]))):
        found.append(
            Violation(
                "name_characters",
                Text("姓名含有不允许的字符;间隔号请用“·”。", "The name holds a character that names do not have."),
                field,
            )
        )
    return found


def check_mobile(phone: str, field: str = "phone") -> list[Violation]:
    """What is wrong with a mainland mobile number."""
    if _MOBILE.fullmatch(normal_mobile(phone)):
        return []
    return [
        Violation("phone_shape", Text("请填写 11 位手机号码。", "Give a mainland mobile number of 11 digits."), field)
    ]


def normal_mobile(phone: str) -> str:
    """A mobile number without its country code, blanks and hyphens."""
    digits = re.sub(r"[\s-]", "", phone)
    return digits.removeprefix("+86") if digits.startswith("+86") else digits


def normal_identifier(type_: IdentifierType, number: str) -> Identifier:
    """A document number without blanks, letters upper case."""
    return Identifier(type_, re.sub(r"\s", "", number).upper())


def check_identifier(identifier: Identifier, today: date, field: str = "identifier.number") -> list[Violation]:
    """What is wrong with a document number in normal form."""
    if identifier.type is IdentifierType.RESIDENT_ID:
        return _check_resident_id(identifier.number, today, field)
    if identifier.type is IdentifierType.BIRTH_CERTIFICATE:
        return _check_birth_certificate(identifier.number, field)
    if not _SHAPES[identifier.type].fullmatch(identifier.number):
        return [
            Violation("identifier_shape", Text("证件号码格式不正确。", "This is not the form of such a number."), field)
        ]
    if (
        len(identifier.number) == RESIDENT_ID_LENGTH
        and ric.calc_check_digit(identifier.number) != identifier.number[-1]
    ):
        # A residence permit of Hong Kong, Macao or Taiwan is numbered as a resident ID is.
        return [_wrong_check(field)]
    return []


def birth_date(number: str) -> date | None:
    """The birth date in a resident ID of 18 characters; None where there is no such day."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def _check_resident_id(number: str, today: date, field: str) -> list[Violation]:
    """GB 11643: 17 digits and a check character. An area code, even a withdrawn one, bars nobody."""
    if not (
        len(number) == RESIDENT_ID_LENGTH and number.isascii() and number[:17].isdigit() and number[17] in "0123456789X"
    ):
        return [
            Violation(
                "resident_id_shape",
                Text(
                    "身份证号应为 18 位半角数字,末位可为 X。",
                    "A resident ID has 18 characters: digits, the last may be X.",
                ),
                field,
            )
        ]
    found = []
    born = birth_date(number)
    if born is None or born > today or born.year < today.year - 130:
        found.append(
            Violation(
                "resident_id_birth",
                Text("身份证号中的出生日期不正确。", "The birth date in the ID is not a day."),
                field,
            )
        )
    if ric.calc_check_digit(number) != number[17]:
        found.append(_wrong_check(field))
    return found


def _wrong_check(field: str) -> Violation:
    return Violation(
        "resident_id_check",
        Text("身份证号校验位不正确,请核对。", "The check digit of the ID is wrong; please compare."),
        field,
    )


def _is_letter(character: str) -> bool:
    known = unicodedata.category(character) in _LETTERS and character not in _BLANK_LETTERS
    return known or ord(character) in _HAN_PLANES


def _check_birth_certificate(number: str, field: str) -> list[Violation]:
    shape = _BIRTH_CERTIFICATE.fullmatch(number)
    if shape is None:
        return [
            Violation(
                "birth_certificate_shape",
                Text(
                    "出生医学证明编号为 1 位字母加 9 位半角数字。",
                    "A birth certificate number is one letter and nine digits.",
                ),
                field,
            )
        ]
    if shape[1] in _PROVINCES:
        return []
    return [
        Violation(
            "birth_certificate_province",
            Text(
                "出生医学证明编号第 2、3 位应为省级代码,请核对。",
                "The second and third signs of the number are no province; please compare.",
            ),
            field,
        )
    ]
