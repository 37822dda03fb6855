"""Large files over a bad connection: they go on where they stopped, come whole or not at all, and leave nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from backend.database import execute, fetch, fetch_value
from backend.documents import queries
from backend.documents.kinds import IN_PARTS_ABOVE, SIZE_LIMIT, MediaType, PaperKind, PaperState
from backend.documents.parts import Parts
from backend.documents.policy import PART_SIZE, parts_of
from backend.documents.retention import Keeping
from backend.documents.service import UNDER_WAY_BYTES, UNDER_WAY_FILES
from backend.errors import Conflict, NotFound, Throttled
from backend.jobs import Job
from storage.keys import Bucket
from storage.port import DocumentStore, ObjectMissing
from tests.integration.paper_world import SEALER, World, jobs, jpeg, make_world, post, state

MIB = 1024 * 1024


@pytest.fixture
async def world(database: None, store: DocumentStore) -> World:
    return await make_world(store)


def large(size: int = 11 * MIB) -> bytes:
    """A photograph that a phone made long by putting more behind its end."""
    picture = jpeg()
    return picture + os.urandom(size - len(picture))


async def reserved(world: World, content: bytes) -> UUID:
    made = await world.documents.reserve(
        world.nurse, PaperKind.INVOICE, "发票.jpg", len(content), hashlib.sha256(content).digest(), MediaType.JPEG
    )
    return made.upload_id


async def announce(world: World, size: int) -> None:
    """Make place for a file of which nothing is sent."""
    await world.documents.reserve(world.nurse, PaperKind.INVOICE, "a.pdf", size, bytes(32), MediaType.PDF)


async def send(parts: Parts, content: bytes, *numbers: int) -> None:
    """Put these parts, or all that have a link."""
    async with httpx.AsyncClient(timeout=30) as phone:
        for place in parts.places:
            if place.url is not None and (not numbers or place.span.number in numbers):
                piece = content[place.span.offset : place.span.offset + place.span.size]
                assert (await phone.put(place.url, content=piece)).status_code == 200


def lacking(parts: Parts) -> list[int]:
    return [place.span.number for place in parts.places if place.url is not None]


async def key_of(upload: UUID) -> str:
    key: str = await fetch_value("SELECT object_key FROM upload WHERE id = $1", upload)
    return key


class TestResuming:
    async def test_a_lost_connection_costs_one_part(self, world: World, store: DocumentStore) -> None:
        content = large()
        upload = await reserved(world, content)
        parts = await world.documents.parts(world.nurse, upload)
        assert lacking(parts) == [1, 2, 3]
        await send(parts, content, 3, 1)

        with pytest.raises(Conflict) as refused:
            await world.documents.complete(world.nurse, upload)
        assert refused.value.code == "parts_missing"
        assert await queries.mine(world.nurse, SEALER, after=None, limit=10) == []

        again = await world.documents.parts(world.nurse, upload)
        assert lacking(again) == [2]
        await send(again, content)
        assert lacking(await world.documents.parts(world.nurse, upload)) == []
        assert await world.documents.complete(world.nurse, upload) is PaperState.UPLOADED
        await world.checking.check(upload)
        assert await state(upload) is PaperState.CHECKED
        assert await store.read(Bucket.DOCUMENTS, await key_of(upload), cap=len(content)) == content

    async def test_beginning_and_completing_at_once_is_doing_it_once(self, world: World) -> None:
        content = large(9 * MIB)
        upload = await reserved(world, content)
        opened = await asyncio.gather(*(world.documents.parts(world.nurse, upload) for _ in range(3)))
        # Links of a beginning that did not count lead nowhere that counts: the phone that asks again is told so.
        await send(opened[0], content)
        await send(await world.documents.parts(world.nurse, upload), content)
        states = await asyncio.gather(*(world.documents.complete(world.nurse, upload) for _ in range(3)))
        assert set(states) == {PaperState.UPLOADED}
        assert await jobs(Job.CHECK_UPLOAD) == 1

    async def test_an_api_killed_after_the_store_joined_goes_on(self, world: World, store: DocumentStore) -> None:
        content = large(9 * MIB)
        upload = await reserved(world, content)
        await send(await world.documents.parts(world.nurse, upload), content)
        begun = await fetch_value("SELECT store_upload FROM upload WHERE id = $1", upload)
        key = await key_of(upload)
        await store.join_parts(key, begun, await store.parts(key, begun))
        assert lacking(await world.documents.parts(world.nurse, upload)) == []
        assert await world.documents.complete(world.nurse, upload) is PaperState.UPLOADED

    async def test_an_upload_that_the_store_gave_up_begins_anew(self, world: World, store: DocumentStore) -> None:
        content = large(9 * MIB)
        upload = await reserved(world, content)
        await send(await world.documents.parts(world.nurse, upload), content, 1)
        await store.abort_parts(await key_of(upload))
        with pytest.raises(Conflict) as refused:
            await world.documents.complete(world.nurse, upload)
        assert refused.value.code == "not_uploaded"
        parts = await world.documents.parts(world.nurse, upload)
        assert lacking(parts) == [1, 2]
        await send(parts, content)
        assert await world.documents.complete(world.nurse, upload) is PaperState.UPLOADED

    async def test_a_part_is_no_longer_and_no_shorter_than_announced(self, world: World) -> None:
        content = large(9 * MIB)
        upload = await reserved(world, content)
        parts = await world.documents.parts(world.nurse, upload)
        async with httpx.AsyncClient(timeout=30) as phone:
            for place in parts.places:
                assert place.url is not None
                for size in (place.span.size - 1, place.span.size + 1, 21 * MIB):
                    # MinIO hangs up on what is much too long before all of it was sent.
                    with suppress(httpx.TransportError):
                        assert (await phone.put(place.url, content=bytes(size))).status_code in (400, 403)
        assert lacking(await world.documents.parts(world.nurse, upload)) == [1, 2]

    async def test_another_file_than_announced_is_refused(self, world: World) -> None:
        content = large(9 * MIB)
        upload = await reserved(world, content)
        await send(await world.documents.parts(world.nurse, upload), bytes(len(content)))
        await world.documents.complete(world.nurse, upload)
        await world.checking.check(upload)
        assert await fetch_value("SELECT refusal_code FROM upload") == "checksum_differs"

    async def test_small_files_completed_ones_and_other_peoples_have_no_parts(self, world: World) -> None:
        small = await world.send(jpeg())
        with pytest.raises(Conflict) as refused:
            await world.documents.parts(world.nurse, small)
        assert refused.value.code == "not_in_parts"
        await world.documents.complete(world.nurse, small)
        with pytest.raises(Conflict) as refused:
            await world.documents.parts(world.nurse, small)
        assert refused.value.code == "completed"
        with pytest.raises(NotFound):
            await world.documents.parts(world.stranger, await reserved(world, large(9 * MIB)))

    async def test_a_large_file_may_come_in_one_piece_as_well(self, world: World) -> None:
        content = large(9 * MIB)
        upload = await reserved(world, content)
        await send(await world.documents.parts(world.nurse, upload), content, 1)
        form = (await world.documents.reservation(world.nurse, upload)).form
        assert form is not None
        assert (await post(form, content)).status_code == 204
        assert await world.documents.complete(world.nurse, upload) is PaperState.UPLOADED


class TestLimits:
    @pytest.mark.parametrize("size", [IN_PARTS_ABOVE + 1, 2 * PART_SIZE, 2 * PART_SIZE + 1, SIZE_LIMIT])
    def test_parts_cover_the_file_exactly(self, size: int) -> None:
        spans = parts_of(size)
        assert [span.number for span in spans] == list(range(1, len(spans) + 1))
        assert [span.offset for span in spans] == [PART_SIZE * n for n in range(len(spans))]
        assert sum(span.size for span in spans) == size
        assert all(span.size == PART_SIZE for span in spans[:-1]) and 0 < spans[-1].size <= PART_SIZE

    async def test_an_account_holds_so_many_files_in_quarantine(self, world: World) -> None:
        for _ in range(UNDER_WAY_FILES):
            await reserved(world, b"x")
        with pytest.raises(Throttled):
            await reserved(world, b"x")

    async def test_an_account_holds_so_many_bytes_in_quarantine_however_fast_it_asks(self, world: World) -> None:
        outcomes = await asyncio.gather(*(announce(world, SIZE_LIMIT) for _ in range(14)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(Throttled) == 14 - UNDER_WAY_BYTES // SIZE_LIMIT
        with pytest.raises(Throttled):
            await announce(world, 1)

    async def test_what_may_be_sent_once_more_counts_until_its_form_has_ended(self, world: World) -> None:
        upload = await world.checked()
        await execute("UPDATE upload SET declared_size = $2 WHERE id = $1", upload, UNDER_WAY_BYTES)
        with pytest.raises(Throttled):
            await reserved(world, b"x")
        world.clock.instant += timedelta(minutes=11)
        await reserved(world, b"x")

    async def test_what_has_arrived_in_parts_counts_like_any_other(self, world: World) -> None:
        content = large(9 * MIB)
        upload = await reserved(world, content)
        await send(await world.documents.parts(world.nurse, upload), content, 1)
        outcomes = await asyncio.gather(*(announce(world, SIZE_LIMIT) for _ in range(10)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(Throttled) == 1
        # Handing out the parts again makes no more room.
        await world.documents.parts(world.nurse, upload)
        with pytest.raises(Throttled):
            await announce(world, SIZE_LIMIT)


class TestAbandoned:
    async def test_what_nobody_finished_is_gone_after_a_day(self, world: World, store: DocumentStore) -> None:
        content = large(9 * MIB)
        parts, form, empty = await reserved(world, content), await world.send(jpeg()), await reserved(world, b"x")
        await send(await world.documents.parts(world.nurse, parts), content, 1)
        begun = await fetch_value("SELECT store_upload FROM upload WHERE id = $1", parts)
        world.clock.instant += timedelta(hours=23)
        assert await world.documents.expire() == 0
        world.clock.instant += timedelta(hours=1, minutes=1)
        assert await world.documents.expire() == 3
        # Once at once, and once when the last form that was handed out has ended.
        assert await jobs(Job.CLEAR_UPLOAD) == 6

        for upload in (parts, form, empty):
            for _ in range(2):
                await world.documents.clear(upload)
        with pytest.raises(ObjectMissing):
            await store.parts(await key_of(parts), begun)
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.QUARANTINE, await key_of(form))
        assert await queries.mine(world.nurse, SEALER, after=None, limit=10) == []
        with pytest.raises(Conflict) as refused:
            await world.documents.parts(world.nurse, parts)
        assert refused.value.code == "reservation_expired"

    async def test_what_is_being_checked_is_not_cleared(self, world: World, store: DocumentStore) -> None:
        upload = await world.send(jpeg())
        await world.documents.complete(world.nurse, upload)
        world.clock.instant += timedelta(days=2)
        assert await world.documents.expire() == 0
        await world.documents.clear(upload)
        await store.head(Bucket.QUARANTINE, await key_of(upload))

    async def test_what_is_sent_beside_or_after_the_file_that_was_checked_is_cleared(
        self, world: World, store: DocumentStore
    ) -> None:
        content = large(9 * MIB)
        upload = await reserved(world, content)
        key, form = await key_of(upload), (await world.documents.reservation(world.nurse, upload)).form
        assert form is not None
        await send(await world.documents.parts(world.nurse, upload), content, 1)
        begun = await fetch_value("SELECT store_upload FROM upload WHERE id = $1", upload)
        # The phone gives the parts up, sends the file in one piece, and is not told that it has arrived.
        assert (await post(form, content)).status_code == 204
        await world.documents.complete(world.nurse, upload)
        await world.checking.check(upload)
        assert (await post(form, content)).status_code == 204
        assert await store.parts(key, begun)
        await store.head(Bucket.QUARANTINE, key)

        later = "SELECT execute_after > now() + interval '10 minutes' FROM pgqueuer WHERE entrypoint = $1"
        assert [row[0] for row in await fetch(later, Job.CLEAR_UPLOAD)] == [True]
        for _ in range(2):
            await world.documents.clear(upload)
        with pytest.raises(ObjectMissing):
            await store.parts(key, begun)
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.QUARANTINE, key)
        assert await store.read(Bucket.DOCUMENTS, key, cap=len(content)) == content
        assert await state(upload) is PaperState.CHECKED

    async def test_what_is_sent_after_its_erasure_is_cleared(self, world: World, store: DocumentStore) -> None:
        content = jpeg()
        upload = await reserved(world, content)
        form, keeping = (await world.documents.reservation(world.nurse, upload)).form, Keeping(world.documents)
        assert form is not None
        await keeping.ask_to_erase(world.nurse, "")
        await keeping.erase(upload)
        assert (await post(form, content)).status_code == 204
        assert await jobs(Job.CLEAR_UPLOAD) == 1
        await world.documents.clear(upload)
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.QUARANTINE, await key_of(upload))
