"""The two clocks: business time, which a demonstration may move, and security time, which never moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import asyncpg

LOCAL = ZoneInfo("Asia/Shanghai")


@runtime_checkable
class Clock(Protocol):
    """Business time: windows, notices, deadlines, cover."""

    async def now(self) -> datetime:
        """The instant, in UTC."""

    async def today(self) -> date:
        """The local date (Asia/Shanghai)."""


def local_date(instant: datetime) -> date:
    """The local calendar date on which `instant` falls."""
    return instant.astimezone(LOCAL).date()


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Business time in production: the machine's own."""

    async def now(self) -> datetime:
        """See Clock."""
        return security_now()

    async def today(self) -> date:
        """See Clock."""
        return local_date(security_now())


@dataclass(frozen=True, slots=True)
class DemoClock:
    """Business time in a demonstration: the machine's, moved by what the operator set for all processes."""

    async def now(self) -> datetime:
        """See Clock."""
        from backend.database import fetch_value

        offset = await fetch_value("SELECT moved_by FROM demo_clock")
        return security_now() + offset if offset is not None else security_now()

    async def today(self) -> date:
        """See Clock."""
        return local_date(await self.now())


def business_clock(demo: bool) -> Clock:
    """The clock for this mode."""
    return DemoClock() if demo else SystemClock()


def security_now() -> datetime:
    """Security time, in UTC: tokens, codes, throttles, signatures. The only call of the machine's clock."""
    return datetime.now(UTC)


async def set_business_clock(owner_dsn: str, instant: datetime) -> None:
    """Make business time run on from `instant`, in every process. The caller has checked that the mode is demo."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute(
            "INSERT INTO demo_clock (id, moved_by) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET moved_by = $1",
            instant - security_now(),
        )
    finally:
        await connection.close()
