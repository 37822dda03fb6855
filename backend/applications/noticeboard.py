"""Public notices as the desk lists them: what stands, what was objected to, what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from backend.applications.desk import aggregate_names
from backend.applications.process import Process
from backend.applications.rights import READERS
from backend.database import fetch, fetch_one
from backend.errors import NotFound
from backend.identity import Actor
from backend.unions.scope import scope_sql
from backend.words import Text


async def waiting_for(actor: Actor, processes: Mapping[str, Process]) -> Sequence[asyncpg.Record]:
    """What waits to be announced at the unions where the actor holds the role of its notice stage."""
    joins, name = aggregate_names(processes)
    held = dict.fromkeys((binding.role.value, binding.union_id) for binding in actor.bindings)
    return await fetch(
        f"""SELECT a.kind, a.programme_version, a.aggregate, a.stage, a.acting_union, count(*) AS cases,
            min(p.name_zh) AS name_zh, min(p.name_en) AS name_en, min({name}) AS aggregate_name,
            min(u.name) AS union_name, min(s.stage ->> 'label_zh') AS stage_zh, min(s.stage ->> 'label_en') AS stage_en,
            min((s.stage ->> 'working_days')::int) AS working_days
        FROM application a JOIN programme_version v ON v.id = a.programme_version
        JOIN programme p ON p.id = v.programme JOIN trade_union u ON u.id = a.acting_union {joins}
        CROSS JOIN LATERAL (SELECT r.stage FROM jsonb_array_elements(v.content -> 'route') AS r (stage)
            WHERE r.stage ->> 'key' = a.stage AND r.stage ->> 'kind' = 'notice') s
        JOIN unnest($1::text[], $2::uuid[]) AS h (role, trade_union)
            ON h.role = s.stage ->> 'role' AND h.trade_union = a.acting_union
        WHERE a.state IN ('submitted', 'under_review') AND a.awaiting_role = ''
        GROUP BY a.kind, a.programme_version, a.aggregate, a.stage, a.acting_union ORDER BY min(a.entered_at)""",
        [role for role, _ in held],
        [union for _, union in held],
    )


async def notices_in_scope(actor: Actor) -> Sequence[asyncpg.Record]:
    """The notices that name a case in the actor's scope: those that stand first, then the newest."""
    condition, params = scope_sql(actor.unions_as(*READERS), "a", 1)
    return await fetch(
        f"""SELECT n.id, n.title_zh, n.title_en, n.state, n.first_on, n.last_on, n.working_days, n.result,
            u.name AS union_name, count(DISTINCT e.id) AS entries,
            count(DISTINCT o.id) FILTER (WHERE o.state = 'open') AS open_objections, count(DISTINCT o.id) AS objections
        FROM notice n JOIN trade_union u ON u.id = n.trade_union JOIN notice_entry e ON e.notice = n.id
        LEFT JOIN objection o ON o.entry = e.id
        WHERE n.id IN (SELECT x.notice FROM notice_entry x JOIN application a ON a.id = x.application WHERE {condition})
        GROUP BY n.id, u.name ORDER BY n.state = 'ended', n.published_at DESC LIMIT 100""",
        *params,
    )


async def notice_in_scope(actor: Actor, notice: UUID) -> asyncpg.Record:
    """One notice that names a case in the actor's scope; raises NotFound."""
    condition, params = scope_sql(actor.unions_as(*READERS), "a", 2)
    row = await fetch_one(
        f"""SELECT n.*, u.name AS union_name, c.name AS publisher
        FROM notice n JOIN trade_union u ON u.id = n.trade_union
        LEFT JOIN console_account c ON c.id = n.published_by
        WHERE n.id = $1 AND EXISTS (SELECT FROM notice_entry x JOIN application a ON a.id = x.application
            WHERE x.notice = n.id AND {condition})""",
        notice,
        *params,
    )
    if row is None:
        raise NotFound(Text("没有找到这份公示。", "No such notice."))
    return row


async def entries_of(actor: Actor, notice: UUID) -> Sequence[asyncpg.Record]:
    """The entries of a notice in order, its objections counted; `reached` tells whether the desk opens it."""
    condition, params = scope_sql(actor.unions_as(*READERS), "a", 2)
    return await fetch(
        f"""SELECT e.application, e.placement, e.rank, e.shown_name, e.shown_unit, e.shown_deed, a.number, a.state,
            {condition} AS reached, count(o.id) AS objections, count(o.id) FILTER (WHERE o.state = 'open') AS open,
            coalesce(max(o.result) FILTER (WHERE o.state <> 'open'), '') AS result,
            coalesce(max(o.handler_name) FILTER (WHERE o.state <> 'open'), '') AS handler
        FROM notice_entry e JOIN application a ON a.id = e.application LEFT JOIN objection o ON o.entry = e.id
        WHERE e.notice = $1 GROUP BY e.id, a.id ORDER BY e.placement, e.rank""",
        notice,
        *params,
    )
