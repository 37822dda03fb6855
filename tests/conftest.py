"""Every test finds a migrated, empty database and a store with its buckets and users."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from tests import services

# Before any module of the backend reads its settings.
os.environ.update(services.environment())

from backend.applications.desk import forget_filters
from backend.calendars.service import forget_calendar
from backend.database import close_pool, open_pool
from backend.operations.embedded_store import Store
from storage.s3 import S3Store

_SHARED = pytest.StashKey[ExitStack]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start the one PostgreSQL that the test processes share."""
    config.stash[_SHARED] = ExitStack()
    config.stash[_SHARED].enter_context(services.postgres())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was shared and leave nothing behind."""
    if _SHARED in config.stash:
        config.stash[_SHARED].close()
    if not hasattr(config, "workerinput"):
        shutil.rmtree(services.folder(), ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[None]:
    """A running PostgreSQL with a migrated template."""
    if hasattr(request.config, "workerinput"):
        yield
        return
    with services.postgres():
        yield


@pytest.fixture(scope="session")
async def cleaner(postgres: None) -> AsyncIterator[services.Cleaner]:
    """The database of this test process, and how it is emptied."""
    await services.create_database()
    made = await services.Cleaner.connect()
    yield made
    await made.close()


@pytest.fixture(scope="session")
async def pool(cleaner: services.Cleaner) -> AsyncIterator[None]:
    """The backend's pool, logged in as the API."""
    await open_pool(min_size=2, max_size=16, plan_once=True)
    yield
    await close_pool()


@pytest.fixture
async def database(pool: None, cleaner: services.Cleaner) -> None:
    """An empty database."""
    await cleaner.clean()
    forget_calendar()
    forget_filters()


@pytest.fixture(scope="session")
def object_store() -> Iterator[Store]:
    """A running S3 server, set up; `config_of` tells each process's way in."""
    with services.object_store() as started:
        yield started


@pytest.fixture
async def store(object_store: Store) -> AsyncIterator[S3Store]:
    """The store as its administrator sees it: a test may play the API and the worker at once."""
    opened = S3Store(object_store.config)
    yield opened
    opened.close()
