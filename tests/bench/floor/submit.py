"""What a phone sends to the floor: the submit of a draft (W2), with all that it writes."""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
from litestar import Request, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, HeaderParameter, JSONBody
from uuid_utils.compat import uuid7

from backend.applications.programme import Ruleset
from backend.clock import local_date
from backend.recuperation import policy
from backend.recuperation.facts import (
    BatchFacts,
    EarlierStay,
    HonourHeld,
    Service,
    ServiceRecord,
    StayFacts,
    StayRequestFacts,
)
from tests.bench.floor.content import content_of
from tests.bench.floor.phone import detail, slot_of, worker_of
from tests.bench.floor.sealing import sealed


class ActIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a submit carries."""

    version: int
    comment: str = ""


_LOCKED = """SELECT a.*, v.content, p.name_zh, NULL AS officer, NULL AS token,
    (SELECT coalesce(json_agg(json_build_array(w.rules, w.clause) ORDER BY ids.place), '[]')
        FROM jsonb_array_elements_text(v.content -> 'policies') WITH ORDINALITY AS ids (id, place)
        JOIN policy_row w ON w.id = ids.id::uuid) AS rules,
    (SELECT count(*) FROM application_event e WHERE e.application = a.id) AS events
FROM application a JOIN programme_version v ON v.id = a.programme_version JOIN programme p ON p.id = v.programme
WHERE a.id = $1 AND (a.subject_person = $2 OR a.submitted_by = $3) FOR UPDATE OF a"""

_FACTS = """SELECT r.companions, r.fit_to_travel, b.id AS batch, b.state AS batch_state, b.starts_on, b.ends_on,
    s.area_code, left(o.area_code, 2) AS home_province, b.companion_rule, b.opens_at, b.closes_at,
    m.end_on AS emergency_ended_on, d.state, d.population, p.born_on, d.joined_unit_on,
    EXISTS (SELECT FROM stay_request x WHERE x.batch = b.id AND x.person = r.person AND x.live AND x.id <> r.id)
        AS another,
    NOT EXISTS (SELECT FROM batch_quota q WHERE q.batch = b.id) OR EXISTS (SELECT FROM batch_quota q
        WHERE q.batch = b.id AND q.places > 0
        AND q.trade_union IN (d.unit_id, d.county_id, d.city_id, d.province_id, d.national_id)) AS has_quota,
    (SELECT coalesce(json_agg(json_build_object('dispatch', t.dispatch, 'from_on', t.from_on, 'to_on', t.to_on)
        ORDER BY t.from_on), '[]') FROM service_period t WHERE t.record = d.id AND t.emergency = b.emergency)
        AS services,
    (SELECT coalesce(json_agg(json_build_object('level', h.level, 'awarded_on', h.awarded_on)), '[]')
        FROM honour h WHERE h.record = d.id) AS honours,
    (SELECT coalesce(json_agg(json_build_object('area_code', t.area_code, 'ends_on', t.ends_on)), '[]')
        FROM stay t WHERE t.person = p.id) AS stays,
    (SELECT coalesce(json_agg(c.purpose ORDER BY c.purpose), '[]') FROM consent c
        WHERE c.person = p.id AND c.withdrawn_at IS NULL) AS consents
