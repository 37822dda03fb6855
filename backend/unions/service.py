"""The union tree: new unions, their affiliation from a day on, and finding one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import asyncpg

from backend.audit.log import record
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation
from backend.identity import Actor, Level, Role
from backend.unions.kinds import Line
from backend.unions.policy import Place, UnionInput, check_affiliation, check_from_on, check_union
from backend.unions.scope import in_scope
from backend.unions.tables import Affiliation, TradeUnion
from backend.words import Text


async def create(actor: Actor, union: UnionInput, parent: UUID, today: date) -> UUID:
    """Add a union below `parent` on the primary line from today on.

    Raises RuleViolation with all that is wrong, NotFound for a parent out of the actor's scope, Conflict for a code
    that is registered.
    """
    if found := check_union(union):
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
            await _one_change_at_a_time()
            above = await _kept(actor, parent)
            if found := check_affiliation(Place(union.level, union.kind), _place(above), Line.PRIMARY):
                raise RuleViolation(found)
            await TradeUnion.insert(row)
            await _put(actor, row.id, parent, Line.PRIMARY, today)
    except asyncpg.UniqueViolationError:
        raise Conflict("uscc_taken", Text("该信用代码已登记。", "This code is registered already.")) from None
    return UUID(str(row.id))


async def affiliate(actor: Actor, union: UUID, parent: UUID, line: Line, from_on: date, today: date) -> None:
    """Put a union under a parent from a day on; what it was under before on that line ends the day before.

    Cases keep the line that they were sent in under; records of staff follow their unit. Raises RuleViolation with all
    that forbids it, NotFound for a union out of the actor's scope.
    """
    async with transaction():
        await _one_change_at_a_time()
        below, above = await _kept(actor, union), await _kept(actor, parent)
        since = await fetch_value(
            "SELECT from_on FROM affiliation WHERE trade_union = $1 AND line = $2 AND to_on IS NULL", union, line
        )
        found = [*check_affiliation(_place(below), _place(above), line), *check_from_on(from_on, since, today)]
        if found:
            raise RuleViolation(found)
        await _put(actor, union, parent, line, from_on)


async def _one_change_at_a_time() -> None:
    """Wait for whoever is changing the tree: it changes rarely and as a whole, and each change sees the one before."""
    await execute("SELECT pg_advisory_xact_lock(hashtext('trade_union tree'))")


async def _put(actor: Actor, union: UUID, parent: UUID, line: Line, from_on: date) -> None:
    corrected = await execute(
        "UPDATE affiliation SET parent = $4 WHERE trade_union = $1 AND line = $2 AND from_on = $3 AND to_on IS NULL",
        union,
        line,
        from_on,
        parent,
    )
    if not corrected:
        await execute(
            "UPDATE affiliation SET to_on = $3 WHERE trade_union = $1 AND line = $2 AND to_on IS NULL",
            union,
            line,
            from_on - timedelta(days=1),
        )
        await Affiliation.insert(Affiliation(id=new_id(), trade_union=union, parent=parent, line=line, from_on=from_on))
    await execute("SELECT refresh_union_levels()")
    await record(
        actor,
        "union.affiliate",
        "done",
        object_kind="trade_union",
        object_id=union,
        detail={"parent": str(parent), "line": line, "from_on": from_on.isoformat()},
    )


async def _kept(actor: Actor, union: UUID) -> asyncpg.Record:
    """A union that the actor keeps as a system administrator; raises Forbidden, or NotFound out of scope."""
    if Role.SYSTEM_ADMIN not in actor.roles:
        raise Forbidden(
            "not_your_part", Text("只有系统管理员可以维护工会组织。", "Only a system administrator may do this.")
        )
    row = await fetch_one("SELECT * FROM trade_union WHERE id = $1", union)
    if row is None or not in_scope(actor, [Role.SYSTEM_ADMIN], row):
        raise NotFound(Text("没有这个工会,或不由您维护。", "There is no such union, or it is not yours to keep."))
    return row


def _place(row: asyncpg.Record) -> Place:
    return Place(Level(row["level"]), row["kind"])


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
    """A union with the names above it on the primary line and along its industry; raises NotFound."""
    row = await fetch_one(
        """SELECT u.id, u.name, u.level, u.kind, u.area_code,
            (SELECT p.name FROM affiliation a JOIN trade_union p ON p.id = a.parent
                WHERE a.trade_union = u.id AND a.line = 'industry' AND a.to_on IS NULL) AS industry,
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
