"""The rows of the data console as its lists and forms see them: tables by the columns that are shown, and views."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Boolean, Date, ForeignKey, Integer, SmallInt, Varchar
from piccolo.columns.readable import Readable
from piccolo.table import Table

from backend.columns import Id


class UnionRow(Table, tablename="trade_union"):
    """A trade union; where it stands in the tree is changed by a form, since that moves a whole subtree."""

    id = Id()
    name = Varchar(120)
    short_name = Varchar(60, default="")
    level = Varchar(10)
    kind = Varchar(30)
    uscc = Varchar(18, null=True, default=None)
    area_code = Varchar(6, null=True, default=None)
    active = Boolean(default=True)

    @classmethod
    def get_readable(cls) -> Readable:
        """Its name."""
        return Readable(template="%s", columns=[cls.name])


class AffiliationRow(Table, tablename="affiliation"):
    """Which union belongs to which, from when to when."""

    id = Id()
    trade_union = ForeignKey(UnionRow)
    parent = ForeignKey(UnionRow)
    line = Varchar(10)
    from_on = Date()
    to_on = Date(null=True, default=None)


class CalendarEntry(Table, tablename="calendar_entry"):
    """Whether a day is worked."""

    id = Integer(primary_key=True)
    day = Date()
    working = Boolean()
    name = Varchar(40, default="")


class SanatoriumRow(Table, tablename="sanatorium"):
    """A place of rest."""

    id = Id()
    name = Varchar(120)
    address = Varchar(200)
    area_code = Varchar(6)

    @classmethod
    def get_readable(cls) -> Readable:
        """Its name."""
        return Readable(template="%s", columns=[cls.name])


class EmergencyRow(Table, tablename="emergency"):
    """A public-health emergency."""

    id = Id()
    name = Varchar(120)
    level = Varchar(20)
    area_code = Varchar(6)
    start_on = Date()
    end_on = Date(null=True, default=None)

    @classmethod
    def get_readable(cls) -> Readable:
        """Its name."""
        return Readable(template="%s", columns=[cls.name])


class ProgrammeRow(Table, tablename="programme"):
    """A benefit or an award that a union organises."""

    id = Id()
    kind = Varchar(20)
    organiser = ForeignKey(UnionRow)
    code = Varchar(40)
    name_zh = Varchar(80)
    name_en = Varchar(120)

    @classmethod
    def get_readable(cls) -> Readable:
        """Its code and name."""
        return Readable(template="%s %s", columns=[cls.code, cls.name_zh])


class VersionRow(Table, tablename="programme_version"):
    """What a programme says: a draft may be edited, a published version never."""

    id = Id()
    programme = ForeignKey(ProgrammeRow)
    number = SmallInt()
    state = Varchar(10)
    content = JSONB()


class PolicyEntry(Table, tablename="policy_row"):
    """The numbers of one topic; fixed once a published version rests on them."""

    id = Id()
    topic = Varchar(40)
    trade_union = ForeignKey(UnionRow)
    effective_from = Date()
    effective_to = Date(null=True, default=None)
    rules = JSONB()
    clause = Varchar(200)


class RetentionEntry(Table, tablename="retention_rule"):
    """How long a paper is kept once its case has ended; an empty kind stands for every one."""

    id = Id()
    paper_kind = Varchar(30)
    case_kind = Varchar(20)
    outcome = Varchar(10)
    keep_days = Integer()
    clause = Varchar(200)
    effective_from = Date()


class CaseEntry(Table, tablename="case_list"):
    """A case without the person."""

    id = UUID(primary_key=True)
    number = Varchar(20)
    name = Varchar(10)
    union_name = Varchar(120)
    programme = Varchar(80)
    state = Varchar(12)
    stage = Varchar(30)
    awaiting_role = Varchar(20)
    points = Integer()
    papers = Varchar(10)
    due_on = Date(null=True)
    submitted_on = Date(null=True)


class StaffEntry(Table, tablename="staff_list"):
    """A staff record without the person."""

    id = UUID(primary_key=True)
    name = Varchar(10)
    union_name = Varchar(120)
    population = Varchar(30)
    job_category = Varchar(30)
    certification = Varchar(20)
    list_version = Varchar(40)
    state = Varchar(10)


class BatchEntry(Table, tablename="batch_list"):
    """A batch."""

    id = UUID(primary_key=True)
    name = Varchar(80)
    organiser_name = Varchar(120)
    sanatorium_name = Varchar(120)
    starts_on = Date()
    ends_on = Date()
    capacity = SmallInt()
    cost_per_day_fen = Integer()
    funding_source = Varchar(40)
    opens_at = Varchar(20)
    closes_at = Varchar(20)
    state = Varchar(12)


class NoticeEntry(Table, tablename="notice_list"):
    """A public notice, without its entries."""

    id = UUID(primary_key=True)
    title_zh = Varchar(120)
    union_name = Varchar(120)
    first_on = Date()
    last_on = Date()
    working_days = SmallInt()
    state = Varchar(10)
    result = Varchar(300)


class AccountEntry(Table, tablename="account_list"):
    """A console account, without what it logs in with."""

    id = UUID(primary_key=True)
    username = Varchar(100)
    name = Varchar(50)
    employer_name = Varchar(120, null=True)
    active = Boolean()
    enrolled = Boolean()


class RoleEntry(Table, tablename="role_list"):
    """A role that somebody holds or held."""

    id = UUID(primary_key=True)
    username = Varchar(100)
    name = Varchar(50)
    role = Varchar(20)
    union_name = Varchar(120)
    approved = Boolean()
    from_at = Varchar(20)
    to_at = Varchar(20, null=True)
