"""What the registry routes take and give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from backend.people.identifiers import IDENTIFIER_LABELS, IdentifierType
from backend.people.relations import END_LABELS, RELATION_LABELS
from backend.registry.facts import HonourInput, IdentifierInput, RecordInput, ServiceInput
from backend.registry.kinds import (
    CERTIFICATION_LABELS,
    DISPATCH_LABELS,
    HONOUR_LABELS,
    JOB_LABELS,
    POPULATION_LABELS,
    STATE_LABELS,
    Certification,
    Dispatch,
    HonourLevel,
    JobCategory,
    Population,
    RecordState,
)
from backend.registry.queries import RecordView
from backend.words import Language, Text

Version = Annotated[int, Meta(ge=1, le=2**31 - 1, description="The version that was shown.", examples=[1])]


class IdentifierIn(Struct, forbid_unknown_fields=True):
    """A document number; birth date and sex are asked for unless it is a resident ID."""

    type: Annotated[IdentifierType, Meta(examples=["resident_id"])]
    number: Annotated[str, Meta(max_length=40, examples=["370999198506150016"])]
    born_on: date | None = None
    sex: Annotated[str, Meta(pattern="^(|female|male)$", examples=["female"])] = ""

    def entered(self) -> IdentifierInput:
        """What the service takes."""
        return IdentifierInput(self.type, self.number, self.born_on, self.sex)


class ServiceIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A period at the front; `to_on` null while it goes on, `evidence` an upload of one's own."""

    emergency_id: UUID
    place: Annotated[str, Meta(max_length=200, examples=["武汉市第九医院"])]
    post: Annotated[str, Meta(max_length=100, examples=["重症护理"])]
    dispatch: Dispatch
    from_on: Annotated[date, Meta(examples=["2020-02-09"])]
    to_on: date | None = None
    evidence: UUID | None = None


class HonourIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A commendation that one holds."""

    title: Annotated[str, Meta(max_length=200, examples=["抗疫先进个人"])]
    level: HonourLevel
    awarded_on: Annotated[date, Meta(examples=["2021-05-01"])]
    evidence: UUID | None = None


class RecordIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A whole record; `identifier` null leaves the number, `version` is null for the first entry."""

    name: Annotated[str, Meta(max_length=100, examples=["古丽·买买提"])]
    identifier: IdentifierIn | None = None
    unit_id: UUID
    department: Annotated[str, Meta(max_length=200, examples=["重症医学科"])] = ""
    population: Annotated[Population, Meta(examples=["frontline_medical"])]
    job_category: Annotated[JobCategory, Meta(examples=["nurse"])]
    joined_unit_on: Annotated[date, Meta(examples=["2012-07-01"])]
    certification: Annotated[Certification, Meta(examples=["commission_list"])]
    list_version: Annotated[str, Meta(max_length=100, description="Which list, where listed.")] = ""
    services: Annotated[list[ServiceIn], Meta(max_length=100)] = []
    honours: Annotated[list[HonourIn], Meta(max_length=100)] = []
    version: Version | None = None

    def entered(self) -> RecordInput:
        """What the service takes."""
        return RecordInput(
            name=self.name,
            identifier=self.identifier.entered() if self.identifier else None,
            unit_id=self.unit_id,
            department=self.department,
            population=self.population,
            job_category=self.job_category,
            joined_unit_on=self.joined_unit_on,
            certification=self.certification,
            list_version=self.list_version,
            services=tuple(
                ServiceInput(
                    emergency_id=one.emergency_id,
                    place=one.place,
                    post=one.post,
                    dispatch=one.dispatch,
                    from_on=one.from_on,
                    to_on=one.to_on,
                    evidence=one.evidence,
                )
                for one in self.services
            ),
            honours=tuple(HonourInput(one.title, one.level, one.awarded_on, one.evidence) for one in self.honours),
        )


class SubmitIn(Struct, forbid_unknown_fields=True):
    """The version of the record that is sent."""

    version: Version


class TakeoverCodeIn(Struct, forbid_unknown_fields=True):
    """Whose record one asks for."""

    identifier: IdentifierIn


