"""What a worker's record must look like. Pure; finds everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from uuid import UUID

from backend.errors import Conflict, DomainError, Forbidden, Violation
from backend.people.identifiers import (
    Identifier,
    IdentifierType,
    check_identifier,
    check_name,
    normal_identifier,
    normal_name,
)
from backend.registry.facts import EmergencyFacts, IdentifierInput, OnFile, RecordInput, ServiceInput
from backend.words import Text

#: Periods and honours in one record.
ENTRIES_LIMIT = 30


def check_record(entered: RecordInput, emergencies: Mapping[UUID, EmergencyFacts], today: date) -> list[Violation]:
    """Everything that is wrong with a record as it is entered on `today`."""
    born_on = None
    found = check_name(normal_name(entered.name))
    if entered.identifier is not None:
        found += check_identity(entered.identifier, today)
        born_on = identifier_of(entered.identifier).born_on or entered.identifier.born_on
    if entered.joined_unit_on > today:
        found.append(_violation("date_in_future", "日期不能晚于今天。", "This day has not come yet.", "joined_unit_on"))
    if born_on is not None and entered.joined_unit_on <= born_on:
        found.append(
            _violation("joined_before_birth", "入职日期早于出生日期。", "Joined before being born.", "joined_unit_on")
        )
    found += _length(entered.department, 0, 60, "department")
    found += _length(entered.list_version, 0, 40, "list_version")
    for name, entries in (("services", entered.services), ("honours", entered.honours)):
        if len(entries) > ENTRIES_LIMIT:
            found.append(_violation("too_many", f"最多 {ENTRIES_LIMIT} 条。", f"At most {ENTRIES_LIMIT}.", name))
    for place, service in enumerate(entered.services):
        found += _check_service(service, emergencies.get(service.emergency_id), today, f"services.{place}")
    found += _overlaps(entered.services)
    for place, honour in enumerate(entered.honours):
        found += _length(honour.title, 2, 120, f"honours.{place}.title")
        if honour.awarded_on > today:
            found.append(
                _violation(
                    "date_in_future", "日期不能晚于今天。", "This day has not come yet.", f"honours.{place}.awarded_on"
                )
            )
    return found


def identifier_of(entered: IdentifierInput) -> Identifier:
    """The document number in its normal form."""
    return normal_identifier(entered.type, entered.number)


def check_identity(entered: IdentifierInput, today: date) -> list[Violation]:
    """What is wrong with a document number and the birth date and sex that come with it."""
    found = check_identifier(identifier_of(entered), today)
    if entered.type is IdentifierType.RESIDENT_ID:
        return found
    if entered.born_on is None or not date(today.year - 130, 1, 1) <= entered.born_on <= today:
        found.append(_violation("born_on", "请填写出生日期。", "Give the date of birth.", "identifier.born_on"))
    if entered.sex not in ("female", "male"):
        found.append(_violation("sex", "请选择性别。", "Choose the sex.", "identifier.sex"))
    return found


def conflict() -> Forbidden:
    """The refusal for one's own record or a relative's."""
    return Forbidden(
        "conflict_own_case", Text("不能办理本人或亲属的档案。", "Nobody handles their own or a relative's record.")
    )


def hindrance(on_file: OnFile | None) -> DomainError | None:
    """Why a worker may not be reported; None for one who is not on file, or on file as somebody's relative alone."""
    if on_file is None:
        return None
    if on_file.conflict:
        return conflict()
    if on_file.record is not None:
        return Conflict("on_file", Text("该证件号已有档案。", "This number is on file already."))
    return None


def _check_service(service: ServiceInput, emergency: EmergencyFacts | None, today: date, field: str) -> list[Violation]:
    found = _length(service.place, 1, 120, f"{field}.place") + _length(service.post, 1, 60, f"{field}.post")
    if emergency is None:
        return [*found, _violation("emergency", "没有这个疫情。", "No such emergency.", f"{field}.emergency_id")]
    if service.from_on < emergency.start_on:
        found.append(
            _violation(
                "before_emergency",
                f"不能早于疫情开始({emergency.start_on})。",
                f"The emergency began on {emergency.start_on}.",
                f"{field}.from_on",
            )
        )
    if service.from_on > today or (service.to_on is not None and service.to_on > today):
        found.append(_violation("date_in_future", "日期不能晚于今天。", "This day has not come yet.", f"{field}.to_on"))
    if service.to_on is not None and service.to_on < service.from_on:
        found.append(_violation("ends_before_start", "结束早于开始。", "It ends before it begins.", f"{field}.to_on"))
    last = service.to_on or service.from_on
    if emergency.end_on is not None and last > emergency.end_on:
        found.append(
            _violation(
                "after_emergency",
                f"不能晚于疫情结束({emergency.end_on})。",
                f"The emergency ended on {emergency.end_on}.",
                f"{field}.to_on",
            )
        )
    return found


def _overlaps(services: Sequence[ServiceInput]) -> list[Violation]:
    """Nobody serves at two places on one day: days at the front are counted once."""
    ordered = sorted(services, key=lambda service: service.from_on)
    if any(first.to_on is None or first.to_on >= second.from_on for first, second in pairwise(ordered)):
        return [_violation("services_overlap", "服务时间有重叠。", "Two of the periods overlap.", "services")]
    return []


def _length(value: str, least: int, most: int, field: str) -> list[Violation]:
    if least <= len(value.strip()) <= most:
        return []
    return [_violation("length", f"应为 {least} 至 {most} 字。", f"Between {least} and {most} characters.", field)]


def _violation(code: str, zh: str, en: str, field: str) -> Violation:
    return Violation(code, Text(zh, en), field)
