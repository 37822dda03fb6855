"""The floor: the four measured requests written by hand on Litestar and asyncpg, as an engineer would for these alone.

No service, scope, registry or log of ours: hand-written SQL, PyJWT verified on each request, the device and the roles
asked of the database each time. The pure rules of the programme are the same business rules and are called as they are.
It reads and writes the same rows and gives the same answers in Chinese; `tests.bench.same` proves that.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import jwt
import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from granian import Granian
from granian.constants import Interfaces
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException, NotAuthorizedException, NotFoundException
from litestar.params import FromPath, HeaderParameter, JSONBody
from uuid_utils.compat import uuid7

from backend.applications.programme import Ruleset
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

LOCAL = ZoneInfo("Asia/Shanghai")
WORDS = {
    "draft": "还没有提交",
    "submitted": "已收到,正在办理",
    "under_review": "正在办理",
    "completed": "已完成",
    "rejected": "没有通过",
    "withdrawn": "您已撤回",
    "lapsed": "已过期失效",
}
_VERSIONS: dict[UUID, dict[str, Any]] = {}


class ActIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a submit carries."""

    version: int
    comment: str = ""


def _version(version: UUID, content: str) -> dict[str, Any]:
    """The content of a programme version, decoded once: versions never change."""
    if version not in _VERSIONS:
        _VERSIONS[version] = msgspec.json.decode(content)
    return _VERSIONS[version]


async def _worker(request: Request[Any, Any, Any], db: asyncpg.Connection) -> asyncpg.Record:
    """The account of the bearer token, whose device must still be logged in."""
    try:
        claims = jwt.decode(
            request.headers.get("authorization", "").removeprefix("Bearer "),
            request.app.state.key,
            algorithms=["HS256"],
            audience="niangjia-phone",
            issuer="niangjia",
            options={"require": ["exp", "sub", "fam", "iss", "aud"]},
        )
    except jwt.InvalidTokenError:
        raise NotAuthorizedException from None
    row = await db.fetchrow(
        "SELECT a.id, a.person, coalesce(p.name, a.phone_masked) AS name FROM token_family f"
        " JOIN worker_account a ON a.id = f.account LEFT JOIN person p ON p.id = a.person"
        " WHERE f.id = $1 AND f.account = $2 AND f.ended_at IS NULL",
        claims["fam"],
        claims["sub"],
    )
    if row is None:
        raise NotAuthorizedException
    return row


_LIST = """SELECT a.id, a.number, a.kind, a.state, a.stage, a.due_on, a.version, a.created_at, a.submitted_at,
    a.submitted_by, a.subject_person, a.programme_version, v.content, p.name_zh
FROM application a JOIN programme_version v ON v.id = a.programme_version JOIN programme p ON p.id = v.programme
WHERE a.id IN ((SELECT id FROM application WHERE subject_person = $1 ORDER BY id DESC LIMIT 21)
    UNION (SELECT id FROM application WHERE submitted_by = $2 ORDER BY id DESC LIMIT 21))
ORDER BY a.id DESC LIMIT 21"""


