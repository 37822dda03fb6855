"""Read-only questions of rest and recuperation, one statement each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.allocation import Candidate, Places, lot
from backend.applications.programme import ProgrammeContent, Ruleset
from backend.database import fetch, fetch_one, fetch_value
from backend.errors import NotFound
from backend.recuperation.facts import (
    BatchFacts,
    EarlierStay,
    HonourHeld,
    Service,
    ServiceRecord,
    StayFacts,
    StayRequestFacts,
)
from backend.words import Text

#: The merit of a worker is evidenced by a paper for this requirement.
MERIT = "merit"

#: A main that holds a place: anything but a case that ended without a stay.
HOLDING = "a.placement = 'main' AND a.state NOT IN ('declined', 'lapsed', 'rejected', 'withdrawn')"


_RULESETS: dict[UUID, Ruleset] = {}
_RULESETS_KEPT = 256


async def ruleset(version_id: UUID) -> Ruleset:
    """The numbers of the policy rows that a programme version resolved to.

    Those of a published version never change, so each process reads them once.
    """
    if version_id in _RULESETS:
        return _RULESETS[version_id]
    rows = await fetch(
        "SELECT v.state, p.rules, p.clause FROM programme_version v"
        " CROSS JOIN LATERAL jsonb_array_elements_text(v.content -> 'policies') WITH ORDINALITY AS ids (id, place)"
        " JOIN policy_row p ON p.id = ids.id::uuid WHERE v.id = $1 ORDER BY ids.place",
        version_id,
    )
    rules = Ruleset([(msgspec.json.decode(row["rules"]), row["clause"]) for row in rows])
    if rows and rows[0]["state"] == "published":
        if len(_RULESETS) >= _RULESETS_KEPT:
            _RULESETS.clear()
        _RULESETS[version_id] = rules
    return rules


async def content_of(version_id: UUID) -> ProgrammeContent:
    """What a programme version says."""
    content = await fetch_value("SELECT content FROM programme_version WHERE id = $1", version_id)
    return msgspec.json.decode(content, type=ProgrammeContent)


async def batch_row(batch_id: UUID | None) -> asyncpg.Record:
    """A batch with its sanatorium, emergency and programme; raises NotFound."""
    row = await fetch_one(
        """SELECT b.*, s.name AS sanatorium_name, s.address, s.area_code, e.name AS emergency_name,
            e.end_on AS emergency_ended_on, u.name AS organiser_name, u.area_code AS organiser_area, v.content,
            p.name_zh AS programme_zh, p.name_en AS programme_en,
            (SELECT coalesce(sum(q.places), 0) FROM batch_quota q WHERE q.batch = b.id) AS quota_total
        FROM batch b JOIN sanatorium s ON s.id = b.sanatorium JOIN emergency e ON e.id = b.emergency
        JOIN trade_union u ON u.id = b.organiser JOIN programme_version v ON v.id = b.programme_version
        JOIN programme p ON p.id = v.programme
        WHERE b.id = $1""",
        batch_id,
    )
    if row is None:
        raise no_batch()
    return row


async def announced_batch(batch_id: UUID) -> asyncpg.Record:
    """A batch as workers may know of it; raises NotFound for one that is still drafted, as for none."""
    row = await batch_row(batch_id)
    if row["state"] == "drafted":
        raise no_batch()
    return row


def no_batch() -> NotFound:
    """The one answer to every batch that is not there for who asks."""
    return NotFound(Text("没有找到这个批次。", "No such batch."))


def batch_facts(row: asyncpg.Record) -> BatchFacts:
    """The facts of a row of `batch_row` or `stay_facts`."""
    return BatchFacts(
        id=row["id"],
        state=row["state"],
        starts_on=row["starts_on"],
        ends_on=row["ends_on"],
        area_code=row["area_code"],
        home_province=(row["organiser_area"] or "")[:2],
        companion_rule=row["companion_rule"],
        opens_at=row["opens_at"],
        closes_at=row["closes_at"],
        emergency_ended_on=row["emergency_ended_on"],
    )


#: Under whose quota in batch `$1` a row `a` with level columns falls: the nearest union on its line that has places.
NEAREST_QUOTA = """SELECT q.trade_union FROM batch_quota q WHERE q.batch = $1 AND q.places > 0
    AND q.trade_union IN (a.unit_id, a.county_id, a.city_id, a.province_id, a.national_id)
    ORDER BY array_position(ARRAY[a.unit_id, a.county_id, a.city_id, a.province_id, a.national_id], q.trade_union)
    LIMIT 1"""

#: `$1` the batch, `$2` the person, `$3` the application or NULL, `$4` the requirement of merit.
_FACTS = f"""SELECT b.id, b.state, b.starts_on, b.ends_on, b.companion_rule, b.opens_at, b.closes_at, s.area_code,
    e.end_on AS emergency_ended_on, o.area_code AS organiser_area, r.companions, r.fit_to_travel,
    EXISTS (SELECT FROM application_document d JOIN upload u ON u.id = d.upload
        WHERE d.application = r.application AND d.requirement = $4
            AND u.state IN ('uploaded', 'checked', 'verified')) AS merit,
    EXISTS (SELECT FROM stay_request x WHERE x.batch = $1 AND x.person = $2 AND x.live
        AND x.application IS DISTINCT FROM $3) AS another,
    ({NEAREST_QUOTA}) AS quota_union, EXISTS (SELECT FROM batch_quota WHERE batch = $1) AS has_quotas,
    a.state AS record_state, a.population, p.born_on, a.joined_unit_on,
    (SELECT coalesce(json_agg(json_build_object('dispatch', t.dispatch, 'from_on', t.from_on, 'to_on', t.to_on)
        ORDER BY t.from_on), '[]') FROM service_period t WHERE t.record = a.id AND t.emergency = b.emergency)
        AS services,
    (SELECT coalesce(json_agg(json_build_object('level', h.level, 'awarded_on', h.awarded_on)
        ORDER BY h.awarded_on), '[]') FROM honour h WHERE h.record = a.id) AS honours,
    (SELECT coalesce(json_agg(json_build_object('area_code', t.area_code, 'ends_on', t.ends_on)
        ORDER BY t.ends_on), '[]') FROM stay t WHERE t.person = p.id) AS stays,
    (SELECT coalesce(json_agg(c.purpose ORDER BY c.purpose), '[]') FROM consent c
        WHERE c.person = p.id AND c.given_by = p.id AND c.withdrawn_at IS NULL) AS consents
