"""One-time codes to a phone: hashed, five minutes, five tries, throttled per phone and per address."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import ceil

from backend.accounts.phones import PHONE_PURPOSE, StoredPhone
from backend.accounts.sms import Sms
from backend.accounts.tables import LoginCode
from backend.clock import security_now
from backend.database import execute, fetch_one, new_id, transaction
from backend.errors import Throttled, Unauthenticated
from backend.sealing import Sealer
from backend.words import Text

LIFETIME = timedelta(minutes=5)
TRIES = 5
PER_SUBJECT = (1, timedelta(seconds=30)), (5, timedelta(hours=1)), (10, timedelta(days=1))
PER_ADDRESS = ((100, timedelta(hours=1)),)

#: Kinds of lock, apart from each other and from those of the console's logins.
_SUBJECT_LOCK, _ADDRESS_LOCK = 0, 2


class CodePurpose(StrEnum):
    """What a code proves: that one may log in, or that a record is one's own."""

    LOGIN = "login"
    TAKEOVER = "takeover"


_TEXTS = {
    CodePurpose.LOGIN: "【娘家】登录验证码 {code},5 分钟内有效。请勿告诉他人。",
    CodePurpose.TAKEOVER: "【娘家】认领档案验证码 {code},5 分钟内有效。非本人操作请忽略。",
}


@dataclass(frozen=True, slots=True)
class Codes:
    """Sends and checks one-time codes; security time throughout."""

    sealer: Sealer
    sms: Sms

    async def send(self, purpose: CodePurpose, phone: StoredPhone, address: str) -> None:
        """Send a code to a phone; raises Throttled past the limits of the phone or the address."""
        code = await self.issue(purpose, phone.digest, address)
        await self.deliver(purpose, phone.sealed, code)

    async def issue(self, purpose: CodePurpose, subject: bytes, address: str) -> str:
        """A new code about a subject (the keyed hash of a phone, or of a document number), counted by the throttles."""
        code = f"{secrets.randbelow(1_000_000):06d}"
        now = security_now()
        row = LoginCode(
            id=new_id(),
            purpose=purpose,
            subject_digest=subject,
            address_digest=self.sealer.digest(address, "address"),
            code_digest=self._digest(code, subject),
            created_at=now,
            expires_at=now + LIFETIME,
        )
        async with transaction():
            # One sender at a time for a subject, and for an address, so that two at once cannot both pass the count.
            for counted, kind in ((subject, _SUBJECT_LOCK), (row.address_digest, _ADDRESS_LOCK)):
                await execute("SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), $2))", counted, kind)
            await self._require_rate("subject_digest", subject, PER_SUBJECT)
            await self._require_rate("address_digest", row.address_digest, PER_ADDRESS)
            await LoginCode.insert(row)
        return code

    async def deliver(self, purpose: CodePurpose, phone_sealed: bytes, code: str) -> None:
        """Send a code by SMS."""
        await self.sms.send(self.sealer.open(phone_sealed, PHONE_PURPOSE), _TEXTS[purpose].format(code=code))

    async def prove(self, purpose: CodePurpose, subject: bytes, code: str) -> None:
        """Use up the newest code about a subject; raises Unauthenticated for a wrong, old, used or absent one alike."""
        now = security_now()
        row = await fetch_one(
            "UPDATE login_code SET tries = tries + 1 WHERE id = (SELECT id FROM login_code WHERE purpose = $1"
            " AND subject_digest = $2 ORDER BY created_at DESC LIMIT 1) AND used_at IS NULL AND expires_at > $3"
            " AND tries < $4 RETURNING id, code_digest",
            purpose,
            subject,
            now,
            TRIES,
        )
        good = hmac.compare_digest(row["code_digest"] if row else b"\0" * 32, self._digest(code, subject))
        used = await execute(
            "UPDATE login_code SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND $3",
            row["id"] if row else new_id(),
            now,
            good,
        )
        if not (row and good and used):
            raise Unauthenticated(
                "wrong_code", Text("验证码不正确或已失效,请重新获取。", "The code is wrong or has expired.")
            )

    def _digest(self, code: str, subject: bytes) -> bytes:
        return self.sealer.digest(f"{subject.hex()}:{code}", "code")

    @staticmethod
    async def _require_rate(column: str, value: bytes, limits: tuple[tuple[int, timedelta], ...]) -> None:
        now, waits = security_now(), [timedelta()]
        for count, window in limits:
            row = await fetch_one(
                f"SELECT count(*) AS sent, min(created_at) AS first FROM login_code"
                f" WHERE {column} = $1 AND created_at > $2",
                value,
                now - window,
            )
            if row and row["sent"] >= count:
                waits.append(row["first"] + window - now)
        if len(waits) > 1:
            raise Throttled(max(ceil(max(waits).total_seconds()), 1))
