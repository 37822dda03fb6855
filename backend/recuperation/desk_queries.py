"""What the desk shows of batches: those in reach, how far each is, who stands where, who travels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from backend.applications.allocation import allocate
from backend.database import fetch, fetch_one, fetch_value
from backend.identity import Binding
from backend.recuperation.queries import HOLDING, allocation_stage, batch_row, candidates, no_batch, places
from backend.unions.scope import scope_sql


async def batches_in_scope(bindings: Sequence[Binding]) -> Sequence[asyncpg.Record]:
    """The batches organised by unions that these bindings reach, newest first, with their counts."""
    condition, params = scope_sql(bindings, "u", 1)
    return await fetch(
        f"""SELECT b.id, b.name, b.state, b.starts_on, b.ends_on, b.capacity, b.opens_at, b.closes_at, b.version,
            s.name AS sanatorium_name, u.name AS organiser_name,
            count(a.id) FILTER (WHERE a.state <> 'draft') AS applied,
            count(a.id) FILTER (WHERE {HOLDING}) AS held
        FROM batch b JOIN trade_union u ON u.id = b.organiser JOIN sanatorium s ON s.id = b.sanatorium
        LEFT JOIN application a ON a.aggregate = b.id
        WHERE {condition} GROUP BY b.id, s.name, u.name ORDER BY b.id DESC LIMIT 100""",
        *params,
    )


async def require_batch_in_scope(bindings: Sequence[Binding], batch_id: UUID) -> asyncpg.Record:
    """A batch as `batch_row` gives it, if these bindings reach its organiser; raises NotFound."""
    condition, params = scope_sql(bindings, "u", 2)
    reached = await fetch_value(
        f"SELECT EXISTS (SELECT FROM batch b JOIN trade_union u ON u.id = b.organiser WHERE b.id = $1 AND {condition})",
        batch_id,
        *params,
    )
    if not reached:
        raise no_batch()
    return await batch_row(batch_id)


async def batch_counts(batch_id: UUID) -> dict[str, int]:
    """How many cases of a batch are in each state."""
    return {
        row["state"]: row["cases"]
        for row in await fetch(
            "SELECT state, count(*) AS cases FROM application WHERE aggregate = $1 GROUP BY state", batch_id
        )
    }


async def batch_quotas(batch_id: UUID) -> Sequence[asyncpg.Record]:
    """The quotas of a batch with what is held of each."""
    return await fetch(
        f"""SELECT q.trade_union, u.name, q.places,
            (SELECT count(*) FROM application a JOIN stay_request r ON r.application = a.id
                WHERE a.aggregate = q.batch AND r.quota_union = q.trade_union AND {HOLDING}) AS held
        FROM batch_quota q JOIN trade_union u ON u.id = q.trade_union WHERE q.batch = $1 ORDER BY u.name""",
        batch_id,
    )


async def batch_ranking(batch_id: UUID) -> Sequence[asyncpg.Record]:
    """Mains and reserves of a batch in order, with unit and state."""
    return await fetch(
        """SELECT a.id, a.number, a.subject_name, a.points, a.placement, a.rank, a.state, a.stage, u.name AS unit_name
        FROM application a LEFT JOIN trade_union u ON u.id = a.unit_id
        WHERE a.aggregate = $1 AND a.placement <> '' ORDER BY a.placement, a.rank""",
        batch_id,
    )


@dataclass(frozen=True, slots=True)
class Ranked:
    """Where a case would stand if the places were given now."""

    application: UUID
    number: str
    subject_name: str
    unit_name: str
    quota_name: str
    points: int
    placement: str
    rank: int


async def ranking_preview(batch_id: UUID) -> list[Ranked]:
    """Mains and reserves as `allocate` would place them now; nothing is written."""
    placed = allocate(await candidates(batch_id), await places(batch_id))
    rows = {
        row["id"]: row
        for row in await fetch(
            """SELECT a.id, a.number, a.subject_name, a.points, coalesce(u.short_name, '') AS unit_name,
                coalesce(q.short_name, '') AS quota_name
            FROM application a JOIN stay_request r ON r.application = a.id
            LEFT JOIN trade_union u ON u.id = a.unit_id LEFT JOIN trade_union q ON q.id = r.quota_union
            WHERE a.id = ANY($1)""",
            [place.application for place in placed],
        )
    }
    return [
        Ranked(
            application=place.application,
            number=rows[place.application]["number"],
            subject_name=rows[place.application]["subject_name"],
            unit_name=rows[place.application]["unit_name"],
            quota_name=rows[place.application]["quota_name"],
            points=rows[place.application]["points"],
            placement=place.placement,
            rank=place.rank,
        )
        for place in placed
    ]


async def undecided_cases(batch_id: UUID) -> Sequence[asyncpg.Record]:
    """The cases that hold an allocation up: those of `undecided`, the oldest first."""
    return await fetch(
        "SELECT id, number, subject_name, state, stage FROM application WHERE aggregate = $1 AND stage <> ''"
        " AND state <> 'draft' AND stage <> $2 AND placement = '' ORDER BY id LIMIT 100",
        batch_id,
        await allocation_stage(batch_id),
    )


async def sanatoria() -> Sequence[asyncpg.Record]:
    """The places of rest, by name."""
    return await fetch("SELECT id, name FROM sanatorium ORDER BY name LIMIT 500")


async def notice_of_batch(batch_id: UUID) -> asyncpg.Record | None:
    """The latest public notice of a batch."""
    return await fetch_one(
        "SELECT id, state, first_on, last_on FROM notice WHERE aggregate = $1 ORDER BY published_at DESC LIMIT 1",
        batch_id,
    )


async def roster_rows(batch_id: UUID) -> Sequence[asyncpg.Record]:
    """Who travels: the confirmed of a batch with what the sanatorium must know, still sealed, and whether it may."""
    return await fetch(
        """SELECT p.name, p.sex, p.born_on, u.name AS unit_name, d.phone_sealed, r.companions, r.health_sealed,
            r.contact_sealed, (SELECT count(DISTINCT c.purpose) FROM consent c WHERE c.person = p.id
                AND c.purpose IN ('sensitive_data', 'share_with_sanatorium') AND c.withdrawn_at IS NULL) = 2 AS shared
        FROM application a JOIN stay_request r ON r.application = a.id JOIN person p ON p.id = r.person
        JOIN staff_record d ON d.person = p.id JOIN trade_union u ON u.id = d.unit
        WHERE a.aggregate = $1 AND a.state IN ('confirmed', 'completed') ORDER BY u.name, p.name""",
        batch_id,
    )
