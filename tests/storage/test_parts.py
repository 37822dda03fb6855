"""An upload in parts on every S3 server at hand: exact sizes, only what was signed, nothing left of what ends."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from minio import Minio

from storage.keys import Bucket, new_key
from storage.port import ObjectChanged, ObjectMissing, StoreConfig, StoredPart
from storage.s3 import S3Store
from storage.setup import Process

PDF = "application/pdf"
MIB = 1024 * 1024
MINUTES = timedelta(minutes=10)
FIRST, LAST = os.urandom(5 * MIB), os.urandom(1234)


async def put(link: str, content: bytes) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as phone:
        return await phone.put(link, content=content)


async def send(store: S3Store, key: str, upload: str, number: int, content: bytes) -> None:
    link = await store.part_link(key, upload, number, size=len(content), valid_for=MINUTES)
    assert (await put(link, content)).status_code == 200


async def test_parts_become_the_file(store: S3Store) -> None:
    key = new_key()
    upload = await store.begin_parts(key, content_type=PDF)
    await send(store, key, upload, 2, LAST)
    assert [(part.number, part.size) for part in await store.parts(key, upload)] == [(2, len(LAST))]
    await send(store, key, upload, 1, FIRST)
    parts = await store.parts(key, upload)
    joined = await store.join_parts(key, upload, parts)
    assert (joined.size, joined.content_type) == (len(FIRST + LAST), PDF)
    assert await store.read(Bucket.QUARANTINE, key, cap=6 * MIB) == FIRST + LAST
    # What was joined is copied within the store like any other.
    await store.accept(key, etag=joined.etag, content_type=PDF)
    assert await store.read(Bucket.DOCUMENTS, key, cap=6 * MIB) == FIRST + LAST


async def test_an_unfinished_upload_is_shown_by_no_listing(store: S3Store) -> None:
    key = new_key()
    upload = await store.begin_parts(key, content_type=PDF)
    await send(store, key, upload, 1, LAST)
    assert not await store.list_after(Bucket.QUARANTINE, key)
    with pytest.raises(ObjectMissing):
        await store.head(Bucket.QUARANTINE, key)


async def test_a_part_sent_again_takes_the_place_of_the_first(store: S3Store) -> None:
    key = new_key()
    upload = await store.begin_parts(key, content_type=PDF)
    await send(store, key, upload, 1, b"x" * len(LAST))
    await send(store, key, upload, 1, LAST)
    await store.join_parts(key, upload, await store.parts(key, upload))
    assert await store.read(Bucket.QUARANTINE, key, cap=MIB) == LAST


async def test_a_part_that_was_replaced_is_not_joined(store: S3Store) -> None:
    key = new_key()
    upload = await store.begin_parts(key, content_type=PDF)
    await send(store, key, upload, 1, LAST)
    with pytest.raises(ObjectChanged):
        await store.join_parts(key, upload, [StoredPart(1, len(LAST), "0" * 32)])


@pytest.mark.parametrize("size", [0, len(LAST) - 1, len(LAST) + 1, MIB])
async def test_another_size_is_refused_by_the_store(store: S3Store, size: int) -> None:
    key = new_key()
    upload = await store.begin_parts(key, content_type=PDF)
    link = await store.part_link(key, upload, 1, size=len(LAST), valid_for=MINUTES)
    assert (await put(link, bytes(size))).status_code in (400, 403)
    assert not await store.parts(key, upload)


async def test_what_was_not_signed_is_refused(store: S3Store) -> None:
    key, other = new_key(), new_key()
    upload = await store.begin_parts(key, content_type=PDF)
    link = await store.part_link(key, upload, 1, size=len(LAST), valid_for=MINUTES)
    for changed in (
        link.replace("partNumber=1", "partNumber=2"),
        link.replace(key, other),
        link.replace("-quarantine", "-documents"),
        link.replace("X-Amz-Expires=600", "X-Amz-Expires=6000"),
        link.replace("content-length%3Bhost", "host"),
    ):
        assert changed != link
        assert (await put(changed, LAST)).status_code in (400, 403)
    assert not await store.parts(key, upload)


async def test_a_link_expires(store: S3Store) -> None:
    key = new_key()
    upload = await store.begin_parts(key, content_type=PDF)
    link = await store.part_link(key, upload, 1, size=len(LAST), valid_for=timedelta(seconds=1))
    await asyncio.sleep(2.1)
    assert (await put(link, LAST)).status_code in (400, 403)


async def test_links_are_signed_for_the_public_address_without_a_call(config: StoreConfig) -> None:
    apart = S3Store(replace(config, endpoint="http://127.0.0.1:1", public_endpoint="https://papers.example"))
    link = await apart.part_link(new_key(), "upload/id+", 1, size=9, valid_for=MINUTES)
    assert link.startswith(f"https://papers.example/{config.prefix}-quarantine/")
    assert "uploadId=upload%2Fid%2B" in link
    apart.close()


async def test_what_is_given_up_is_gone(store: S3Store) -> None:
    key = new_key()
    uploads = [await store.begin_parts(key, content_type=PDF) for _ in range(2)]
    await send(store, key, uploads[0], 1, LAST)
    link = await store.part_link(key, uploads[0], 2, size=len(LAST), valid_for=MINUTES)
    for _ in range(2):
        await store.abort_parts(key)
    for upload in uploads:
        with pytest.raises(ObjectMissing):
            await store.parts(key, upload)
    assert (await put(link, LAST)).status_code == 404


async def test_the_store_gives_up_unfinished_uploads_by_its_own_means(config: StoreConfig, kind: str) -> None:
    plain = Minio(config.endpoint.removeprefix("http://"), config.access_key, config.secret_key, secure=False)
    rules = plain.get_bucket_lifecycle(f"{config.prefix}-quarantine")
    assert rules is not None
    days = [
        rule.abort_incomplete_multipart_upload.days_after_initiation
        for rule in rules.rules
        if rule.abort_incomplete_multipart_upload
    ]
    # MinIO has no such rule and sweeps by itself after a day (MINIO_API_STALE_UPLOADS_EXPIRY).
    assert days == ([1] if kind == "embedded" else [])


async def test_the_api_takes_parts_and_the_worker_gives_them_up(stores: dict[Process, S3Store]) -> None:
    for process in (Process.API, Process.CONSOLE):
        key, store = new_key(), stores[process]
        upload = await store.begin_parts(key, content_type=PDF)
        await send(store, key, upload, 1, LAST)
        await store.join_parts(key, upload, await store.parts(key, upload))
        assert await stores[Process.WORKER].read(Bucket.QUARANTINE, key, cap=MIB) == LAST
    key = new_key()
    upload = await stores[Process.API].begin_parts(key, content_type=PDF)
    await stores[Process.WORKER].abort_parts(key)
    with pytest.raises(ObjectMissing):
        await stores[Process.API].parts(key, upload)
