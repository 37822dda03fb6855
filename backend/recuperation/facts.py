"""What the rules of rest and recuperation are judged on: frozen, without a database."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec


class Service(msgspec.Struct, frozen=True):
    """One period at the front of the emergency that the batch is for; `to_on` None while it goes on."""

    dispatch: str
    from_on: date
    to_on: date | None


class HonourHeld(msgspec.Struct, frozen=True):
    """A commendation that the worker holds."""

    level: str
    awarded_on: date


class EarlierStay(msgspec.Struct, frozen=True):
    """A rest that the worker took before."""

    area_code: str
    ends_on: date


class ServiceRecord(msgspec.Struct, frozen=True):
    """What the verified file says of the worker; None where there is no file."""

    state: str
    population: str
    born_on: date | None
    joined_unit_on: date
    services: tuple[Service, ...]
    honours: tuple[HonourHeld, ...]
    stays: tuple[EarlierStay, ...]
    consents: tuple[str, ...]


class StayRequestFacts(msgspec.Struct, frozen=True):
    """What the worker asks for."""

    companions: int
    health_declared: bool
    fit_to_travel: bool
    merit_evidenced: bool
    has_live_request: bool
    has_quota: bool


class BatchFacts(msgspec.Struct, frozen=True):
    """What the batch offers; instants in UTC."""

    id: UUID
    state: str
    starts_on: date
    ends_on: date
    area_code: str
    home_province: str
    companion_rule: str
    opens_at: datetime
    closes_at: datetime
    emergency_ended_on: date | None


class StayFacts(msgspec.Struct, frozen=True):
    """Everything that one request is judged on, but the day itself."""

    record: ServiceRecord | None
    request: StayRequestFacts
    batch: BatchFacts
