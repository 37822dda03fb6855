"""Papers: what was uploaded, what was found, who judged it, how long it is kept."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Bytea, Date, Integer, SmallInt, Varchar
from piccolo.table import Table

from backend.columns import Id, Instant, Link
from backend.people.tables import Person
from backend.unions.tables import TradeUnion


class Upload(Table, tablename="upload"):
    """One file sent once under one key that is never overwritten; it belongs to a person, a unit or a case."""

    id = Id()
    kind = Varchar(30)
    owner_person = Link(Person, null=True)
    owner_union = Link(TradeUnion, null=True)
    owner_application = UUID(null=True, default=None, index=True)
    reserved_by = UUID(default=None)
    state = Varchar(10)
    name_sealed = Bytea()
    declared_type = Varchar(20)
    declared_size = Integer()
    declared_sha256 = Bytea()
    object_key = Varchar(80, unique=True)
    store_upload = Varchar(300, default="")
    rendition_key = Varchar(80, null=True, default=None)
    shared_type = Varchar(20, default="")
    detected_type = Varchar(20, default="")
    pages = SmallInt(default=0)
    malware = Varchar(12, default="not_scanned")
    refusal_code = Varchar(40, default="")
    reserved_at = Instant()
    uploaded_at = Instant(null=True)
    checked_at = Instant(null=True)
    expires_on = Date(null=True, default=None)
    kept_until = Date(null=True, default=None)
    locked_until = Date(null=True, default=None)
    erased_at = Instant(null=True)
    version = Integer(default=1)


class Verdict(Table, tablename="verdict"):
    """What a verifier said of an upload, bound to its SHA-256."""

    id = Id()
    upload = Link(Upload)
    sha256 = Bytea()
    outcome = Varchar(10)
    reason_code = Varchar(30, default="")
    comment = Varchar(500, default="")
    by_account = UUID(default=None)
    by_name = Varchar(60)
    at = Instant()
    expires_on = Date(null=True, default=None)


class RetentionRule(Table, tablename="retention_rule"):
    """How long a paper is kept once a case that used it has ended; an empty kind stands for every one."""

    id = Id()
    case_kind = Varchar(20, default="")
    paper_kind = Varchar(30, default="")
    outcome = Varchar(10)
    keep_days = Integer()
    clause = Varchar(200)
    effective_from = Date()


class ErasureRequest(Table, tablename="erasure_request"):
    """What a worker asked to have erased: how many papers went, and for each that stayed why."""

    id = Id()
    person = Link(Person)
    asked_by = UUID(default=None)
    asked_at = Instant()
    reason = Varchar(500, default="")
    erased = Integer(default=0)
    kept = JSONB(default="[]")
