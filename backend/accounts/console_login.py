"""Logging in at the console: password, second factor, session; security time throughout."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from math import ceil
from uuid import UUID

import pyotp

from backend.accounts.console import ACTOR_COLUMNS, ACTOR_FROM, DECIDING, actor_in, console_actor
from backend.accounts.tables import ConsoleAttempt, ConsoleSession, ConsoleUser
from backend.audit.log import record, record_apart
from backend.clock import security_now
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import RuleViolation, Throttled, Unauthenticated
from backend.identity import Actor
from backend.sealing import Sealer
from backend.words import Language, Text

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=10)
UNPROVEN = timedelta(minutes=10)

WINDOW = timedelta(minutes=15)
TRIES_PER_NAME = 10
TRIES_PER_ADDRESS = 100

MIN_PASSWORD, MAX_PASSWORD = 10, 128
TOTP_SECONDS = 30
TOTP_PURPOSE = "totp"

#: PBKDF2 is slow by intent: two at a time leave the rest of the process alone.
_HASHING = asyncio.Semaphore(2)

#: How stale a session's last use may be, so that reading a page seldom writes.
_TOUCH_EVERY = timedelta(minutes=1)


class Step(StrEnum):
    """What a session still asks of its browser: to enrol a second factor, a code of it, or nothing more."""

    ENROL = "enrol"
    CODE = "code"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that gave the right password; `actor` says who it is once both factors are proven."""

    id: UUID
    account: UUID
    login: int
    username: str
    step: Step
    actor: Actor | None


