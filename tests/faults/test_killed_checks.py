"""A real worker is killed at every step of a check: no file is lost or doubled, and the check goes on by itself."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from backend.database import execute, fetch_one, fetch_value, transaction
from backend.documents import consistency
from backend.documents.consistency import Consistency
from backend.documents.inspection.spool import clear_spools
from backend.documents.kinds import PaperState
from backend.operations.embedded_store import Store
from storage.keys import Bucket, keys_of
from storage.port import ObjectMissing
from storage.s3 import S3Store
from storage.setup import Process
from tests import services
from tests.integration.paper_world import World, jpeg, make_world, state

pytestmark = pytest.mark.alone

#: Longer than a killed worker's job waits for another (30 s) and than a worker takes to start on a busy machine.
PATIENCE = 150.0
KILLS = 8
PAPERS = 10


class Worker:
    """The worker as a process of its own; killed, it is gone at once, whatever it was about."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "worker"],
            env={**os.environ, **services.environment(Process.WORKER), "TMPDIR": str(self.scratch)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def left(self) -> list[Path]:
        """What is left of papers in its folder for temporary files."""
        return list(self.scratch.glob("niangjia-paper-*"))


@pytest.fixture
async def world(database: None, object_store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(consistency, "GRACE", consistency.GRACE * -1)
    opened = S3Store(object_store.config)
    for bucket in (Bucket.DOCUMENTS, Bucket.QUARANTINE):
        for entry in await opened.list_after(bucket, limit=10_000):
            await opened.delete(bucket, entry.key)
    yield await make_world(opened)
    opened.close()


@pytest.fixture
def worker(world: World) -> Iterator[Worker]:
    with tempfile.TemporaryDirectory(prefix="nj-scratch-") as folder:
        made = Worker(Path(folder))
        try:
            yield made
        finally:
            made.kill()


async def completed(world: World, colour: str = "white") -> UUID:
    upload = await world.send(jpeg(colour, (1600, 1200)))
    await world.documents.complete(world.nurse, upload)
    return upload


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < give_up, what
        await asyncio.sleep(0.01)


async def there(world: World, key: str, bucket: Bucket = Bucket.DOCUMENTS) -> bool:
    try:
        await world.documents.store.head(bucket, key)
    except ObjectMissing:
        return False
    return True


async def key_of(upload: UUID) -> str:
    key: str = await fetch_value("SELECT object_key FROM upload WHERE id = $1", upload)
    return key


async def goes_on(world: World, worker: Worker, *uploads: UUID) -> None:
    """Start the worker again: every paper is checked, the quarantine is empty, rows and files agree."""
    worker.start()

    async def all_checked() -> bool:
        return all([await state(upload) is PaperState.CHECKED for upload in uploads])

    async def all_cleared() -> bool:
        return not any([await there(world, await key_of(upload), Bucket.QUARANTINE) for upload in uploads])

    await until(all_checked, "a check did not go on by itself")
    await until(all_cleared, "the quarantine was not emptied")
    assert [finding async for finding in Consistency(world.checking).audit()] == []
    for upload in uploads:
        row = await fetch_one("SELECT version, shared_type FROM upload WHERE id = $1", upload)
        assert row is not None
        assert (row["version"], row["shared_type"]) == (3, "image/jpeg")
    await until(lambda: nothing_left(worker), "a paper was left on the disk")


async def nothing_left(worker: Worker) -> bool:
    return not worker.left()


async def test_killed_between_the_copy_and_the_commit(world: World, worker: Worker) -> None:
    upload = await completed(world)
    keys = keys_of(await key_of(upload))
    async with transaction():
        # The worker waits for this row when it wants to write down what it found.
        await execute("SELECT FROM upload WHERE id = $1 FOR UPDATE", upload)
        worker.start()
        for key in keys:
            await until(partial(there, world, key), "the copy was not made")
        worker.kill()
    assert await state(upload) is PaperState.UPLOADED
    assert await there(world, keys[0], Bucket.QUARANTINE)
    await goes_on(world, worker, upload)


async def test_killed_before_it_emptied_the_quarantine(world: World, worker: Worker) -> None:
    upload = await completed(world)
    worker.start()

    async def committed() -> bool:
        return await state(upload) is PaperState.CHECKED

    await until(committed, "the paper was not checked")
    worker.kill()
    await goes_on(world, worker, upload)


async def test_killed_again_and_again_at_any_moment(world: World, worker: Worker) -> None:
    uploads = [await completed(world, f"#{number:02x}40c0") for number in range(PAPERS)]
    in_the_middle = 0
    for number in range(KILLS):
        worker.start()
        await until(lambda: is_at_work(worker), "the worker did not begin")
        await asyncio.sleep(number and secrets.randbelow(400) / 1000)
        worker.kill()
        in_the_middle += bool(worker.left())
        for upload in uploads:
            if await state(upload) is PaperState.CHECKED:
                assert all([await there(world, key) for key in keys_of(await key_of(upload))])
    assert in_the_middle
    await goes_on(world, worker, *uploads)


async def is_at_work(worker: Worker) -> bool:
    """Whether it holds a paper, or has nothing to do: a killed worker's jobs wait for a while."""
    waiting = await fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'check_upload' AND status = 'queued'")
    return bool(worker.left()) or waiting == 0


def test_only_what_nobody_holds_is_cleared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for owner in ("1", "999999999"):
        (tmp_path / f"niangjia-paper-{owner}-x").mkdir()
    (tmp_path / "niangjia-other").mkdir()
    assert clear_spools() == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["niangjia-other", "niangjia-paper-1-x"]
