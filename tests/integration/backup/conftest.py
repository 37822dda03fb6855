"""A machine with papers, an empty machine, a key and a folder for backups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.operations.backup.keys import make_key
from backend.operations.embedded_store import Store
from storage.s3 import S3Store
from tests import services
from tests.integration.backup.machine import TARGET, Machine, database_of_its_own
from tests.integration.paper_world import World, make_world
from tests.storage.servers import server


@pytest.fixture
def kind() -> str:
    """Which store the target has; what may depend on it asks for both."""
    return "embedded"


@pytest.fixture
def empty_store(kind: str, tmp_path: Path) -> Iterator[Store]:
    """An S3 server without a bucket."""
    with server(kind, tmp_path / "store") as started:
        yield started


@pytest.fixture
async def target(postgres: None, empty_store: Store) -> AsyncIterator[Machine]:
    """An empty machine."""
    async with database_of_its_own(TARGET):
        yield Machine(TARGET, empty_store.config, is_minio=empty_store.is_minio)


@pytest.fixture
def source(object_store: Store) -> Machine:
    return Machine(services.DATABASE, object_store.config)


@pytest.fixture
async def world(database: None, store: S3Store) -> World:
    return await make_world(store)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    made = tmp_path / "key"
    make_key(made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made
