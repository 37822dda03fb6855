"""What the routes of rest and recuperation take and give."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from backend.applications.schemas import CheckOut, LineOut, PaperOut
from backend.recuperation.service import EmergencyContact, HealthDeclaration


class BatchOut(Struct, kw_only=True):
    """A batch one may apply for; money in fen per person and day, instants in UTC, dates local."""

    id: UUID
    name: str
    organiser: str
    sanatorium: str
    starts_on: date
    ends_on: date
    days: int
    capacity: int
    cost_per_day_fen: int
    funding_source: str
    companion_rule: Annotated[str, Meta(description="none, self_paid or free.")]
    opens_at: datetime
    closes_at: datetime
    state: str


class BatchDetail(BatchOut, kw_only=True):
    """A batch with what to read before applying: papers asked for, days to confirm, and what will be published."""

    address: str
    confirm_working_days: int
    notice_basis: str
    papers: list[PaperOut]


class EligibilityOut(Struct, kw_only=True):
    """How one stands to a batch before applying: every rule, and the priority line by line."""

    eligible: bool
    checks: list[CheckOut]
    points: int
    point_lines: list[LineOut]


class StayFields(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one asks for."""

    companions: Annotated[int, Meta(ge=0, le=9, description="Family members who travel along.", examples=[1])] = 0
    health: HealthDeclaration
    contact: EmergencyContact


class StayDraft(StayFields, kw_only=True, forbid_unknown_fields=True):
    """A new request in a batch."""

    batch_id: UUID


class StayAmend(StayFields, kw_only=True, forbid_unknown_fields=True):
    """A request as it should read, by who saw its `version`."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Drafted(Struct, kw_only=True):
    """The draft: send it with this version."""

    id: UUID
    number: str
    version: int
