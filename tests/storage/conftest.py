"""Every S3 server at hand, with buckets and users made by the same setup that an operator runs."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backend.operations.embedded_store import Store, embedded, minio, minio_binary, weed_binary
from backend.operations.servers import free_ports
from storage.port import StoreConfig
from storage.s3 import S3Store
from storage.setup import Process, allow_web_pages, set_up
from tests.services import USERS

#: Whose web pages may send files to the server under test.
PAGE = "https://m.example.org"


@pytest.fixture(scope="session", params=["embedded", "minio"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which store is asked."""
    return str(request.param)


@pytest.fixture(scope="session")
def config(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreConfig]:
    """The administrator's way into one server."""
    with server(kind, tmp_path_factory.mktemp(kind), (PAGE,)) as started:
        assert set_up(started.config, USERS.processes if started.is_minio else None), "the store does not encrypt"
        assert allow_web_pages(started.config, (PAGE,)) is not started.is_minio
        yield started.config


@contextmanager
def server(kind: str, folder: Path, pages: Sequence[str]) -> Iterator[Store]:
    """A server of this kind, not set up yet, that lets these web pages in; skips the test where none is at hand."""
    start, binary = (embedded, weed_binary()) if kind == "embedded" else (minio, minio_binary())
    if binary is None:
        pytest.skip(f"no {kind} store is at hand (`make minio` builds MinIO where Go 1.24 or newer is)")
    (port,) = free_ports(1)
    with start(binary, folder, port, USERS, f"t{secrets.token_hex(4)}", pages) as started:
        yield started


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
