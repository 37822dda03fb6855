"""A line that is lost in the middle of a file leaves nothing that a listing shows, on every S3 server at hand."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from storage.keys import Bucket, new_key
from storage.port import ObjectMissing
from storage.s3 import S3Store

MIB = 1024 * 1024
CONTENT = os.urandom(2 * MIB)
MINUTES = timedelta(minutes=10)


async def lost(request: httpx.Request, *, after: int) -> None:
    """Send the head of a request and so many bytes of its body, then hang up without waiting for an answer."""
    request.read()
    address = urlsplit(str(request.url))
    head = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in request.headers.items()]
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write("\r\n".join((*head, "\r\n")).encode("latin-1") + request.content[:after])
    await writer.drain()
    writer.transport.abort()


async def is_there(store: S3Store, key: str) -> bool:
    try:
        await store.head(Bucket.QUARANTINE, key)
    except ObjectMissing:
        return bool(await store.list_after(Bucket.QUARANTINE, key))
    return True


@pytest.mark.parametrize("after", [0, 1000, MIB, -100])
async def test_a_form_that_was_not_sent_to_its_end_is_no_file(store: S3Store, after: int) -> None:
    key = new_key()
    form = await store.upload_form(
        key, content_type="image/png", min_size=len(CONTENT), max_size=len(CONTENT), valid_for=MINUTES
    )
    request = httpx.Request("POST", form.url, data=dict(form.fields), files={"file": ("paper", CONTENT)})
    await lost(request, after=after)
    # The store has a moment in which it could make something of it.
    for _ in range(10):
        assert not await is_there(store, key)
        await asyncio.sleep(0.1)
    async with httpx.AsyncClient() as phone:
        answer = await phone.post(form.url, data=dict(form.fields), files={"file": ("paper", CONTENT)})
    assert answer.status_code == 204
    assert await store.read(Bucket.QUARANTINE, key, cap=len(CONTENT)) == CONTENT


@pytest.mark.parametrize("after", [1000, MIB, -1])
async def test_a_part_that_was_not_sent_to_its_end_has_not_arrived(store: S3Store, after: int) -> None:
    key = new_key()
    upload = await store.begin_parts(key, content_type="image/png")
    link = await store.part_link(key, upload, 1, size=len(CONTENT), valid_for=MINUTES)
    await lost(httpx.Request("PUT", link, content=CONTENT), after=after)
    for _ in range(10):
        assert not await store.parts(key, upload)
        assert not await is_there(store, key)
        await asyncio.sleep(0.1)
    async with httpx.AsyncClient() as phone:
        assert (await phone.put(link, content=CONTENT)).status_code == 200
    assert [(part.number, part.size) for part in await store.parts(key, upload)] == [(1, len(CONTENT))]
