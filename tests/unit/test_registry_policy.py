"""What a worker's record must look like, each rule at its edge, all that is wrong named at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from backend.people.identifiers import IdentifierType
from backend.registry.facts import EmergencyFacts, HonourInput, IdentifierInput, RecordInput, ServiceInput
from backend.registry.kinds import Certification, Dispatch, HonourLevel, JobCategory, Population
from backend.registry.policy import ENTRIES_LIMIT, check_identity, check_record

TODAY = date(2026, 3, 2)
COVID, FLOOD = UUID(int=1), UUID(int=2)
EMERGENCIES = {
    COVID: EmergencyFacts(date(2020, 1, 24), date(2023, 1, 8)),
    FLOOD: EmergencyFacts(date(2025, 7, 1), None),
}
IDENTIFIER = IdentifierInput(IdentifierType.RESIDENT_ID, "370999198506150016")
SERVICE = ServiceInput(COVID, "武汉", "护理", Dispatch.OTHER_PROVINCE, date(2020, 2, 9), date(2020, 3, 22))
HONOUR = HonourInput("先进个人", HonourLevel.CITY, date(2021, 5, 1))
RECORD = RecordInput(
    name="古丽·买买提",
    identifier=IDENTIFIER,
    unit_id=UUID(int=3),
    department="重症医学科",
    population=Population.FRONTLINE_MEDICAL,
    job_category=JobCategory.NURSE,
    joined_unit_on=date(2012, 7, 1),
    certification=Certification.COMMISSION_LIST,
    list_version="第3版",
    services=(SERVICE,),
    honours=(HONOUR,),
)


def broken(record: RecordInput) -> set[tuple[str, str]]:
    return {(violation.code, violation.field) for violation in check_record(record, EMERGENCIES, TODAY)}


def with_(**changed: Any) -> RecordInput:
    return msgspec.structs.replace(RECORD, **changed)


def service(**changed: Any) -> RecordInput:
    return with_(services=(msgspec.structs.replace(SERVICE, **changed),))


def test_a_good_record() -> None:
    assert broken(RECORD) == set()
    assert broken(with_(identifier=None, services=(), honours=(), department="", list_version="")) == set()


@dataclass(frozen=True)
class Edge:
    """A record and the rule that it breaks; None where it still holds."""

    record: RecordInput
    found: tuple[str, str] | None


EDGES = [
    Edge(with_(name=" 古丽•买买提 "), None),
    Edge(with_(name="王5"), ("name_characters", "name")),
    Edge(with_(joined_unit_on=TODAY), None),
    Edge(with_(joined_unit_on=TODAY + timedelta(days=1)), ("date_in_future", "joined_unit_on")),
    Edge(with_(joined_unit_on=date(1985, 6, 15)), ("joined_before_birth", "joined_unit_on")),
    Edge(with_(joined_unit_on=date(1985, 6, 16)), None),
    Edge(with_(department="长" * 60), None),
    Edge(with_(department="长" * 61), ("length", "department")),
    Edge(with_(list_version="长" * 41), ("length", "list_version")),
    Edge(service(from_on=date(2020, 1, 24)), None),
    Edge(service(from_on=date(2020, 1, 23)), ("before_emergency", "services.0.from_on")),
    Edge(service(to_on=date(2023, 1, 8)), None),
    Edge(service(to_on=date(2023, 1, 9)), ("after_emergency", "services.0.to_on")),
    Edge(service(to_on=date(2020, 2, 9)), None),
    Edge(service(to_on=date(2020, 2, 8)), ("ends_before_start", "services.0.to_on")),
    Edge(service(emergency_id=UUID(int=9)), ("emergency", "services.0.emergency_id")),
    Edge(service(place=" "), ("length", "services.0.place")),
    Edge(service(post="长" * 61), ("length", "services.0.post")),
    Edge(service(emergency_id=FLOOD, from_on=TODAY, to_on=None), None),
    Edge(
        service(emergency_id=FLOOD, from_on=date(2026, 3, 1), to_on=date(2026, 3, 3)),
        ("date_in_future", "services.0.to_on"),
    ),
    Edge(with_(honours=(msgspec.structs.replace(HONOUR, title="奖"),)), ("length", "honours.0.title")),
    Edge(
        with_(honours=(msgspec.structs.replace(HONOUR, awarded_on=date(2026, 3, 3)),)),
        ("date_in_future", "honours.0.awarded_on"),
    ),
    Edge(with_(honours=(HONOUR,) * ENTRIES_LIMIT), None),
    Edge(with_(honours=(HONOUR,) * (ENTRIES_LIMIT + 1)), ("too_many", "honours")),
]


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: str(edge.found))
def test_each_rule_at_its_edge(edge: Edge) -> None:
    assert broken(edge.record) == ({edge.found} if edge.found else set())


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ((date(2020, 2, 1), date(2020, 2, 10)), (date(2020, 2, 11), date(2020, 2, 20)), False),
        ((date(2020, 2, 1), date(2020, 2, 10)), (date(2020, 2, 10), date(2020, 2, 20)), True),
        ((date(2020, 2, 10), date(2020, 2, 20)), (date(2020, 2, 1), date(2020, 2, 10)), True),
        ((date(2020, 2, 1), None), (date(2020, 3, 1), date(2020, 3, 2)), True),
        ((date(2020, 3, 1), None), (date(2020, 2, 1), date(2020, 2, 2)), False),
    ],
)
def test_nobody_serves_at_two_places_on_one_day(
    first: tuple[date, date | None], second: tuple[date, date | None], overlap: bool
) -> None:
    periods = tuple(
        msgspec.structs.replace(SERVICE, from_on=from_on, to_on=to_on) for from_on, to_on in (first, second)
    )
    assert (("services_overlap", "services") in broken(with_(services=periods))) is overlap


def test_a_long_period_swallows_a_short_one_that_does_not_stand_next_to_it() -> None:
    spans = (
        (date(2020, 2, 1), date(2020, 6, 30)),
        (date(2020, 2, 2), date(2020, 2, 3)),
        (date(2020, 5, 1), date(2020, 5, 2)),
    )
    periods = tuple(msgspec.structs.replace(SERVICE, from_on=start, to_on=end) for start, end in spans)
    assert ("services_overlap", "services") in broken(with_(services=periods))


@pytest.mark.parametrize(
    ("born_on", "sex", "fields"),
    [
        (date(1990, 1, 1), "female", set()),
        (None, "female", {"identifier.born_on"}),
        (date(2026, 3, 3), "male", {"identifier.born_on"}),
        (date(1895, 12, 31), "male", {"identifier.born_on"}),
        (date(1990, 1, 1), "", {"identifier.sex"}),
        (None, "robot", {"identifier.born_on", "identifier.sex"}),
    ],
)
def test_a_passport_comes_with_birth_and_sex(born_on: date | None, sex: str, fields: set[str]) -> None:
    passport = IdentifierInput(IdentifierType.FOREIGN_PASSPORT, "AB1234567", born_on, sex)
    assert {violation.field for violation in check_identity(passport, TODAY)} == fields


def test_a_resident_id_needs_neither() -> None:
    assert check_identity(IDENTIFIER, TODAY) == []


def test_everything_is_named_at_once_in_both_languages() -> None:
    worst = with_(
        name="",
        identifier=IdentifierInput(IdentifierType.RESIDENT_ID, "1"),
        joined_unit_on=date(2030, 1, 1),
        services=(msgspec.structs.replace(SERVICE, place="", emergency_id=UUID(int=9)),),
    )
    found = check_record(worst, EMERGENCIES, TODAY)
    assert {violation.field for violation in found} == {
        "name",
        "identifier.number",
        "joined_unit_on",
        "services.0.place",
        "services.0.emergency_id",
    }
    assert all(violation.message.zh != violation.message.en for violation in found)
