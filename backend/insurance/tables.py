"""Mutual aid: enrolments with a line for each person, beneficiaries, covers and what happened to them."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Boolean, Bytea, Date, Integer, SmallInt, Varchar
from piccolo.table import Table

from backend.applications.tables import Application, Programme, ProgrammeVersion
from backend.columns import Id, Instant, Link, Scoped
from backend.people.tables import Person, Relation
from backend.unions.tables import TradeUnion


class Enrolment(Table, tablename="enrolment"):
    """What an enrolment says beyond the shared case: by a worker for the family, or by a unit for its staff."""

    id = Id()
    application = Link(Application, unique=True)
    plan = Link(Programme)
    unit = Link(TradeUnion)
    worker = Link(Person, null=True)
    channel = Varchar(10)
    shares = SmallInt()


class EnrolmentMember(Table, tablename="enrolment_member"):
    """One person of an enrolment, with what the rules propose and what was decided; a line with a verdict of its own.

    `findings` are the rules that were broken on submitting. `verdict` is empty until the assessment.
    """

    id = Id()
    enrolment = Link(Enrolment)
    person = Link(Person)
    relation = Link(Relation, null=True)
    who = Varchar(15)
    name = Varchar(50)
    grade = Varchar(20, default="")
    card_holder = Boolean(default=False)
    health_declared = Boolean(default=False)
    healthy = Boolean(default=True)
    health_sealed = Bytea(null=True, default=None)
    proposal = Varchar(10, default="")
    findings = JSONB(default="[]")
    verdict = Varchar(10, default="")
    reason = Varchar(500, default="")


class Beneficiary(Table, tablename="beneficiary"):
    """Who receives the benefit (互助金) of one insured person, from an instant on; without any the legal heirs."""

    id = Id()
    member = Link(EnrolmentMember)
    name = Varchar(50)
    relation = Varchar(15)
    percent = SmallInt()
    from_at = Instant()
    to_at = Instant(null=True)


class Cover(Scoped, Table, tablename="cover"):
    """One person covered by one plan version from a first to a last day; how it stands follows from dates.

    `ended_on` is its last day where something ended it early. `worker` is through whom a relative is covered.
    """

    id = Id()
    number = Varchar(30, unique=True)
    application = Link(Application)
    member = Link(EnrolmentMember, unique=True)
    plan = Link(Programme)
    programme_version = Link(ProgrammeVersion)
    person = Link(Person)
    worker = Link(Person)
    slot = SmallInt()
    shares = SmallInt()
    starts_on = Date()
    ends_on = Date()
    waived = Boolean(default=False)
    renews = Boolean(default=False)
    contribution_fen = Integer()
    payer = Varchar(10)
    ended_on = Date(null=True, default=None)
    end_reason = Varchar(15, default="")
    created_at = Instant()


class CoverChange(Table, tablename="cover_change"):
    """What happened to a cover, added to and never altered: joined, changed, ended; the insurer's lists read it."""

    id = Id()
    cover = Link(Cover)
    kind = Varchar(10)
    effective_on = Date()
    note = Varchar(200, default="")
    by_account = UUID(default=None)
    by_name = Varchar(60)
    at = Instant()