FROM stay_request r JOIN batch b ON b.id = r.batch JOIN sanatorium s ON s.id = b.sanatorium
JOIN trade_union o ON o.id = b.organiser JOIN emergency m ON m.id = b.emergency
JOIN person p ON p.id = r.person JOIN staff_record d ON d.person = p.id WHERE r.application = $1"""

_SEAT = """SELECT count(DISTINCT b.account) FROM role_binding b JOIN console_account c ON c.id = b.account
WHERE b.role = $1 AND b.trade_union = $2 AND b.to_at IS NULL AND c.active
    AND (c.person IS NULL OR NOT (c.person = $3 OR EXISTS (SELECT FROM relation r WHERE r.to_on IS NULL
        AND ((r.person = c.person AND r.relative = $3) OR (r.relative = c.person AND r.person = $3)))))"""


@post("/api/v1/applications/{application:uuid}/submit", status_code=200)
async def submit(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    data: JSONBody[ActIn],
    idempotency_key: Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=8, max_length=80)],
) -> dict[str, Any]:
    """W2."""
    digest = hashlib.sha256(msgspec.json.encode(data, order="deterministic")).digest()
    now = datetime.now(UTC)
    async with request.app.state.pool.acquire() as db, db.transaction():
        worker = await worker_of(request, db)
        operation = f"submit:{application}"
        new = await db.fetchval(
            "INSERT INTO idempotency_key (id, actor, operation, key, digest, resource, status, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, 200, $7) ON CONFLICT (actor, operation, key) DO NOTHING RETURNING id",
            *(uuid7(), worker["id"], operation, idempotency_key, digest, application, now),
        )
        if new is None:
            raise HTTPException(status_code=409)
        row = await db.fetchrow(_LOCKED, application, worker["person"], worker["id"])
        if row is None:
            raise NotFoundException
        if row["version"] != data.version or (row["stage"], row["state"]) != ("filing", "draft"):
            raise HTTPException(status_code=409)
        content = content_of(row["programme_version"], row["content"])
        found = await db.fetchrow(_FACTS, application)
        papers = await db.fetch(
            "SELECT d.requirement, d.upload, u.state FROM application_document d JOIN upload u ON u.id = d.upload"
            " WHERE d.application = $1 ORDER BY d.attached_at DESC",
            application,
        )
        slots = [slot_of(requirement, papers) for requirement in content["papers"]]
        facts = _facts(found, merit=any(s["requirement"] == "merit" and not s["lacking"] for s in slots))
        rules = Ruleset([(rule, clause) for rule, clause in msgspec.json.decode(row["rules"])])
        checks = policy.check_submission(facts, rules, now, local_date(now))
        lines = policy.points(facts, rules)
        if not all(check.passed for check in checks) or any(slot["required"] and slot["lacking"] for slot in slots):
            raise HTTPException(status_code=422)
        stage = content["route"][0]
        union = await _seated(db, stage["role"], row)
        due_on = await _due(db, local_date(now), stage["working_days"])
        union_name = await db.fetchval("SELECT name FROM trade_union WHERE id = $1", union)
        points = sum(line.points for line in lines)
        required = [slot for slot in slots if slot["required"]]
        verified = sum(slot["state"] == "verified" for slot in required)
        await db.execute(
            "UPDATE application SET state = 'submitted', stage = $2, awaiting_role = $3, acting_union = $4,"
            " points = $5, due_on = $6, version = version + 1, submitted_at = $7, entered_at = $7,"
            " papers_required = $8, papers_verified = $9 WHERE id = $1",
            *(application, stage["key"], stage["role"], union, points, due_on, now, len(required), verified),
        )
        judged = msgspec.json.encode({"facts": facts, "checks": checks, "lines": lines}, order="deterministic")
        seq, event = row["events"] + 1, uuid7()
        await _record(db, event, application, seq, now, worker, stage["key"], union, judged)
        await _keep(db, request.app.state.key, application, seq, judged)
        await _tell(db, event, worker, row, stage, due_on, now)
    after = {
        **row,
        "state": "submitted",
        "stage": stage["key"],
        "due_on": due_on,
        "version": row["version"] + 1,
        "submitted_at": now,
        "points": points,
        "union_name": union_name,
    }
    event_row = {"from_stage": "filing", "to_stage": stage["key"], "at": now, "comment": ""}
    return detail(after, worker, [event_row], papers, [msgspec.structs.asdict(line) for line in lines])


async def _seated(db: asyncpg.Connection, role: str, row: asyncpg.Record) -> UUID:
    """The lowest union of the case's line in which somebody may act on it; its unit where nobody may."""
    levels = ("unit", "county", "city", "province", "national")
    line: list[UUID] = [row[f"{level}_id"] for level in levels if row[f"{level}_id"]]
    for union in line:
        if await db.fetchval(_SEAT, role, union, row["subject_person"]):
            return union
    return line[0]


async def _record(
    db: asyncpg.Connection,
    event: UUID,
    application: UUID,
    seq: int,
    now: datetime,
    worker: asyncpg.Record,
    stage: str,
    union: UUID,
    judged: bytes,
) -> None:
    """The event, with the hash over what it says."""
    body = msgspec.json.encode(
        {
            "application": application,
            "seq": seq,
            "at": now,
            "actor": worker["id"],
            "role": "worker",
            "action": "submit",
            "from": ["filing", "draft"],
            "to": [stage, "submitted"],
            "placement": ["", None],
            "acting_union": union,
            "comment": "",
            "facts": hashlib.sha256(judged).hexdigest(),
        },
        order="deterministic",
    )
    await db.execute(
        "INSERT INTO application_event (id, application, seq, at, actor, actor_person, actor_name, role, action,"
        " from_state, to_state, from_stage, to_stage, comment, body, previous, hash) VALUES"
        " ($1, $2, $3, $4, $5, $6, $7, 'worker', 'submit', 'draft', 'submitted', 'filing', $8, '', $9, '', $10)",
        *(event, application, seq, now, worker["id"], worker["person"], worker["name"], stage),
        *(body, hashlib.sha256(body).digest()),
    )


