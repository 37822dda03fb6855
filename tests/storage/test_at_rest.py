"""Once the buckets have been set up, nothing on the disks of any S3 server at hand can be read there."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from storage.keys import Bucket, new_key
from storage.s3 import S3Administration, S3Store
from storage.setup import set_up
from tests.services import USERS
from tests.storage.servers import server

SIZE = 300_000
MINUTE = timedelta(minutes=1)


def is_on_disk(folder: Path, content: bytes) -> bool:
    """Whether a piece from the middle of the content lies in any file of the store as it is."""
    piece = content[SIZE // 2 : SIZE // 2 + 64]
    return any(piece in file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("bucket", list(Bucket))
async def test_a_file_is_encrypted_where_it_lies(kind: str, tmp_path: Path, bucket: Bucket) -> None:
    with server(kind, tmp_path) as started:
        store, content = S3Store(started.config), os.urandom(SIZE)
        S3Administration(started.config).ensure_bucket(bucket, locked=bucket is Bucket.DOCUMENTS, expire_days=None)
        await store.put(bucket, new_key(), content, content_type="image/png")
        # A bucket that nobody has set up yet shows that the search finds what can be read.
        assert is_on_disk(tmp_path, content)

        assert set_up(started.config, USERS.processes if started.is_minio else None, demand_encryption=True)
        key, content = new_key(), os.urandom(SIZE)
        await store.put(bucket, key, content, content_type="image/png")
        assert not is_on_disk(tmp_path, content)
        assert await store.read(bucket, key, cap=SIZE) == content
        store.close()


async def test_what_came_by_a_form_or_in_parts_and_its_copy_are_encrypted_too(kind: str, tmp_path: Path) -> None:
    with server(kind, tmp_path) as started:
        set_up(started.config, USERS.processes if started.is_minio else None, demand_encryption=True)
        store = S3Store(started.config)
        async with httpx.AsyncClient() as phone:
            sent, key = os.urandom(SIZE), new_key()
            form = await store.upload_form(
                key, content_type="image/png", min_size=SIZE, max_size=SIZE, valid_for=MINUTE
            )
            answer = await phone.post(form.url, data=dict(form.fields), files={"file": ("x", sent)})
            assert answer.status_code == 204
            parted, other = os.urandom(SIZE), new_key()
            begun = await store.begin_parts(other, content_type="image/png")
            link = await store.part_link(other, begun, 1, size=SIZE, valid_for=MINUTE)
            assert (await phone.put(link, content=parted)).status_code == 200
        assert not is_on_disk(tmp_path, parted)
        await store.join_parts(other, begun, await store.parts(other, begun))
        for name, content in ((key, sent), (other, parted)):
            etag = (await store.head(Bucket.QUARANTINE, name)).etag
            await store.accept(name, etag=etag, content_type="image/png")
            assert await store.read(Bucket.DOCUMENTS, name, cap=SIZE) == content
            assert not is_on_disk(tmp_path, content)
        store.close()
