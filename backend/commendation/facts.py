"""What the rules of a commendation are judged on: frozen, without a database."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from backend.applications.lifecycle import SubjectKind
from backend.commendation.terms import Category, Incident, Trait
from backend.registry.kinds import HonourLevel


class IncidentFact(msgspec.Struct, frozen=True):
    """Something on record against the nominee or the unit."""

    incident: Incident
    on: date


class HonourFact(msgspec.Struct, frozen=True):
    """An honour that the nominee holds."""

    title: str
    level: HonourLevel
    awarded_on: date


class CampaignFacts(msgspec.Struct, frozen=True):
    """What the campaign allows; instants in UTC."""

    state: str
    opens_at: datetime
    closes_at: datetime


class NominationFacts(msgspec.Struct, frozen=True):
    """Everything that a nomination is judged on, but the day itself; `merit_count` counts characters."""

    kind: SubjectKind
    category: Category
    by_oneself: bool
    traits: tuple[Trait, ...]
    merit_count: int
    deed: str
    foreigner: bool
    honours: tuple[HonourFact, ...]
    incidents: tuple[IncidentFact, ...]
    places: int
    campaign: CampaignFacts


class ClearanceFact(msgspec.Struct, frozen=True):
    """The latest reply of one authority; `paper` says whether its stamped reply is on file and usable."""

    authority: str
    favourable: bool
    replied_on: date
    expires_on: date
    opinion: str
    paper: bool


class Nominee(msgspec.Struct, frozen=True):
    """One nominee of a slate as its ratios count them."""

    kind: SubjectKind
    traits: tuple[Trait, ...]
