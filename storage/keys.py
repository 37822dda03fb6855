"""Names in the store: three buckets, and opaque keys that say nothing of a person, a case or a day."""

from __future__ import annotations

import secrets
from enum import StrEnum

KEY_LENGTH = 32
RENDITION_SUFFIX = ".screen"
SHARED_SUFFIX = ".shared"


class Bucket(StrEnum):
    """What a bucket is for; its name in the store carries the prefix of the installation (`name_of`)."""

    QUARANTINE = "quarantine"
    """What a phone has sent and nobody has checked; it expires by itself after `QUARANTINE_DAYS`."""

    DOCUMENTS = "documents"
    """Checked papers, each with its picture and its shared copy: versioned, with object lock."""

    EXPORTS = "exports"
    """Files made for one reader (rosters, reports); they expire by themselves after `EXPORT_DAYS`."""


QUARANTINE_DAYS = 1
EXPORT_DAYS = 7


class Retention(StrEnum):
    """How an object under lock may be freed: by nobody, or by an account with the right to bypass."""

    COMPLIANCE = "COMPLIANCE"
    GOVERNANCE = "GOVERNANCE"


def name_of(prefix: str, bucket: Bucket) -> str:
    """The bucket's name in the store, as in `niangjia-documents`."""
    return f"{prefix}-{bucket}"


def new_key() -> str:
    """A key never used before: 128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(KEY_LENGTH // 2)


def rendition_key(key: str) -> str:
    """The key of the screen-sized picture that belongs to the paper under `key`."""
    return f"{key}{RENDITION_SUFFIX}"


def shared_key(key: str) -> str:
    """The key of the copy of the paper under `key` that others than its owner open."""
    return f"{key}{SHARED_SUFFIX}"


def keys_of(key: str) -> tuple[str, str, str]:
    """Every key in the documents that belongs to the paper under `key`, in the order of a listing."""
    return key, rendition_key(key), shared_key(key)


def paper_of(key: str) -> str:
    """The key of the paper that an object in the documents belongs to."""
    return key.partition(".")[0]
