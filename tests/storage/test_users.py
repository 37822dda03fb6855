"""Each process's user does its part of a paper's life and is refused everything else."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from storage.keys import Bucket, new_key, rendition_key, shared_key
from storage.port import ObjectMissing, StoreError, StoreRefused
from storage.s3 import S3Store
from storage.setup import Process

PDF = "application/pdf"


async def upload(store: S3Store) -> str:
    key = new_key()
    form = await store.upload_form(key, content_type=PDF, min_size=1, max_size=100, valid_for=timedelta(minutes=1))
    async with httpx.AsyncClient() as phone:
        answer = await phone.post(form.url, data=dict(form.fields), files={"file": ("x", b"%PDF-")})
    assert answer.status_code == 204
    return key


async def checked(stores: dict[Process, S3Store]) -> str:
    key = await upload(stores[Process.API])
    worker = stores[Process.WORKER]
    assert await worker.read(Bucket.QUARANTINE, key, cap=100) == b"%PDF-"
    await worker.accept(key, etag=(await worker.head(Bucket.QUARANTINE, key)).etag, content_type=PDF)
    await worker.put(Bucket.DOCUMENTS, rendition_key(key), b"picture", content_type="image/jpeg")
    await worker.put(Bucket.DOCUMENTS, shared_key(key), b"copy", content_type="image/jpeg")
    await worker.delete(Bucket.QUARANTINE, key)
    return key


async def test_a_paper_goes_its_way(stores: dict[Process, S3Store]) -> None:
    key = await checked(stores)
    for process in (Process.API, Process.CONSOLE):
        assert await stores[process].read(Bucket.DOCUMENTS, rendition_key(key), cap=100) == b"picture"
        with pytest.raises(ObjectMissing):
            await stores[process].head(Bucket.QUARANTINE, key)
    link = await stores[Process.CONSOLE].signed_download(
        Bucket.DOCUMENTS, shared_key(key), valid_for=timedelta(minutes=1), content_type=PDF, file_name="x.pdf"
    )
    async with httpx.AsyncClient() as reader:
        assert (await reader.get(link)).content == b"copy"
    await upload(stores[Process.CONSOLE])
    await stores[Process.CONSOLE].put(Bucket.EXPORTS, new_key(), b"roster", content_type="text/plain")


@pytest.mark.parametrize("process", list(Process))
async def test_everyone_can_ask_whether_the_store_is_there(stores: dict[Process, S3Store], process: Process) -> None:
    await stores[process].probe()


async def test_the_api_cannot_touch_a_checked_paper(stores: dict[Process, S3Store]) -> None:
    key, api = await checked(stores), stores[Process.API]
    with pytest.raises(StoreRefused):
        await api.delete(Bucket.DOCUMENTS, key)
    with pytest.raises(StoreRefused):
        await api.put(Bucket.DOCUMENTS, new_key(), b"x", content_type=PDF)
    with pytest.raises(StoreRefused):
        await api.list_after(Bucket.DOCUMENTS)
    with pytest.raises(StoreError):
        await api.put(Bucket.EXPORTS, new_key(), b"x", content_type=PDF)


@pytest.mark.parametrize("process", [Process.API, Process.CONSOLE])
async def test_only_the_worker_reads_a_file_as_it_was_sent(stores: dict[Process, S3Store], process: Process) -> None:
    key = await checked(stores)
    with pytest.raises(StoreRefused):
        await stores[process].read(Bucket.DOCUMENTS, key, cap=100)
    link = await stores[process].signed_download(
        Bucket.DOCUMENTS, key, valid_for=timedelta(minutes=1), content_type=PDF, file_name="x.pdf"
    )
    async with httpx.AsyncClient() as reader:
        assert (await reader.get(link)).status_code == 403
    assert await stores[Process.WORKER].read(Bucket.DOCUMENTS, key, cap=100) == b"%PDF-"


async def test_the_api_cannot_read_the_copy_for_others(stores: dict[Process, S3Store]) -> None:
    with pytest.raises(StoreRefused):
        await stores[Process.API].read(Bucket.DOCUMENTS, shared_key(await checked(stores)), cap=100)


async def test_the_console_cannot_change_a_checked_paper(stores: dict[Process, S3Store]) -> None:
    key, console = await checked(stores), stores[Process.CONSOLE]
    with pytest.raises(StoreRefused):
        await console.delete(Bucket.DOCUMENTS, key)
    with pytest.raises(StoreRefused):
        await console.put(Bucket.DOCUMENTS, new_key(), b"x", content_type=PDF)


async def test_the_worker_cannot_fill_quarantine(stores: dict[Process, S3Store], kind: str) -> None:
    if kind == "embedded":
        pytest.skip("the embedded store has one right for writing and deleting")
    with pytest.raises(StoreRefused):
        await stores[Process.WORKER].put(Bucket.QUARANTINE, new_key(), b"x", content_type=PDF)
