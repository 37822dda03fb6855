"""What is entered into a worker's record, and what the rules know about it: frozen, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from backend.people.identifiers import IdentifierType
from backend.registry.kinds import Certification, Dispatch, HonourLevel, JobCategory, Population


class IdentifierInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document number as it is typed; `born_on` and `sex` are asked for where the number does not carry them."""

    type: IdentifierType
    number: str
    born_on: date | None = None
    sex: str = ""


class ServiceInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A period at the front of one emergency; `to_on` None while it goes on, `evidence` an upload of one's own."""

    emergency_id: UUID
    place: str
    post: str
    dispatch: Dispatch
    from_on: date
    to_on: date | None = None
    evidence: UUID | None = None


class HonourInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A commendation that one holds."""

    title: str
    level: HonourLevel
    awarded_on: date
    evidence: UUID | None = None


class RecordInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole record as it is entered; `identifier` None leaves the number that is on it."""

    name: str
    identifier: IdentifierInput | None = None
    unit_id: UUID
    department: str = ""
    population: Population
    job_category: JobCategory
    joined_unit_on: date
    certification: Certification
    list_version: str = ""
    services: tuple[ServiceInput, ...] = ()
    honours: tuple[HonourInput, ...] = ()


class EmergencyFacts(msgspec.Struct, frozen=True):
    """When an emergency was; `end_on` None while it goes on."""

    start_on: date
    end_on: date | None


@dataclass(frozen=True, slots=True)
class OnFile:
    """What is on file under a document number.

    `record` are the columns of the person's record with the person's name, sex, birth date and whether a phone holds it
    (`held`); None where there is a person and no record. `conflict` tells of the officer's own number or a relative's.
    """

    person: UUID
    record: Mapping[str, Any] | None
    conflict: bool