class TakeoverIn(Struct, forbid_unknown_fields=True):
    """The code that came to the phone on the record."""

    identifier: IdentifierIn
    code: Annotated[str, Meta(pattern=r"^[0-9]{6}$", examples=["123456"])]


class TakeoverSent(Struct):
    """If this number is on file, a code is on its way to the phone on the record."""

    valid_for_s: int = 300


class EmergencyOut(Struct, kw_only=True):
    """An emergency; `end_on` null while it goes on."""

    id: UUID
    name: str
    level: str
    area_code: str
    start_on: date
    end_on: date | None


class EmergenciesOut(Struct):
    """Every emergency, newest first."""

    items: list[EmergencyOut]


class Choice(Struct):
    """One entry of a closed list, in the caller's language."""

    value: str
    label: str


class ChoicesOut(Struct, kw_only=True):
    """The closed lists of the record's form and of the family's."""

    identifier_types: list[Choice]
    populations: list[Choice]
    job_categories: list[Choice]
    certifications: list[Choice]
    dispatches: list[Choice]
    honour_levels: list[Choice]
    relation_kinds: list[Choice]
    end_reasons: list[Choice]


class ServiceOut(Struct, kw_only=True):
    """A period at the front."""

    emergency_id: UUID
    emergency: str
    place: str
    post: str
    dispatch: str
    from_on: date
    to_on: date | None
    evidence: UUID | None


class HonourOut(Struct, kw_only=True):
    """A commendation."""

    title: str
    level: str
    awarded_on: date
    evidence: UUID | None


class RecordOut(Struct, kw_only=True):
    """One's own record; the number is masked. `headline` says in one phrase where it is."""

    id: UUID
    name: str
    sex: str
    born_on: date | None
    identifier_type: str
    identifier_masked: str
    phone_masked: str
    unit_id: UUID
    unit: str
    department: str
    population: str
    job_category: str
    joined_unit_on: date
    certification: str
    list_version: str
    source: str
    state: RecordState
    headline: str
    return_reason: str
    verified_at: datetime | None
    services: list[ServiceOut]
    honours: list[HonourOut]
    version: int


def record_out(view: RecordView, language: Language) -> RecordOut:
    """A record as its worker sees it."""
    return RecordOut(
        id=view.id,
        name=view.name,
        sex=view.sex,
        born_on=view.born_on,
        identifier_type=view.identifier_type,
        identifier_masked=view.identifier_masked,
        phone_masked=view.phone_masked,
        unit_id=view.unit,
        unit=view.unit_name,
        department=view.department,
        population=view.population,
        job_category=view.job_category,
        joined_unit_on=view.joined_unit_on,
        certification=view.certification,
        list_version=view.list_version,
        source=view.source,
        state=view.state,
        headline=STATE_LABELS[view.state].in_(language),
        return_reason=view.return_reason,
        verified_at=view.verified_at,
        services=[
            ServiceOut(
                emergency_id=one.emergency_id,
                emergency=one.emergency,
                place=one.place,
                post=one.post,
                dispatch=one.dispatch,
                from_on=one.from_on,
                to_on=one.to_on,
                evidence=one.evidence,
            )
            for one in view.services
        ],
        honours=[
            HonourOut(title=one.title, level=one.level, awarded_on=one.awarded_on, evidence=one.evidence)
            for one in view.honours
        ],
        version=view.version,
    )


def choices_out(language: Language) -> ChoicesOut:
    """The closed lists in the reader's language."""

    def choices(labels: Mapping[Any, Text]) -> list[Choice]:
        return [Choice(str(value), label.in_(language)) for value, label in labels.items()]

    return ChoicesOut(
        identifier_types=choices(IDENTIFIER_LABELS),
        populations=choices(POPULATION_LABELS),
        job_categories=choices(JOB_LABELS),
        certifications=choices(CERTIFICATION_LABELS),
        dispatches=choices(DISPATCH_LABELS),
        honour_levels=choices(HONOUR_LABELS),
        relation_kinds=choices(RELATION_LABELS),
        end_reasons=choices(END_LABELS),
    )
