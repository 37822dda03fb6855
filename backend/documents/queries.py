"""Read-only listings of papers: a worker's own, those that wait for a verifier, those of a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from backend.database import fetch
from backend.documents.service import NAME_PURPOSE
from backend.identity import Actor, Role
from backend.sealing import Sealer
from backend.unions.scope import scope_sql


@dataclass(frozen=True, slots=True)
class PaperEntry:
    """One paper in a list; `name` is the file's name as its sender knows it, `reason_code` that of the last verdict."""

    id: UUID
    kind: str
    state: str
    name: str
    size: int
    sha256: bytes
    media_type: str
    pages: int
    malware: str
    refusal_code: str
    reason_code: str
    comment: str
    reserved_at: datetime
    uploaded_at: datetime | None
    checked_at: datetime | None
    expires_on: date | None
    version: int


@dataclass(frozen=True, slots=True)
class WaitingPaper:
    """A checked paper that waits for a verdict, with whose it is and where they work."""

    id: UUID
    kind: str
    owner_name: str
    unit_name: str
    checked_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class CasePaper:
    """A paper as one case carries it; `verdict_by` and `verdict_at` are those of the last verdict, if there is one."""

    requirement: str
    paper: PaperEntry
    attached_at: datetime
    verdict_by: str
    verdict_at: datetime | None


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """One verdict as it was given."""

    outcome: str
    reason_code: str
    comment: str
    by_name: str
    at: datetime
    sha256: bytes
    expires_on: date | None


_LAST_VERDICT = (
    "LEFT JOIN LATERAL (SELECT reason_code, comment, by_name, at FROM verdict"
    " WHERE upload = u.id ORDER BY at DESC, id DESC LIMIT 1) v ON true"
)
_ENTRY = (
    "u.id, u.kind, u.state, u.name_sealed, u.declared_size, u.declared_sha256, u.declared_type, u.pages, u.malware,"
    " u.refusal_code, coalesce(v.reason_code, '') AS reason_code, coalesce(v.comment, '') AS comment, u.reserved_at,"
    " u.uploaded_at, u.checked_at, u.expires_on, u.version"
)


async def mine(actor: Actor, sealer: Sealer, *, after: UUID | None, limit: int) -> list[PaperEntry]:
    """The actor's own papers, newest first, older than the one named `after`; unfinished reservations left out."""
    rows = await fetch(
        f"SELECT {_ENTRY} FROM upload u {_LAST_VERDICT} WHERE u.owner_person = $1"
        " AND u.state NOT IN ('reserved', 'erased') AND NOT (u.state = 'expired' AND u.rendition_key IS NULL)"
        " AND ($2::uuid IS NULL OR u.id < $2)"
        " ORDER BY u.id DESC LIMIT $3",
        actor.person_id,
        after,
        limit,
    )
    return [_entry(row, sealer) for row in rows]


async def one(upload_id: UUID, sealer: Sealer) -> PaperEntry | None:
    """One paper as lists show it; the caller has made sure that the actor may see it."""
    rows = await fetch(f"SELECT {_ENTRY} FROM upload u {_LAST_VERDICT} WHERE u.id = $1", upload_id)
    return _entry(rows[0], sealer) if rows else None


async def waiting(actor: Actor, *, after: UUID | None, limit: int) -> list[WaitingPaper]:
    """The papers that the actor may verify and that wait for it, oldest first, behind the one named `after`.

    Left out are the actor's own, those of relatives and those that the actor sent in.
    """
    reached, unions = scope_sql(actor.unions_as(Role.HR_VERIFIER), "r", 5)
    rows = await fetch(
        "SELECT u.id, u.kind, p.name AS owner_name, t.name AS unit_name, u.checked_at, u.version"
        " FROM upload u JOIN staff_record r ON r.person = u.owner_person JOIN person p ON p.id = u.owner_person"
        " JOIN trade_union t ON t.id = r.unit"
        f" WHERE u.state = 'checked' AND {reached} AND ($1::uuid IS NULL OR u.id > $1)"
        " AND u.reserved_by <> $2 AND u.owner_person IS DISTINCT FROM $3"
        " AND NOT EXISTS (SELECT FROM relation n WHERE n.to_on IS NULL"
        " AND ((n.person = $3 AND n.relative = u.owner_person) OR (n.relative = $3 AND n.person = u.owner_person)))"
        " ORDER BY u.id LIMIT $4",
        after,
        actor.account_id,
        actor.person_id,
        limit,
        *unions,
    )
    return [WaitingPaper(**row) for row in rows]


async def of_application(application: UUID, sealer: Sealer) -> list[CasePaper]:
    """The papers of a case with their states, by requirement, newest first.

    The caller has made sure that the actor may see the case.
    """
    rows = await fetch(
        f"SELECT d.requirement, d.attached_at, coalesce(v.by_name, '') AS verdict_by, v.at AS verdict_at, {_ENTRY}"
        f" FROM application_document d JOIN upload u ON u.id = d.upload {_LAST_VERDICT}"
        " WHERE d.application = $1 ORDER BY d.requirement, d.attached_at DESC",
        application,
    )
    return [
        CasePaper(row["requirement"], _entry(row, sealer), row["attached_at"], row["verdict_by"], row["verdict_at"])
        for row in rows
    ]


async def verdicts(upload_id: UUID) -> list[PastVerdict]:
    """Every verdict on an upload, oldest first; the caller has made sure that the actor may see it."""
    rows = await fetch(
        "SELECT outcome, reason_code, comment, by_name, at, sha256, expires_on FROM verdict WHERE upload = $1"
        " ORDER BY at, id",
        upload_id,
    )
    return [PastVerdict(**row) for row in rows]


def _entry(row: asyncpg.Record, sealer: Sealer) -> PaperEntry:
    return PaperEntry(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        name=sealer.open(row["name_sealed"], NAME_PURPOSE) if row["name_sealed"] else "",
        size=row["declared_size"],
        sha256=row["declared_sha256"],
        media_type=row["declared_type"],
        pages=row["pages"],
        malware=row["malware"],
        refusal_code=row["refusal_code"],
        reason_code=row["reason_code"],
        comment=row["comment"],
        reserved_at=row["reserved_at"],
        uploaded_at=row["uploaded_at"],
        checked_at=row["checked_at"],
        expires_on=row["expires_on"],
        version=row["version"],
    )
