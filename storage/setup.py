"""What the store must hold before the first paper: three buckets, and a user with the least rights for each process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from storage.keys import EXPORT_DAYS, QUARANTINE_DAYS, RENDITION_SUFFIX, SHARED_SUFFIX, Bucket, name_of
from storage.port import StoreConfig, StoreRefused
from storage.s3 import S3Administration


class Process(StrEnum):
    """Who calls the store."""

    API = "api"
    CONSOLE = "console"
    WORKER = "worker"


class Right(StrEnum):
    """What may be done in a bucket."""

    LIST = "list"
    READ = "read"
    READ_RENDITIONS = "read_renditions"
    READ_SHARED = "read_shared"
    WRITE = "write"
    DELETE = "delete"
    ERASE = "erase"
    LOCK = "lock"
    SEE_LOCKS = "see_locks"
    PARTS = "parts"
    ABORT_PARTS = "abort_parts"


# A form or a link can do no more than the user who signed it, so the signer needs the right that the holder exercises.
# LIST lets a process tell a missing object from a forbidden one.
GRANTS: Mapping[Process, Mapping[Bucket, frozenset[Right]]] = {
    Process.API: {
        Bucket.QUARANTINE: frozenset({Right.LIST, Right.READ, Right.WRITE, Right.PARTS, Right.ABORT_PARTS}),
        Bucket.DOCUMENTS: frozenset({Right.READ_RENDITIONS}),
    },
    Process.CONSOLE: {
        Bucket.QUARANTINE: frozenset({Right.LIST, Right.READ, Right.WRITE, Right.PARTS, Right.ABORT_PARTS}),
        Bucket.DOCUMENTS: frozenset({Right.LIST, Right.READ_RENDITIONS, Right.READ_SHARED}),
        Bucket.EXPORTS: frozenset({Right.LIST, Right.READ, Right.WRITE}),
    },
    Process.WORKER: {
        Bucket.QUARANTINE: frozenset({Right.LIST, Right.READ, Right.DELETE, Right.ABORT_PARTS}),
        Bucket.DOCUMENTS: frozenset(
            {Right.LIST, Right.READ, Right.WRITE, Right.DELETE, Right.ERASE, Right.LOCK, Right.SEE_LOCKS}
        ),
        Bucket.EXPORTS: frozenset({Right.LIST, Right.READ, Right.WRITE}),
    },
}

#: Rights that hold for some of a bucket's objects alone, told by the end of their keys.
_SUFFIXES: Mapping[Right, str] = {Right.READ_RENDITIONS: RENDITION_SUFFIX, Right.READ_SHARED: SHARED_SUFFIX}

_BUCKET_ACTIONS: Mapping[Right, tuple[str, ...]] = {
    Right.LIST: ("s3:ListBucket", "s3:GetBucketLocation"),
    Right.ERASE: ("s3:ListBucketVersions",),
    Right.ABORT_PARTS: ("s3:ListBucketMultipartUploads",),
}

_OBJECT_ACTIONS: Mapping[Right, tuple[str, ...]] = {
    Right.READ: ("s3:GetObject",),
    Right.READ_RENDITIONS: ("s3:GetObject",),
    Right.READ_SHARED: ("s3:GetObject",),
    Right.WRITE: ("s3:PutObject",),
    Right.DELETE: ("s3:DeleteObject",),
    Right.ERASE: ("s3:DeleteObjectVersion",),
    Right.PARTS: ("s3:ListMultipartUploadParts",),
    Right.ABORT_PARTS: ("s3:AbortMultipartUpload",),
    Right.LOCK: ("s3:PutObjectRetention",),
    Right.SEE_LOCKS: ("s3:GetObjectRetention",),
}

_IDENTITY_ACTIONS: Mapping[Right, str] = {
    Right.LIST: "List",
    Right.READ: "Read",
    Right.READ_RENDITIONS: "Read",
    Right.READ_SHARED: "Read",
    Right.WRITE: "Write",
    Right.DELETE: "Write",
    Right.ERASE: "Write",
    Right.LOCK: "PutObjectRetention",
    Right.SEE_LOCKS: "GetObjectRetention",
    Right.PARTS: "Read",
    Right.ABORT_PARTS: "Write",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of the store."""

    access_key: str
    secret_key: str = field(repr=False)