FROM batch b JOIN sanatorium s ON s.id = b.sanatorium JOIN emergency e ON e.id = b.emergency
JOIN trade_union o ON o.id = b.organiser
LEFT JOIN stay_request r ON r.application = $3 AND r.batch = b.id
LEFT JOIN person p ON p.id = $2 LEFT JOIN staff_record a ON a.person = p.id WHERE b.id = $1"""


async def stay_facts(batch_id: UUID, person: UUID, application: UUID | None) -> StayFacts:
    """What a request of `person` is judged on, in one statement; `application` None for a look before applying."""
    row = await fetch_one(_FACTS, batch_id, person, application, MERIT)
    if row is None:
        raise no_batch()
    return StayFacts(
        record=_service_record(row),
        request=StayRequestFacts(
            companions=row["companions"] or 0,
            health_declared=row["companions"] is not None,
            fit_to_travel=bool(row["fit_to_travel"]),
            merit_evidenced=row["merit"],
            has_live_request=row["another"],
            has_quota=row["quota_union"] is not None or not row["has_quotas"],
        ),
        batch=batch_facts(row),
    )


def _service_record(row: asyncpg.Record) -> ServiceRecord | None:
    if row["record_state"] is None:
        return None
    return ServiceRecord(
        state=row["record_state"],
        population=row["population"],
        born_on=row["born_on"],
        joined_unit_on=row["joined_unit_on"],
        services=msgspec.json.decode(row["services"], type=tuple[Service, ...]),
        honours=msgspec.json.decode(row["honours"], type=tuple[HonourHeld, ...]),
        stays=msgspec.json.decode(row["stays"], type=tuple[EarlierStay, ...]),
        consents=msgspec.json.decode(row["consents"], type=tuple[str, ...]),
    )


async def quota_union(batch_id: UUID, person: UUID) -> UUID | None:
    """The union whose quota a person falls under."""
    union: UUID | None = await fetch_value(
        f"SELECT ({NEAREST_QUOTA}) FROM staff_record a WHERE a.person = $2", batch_id, person
    )
    return union


async def confirmation_terms(batch_id: UUID) -> tuple[int, date]:
    """How many working days a worker has to confirm, and the day on which the batch leaves."""
    row = await batch_row(batch_id)
    return row["confirm_working_days"], row["starts_on"]


async def batch_state(batch_id: UUID) -> str:
    """The state of a batch."""
    return str(await fetch_value("SELECT state FROM batch WHERE id = $1", batch_id))


async def places(batch_id: UUID) -> Places:
    """The places of a batch with those that are held now."""
    capacity = await fetch_value("SELECT capacity FROM batch WHERE id = $1", batch_id)
    quotas = await fetch("SELECT trade_union, places FROM batch_quota WHERE batch = $1", batch_id)
    held = await fetch(
        f"SELECT r.quota_union, count(*) AS held FROM application a JOIN stay_request r ON r.application = a.id"
        f" WHERE a.aggregate = $1 AND {HOLDING} GROUP BY r.quota_union",
        batch_id,
    )
    return Places(
        capacity,
        {row["trade_union"]: row["places"] for row in quotas} or None,
        Counter({row["quota_union"]: row["held"] for row in held}),
    )


async def candidates(batch_id: UUID) -> list[Candidate]:
    """The cases of a batch that wait in its allocation stage."""
    return await _candidates(batch_id, "a.stage = $2 AND a.placement = ''", await allocation_stage(batch_id))


async def waiting_reserves(batch_id: UUID) -> list[Candidate]:
    """The reserves that can be promoted now, by rank."""
    return await _candidates(batch_id, "a.state = $2", "reserve")


async def _candidates(batch_id: UUID, condition: str, value: str) -> list[Candidate]:
    return [
        Candidate(row["id"], row["points"], lot(batch_id, row["person"]), row["quota_union"])
        for row in await fetch(
            f"SELECT a.id, a.points, r.person, r.quota_union FROM application a"
            f" JOIN stay_request r ON r.application = a.id WHERE a.aggregate = $1 AND {condition}"
            " ORDER BY a.rank, a.id",
            batch_id,
            value,
        )
    ]


async def allocation_stage(batch_id: UUID) -> str:
    """The key of the stage in which a batch's places are allocated."""
    return str(
        await fetch_value(
            "SELECT stage ->> 'key' FROM batch b JOIN programme_version v ON v.id = b.programme_version"
            " CROSS JOIN LATERAL jsonb_array_elements(v.content -> 'route') AS stage"
            " WHERE b.id = $1 AND stage ->> 'kind' = 'allocation'",
            batch_id,
        )
    )


