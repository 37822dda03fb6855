"""What production begins with: working days, the union at the top, and two accounts that may make all others."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping

from backend.accounts.tables import ConsoleAccount, ConsoleUser, RoleBinding
from backend.calendars.service import seed_calendar
from backend.clock import security_now
from backend.database import execute, fetch_value, new_id, transaction
from backend.identity import Role
from backend.operations.refusal import Refusal
from backend.unions.policy import UnionInput, check_union
from backend.unions.tables import TradeUnion

#: Two people, for a deciding role is granted by one and approved by another.
FIRST = (("security", "安全管理员", Role.SECURITY_ADMIN), ("system", "系统管理员", Role.SYSTEM_ADMIN))


async def install(top: UnionInput) -> Mapping[str, str]:
    """Begin an empty database under this union; a random password for each of the first two accounts.

    The second factor is set up at the first login. Runs as the owner. Raises Refusal on a database that has an account
    or a union, or for a union that is not well described.
    """
    if found := check_union(top):
        raise Refusal(" ".join(violation.message.en for violation in found))
    passwords = {username: secrets.token_urlsafe(15) for username, _, _ in FIRST}
    hashes = {
        username: await asyncio.to_thread(ConsoleUser.hash_password, password)
        for username, password in passwords.items()
    }
    now = security_now()
    async with transaction():
        # Two installations at once wait for one another here, and the second finds what the first has made.
        await execute("LOCK TABLE console_account, trade_union IN EXCLUSIVE MODE")
        if await fetch_value("SELECT EXISTS (SELECT FROM console_account) OR EXISTS (SELECT FROM trade_union)"):
            raise Refusal("this database has accounts or unions already: nothing was changed")
        await seed_calendar()
        union = TradeUnion(
            id=new_id(), name=top.name, level=top.level, kind=top.kind, uscc=top.uscc, area_code=top.area_code
        )
        await TradeUnion.insert(union)
        await execute("SELECT refresh_union_levels()")
        for username, name, role in FIRST:
            user = ConsoleUser(  # type: ignore[no-untyped-call]  # Piccolo's BaseUser has an untyped initialiser
                username=username, password=hashes[username], email=f"{username}@example.org", active=True, admin=True
            )
            await user.save()
            account = ConsoleAccount(id=new_id(), login=user.id, name=name, created_at=now)
            await ConsoleAccount.insert(account)
            await RoleBinding.insert(RoleBinding(account=account.id, role=role, trade_union=union.id, from_at=now))
    return passwords
