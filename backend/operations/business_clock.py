"""The operator's hand on business time, in a demonstration only."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

from backend.clock import LOCAL, security_now
from backend.operations.refusal import Refusal
from backend.settings import Mode


class NotDemo(Refusal):
    """Business time is moved in demo mode only."""


def require_demo(mode: str | None) -> None:
    """Raise NotDemo unless the mode is demo."""
    if mode != Mode.DEMO:
        raise NotDemo("the clock is moved in demo mode only (NIANGJIA_MODE=demo)")


async def business_time(owner_dsn: str) -> tuple[datetime, timedelta]:
    """Business time now, local, and how far it is from the machine's."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        moved_by: timedelta = await connection.fetchval("SELECT moved_by FROM demo_clock") or timedelta()
    finally:
        await connection.close()
    return (security_now() + moved_by).astimezone(LOCAL), moved_by


async def reset_business_clock(owner_dsn: str) -> None:
    """Give business time back to the machine's clock."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute("DELETE FROM demo_clock")
    finally:
        await connection.close()
