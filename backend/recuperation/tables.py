"""Rest and recuperation: sanatoria, batches, quotas, requests and stays."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Bytea, Date, Integer, SmallInt, Varchar
from piccolo.table import Table

from backend.applications.tables import Application, ProgrammeVersion
from backend.columns import Id, Instant, Link
from backend.people.tables import Person
from backend.registry.tables import Emergency
from backend.unions.tables import TradeUnion


class Sanatorium(Table, tablename="sanatorium"):
    """A place of rest (疗养院、基地)."""

    id = Id()
    name = Varchar(120)
    address = Varchar(200)
    area_code = Varchar(6)


class Batch(Table, tablename="batch"):
    """One group that travels together: places, dates, money and the window to apply in."""

    id = Id()
    programme_version = Link(ProgrammeVersion)
    organiser = Link(TradeUnion)
    sanatorium = Link(Sanatorium)
    emergency = Link(Emergency)
    name = Varchar(80)
    starts_on = Date()
    ends_on = Date()
    capacity = SmallInt()
    cost_per_day_fen = Integer()
    funding_source = Varchar(40)
    companion_rule = Varchar(20)
    opens_at = Instant()
    closes_at = Instant()
    confirm_working_days = SmallInt()
    confirm_due_on = Date(null=True, default=None)
    state = Varchar(12)
    version = Integer(default=1)
    created_by = UUID(default=None)
    opened_by = UUID(null=True, default=None)
    allocated_at = Instant(null=True)


class BatchQuota(Table, tablename="batch_quota"):
    """How many of a batch's places go to the staff below one union."""

    id = Id()
    batch = Link(Batch)
    trade_union = Link(TradeUnion)
    places = SmallInt()


class StayRequest(Table, tablename="stay_request"):
    """What a request says beyond the shared case; `live` until it ends without a stay."""

    id = Id()
    application = Link(Application, unique=True)
    batch = Link(Batch)
    person = Link(Person)
    companions = SmallInt(default=0)
    fit_to_travel = Boolean()
    health_sealed = Bytea()
    contact_sealed = Bytea()
    quota_union = Link(TradeUnion, null=True)
    live = Boolean(default=True)


class Stay(Table, tablename="stay"):
    """A rest that somebody took, here or before this system: for the rotation interval and for points."""

    id = Id()
    person = Link(Person)
    batch = Link(Batch, null=True)
    area_code = Varchar(6)
    starts_on = Date()
    ends_on = Date()