def set_up(
    config: StoreConfig,
    users: Mapping[Process, Credentials] | None = None,
    *,
    demand_encryption: bool = False,
) -> bool:
    """Make or mend buckets and users, and say whether the store encrypts by itself what it holds. Blocking.

    It may be run again at any time and loses nothing.

    `config` holds the store's administrator. Raises StoreUnavailable; StoreRefused if the administrator is not
    believed, if a documents bucket without object lock is in the way, or if `demand_encryption` and the store has
    no key for it.
    """
    administration = S3Administration(config)
    administration.ensure_bucket(Bucket.QUARANTINE, locked=False, expire_days=QUARANTINE_DAYS)
    administration.ensure_bucket(Bucket.DOCUMENTS, locked=True, expire_days=None)
    administration.ensure_bucket(Bucket.EXPORTS, locked=False, expire_days=EXPORT_DAYS)
    encrypted = all(administration.encrypt_bucket(bucket) for bucket in Bucket)
    if demand_encryption and not encrypted:
        raise StoreRefused("the store has no key to encrypt with: give it one (MINIO_KMS_SECRET_KEY)")
    for process, user in (users or {}).items():
        administration.ensure_user(
            user.access_key,
            user.secret_key,
            f"{config.prefix}-{process}",
            policy_of(process, config.prefix),
        )
    return encrypted


def allow_web_pages(config: StoreConfig, origins: Sequence[str]) -> bool:
    """Let web pages of these origins, and no others, send files from a browser; blocking, for the command line.

    False where the store has such a rule for the whole server alone, which is then the operator's to give
    (MINIO_API_CORS_ALLOW_ORIGIN). Raises StoreUnavailable, StoreRefused.
    """
    return S3Administration(config).allow_origins(Bucket.QUARANTINE, origins)


def policy_of(process: Process, prefix: str) -> dict[str, Any]:
    """The process's rights as an S3 policy document."""
    statements: list[dict[str, Any]] = []
    for bucket, rights in GRANTS[process].items():
        resource = f"arn:aws:s3:::{name_of(prefix, bucket)}"
        whole = [action for right in sorted(rights) for action in _BUCKET_ACTIONS.get(right, ())]
        if whole:
            statements.append(_allow(tuple(whole), resource))
        for right in sorted(rights - {Right.LIST}):
            statements.append(_allow(_OBJECT_ACTIONS[right], f"{resource}/*{_SUFFIXES.get(right, '')}"))
    return {"Version": "2012-10-17", "Statement": statements}


def identities(
    administrator: Credentials, users: Mapping[Process, Credentials], prefix: str
) -> dict[str, list[dict[str, Any]]]:
    """The same rights as the configuration file of the embedded store, which has no users to be made at run time.

    It has one right for writing and deleting, so there the worker could also fill the quarantine.
    """
    listed = [_identity("administrator", administrator, ["Admin"])]
    for process, user in users.items():
        actions = {
            f"{_IDENTITY_ACTIONS[right]}:{name_of(prefix, bucket)}"
            + (f"/*{_SUFFIXES[right]}" if right in _SUFFIXES else "")
            for bucket, rights in GRANTS[process].items()
            for right in rights
        }
        listed.append(_identity(process, user, sorted(actions)))
    return {"identities": listed}


def _allow(actions: tuple[str, ...], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": [resource]}


def _identity(name: str, user: Credentials, actions: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "credentials": [{"accessKey": user.access_key, "secretKey": user.secret_key}],
        "actions": actions,
    }
