"""Trade unions and what they are affiliated to."""

from __future__ import annotations

from piccolo.columns import Boolean, Date, Varchar
from piccolo.table import Table

from backend.columns import Id, Link, Scoped


class TradeUnion(Scoped, Table, tablename="trade_union"):
    """A trade union of any level; its level columns name itself and its ancestors on the primary line as of today."""

    id = Id()
    name = Varchar(120)
    short_name = Varchar(60, default="")
    level = Varchar(10)
    kind = Varchar(30)
    uscc = Varchar(18, null=True, default=None, unique=True)
    area_code = Varchar(6, null=True, default=None)
    active = Boolean(default=True)


class Affiliation(Table, tablename="affiliation"):
    """A union belongs to a parent from a day on; one primary parent at a time, and at most one industry line."""

    id = Id()
    trade_union = Link(TradeUnion)
    parent = Link(TradeUnion)
    line = Varchar(10)
    from_on = Date()
    to_on = Date(null=True, default=None)
