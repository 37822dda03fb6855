"""The union tree: new unions, their affiliation from a day on, and finding one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import asyncpg
from stdnum.cn import uscc

from backend.audit.log import record
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation, Violation
from backend.identity import Actor, Level, Role
from backend.unions.tables import Affiliation, TradeUnion
from backend.words import Text


@dataclass(frozen=True, slots=True)
class UnionInput:
    """A union as it is entered; `uscc` is its unified social credit code."""

    name: str
    level: Level
    kind: str
    uscc: str | None
    area_code: str | None


def check_uscc(code: str) -> list[Violation]:
    """What is wrong with a unified social credit code (GB 32100): 18 characters, no I O S V Z, a check character."""
    if uscc.is_valid(code) and code == code.upper().strip():
        return []
    return [
        Violation(
            "uscc",
            Text(
                "统一社会信用代码不正确(18 位,不含 I、O、S、V、Z)。",
                "This is not a unified social credit code (18 characters, no I, O, S, V, Z).",
            ),
            "uscc",
        )
    ]


async def create(actor: Actor, union: UnionInput, parent: UUID, today: date) -> UUID:
    """Add a union below `parent` on the primary line from today on."""
    _require_system_admin(actor)
    found = check_uscc(union.uscc) if union.uscc else []
    if not 2 <= len(union.name.strip()) <= 120:
        found.append(Violation("name_length", Text("名称为 2 至 120 字。", "2 to 120 characters."), "name"))
    if found:
        raise RuleViolation(found)
    row = TradeUnion(
        id=new_id(),
        name=union.name.strip(),
        level=union.level,
        kind=union.kind,
        uscc=union.uscc,
        area_code=union.area_code,
    )
    try:
        async with transaction():
            await TradeUnion.insert(row)
            await affiliate(actor, row.id, parent, "primary", today)
    except asyncpg.UniqueViolationError:
        raise Conflict("uscc_taken", Text("该信用代码已登记。", "This code is registered already.")) from None
    return UUID(str(row.id))


async def affiliate(actor: Actor, union: UUID, parent: UUID, line: str, from_on: date) -> None:
    """Put a union under a parent from a day on; what it was under before on that line ends the day before.

    Raises RuleViolation where the parent stands below the union: the tree has no rings.
    """
    _require_system_admin(actor)
    async with transaction():
        # The tree changes rarely and as a whole: one change at a time keeps rings out.
        await execute("SELECT pg_advisory_xact_lock(hashtext('trade_union tree'))")
        if line == "primary" and await _is_below(parent, union):
            raise RuleViolation.of(
                "ring", Text("不能隶属于自己的下级。", "A union cannot belong to one below itself."), "parent"
            )
        await execute(
            "UPDATE affiliation SET to_on = greatest($3::date, from_on)"
            " WHERE trade_union = $1 AND line = $2 AND to_on IS NULL",
            union,
            line,
            from_on - timedelta(days=1),
        )
        await Affiliation.insert(Affiliation(id=new_id(), trade_union=union, parent=parent, line=line, from_on=from_on))
        await execute("SELECT refresh_union_levels()")
        await record(actor, "union.affiliate", "done", object_kind="trade_union", object_id=union)


async def _is_below(union: UUID, ancestor: UUID) -> bool:
    return union == ancestor or bool(
        await fetch_value(
            """WITH RECURSIVE up (id) AS (
                SELECT parent FROM affiliation WHERE trade_union = $1 AND line = 'primary' AND to_on IS NULL
                UNION SELECT a.parent FROM up JOIN affiliation a
                    ON a.trade_union = up.id AND a.line = 'primary' AND a.to_on IS NULL)
            SELECT EXISTS (SELECT FROM up WHERE id = $2)""",
            union,
            ancestor,
        )
    )


async def search(words: str, level: Level | None, after: UUID | None, limit: int) -> Sequence[asyncpg.Record]:
    """Unions whose name holds `words`, newest first, from `after` on."""
    pattern = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await fetch(
        "SELECT id, name, level, kind, area_code FROM trade_union WHERE active AND name LIKE '%' || $1 || '%'"
        " AND ($2::text IS NULL OR level = $2) AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        pattern,
        level,
        after,
        limit,
    )


async def one(union: UUID) -> asyncpg.Record:
    """A union with the names above it on the primary line; raises NotFound."""
    row = await fetch_one(
        """SELECT u.id, u.name, u.level, u.kind, u.area_code,
            ARRAY(SELECT p.name FROM trade_union p WHERE p.id IN (u.national_id, u.province_id, u.city_id, u.county_id)
                AND p.id <> u.id ORDER BY array_position(
                    ARRAY['national', 'province', 'city', 'county', 'unit'], p.level::text)) AS above
        FROM trade_union u WHERE u.id = $1""",
        union,
    )
    if row is None:
        raise NotFound()
    return row


async def at_or_below(union: UUID) -> Sequence[asyncpg.Record]:
    """A union and all below it on the primary line, by level and name: whom it may give places to."""
    return await fetch(
        """SELECT id, short_name, level FROM trade_union
        WHERE active AND (id = $1 OR $1 IN (national_id, province_id, city_id, county_id, unit_id))
        ORDER BY array_position(ARRAY['national', 'province', 'city', 'county', 'unit'], level::text), short_name
        LIMIT 1000""",
        union,
    )


def _require_system_admin(actor: Actor) -> None:
    if Role.SYSTEM_ADMIN not in actor.roles:
        raise Forbidden(
            "not_your_part", Text("只有系统管理员可以维护工会组织。", "Only a system administrator may do this.")
        )
