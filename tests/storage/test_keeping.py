"""Documents that are kept and documents that go, on every S3 server at hand: locks hold, erasing leaves no version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from minio import Minio

from storage.keys import Bucket, Retention, new_key
from storage.port import ObjectMissing, StoreConfig, StoreRefused
from storage.s3 import S3Store
from storage.setup import Process

PDF = "application/pdf"
PAPER = b"%PDF-1.7 kept"


def versions(config: StoreConfig, key: str) -> int:
    plain = Minio(config.endpoint.removeprefix("http://"), config.access_key, config.secret_key, secure=False)
    return len(list(plain.list_objects(f"{config.prefix}-documents", prefix=key, include_version=True)))


async def stored(store: S3Store) -> str:
    key = new_key()
    await store.put(Bucket.DOCUMENTS, key, PAPER, content_type=PDF)
    return key


@pytest.mark.parametrize("retention", list(Retention))
async def test_a_locked_document_is_not_erased(
    stores: dict[Process, S3Store], store: S3Store, config: StoreConfig, retention: Retention
) -> None:
    key, worker = await stored(store), stores[Process.WORKER]
    await worker.lock_until(key, datetime.now(UTC) + timedelta(days=3650), retention)
    with pytest.raises(StoreRefused):
        await worker.erase(key)
    assert await store.read(Bucket.DOCUMENTS, key, cap=100) == PAPER
    await worker.delete(Bucket.DOCUMENTS, key)
    with pytest.raises(StoreRefused):
        await worker.erase(key)
    assert versions(config, key) >= 1


async def test_a_lock_is_made_longer_and_by_the_worker_never_shorter(
    stores: dict[Process, S3Store], store: S3Store
) -> None:
    key, worker, now = await stored(store), stores[Process.WORKER], datetime.now(UTC)
    await worker.lock_until(key, now + timedelta(days=1), Retention.GOVERNANCE)
    await worker.lock_until(key, now + timedelta(days=2), Retention.GOVERNANCE)
    with pytest.raises(StoreRefused):
        await worker.lock_until(key, now + timedelta(hours=1), Retention.GOVERNANCE)


async def test_the_worker_is_told_until_when_a_document_is_locked(
    stores: dict[Process, S3Store], store: S3Store
) -> None:
    key, worker = await stored(store), stores[Process.WORKER]
    assert await worker.lock_of(key) is None
    until = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=999_999)
    await worker.lock_until(key, until, Retention.GOVERNANCE)
    lock = await worker.lock_of(key)
    assert lock is not None
    assert until - timedelta(seconds=1) < lock[0] <= until
    with pytest.raises(ObjectMissing):
        await worker.lock_of(new_key())


async def test_erasing_leaves_no_version(stores: dict[Process, S3Store], store: S3Store, config: StoreConfig) -> None:
    key, neighbour = await stored(store), await stored(store)
    await store.put(Bucket.DOCUMENTS, f"{key}.screen", b"picture", content_type="image/jpeg")
    await store.delete(Bucket.DOCUMENTS, key)
    assert versions(config, key) == 3
    for _ in range(2):
        await stores[Process.WORKER].erase(key)
    assert versions(config, key) == 1  # the picture has a key of its own
    assert await store.read(Bucket.DOCUMENTS, neighbour, cap=100) == PAPER


async def test_what_was_deleted_comes_back(store: S3Store) -> None:
    key = await stored(store)
    for _ in range(2):
        await store.delete(Bucket.DOCUMENTS, key)
    assert (await store.restore(key)).size == len(PAPER)
    assert await store.read(Bucket.DOCUMENTS, key, cap=100) == PAPER
    with pytest.raises(ObjectMissing):
        await store.restore(new_key())


@pytest.mark.parametrize("process", [Process.API, Process.CONSOLE])
async def test_only_the_worker_locks_and_erases(
    stores: dict[Process, S3Store], store: S3Store, process: Process
) -> None:
    key = await stored(store)
    with pytest.raises(StoreRefused):
        await stores[process].erase(key)
    with pytest.raises(StoreRefused):
        await stores[process].lock_until(key, datetime.now(UTC) + timedelta(days=1), Retention.GOVERNANCE)
    assert await store.read(Bucket.DOCUMENTS, key, cap=100) == PAPER
