"""What is wrong with the form of a request, as the framework finds it, in both languages and with the field named."""

from __future__ import annotations

import re
from collections.abc import Callable

from litestar.exceptions import ValidationException

from backend.errors import Violation
from backend.words import Text

_TYPES = {
    "int": Text("整数", "a whole number"),
    "float": Text("数字", "a number"),
    "str": Text("文字", "text"),
    "bool": Text(" true 或 false", "true or false"),
    "array": Text("列表", "a list"),
    "object": Text("对象", "an object"),
    "null": Text("空值", "null"),
    "date": Text("日期(YYYY-MM-DD)", "a date (YYYY-MM-DD)"),
    "datetime": Text("时间(RFC 3339)", "an instant (RFC 3339)"),
    "uuid": Text("编号(UUID)", "an id (UUID)"),
}

#: What msgspec and Litestar say of a value, and how we say it; the groups of the pattern fill the text.
_SAYINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Text]], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"Expected `str` of length <= (\d+)", lambda m: Text(f"最多 {m[1]} 字。", f"At most {m[1]} characters.")),
        (r"Expected `str` of length >= (\d+)", lambda m: Text(f"至少 {m[1]} 字。", f"At least {m[1]} characters.")),
        (r"Expected `array` of length <= (\d+)", lambda m: Text(f"最多 {m[1]} 条。", f"At most {m[1]} entries.")),
        (r"Expected `(?:int|float)` >= (\S+)", lambda m: Text(f"不能小于 {m[1]}。", f"Not less than {m[1]}.")),
        (r"Expected `(?:int|float)` <= (\S+)", lambda m: Text(f"不能大于 {m[1]}。", f"Not more than {m[1]}.")),
        (
            r"Expected `str` matching regex '(.*)'",
            lambda m: Text(f"格式应为 {m[1]}。", f"It should have the form {m[1]}."),
        ),
        (r"Invalid enum value", lambda m: Text("不在可选范围内。", "This is none of the choices.")),
        (r"Invalid UUID", lambda m: _expected("uuid")),
        (r"Invalid RFC3339 encoded (date|datetime)$", lambda m: _expected(m[1])),
        (r"Expected `([a-z]+)(?: \| null)?`, got", lambda m: _expected(m[1])),
        (r"[Mm]issing required", lambda m: Text("必须填写。", "This is needed.")),
        (r"JSON|truncated", lambda m: Text("不是完整的 JSON。", "This is not JSON, or not all of it.")),
    )
)

_PLACE = re.compile(r" - at `\$?\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"(?:unknown field|required field) `(?P<name>[^`]*)`$|parameter '(?P<parameter>[^']*)'")
_INDEX = re.compile(r"\[(\d+|\.\.\.)\]")

#: Parameters that the phone knows by another name; the body as a whole has none.
_ELSEWHERE = {"data": "", "idempotency_key": "Idempotency-Key"}


def violations_of(error: ValidationException) -> list[Violation]:
    """Everything that the framework found, each with its field."""
    extra = error.extra if isinstance(error.extra, list) else []
    pairs = [(str(item.get("key", "")), str(item.get("message", ""))) for item in extra if isinstance(item, dict)]
    return [_violation(field, message) for field, message in pairs or [("", error.detail)]]


def _violation(field: str, message: str) -> Violation:
    if match := _PLACE.search(message):
        field, message = match["path"] or field, message[: match.start()]
    field = _INDEX.sub(r".\1", _ELSEWHERE.get(field, field))
    named = _NAMED.search(message)
    name = (named["name"] or named["parameter"]) if named else ""
    where = f"{field}.{name}" if field and name else name or field
    if name and "unknown" in message:
        return Violation("unknown_field", Text(f"不认识的字段“{name}”。", f"There is no field “{name}”."), where)
    return Violation("malformed", said(message), where)


def said(message: str) -> Text:
    """The framework's word for a malformed value, in ours."""
    for pattern, words in _SAYINGS:
        if match := pattern.search(message):
            return words(match)
    return Text("格式不正确。", "This does not have the right form.")


def _expected(kind: str) -> Text:
    wanted = _TYPES.get(kind, Text(kind, kind))
    return Text("应为{wanted}。", "It should be {wanted}.").fill(wanted=wanted)
