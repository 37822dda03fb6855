"""Routes for finding a union from the phone."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import asyncpg
from litestar import Router
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from backend.identity import Level
from backend.unions import service
from backend.web.handlers import read
from backend.web.paging import Cursor, Limit, Page, page, read_cursor


class UnionOut(Struct, kw_only=True):
    """A union as one picks it."""

    id: UUID
    name: str
    level: Level
    kind: str
    area_code: str | None


class UnionDetail(UnionOut, kw_only=True):
    """A union with the names of those above it, from the top, and of its industrial union, if it has one."""

    above: list[str]
    industry: str | None


@read("/unions", operation_id="searchUnions")
async def search(
    q: Annotated[str, QueryParameter(max_length=60, description="Part of the name.")] = "",
    level: Annotated[Level | None, QueryParameter(description="Only unions of this level.")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[UnionOut]:
    """Unions by name, newest first."""
    rows = await service.search(q, level, read_cursor(cursor), limit + 1)
    return page(rows, limit, lambda row: row["id"], _out)


@read("/unions/{union_id:uuid}", operation_id="getUnion")
async def get_union(union_id: FromPath[UUID]) -> UnionDetail:
    """One union and the line above it."""
    row = await service.one(union_id)
    return UnionDetail(
        id=row["id"],
        name=row["name"],
        level=Level(row["level"]),
        kind=row["kind"],
        area_code=row["area_code"],
        above=list(row["above"]),
        industry=row["industry"],
    )


def _out(row: asyncpg.Record) -> UnionOut:
    return UnionOut(
        id=row["id"], name=row["name"], level=Level(row["level"]), kind=row["kind"], area_code=row["area_code"]
    )


ROUTER = Router("", tags=["unions"], route_handlers=[search, get_union])
