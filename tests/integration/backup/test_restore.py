"""A backup brings back every row and file to an empty machine, on both stores, and to no other."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from backend.database import execute
from backend.operations.backup.archive import SUFFIX, members, written
from backend.operations.backup.keys import identities
from backend.operations.backup.manifest import MANIFEST
from backend.operations.embedded_postgres import dsn_at
from backend.operations.embedded_store import Store
from backend.operations.migrate import known_migrations
from storage.keys import Bucket, Retention, rendition_key
from storage.port import ObjectMissing, StoreRefused
from storage.s3 import S3Store
from storage.setup import set_up
from tests import services
from tests.integration.backup.machine import (
    TARGET,
    Machine,
    backed_up,
    database_of_its_own,
    facts_of,
    is_untouched,
    key_of,
)
from tests.integration.paper_world import World, attach, jpeg

BOTH = pytest.mark.parametrize("kind", ["embedded", "minio"])


@BOTH
async def test_every_row_file_and_lock_comes_back_to_an_empty_machine(
    world: World, store: S3Store, source: Machine, target: Machine, folder: Path, key: Path
) -> None:
    photo = jpeg("navy")
    checked_one, locked, erased = await world.checked(photo), await world.checked(), await world.checked()
    until = (datetime.now(UTC) + timedelta(days=90)).replace(microsecond=0)
    for name in (await key_of(locked), rendition_key(await key_of(locked))):
        await store.lock_until(name, until, Retention.GOVERNANCE)
    waiting = await world.send(jpeg("red"))
    await world.documents.complete(world.nurse, waiting)
    await store.erase(await key_of(erased))
    await execute("UPDATE upload SET state = 'erased', rendition_key = NULL WHERE id = $1", erased)
    await attach(world, checked_one)
    await execute("SELECT nextval('application_number')")

    path = await backed_up(source, folder, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await key_of(checked_one)).encode() not in path.read_bytes()
    told = await source.niangjia("verify", path, "--key", key)
    assert told.returncode == 0, told.stderr
    assert " 7 files of " in told.stdout

    before = await facts_of(source)
    told = await target.niangjia("restore", path, "--key", key)
    assert told.returncode == 0, told.stdout + told.stderr
    assert await facts_of(target) == before

    there = S3Store(target.store)
    try:
        name = await key_of(checked_one)
        assert await there.read(Bucket.DOCUMENTS, name, cap=len(photo)) == photo
        assert (await there.head(Bucket.DOCUMENTS, name)).content_type == "image/jpeg"
        for bucket, held in ((Bucket.DOCUMENTS, name), (Bucket.DOCUMENTS, rendition_key(name))):
            assert await there.read(bucket, held, cap=10**7) == await store.read(bucket, held, cap=10**7)
        name = await key_of(waiting)
        assert await there.read(Bucket.QUARANTINE, name, cap=10**7) == jpeg("red")
        assert await there.lock_of(await key_of(locked)) == (until, Retention.GOVERNANCE)
        with pytest.raises(StoreRefused):
            await there.erase(await key_of(locked))
        assert await there.lock_of(await key_of(checked_one)) is None
    finally:
        there.close()

    # A process logs in and finds what it may see.
    api = await asyncpg.connect(dsn_at(services.folder() / "postgres", "niangjia_api", TARGET))
    assert await api.fetchval("SELECT count(*) FROM upload") == 4
    await api.close()
    assert (await target.niangjia("audit", "verify")).returncode == 0


async def test_a_machine_is_compared_with_a_backup_row_by_row_and_file_by_file(
    world: World, store: S3Store, source: Machine, folder: Path, key: Path, empty_store: Store
) -> None:
    one, other = await world.checked(), await world.checked()
    path = await backed_up(source, folder, key)
    async with database_of_its_own(TARGET):
        target = Machine(TARGET, empty_store.config, is_minio=empty_store.is_minio)
        assert (await target.niangjia("restore", path, "--key", key)).returncode == 0
        connection = await asyncpg.connect(target.dsn)
        # What the restore put on record itself is not in the backup.
        await connection.execute("DELETE FROM audit_entry WHERE act = 'backup.restore'; DELETE FROM unsealed")
        await connection.execute(
            "INSERT INTO unsealed (id, source) SELECT id, 'audit_entry' FROM audit_entry ORDER BY id"
        )
        told = await target.niangjia("verify", path, "--key", key, "--restored")
        assert told.returncode == 0, told.stdout
        await connection.execute("UPDATE upload SET version = version + 1 WHERE id = $1", one)
        there = S3Store(target.store)
        await there.erase(await key_of(other))
        told = await target.niangjia("verify", path, "--key", key, "--restored")
        await there.put(Bucket.DOCUMENTS, await key_of(other), b"another", content_type="image/jpeg")
        again = await target.niangjia("verify", path, "--key", key, "--restored")
        there.close()
        await connection.close()
    assert told.returncode == 1
    assert told.stdout.splitlines()[1:] == [
        "✗ table upload: 2 rows, 2 in the backup",
        f"✗ documents {await key_of(other)}",
        "✗ store: 5 files, 6 in the backup",
        "3 differences",
    ]
    assert f"✗ documents {await key_of(other)}" in again.stdout


async def test_a_target_that_is_not_empty_is_left_as_it_is(
    world: World, source: Machine, target: Machine, folder: Path, key: Path
) -> None:
    await world.checked()
    path = await backed_up(source, folder, key)
    set_up(target.store)
    there = S3Store(target.store)
    await there.put(Bucket.DOCUMENTS, "somebody's", b"x", content_type="image/jpeg")
    told = await target.niangjia("restore", path, "--key", key)
    assert (told.returncode, await is_untouched(target)) == (2, True)
    assert "The store is not empty" in told.stderr
    # Even where files are allowed to be there, a stranger's is not.
    told = await target.niangjia("restore", path, "--key", key, "--resume")
    assert (told.returncode, await is_untouched(target)) == (2, True)
    assert "The store holds 4 files, the backup 3" in told.stderr
    await there.erase("somebody's")
    there.close()

    connection = await asyncpg.connect(target.dsn)
    await connection.execute("CREATE TABLE somebodys (id int)")
    told = await target.niangjia("restore", path, "--key", key, "--resume")
    assert told.returncode == 2
    assert "The database is not empty" in told.stderr
    await connection.execute("DROP TABLE somebodys")
    await connection.close()
    assert (await target.niangjia("restore", path, "--key", key, "--resume")).returncode == 0


@BOTH
async def test_a_restore_that_is_killed_leaves_an_empty_database_and_can_be_gone_on_with(
    world: World, source: Machine, target: Machine, folder: Path, key: Path
) -> None:
    for number in range(12):
        await world.checked(jpeg(f"#0000{number:02}", (1600, 1200)))
    path = await backed_up(source, folder, key)
    process = target.start("restore", path, "--key", key)
    there = S3Store(target.store)
    while True:
        try:
            if await there.list_after(Bucket.DOCUMENTS):
                break
        except ObjectMissing:
            assert process.poll() is None
        await asyncio.sleep(0.005)
    process.kill()
    process.wait()
    assert await is_untouched(target)
    assert len(await there.list_after(Bucket.DOCUMENTS)) < 24, "it was killed too late to show anything"
    there.close()
    told = await target.niangjia("restore", path, "--key", key, "--resume")
    assert told.returncode == 0, told.stderr
    assert await facts_of(target) == await facts_of(source)


async def test_an_older_backup_is_brought_up_to_date_and_a_newer_one_is_refused(
    world: World, source: Machine, target: Machine, folder: Path, key: Path
) -> None:
    names = sorted(known_migrations())
    old = Machine(f"{services.DATABASE}_old", source.store)
    async with database_of_its_own(old.database):
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", MIGRATE_UP_TO, names[-2]],
            env=old.environment(),
            check=True,
            timeout=60,
        )
        path = await backed_up(old, folder, key)
    told = await target.niangjia("restore", path, "--key", key)
    assert told.returncode == 0, told.stderr
    connection = await asyncpg.connect(target.dsn)
    assert {row["name"] for row in await connection.fetch("SELECT name FROM migration")} == set(names)
    await connection.close()

    newer = folder / f"newer{SUFFIX}"
    with written(newer, [identities(key)[0].to_public()]) as archive:
        for member in members(path, identities(key)):
            content = member.content.replace(names[-2].encode(), b"9999-12-31T00:00:00:000000")
            archive.add(member.name, content if member.name == MANIFEST else member.content, member.about)
    told = await target.niangjia("restore", newer, "--key", key)
    assert told.returncode == 2
    assert "newer version" in told.stderr


MIGRATE_UP_TO = """
import asyncio, sys
from backend.database import close_pool, open_pool, transaction
from backend.operations.migrate import run_migrations

async def main():
    await open_pool(min_size=1, max_size=1)
    async with transaction():
        await run_migrations(sys.argv[1])
    await close_pool()

asyncio.run(main())
"""
