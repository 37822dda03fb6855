"""What every row of a fill stands on: how much is asked for, what it copies, ids and chances from one seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from backend.sealing import KeyRing

#: How long before the fill its first case was made.
SPAN = timedelta(days=700)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is filled in: cases on their way or ended, staff, drafts that can be sent, and more on one hot batch."""

    applications: int
    staff: int
    drafts: int
    hot: int


@dataclass(frozen=True, slots=True)
class Base:
    """What was made through the services, for the rows to copy: a published version, a batch, a city."""

    version: UUID
    batch: UUID
    city: UUID
    emergency: UUID
    officer: UUID
    now: datetime


class Ids:
    """Ids that sort by time as ours do, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._count = 0

    def at(self, instant: datetime) -> UUID:
        """A UUIDv7 of this instant; of two at the same instant the later made is the greater."""
        self._count += 1
        millis = int(instant.timestamp() * 1000)
        tail = 2 << 62 | (self._count & 0x3FFFFFFF) << 32 | self._random.getrandbits(32)
        return UUID(int=millis << 80 | 7 << 76 | (self._count >> 30 & 0xFFF) << 64 | tail)


@dataclass(frozen=True, slots=True)
class Ground:
    """One fill of a database: the same rows for the same seed and base."""

    connection: asyncpg.Connection
    size: Size
    base: Base
    sealer: KeyRing
    ids: Ids
    random: random.Random

    @classmethod
    def sown(cls, connection: asyncpg.Connection, size: Size, base: Base, sealer: KeyRing, seed: int) -> Ground:
        """The ground of a fill with this seed."""
        return cls(connection, size, base, sealer, Ids(seed), random.Random(seed))

    @property
    def began(self) -> datetime:
        """When what is older than every case was made."""
        return self.base.now - SPAN

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Lay rows into a table."""
        await self.connection.copy_records_to_table(table, records=rows, columns=columns)


def now() -> datetime:
    """The instant from which a fill counts back, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
