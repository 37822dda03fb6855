"""Rows and files that disagree are all found, told without a false alarm, and repaired only as asked."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import date, timedelta
from uuid import UUID

import pytest

from backend.clock import local_date, security_now
from backend.database import execute, fetch_value
from backend.documents import consistency
from backend.documents.consistency import Consistency, Fault, Finding, Repair
from backend.documents.kinds import PaperState
from backend.documents.retention import end_of
from backend.errors import Conflict
from backend.jobs import Job
from storage.keys import Bucket, Retention, keys_of, new_key, rendition_key, shared_key
from storage.port import DocumentStore, ObjectMissing, StoreRefused
from tests import services
from tests.integration.paper_world import World, jobs, jpeg, make_world, state


@pytest.fixture
async def world(database: None, store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> World:
    # What other tests left in this store has no rows any more.
    for bucket in (Bucket.DOCUMENTS, Bucket.QUARANTINE):
        for entry in await store.list_after(bucket, limit=10_000):
            await store.delete(bucket, entry.key)
    monkeypatch.setattr(consistency, "GRACE", timedelta(seconds=-60))
    return await make_world(store)


async def found(world: World, *repairs: Repair, quick: bool = False) -> list[Finding]:
    return [finding async for finding in Consistency(world.checking).audit(quick=quick, repairs=frozenset(repairs))]


async def faults(world: World, *repairs: Repair, quick: bool = False) -> list[tuple[Fault, UUID | None, bool]]:
    return [(one.fault, one.upload, one.repaired) for one in await found(world, *repairs, quick=quick)]


async def key_of(upload: UUID) -> str:
    key: str = await fetch_value("SELECT object_key FROM upload WHERE id = $1", upload)
    return key


async def test_where_all_is_well_nothing_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "PAGE", 3)
    for _ in range(5):
        await world.checked()
    await world.send(jpeg())
    completed = await world.send(jpeg())
    await world.documents.complete(world.nurse, completed)
    assert await faults(world) == []


async def test_a_missing_file_and_a_missing_picture_are_found(world: World, store: DocumentStore) -> None:
    whole, file, picture, copy = [await world.checked() for _ in range(4)]
    await store.erase(await key_of(file))
    await store.erase(rendition_key(await key_of(picture)))
    await store.erase(shared_key(await key_of(copy)))
    assert sorted((one.fault, one.upload, one.key) for one in await found(world) if one.upload) == sorted(
        [
            (Fault.MISSING, file, await key_of(file)),
            (Fault.MISSING, picture, rendition_key(await key_of(picture))),
            (Fault.MISSING, copy, shared_key(await key_of(copy))),
        ]
    )
    assert await state(whole) is await state(file) is PaperState.CHECKED


async def test_what_was_made_of_a_file_is_made_anew(world: World, store: DocumentStore) -> None:
    upload, gone = await world.checked(), await world.checked()
    for made in keys_of(await key_of(upload))[1:]:
        await store.erase(made)
    # As of papers that were checked before there were copies.
    await execute("UPDATE upload SET shared_type = '' WHERE id = $1", upload)
    with pytest.raises(Conflict) as refused:
        await world.viewing.original(world.verifier, upload, reason="预览看不清印章")
    assert refused.value.code == "not_shared"
    await store.erase(await key_of(gone))
    await store.erase(shared_key(await key_of(gone)))
    # The picture and the copy are made in one go, so the second may be back before it is missed.
    assert (rendition_key(await key_of(upload)), True) in {
        (one.key, one.repaired) for one in await found(world, Repair.REDRAW)
    }
    assert {(one.key, one.repaired) for one in await found(world, Repair.REDRAW)} == {
        (await key_of(gone), False),
        (shared_key(await key_of(gone)), False),
    }
    for key in keys_of(await key_of(upload)):
        await store.head(Bucket.DOCUMENTS, key)
    assert (await world.viewing.original(world.verifier, upload, reason="预览看不清印章")).startswith("http")


async def test_a_lock_that_the_store_does_not_hold_is_found_and_set(world: World, store: DocumentStore) -> None:
    locked, unlocked, over = [await world.checked() for _ in range(3)]
    ends = local_date(security_now()) + timedelta(days=30)
    await execute("UPDATE upload SET locked_until = $1 WHERE id = ANY($2)", ends, [locked, unlocked])
    await execute("UPDATE upload SET locked_until = $1 WHERE id = $2", date(2026, 3, 1), over)
    for key in keys_of(await key_of(locked)):
        await store.lock_until(key, end_of(ends), Retention.GOVERNANCE)
    # A lock that ends a day too early is none.
    await store.lock_until(await key_of(unlocked), end_of(ends - timedelta(days=1)), Retention.GOVERNANCE)
    assert await faults(world, Repair.REFUSE, Repair.REMOVE, Repair.RESTORE) == [(Fault.UNLOCKED, unlocked, False)] * 3
    assert await faults(world, Repair.LOCK, quick=True) == [(Fault.UNLOCKED, unlocked, True)] * 3
    assert await faults(world) == []
    with pytest.raises(StoreRefused):
        await store.erase(shared_key(await key_of(unlocked)))


async def test_what_was_deleted_by_mistake_comes_back(world: World, store: DocumentStore) -> None:
    content = jpeg()
    upload = await world.checked(content)
    await store.delete(Bucket.DOCUMENTS, await key_of(upload))
    assert await faults(world) == [(Fault.MISSING, upload, False)]
    assert await faults(world, Repair.RESTORE) == [(Fault.MISSING, upload, True)]
    assert await faults(world) == []
    assert await store.read(Bucket.DOCUMENTS, await key_of(upload), cap=len(content)) == content


async def test_a_paper_whose_file_is_gone_is_refused_and_its_worker_told(world: World, store: DocumentStore) -> None:
    upload = await world.checked()
    await store.erase(await key_of(upload))
    assert await faults(world, Repair.RESTORE) == [(Fault.MISSING, upload, False)]
    assert await state(upload) is PaperState.CHECKED
    assert await faults(world, Repair.RESTORE, Repair.REFUSE) == [(Fault.MISSING, upload, True)]
    assert await state(upload) is PaperState.REFUSED
    assert await fetch_value("SELECT refusal_code FROM upload WHERE id = $1", upload) == "lost"
    assert await jobs(Job.PAPER_JUDGED) == 1
    assert await fetch_value("SELECT template FROM notification WHERE channel = 'inbox'") == "paper_lost"


@pytest.mark.parametrize("same_size", [True, False])
async def test_a_file_that_is_not_the_one_that_was_judged_is_found(
    world: World, store: DocumentStore, same_size: bool
) -> None:
    content = jpeg()
    upload = await world.checked(content)
    key = await key_of(upload)
    await store.erase(key)
    other = content[:-3] + b"xyz" if same_size else content + b"x"
    await store.put(Bucket.DOCUMENTS, key, other, content_type="image/jpeg")
    assert await faults(world, quick=True) == ([] if same_size else [(Fault.DIFFERS, upload, False)])
    assert await faults(world, Repair.RESTORE, Repair.REMOVE) == [(Fault.DIFFERS, upload, False)]
    assert await faults(world, Repair.REFUSE) == [(Fault.DIFFERS, upload, True)]
    assert await state(upload) is PaperState.REFUSED


async def test_what_no_row_accounts_for_is_found_and_removed_when_asked(world: World, store: DocumentStore) -> None:
    kept, erased, stray, left = await world.checked(), await world.checked(), new_key(), new_key()
    await execute("UPDATE upload SET state = 'erased', rendition_key = NULL WHERE id = $1", erased)
    await store.put(Bucket.DOCUMENTS, stray, b"x", content_type="image/jpeg")
    await store.put(Bucket.QUARANTINE, left, b"x", content_type="image/jpeg")
    before = await found(world)
    assert {(one.fault, one.bucket, one.key) for one in before} == {
        (Fault.ORPHANED, Bucket.DOCUMENTS, stray),
        (Fault.ORPHANED, Bucket.DOCUMENTS, await key_of(erased)),
        (Fault.ORPHANED, Bucket.DOCUMENTS, rendition_key(await key_of(erased))),
        (Fault.ORPHANED, Bucket.DOCUMENTS, shared_key(await key_of(erased))),
        (Fault.LEFT, Bucket.QUARANTINE, left),
    }
    assert not any(one.repaired for one in before)
    assert all(one.repaired for one in await found(world, Repair.REMOVE))
    assert await faults(world) == []
    for key in (stray, await key_of(erased)):
        with pytest.raises(ObjectMissing):
            await store.restore(key)
    await store.head(Bucket.DOCUMENTS, await key_of(kept))


async def test_what_is_young_is_left_alone(world: World, store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "GRACE", timedelta(hours=1))
    await store.put(Bucket.DOCUMENTS, new_key(), b"x", content_type="image/jpeg")
    await store.put(Bucket.QUARANTINE, new_key(), b"x", content_type="image/jpeg")
    assert await faults(world, Repair.REMOVE) == []


async def test_the_command_says_what_it_found_and_fails_until_it_is_repaired(
    world: World, store: DocumentStore
) -> None:
    from storage.setup import Process

    upload = await world.checked()
    key = await key_of(upload)
    environment = {**os.environ, **services.environment(Process.WORKER)}

    async def audit(*words: str) -> tuple[int, list[str]]:
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "backend.cli", "documents", "audit", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return ran.returncode, ran.stdout.splitlines()

    assert await audit() == (0, ["missing 0, differs 0, unlocked 0, orphaned 0, left 0; 0 not repaired"])
    await store.delete(Bucket.DOCUMENTS, key)
    code, lines = await audit("--quick", "--repair", "remove")
    assert (code, lines[0]) == (1, f"missing documents {key} {upload}")
    code, lines = await audit("--repair", "restore")
    assert (code, lines[0]) == (0, f"missing documents {key} {upload} repaired")
    assert (await audit())[0] == 0
