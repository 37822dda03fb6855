"""Logins of workers and of the console, their roles and consents."""

from __future__ import annotations

from piccolo.apps.user import tables as user_tables
from piccolo.columns import UUID, BigInt, Boolean, Bytea, Integer, SmallInt, Varchar
from piccolo.table import Table

from backend.columns import Id, Instant, Link
from backend.people.tables import Person
from backend.unions.tables import TradeUnion


class WorkerAccount(Table, tablename="worker_account"):
    """A phone number that has logged in; `person` is set once the person behind it is proven."""

    id = Id()
    phone_sealed = Bytea()
    phone_digest = Bytea(unique=True)
    phone_masked = Varchar(20)
    person = Link(Person, null=True, unique=True)
    created_at = Instant()


class LoginCode(Table, tablename="login_code"):
    """A one-time code: hashed, short-lived, with few tries; rows also count for the throttles.

    What it is about is a phone (logging in) or a document number (a takeover), by keyed hash.
    """

    id = Id()
    purpose = Varchar(20)
    subject_digest = Bytea(index=True)
    address_digest = Bytea(index=True)
    code_digest = Bytea()
    created_at = Instant()
    expires_at = Instant()
    tries = SmallInt(default=0)
    used_at = Instant(null=True)


class TokenFamily(Table, tablename="token_family"):
    """One device that is logged in: the refresh tokens it was given, one after another, by generation."""

    id = Id()
    account = Link(WorkerAccount)
    device = Varchar(60)
    generation = Integer(default=0)
    created_at = Instant()
    rotated_at = Instant()
    ended_at = Instant(null=True)
    end_reason = Varchar(20, default="")


class ConsoleUser(user_tables.BaseUser, tablename="console_user"):
    """The login name and the hashed password of a console account."""


class ConsoleAttempt(Table, tablename="console_attempt"):
    """One try of a password or of a code at the console, for the throttles; not failed once it proved right."""

    id = Id()
    name_digest = Bytea(index=True)
    address_digest = Bytea(index=True)
    at = Instant()
    failed = Boolean(default=True)


class ConsoleAccount(Table, tablename="console_account"):
    """Who is behind a console login: the person, where they are employed, and their second factor."""

    id = Id()
    login = Link(ConsoleUser, unique=True)
    name = Varchar(50)
    person = Link(Person, null=True)
    employer = Link(TradeUnion, null=True)
    totp_sealed = Bytea(null=True, default=None)
    totp_counter = BigInt(default=0)
    active = Boolean(default=True)
    created_at = Instant()


class ConsoleSession(Table, tablename="console_session"):
    """A browser at the console, known by the hash of its token; `proven` once the second factor was right."""

    id = Id()
    account = Link(ConsoleAccount)
    token_digest = Bytea(unique=True)
    proven = Boolean(default=False)
    proposed_sealed = Bytea(null=True, default=None)
    created_at = Instant()
    used_at = Instant()
    ended_at = Instant(null=True)
    end_reason = Varchar(20, default="")


class RoleBinding(Table, tablename="role_binding"):
    """A role at a union and below, granted by one person and, for deciding roles, approved by a second."""

    id = Id()
    account = Link(ConsoleAccount)
    role = Varchar(20)
    trade_union = Link(TradeUnion)
    granted_by = UUID(null=True, default=None)
    approved_by = UUID(null=True, default=None)
    from_at = Instant()
    to_at = Instant(null=True)


class Consent(Table, tablename="consent"):
    """Somebody agreed to one purpose for a person, in one wording; withdrawn by a time, never deleted.

    `given_by` is the person themselves, or the guardian of a child; `recorded_by` is whose hand wrote it down where
    that was not the person's own, and `paper` the upload that the person signed.
    """

    id = Id()
    person = Link(Person)
    purpose = Varchar(30)
    text_version = Varchar(20)
    given_by = Link(Person)
    recorded_by = UUID(null=True, default=None)
    paper = UUID(null=True, default=None)
    given_at = Instant()
    withdrawn_at = Instant(null=True)
