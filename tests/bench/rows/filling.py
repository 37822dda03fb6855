"""Fills a database with an invented province at work: unions, staff, cases with events and papers, by COPY, seeded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from backend.sealing import KeyRing
from tests.bench.rows.cases import Cases
from tests.bench.rows.ground import Base, Ground, Size
from tests.bench.rows.places import lay_places
from tests.bench.rows.staff import Worker, lay_staff


class Filling:
    """One fill of a database: `fill()` first, then `candidates()` where they are wanted."""

    def __init__(
        self, connection: asyncpg.Connection, size: Size, base: Base, sealer: KeyRing, seed: int = 20200208
    ) -> None:
        self._db = connection
        self._ground = Ground.sown(connection, size, base, sealer, seed)
        self._cases: Cases
        self.hot_batch = base.batch
        #: The workers with BUSY_CASES cases each.
        self.busy: list[Worker] = []
        #: (worker, case) of cases of busy workers, whose facts are on file.
        self.known: list[tuple[Worker, UUID]] = []
        #: (worker, case) that can be submitted, each once.
        self.ready: list[tuple[Worker, UUID]] = []
        self.hot: list[tuple[Worker, UUID]] = []

    async def fill(self) -> None:
        """All of it."""
        async with self._asleep():
            places = await lay_places(self._ground)
            self._cases = Cases(self._ground, places, await lay_staff(self._ground, places.units))
            self.busy = self._cases.busy
            self.known = await self._cases.lay()
            self.ready = await self._cases.drafts(self._ground.size.drafts, places.open)
            self.hot = await self._cases.drafts(self._ground.size.hot, [self.hot_batch])
        await self._db.execute(
            "SELECT setval('application_number', $1)", 2 * self._ground.size.applications + 1_000_000
        )
        await self._db.execute("VACUUM (ANALYZE)")

    async def candidates(self, count: int, capacity: int) -> None:
        """So many cases that wait for a place in the hot batch, whose window has closed; quotas for every union."""
        async with self._asleep():
            await self._db.execute(
                "UPDATE batch SET capacity = $2, closes_at = now() - interval '1 hour' WHERE id = $1",
                self.hot_batch,
                capacity,
            )
            await self._db.execute(
                "INSERT INTO batch_quota (id, batch, trade_union, places)"
                " SELECT gen_random_uuid(), $1, id, $2 / count(*) OVER () FROM trade_union",
                self.hot_batch,
                capacity,
            )
            await self._cases.candidates(count, self.hot_batch)
            await self._db.execute(
                "UPDATE stay_request r SET quota_union = a.unit_id FROM application a"
                " WHERE a.id = r.application AND r.batch = $1",
                self.hot_batch,
            )
        await self._db.execute("VACUUM (ANALYZE)")

    @asynccontextmanager
    async def _asleep(self) -> AsyncIterator[None]:
        """Triggers and foreign keys sleep meanwhile: the rows are whole as they are made."""
        await self._db.execute("SET session_replication_role = replica")
        yield
        await self._db.execute("SET session_replication_role = origin")
