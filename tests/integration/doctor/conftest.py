"""A database in which all is well, a store that a test may break."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from backend.operations.embedded_postgres import OWNER
from backend.operations.embedded_store import Store
from storage.s3 import S3Store
from storage.setup import set_up
from tests import services
from tests.integration.doctor.findings import fill_calendar
from tests.integration.paper_world import make_world
from tests.storage.servers import server


@pytest.fixture
async def owner(postgres: None, database: None) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(services.dsn(OWNER))
    yield connection
    await connection.close()


@pytest.fixture
async def whole(database: None, store: S3Store, owner: asyncpg.Connection) -> None:
    """A database with people, a calendar and nothing to do."""
    await make_world(store)
    await fill_calendar(owner, 400)
    await owner.execute("DELETE FROM unsealed; DELETE FROM pgqueuer")


@pytest.fixture(params=["embedded", "minio"])
def own_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A set-up store that a test may break."""
    with server(request.param, tmp_path / "store") as started:
        set_up(started.config, services.USERS.processes if started.is_minio else None)
        yield started
