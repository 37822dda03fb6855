"""Commendation: campaigns, quotas, teams, nominations, meetings, clearances, incidents, slate choices and awards."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Boolean, Bytea, Date, Integer, SmallInt, Varchar
from piccolo.table import Table

from backend.applications.tables import Application, ProgrammeVersion
from backend.columns import Id, Instant, Link
from backend.documents.tables import Upload
from backend.people.tables import Person
from backend.unions.tables import TradeUnion


class Campaign(Table, tablename="campaign"):
    """One round of an award: when to nominate, and how far its slate has come."""

    id = Id()
    programme_version = Link(ProgrammeVersion)
    organiser = Link(TradeUnion)
    name = Varchar(80)
    opens_at = Instant()
    closes_at = Instant()
    state = Varchar(12)
    version = Integer(default=1)
    created_by = UUID(default=None)
    opened_by = UUID(null=True, default=None)
    slated_by = UUID(null=True, default=None)
    slated_at = Instant(null=True)


class CampaignQuota(Table, tablename="campaign_quota"):
    """How many main and reserve places go to the nominees below one union."""

    id = Id()
    campaign = Link(Campaign)
    trade_union = Link(TradeUnion)
    mains = SmallInt()
    reserves = SmallInt()


class Team(Table, tablename="team"):
    """A team of one unit (班组、科室) that can be nominated as such."""

    id = Id()
    trade_union = Link(TradeUnion)
    name = Varchar(60)
    created_by = UUID(default=None)
    created_at = Instant()


class TeamMember(Table, tablename="team_member"):
    """Somebody who belongs to a team; its leader answers for it."""

    id = Id()
    team = Link(Team)
    person = Link(Person)
    leader = Boolean(default=False)


class Meeting(Table, tablename="meeting"):
    """A workers' congress or committee of a unit that decided on recommendations."""

    id = Id()
    campaign = Link(Campaign)
    trade_union = Link(TradeUnion)
    kind = Varchar(12)
    held_on = Date()
    members = Integer()
    present = Integer()
    recorded_by = UUID(default=None)
    recorded_at = Instant()


class Nomination(Table, tablename="nomination"):
    """What a nomination says beyond the shared case.

    `standing` is draft, live (the one that counts for its nominee) or over. The form and the merit statement are
    sealed; `deed` is the one line that a notice may show. `score` is the final committee's, in hundredths.
    """

    id = Id()
    application = Link(Application, unique=True)
    campaign = Link(Campaign)
    nominee = UUID(default=None)
    standing = Varchar(8)
    category = Varchar(20)
    traits = JSONB(default="[]")
    merit_sealed = Bytea()
    merit_count = Integer()
    form_sealed = Bytea()
    deed = Varchar(200)
    consent = Varchar(8)
    consent_person = Link(Person, null=True)
    consent_at = Instant(null=True)
    quota_union = Link(TradeUnion, null=True)
    meeting = Link(Meeting, null=True)
    votes_for = Integer(null=True, default=None)
    unit_rank = SmallInt(null=True, default=None)
    score = Integer(null=True, default=None)


class NominationLine(Table, tablename="nomination_line"):
    """One line by which somebody was nominated: who, from where, and why; two lines join in one nomination."""

    id = Id()
    nomination = Link(Nomination)
    account = UUID(default=None)
    person = Link(Person, null=True)
    nominator_name = Varchar(60)
    origin = Varchar(10)
    merit_sealed = Bytea()
    at = Instant()


class Clearance(Table, tablename="clearance"):
    """The reply of one authority about a nominee (征求意见); the latest one of each authority counts."""

    id = Id()
    application = Link(Application)
    authority = Varchar(30)
    favourable = Boolean()
    opinion = Varchar(300)
    reference = Varchar(60)
    replied_on = Date()
    expires_on = Date()
    paper = Link(Upload)
    recorded_by = UUID(default=None)
    recorder_name = Varchar(60)
    recorded_at = Instant()


class RecordedIncident(Table, tablename="incident"):
    """Something on record against a unit or a person that can bar a nomination, with where it is known from."""

    id = Id()
    trade_union = Link(TradeUnion, null=True)
    person = Link(Person, null=True)
    incident = Varchar(20)
    happened_on = Date()
    source = Varchar(200)
    recorded_by = UUID(default=None)
    recorded_at = Instant()


class SlateChoice(Table, tablename="slate_choice"):
    """Where the chair departs from the order of the scores or from a ratio, and why."""

    id = Id()
    campaign = Link(Campaign)
    application = Link(Application, null=True)
    ratio = Varchar(30)
    placement = Varchar(10)
    reason = Varchar(300)
    chosen_by = UUID(default=None)
    chooser_name = Varchar(60)
    chosen_at = Instant()


class Award(Table, tablename="award"):
    """An honour that was granted: its document, its day, and what came of it."""

    id = Id()
    application = Link(Application, unique=True)
    campaign = Link(Campaign)
    number = Varchar(40, unique=True)
    document = Varchar(80)
    title = Varchar(60)
    holder = Varchar(60)
    granted_on = Date()
    granted_by = UUID(default=None)
    honour = UUID(null=True, default=None)
    revoked_on = Date(null=True, default=None)
    revoked_reason = Varchar(300, default="")
