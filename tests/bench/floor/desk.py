"""What the desk reads of the floor: a reviewer's queue with its counts and filters (W3)."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from litestar import Request, get
from litestar.exceptions import NotAuthorizedException

from backend.clock import LOCAL
from tests.bench.floor.content import content_of

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
    content = content_of(found.pop("programme_version"), found.pop("content"))
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