async def _keep(db: asyncpg.Connection, ring: bytes, application: UUID, seq: int, judged: bytes) -> None:
    """The facts that were judged, under a key of the case's own."""
    key = os.urandom(32)
    await db.execute(
        "INSERT INTO case_key (application, sealed) VALUES ($1, $2)",
        application,
        sealed(ring, b"a", base64.b64encode(key), b"case_key"),
    )
    await db.execute(
        "INSERT INTO application_facts (id, application, seq, sealed) VALUES ($1, $2, $3, $4)",
        *(uuid7(), application, seq, sealed(key, b"case", judged, f"facts:{application}:{seq}".encode())),
    )


async def _tell(
    db: asyncpg.Connection,
    event: UUID,
    worker: asyncpg.Record,
    row: asyncpg.Record,
    stage: dict[str, Any],
    due_on: date,
    now: datetime,
) -> None:
    """The message in the inbox, and the one by SMS with its job."""
    words = msgspec.json.encode(
        {
            "number": row["number"],
            "stage_zh": stage["label_zh"],
            "stage_en": stage["label_en"],
            "due_on": due_on.isoformat(),
            "rank": "",
            "comment": "",
        }
    ).decode()
    message = uuid7()
    await db.execute(
        "INSERT INTO notification (id, occasion, recipient, channel, template, words, application, created_at,"
        " delivered_at) VALUES ($1, $2, $3, 'inbox', 'application_submitted', $4, $5, $6, $6),"
        " ($7, $2, $3, 'sms', 'application_submitted', $4, $5, $6, NULL)",
        *(uuid7(), event, worker["id"], words, row["id"], now, message),
    )
    await db.execute(
        "WITH job AS (INSERT INTO pgqueuer (priority, status, entrypoint, payload, headers) VALUES (0, 'queued',"
        " 'deliver_notification', $1, 'null') RETURNING id) INSERT INTO pgqueuer_log (job_id, status, entrypoint,"
        " priority) SELECT id, 'queued', 'deliver_notification', 0 FROM job",
        str(message).encode(),
    )


def _facts(found: asyncpg.Record, *, merit: bool) -> StayFacts:
    return StayFacts(
        record=ServiceRecord(
            state=found["state"],
            population=found["population"],
            born_on=found["born_on"],
            joined_unit_on=found["joined_unit_on"],
            services=msgspec.json.decode(found["services"], type=tuple[Service, ...]),
            honours=msgspec.json.decode(found["honours"], type=tuple[HonourHeld, ...]),
            stays=msgspec.json.decode(found["stays"], type=tuple[EarlierStay, ...]),
            consents=msgspec.json.decode(found["consents"], type=tuple[str, ...]),
        ),
        request=StayRequestFacts(
            companions=found["companions"],
            health_declared=True,
            fit_to_travel=found["fit_to_travel"],
            merit_evidenced=merit,
            has_live_request=found["another"],
            has_quota=found["has_quota"],
        ),
        batch=BatchFacts(
            id=found["batch"],
            state=found["batch_state"],
            starts_on=found["starts_on"],
            ends_on=found["ends_on"],
            area_code=found["area_code"],
            home_province=found["home_province"] or "",
            companion_rule=found["companion_rule"],
            opens_at=found["opens_at"],
            closes_at=found["closes_at"],
            emergency_ended_on=found["emergency_ended_on"],
        ),
    )


async def _due(db: asyncpg.Connection, start: date, working_days: int) -> date:
    """The last of so many working days after `start`."""
    due: date = await db.fetchval(
        "SELECT day FROM calendar_day WHERE working AND day > $1 AND day < $2 ORDER BY day OFFSET $3 LIMIT 1",
        start,
        start + timedelta(days=30 + 3 * working_days),
        working_days - 1,
    )
    return due
