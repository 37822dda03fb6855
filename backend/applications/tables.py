"""The shared case: programmes, applications, their events, papers, reviews and notices."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Boolean, Bytea, Date, Integer, SmallInt, Text, Varchar
from piccolo.table import Table

from backend.columns import Id, Instant, Link, Scoped
from backend.documents.tables import Upload
from backend.people.tables import Person
from backend.unions.tables import TradeUnion


class PolicyRow(Table, tablename="policy_row"):
    """The numbers of one topic at one union from a day on, with the clause that they come from."""

    id = Id()
    topic = Varchar(40)
    trade_union = Link(TradeUnion)
    effective_from = Date()
    effective_to = Date(null=True, default=None)
    rules = JSONB()
    clause = Varchar(200)


class Programme(Table, tablename="programme"):
    """A benefit or an award that a union organises."""

    id = Id()
    kind = Varchar(20)
    organiser = Link(TradeUnion)
    code = Varchar(40, unique=True)
    name_zh = Varchar(80)
    name_en = Varchar(120)


class ProgrammeVersion(Table, tablename="programme_version"):
    """What a programme said from its publishing on; immutable once published by a second person."""

    id = Id()
    programme = Link(Programme)
    number = SmallInt()
    state = Varchar(10)
    content = JSONB()
    drafted_by = UUID(default=None)
    published_by = UUID(null=True, default=None)
    published_at = Instant(null=True)


class Application(Scoped, Table, tablename="application"):
    """A case of any programme; written by `applications/service.py` alone."""

    id = Id()
    number = Varchar(20, unique=True)
    kind = Varchar(20)
    programme_version = Link(ProgrammeVersion)
    submitted_by = UUID(index=True, default=None)
    filed_by_officer = Boolean(default=False)
    subject_kind = Varchar(10)
    subject_person = Link(Person, null=True)
    subject_union = Link(TradeUnion, null=True)
    subject_team = UUID(null=True, default=None)
    subject_group = UUID(null=True, default=None)
    subject_name = Varchar(60)
    aggregate = UUID(null=True, default=None, index=True)
    state = Varchar(12)
    stage = Varchar(30)
    resume_stage = Varchar(30, default="")
    awaiting_role = Varchar(20)
    acting_union = Link(TradeUnion, null=True)
    round = SmallInt(default=1)
    placement = Varchar(10, default="")
    rank = Integer(null=True, default=None)
    points = Integer(default=0)
    papers_required = SmallInt(default=0)
    papers_verified = SmallInt(default=0)
    due_on = Date(null=True, default=None)
    version = Integer(default=1)
    created_at = Instant()
    submitted_at = Instant(null=True)
    entered_at = Instant()
    decided_at = Instant(null=True)


class ApplicationPerson(Table, tablename="application_person"):
    """Somebody whom a case is about: the subject, a member of the team, an insured relative."""

    id = Id()
    application = Link(Application)
    person = Link(Person)


class ApplicationEvent(Table, tablename="application_event"):
    """One act on a case, chained: `hash` covers `previous` and the canonical bytes in `body`."""

    id = Id()
    application = Link(Application)
    seq = Integer()
    at = Instant()
    actor = UUID(default=None)
    actor_person = UUID(null=True, default=None)
    actor_name = Varchar(60)
    role = Varchar(20)
    action = Varchar(20)
    from_state = Varchar(12)
    to_state = Varchar(12)
    from_stage = Varchar(30)
    to_stage = Varchar(30)
    comment = Text(default="")
    body = Bytea()
    previous = Bytea()
    hash = Bytea()


class ApplicationFacts(Table, tablename="application_facts"):
    """The facts that one event judged, sealed by the case's own key; the event holds their digest."""

    id = Id()
    application = Link(Application)
    seq = Integer()
    sealed = Bytea()


class CaseKey(Table, tablename="case_key"):
    """The key of one case's facts, itself sealed; destroying it erases them and leaves the chain whole."""

    application = UUID(primary_key=True)
    sealed = Bytea(null=True, default=None)


class ApplicationDocument(Table, tablename="application_document"):
    """A paper that answers one requirement of a case, for one person."""

    id = Id()
    application = Link(Application)
    requirement = Varchar(30)
    person = Link(Person, null=True)
    upload = Link(Upload)
    attached_at = Instant()


class Review(Table, tablename="review"):
    """One committee member's independent verdict in one round of one stage; hidden until the reader's own is in."""

    id = Id()
    application = Link(Application)
    stage = Varchar(30)
    round = SmallInt()
    reviewer = UUID(default=None)
    reviewer_name = Varchar(60)
    passes = Boolean()
    scores = JSONB(default="{}")
    comment = Varchar(500, default="")
    at = Instant()


class Recusal(Table, tablename="recusal"):
    """Somebody who does not judge a case: by their own word or by rule."""

    id = Id()
    application = Link(Application)
    stage = Varchar(30)
    account = UUID(default=None)
    account_name = Varchar(60)
    reason = Varchar(200)
    at = Instant()


class Settlement(Table, tablename="settlement"):
    """How a discrepancy between reviews was talked over and settled, in one round of one stage."""

    id = Id()
    application = Link(Application)
    stage = Varchar(30)
    round = SmallInt()
    by_account = UUID(default=None)
    by_name = Varchar(60)
    passes = Boolean()
    comment = Varchar(500)
    at = Instant()


class Notice(Table, tablename="notice"):
    """A public notice of mains and ranked reserves: `first_on` is the day it goes up, it stands through `last_on`."""

    id = Id()
    token = Varchar(40, unique=True)
    kind = Varchar(20)
    programme_version = Link(ProgrammeVersion)
    aggregate = UUID(null=True, index=True, default=None)
    stage = Varchar(30)
    trade_union = Link(TradeUnion)
    title_zh = Varchar(120)
    title_en = Varchar(200)
    legal_basis = Varchar(300)
    working_days = SmallInt()
    first_on = Date()
    last_on = Date()
    state = Varchar(10)
    published_by = UUID(default=None)
    published_at = Instant()
    ended_at = Instant(null=True)
    result = Varchar(300, default="")


class NoticeEntry(Table, tablename="notice_entry"):
    """One case on a notice: the words shown, never an ID, a phone, an illness or an address."""

    id = Id()
    notice = Link(Notice)
    application = Link(Application)
    placement = Varchar(10)
    rank = Integer()
    shown_name = Varchar(60)
    shown_unit = Varchar(120)
    shown_deed = Varchar(200, default="")


class Objection(Table, tablename="objection"):
    """What a logged-in person says against one entry, sealed to the handler, and what came of it."""

    id = Id()
    entry = Link(NoticeEntry)
    application = Link(Application)
    by_account = UUID(default=None)
    by_person = UUID(null=True, default=None)
    sealed = Bytea()
    state = Varchar(10)
    raised_at = Instant()
    handler = UUID(null=True, default=None)
    handler_name = Varchar(60, default="")
    result = Varchar(500, default="")
    settled_at = Instant(null=True)
