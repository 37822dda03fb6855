"""Papers that must stay and papers that must go, on a real PostgreSQL and a real store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from backend.database import execute, fetch, fetch_one, fetch_value, new_id
from backend.documents import queries
from backend.documents.kinds import PaperKind, PaperState
from backend.documents.retention import Keeping, erasure, erasures_in_scope, erasures_of
from backend.errors import Conflict, NotFound
from backend.jobs import Job, subject_of
from backend.operations.embedded_store import Store
from backend.registry.family.uses import note_use
from storage.keys import Bucket, Retention, keys_of
from storage.port import DocumentStore, ObjectMissing, StoreRefused
from storage.s3 import S3Store
from tests.integration.paper_world import (
    SEALER,
    World,
    attach,
    carry,
    digest,
    end,
    jobs,
    jpeg,
    make_world,
    state,
    version,
)


@pytest.fixture
async def world(database: None, store: DocumentStore) -> World:
    made = await make_world(store)
    # The store locks by the real time, so the story plays in the present.
    made.clock.instant = datetime.now(UTC)
    return made


@pytest.fixture
def keeping(world: World) -> Keeping:
    return Keeping(world.documents)


async def key_of(upload: UUID) -> str:
    key: str = await fetch_value("SELECT object_key FROM upload WHERE id = $1", upload)
    return key


async def verified(world: World, colour: str = "white", kind: PaperKind = PaperKind.WORK_PERMIT) -> UUID:
    upload = await world.send(jpeg(colour), kind=kind)
    await world.documents.complete(world.nurse, upload)
    await world.checking.check(upload)
    await world.verdicts.verify(
        world.verifier,
        upload,
        PaperState.VERIFIED,
        sha256=await digest(upload),
        expected_version=await version(upload),
    )
    return upload


async def dates(upload: UUID) -> tuple[date | None, date | None]:
    row = await fetch_one("SELECT kept_until, locked_until FROM upload WHERE id = $1", upload)
    assert row is not None
    return row["kept_until"], row["locked_until"]


class TestLocking:
    async def test_the_files_of_what_was_granted_can_not_be_removed(
        self, world: World, keeping: Keeping, store: DocumentStore
    ) -> None:
        upload = await verified(world)
        case = await attach(world, upload)
        await end(world, case, "completed")
        for _ in range(2):
            await keeping.lock_case(case)
        until = world.clock.instant.date() + timedelta(days=3653)
        for found in await dates(upload):
            assert found is not None and abs((found - until).days) <= 1  # the local date may be the next one
        for key in keys_of(await key_of(upload)):
            with pytest.raises(StoreRefused):
                await store.erase(key)
            await store.head(Bucket.DOCUMENTS, key)

    async def test_an_award_keeps_longer_than_a_benefit_that_locked_before(
        self, world: World, keeping: Keeping
    ) -> None:
        upload = await verified(world)
        stay = await attach(world, upload)
        await end(world, stay, "completed")
        await keeping.lock_case(stay)
        _, before = await dates(upload)
        award = await attach(world, upload, "MD-2026-000002", "commendation")
        await end(world, award, "granted")
        await keeping.lock_case(award)
        _, after = await dates(upload)
        assert before is not None and after is not None and (after - before).days > 7000

    async def test_what_was_granted_is_locked_although_another_case_is_open(
        self, world: World, keeping: Keeping, store: DocumentStore
    ) -> None:
        upload = await verified(world)
        granted = await attach(world, upload)
        await end(world, granted, "completed")
        other = await attach(world, upload, "RR-2026-000002")
        await execute("UPDATE application SET submitted_at = created_at WHERE id = $1", other)
        await keeping.lock_case(granted)
        kept_until, locked_until = await dates(upload)
        assert kept_until is None and locked_until is not None
        with pytest.raises(StoreRefused):
            await store.erase(await key_of(upload))

    async def test_a_paper_that_was_checked_after_the_end_of_its_case_is_locked_too(
        self, world: World, keeping: Keeping, store: DocumentStore
    ) -> None:
        upload, free = await world.send(jpeg("red")), await world.send(jpeg("blue"))
        for one in (upload, free):
            await world.documents.complete(world.nurse, one)
        case = await attach(world, upload)
        await end(world, case, "granted")
        # The scanner was away meanwhile: there is nothing in the documents yet.
        await keeping.lock_case(case)
        assert (await dates(upload))[1] is None
        for one in (upload, free):
            await world.checking.check(one)
        queued = await fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1", Job.CASE_DECIDED)
        assert [subject_of(row["payload"]) for row in queued] == [case]
        await keeping.lock_case(case)
        for key in keys_of(await key_of(upload)):
            with pytest.raises(StoreRefused):
                await store.erase(key)

    async def test_of_two_cases_that_end_at_once_the_longer_lock_is_written_down(
        self, world: World, object_store: Store
    ) -> None:
        upload = await verified(world)
        case = await attach(world, upload)
        await end(world, case, "completed")
        longer = world.clock.instant.date() + timedelta(days=9000)

        class Overtaken(S3Store):
            """Another worker writes down its lock when this one has set its own and has not written it down."""

            async def lock_until(self, key: str, until: datetime, retention: Retention) -> None:
                await super().lock_until(key, until, retention)
                await execute("UPDATE upload SET locked_until = $2 WHERE id = $1", upload, longer)

        store = Overtaken(object_store.config)
        await Keeping(replace(world.documents, store=store)).lock_case(case)
        store.close()
        assert (await dates(upload))[1] == longer

    async def test_a_refused_case_keeps_for_its_term_without_a_lock(self, world: World, keeping: Keeping) -> None:
        upload = await verified(world)
        case = await attach(world, upload)
        await end(world, case, "rejected")
        await keeping.lock_case(case)
        kept_until, locked_until = await dates(upload)
        assert kept_until is not None and locked_until is None


class TestErasing:
    async def test_what_shows_a_relative_stays_as_long_as_the_case_that_rests_on_them(
        self, world: World, keeping: Keeping, store: DocumentStore
    ) -> None:
        """A family paper and a signed consent hang on the relation alone: no case carries them."""
        attached, shown, signed, unused = [await verified(world, colour) for colour in ("red", "blue", "green", "grey")]
        case = await attach(world, attached)
        await end(world, case, "completed")
        child, relation, other = world.stranger.person_id, new_id(), new_id()
        for row, paper, relative in ((relation, shown, child), (other, unused, world.officer.person_id)):
            await execute(
                "INSERT INTO relation (id, person, relative, kind, evidence) VALUES ($1, $2, $3, 'sibling', $4)",
                row,
                world.nurse.person_id,
                relative,
                paper,
            )
        await execute(
            "INSERT INTO consent (id, person, purpose, text_version, given_by, recorded_by, paper, given_at)"
            " VALUES ($1, $2, 'share_with_insurer', '2026-03', $2, $3, $4, $5)",
            new_id(),
            child,
            world.nurse.person_id,
            signed,
            world.clock.instant,
        )
        await note_use([relation], case, world.clock.instant)
        answer = await erasure(await keeping.ask_to_erase(world.nurse, "离职"))
        assert {entry.upload for entry in answer.kept} == {attached, shown, signed}
        assert await state(unused) is PaperState.ERASED
        # They are the files of what was granted as well.
        await keeping.lock_case(case)
        for paper in (shown, signed):
            kept_until, locked_until = await dates(paper)
            assert kept_until is None and locked_until is not None
            for key in keys_of(await key_of(paper)):
                with pytest.raises(StoreRefused):
                    await store.erase(key)

    async def test_what_no_rule_keeps_goes_and_the_rest_is_told_with_its_rule(
        self, world: World, keeping: Keeping, store: DocumentStore
    ) -> None:
        free, used, under_way, drafted = [await verified(world, colour) for colour in ("red", "blue", "green", "grey")]
        await end(world, await attach(world, used, "RR-2026-000001"), "completed")
        case = await attach(world, under_way, "RR-2026-000002")
        await execute("UPDATE application SET submitted_at = created_at WHERE id = $1", case)
        await attach(world, drafted, "RR-2026-000003")

        request = await keeping.ask_to_erase(world.nurse, "离职")
        answer = await erasure(request)
        assert (answer.erased, answer.reason) == (2, "离职")
        kept = {entry.upload: entry for entry in answer.kept}
        assert set(kept) == {used, under_way}
        assert kept[used].clause and kept[used].until is not None and "RR-2026-000001" in kept[used].why.zh
        assert kept[under_way].until is None and "RR-2026-000002" in kept[under_way].why.zh

        for upload in (free, drafted):
            assert await state(upload) is PaperState.ERASED
            with pytest.raises(Conflict):
                await world.viewing.look(world.nurse, upload, purpose="本人查看")
            for _ in range(2):
                await keeping.erase(upload)
            for key in keys_of(await key_of(upload)):
                with pytest.raises(ObjectMissing):
                    await store.head(Bucket.DOCUMENTS, key)
                with pytest.raises(ObjectMissing):
                    await store.restore(key)  # not even a hidden version is left
            assert await fetch_value("SELECT name_sealed FROM upload WHERE id = $1", upload) == b""
            assert await fetch_value("SELECT erased_at FROM upload WHERE id = $1", upload) is not None
        mine = await queries.mine(world.nurse, SEALER, after=None, limit=10)
        assert {entry.id for entry in mine} == {used, under_way}
        # The case that carried one still opens, and says that it is gone.
        draft = await fetch_value("SELECT application FROM application_document WHERE upload = $1", drafted)
        assert [(paper.paper.name, paper.paper.state) for paper in await queries.of_application(draft, SEALER)] == [
            ("", "erased")
        ]
        for upload in (used, under_way):
            await world.viewing.look(world.nurse, upload, purpose="本人查看")

    async def test_the_case_need_not_have_been_locked_yet_to_be_kept(self, world: World, keeping: Keeping) -> None:
        upload = await verified(world)
        await end(world, await attach(world, upload), "granted")
        await keeping.ask_to_erase(world.nurse, "")
        assert await state(upload) is PaperState.VERIFIED

    async def test_the_answer_is_for_the_worker_and_the_own_unit(self, world: World, keeping: Keeping) -> None:
        await verified(world)
        request = await keeping.ask_to_erase(world.nurse, "")
        assert [found.id for found in await erasures_of(world.nurse)] == [request]
        assert await erasures_of(world.stranger) == []
        for reader in (world.officer, world.verifier):
            assert [found.person_name for found in await erasures_in_scope(reader)] == [world.nurse.name]
        assert await erasures_in_scope(world.other_verifier) == []
        assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'paper.erase'") == 1
        with pytest.raises(NotFound):
            await erasure(world.city)

    async def test_asking_twice_erases_once(self, world: World, keeping: Keeping) -> None:
        await verified(world)
        asked = await asyncio.gather(*(keeping.ask_to_erase(world.nurse, "") for _ in range(3)))
        assert sorted([(await erasure(request)).erased for request in asked]) == [0, 0, 1]
        assert await jobs(Job.ERASE_UPLOAD) == 1

    async def test_a_file_that_is_being_sent_or_checked_goes_too(
        self, world: World, keeping: Keeping, store: DocumentStore
    ) -> None:
        sending, checking = await world.send(jpeg("red")), await world.send(jpeg("blue"))
        await world.documents.complete(world.nurse, checking)
        key = await key_of(checking)
        # The worker has copied the file when the request comes, and has not written down its outcome.
        await store.accept(key, etag=(await store.head(Bucket.QUARANTINE, key)).etag, content_type="image/jpeg")
        await keeping.ask_to_erase(world.nurse, "")
        await world.checking.check(checking)
        for upload in (sending, checking):
            await keeping.erase(upload)
            assert await state(upload) is PaperState.ERASED
            for bucket in (Bucket.QUARANTINE, Bucket.DOCUMENTS):
                with pytest.raises(ObjectMissing):
                    await store.head(bucket, await key_of(upload))

    async def test_a_check_that_ends_after_the_erasure_leaves_nothing(
        self, world: World, keeping: Keeping, store: DocumentStore
    ) -> None:
        upload = await world.send(jpeg())
        await world.documents.complete(world.nurse, upload)
        running = asyncio.create_task(world.checking.check(upload))
        await asyncio.sleep(0.05)
        await keeping.ask_to_erase(world.nurse, "")
        await keeping.erase(upload)
        await running
        assert await state(upload) is PaperState.ERASED
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.DOCUMENTS, await key_of(upload))


class TestSweeping:
    async def test_a_paper_goes_the_day_after_its_term(self, world: World, keeping: Keeping) -> None:
        refused, withdrawn = await verified(world, "red"), await verified(world, "blue")
        for upload, number, outcome in (
            (refused, "RR-2026-000001", "rejected"),
            (withdrawn, "RR-2026-000002", "withdrawn"),
        ):
            case = await attach(world, upload, number)
            await end(world, case, outcome)
            await keeping.lock_case(case)
        assert await keeping.sweep() == 0
        world.clock.instant += timedelta(days=1)
        assert await keeping.sweep() == 1
        assert (await state(refused), await state(withdrawn)) == (PaperState.VERIFIED, PaperState.ERASED)
        world.clock.instant += timedelta(days=178)
        assert await keeping.sweep() == 0
        world.clock.instant += timedelta(days=3)
        assert await keeping.sweep() == 1
        assert await state(refused) is PaperState.ERASED

    async def test_a_paper_that_is_used_again_stays(self, world: World, keeping: Keeping) -> None:
        upload = await verified(world)
        first = await attach(world, upload)
        await end(world, first, "rejected")
        await keeping.lock_case(first)
        again = await attach(world, upload, "RR-2026-000002")
        await execute("UPDATE application SET submitted_at = created_at WHERE id = $1", again)
        world.clock.instant += timedelta(days=200)
        assert await keeping.sweep() == 1
        assert await state(upload) is PaperState.VERIFIED
        assert await dates(upload) == (None, None)
        await end(world, again, "withdrawn")
        await keeping.lock_case(again)
        world.clock.instant += timedelta(days=2)
        assert await keeping.sweep() == 1
        assert await state(upload) is PaperState.ERASED

    async def test_a_paper_of_no_case_is_left_alone(self, world: World, keeping: Keeping) -> None:
        upload = await verified(world)
        world.clock.instant += timedelta(days=4000)
        assert await keeping.sweep() == 0
        assert await state(upload) is PaperState.VERIFIED


async def test_a_case_carries_several_papers(world: World, keeping: Keeping) -> None:
    first, second = await verified(world, "red"), await verified(world, "blue", PaperKind.HEALTH_DECLARATION)
    case = await attach(world, first)
    await carry(world, case, second)
    await end(world, case, "completed")
    await keeping.lock_case(case)
    (_, long), (_, short) = await dates(first), await dates(second)
    assert long is not None and short is not None
    assert (long - short).days == 3653 - 180
