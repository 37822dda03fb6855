"""Read-only questions of the registry, one statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from backend.columns import LEVEL_COLUMNS
from backend.database import fetch, fetch_one, fetch_value
from backend.errors import NotFound
from backend.identity import Actor, Role
from backend.registry.kinds import RecordState
from backend.unions.scope import scope_sql

#: Roles that read the records of the workers of their unions.
READERS = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.AUDITOR)


class ServiceView(msgspec.Struct, frozen=True):
    """A period at the front with the emergency's name."""

    id: UUID
    emergency_id: UUID
    emergency: str
    place: str
    post: str
    dispatch: str
    from_on: date
    to_on: date | None
    evidence: UUID | None


class HonourView(msgspec.Struct, frozen=True):
    """A commendation that the worker holds."""

    id: UUID
    title: str
    level: str
    awarded_on: date
    evidence: UUID | None


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record as it is shown, number and phone masked."""

    id: UUID
    person: UUID
    name: str
    sex: str
    born_on: date | None
    identifier_type: str
    identifier_masked: str
    phone_masked: str
    unit: UUID
    unit_name: str
    department: str
    population: str
    job_category: str
    joined_unit_on: date
    certification: str
    list_version: str
    source: str
    state: RecordState
    return_reason: str
    version: int
    verified_at: datetime | None
    updated_at: datetime
    services: tuple[ServiceView, ...]
    honours: tuple[HonourView, ...]
    levels: Mapping[str, UUID | None]


@dataclass(frozen=True, slots=True)
class WaitingRecord:
    """A submitted record in the officer's queue."""

    id: UUID
    name: str
    unit_name: str
    population: str
    job_category: str
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class WaitingTakeover:
    """A phone that asks for a record: what is on file beside what the phone entered."""

    id: UUID
    record: UUID
    name: str
    unit_name: str
    phone_masked: str
    entered_name: str
    entered_phone_masked: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Staff:
    """A worker with a verified record, as an officer picks one."""

    person: UUID
    record: UUID
    name: str
    unit_name: str
    identifier_masked: str
    job_category: str


async def record_row(record_id: UUID, *, lock: bool = False) -> asyncpg.Record:
    """A record with the person's name, its row locked if asked; raises NotFound."""
    row = await fetch_one(
        "SELECT r.*, p.name FROM staff_record r JOIN person p ON p.id = r.person WHERE r.id = $1"
        f"{' FOR NO KEY UPDATE OF r' if lock else ''}",
        record_id,
    )
    if row is None:
        raise NotFound()
    return row


async def record_known_by(digest: bytes, type_: str) -> asyncpg.Record | None:
    """The record of the person who is known by a document number."""
    return await fetch_one(
        "SELECT r.* FROM person_identifier i JOIN staff_record r ON r.person = i.person"
        " WHERE i.type = $1 AND i.digest = $2",
        type_,
        digest,
    )


async def record_view(record_id: UUID) -> RecordView:
    """A record with its entries; the caller checks the scope by `levels`. Raises NotFound."""
    return await _view("r.id = $1", record_id)


async def my_record(actor: Actor) -> RecordView:
    """The actor's own record; raises NotFound before there is one."""
    return await _view("r.person = $1", actor.person_id)


async def has_consent(person: UUID, purpose: str) -> bool:
    """Whether a person's own consent stands."""
    return bool(
        await fetch_value(
            "SELECT EXISTS (SELECT FROM consent WHERE person = $1 AND given_by = $1 AND purpose = $2"
            " AND withdrawn_at IS NULL)",
            person,
            purpose,
        )
    )


async def emergencies() -> Sequence[asyncpg.Record]:
    """Every emergency, newest first."""
    return await fetch("SELECT id, name, level, area_code, start_on, end_on FROM emergency ORDER BY start_on DESC, id")


