"""The store of papers as the product sees it: what can be asked of it, and how it may fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from storage.keys import Bucket, Retention


class StoreError(Exception):
    """The store did not do what was asked; the text never holds a key, a link or a file name."""


class StoreUnavailable(StoreError):
    """The store does not answer, or answers that it cannot serve now; the same call may succeed later."""


class StoreRefused(StoreError):
    """The store knows us and says no: a wrong secret, a right that this process lacks, a lock on the object."""


class ObjectMissing(StoreError):
    """There is no object (or no bucket) under that name."""


class ObjectExists(StoreError):
    """The key is taken: no object is ever overwritten."""


class ObjectChanged(StoreError):
    """The object is no longer the one that was read (its etag differs)."""


class ObjectTooLarge(StoreError):
    """The object holds more bytes than the caller is willing to read."""


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where the store is and who we are to it.

    `endpoint` is called by the processes, `public_endpoint` is what phones and browsers reach: it only goes into
    signatures. Both are origins such as `http://127.0.0.1:9000`, without a path. `prefix` begins every bucket's name.
    """

    endpoint: str
    public_endpoint: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    prefix: str = "niangjia"


@dataclass(frozen=True, slots=True)
class BucketState:
    """How a bucket is set up; `public` where a policy lets in whoever has no secret."""

    versioned: bool
    locked: bool
    encrypted: bool
    public: bool


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A multipart/form-data POST for the phone: send `fields` in this order, then the file as the field `file`."""

    url: str
    fields: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the store says of an object; `content_type` is what the sender claimed, empty in listings."""

    key: str
    size: int
    etag: str
    stored_at: datetime
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One part of an unfinished upload that has arrived."""

    number: int
    size: int
    etag: str


@runtime_checkable
class DocumentStore(Protocol):
    """Papers by bucket and opaque key.

    Every method may raise StoreUnavailable (within seconds, never hanging) or StoreRefused; further errors are named.
    No method may be called inside a database transaction.
    """

    async def upload_form(
        self,
        key: str,
        *,
        content_type: str,
        min_size: int,
        max_size: int,
        valid_for: timedelta,
    ) -> UploadForm:
        """A form that lets its holder put one object into quarantine: exactly this key and type, a size in bytes within
        [min_size, max_size], until it expires. Signed for the public address, without a call to the store.
        """

    async def begin_parts(self, key: str, *, content_type: str) -> str:
        """Begin an upload in parts under a key in quarantine; the store's id of it. No listing shows it yet."""

    async def part_link(self, key: str, upload_id: str, number: int, *, size: int, valid_for: timedelta) -> str:
        """A link by which its holder puts one part of exactly `size` bytes, again and again until it expires.

        `number` counts from 1; all parts but the last have at least 5 MiB. Signed for the public address, without a
        call to the store.
        """

    async def parts(self, key: str, upload_id: str) -> Sequence[StoredPart]:
        """The parts that have arrived whole, by number; raises ObjectMissing where the upload is given up.

        Once it was joined, MinIO knows of it no more, and the embedded store still tells its parts.
        """

    async def join_parts(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> StoredObject:
        """Make these parts one object in quarantine.

        Raises ObjectMissing where the upload is over, and ObjectChanged where a part is not the one that was listed.
        """

    async def abort_parts(self, key: str) -> None:
        """Give up every unfinished upload under this key, and what has arrived of it; none is no error."""

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
        """A link at the public address that serves the object under a type and name of our choice.

        Signed without a call to the store, so a missing object is found only by whoever follows the link.
        """

    async def head(self, bucket: Bucket, key: str) -> StoredObject:
        """What is stored under the key; raises ObjectMissing."""

    def stream(
        self,
        bucket: Bucket,
        key: str,
        *,
        cap: int,
        offset: int = 0,
        length: int | None = None,
    ) -> AsyncIterator[bytes]:
        """The object's bytes in chunks, or `length` bytes from `offset`.

        Raises ObjectMissing, and ObjectTooLarge as soon as more than `cap` bytes came.
        """

    async def read(self, bucket: Bucket, key: str, *, cap: int) -> bytes:
        """The whole object in memory; raises ObjectMissing or, above `cap` bytes, ObjectTooLarge."""

    async def put(self, bucket: Bucket, key: str, content: bytes | Path, *, content_type: str) -> StoredObject:
        """Store bytes or a file under a key not used before; raises ObjectExists.

        Of several writers of one key at the very same instant, MinIO lets one through; the embedded store may let more,
        each as a version of its own, so a key is made by one writer and never guessed.
        """

    async def accept(self, key: str, *, etag: str, content_type: str) -> StoredObject:
        """Copy a checked object from quarantine to the documents under the same key, inside the store.

        `etag` is that of the object that was checked and `content_type` what it was found to be: raises ObjectChanged
        if the sender replaced it meanwhile, ObjectMissing if it is gone, ObjectExists if the documents hold the key
        already with another content (the same content is left as it is, so the call can be repeated).
        """

    async def delete(self, bucket: Bucket, key: str) -> None:
        """Remove the object; in the versioned documents bucket a marker hides it. A missing object is no error."""

    async def erase(self, key: str) -> None:
        """Remove every version of a document for good; a missing one is no error.

        Raises StoreRefused while one is locked, and then none of those locked is gone.
        """

    async def restore(self, key: str) -> StoredObject:
        """Take away what hides a deleted document, so that its last version is back; raises ObjectMissing."""

    async def list_after(
        self, bucket: Bucket, prefix: str = "", *, after: str = "", limit: int = 100
    ) -> Sequence[StoredObject]:
        """Up to `limit` objects whose keys begin with `prefix`, in the order of their keys, behind the key `after`."""

    async def lock_until(self, key: str, until: datetime, retention: Retention) -> None:
        """Forbid removing the present version of a document until that instant; raises ObjectMissing.

        A later instant takes the place of an earlier one, never the other way round: raises StoreRefused.
        """

    async def lock_of(self, key: str) -> tuple[datetime, Retention] | None:
        """Until when the present version of a document may not be removed, and how that is kept; None without a lock.

        Raises ObjectMissing.
        """

    async def probe(self) -> None:
        """Return when the store answers and knows us, or raise; takes at most 5 seconds."""
