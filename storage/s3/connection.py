"""The SDK and its connections: limits of time, and its errors told as those of the port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioAdminException, MinioException, S3Error

from storage.port import (
    ObjectChanged,
    ObjectMissing,
    StoreConfig,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)

# A connection that is refused or silent is given up before a call's own limit.
CONNECT_S = 2.0
SILENCE_S = 3.5
PARALLEL_CALLS = 16


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the SDK and its connections raise into the errors of the port, without keys, links or secrets."""
    try:
        yield
    except S3Error as error:
        raise error_of(error.response.status) from None
    except MinioAdminException as error:
        raise StoreRefused("the store has no such administration, or does not grant it to us") from error
    except (MinioException, urllib3.exceptions.HTTPError):
        raise StoreUnavailable("the store does not answer") from None


@contextmanager
def absence_allowed() -> Iterator[None]:
    """Go on where what was asked for is not there."""
    try:
        yield
    except S3Error as error:
        if error.response.status != 404:
            raise


def error_of(status: int) -> StoreError:
    """The port's error for a status that is no success."""
    if status == 404:
        return ObjectMissing("there is no such object")
    if status == 412:
        return ObjectChanged("the object is not the one that was read")
    if status in (408, 429) or (status >= 500 and status != 501):
        return StoreUnavailable(f"the store answered {status}")
    return StoreRefused(f"the store answered {status}")


def client(config: StoreConfig, endpoint: str, http: urllib3.PoolManager) -> Minio:
    """The SDK at one of the store's addresses."""
    origin = urlsplit(endpoint)
    return Minio(
        origin.netloc,
        access_key=config.access_key,
        secret_key=config.secret_key,
        secure=origin.scheme == "https",
        region=config.region,  # without it the SDK asks the store before it signs
        http_client=http,
    )


def connections() -> urllib3.PoolManager:
    """Connections that end within their limits."""
    # One new try for a connection that was closed under us; nothing is sent twice that may have arrived.
    return urllib3.PoolManager(
        maxsize=PARALLEL_CALLS,
        timeout=urllib3.Timeout(connect=CONNECT_S, read=SILENCE_S),
        retries=urllib3.Retry(
            total=None,
            connect=1,
            read=0,
            redirect=0,
            status=0,
            other=0,
            backoff_factor=0.1,
        ),
    )
