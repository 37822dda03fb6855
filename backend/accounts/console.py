"""Console accounts: who is behind a login, which roles they hold, and granting roles by two persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from backend.accounts.tables import RoleBinding
from backend.audit.log import record
from backend.clock import security_now
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound
from backend.identity import Actor, Binding, Level, Role
from backend.unions.scope import in_scope
from backend.words import Language, Text

#: Roles that decide: granting one needs a second person.
DECIDING = frozenset({Role.REVIEWER, Role.CHAIR})


#: Of console account `c`: who it is, with a row for each role that holds at the instant $1; $2 are the deciding ones.
ACTOR_COLUMNS = "c.id AS account, c.name, c.person, c.employer, b.role, b.trade_union, t.level"
ACTOR_FROM = """LEFT JOIN role_binding b ON b.account = c.id AND b.from_at <= $1 AND (b.to_at IS NULL OR b.to_at > $1)
        AND (b.role <> ALL($2) OR b.approved_by IS NOT NULL)
    LEFT JOIN trade_union t ON t.id = b.trade_union"""


def actor_in(rows: Sequence[asyncpg.Record], language: Language) -> Actor:
    """The actor of the rows that a statement with ACTOR_COLUMNS gave for one account."""
    first = rows[0]
    return Actor(
        first["account"],
        first["name"],
        person_id=first["person"],
        employer_id=first["employer"],
        bindings=tuple(
            Binding(Role(row["role"]), row["trade_union"], Level(row["level"])) for row in rows if row["role"]
        ),
        language=language,
    )


async def console_actor(user_id: int, language: Language = Language.ZH) -> Actor | None:
    """The actor behind a console login with the roles that hold now; None for an inactive account."""
    rows = await fetch(
        f"""SELECT {ACTOR_COLUMNS} FROM console_account c JOIN console_user l ON l.id = c.login AND l.active
        {ACTOR_FROM} WHERE c.login = $3 AND c.active""",
        security_now(),
        list(DECIDING),
        user_id,
    )
    return actor_in(rows, language) if rows else None


@dataclass(frozen=True, slots=True)
class Roles:
    """Granting and ending roles: by an administrator whose own role reaches the union, never to oneself."""

    async def grant(self, actor: Actor, account: UUID, role: Role, union: UUID) -> UUID:
        """Give a role at a union; a deciding role counts only after `approve` by somebody else.

        Raises Forbidden for who may not, NotFound for a union out of scope or an account that is not there, Conflict
        for a role that is held.
        """
        await _require_administrator(actor, union, Role.SECURITY_ADMIN)
        await _not_oneself(actor, account)
        if role in (Role.WORKER, Role.SYSTEM):
            raise Forbidden("role_not_grantable", Text("该角色不能授予。", "This role is not granted."))
        row = RoleBinding(
            id=new_id(),
            account=account,
            role=role,
            trade_union=union,
            granted_by=actor.account_id,
            from_at=security_now(),
        )
        try:
            async with transaction():
                await RoleBinding.insert(row)
                await record(actor, "role.grant", "done", object_kind="console_account", object_id=account)
        except asyncpg.UniqueViolationError:
            raise Conflict("role_held", Text("该账号已有此角色。", "The account holds this role.")) from None
        except asyncpg.ForeignKeyViolationError:
            raise NotFound() from None
        return UUID(str(row.id))

    async def approve(self, actor: Actor, binding: UUID) -> None:
        """Let a deciding role count: a second person, who is not the one that gets it."""
        async with transaction():
            row = await _held(binding)
            await _require_administrator(actor, row["trade_union"], Role.SECURITY_ADMIN, Role.SYSTEM_ADMIN)
            await _not_oneself(actor, row["account"])
            if await _same_person(actor, row["granted_by"]):
                raise Forbidden("second_person", Text("须由另一人批准。", "Somebody else must approve."))
            if row["approved_by"] is not None:
                raise Conflict("already_approved", Text("已批准。", "Already approved."))
            await execute("UPDATE role_binding SET approved_by = $2 WHERE id = $1", binding, actor.account_id)
            await record(actor, "role.approve", "done", object_kind="console_account", object_id=row["account"])

    async def revoke(self, actor: Actor, binding: UUID) -> None:
        """End a role from now on."""
        async with transaction():
            row = await _held(binding)
            await _require_administrator(actor, row["trade_union"], Role.SECURITY_ADMIN)
            await execute("UPDATE role_binding SET to_at = $2 WHERE id = $1", binding, security_now())
            await record(actor, "role.revoke", "done", object_kind="console_account", object_id=row["account"])


async def _held(binding: UUID) -> asyncpg.Record:
    row = await fetch_one("SELECT * FROM role_binding WHERE id = $1 AND to_at IS NULL FOR UPDATE", binding)
    if row is None:
        raise NotFound()
    return row


async def _require_administrator(actor: Actor, union: UUID, *roles: Role) -> None:
    """Raise Forbidden without one of the roles, NotFound for a union that none of them reaches."""
    if not actor.roles & set(roles):
        raise Forbidden(
            "not_your_part", Text("只有安全管理员可以管理角色。", "Only a security administrator may do this.")
        )
    row = await fetch_one("SELECT * FROM trade_union WHERE id = $1", union)
    if row is None or not in_scope(actor, roles, row):
        raise NotFound()


async def _not_oneself(actor: Actor, account: UUID) -> None:
    if await _same_person(actor, account):
        raise Forbidden("not_oneself", Text("不能为本人授权。", "Nobody grants a role to themselves."))


async def _same_person(actor: Actor, account: UUID | None) -> bool:
    """Whether an account is the actor's, or another one of the same person."""
    if account is None or account == actor.account_id:
        return account is not None
    person = await fetch_value("SELECT person FROM console_account WHERE id = $1", account)
    return person is not None and person == actor.person_id
