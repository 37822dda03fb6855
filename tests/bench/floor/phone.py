"""What a worker's phone reads of the floor: the list of her cases (W1) and one case with its steps (W4)."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import asyncpg
import jwt
import msgspec
from litestar import Request, get
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.params import FromPath

from tests.bench.floor.content import content_of
from tests.bench.floor.sealing import opened

WORDS = {
    "draft": "还没有提交",
    "submitted": "已收到,正在办理",
    "under_review": "正在办理",
    "completed": "已完成",
    "rejected": "没有通过",
    "withdrawn": "您已撤回",
    "lapsed": "已过期失效",
}


async def worker_of(request: Request[Any, Any, Any], db: asyncpg.Connection) -> asyncpg.Record:
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
        worker = await worker_of(request, db)
        rows = await db.fetch(_LIST, worker["person"], worker["id"])
    cursor = None
    if len(rows) > 20:
        cursor = base64.urlsafe_b64encode(rows[19]["id"].bytes).decode().rstrip("=")
    return {"items": [_shown(row, worker) for row in rows[:20]], "next_cursor": cursor}


def _shown(row: asyncpg.Record, worker: asyncpg.Record) -> dict[str, Any]:
    content = content_of(row["programme_version"], row["content"])
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
        worker = await worker_of(request, db)
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
        key = base64.b64decode(opened(request.app.state.key, facts["key"], b"case_key"))
        plain = opened(key, facts["sealed"], f"facts:{application}:{facts['seq']}".encode())
        lines = msgspec.json.decode(plain)["lines"]
    return detail(row, worker, events, papers, lines)


def detail(row: Any, worker: Any, events: Any, papers: Any, lines: list[dict[str, Any]]) -> dict[str, Any]:
    content = content_of(row["programme_version"], row["content"])
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
        "papers": [slot_of(requirement, papers) for requirement in content["papers"]],
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


KINDS = {
    "resident_id": "身份证",
    "work_permit": "工作证",
    "practice_licence": "医师/护士执业证",
    "dispatch_proof": "援鄂(外派)证明",
    "merit_statement": "事迹材料",
}


def slot_of(requirement: dict[str, Any], papers: Any) -> dict[str, Any]:
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
        "kind_labels": [KINDS[kind] for kind in requirement["kinds"]],
        "required": requirement.get("required", True),
        "state": state,
        "uploads": [paper["upload"] for paper in own],
        "person_id": None,
        "at_least": requirement.get("at_least", 1),
        "lacking": lacking,
    }
