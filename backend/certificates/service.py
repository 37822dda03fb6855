"""Issues certificates, ends or revokes them, and shows the public what a link stands for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from uuid import UUID

import asyncpg
import msgspec

from backend.certificates.shown import Kind, Line, Shown, Standing, State, standing
from backend.clock import Clock, local_date
from backend.database import fetch_one, new_id
from backend.errors import Conflict, NotFound, RuleViolation
from backend.identity import Actor
from backend.words import Text

REASON_LIMIT = 300

#: The states that each may be reached from; a revoked certificate stays revoked.
_BEFORE: Mapping[State, Sequence[State]] = MappingProxyType(
    {State.ENDED: (State.VALID,), State.REVOKED: (State.VALID, State.ENDED)}
)


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate as it is on record."""

    id: UUID
    kind: Kind
    subject: UUID
    number: str
    token: str
    shown: Shown
    issued_at: datetime
    issued_by: UUID
    state: State
    state_at: datetime
    state_reason: str


@dataclass(frozen=True, slots=True)
class PublicCertificate:
    """A certificate as anybody may read it who has its link.

    `changed_on` is the day on which its end or revocation was recorded; `reason` is that of a revocation.
    """

    number: str
    kind: Kind
    title: Text
    holder: str
    issuer: str
    lines: tuple[Line, ...]
    issued_on: date
    valid_from: date | None
    valid_to: date | None
    waits_until: date | None
    standing: Standing
    changed_on: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class Certificates:
    """One certificate for each row that earned one."""

    clock: Clock
    public_url: str

    @staticmethod
    async def issue(
        actor: Actor, kind: Kind, subject: UUID, number: str, shown: Shown, now: datetime
    ) -> IssuedCertificate:
        """The certificate of `subject`, made now unless there is one, within the current transaction.

        One that exists is given back as it is, whatever its words and state: what was issued does not change.
        """
        row = await fetch_one(
            "INSERT INTO certificate"
            " (id, kind, subject, number, token, shown, issued_at, issued_by, state, state_at, state_reason)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $7, '') ON CONFLICT (kind, subject) DO NOTHING RETURNING *",
            new_id(),
            kind,
            subject,
            number,
            secrets.token_urlsafe(16),
            msgspec.json.encode(shown).decode(),
            now,
            actor.account_id,
            State.VALID,
        )
        if row is not None:
            return _issued(row)
        held = await Certificates.of(kind, subject)
        assert held is not None
        return held

    @staticmethod
    async def change_state(kind: Kind, subject: UUID, state: State, reason: str, now: datetime) -> None:
        """End or revoke the certificate of `subject`, within the current transaction; the same again changes nothing.

        The reason of a revocation is read by everybody and has to be there; that of an end stays inside. Raises
        RuleViolation for a reason that is missing or too long, NotFound where nothing was issued, Conflict where the
        state cannot follow.
        """
        reason = reason.strip()
        if len(reason) > REASON_LIMIT or (state is State.REVOKED and not reason):
            raise RuleViolation.of(
                "reason_length",
                Text(
                    "请用不超过 {limit} 字写明撤销理由,任何人都能看到。",
                    "Give the reason in up to {limit} characters; everybody can read it.",
                ).fill(limit=REASON_LIMIT),
                "reason",
            )
        changed = await fetch_one(
            "UPDATE certificate SET state = $3, state_at = $4, state_reason = $5"
            " WHERE kind = $1 AND subject = $2 AND state = ANY($6) RETURNING id",
            kind,
            subject,
            state,
            now,
            reason,
            list(_BEFORE.get(state, ())),
        )
        if changed is not None:
            return
        held = await Certificates.of(kind, subject)
        if held is None:
            raise NotFound(Text("没有这份证书。", "There is no such certificate."))
        if held.state is not state:
            raise Conflict(
                "certificate_state", Text("证书的状态不能这样变更。", "The certificate cannot change in this way.")
            )

    @staticmethod
    async def of(kind: Kind, subject: UUID) -> IssuedCertificate | None:
        """The certificate of `subject` in whatever state, or None."""
        row = await fetch_one("SELECT * FROM certificate WHERE kind = $1 AND subject = $2", kind, subject)
        return _issued(row) if row is not None else None

    async def public(self, token: str) -> PublicCertificate:
        """What the public link with `token` stands for today; raises NotFound."""
        row = await fetch_one("SELECT * FROM certificate WHERE token = $1", token)
        if row is None:
            raise NotFound(Text("没有这份证书,请核对链接。", "There is no such certificate; please check the link."))
        held = _issued(row)
        shown = held.shown
        return PublicCertificate(
            number=held.number,
            kind=held.kind,
            title=shown.title,
            holder=shown.holder,
            issuer=shown.issuer,
            lines=shown.lines,
            issued_on=local_date(held.issued_at),
            valid_from=shown.valid_from,
            valid_to=shown.valid_to,
            waits_until=shown.waits_until,
            standing=standing(held.state, shown, local_date(await self.clock.now())),
            changed_on=None if held.state is State.VALID else local_date(held.state_at),
            reason=held.state_reason if held.state is State.REVOKED else "",
        )

    def link(self, certificate: IssuedCertificate) -> str:
        """The public address that verifies a certificate; its QR code holds it."""
        return f"{self.public_url}/certificates/{certificate.token}"


def _issued(row: asyncpg.Record) -> IssuedCertificate:
    return IssuedCertificate(
        id=row["id"],
        kind=Kind(row["kind"]),
        subject=row["subject"],
        number=row["number"],
        token=row["token"],
        shown=msgspec.json.decode(row["shown"], type=Shown),
        issued_at=row["issued_at"],
        issued_by=row["issued_by"],
        state=State(row["state"]),
        state_at=row["state_at"],
        state_reason=row["state_reason"],
    )
