"""What an operator asks of an S3 server: buckets, their rules, users."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeVar
from urllib.parse import urlsplit

from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, Filter
from minio.credentials.providers import StaticProvider
from minio.error import S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, Expiration, LifecycleConfig
from minio.lifecycleconfig import Rule as LifecycleRule
from minio.sseconfig import Rule as EncryptionRule
from minio.sseconfig import SSEConfig

from storage.keys import Bucket, name_of
from storage.port import (
    BucketState,
    StoreConfig,
    StoreRefused,
)
from storage.s3.connection import absence_allowed, client, connections, translated

#: What a page does with a form or the link of a part.
_SENDING = (
    "<AllowedMethod>POST</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>content-type</AllowedHeader>"
    "<MaxAgeSeconds>600</MaxAgeSeconds>"
)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class S3Administration:
    """What an operator may do to the store: buckets and, on MinIO, users. Blocking, for the command line only."""

    config: StoreConfig

    def ensure_bucket(self, bucket: Bucket, *, locked: bool, expire_days: int | None) -> None:
        """Make the bucket if it is missing and set it as asked, private to those who have a secret.

        Raises StoreRefused if it exists without the object lock asked for: the lock can only be given at creation.
        """
        name = name_of(self.config.prefix, bucket)
        client = self._client()
        with translated():
            if not client.bucket_exists(name):
                try:
                    client.make_bucket(name, object_lock=locked)
                except S3Error as error:
                    if error.code not in (
                        "BucketAlreadyOwnedByYou",
                        "BucketAlreadyExists",
                    ):
                        raise
            if locked:
                self._demand_lock(client, name)
            if expire_days is not None:
                self._expire(client, name, expire_days)
            with absence_allowed():
                client.delete_bucket_policy(name)

    def state_of(self, bucket: Bucket) -> BucketState | None:
        """How the bucket is set up, or None where it is missing; raises StoreUnavailable, StoreRefused."""
        name, client = name_of(self.config.prefix, bucket), self._client()
        with translated():
            if not client.bucket_exists(name):
                return None
            return BucketState(
                versioned=client.get_bucket_versioning(name).status == ENABLED,
                locked=_or_none(lambda: client.get_object_lock_config(name)) is not None,
                encrypted=_or_none(lambda: client.get_bucket_encryption(name)) is not None,
                public=_or_none(lambda: client.get_bucket_policy(name)) is not None,
            )

    def encrypt_bucket(self, bucket: Bucket) -> bool:
        """Have the store encrypt what comes into the bucket; False if the store has no key to do it with."""
        try:
            with translated():
                self._client().set_bucket_encryption(
                    name_of(self.config.prefix, bucket),
                    SSEConfig(EncryptionRule.new_sse_s3_rule()),
                )
        except StoreRefused:
            return False
        return True

    def allow_origins(self, bucket: Bucket, origins: Sequence[str]) -> bool:
        """Let web pages of these origins, and no others, send files into the bucket; False where a store has no such
        rule for a bucket, as MinIO, which has one for the whole server.
        """
        client, name = self._client(), name_of(self.config.prefix, bucket)
        rule = "".join(f"<AllowedOrigin>{escape(origin)}</AllowedOrigin>" for origin in origins)
        body = f"<CORSConfiguration><CORSRule>{rule}{_SENDING}</CORSRule></CORSConfiguration>".encode()
        checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        with translated():
            try:
                if origins:
                    client._execute(
                        "PUT", name, body=body, headers={"Content-MD5": checksum}, query_params={"cors": ""}
                    )
                else:
                    with absence_allowed():
                        client._execute("DELETE", name, query_params={"cors": ""})
            except S3Error as error:
                if error.code != "NotImplemented":
                    raise
                return False
        return True

    def ensure_user(
        self,
        access_key: str,
        secret_key: str,
        policy_name: str,
        policy: dict[str, object],
    ) -> None:
        """Create or renew a user that may do what `policy` allows and nothing else; needs MinIO.

        Raises StoreRefused where the store has no such administration.
        """
        origin = urlsplit(self.config.endpoint)
        admin = MinioAdmin(
            endpoint=origin.netloc,
            credentials=StaticProvider(self.config.access_key, self.config.secret_key),
            region=self.config.region,
            secure=origin.scheme == "https",
            http_client=connections(),
        )
        with translated():
            admin.policy_add(policy_name, policy=policy)
            admin.user_add(access_key, secret_key)
            admin.policy_set(policy_name, user=access_key)

    def _client(self) -> Minio:
        return client(self.config, self.config.endpoint, connections())

    @staticmethod
    def _expire(client: Minio, name: str, days: int) -> None:
        expiry = LifecycleRule(
            ENABLED, rule_filter=Filter(prefix=""), rule_id="expire", expiration=Expiration(days=days)
        )
        unfinished = LifecycleRule(
            ENABLED,
            rule_filter=Filter(prefix=""),
            rule_id="unfinished",
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=days),
        )
        try:
            client.set_bucket_lifecycle(name, LifecycleConfig([expiry, unfinished]))
        except S3Error as error:
            if error.response.status >= 500 and error.response.status != 501:
                raise
            # MinIO refuses such a rule: it gives up unfinished uploads by itself (MINIO_API_STALE_UPLOADS_EXPIRY).
            client.set_bucket_lifecycle(name, LifecycleConfig([expiry]))

    @staticmethod
    def _demand_lock(client: Minio, name: str) -> None:
        try:
            client.get_object_lock_config(name)
        except S3Error as error:
            if error.response.status != 404:
                raise
            raise StoreRefused(f"bucket {name} exists without object lock: it must be made anew") from error
        if client.get_bucket_versioning(name).status != ENABLED:
            raise StoreRefused(f"bucket {name} exists without versioning")


def _or_none(asked: Callable[[], T]) -> T | None:
    """What is set on a bucket; None for what is not."""
    try:
        return asked()
    except S3Error as error:
        if error.response.status != 404:
            raise
        return None
