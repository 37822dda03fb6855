"""Every S3 server at hand, with buckets and users made by the same setup that an operator runs."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from storage.port import StoreConfig
from storage.s3 import S3Store
from storage.setup import Process, allow_web_pages, set_up
from tests.services import USERS
from tests.storage.servers import server

#: Whose web pages may send files to the server under test.
PAGE = "https://m.example.org"


@pytest.fixture(scope="session", params=["embedded", "minio"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which store is asked."""
    return str(request.param)


@pytest.fixture(scope="session")
def config(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreConfig]:
    """The administrator's way into one server."""
    with server(kind, tmp_path_factory.mktemp(kind), f"t{secrets.token_hex(4)}", (PAGE,)) as started:
        assert set_up(started.config, USERS.processes if started.is_minio else None), "the store does not encrypt"
        assert allow_web_pages(started.config, (PAGE,)) is not started.is_minio
        yield started.config


@pytest.fixture
async def store(config: StoreConfig) -> AsyncIterator[S3Store]:
    """The store as its administrator sees it."""
    opened = S3Store(config)
    yield opened
    opened.close()


@pytest.fixture
async def stores(config: StoreConfig) -> AsyncIterator[dict[Process, S3Store]]:
    """The store as each process sees it."""
    opened = {
        process: S3Store(replace(config, access_key=user.access_key, secret_key=user.secret_key))
        for process, user in USERS.processes.items()
    }
    yield opened
    for each in opened.values():
        each.close()
