"""The store's contract: what the product relies on, asked of every S3 server at hand."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from storage.keys import KEY_LENGTH, Bucket, Retention, new_key, rendition_key
from storage.port import (
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
    ObjectTooLarge,
    StoreConfig,
    StoreRefused,
    StoreUnavailable,
    UploadForm,
)
from storage.s3 import S3Store
from storage.setup import set_up

PAPER = b"%PDF-1.7 " + bytes(range(256)) * 8
MINUTES = timedelta(minutes=10)


async def form_for(
    store: S3Store,
    key: str,
    *,
    low: int = 1,
    high: int = 4096,
    valid_for: timedelta = MINUTES,
) -> UploadForm:
    return await store.upload_form(
        key,
        content_type="application/pdf",
        min_size=low,
        max_size=high,
        valid_for=valid_for,
    )


async def send(form: UploadForm, content: bytes = PAPER, changed: Mapping[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient() as phone:
        return await phone.post(form.url, data={**form.fields, **(changed or {})}, files={"file": ("x", content)})


async def follow(link: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as reader:
        return await reader.get(link, headers=headers)


async def link_to(
    store: S3Store,
    bucket: Bucket,
    key: str,
    valid_for: timedelta = MINUTES,
    inline: bool = False,
) -> str:
    return await store.signed_download(
        bucket,
        key,
        valid_for=valid_for,
        content_type="application/pdf",
        file_name='护士执业证 "1"\r\n.pdf',
        inline=inline,
    )


async def quarantined(store: S3Store, content: bytes = PAPER) -> str:
    key = new_key()
    assert (await send(await form_for(store, key), content)).status_code == 204
    return key


class TestUploadForm:
    async def test_takes_the_file_it_was_signed_for(self, store: S3Store) -> None:
        key = await quarantined(store)
        found = await store.head(Bucket.QUARANTINE, key)
        assert (found.size, found.content_type) == (len(PAPER), "application/pdf")
        assert await store.read(Bucket.QUARANTINE, key, cap=4096) == PAPER

    @pytest.mark.parametrize("size", [0, 99, 4097])
    async def test_refuses_a_size_out_of_range(self, store: S3Store, size: int) -> None:
        key = new_key()
        answer = await send(await form_for(store, key, low=100), b"x" * size)
        assert answer.status_code in (400, 403)
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.QUARANTINE, key)

    @pytest.mark.parametrize("size", [100, 4096])
    async def test_takes_both_ends_of_the_range(self, store: S3Store, size: int) -> None:
        assert (await send(await form_for(store, new_key(), low=100), b"x" * size)).status_code == 204

    @pytest.mark.parametrize(
        "changed",
        [
            {"Content-Type": "text/html"},
            {"key": "0" * KEY_LENGTH},
            {"x-amz-meta-extra": "smuggled"},
            {"x-amz-signature": "0" * 64},
            {"x-amz-credential": "nobody/20200101/us-east-1/s3/aws4_request"},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    async def test_refuses_what_was_not_signed(self, store: S3Store, changed: dict[str, str]) -> None:
        key = new_key()
        assert (await send(await form_for(store, key), changed=changed)).status_code in (
            400,
            403,
        )
        for touched in (key, "0" * KEY_LENGTH):
            with pytest.raises(ObjectMissing):
                await store.head(Bucket.QUARANTINE, touched)

    async def test_refuses_a_policy_that_was_widened(self, store: S3Store) -> None:
        form = await form_for(store, new_key())
        policy = json.loads(base64.b64decode(form.fields["policy"]))
        policy["conditions"] = [
            ["content-length-range", 0, 10**9] if condition[0] == "content-length-range" else condition
            for condition in policy["conditions"]
        ]
        widened = base64.b64encode(json.dumps(policy).encode()).decode()
        assert (await send(form, b"x" * 5000, changed={"policy": widened})).status_code in (400, 403)

    async def test_refuses_another_bucket(self, store: S3Store, config: StoreConfig) -> None:
        form = await form_for(store, new_key())
        elsewhere = replace(form, url=form.url.replace("quarantine", "documents"))
        assert (await send(elsewhere)).status_code in (400, 403)

    async def test_expires(self, store: S3Store) -> None:
        form = await form_for(store, new_key(), valid_for=timedelta(seconds=1))
        await asyncio.sleep(2.1)
        assert (await send(form)).status_code in (400, 403)

    async def test_is_signed_for_the_public_address_without_a_call(self, config: StoreConfig) -> None:
        apart = S3Store(
            replace(
                config,
                endpoint="http://127.0.0.1:1",
                public_endpoint="https://papers.example",
            )
        )
        key = new_key()
        assert (await form_for(apart, key)).url == f"https://papers.example/{config.prefix}-quarantine"
        assert (await link_to(apart, Bucket.DOCUMENTS, key)).startswith(
            f"https://papers.example/{config.prefix}-documents/{key}?"
        )
        apart.close()


class TestSignedDownload:
    async def test_serves_under_the_type_and_name_we_chose(self, store: S3Store) -> None:
        key = await quarantined(store)
        answer = await follow(await link_to(store, Bucket.QUARANTINE, key))
        assert answer.status_code == 200
        assert answer.content == PAPER
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["cache-control"] == "private, no-store"
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith("attachment; filename*=UTF-8''%E6%8A%A4")
        assert "%0D%0A" in disposition and '"' not in disposition
        shown = await follow(await link_to(store, Bucket.QUARANTINE, key, inline=True))
        assert shown.headers["content-disposition"].startswith("inline;")

    async def test_expires(self, store: S3Store) -> None:
        link = await link_to(
            store,
            Bucket.QUARANTINE,
            await quarantined(store),
            valid_for=timedelta(seconds=1),
        )
        await asyncio.sleep(2.1)
        assert (await follow(link)).status_code in (400, 403)

    async def test_refuses_a_changed_link(self, store: S3Store) -> None:
        key, other = await quarantined(store), await quarantined(store)
        link = await link_to(store, Bucket.QUARANTINE, key)
        assert (await follow(link.replace(key, other))).status_code == 403
        assert (await follow(link.replace("application%2Fpdf", "text%2Fhtml"))).status_code == 403
        assert (await follow(link.replace("X-Amz-Expires=600", "X-Amz-Expires=6000"))).status_code == 403

    async def test_serves_a_range(self, store: S3Store) -> None:
        answer = await follow(
            await link_to(store, Bucket.QUARANTINE, await quarantined(store)),
            Range="bytes=5-8",
        )
        assert (answer.status_code, answer.content) == (206, PAPER[5:9])


class TestReading:
    async def test_streams_a_part(self, store: S3Store) -> None:
        key = await quarantined(store)
        part = [chunk async for chunk in store.stream(Bucket.QUARANTINE, key, cap=100, offset=9, length=10)]
        assert b"".join(part) == PAPER[9:19]

    async def test_stops_at_the_cap(self, store: S3Store) -> None:
        key = await quarantined(store)
        assert await store.read(Bucket.QUARANTINE, key, cap=len(PAPER)) == PAPER
        with pytest.raises(ObjectTooLarge):
            await store.read(Bucket.QUARANTINE, key, cap=len(PAPER) - 1)

    async def test_says_that_there_is_nothing(self, store: S3Store) -> None:
        key = new_key()
        with pytest.raises(ObjectMissing) as refused:
            await store.head(Bucket.DOCUMENTS, key)
        assert key not in str(refused.value)
        with pytest.raises(ObjectMissing):
            await store.read(Bucket.DOCUMENTS, key, cap=1)

    @pytest.mark.parametrize("bucket", [Bucket.EXPORTS, Bucket.DOCUMENTS])
    async def test_lists_by_key(self, store: S3Store, bucket: Bucket) -> None:
        keys = sorted(f"listing{new_key()[:20]}" for _ in range(5))
        for key in reversed(keys):
            await store.put(bucket, key, b"x", content_type="text/plain")
        first = await store.list_after(bucket, "listing", limit=2)
        rest = await store.list_after(bucket, "listing", after=first[-1].key)
        assert [entry.key for entry in (*first, *rest)] == keys
        assert {entry.size for entry in first} == {1}


class TestWriting:
    async def test_never_overwrites(self, store: S3Store, tmp_path: Path) -> None:
        key = new_key()
        file = tmp_path / "sheet"
        file.write_bytes(PAPER)
        stored = await store.put(Bucket.DOCUMENTS, key, file, content_type="application/pdf")
        assert (stored.size, stored.content_type) == (len(PAPER), "application/pdf")
        with pytest.raises(ObjectExists):
            await store.put(Bucket.DOCUMENTS, key, b"other", content_type="application/pdf")
        assert await store.read(Bucket.DOCUMENTS, key, cap=4096) == PAPER

    async def test_one_of_many_writers_wins(self, store: S3Store, kind: str) -> None:
        if kind == "embedded":
            pytest.skip("in a versioned bucket the embedded store lets writers of the same instant through")
        key = new_key()
        outcomes = await asyncio.gather(
            *(store.put(Bucket.DOCUMENTS, key, b"%d" % n, content_type="text/plain") for n in range(8)),
            return_exceptions=True,
        )
        assert sorted(isinstance(outcome, ObjectExists) for outcome in outcomes) == [False] + [True] * 7

    async def test_deletes_what_may_be_missing(self, store: S3Store) -> None:
        key = await quarantined(store)
        for _ in range(2):
            await store.delete(Bucket.QUARANTINE, key)
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.QUARANTINE, key)


class TestAccepting:
    async def test_copies_what_was_checked_under_its_found_type(self, store: S3Store) -> None:
        key = await quarantined(store)
        etag = (await store.head(Bucket.QUARANTINE, key)).etag
        for _ in range(2):
            accepted = await store.accept(key, etag=etag, content_type="image/png")
            assert (accepted.size, accepted.content_type) == (len(PAPER), "image/png")
        assert await store.read(Bucket.DOCUMENTS, key, cap=4096) == PAPER

    async def test_refuses_what_was_replaced_after_the_check(self, store: S3Store) -> None:
        key = new_key()
        form = await form_for(store, key)
        await send(form)
        etag = (await store.head(Bucket.QUARANTINE, key)).etag
        await send(form, b"%PDF-1.7 something else")
        with pytest.raises(ObjectChanged):
            await store.accept(key, etag=etag, content_type="application/pdf")
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.DOCUMENTS, key)

    async def test_refuses_a_key_that_holds_something_else(self, store: S3Store) -> None:
        key = await quarantined(store)
        await store.put(Bucket.DOCUMENTS, key, b"other", content_type="application/pdf")
        etag = (await store.head(Bucket.QUARANTINE, key)).etag
        with pytest.raises(ObjectExists):
            await store.accept(key, etag=etag, content_type="application/pdf")

    async def test_needs_a_source(self, store: S3Store) -> None:
        with pytest.raises(ObjectMissing):
            await store.accept(new_key(), etag="0" * 32, content_type="application/pdf")


class TestLock:
    async def test_a_locked_version_outlives_deletion(self, store: S3Store, config: StoreConfig) -> None:
        from minio import Minio
        from minio.error import S3Error

        key = new_key()
        await store.put(Bucket.DOCUMENTS, key, PAPER, content_type="application/pdf")
        await store.lock_until(key, datetime.now(UTC) + timedelta(minutes=5), Retention.COMPLIANCE)
        plain = Minio(
            config.endpoint.removeprefix("http://"),
            config.access_key,
            config.secret_key,
            secure=False,
        )
        bucket = f"{config.prefix}-documents"
        version = plain.stat_object(bucket, key).version_id
        with pytest.raises(S3Error):
            plain.remove_object(bucket, key, version_id=version)
        await store.delete(Bucket.DOCUMENTS, key)
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.DOCUMENTS, key)
        assert plain.get_object(bucket, key, version_id=version).data == PAPER

    async def test_needs_an_object(self, store: S3Store) -> None:
        with pytest.raises(ObjectMissing):
            await store.lock_until(new_key(), datetime.now(UTC) + MINUTES, Retention.GOVERNANCE)
        with pytest.raises(ObjectMissing):
            await store.lock_of(new_key())

    async def test_can_be_asked_for(self, store: S3Store) -> None:
        key, until = new_key(), (datetime.now(UTC) + MINUTES).replace(microsecond=0)
        await store.put(Bucket.DOCUMENTS, key, PAPER, content_type="application/pdf")
        assert await store.lock_of(key) is None
        await store.lock_until(key, until, Retention.GOVERNANCE)
        assert await store.lock_of(key) == (until, Retention.GOVERNANCE)


class TestStrangers:
    @pytest.mark.parametrize("bucket", list(Bucket))
    async def test_anonymous_sees_nothing(self, store: S3Store, config: StoreConfig, bucket: Bucket) -> None:
        key = new_key()
        await store.put(bucket, key, PAPER, content_type="application/pdf")
        address = f"{config.endpoint}/{config.prefix}-{bucket}"
        async with httpx.AsyncClient() as stranger:
            for answer in (
                await stranger.get(f"{address}/{key}"),
                await stranger.get(address),
                await stranger.put(f"{address}/{key}", content=b"x"),
                await stranger.delete(f"{address}/{key}"),
            ):
                assert answer.status_code == 403
        assert await store.read(bucket, key, cap=4096) == PAPER

    async def test_a_wrong_secret_is_refused(self, config: StoreConfig) -> None:
        impostor = S3Store(replace(config, secret_key="not-the-secret"))
        with pytest.raises(StoreRefused):
            await impostor.probe()
        with pytest.raises(StoreRefused):
            await impostor.put(Bucket.QUARANTINE, new_key(), b"x", content_type="text/plain")
        assert (await send(await form_for(impostor, new_key()))).status_code == 403
        impostor.close()

    async def test_a_secret_is_never_shown(self, config: StoreConfig) -> None:
        assert config.secret_key not in repr(config)


class TestSetup:
    async def test_can_be_repeated(self, store: S3Store, config: StoreConfig) -> None:
        key = new_key()
        await store.put(Bucket.DOCUMENTS, key, PAPER, content_type="application/pdf")
        set_up(config)
        assert await store.read(Bucket.DOCUMENTS, key, cap=4096) == PAPER

    async def test_quarantine_expires_by_itself(self, config: StoreConfig) -> None:
        from minio import Minio

        plain = Minio(
            config.endpoint.removeprefix("http://"),
            config.access_key,
            config.secret_key,
            secure=False,
        )
        days = {}
        for bucket in Bucket:
            rules = plain.get_bucket_lifecycle(f"{config.prefix}-{bucket}")
            days[bucket] = rules and [rule.expiration.days for rule in rules.rules if rule.expiration]
        assert days == {
            Bucket.QUARANTINE: [1],
            Bucket.DOCUMENTS: None,
            Bucket.EXPORTS: [7],
        }

    async def test_refuses_a_documents_bucket_without_lock(self, config: StoreConfig) -> None:
        from minio import Minio

        plain = Minio(
            config.endpoint.removeprefix("http://"),
            config.access_key,
            config.secret_key,
            secure=False,
        )
        other = replace(config, prefix=f"{config.prefix}x")
        plain.make_bucket(f"{other.prefix}-documents")
        with pytest.raises(StoreRefused, match="object lock"):
            set_up(other)

    async def test_probe_tells_whether_it_was_done(self, store: S3Store, config: StoreConfig) -> None:
        await store.probe()
        fresh = S3Store(replace(config, prefix="never-set-up"))
        with pytest.raises(StoreRefused):
            await fresh.probe()
        fresh.close()


class TestDeadStore:
    @pytest.fixture
    def silent_port(self) -> Iterator[int]:
        """A port where connections are taken and nothing is ever said."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(64)
            yield listening.getsockname()[1]

    @pytest.mark.parametrize("manner", ["closed", "silent"])
    async def test_answers_in_bounded_time(self, config: StoreConfig, silent_port: int, manner: str) -> None:
        port = silent_port if manner == "silent" else 1
        dead = S3Store(replace(config, endpoint=f"http://127.0.0.1:{port}"))
        key = new_key()
        started = time.monotonic()
        outcomes = await asyncio.gather(
            dead.probe(),
            dead.head(Bucket.DOCUMENTS, key),
            dead.read(Bucket.DOCUMENTS, key, cap=1),
            dead.put(Bucket.DOCUMENTS, key, b"x", content_type="text/plain"),
            dead.accept(key, etag="0" * 32, content_type="text/plain"),
            dead.delete(Bucket.DOCUMENTS, key),
            dead.list_after(Bucket.DOCUMENTS),
            *(dead.probe() for _ in range(30)),
            return_exceptions=True,
        )
        assert time.monotonic() - started < 5.5
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        dead.close()


def test_keys_are_opaque() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) == KEY_LENGTH and int(key, 16) >= 0 for key in keys)
    assert all(len(rendition_key(key)) <= 80 for key in keys)