async def waiting_records(actor: Actor, after: UUID | None, limit: int) -> list[WaitingRecord]:
    """Submitted records of the officer's units, oldest first; those that a takeover settles are left out."""
    reached, unions = scope_sql(actor.unions_as(Role.UNIT_OFFICER), "r", 3)
    rows = await fetch(
        "SELECT r.id, p.name, t.name AS unit_name, r.population, r.job_category, r.updated_at, r.version"
        " FROM staff_record r JOIN person p ON p.id = r.person JOIN trade_union t ON t.id = r.unit"
        f" WHERE r.state = 'submitted' AND {reached} AND ($1::uuid IS NULL OR r.id > $1)"
        " AND NOT EXISTS (SELECT FROM takeover o JOIN worker_account a ON a.id = o.account"
        " WHERE a.person = r.person AND o.state = 'open' AND o.record IS NOT NULL)"
        " ORDER BY r.id LIMIT $2",
        after,
        limit,
        *unions,
    )
    return [WaitingRecord(**row) for row in rows]


async def waiting_takeovers(actor: Actor, after: UUID | None, limit: int) -> list[WaitingTakeover]:
    """Open takeovers of records of the officer's units, oldest first."""
    reached, unions = scope_sql(actor.unions_as(Role.UNIT_OFFICER), "r", 3)
    rows = await fetch(
        "SELECT o.id, r.id AS record, p.name, t.name AS unit_name, r.phone_masked,"
        " coalesce(e.name, '') AS entered_name, a.phone_masked AS entered_phone_masked, o.asked_at"
        " FROM takeover o JOIN staff_record r ON r.id = o.record JOIN person p ON p.id = r.person"
        " JOIN trade_union t ON t.id = r.unit JOIN worker_account a ON a.id = o.account"
        " LEFT JOIN person e ON e.id = a.person"
        f" WHERE o.state = 'open' AND {reached} AND ($1::uuid IS NULL OR o.id > $1) ORDER BY o.id LIMIT $2",
        after,
        limit,
        *unions,
    )
    return [WaitingTakeover(**row) for row in rows]


async def search_staff(
    actor: Actor, words: str, identifier_digest: bytes | None, after: UUID | None, limit: int
) -> list[Staff]:
    """Workers with a verified record in the officer's scope, by part of the name or by the exact document number."""
    reached, unions = scope_sql(actor.unions_as(Role.UNIT_OFFICER), "r", 5)
    pattern = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = await fetch(
        "SELECT p.id AS person, r.id AS record, p.name, t.name AS unit_name, r.identifier_masked, r.job_category"
        " FROM staff_record r JOIN person p ON p.id = r.person JOIN trade_union t ON t.id = r.unit"
        f" WHERE r.verified_at IS NOT NULL AND {reached} AND ($1::uuid IS NULL OR r.id > $1)"
        " AND (r.identifier_digest = $2 OR ($2::bytea IS NULL AND p.name LIKE '%' || $3 || '%'))"
        " ORDER BY r.id LIMIT $4",
        after,
        identifier_digest,
        pattern,
        limit,
        *unions,
    )
    return [Staff(**row) for row in rows]


async def _view(condition: str, value: UUID | None) -> RecordView:
    row = await fetch_one(
        f"""SELECT r.*, p.name, p.sex, p.born_on, t.name AS unit_name,
            (SELECT coalesce(json_agg(json_build_object('id', s.id, 'emergency_id', s.emergency, 'emergency', e.name,
                    'place', s.place, 'post', s.post, 'dispatch', s.dispatch, 'from_on', s.from_on, 'to_on', s.to_on,
                    'evidence', s.evidence) ORDER BY s.from_on), '[]')
                FROM service_period s JOIN emergency e ON e.id = s.emergency WHERE s.record = r.id) AS services,
            (SELECT coalesce(json_agg(json_build_object('id', h.id, 'title', h.title, 'level', h.level,
                    'awarded_on', h.awarded_on, 'evidence', h.evidence) ORDER BY h.awarded_on), '[]')
                FROM honour h WHERE h.record = r.id) AS honours
        FROM staff_record r JOIN person p ON p.id = r.person JOIN trade_union t ON t.id = r.unit
        WHERE {condition}""",
        value,
    )
    if row is None:
        raise NotFound()
    plain: dict[str, Any] = {
        name: row[name]
        for name in RecordView.__dataclass_fields__
        if name not in ("services", "honours", "levels", "state")
    }
    return RecordView(
        **plain,
        state=RecordState(row["state"]),
        services=msgspec.json.decode(row["services"], type=tuple[ServiceView, ...]),
        honours=msgspec.json.decode(row["honours"], type=tuple[HonourView, ...]),
        levels={column: row[column] for column in LEVEL_COLUMNS},
    )
