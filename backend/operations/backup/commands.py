"""`niangjia backup`, `restore` and `verify` as the operator types them: where things are, what is told at the end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backend.audit.log import record
from backend.database import close_pool, open_pool
from backend.identity import system_actor
from backend.operations.backup.archive import members
from backend.operations.backup.check import checked, differences
from backend.operations.backup.keys import identities, recipients
from backend.operations.backup.make import make
from backend.operations.backup.manifest import Manifest
from backend.operations.backup.restore import restore
from backend.operations.migrate import PROCESS_ROLES, migrate
from backend.operations.refusal import Refusal
from backend.operations.store_setup import set_up_store
from backend.settings import settings
from storage.port import StoreConfig, StoreError
from storage.s3 import S3Store

#: The act by which the audit log knows a restore.
RESTORED = "backup.restore"


async def back_up(folder: Path) -> int:
    """Make a backup in the folder and say what is in it; 1 where rows name files that the store lacks."""
    began = time.monotonic()
    async with _machine() as store:
        path, manifest = await make(store, folder, recipients())
    sys.stdout.write(f"{path}\n{_told(manifest, path, began)}")
    for fault in manifest.faults:
        sys.stdout.write(f"✗ {fault.why} {fault.bucket} {fault.key}\n")
    # What was erased while we read is as it should be.
    return 1 if any(fault.why != "erased" for fault in manifest.faults) else 0


async def bring_back(path: Path, key: Path, *, resume: bool) -> int:
    """Restore a backup to an empty machine, bring it up to date, and say what came back."""
    opened_by = identities(key)
    began = time.monotonic()
    _set_up_store()
    async with _machine() as store:
        manifest = await restore(store, lambda: members(path, opened_by), resume=resume)
    await migrate({role: os.environ.get(f"{role.upper()}_DB_PASSWORD", "") for role in PROCESS_ROLES})
    async with _machine():
        await record(system_actor("restore"), RESTORED, "done", detail={"file": path.name, "of": str(manifest.at)})
    sys.stdout.write(_told(manifest, path, began))
    for fault in manifest.faults:
        sys.stdout.write(f"✗ {fault.why} {fault.bucket} {fault.key}\n")
    if manifest.faults:
        sys.stdout.write("这些材料没有文件 These papers have no file: `niangjia documents audit --repair refuse`\n")
    return 0


async def verify(path: Path, key: Path, *, restored: bool) -> int:
    """Read all of a backup and, with `restored`, compare this machine with it; 1 where they differ."""
    opened_by = identities(key)
    began = time.monotonic()
    manifest = checked(members(path, opened_by))
    sys.stdout.write(_told(manifest, path, began))
    if not restored:
        return 0
    async with _machine() as store:
        found = await differences(store, manifest, members(path, opened_by))
    for line in found:
        sys.stdout.write(f"✗ {line}\n")
    sys.stdout.write("✓ 与备份一致 as the backup has it\n" if not found else f"{len(found)} differences\n")
    return 1 if found else 0


def _told(manifest: Manifest, path: Path, began: float) -> str:
    papers = manifest.papers
    return (
        f"✓ {manifest.at:%Y-%m-%dT%H:%M:%SZ}: {manifest.rows} rows in {len(manifest.tables)} tables,"
        f" {papers.count} files of {papers.size} bytes;"
        f" {path.stat().st_size} bytes in {time.monotonic() - began:.1f} s\n"
    )


def _set_up_store() -> None:
    try:
        set_up_store()
    except StoreError as error:
        raise Refusal(f"存储没有准备好 The store is not ready: {error}") from error


@asynccontextmanager
async def _machine() -> AsyncIterator[S3Store]:
    """The database's pool and the store of this environment."""
    where = settings().store
    store = S3Store(
        StoreConfig(where.endpoint, where.public_endpoint, where.region, where.access_key, where.secret_key)
    )
    await open_pool(min_size=1, max_size=2, statement_seconds=None)
    try:
        yield store
    except StoreError as error:
        raise Refusal(f"存储不应 The store does not do what is asked: {error}") from error
    finally:
        await close_pool()
        store.close()
