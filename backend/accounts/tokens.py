"""Access and refresh tokens: short JWTs, and a chain of derived refresh tokens per device."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import jwt

from backend.clock import security_now
from backend.errors import Unauthenticated
from backend.words import Text

ISSUER = "niangjia"
AUDIENCE = "niangjia-phone"
ACCESS_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a valid access token says: the account and the device family it was given to, until when."""

    account: UUID
    family: UUID
    expires_at: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and reads tokens with the process's token key (32 bytes)."""

    key: bytes

    def access(self, account: UUID, family: UUID) -> str:
        """An access token of 15 minutes."""
        now = security_now()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(account),
            "fam": str(family),
            "iat": now,
            "exp": now + ACCESS_LIFETIME,
        }
        return jwt.encode(claims, self.key, algorithm="HS256")

    def read_access(self, token: str) -> AccessClaims:
        """The claims of a token; raises Unauthenticated for a forged, foreign or expired one."""
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=["HS256"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "sub", "fam", "iss", "aud"]},
            )
            return AccessClaims(UUID(claims["sub"]), UUID(claims["fam"]), float(claims["exp"]))
        except (jwt.InvalidTokenError, ValueError):
            raise bad_token() from None

    def refresh(self, family: UUID, generation: int) -> str:
        """The refresh token of one generation: derived, so that a retry after a lost answer gets the same one."""
        body = family.bytes + generation.to_bytes(4, "big")
        tag = hmac.digest(self.key, b"refresh" + body, hashlib.sha256)
        return base64.urlsafe_b64encode(body + tag).decode().rstrip("=")

    def read_refresh(self, token: str) -> tuple[UUID, int]:
        """Family and generation of a refresh token of ours; raises Unauthenticated."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise bad_token() from None
        if len(raw) != 52:
            raise bad_token()
        family, generation = UUID(bytes=raw[:16]), int.from_bytes(raw[16:20], "big")
        if not hmac.compare_digest(self.refresh(family, generation), token.rstrip("=")):
            raise bad_token()
        return family, generation


def bad_token() -> Unauthenticated:
    """The one answer to every token that does not hold."""
    return Unauthenticated("login_needed", Text("登录已失效,请重新登录。", "Please log in again."))