@get("/api/v1/applications")
async def my_cases(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """W1."""
    async with request.app.state.pool.acquire() as db:
        worker = await _worker(request, db)
        rows = await db.fetch(_LIST, worker["person"], worker["id"])
    cursor = None
    if len(rows) > 20:
        cursor = base64.urlsafe_b64encode(rows[19]["id"].bytes).decode().rstrip("=")
    return {"items": [_shown(row, worker) for row in rows[:20]], "next_cursor": cursor}


def _shown(row: asyncpg.Record, worker: asyncpg.Record) -> dict[str, Any]:
    content = _version(row["programme_version"], row["content"])
    stage = next((stage for stage in content["route"] if stage["key"] == row["stage"]), None)
    return {
        "id": row["id"],
        "number": row["number"],
        "kind": row["kind"],
        "programme": row["name_zh"],
        "state": row["state"],
        "headline": WORDS[row["state"]],
        "stage": stage["label_zh"] if stage else "",
        "your_turn": row["state"] in ("draft", "returned") and row["submitted_by"] == worker["id"],
        "due_on": row["due_on"],
        "version": row["version"],
        "created_at": row["created_at"],
        "submitted_at": row["submitted_at"],
    }


_ONE = """SELECT a.id, a.number, a.kind, a.state, a.stage, a.due_on, a.version, a.created_at, a.submitted_at,
    a.submitted_by, a.subject_person, a.programme_version, a.points, a.placement, a.rank, a.resume_stage,
    a.awaiting_role, a.filed_by_officer, v.content, p.name_zh, u.name AS union_name, c.name AS officer,
    (SELECT n.token FROM notice_entry e JOIN notice n ON n.id = e.notice WHERE e.application = a.id
        AND n.state = 'published' ORDER BY n.published_at DESC LIMIT 1) AS token
FROM application a JOIN programme_version v ON v.id = a.programme_version JOIN programme p ON p.id = v.programme
LEFT JOIN trade_union u ON u.id = a.acting_union
LEFT JOIN console_account c ON c.id = a.submitted_by AND a.filed_by_officer
WHERE a.id = $3 AND (a.subject_person = $1 OR a.submitted_by = $2)"""


@get("/api/v1/applications/{application:uuid}")
async def one_case(request: Request[Any, Any, Any], application: FromPath[UUID]) -> dict[str, Any]:
    """W4."""
    async with request.app.state.pool.acquire() as db:
        worker = await _worker(request, db)
        row = await db.fetchrow(_ONE, worker["person"], worker["id"], application)
        if row is None:
            raise NotFoundException
        events = await db.fetch(
            "SELECT from_stage, to_stage, at, CASE WHEN action IN ('review', 'recuse', 'settle') THEN '' ELSE comment"
            " END AS comment FROM application_event WHERE application = $1 ORDER BY seq",
            application,
        )
        papers = await db.fetch(
            "SELECT d.requirement, d.upload, u.state FROM application_document d JOIN upload u ON u.id = d.upload"
            " WHERE d.application = $1 ORDER BY d.attached_at DESC",
            application,
        )
        facts = await db.fetchrow(
            "SELECT f.seq, f.sealed, k.sealed AS key FROM application_facts f JOIN case_key k USING (application)"
            " WHERE f.application = $1 ORDER BY f.seq DESC LIMIT 1",
            application,
        )
    lines = []
    if facts is not None:
        key = base64.b64decode(_open(request.app.state.key, facts["key"], b"case_key"))
        plain = _open(key, facts["sealed"], f"facts:{application}:{facts['seq']}".encode())
        lines = msgspec.json.decode(plain)["lines"]
    return _detail(row, worker, events, papers, lines)


def _open(key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    start = 1 + sealed[0]
    return AESGCM(key).decrypt(sealed[start : start + 12], sealed[start + 12 :], purpose)


def _seal(key: bytes, name: bytes, plain: bytes, purpose: bytes) -> bytes:
    nonce = os.urandom(12)
    return bytes([len(name)]) + name + nonce + AESGCM(key).encrypt(nonce, plain, purpose)


def _detail(row: Any, worker: Any, events: Any, papers: Any, lines: list[dict[str, Any]]) -> dict[str, Any]:
    content = _version(row["programme_version"], row["content"])
    shown = _shown(row, worker)
    if row["state"] in ("submitted", "under_review") and shown["stage"]:
        shown["headline"] = f"{shown['stage']}中"
    ended = row["stage"] == ""
    said = next((event["comment"] for event in reversed(events) if event["comment"]), "")
    if ended:
        acts_next = "已办结,不再需要任何人处理。"
    elif shown["your_turn"]:
        acts_next = "请您处理。"
    else:
        acts_next = f"由{row['union_name']}办理,现在不需要您做什么。"
    actions = [] if ended else ["submit", "withdraw"] if shown["your_turn"] else ["withdraw"]
    return {
        **shown,
        "explanation": {"draft": "填写完整后请提交。", "rejected": f"原因:{said or '—'}"}.get(row["state"], ""),
        "acts_next": acts_next,
        "filed_by": row["officer"],
        "placement": row["placement"],
        "rank": row["rank"],
        "notice": f"/notices/{row['token']}" if row["token"] else None,
        "steps": _steps(content, row, events, ended=ended),
        "papers": [_slot(requirement, papers) for requirement in content["papers"]],
        "actions": actions,
        "points": row["points"],
        "point_lines": [
            {"code": line["code"], "label": line["label_zh"], "points": line["points"], "clause": line["clause"]}
            for line in lines
        ],
    }


def _steps(content: dict[str, Any], row: Any, events: Any, *, ended: bool) -> list[dict[str, Any]]:
    names = {"filing": "提交申请"} | {stage["key"]: stage["label_zh"] for stage in content["route"]}
    order = list(names)
    reached = max((order.index(event["to_stage"]) for event in events if event["to_stage"] in order), default=0)
    steps = []
    for place, (key, label) in enumerate(names.items()):
        left = next((e for e in reversed(events) if e["from_stage"] == key and e["to_stage"] != key), None)
        if key == row["stage"]:
            state = "now"
        elif ended and (left is None or place > reached):
            state = "skipped"
        elif left is not None and (ended or order.index(row["stage"]) > place or key == row["resume_stage"]):
            state = "done"
        else:
            state = "later"
        done = state == "done"
        steps.append(
            {
                "key": key,
                "label": label,
                "state": state,
                "at": left["at"] if left is not None and done else None,
                "comment": left["comment"] if left is not None and done else "",
            }
        )
    return steps


def _slot(requirement: dict[str, Any], papers: Any) -> dict[str, Any]:
    own = [paper for paper in papers if paper["requirement"] == requirement["key"]]
    states = {paper["state"] for paper in own}
    live = ("uploaded", "checked", "verified")
    lacking = max(0, requirement.get("at_least", 1) - sum(paper["state"] in live for paper in own))
    if lacking:
        state = "rejected" if states - set(live) else "missing"
    else:
        state = "waiting" if states & {"uploaded", "checked"} else "verified"
    return {
        "requirement": requirement["key"],
        "label": requirement["label_zh"],
        "kinds": requirement["kinds"],
        "required": requirement.get("required", True),
        "state": state,
        "uploads": [paper["upload"] for paper in own],
        "person_id": None,
        "at_least": requirement.get("at_least", 1),
        "lacking": lacking,
    }


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
        worker = await _worker(request, db)
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
        content = _version(row["programme_version"], row["content"])
        found = await db.fetchrow(_FACTS, application)
        papers = await db.fetch(
            "SELECT d.requirement, d.upload, u.state FROM application_document d JOIN upload u ON u.id = d.upload"
            " WHERE d.application = $1 ORDER BY d.attached_at DESC",
            application,
        )
        slots = [_slot(requirement, papers) for requirement in content["papers"]]
        facts = _facts(found, merit=any(s["requirement"] == "merit" and not s["lacking"] for s in slots))
        rules = Ruleset([(rule, clause) for rule, clause in msgspec.json.decode(row["rules"])])
        checks = policy.check_submission(facts, rules, now, now.astimezone(LOCAL).date())
        lines = policy.points(facts, rules)
        if not all(check.passed for check in checks) or any(slot["required"] and slot["lacking"] for slot in slots):
            raise HTTPException(status_code=422)
        stage = content["route"][0]
        union = row["unit_id"]
        if not await db.fetchval(_SEAT, stage["role"], union, row["subject_person"]):
            for above in (row["county_id"], row["city_id"], row["province_id"], row["national_id"]):
                if above and await db.fetchval(_SEAT, stage["role"], above, row["subject_person"]):
                    union = above
                    break
        due_on = await _due(db, now.astimezone(LOCAL).date(), stage["working_days"])
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
        body = msgspec.json.encode(
            {
                "application": application,
                "seq": seq,
                "at": now,
                "actor": worker["id"],
                "role": "worker",
                "action": "submit",
                "from": ["filing", "draft"],
                "to": [stage["key"], "submitted"],
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
            *(event, application, seq, now, worker["id"], worker["person"], worker["name"], stage["key"]),
            *(body, hashlib.sha256(body).digest()),
        )
        key = os.urandom(32)
        await db.execute(
            "INSERT INTO case_key (application, sealed) VALUES ($1, $2)",
            application,
            _seal(request.app.state.key, b"a", base64.b64encode(key), b"case_key"),
        )
        await db.execute(
            "INSERT INTO application_facts (id, application, seq, sealed) VALUES ($1, $2, $3, $4)",
            *(uuid7(), application, seq, _seal(key, b"case", judged, f"facts:{application}:{seq}".encode())),
        )
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
            *(uuid7(), event, worker["id"], words, application, now, message),
        )
        await db.execute(
            "WITH job AS (INSERT INTO pgqueuer (priority, status, entrypoint, payload, headers) VALUES (0, 'queued',"
            " 'deliver_notification', $1, 'null') RETURNING id) INSERT INTO pgqueuer_log (job_id, status, entrypoint,"
            " priority) SELECT id, 'queued', 'deliver_notification', 0 FROM job",
            str(message).encode(),
        )
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
    return _detail(after, worker, [event_row], papers, [msgspec.structs.asdict(line) for line in lines])


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


async def _reviewer(request: Request[Any, Any, Any], db: asyncpg.Connection) -> list[asyncpg.Record]:
    """The account of a session at the console with the roles that hold now."""
    now = datetime.now(UTC)
    digest = hashlib.sha256(request.cookies.get("niangjia_console", "").encode()).digest()
    session = await db.fetchrow(
        "SELECT s.account FROM console_session s JOIN console_account c ON c.id = s.account AND c.active"
        " JOIN console_user u ON u.id = c.login AND u.active"
        " WHERE s.token_digest = $1 AND s.ended_at IS NULL AND s.used_at > $2 AND s.created_at > $3 AND s.proven",
        digest,
        now - timedelta(minutes=30),
        now - timedelta(hours=10),
    )
    if session is None:
        raise NotAuthorizedException
    return await db.fetch(
        "SELECT c.id, c.person, c.employer, b.role, b.trade_union, u.level FROM console_account c"
        " JOIN role_binding b ON b.account = c.id AND b.from_at <= $2 AND (b.to_at IS NULL OR b.to_at > $2)"
        " AND b.approved_by IS NOT NULL JOIN trade_union u ON u.id = b.trade_union WHERE c.id = $1",
        session["account"],
        now,
    )


JUDGING = "'assessment', 'clearance', 'committee', 'notice', 'sign_off'"
INVOLVING = (
    "'approve', 'assess', 'clear', 'decide', 'dismiss', 'grant', 'recommend', 'reject', 'return', 'review', 'settle',"
    " 'submit', 'uphold'"
)
#: $1 the union, $2 the account, $3 the person, $4 the employer.
_MINE = f"""a.awaiting_role = 'reviewer' AND a.acting_union = $1
    AND NOT (SELECT EXISTS (SELECT FROM review w WHERE w.application = a.id AND w.stage = a.stage AND w.round = a.round
        AND w.reviewer = $2))
    AND NOT (SELECT EXISTS (SELECT FROM application_person c WHERE c.application = a.id AND (c.person = $3 OR EXISTS (
        SELECT FROM relation n WHERE n.to_on IS NULL
            AND ((n.person = $3 AND n.relative = c.person) OR (n.relative = $3 AND n.person = c.person))))))
    AND NOT ((a.programme_version, a.stage) IN (SELECT v.id, r.stage ->> 'key' FROM programme_version v,
            jsonb_array_elements(v.content -> 'route') AS r (stage) WHERE r.stage ->> 'kind' IN ({JUDGING})) AND (
        ($4::uuid IS NOT NULL AND a.unit_id IS NOT DISTINCT FROM $4)
        OR (SELECT EXISTS (SELECT FROM recusal x WHERE x.application = a.id AND x.stage = a.stage AND x.account = $2))
        OR (SELECT EXISTS (SELECT FROM application_event e WHERE e.application = a.id
            AND (e.actor = $2 OR e.actor_person = $3) AND e.action IN ({INVOLVING}) AND e.from_stage <> a.stage))))"""

_QUEUE = f"""WITH picked AS (SELECT a.id FROM application a WHERE {_MINE} ORDER BY a.entered_at, a.id LIMIT 51),
worked AS (SELECT (SELECT array_agg(day ORDER BY day) FROM calendar_day WHERE working AND day <= $5::date) AS days,
    $5::date <= (SELECT max(day) FROM calendar_day) AS covered)
SELECT a.id, a.number, a.kind, a.subject_name, coalesce(u.short_name, '') AS unit_name, p.name_zh AS programme_zh,
    p.name_en AS programme_en, coalesce(b.name, g.name, '') AS aggregate_name, a.state, a.stage,
    (SELECT count(*) FROM review w WHERE w.application = a.id AND w.stage = a.stage AND w.round = a.round) AS reviews,
    a.awaiting_role, a.placement, a.rank, a.points, a.papers_required, a.papers_verified,
    CASE WHEN covered THEN cardinality(days) - width_bucket((a.entered_at AT TIME ZONE 'Asia/Shanghai')::date, days)
        END AS waited, a.due_on, a.entered_at, a.programme_version, v.content
FROM picked JOIN application a ON a.id = picked.id JOIN programme_version v ON v.id = a.programme_version
JOIN programme p ON p.id = v.programme CROSS JOIN worked LEFT JOIN trade_union u ON u.id = a.unit_id
LEFT JOIN batch b ON a.kind = 'recuperation' AND b.id = a.aggregate
LEFT JOIN campaign g ON a.kind = 'commendation' AND g.id = a.aggregate ORDER BY a.entered_at, a.id"""

_ROLES = ("unit_officer", "hr_verifier", "chair", "finance", "reviewer")
_OWN = "NOT (SELECT EXISTS (SELECT FROM application_person c WHERE c.application = a.id AND c.person = $3))"


def _counts(level: str) -> str:
    """How many cases each tab holds, up to a hundred."""

    def some(*conditions: str) -> str:
        branches = " UNION ALL ".join(f"(SELECT FROM application a WHERE {one} LIMIT 100)" for one in conditions)
        return f"(SELECT count(*) FROM (SELECT FROM ({branches}) x LIMIT 100) y)"

    here = f"a.{level}_id = $1 AND {_OWN}"
    others = [f"a.awaiting_role = '{role}' AND {here} AND ({_MINE}) IS NOT TRUE" for role in _ROLES]
    return f"""SELECT {some(_MINE)} AS mine, {some(*others)} AS others,
        {some(f"a.awaiting_role NOT IN ('', 'worker') AND {here} AND a.due_on < $5::date")} AS overdue,
        {some(f"a.state = 'returned' AND {here}")} AS returned,
        {some(f"{here} AND (a.submitted_at IS NOT NULL OR a.filed_by_officer)")} AS "all" """


def _line(row: asyncpg.Record) -> dict[str, Any]:
    found = dict(row)
    content = _version(found.pop("programme_version"), found.pop("content"))
    stage = next((stage for stage in content["route"] if stage["key"] == row["stage"]), None) or {}
    for name, at in (("stage_zh", "label_zh"), ("stage_en", "label_en"), ("stage_kind", "kind")):
        found[name] = stage.get(at, "")
    return {**found, "reviewers": stage.get("reviewers", 0)}


@get("/review/")
async def queue(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """W3, the data of it: one reviewer at one union."""
    today = datetime.now(LOCAL).date()
    async with request.app.state.desk.acquire() as db:
        (role,) = await _reviewer(request, db)
        about = (role["trade_union"], role["id"], role["person"], role["employer"], today)
        rows = await db.fetch(_QUEUE, *about)
        counts = await db.fetchrow(_counts(role["level"]), *about)
        units = await db.fetch(
            f"SELECT id, short_name FROM trade_union WHERE level = 'unit' AND {role['level']}_id = $1"
            " ORDER BY short_name LIMIT 500",
            role["trade_union"],
        )
        stages = await db.fetch(
            "SELECT r.stage ->> 'key' AS key, min(r.stage ->> 'label_zh') AS zh, min(r.stage ->> 'label_en') AS en"
            " FROM programme_version v JOIN programme p ON p.id = v.programme CROSS JOIN LATERAL"
            " jsonb_array_elements(v.content -> 'route') WITH ORDINALITY AS r (stage, place)"
            " WHERE v.state = 'published' GROUP BY 1 ORDER BY min(r.place)"
        )
    more = ""
    if len(rows) > 50:
        last = rows[49]
        micros = (last["entered_at"] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        more = base64.urlsafe_b64encode(micros.to_bytes(8, "big") + last["id"].bytes).decode()
    return {
        "lines": [_line(row) for row in rows[:50]],
        "more": more,
        "counts": dict(counts),
        "units": [dict(unit) for unit in units],
        "stages": [dict(stage) for stage in stages],
    }


@get("/health/live")
async def live() -> Response[None]:
    """That it runs."""
    return Response(None)


@asynccontextmanager
async def _pools(app: Litestar) -> AsyncIterator[None]:
    async with (
        asyncpg.create_pool(os.environ["FLOOR_DATABASE"], min_size=2, max_size=10) as pool,
        asyncpg.create_pool(os.environ["FLOOR_DESK_DATABASE"], min_size=2, max_size=10) as desk,
    ):
        app.state.pool, app.state.desk = pool, desk
        app.state.key = base64.b64decode(os.environ["FLOOR_KEY"])
        yield


app = Litestar([my_cases, one_case, submit, queue, live], lifespan=[_pools], openapi_config=None, logging_config=None)

if __name__ == "__main__":
    Granian(
        "tests.bench.floor:app",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        websockets=False,
        log_dictconfig={"loggers": {"_granian": {"level": "WARNING"}}},
    ).serve()
