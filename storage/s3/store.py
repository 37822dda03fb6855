"""Papers on any S3 server: what the product asks of its store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import urllib3
from minio.commonconfig import REPLACE, CopySource
from minio.datatypes import Object, Part, PostPolicy
from minio.error import S3Error
from minio.retention import Retention as ObjectRetention
from minio.time import utcnow

from storage.keys import Bucket, Retention, name_of
from storage.port import (
    ObjectChanged,
    ObjectExists,
    ObjectTooLarge,
    StoreConfig,
    StoredObject,
    StoredPart,
    StoreRefused,
    StoreUnavailable,
    UploadForm,
)
from storage.s3.connection import PARALLEL_CALLS, absence_allowed, client, connections, error_of, translated
from storage.signing import part_link

# A call ends within CALL_S whatever the store does; a connection that is refused or silent is given up before that.
CALL_S = 4.0
TRANSFER_S = 60.0
CHUNK = 256 * 1024

_SOURCE = "x-amz-meta-source-etag"

T = TypeVar("T")


class S3Store:
    """A DocumentStore on an S3 server (see storage.port for what each method promises).

    The SDK blocks, so each call runs on one of PARALLEL_CALLS threads of this store's own; what finds no thread in time
    fails as StoreUnavailable instead of queueing without end.
    """

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._http = connections()
        self._calls = client(config, config.endpoint, self._http)
        self._signer = client(config, config.public_endpoint, self._http)
        self._threads = ThreadPoolExecutor(PARALLEL_CALLS, thread_name_prefix="store")

    async def upload_form(
        self,
        key: str,
        *,
        content_type: str,
        min_size: int,
        max_size: int,
        valid_for: timedelta,
    ) -> UploadForm:
        """See DocumentStore."""
        # The signature carries the SDK's own clock, so the expiry is reckoned from the same one.
        expires_at = utcnow() + valid_for
        bucket = self._name(Bucket.QUARANTINE)
        policy = PostPolicy(bucket, expires_at)
        policy.add_equals_condition("key", key)
        policy.add_equals_condition("Content-Type", content_type)
        policy.add_content_length_range_condition(min_size, max_size)
        signed = self._signer.presigned_post_policy(policy)
        return UploadForm(
            url=f"{self._config.public_endpoint.rstrip('/')}/{bucket}",
            fields={"key": key, "Content-Type": content_type, **signed},
            expires_at=expires_at,
        )

    async def begin_parts(self, key: str, *, content_type: str) -> str:
        """See DocumentStore."""
        bucket = self._name(Bucket.QUARANTINE)
        return await self._call(
            lambda: self._calls._create_multipart_upload(bucket, key, {"Content-Type": content_type})
        )

    async def part_link(self, key: str, upload_id: str, number: int, *, size: int, valid_for: timedelta) -> str:
        """See DocumentStore."""
        return part_link(
            self._config,
            self._name(Bucket.QUARANTINE),
            key,
            upload_id=upload_id,
            number=number,
            size=size,
            at=utcnow(),
            valid_for=valid_for,
        )

    async def parts(self, key: str, upload_id: str) -> Sequence[StoredPart]:
        """See DocumentStore."""

        def listed() -> list[StoredPart]:
            found = self._calls._list_parts(self._name(Bucket.QUARANTINE), key, upload_id)
            return [
                StoredPart(part.part_number, part.size or 0, part.etag.strip('"'))
                for part in sorted(found.parts, key=lambda part: part.part_number)
            ]

        return await self._call(listed)

    async def join_parts(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> StoredObject:
        """See DocumentStore."""
        listed = [Part(part.number, part.etag) for part in parts]

        def joined() -> StoredObject:
            bucket = self._name(Bucket.QUARANTINE)
            try:
                self._calls._complete_multipart_upload(bucket, key, upload_id, listed)
            except S3Error as error:
                if error.code in ("InvalidPart", "InvalidPartOrder"):
                    raise ObjectChanged("a part is not the one that was listed") from None
                raise
            return self._head(Bucket.QUARANTINE, key)

        return await self._call(joined, TRANSFER_S)

    async def abort_parts(self, key: str) -> None:
        """See DocumentStore."""

        def aborted() -> None:
            bucket = self._name(Bucket.QUARANTINE)
            # MinIO lists the uploads under a key when, and only when, it is asked for the whole of it.
            for upload in self._calls._list_multipart_uploads(bucket, prefix=key).uploads:
                if upload.object_name == key and upload.upload_id:
                    with absence_allowed():
                        self._calls._abort_multipart_upload(bucket, key, upload.upload_id)

        await self._call(aborted)

    async def signed_download(
        self,
        bucket: Bucket,
        key: str,
        *,
        valid_for: timedelta,
        content_type: str,
        file_name: str,
        inline: bool = False,
    ) -> str:
        """See DocumentStore."""
        disposition = f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(file_name, safe='')}"
        return self._signer.get_presigned_url(
            "GET",
            self._name(bucket),
            key,
            expires=valid_for,
            response_headers={
                "response-content-type": content_type,
                "response-content-disposition": disposition,
                "response-cache-control": "private, no-store",
            },
        )

    async def head(self, bucket: Bucket, key: str) -> StoredObject:
        """See DocumentStore."""
        return await self._call(lambda: self._head(bucket, key))

    async def stream(
        self,
        bucket: Bucket,
        key: str,
        *,
        cap: int,
        offset: int = 0,
        length: int | None = None,
    ) -> AsyncIterator[bytes]:
        """See DocumentStore."""
        response = await self._call(
            lambda: self._calls.get_object(self._name(bucket), key, offset=offset, length=length or 0)
        )
        try:
            if int(response.headers.get("content-length") or 0) > cap:
                raise ObjectTooLarge("the object exceeds the cap")
            seen = 0
            # What has come, not all of a chunk: a store that drips would hold the thread for as long as it likes.
            while chunk := await self._call(lambda: response.read1(CHUNK)):
                seen += len(chunk)
                if seen > cap:
                    raise ObjectTooLarge("the object exceeds the cap")
                yield chunk
        finally:
            # A thread may be reading still, and closing waits for it: no work for the event loop.
            with suppress(RuntimeError):  # the store was closed before
                self._threads.submit(_hang_up, response)

    async def read(self, bucket: Bucket, key: str, *, cap: int) -> bytes:
        """See DocumentStore."""
        return b"".join([chunk async for chunk in self.stream(bucket, key, cap=cap)])

    async def put(self, bucket: Bucket, key: str, content: bytes | Path, *, content_type: str) -> StoredObject:
        """See DocumentStore."""
        return await self._call(lambda: self._put(bucket, key, content, content_type), TRANSFER_S)

    async def accept(self, key: str, *, etag: str, content_type: str) -> StoredObject:
        """See DocumentStore."""
        return await self._call(lambda: self._accept(key, etag, content_type), TRANSFER_S)

    async def delete(self, bucket: Bucket, key: str) -> None:
        """See DocumentStore."""
        await self._call(lambda: self._calls.remove_object(self._name(bucket), key))

    async def erase(self, key: str) -> None:
        """See DocumentStore."""

        def erased() -> None:
            bucket = self._name(Bucket.DOCUMENTS)
            # What is visible last, so that a lock found on the way leaves the document as it was.
            for version in sorted(self._versions(key), key=lambda version: version.is_delete_marker or False):
                self._calls.remove_object(bucket, key, version_id=version.version_id)

        await self._call(erased)

    async def restore(self, key: str) -> StoredObject:
        """See DocumentStore."""

        def restored() -> StoredObject:
            for version in self._versions(key):
                if version.is_delete_marker:
                    self._calls.remove_object(self._name(Bucket.DOCUMENTS), key, version_id=version.version_id)
            return self._head(Bucket.DOCUMENTS, key)

        return await self._call(restored)

    async def list_after(
        self, bucket: Bucket, prefix: str = "", *, after: str = "", limit: int = 100
    ) -> Sequence[StoredObject]:
        """See DocumentStore."""

        def page() -> list[StoredObject]:
            found = self._calls.list_objects(
                self._name(bucket),
                prefix=prefix,
                recursive=True,
                start_after=after or None,
            )
            # In a versioned bucket the embedded store begins with the very key that it should begin behind.
            behind = (entry for entry in found if (entry.object_name or "") > after)
            return [_stored(entry) for entry in islice(behind, limit)]

        return await self._call(page)

    async def lock_until(self, key: str, until: datetime, retention: Retention) -> None:
        """See DocumentStore."""
        rule = ObjectRetention(retention.value, until)
        await self._call(lambda: self._calls.set_object_retention(self._name(Bucket.DOCUMENTS), key, rule))

    async def lock_of(self, key: str) -> tuple[datetime, Retention] | None:
        """See DocumentStore."""

        def asked() -> tuple[datetime, Retention] | None:
            found = None
            try:
                found = self._calls.get_object_retention(self._name(Bucket.DOCUMENTS), key)
            except S3Error as error:
                if error.response.status != 404:
                    raise
            if found is None or found.retain_until_date is None:
                # The embedded store has one answer for a document without a lock and for none at all.
                self._head(Bucket.DOCUMENTS, key)
                return None
            return found.retain_until_date, Retention(found.mode)

        return await self._call(asked)

    async def probe(self) -> None:
        """See DocumentStore."""
        if not await self._call(lambda: self._calls.bucket_exists(self._name(Bucket.QUARANTINE))):
            raise StoreRefused("the buckets have not been set up")

    def close(self) -> None:
        """Drop the connections and threads; calls still under way end by their own limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.clear()

    async def _call(self, work: Callable[[], T], limit_s: float = CALL_S) -> T:
        try:
            async with asyncio.timeout(limit_s):
                with translated():
                    return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            raise StoreUnavailable("the store does not answer in time") from None

    def _name(self, bucket: Bucket) -> str:
        return name_of(self._config.prefix, bucket)

    def _versions(self, key: str) -> list[Object]:
        found = self._calls.list_objects(self._name(Bucket.DOCUMENTS), prefix=key, recursive=True, include_version=True)
        return [version for version in found if version.object_name == key]

    def _head(self, bucket: Bucket, key: str) -> StoredObject:
        return _stored(self._calls.stat_object(self._name(bucket), key))

    def _put(self, bucket: Bucket, key: str, content: bytes | Path, content_type: str) -> StoredObject:
        # The SDK's put_object cannot say "only if the key is free"; a link signed by it can.
        url = self._calls.get_presigned_url("PUT", self._name(bucket), key, expires=timedelta(seconds=TRANSFER_S))
        headers = {"If-None-Match": "*", "Content-Type": content_type}
        if isinstance(content, bytes):
            response = self._http.request("PUT", url, body=content, headers=headers)
        else:
            headers["Content-Length"] = str(content.stat().st_size)
            with content.open("rb") as file:
                response = self._http.request("PUT", url, body=file, headers=headers)
        if response.status == 412:
            raise ObjectExists("the key is taken")
        if response.status != 200:
            raise error_of(response.status)
        return self._head(bucket, key)

    def _accept(self, key: str, etag: str, content_type: str) -> StoredObject:
        documents = self._name(Bucket.DOCUMENTS)
        try:
            present = self._calls.stat_object(documents, key)
        except S3Error as error:
            if error.response.status != 404:
                raise
        else:
            if (present.metadata or {}).get(_SOURCE) != etag:
                raise ObjectExists("the key is taken")
            return _stored(present)
        source = CopySource(self._name(Bucket.QUARANTINE), key, match_etag=etag)
        self._calls.copy_object(
            documents,
            key,
            source,
            metadata={"Content-Type": content_type, _SOURCE: etag},
            metadata_directive=REPLACE,
        )
        return self._head(Bucket.DOCUMENTS, key)


def _stored(entry: Object) -> StoredObject:
    # Never a directory: listed recursively.
    assert entry.object_name is not None
    assert entry.last_modified is not None
    return StoredObject(
        key=entry.object_name,
        size=entry.size or 0,
        etag=(entry.etag or "").strip('"'),
        stored_at=entry.last_modified,
        content_type=entry.content_type or "",
    )


def _hang_up(response: urllib3.BaseHTTPResponse) -> None:
    response.close()
    response.release_conn()