@dataclass(frozen=True, slots=True)
class ConsoleLogin:
    """The verbs of logging in at the console."""

    sealer: Sealer

    async def begin(self, username: str, password: str, address: str) -> str:
        """Check the password; the token of a session that still asks for the second factor.

        A wrong name, a wrong password, an inactive account and a locked one are answered alike, in words and in work
        done. Raises Unauthenticated, or Throttled past the limit of the address.
        """
        username = username.strip()
        attempt = await self._admit(username, address)
        row = await fetch_one(
            "SELECT c.id, u.password FROM console_user u JOIN console_account c ON c.login = u.id"
            " WHERE u.username = $1 AND u.active AND c.active",
            username,
        )
        right = await _matches(password, row["password"] if row else None)
        if not (row and right and attempt):
            await _refuse("password", row["id"] if row else None)
            raise _wrong_password()
        token, now = secrets.token_urlsafe(32), security_now()
        async with transaction():
            await execute("UPDATE console_attempt SET failed = false WHERE id = $1", attempt)
            enrolled = await fetch_value(
                "SELECT totp_sealed IS NOT NULL FROM console_account WHERE id = $1",
                row["id"],
            )
            await ConsoleSession.insert(
                ConsoleSession(
                    id=new_id(),
                    account=row["id"],
                    token_digest=_digest(token),
                    proposed_sealed=None if enrolled else self.sealer.seal(pyotp.random_base32(), TOTP_PURPOSE),
                    created_at=now,
                    used_at=now,
                )
            )
        return token

    async def session(self, token: str, language: Language = Language.ZH) -> Session | None:
        """The session of a token, if it has not ended, lain idle or grown old; counts as a use of it."""
        now = security_now()
        rows = await fetch(
            f"""SELECT s.id, s.proven, s.used_at, c.totp_sealed IS NOT NULL AS enrolled, u.id AS login, u.username,
                {ACTOR_COLUMNS}
            FROM console_session s JOIN console_account c ON c.id = s.account AND c.active
            JOIN console_user u ON u.id = c.login AND u.active {ACTOR_FROM}
            WHERE s.token_digest = $3 AND s.ended_at IS NULL AND s.used_at > $4
                AND s.created_at > CASE WHEN s.proven THEN $5::timestamptz ELSE $6::timestamptz END""",
            now,
            list(DECIDING),
            _digest(token),
            now - IDLE,
            now - ABSOLUTE,
            now - UNPROVEN,
        )
        if not rows:
            return None
        row = rows[0]
        if row["used_at"] < now - _TOUCH_EVERY:
            await execute("UPDATE console_session SET used_at = $2 WHERE id = $1", row["id"], now)
        step = Step.DONE if row["proven"] else Step.CODE if row["enrolled"] else Step.ENROL
        actor = actor_in(rows, language) if step is Step.DONE else None
        return Session(row["id"], row["account"], row["login"], row["username"], step, actor)

    async def proposed_secret(self, session: Session) -> str:
        """The secret that a browser at its first login is shown once, to keep in an authenticator."""
        sealed = await fetch_value("SELECT proposed_sealed FROM console_session WHERE id = $1", session.id)
        if sealed is None:
            raise _wrong_code()
        return self.sealer.open(sealed, TOTP_PURPOSE)

    async def prove(self, session: Session, code: str, address: str) -> str:
        """Take a code of the second factor, each once only; the token of the full session, the one before ends.

        Raises Unauthenticated for a wrong, used or late code and for a locked account alike.
        """
        attempt = await self._admit(session.username, address)
        now = security_now()
        async with transaction():
            row = await fetch_one(
                "SELECT c.totp_sealed, c.totp_counter, s.proposed_sealed FROM console_account c"
                " JOIN console_session s ON s.id = $2 AND s.ended_at IS NULL AND NOT s.proven"
                " WHERE c.id = $1 FOR UPDATE",
                session.account,
                session.id,
            )
            sealed = row and (row["totp_sealed"] or row["proposed_sealed"])
            counter = None
            if row and sealed and attempt:
                counter = _counter_of(code, self.sealer.open(sealed, TOTP_PURPOSE), row["totp_counter"])
            token = secrets.token_urlsafe(32) if counter is not None else ""
            if token:
                await execute(
                    "UPDATE console_account SET totp_counter = $2, totp_sealed = $3 WHERE id = $1",
                    session.account,
                    counter,
                    sealed,
                )
                await execute(
                    "UPDATE console_session SET ended_at = $2, end_reason = 'proven' WHERE id = $1",
                    session.id,
                    now,
                )
                await ConsoleSession.insert(
                    ConsoleSession(
                        id=new_id(),
                        account=session.account,
                        token_digest=_digest(token),
                        proven=True,
                        created_at=now,
                        used_at=now,
                    )
                )
                await execute(
                    "UPDATE console_user SET last_login = $2 WHERE id = $1",
                    session.login,
                    now.replace(tzinfo=None),
                )
                await execute(
                    "UPDATE console_attempt SET failed = false WHERE name_digest = $1",
                    self._name_digest(session.username),
                )
                await record(
                    await console_actor(session.login),
                    "login.console",
                    "done",
                    object_kind="console_account",
                    object_id=session.account,
                    detail={"step": session.step.value},
                )
        if not token:
            await _refuse("code", session.account)
            raise _wrong_code()
        return token

    async def end(self, session: Session) -> None:
        """Log a browser out."""
        await execute(
            "UPDATE console_session SET ended_at = $2, end_reason = 'logout' WHERE id = $1 AND ended_at IS NULL",
            session.id,
            security_now(),
        )

    async def change_password(self, actor: Actor, session: Session, old: str, new: str, address: str) -> None:
        """Set another password and end every session of the account; raises RuleViolation for a poor one.

        A wrong old password counts as a try to log in.
        """
        attempt = await self._admit(session.username, address)
        stored = await fetch_value("SELECT password FROM console_user WHERE id = $1", session.login)
        if not (await _matches(old, stored) and attempt):
            await _refuse("change", session.account)
            raise _wrong_password()
        if not MIN_PASSWORD <= len(new) <= MAX_PASSWORD or new == old or session.username.lower() in new.lower():
            raise RuleViolation.of(
                "poor_password",
                Text(
                    "新密码须 {shortest} 位以上,不含用户名,且与原密码不同。",
                    "At least {shortest} characters, without the user name, and not the old one.",
                ).fill(shortest=MIN_PASSWORD),
                "new",
            )
        async with _HASHING:
            hashed = await asyncio.to_thread(ConsoleUser.hash_password, new)
        async with transaction():
            await execute(
                "UPDATE console_user SET password = $2 WHERE id = $1",
                session.login,
                hashed,
            )
            await execute("UPDATE console_attempt SET failed = false WHERE id = $1", attempt)
            await execute(
                "UPDATE console_session SET ended_at = $2, end_reason = 'password'"
                " WHERE account = $1 AND ended_at IS NULL",
                session.account,
                security_now(),
            )
            await record(
                actor,
                "login.password",
                "done",
                object_kind="console_account",
                object_id=session.account,
            )

    async def _admit(self, username: str, address: str) -> UUID | None:
        """Count a try, as failed until it proves right; None where the account is locked, then nothing is counted."""
        name, place, since = (
            self._name_digest(username),
            self.sealer.digest(address, "address"),
            security_now() - WINDOW,
        )
        async with transaction():
            # One try at a time for a name, so that many at once cannot all pass the count.
            await execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 1))",
                name,
            )
            row = await fetch_one(
                "SELECT count(*) FILTER (WHERE name_digest = $1) AS by_name,"
                " count(*) FILTER (WHERE address_digest = $2) AS by_address,"
                " min(at) FILTER (WHERE address_digest = $2) AS first FROM console_attempt"
                " WHERE failed AND at > $3 AND (name_digest = $1 OR address_digest = $2)",
                name,
                place,
                since,
            )
            if row and row["by_address"] >= TRIES_PER_ADDRESS:
                raise Throttled(max(ceil((row["first"] - since).total_seconds()), 1))
            if row and row["by_name"] >= TRIES_PER_NAME:
                return None
            attempt = new_id()
            await ConsoleAttempt.insert(
                ConsoleAttempt(
                    id=attempt,
                    name_digest=name,
                    address_digest=place,
                    at=security_now(),
                )
            )
        return attempt

    def _name_digest(self, username: str) -> bytes:
        return self.sealer.digest(username.lower(), "console name")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _counter_of(code: str, secret: str, used: int) -> int | None:
    """The time step, one before to one after now, whose code this is; None unless it comes after the one `used`."""
    now = int(security_now().timestamp()) // TOTP_SECONDS
    hotp = pyotp.HOTP(secret)
    fits = [step for step in (now - 1, now, now + 1) if hmac.compare_digest(hotp.at(step), code) and step > used]
    return fits[0] if fits else None


async def _matches(password: str, stored: str | None) -> bool:
    """Whether a password is the one stored; an unknown name costs the same work."""

    def compare() -> bool:
        against = stored or _nobodys_hash()
        _, iterations, salt, _ = ConsoleUser.split_stored_password(against)
        return hmac.compare_digest(ConsoleUser.hash_password(password, salt, int(iterations)), against)

    if len(password) > MAX_PASSWORD:
        return False
    async with _HASHING:
        return await asyncio.to_thread(compare) and stored is not None


@cache
def _nobodys_hash() -> str:
    return ConsoleUser.hash_password(secrets.token_hex(16))


async def _refuse(step: str, account: UUID | None) -> None:
    await record_apart(
        None,
        "login.console",
        "refused",
        object_kind="console_account",
        object_id=account,
        detail={"step": step},
    )


def _wrong_password() -> Unauthenticated:
    return Unauthenticated(
        "wrong_password",
        Text("用户名或密码不正确。", "The user name or the password is not right."),
    )


def _wrong_code() -> Unauthenticated:
    return Unauthenticated(
        "wrong_second_factor",
        Text(
            "验证码不正确或已使用,请等下一个。",
            "The code is wrong or was used; wait for the next one.",
        ),
    )
