"""The S3 servers at hand, each started for the tests that ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.operations.embedded_store import Store, embedded, minio, minio_binary, weed_binary
from backend.operations.servers import free_ports
from tests.services import PREFIX, USERS


@contextmanager
def server(kind: str, folder: Path, prefix: str = PREFIX, pages: Sequence[str] = ()) -> Iterator[Store]:
    """A server of this kind, not set up yet, that lets these web pages in; skips the test where none is at hand."""
    start, binary = (embedded, weed_binary()) if kind == "embedded" else (minio, minio_binary())
    if binary is None:
        pytest.skip(f"no {kind} store is at hand (`make minio` builds MinIO where Go 1.24 or newer is)")
    (port,) = free_ports(1)
    with start(binary, folder, port, USERS, prefix, pages) as started:
        yield started
