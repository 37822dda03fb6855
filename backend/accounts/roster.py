"""Who holds which role at the console, for those who manage accounts."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from backend.database import fetch


async def accounts() -> Sequence[asyncpg.Record]:
    """The active console accounts by user name."""
    return await fetch(
        "SELECT c.id, c.name, u.username FROM console_account c JOIN console_user u ON u.id = c.login"
        " WHERE c.active AND u.active ORDER BY u.username LIMIT 1000"
    )


async def bindings() -> Sequence[asyncpg.Record]:
    """Every role that is held or waits for its second person, by user name."""
    return await fetch(
        """SELECT b.id, b.account, b.role, b.approved_by, b.granted_by, b.from_at, c.name, u.username,
            t.name AS union_name, g.name AS granter, a.name AS approver
        FROM role_binding b JOIN console_account c ON c.id = b.account JOIN console_user u ON u.id = c.login
        JOIN trade_union t ON t.id = b.trade_union
        LEFT JOIN console_account g ON g.id = b.granted_by LEFT JOIN console_account a ON a.id = b.approved_by
        WHERE b.to_at IS NULL ORDER BY u.username, b.from_at LIMIT 2000"""
    )


async def unions_named(words: str) -> Sequence[asyncpg.Record]:
    """Unions whose name holds `words`, from the top of the tree down, to choose from."""
    pattern = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await fetch(
        """SELECT id, short_name, level FROM trade_union WHERE active AND name LIKE '%' || $1 || '%'
        ORDER BY array_position(ARRAY['national', 'province', 'city', 'county', 'unit'], level::text), short_name
        LIMIT 200""",
        pattern,
    )
