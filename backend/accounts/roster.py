"""Who holds which role at the console, for those who manage accounts."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from backend.database import fetch
from backend.identity import Actor, Role
from backend.unions.scope import scope_sql

#: Who manages roles: one grants, the other may be the second person.
MANAGERS = (Role.SECURITY_ADMIN, Role.SYSTEM_ADMIN)


async def accounts() -> Sequence[asyncpg.Record]:
    """The active console accounts by user name."""
    return await fetch(
        "SELECT c.id, c.name, u.username FROM console_account c JOIN console_user u ON u.id = c.login"
        " WHERE c.active AND u.active ORDER BY u.username LIMIT 1000"
    )


async def bindings(actor: Actor) -> Sequence[asyncpg.Record]:
    """The roles in the actor's scope that are held or wait for their second person, by user name."""
    reached, unions = scope_sql(actor.unions_as(*MANAGERS), "t", 1)
    return await fetch(
        f"""SELECT b.id, b.account, b.role, b.approved_by, b.granted_by, b.from_at, c.name, u.username,
            t.name AS union_name, g.name AS granter, a.name AS approver
        FROM role_binding b JOIN console_account c ON c.id = b.account JOIN console_user u ON u.id = c.login
        JOIN trade_union t ON t.id = b.trade_union
        LEFT JOIN console_account g ON g.id = b.granted_by LEFT JOIN console_account a ON a.id = b.approved_by
        WHERE b.to_at IS NULL AND {reached} ORDER BY u.username, b.from_at LIMIT 2000""",
        *unions,
    )


async def unions_named(actor: Actor, words: str) -> Sequence[asyncpg.Record]:
    """Unions in the actor's scope whose name holds `words`, from the top of the tree down, to choose from."""
    reached, unions = scope_sql(actor.unions_as(*MANAGERS), "t", 2)
    pattern = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await fetch(
        f"""SELECT id, short_name, level FROM trade_union t
        WHERE active AND name LIKE '%' || $1 || '%' AND {reached}
        ORDER BY array_position(ARRAY['national', 'province', 'city', 'county', 'unit'], level::text), short_name
        LIMIT 200""",
        pattern,
        *unions,
    )
