"""The file of frontline staff: records, emergencies, service periods, honours, family, rosters."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Bytea, Date, Integer, Varchar
from piccolo.table import Table

from backend.accounts.tables import WorkerAccount
from backend.columns import Id, Instant, Link, Scoped
from backend.people.tables import Person, Relation
from backend.unions.tables import TradeUnion


class Emergency(Table, tablename="emergency"):
    """A public emergency that frontline service belongs to; without an end date it goes on."""

    id = Id()
    name = Varchar(120)
    level = Varchar(20)
    area_code = Varchar(6)
    start_on = Date()
    end_on = Date(null=True, default=None)


class StaffRecord(Scoped, Table, tablename="staff_record"):
    """What the union's file says of one worker; the level columns follow the unit.

    The document number here is the one that was entered. It makes the person known only once an officer has verified
    the record or a takeover was proven: until then nobody learns from it whether somebody is on file.
    """

    id = Id()
    person = Link(Person, unique=True)
    unit = Link(TradeUnion)
    department = Varchar(60, default="")
    identifier_type = Varchar(20)
    identifier_sealed = Bytea()
    identifier_digest = Bytea(index=True)
    identifier_masked = Varchar(40)
    phone_sealed = Bytea()
    phone_digest = Bytea(index=True)
    phone_masked = Varchar(20)
    population = Varchar(30)
    job_category = Varchar(30)
    joined_unit_on = Date()
    certification = Varchar(20)
    list_version = Varchar(40, default="")
    source = Varchar(10)
    state = Varchar(10)
    reported_by = UUID(default=None)
    verified_by = UUID(null=True, default=None)
    verified_at = Instant(null=True)
    return_reason = Varchar(500, default="")
    version = Integer(default=1)
    created_at = Instant()
    updated_at = Instant()


class ServicePeriod(Table, tablename="service_period"):
    """Days that a worker served at the front of one emergency; `evidence` is an upload."""

    id = Id()
    record = Link(StaffRecord)
    emergency = Link(Emergency)
    place = Varchar(120)
    post = Varchar(60)
    dispatch = Varchar(20)
    from_on = Date()
    to_on = Date(null=True, default=None)
    evidence = UUID(null=True, default=None)


class Honour(Table, tablename="honour"):
    """A commendation that a worker holds already."""

    id = Id()
    record = Link(StaffRecord)
    title = Varchar(120)
    level = Varchar(10)
    awarded_on = Date()
    evidence = UUID(null=True, default=None)


class Takeover(Table, tablename="takeover"):
    """An account asks for the record that its unit reported: open until a code or the unit officer proves it."""

    id = Id()
    account = Link(WorkerAccount)
    record = Link(StaffRecord, null=True)
    state = Varchar(10)
    asked_at = Instant()
    settled_at = Instant(null=True)
    settled_by = UUID(null=True, default=None)
    how = Varchar(10, default="")
    reason = Varchar(500, default="")


class RelationUse(Table, tablename="relation_use"):
    """A case rests on a relation: from then on it may end, and is not corrected any more."""

    id = Id()
    relation = Link(Relation)
    application = UUID(index=True, default=None)
    noted_at = Instant()


class IdentifierAddition(Table, tablename="identifier_addition"):
    """A further document number of a relative, asked for with a paper: open until the worker's officer settles it."""

    id = Id()
    relation = Link(Relation)
    type = Varchar(20)
    sealed = Bytea()
    digest = Bytea()
    masked = Varchar(40)
    evidence = UUID(default=None)
    state = Varchar(10)
    asked_by = UUID(default=None)
    asked_at = Instant()
    settled_by = UUID(null=True, default=None)
    settled_at = Instant(null=True)
    reason = Varchar(500, default="")


class RosterImport(Table, tablename="roster_import"):
    """A unit's roster as it was read from Excel and shown; its rows are sealed, and gone once it is settled."""

    id = Id()
    unit = Link(TradeUnion)
    uploaded_by = UUID(default=None)
    uploaded_at = Instant()
    digest = Bytea()
    state = Varchar(10)
    counts = JSONB(default="{}")
    sealed = Bytea(null=True, default=None)
    settled_at = Instant(null=True)
