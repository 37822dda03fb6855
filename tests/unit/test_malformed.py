"""What the framework says of a malformed request, in our words, with the field named."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
import pytest
from litestar.exceptions import ValidationException
from msgspec import Meta, Struct

from backend.errors import Violation
from backend.web.malformed import said, violations_of


class Colour(StrEnum):
    RED = "red"


class Part(Struct, forbid_unknown_fields=True):
    place: Annotated[str, Meta(max_length=3)]


class Whole(Struct, forbid_unknown_fields=True, kw_only=True):
    count: Annotated[int, Meta(ge=1, le=5)] = 1
    name: Annotated[str, Meta(min_length=1, max_length=3)] = "a"
    code: Annotated[str, Meta(pattern="^[0-9]$")] = "1"
    colour: Colour = Colour.RED
    id: UUID | None = None
    day: date | None = None
    at: datetime | None = None
    ticked: bool = False
    parts: Annotated[list[Part], Meta(max_length=2)] = []


def found(body: str) -> Violation:
    """What is said of a body that msgspec refuses, as Litestar hands it on."""
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(body, type=Whole)
    (violation,) = violations_of(ValidationException(extra=[{"key": "data", "message": str(refused.value)}]))
    return violation


@pytest.mark.parametrize(
    ("body", "field", "zh", "en"),
    [
        ('{"count": "x"}', "count", "应为整数。", "It should be a whole number."),
        ('{"count": 0}', "count", "不能小于 1。", "Not less than 1."),
        ('{"count": 9}', "count", "不能大于 5。", "Not more than 5."),
        ('{"count": null}', "count", "应为整数。", "It should be a whole number."),
        ('{"name": "abcd"}', "name", "最多 3 字。", "At most 3 characters."),
        ('{"name": ""}', "name", "至少 1 字。", "At least 1 characters."),
        ('{"name": 1}', "name", "应为文字。", "It should be text."),
        ('{"code": "x"}', "code", "格式应为 ^[0-9]$。", "It should have the form ^[0-9]$."),
        ('{"colour": "blue"}', "colour", "不在可选范围内。", "This is none of the choices."),
        ('{"id": "x"}', "id", "应为编号(UUID)。", "It should be an id (UUID)."),
        ('{"id": 5}', "id", "应为编号(UUID)。", "It should be an id (UUID)."),
        ('{"day": "2026-02-30"}', "day", "应为日期(YYYY-MM-DD)。", "It should be a date (YYYY-MM-DD)."),
        ('{"at": "noon"}', "at", "应为时间(RFC 3339)。", "It should be an instant (RFC 3339)."),
        ('{"ticked": 2}', "ticked", "应为 true 或 false。", "It should be true or false."),
        ('{"parts": 1}', "parts", "应为列表。", "It should be a list."),
        ('{"parts": [{"place": "a"}, {"place": "b"}, {"place": "c"}]}', "parts", "最多 2 条。", "At most 2 entries."),
        ('{"parts": [{"place": "a"}, {"place": "abcd"}]}', "parts.1.place", "最多 3 字。", "At most 3 characters."),
        ('{"parts": [{}]}', "parts.0.place", "必须填写。", "This is needed."),
        ("[]", "", "应为对象。", "It should be an object."),
    ],
)
def test_a_value_that_does_not_fit(body: str, field: str, zh: str, en: str) -> None:
    violation = found(body)
    assert (violation.code, violation.field) == ("malformed", field)
    assert (violation.message.zh, violation.message.en) == (zh, en)


@pytest.mark.parametrize(
    ("body", "field"), [('{"salary": 1}', "salary"), ('{"parts": [{"place": "a", "x": 1}]}', "parts.0.x")]
)
def test_a_field_that_does_not_exist(body: str, field: str) -> None:
    violation = found(body)
    assert (violation.code, violation.field) == ("unknown_field", field)
    assert field.rpartition(".")[2] in violation.message.zh


def test_a_header_is_called_by_its_name() -> None:
    missing = "Missing required header parameter 'Idempotency-Key' for path /api/v1/documents"
    short = {"key": "idempotency_key", "message": "Expected `str` of length >= 8"}
    assert violations_of(ValidationException(missing))[0].field == "Idempotency-Key"
    assert violations_of(ValidationException(extra=[short]))[0].field == "Idempotency-Key"


def test_what_is_no_json_is_called_so() -> None:
    for body in ("{", '{"a": \x01}', "nonsense"):
        with pytest.raises(msgspec.DecodeError) as refused:
            msgspec.json.decode(body)
        assert said(str(refused.value)).en == "This is not JSON, or not all of it."


def test_an_unknown_saying_is_not_passed_on() -> None:
    assert said("Traceback: secret").en == "This does not have the right form."
