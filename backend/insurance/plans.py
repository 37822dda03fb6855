"""Plans as they can be joined: published versions with their terms, in the line of the worker's unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.programme import ProgrammeContent
from backend.columns import LEVEL_COLUMNS
from backend.database import fetch, fetch_one
from backend.errors import Conflict, NotFound
from backend.insurance.terms import PlanTerms, terms_of
from backend.words import Text

KIND = "mutual_aid"


@dataclass(frozen=True, slots=True)
class Plan:
    """One published version of a plan; `programme` stays the same over its versions, `latest` says it can be joined."""

    version: UUID
    programme: UUID
    number: int
    name: Text
    organiser: UUID
    organiser_name: str
    content: ProgrammeContent
    terms: PlanTerms
    latest: bool


_SELECT = """SELECT v.id, v.programme, v.number, v.content, p.name_zh, p.name_en, p.organiser, u.name AS organiser_name,
    NOT EXISTS (SELECT FROM programme_version n WHERE n.programme = v.programme AND n.state = 'published'
        AND n.number > v.number) AS latest
    FROM programme_version v JOIN programme p ON p.id = v.programme JOIN trade_union u ON u.id = p.organiser
    WHERE p.kind = 'mutual_aid' AND v.state = 'published'"""


async def plan_of(version: UUID) -> Plan:
    """A published plan version; raises NotFound."""
    row = await fetch_one(f"{_SELECT} AND v.id = $1", version)
    if row is None:
        raise NotFound(Text("没有找到这个互助保障计划。", "No such plan."))
    return _plan(row)


async def plan_for(version: UUID, unit: UUID) -> Plan:
    """A plan version that staff of this unit can join now; raises NotFound, Conflict for an older version."""
    plan = await plan_of(version)
    if plan.organiser not in await _line_of(unit):
        raise NotFound(Text("没有找到这个互助保障计划。", "No such plan."))
    if not plan.latest:
        raise Conflict("plan_replaced", Text("该计划已有新版本。", "There is a newer version of this plan."))
    return plan


async def plans_for(unit: UUID) -> list[Plan]:
    """The latest versions of the plans that staff of this unit can join, by name."""
    return await plans_known([unit])


async def plans_known(unions: Iterable[UUID]) -> list[Plan]:
    """The latest versions of the plans that are organised by these unions or above them, by name."""
    lines = {union for one in set(unions) for union in await _line_of(one)}
    rows = await fetch(f"{_SELECT} AND p.organiser = ANY($1) ORDER BY p.name_zh, v.id", list(lines))
    return [plan for plan in map(_plan, rows) if plan.latest]


async def plans_by_id(versions: list[UUID]) -> dict[UUID, Plan]:
    """These versions, whether or not they can still be joined."""
    return {row["id"]: _plan(row) for row in await fetch(f"{_SELECT} AND v.id = ANY($1)", versions)}


async def _line_of(unit: UUID) -> list[UUID]:
    row = await fetch_one("SELECT * FROM trade_union WHERE id = $1", unit)
    return [row[column] for column in LEVEL_COLUMNS if row[column] is not None] if row else []


def _plan(row: asyncpg.Record) -> Plan:
    content = msgspec.json.decode(row["content"], type=ProgrammeContent)
    return Plan(
        version=row["id"],
        programme=row["programme"],
        number=row["number"],
        name=Text(row["name_zh"], row["name_en"]),
        organiser=row["organiser"],
        organiser_name=row["organiser_name"],
        content=content,
        terms=terms_of(content.terms),
        latest=row["latest"],
    )
