"""A backup is whole, or leaves nothing that looks whole; what the store lacks is told."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from backend.database import execute
from backend.operations.backup.archive import HALF
from backend.operations.backup.keys import RECIPIENTS
from backend.operations.backup.papers import Expected, take
from storage.keys import Bucket
from storage.s3 import S3Store
from tests.integration.backup.machine import Machine, backed_up, key_of, recipient
from tests.integration.paper_world import World, jpeg


async def test_a_backup_that_is_killed_leaves_nothing_that_looks_whole(
    world: World, source: Machine, folder: Path, key: Path
) -> None:
    await world.checked()
    process = source.start("backup", folder, **{RECIPIENTS: recipient(key)})
    while not list(folder.glob(f"*{HALF}")):
        assert process.poll() is None
        await asyncio.sleep(0.001)
    process.kill()
    process.wait()
    (left,) = folder.iterdir()
    assert left.name.endswith(HALF)
    assert left.stat().st_mode & 0o077 == 0
    path = await backed_up(source, folder, key)
    assert (await source.niangjia("verify", path, "--key", key)).returncode == 0


async def test_a_full_disk_leaves_no_file_and_says_so(world: World, source: Machine, folder: Path, key: Path) -> None:
    await world.checked(jpeg("olive", (2000, 1500)))

    def short_of_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    told = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "backend.cli", "backup", str(folder)],
        env=source.environment(**{RECIPIENTS: recipient(key)}),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=short_of_space,
    )
    assert told.returncode == 2, told.stdout
    assert "The backup cannot be written" in told.stderr
    assert "Traceback" not in told.stderr
    assert list(folder.iterdir()) == []


async def test_a_file_that_the_store_lacks_is_told_and_a_paper_taken_away_meanwhile_is_no_fault(
    world: World, store: S3Store, source: Machine, folder: Path, key: Path
) -> None:
    gone, erased, changed, moved = [await world.checked() for _ in range(3)] + [await world.send(jpeg())]
    await world.documents.complete(world.nurse, moved)
    await store.erase(await key_of(gone))
    name = await key_of(changed)
    await store.erase(name)
    await store.put(Bucket.DOCUMENTS, name, b"something else", content_type="image/jpeg")
    told = await source.niangjia("backup", folder, **{RECIPIENTS: recipient(key)})
    assert told.returncode == 1
    assert {line for line in told.stdout.splitlines() if line.startswith("✗")} == {
        f"✗ missing documents {await key_of(gone)}",
        f"✗ differs documents {name}",
    }
    (path,) = folder.iterdir()
    assert (await source.niangjia("verify", path, "--key", key)).returncode == 0

    # After the rows were read: one paper is erased, another gets through its check and out of quarantine.
    await store.erase(await key_of(erased))
    await execute("UPDATE upload SET state = 'erased' WHERE id = $1", erased)
    await world.checking.check(moved)
    paper, fault = await take(store, Expected(Bucket.DOCUMENTS, await key_of(erased)))
    assert paper is None
    assert fault is not None
    assert fault.why == "erased"
    paper, fault = await take(store, Expected(Bucket.QUARANTINE, await key_of(moved)))
    assert fault is None
    assert paper is not None
    assert (paper.bucket, paper.content) == (Bucket.QUARANTINE, jpeg())


@pytest.mark.parametrize(("value", "word"), [("", "backup-key"), ("age1nobody", "public keys of age")])
async def test_a_backup_to_nobody_is_refused(source: Machine, folder: Path, value: str, word: str) -> None:
    told = await source.niangjia("backup", folder, **{RECIPIENTS: value})
    assert told.returncode == 2
    assert word in told.stderr
    assert list(folder.iterdir()) == []