async def undecided(batch_id: UUID) -> int:
    """How many cases of a batch are still on their way to the allocation, those with the worker included."""
    stage = await allocation_stage(batch_id)
    return int(
        await fetch_value(
            "SELECT count(*) FROM application WHERE aggregate = $1 AND stage <> '' AND state <> 'draft'"
            " AND stage <> $2 AND placement = ''",
            batch_id,
            stage,
        )
    )


async def open_batches(now: datetime, after: UUID | None, limit: int) -> Sequence[asyncpg.Record]:
    """The batches that can be applied for now, newest first, from `after` on."""
    return await fetch(
        """SELECT b.*, s.name AS sanatorium_name, s.area_code, u.name AS organiser_name
        FROM batch b JOIN sanatorium s ON s.id = b.sanatorium JOIN trade_union u ON u.id = b.organiser
        WHERE b.state <> 'drafted' AND b.closes_at > $1 AND ($2::uuid IS NULL OR b.id < $2)
        ORDER BY b.id DESC LIMIT $3""",
        now,
        after,
        limit,
    )


async def request_row(application_id: UUID) -> asyncpg.Record:
    """A request with its batch, as the case page and the phone show it."""
    row = await fetch_one(
        """SELECT r.*, b.name, b.starts_on, b.ends_on, b.companion_rule, b.funding_source, b.cost_per_day_fen,
            s.name AS sanatorium, q.name AS quota_union
        FROM stay_request r JOIN batch b ON b.id = r.batch JOIN sanatorium s ON s.id = b.sanatorium
        LEFT JOIN trade_union q ON q.id = r.quota_union WHERE r.application = $1""",
        application_id,
    )
    if row is None:
        raise NotFound()
    return row
