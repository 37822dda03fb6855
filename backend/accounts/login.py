"""Logging a worker in from a phone: codes, token families, devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from backend.accounts.codes import CodePurpose, Codes
from backend.accounts.phones import StoredPhone
from backend.accounts.tables import TokenFamily
from backend.accounts.tokens import Tokens, bad_token
from backend.audit.log import record, record_apart
from backend.clock import security_now
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import NotFound, Unauthenticated
from backend.identity import Actor
from backend.sealing import Sealer
from backend.words import Language

FAMILY_LIFETIME = timedelta(days=60)

#: How long after a rotation the token before it is still taken for a retry of a lost answer.
RETRY_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a phone gets: the account, an access token of 15 minutes and the refresh token that follows it."""

    account: UUID
    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Device:
    """One phone that is logged in."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class Login:
    """The verbs of logging in and out; security time throughout."""

    sealer: Sealer
    codes: Codes
    tokens: Tokens

    async def send_code(self, phone: str, address: str) -> None:
        """Send a login code; the same answer for a known and an unknown phone."""
        await self.codes.send(CodePurpose.LOGIN, StoredPhone.of(phone, self.sealer), address)

    async def log_in(self, phone: str, code: str, device: str) -> TokenPair:
        """Trade a code for tokens; makes the account at its first login."""
        stored = StoredPhone.of(phone, self.sealer)
        try:
            await self.codes.prove(CodePurpose.LOGIN, stored.digest, code)
        except Unauthenticated:
            await record_apart(None, "login.phone", "refused")
            raise
        now = security_now()
        async with transaction():
            await execute(
                "INSERT INTO worker_account (id, phone_sealed, phone_digest, phone_masked, created_at)"
                " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (phone_digest) DO NOTHING",
                new_id(),
                stored.sealed,
                stored.digest,
                stored.masked,
                now,
            )
            account = await fetch_value("SELECT id FROM worker_account WHERE phone_digest = $1", stored.digest)
            family = TokenFamily(
                id=new_id(), account=account, device=device.strip()[:60] or "手机", created_at=now, rotated_at=now
            )
            await TokenFamily.insert(family)
            await record(None, "login.phone", "done", object_kind="worker_account", object_id=account)
        return self._pair(account, UUID(str(family.id)), 0)

    async def refresh(self, token: str) -> TokenPair:
        """Trade a refresh token for its successor.

        The one before the newest is taken once more within RETRY_WINDOW and gets the same successor (its answer was
        lost on the way); any older one, or that one later, ends the family: it was stolen or copied.
        """
        family_id, generation = self.tokens.read_refresh(token)
        now = security_now()
        async with transaction():
            family = await fetch_one("SELECT * FROM token_family WHERE id = $1 FOR UPDATE", family_id)
            if family is None or family["ended_at"] is not None or family["created_at"] + FAMILY_LIFETIME < now:
                raise bad_token()
            if generation == family["generation"]:
                await execute(
                    "UPDATE token_family SET generation = generation + 1, rotated_at = $2 WHERE id = $1",
                    family_id,
                    now,
                )
                return self._pair(family["account"], family_id, generation + 1)
            if generation == family["generation"] - 1 and family["rotated_at"] + RETRY_WINDOW > now:
                return self._pair(family["account"], family_id, generation + 1)
            await self._end("id = $1", family_id, "reused")
            await record(None, "login.reuse", "refused", object_kind="token_family", object_id=family_id)
        raise bad_token()

    async def devices(self, actor: Actor) -> list[Device]:
        """The phones that are logged in to the actor's account, newest first."""
        return [
            Device(row["id"], row["device"], row["created_at"], row["rotated_at"])
            for row in await fetch(
                "SELECT id, device, created_at, rotated_at FROM token_family"
                " WHERE account = $1 AND ended_at IS NULL ORDER BY id DESC LIMIT 100",
                actor.account_id,
            )
        ]

    async def log_out(self, actor: Actor, family: UUID) -> None:
        """End one device of the actor's; raises NotFound for somebody else's."""
        own = await fetch_value(
            "SELECT EXISTS (SELECT FROM token_family WHERE id = $1 AND account = $2)", family, actor.account_id
        )
        if not own:
            raise NotFound()
        await self._end("id = $1", family, "logout")

    async def log_out_everywhere(self, actor: Actor) -> None:
        """End every device of the actor's."""
        await self._end("account = $1", actor.account_id, "logout")

    async def actor(self, account: UUID, family: UUID, language: Language) -> Actor:
        """The actor behind a token whose signature holds; raises Unauthenticated where its device was ended."""
        row = await fetch_one(
            "SELECT a.id, a.person, coalesce(p.name, a.phone_masked) AS name, r.unit FROM token_family f"
            " JOIN worker_account a ON a.id = f.account LEFT JOIN person p ON p.id = a.person"
            " LEFT JOIN staff_record r ON r.person = a.person"
            " WHERE f.id = $1 AND f.account = $2 AND f.ended_at IS NULL",
            family,
            account,
        )
        if row is None:
            raise bad_token()
        return Actor(
            row["id"],
            row["name"],
            person_id=row["person"],
            employer_id=row["unit"],
            language=language,
            origin="phone",
        )

    def _pair(self, account: UUID, family: UUID, generation: int) -> TokenPair:
        return TokenPair(account, self.tokens.access(account, family), self.tokens.refresh(family, generation))

    @staticmethod
    async def _end(condition: str, value: UUID, reason: str) -> None:
        await execute(
            f"UPDATE token_family SET ended_at = $2, end_reason = $3 WHERE {condition} AND ended_at IS NULL",
            value,
            security_now(),
            reason,
        )
