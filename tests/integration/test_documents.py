"""Papers on a real PostgreSQL and a real store: from the reservation to the verdict, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pillow_heif
import pytest
from PIL import Image

from backend.database import execute, fetch, fetch_one, fetch_value, new_id
from backend.documents import queries
from backend.documents.access import load
from backend.documents.checking import Checking
from backend.documents.inspection.inspector import Inspector
from backend.documents.inspection.scanner import Clamd, ScannerUnavailable
from backend.documents.kinds import NEXT, MediaType, PaperKind, PaperState, RejectionReason
from backend.documents.verdicts import Verdicts
from backend.errors import Conflict, Forbidden, IllegalTransition, NotFound, RuleViolation, Stale, TooLarge, Unavailable
from backend.identity import Actor, Level, Role
from backend.jobs import Job
from backend.notifications.queries import inbox
from backend.operations.embedded_store import Store
from storage.keys import Bucket, rendition_key
from storage.port import DocumentStore, ObjectMissing, StoredObject
from storage.s3 import S3Store
from tests.integration.paper_world import (
    SEALER,
    World,
    attach,
    console,
    digest,
    jobs,
    jpeg,
    make_relatives,
    make_world,
    pdf,
    post,
    state,
    version,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
async def world(database: None, store: DocumentStore) -> World:
    return await make_world(store)


async def key_of(upload: UUID) -> str:
    key: str = await fetch_value("SELECT object_key FROM upload WHERE id = $1", upload)
    return key


async def give(world: World, verifier: Actor, upload: UUID, outcome: PaperState = PaperState.VERIFIED) -> int:
    return await world.verdicts.verify(
        verifier,
        upload,
        outcome,
        sha256=await digest(upload),
        expected_version=await version(upload),
        reason_code=RejectionReason.UNREADABLE if outcome is PaperState.REJECTED else None,
    )


class TestSending:
    async def test_a_photograph_is_checked_and_moved_to_the_documents(self, world: World, store: DocumentStore) -> None:
        content = jpeg()
        upload = await world.send(content)
        assert await world.documents.complete(world.nurse, upload) is PaperState.UPLOADED
        await world.checking.check(upload)

        row = await fetch_one("SELECT * FROM upload WHERE id = $1", upload)
        assert row is not None
        assert (row["state"], row["detected_type"], row["malware"]) == ("checked", "image/jpeg", "not_scanned")
        assert await store.read(Bucket.DOCUMENTS, row["object_key"], cap=len(content)) == content
        assert (await store.read(Bucket.DOCUMENTS, row["rendition_key"], cap=10**7)).startswith(b"\xff\xd8\xff")
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.QUARANTINE, row["object_key"])
        assert "工作证".encode() not in row["name_sealed"]

    async def test_completing_twice_at_once_queues_one_check(self, world: World) -> None:
        upload = await world.send(jpeg())
        states = await asyncio.gather(*(world.documents.complete(world.nurse, upload) for _ in range(4)))
        assert set(states) == {PaperState.UPLOADED}
        assert await jobs(Job.CHECK_UPLOAD) == 1
        await world.checking.check(upload)
        assert await world.documents.complete(world.nurse, upload) is PaperState.CHECKED

    async def test_nothing_sent_is_nothing_completed(self, world: World) -> None:
        reserved = await world.documents.reserve(world.nurse, PaperKind.INVOICE, "a.pdf", 10, bytes(32), MediaType.PDF)
        with pytest.raises(Conflict) as refused:
            await world.documents.complete(world.nurse, reserved.upload_id)
        assert refused.value.code == "not_uploaded"
        assert await state(reserved.upload_id) is PaperState.RESERVED

    async def test_somebody_elses_upload_does_not_exist(self, world: World) -> None:
        upload = await world.send(jpeg())
        for act in (world.documents.complete, world.documents.reservation):
            with pytest.raises(NotFound):
                await act(world.stranger, upload)
        assert await state(upload) is PaperState.RESERVED

    async def test_21_mb_are_refused_before_and_by_the_store(self, world: World) -> None:
        with pytest.raises(TooLarge):
            await world.documents.reserve(
                world.nurse, PaperKind.INVOICE, "a.jpg", 21 * 1024 * 1024, bytes(32), MediaType.JPEG
            )
        small = await world.documents.reserve(world.nurse, PaperKind.INVOICE, "a.jpg", 100, bytes(32), MediaType.JPEG)
        assert small.form is not None
        assert (await post(small.form, bytes(21 * 1024 * 1024))).status_code in (400, 403, 413)
        with pytest.raises(Conflict):
            await world.documents.complete(world.nurse, small.upload_id)

    async def test_all_that_is_wrong_with_a_description_is_said_at_once(self, world: World) -> None:
        with pytest.raises(RuleViolation) as refused:
            await world.documents.reserve(
                world.nurse, PaperKind.INVOICE, "../", 0, b"short", "application/x-msdownload"
            )
        fields = {violation.field for violation in refused.value.violations}
        assert fields == {"name", "size", "sha256", "media_type"}
        assert await fetch_value("SELECT count(*) FROM upload") == 0

    async def test_folders_and_turning_characters_leave_the_name(self, world: World) -> None:
        name = "C:\\secret\\gpj\u202e.exe"
        made = await world.documents.reserve(world.nurse, PaperKind.INVOICE, name, 10, bytes(32), MediaType.JPEG)
        entry = await queries.one(made.upload_id, SEALER)
        assert entry is not None
        assert entry.name == "gpj.exe"

    async def test_an_account_without_a_person_is_told_to_fill_in_the_record(self, world: World) -> None:
        unknown = Actor(new_id(), "138****", origin="phone")
        with pytest.raises(RuleViolation) as refused:
            await world.documents.reserve(unknown, PaperKind.INVOICE, "a.jpg", 10, bytes(32), MediaType.JPEG)
        assert refused.value.code == "person_unknown"

    async def test_an_officer_sends_for_a_worker_of_the_unit_alone(self, world: World) -> None:
        facts = (PaperKind.INVOICE, "a.jpg", 10, bytes(32), MediaType.JPEG)
        assert world.nurse.person_id is not None
        assert world.stranger.person_id is not None
        made = await world.documents.reserve_for(world.officer, world.nurse.person_id, *facts)
        owner = await fetch_value("SELECT owner_person FROM upload WHERE id = $1", made.upload_id)
        assert owner == world.nurse.person_id
        with pytest.raises(NotFound):
            await world.documents.reserve_for(world.officer, world.stranger.person_id, *facts)
        with pytest.raises(NotFound):
            await world.documents.reserve_for(world.verifier, world.nurse.person_id, *facts)

    async def test_a_form_ends_after_ten_minutes_and_takes_the_declared_size_alone(self, world: World) -> None:
        content = jpeg()
        made = await world.documents.reserve(
            world.nurse, PaperKind.INVOICE, "a.jpg", len(content), hashlib.sha256(content).digest(), MediaType.JPEG
        )
        assert made.form is not None
        policy = json.loads(base64.b64decode(made.form.fields["policy"]))
        assert ["content-length-range", len(content), len(content)] in policy["conditions"]
        ends = datetime.fromisoformat(policy["expiration"])
        # The signature is dated in whole seconds.
        signed = datetime.strptime(made.form.fields["x-amz-date"], "%Y%m%dT%H%M%S%z")
        assert timedelta(minutes=10) <= ends - signed < timedelta(minutes=10, seconds=2)
        for other in (content[:-1], content + b"x"):
            assert (await post(made.form, other)).status_code in (400, 403)
        assert (await post(made.form, content)).status_code == 204


class TestChecking:
    @pytest.mark.parametrize(
        ("content", "declared", "code"),
        [
            (b"MZ" + bytes(400), MediaType.PDF, "unknown_type"),
            (pdf(javascript=True), MediaType.PDF, "active_content"),
            (pdf(), MediaType.JPEG, "type_differs"),
            (b"\xff\xd8\xff" + bytes(400), MediaType.JPEG, "damaged"),
        ],
        ids=["renamed exe", "pdf with a script", "pdf called jpeg", "damaged"],
    )
    async def test_a_bad_file_is_refused_and_leaves_nothing(
        self, world: World, store: DocumentStore, content: bytes, declared: MediaType, code: str
    ) -> None:
        upload = await world.send(content, declared)
        await world.documents.complete(world.nurse, upload)
        await world.checking.check(upload)

        row = await fetch_one("SELECT * FROM upload WHERE id = $1", upload)
        assert row is not None
        assert (row["state"], row["refusal_code"], row["rendition_key"]) == ("refused", code, None)
        for bucket in (Bucket.QUARANTINE, Bucket.DOCUMENTS):
            with pytest.raises(ObjectMissing):
                await store.head(bucket, row["object_key"])
        told = await fetch_value("SELECT template FROM notification WHERE channel = 'inbox'")
        assert told == "paper_refused"
        with pytest.raises(Conflict):
            await world.viewing.look(world.nurse, upload, purpose="本人查看")

    async def test_another_file_than_announced_is_refused(self, world: World) -> None:
        announced, sent = jpeg("red"), jpeg("blue")
        assert len(announced) == len(sent)
        made = await world.documents.reserve(
            world.nurse, PaperKind.INVOICE, "a.jpg", len(sent), hashlib.sha256(announced).digest(), MediaType.JPEG
        )
        assert made.form is not None
        await post(made.form, sent)
        await world.documents.complete(world.nurse, made.upload_id)
        await world.checking.check(made.upload_id)
        assert await fetch_value("SELECT refusal_code FROM upload") == "checksum_differs"

    async def test_running_the_check_again_changes_nothing(self, world: World) -> None:
        upload = await world.checked()
        before = await fetch_one("SELECT * FROM upload WHERE id = $1", upload)
        await world.checking.check(upload)
        assert await fetch_one("SELECT * FROM upload WHERE id = $1", upload) == before

    async def test_two_checks_at_once_come_to_one_outcome(self, world: World, store: DocumentStore) -> None:
        upload = await world.send(jpeg())
        await world.documents.complete(world.nurse, upload)
        await asyncio.gather(*(world.checking.check(upload) for _ in range(3)))
        assert await state(upload) is PaperState.CHECKED
        assert await version(upload) == 3
        await store.head(Bucket.DOCUMENTS, rendition_key(await key_of(upload)))

    @pytest.mark.parametrize("with_picture", [False, True], ids=["before the picture", "before the commit"])
    async def test_a_worker_killed_between_copy_and_commit_is_taken_over(
        self, world: World, store: DocumentStore, with_picture: bool
    ) -> None:
        content = jpeg()
        upload = await world.send(content)
        await world.documents.complete(world.nurse, upload)
        key = await key_of(upload)
        etag = (await store.head(Bucket.QUARANTINE, key)).etag
        await store.accept(key, etag=etag, content_type="image/jpeg")
        if with_picture:
            await store.put(Bucket.DOCUMENTS, rendition_key(key), jpeg("black"), content_type="image/jpeg")

        await world.checking.check(upload)
        assert await state(upload) is PaperState.CHECKED
        assert await store.read(Bucket.DOCUMENTS, key, cap=len(content)) == content
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.QUARANTINE, key)

    async def test_a_worker_killed_after_the_copy_of_parts_goes_on_with_the_same_file_in_one_piece(
        self, world: World, store: DocumentStore
    ) -> None:
        content = jpeg()
        upload = await world.send(content)
        key, form = await key_of(upload), (await world.documents.reservation(world.nurse, upload)).form
        await world.documents.complete(world.nurse, upload)
        # The copy remembers the file by the store's mark, which is another one for the same bytes sent otherwise.
        parts = await store.begin_parts(key, content_type="image/jpeg")
        link = await store.part_link(key, parts, 1, size=len(content), valid_for=timedelta(minutes=1))
        async with httpx.AsyncClient() as phone:
            assert (await phone.put(link, content=content)).status_code == 200
        joined = await store.join_parts(key, parts, await store.parts(key, parts))
        await store.accept(key, etag=joined.etag, content_type="image/jpeg")
        assert form is not None
        assert (await post(form, content)).status_code == 204
        assert (await store.head(Bucket.QUARANTINE, key)).etag != joined.etag

        await world.checking.check(upload)
        assert await state(upload) is PaperState.CHECKED
        assert await store.read(Bucket.DOCUMENTS, key, cap=len(content)) == content

    async def test_a_worker_killed_before_it_cleared_the_quarantine_clears_it_next_time(
        self, world: World, store: DocumentStore
    ) -> None:
        content = jpeg()
        upload = await world.send(content)
        await world.documents.complete(world.nurse, upload)
        again = await world.documents.store.read(Bucket.QUARANTINE, await key_of(upload), cap=len(content))
        await world.checking.check(upload)
        await store.put(Bucket.QUARANTINE, await key_of(upload), again, content_type="image/jpeg")
        await world.checking.check(upload)
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.QUARANTINE, await key_of(upload))

    async def test_a_file_that_vanished_from_quarantine_is_asked_for_again(
        self, world: World, store: DocumentStore
    ) -> None:
        upload = await world.send(jpeg())
        await world.documents.complete(world.nurse, upload)
        await store.delete(Bucket.QUARANTINE, await key_of(upload))
        await world.checking.check(upload)
        assert await fetch_value("SELECT refusal_code FROM upload WHERE id = $1", upload) == "lost"

    async def test_a_paper_waits_for_a_silent_scanner_as_long_as_it_takes(self, world: World, tmp_path: Path) -> None:
        upload = await world.send(jpeg())
        await world.documents.complete(world.nurse, upload)
        nobody = Checking(world.documents, Inspector(Clamd(str(tmp_path / "nobody"))))
        # What waits for a part that is away is tried again for ever; anything else would be parked after a while.
        with pytest.raises(Unavailable) as away:
            await nobody.check(upload)
        assert away.value.part == "scanner"
        assert await state(upload) is PaperState.UPLOADED
        await world.checking.check(upload)
        assert await state(upload) is PaperState.CHECKED

    @pytest.mark.parametrize(
        ("answer", "error"), [(b"", Unavailable), (b"INSTREAM size limit exceeded. ERROR\0", ScannerUnavailable)]
    )
    async def test_a_file_on_which_the_scanner_gives_no_verdict_is_not_let_through(
        self, world: World, tmp_path: Path, answer: bytes, error: type[Exception]
    ) -> None:
        async def clamd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.readexactly(1) != b"\0":
                pass
            while length := int.from_bytes(await reader.readexactly(4)):
                await reader.readexactly(length)
            writer.write(answer)
            writer.close()

        upload = await world.send(jpeg())
        await world.documents.complete(world.nurse, upload)
        async with await asyncio.start_unix_server(clamd, str(tmp_path / "clamd")):
            with pytest.raises(error):
                await Checking(world.documents, Inspector(Clamd(str(tmp_path / "clamd")))).check(upload)
        assert await state(upload) is PaperState.UPLOADED


class TestJudging:
    async def test_a_verdict_is_bound_to_the_file_and_told_to_the_cases(self, world: World) -> None:
        upload = await world.checked()
        assert await give(world, world.verifier, upload) == await version(upload)
        assert await state(upload) is PaperState.VERIFIED
        assert [verdict.by_name for verdict in await queries.verdicts(upload)] == [world.verifier.name]
        assert await jobs(Job.PAPER_JUDGED) == 1

    async def test_policy_decides_whether_what_no_scanner_saw_may_be_verified(self, world: World) -> None:
        upload = await world.checked()
        strict = replace(world, verdicts=Verdicts(world.documents, unscanned=False))
        with pytest.raises(Conflict) as refused:
            await give(strict, world.verifier, upload)
        assert refused.value.code == "not_scanned"
        await execute("UPDATE upload SET malware = 'clean' WHERE id = $1", upload)
        await give(strict, world.verifier, upload)
        unseen = await world.checked()
        await give(strict, world.verifier, unseen, PaperState.REJECTED)
        await give(world, world.verifier, await world.checked())

    async def test_a_verdict_on_a_file_that_was_replaced_is_refused(self, world: World) -> None:
        seen, newer = await world.checked(jpeg("red")), await world.checked(jpeg("blue"))
        with pytest.raises(Conflict) as refused:
            await world.verdicts.verify(
                world.verifier,
                newer,
                PaperState.VERIFIED,
                sha256=await digest(seen),
                expected_version=await version(newer),
            )
        assert refused.value.code == "another_file"
        assert await state(newer) is PaperState.CHECKED

    async def test_of_two_verdicts_at_once_one_wins(self, world: World) -> None:
        upload = await world.checked()
        expected, sha256 = await version(upload), await digest(upload)
        results = await asyncio.gather(
            *(
                world.verdicts.verify(
                    world.verifier,
                    upload,
                    PaperState.REJECTED,
                    sha256=sha256,
                    expected_version=expected,
                    reason_code=RejectionReason.NO_SEAL,
                )
                for _ in range(3)
            ),
            return_exceptions=True,
        )
        assert [type(result) for result in results if isinstance(result, Exception)] == [Stale, Stale]
        assert len(await queries.verdicts(upload)) == 1
        assert await fetch_value("SELECT count(*) FROM notification WHERE template = 'paper_rejected'") == 2

    async def test_only_a_verifier_of_the_owners_unit_judges(self, world: World) -> None:
        upload = await world.checked()
        for somebody, error in (
            (world.officer, Forbidden),
            (world.nurse, Forbidden),
            (world.other_verifier, NotFound),
            (world.stranger, NotFound),
        ):
            with pytest.raises(error):
                await give(world, somebody, upload)
        above = await console("柳核", Role.HR_VERIFIER, world.city, Level.CITY)
        await give(world, above, upload)
        refused = await fetch_value(
            "SELECT count(*) FROM audit_entry WHERE outcome = 'refused' AND object = $1", upload
        )
        assert refused == 4

    async def test_nobody_judges_the_own_paper_a_relatives_or_one_sent_in(self, world: World) -> None:
        upload = await world.checked()
        own = Actor(new_id(), "秦岚", world.nurse.person_id, None, world.verifier.bindings)
        with pytest.raises(Forbidden) as refused:
            await give(world, own, upload)
        assert refused.value.code == "conflict_own_case"
        sender = Actor(world.nurse.account_id, "程办", new_id(), None, world.verifier.bindings)
        with pytest.raises(Forbidden):
            await give(world, sender, upload)
        assert world.nurse.person_id is not None
        assert world.verifier.person_id is not None
        await make_relatives(world.nurse.person_id, world.verifier.person_id)
        with pytest.raises(Forbidden) as refused:
            await give(world, world.verifier, upload)
        assert refused.value.code == "conflict_relative"
        assert await queries.waiting(world.verifier, after=None, limit=10) == []

    async def test_a_paper_that_is_sent_back_says_why_and_what_to_do(self, world: World) -> None:
        upload = await world.checked()
        await world.verdicts.verify(
            world.verifier,
            upload,
            PaperState.REJECTED,
            sha256=await digest(upload),
            expected_version=await version(upload),
            reason_code=RejectionReason.INCOMPLETE,
            comment="请补拍背面",
        )
        (entry,) = await queries.mine(world.nurse, SEALER, after=None, limit=10)
        assert (entry.state, entry.reason_code, entry.comment) == ("rejected", "incomplete", "请补拍背面")
        (told,) = await inbox(world.nurse, after=None, limit=10)
        assert (told.template, told.words["comment"]) == ("paper_rejected", "请补拍背面")
        assert told.words["why_zh"] == "不完整,缺页或缺面"

    async def test_a_verified_paper_may_be_rejected_later_and_never_the_other_way(self, world: World) -> None:
        upload = await world.checked()
        await give(world, world.verifier, upload)
        await give(world, world.verifier, upload, PaperState.REJECTED)
        with pytest.raises(IllegalTransition):
            await give(world, world.verifier, upload)
        assert len(await queries.verdicts(upload)) == 2

    @pytest.mark.parametrize(
        ("outcome", "reason", "comment", "expires_on"),
        [
            (PaperState.REJECTED, None, "", None),
            (PaperState.VERIFIED, RejectionReason.NO_SEAL, "", None),
            (PaperState.REJECTED, RejectionReason.OTHER, " ", None),
            (PaperState.EXPIRED, None, "", None),
            (PaperState.VERIFIED, None, "x" * 501, None),
            (PaperState.VERIFIED, None, "", date(2026, 3, 1)),
        ],
    )
    async def test_a_verdict_that_does_not_fit_is_refused(
        self,
        world: World,
        outcome: PaperState,
        reason: RejectionReason | None,
        comment: str,
        expires_on: date | None,
    ) -> None:
        upload = await world.checked()
        with pytest.raises(RuleViolation):
            await world.verdicts.verify(
                world.verifier,
                upload,
                outcome,
                sha256=await digest(upload),
                expected_version=await version(upload),
                reason_code=reason,
                comment=comment,
                expires_on=expires_on,
            )
        assert await state(upload) is PaperState.CHECKED

    async def test_a_paper_that_holds_for_a_time_is_verified_with_its_end(self, world: World) -> None:
        async def verified(**said: Any) -> None:
            await world.verdicts.verify(
                world.verifier,
                upload,
                said.pop("outcome", PaperState.VERIFIED),
                sha256=await digest(upload),
                expected_version=await version(upload),
                **said,
            )

        upload = await world.checked(kind=PaperKind.PRACTICE_LICENCE)
        ends = date(2029, 5, 31)
        for said, code in (({}, "expiry_missing"), ({"expires_on": ends, "unlimited": True}, "expiry_twice")):
            with pytest.raises(RuleViolation) as refused:
                await verified(**said)
            assert (refused.value.code, refused.value.violations[0].field) == (code, "expires_on")
        assert await state(upload) is PaperState.CHECKED
        assert await fetch_value("SELECT count(*) FROM verdict") == 0
        await verified(expires_on=ends)
        assert await fetch_value("SELECT expires_on FROM upload WHERE id = $1", upload) == ends
        upload = await world.checked(kind=PaperKind.PRACTICE_LICENCE)
        await verified(unlimited=True)
        assert await state(upload) is PaperState.VERIFIED
        # A rejection has no end to state.
        upload = await world.checked(kind=PaperKind.PRACTICE_LICENCE)
        await verified(outcome=PaperState.REJECTED, reason_code=RejectionReason.OUT_OF_DATE)

    async def test_the_verifiers_list_holds_what_waits_in_scope(self, world: World) -> None:
        first, second = await world.checked(), await world.checked()
        waiting = await queries.waiting(world.verifier, after=None, limit=10)
        assert [entry.id for entry in waiting] == [first, second]
        assert [entry.id for entry in await queries.waiting(world.verifier, after=first, limit=10)] == [second]
        assert await queries.waiting(world.other_verifier, after=None, limit=10) == []
        await give(world, world.verifier, first)
        assert len(await queries.waiting(world.verifier, after=None, limit=10)) == 1


class TestLooking:
    async def test_a_preview_is_marked_and_recorded(self, world: World, store: DocumentStore) -> None:
        upload = await world.checked()
        picture = await world.viewing.look(world.verifier, upload, purpose="材料核验")
        plain = await store.read(Bucket.DOCUMENTS, rendition_key(await key_of(upload)), cap=10**7)
        with Image.open(io.BytesIO(picture)) as seen, Image.open(io.BytesIO(plain)) as bare:
            assert len(seen.convert("L").getcolors(256) or []) > len(bare.convert("L").getcolors(256) or [])
        entry = await fetch_one("SELECT * FROM audit_entry WHERE act = 'paper.look'")
        assert entry is not None
        assert (entry["actor"], entry["object"], entry["reason"]) == (world.verifier.account_id, upload, "材料核验")
        assert (entry["actor_name"], entry["role"]) == (world.verifier.name, "hr_verifier")
        assert json.loads(entry["detail"]) == {"sha256": (await digest(upload)).hex()}

    async def test_who_looks_when_and_what_for_is_burned_into_the_picture(self, world: World) -> None:
        upload = await world.checked()
        other = await console("钱核", Role.HR_VERIFIER, world.hospital, Level.UNIT)
        seen = [
            await world.viewing.look(world.verifier, upload, purpose="LX-2026-000001"),
            await world.viewing.look(world.verifier, upload, purpose="LX-2026-000001"),
            await world.viewing.look(world.verifier, upload, purpose="LX-2026-000002"),
            await world.viewing.look(other, upload, purpose="LX-2026-000001"),
        ]
        world.clock.instant += timedelta(minutes=1)
        seen.append(await world.viewing.look(world.verifier, upload, purpose="LX-2026-000001"))
        assert seen[0] == seen[1]
        assert len(set(seen)) == 4

    async def test_every_look_says_who_looked_at_which_file_for_which_case_and_why(self, world: World) -> None:
        first, second = await world.checked(jpeg("red")), await world.checked(jpeg("blue"))
        case = await attach(world, first)
        await world.viewing.look(world.nurse, first, purpose="本人查看")
        await world.viewing.look(world.verifier, first, purpose="LX-2026-000001", application=case)
        await world.viewing.original(world.verifier, second, reason="预览看不清印章", application=case)
        with pytest.raises(NotFound):
            await world.viewing.original(world.stranger, first, reason="想看一看")
        looks = await fetch("SELECT actor, act, outcome, object, reason, detail FROM audit_entry ORDER BY at, id")
        files = [(await digest(upload)).hex() for upload in (first, second)]
        nurse, verifier, stranger = (actor.account_id for actor in (world.nurse, world.verifier, world.stranger))
        assert [(*list(row)[:5], json.loads(row["detail"])) for row in looks] == [
            (nurse, "paper.look", "done", first, "本人查看", {"sha256": files[0]}),
            (verifier, "paper.look", "done", first, "LX-2026-000001", {"sha256": files[0], "application": str(case)}),
            (
                verifier,
                "paper.original",
                "done",
                second,
                "预览看不清印章",
                {"sha256": files[1], "application": str(case)},
            ),
            (stranger, "paper.original", "refused", first, "not_found", {}),
        ]

    async def test_the_original_needs_a_reason_and_leaves_a_record(self, world: World) -> None:
        upload = await world.checked()
        with pytest.raises(RuleViolation):
            await world.viewing.original(world.verifier, upload, reason=" ")
        link = await world.viewing.original(world.verifier, upload, reason="预览看不清印章")
        async with httpx.AsyncClient() as client:
            answer = await client.get(link)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert "X-Amz-Expires=60" in link
        assert "attachment" in answer.headers["content-disposition"]
        assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'paper.original'") == 1

    async def test_the_original_that_others_open_tells_no_place(self, world: World, store: DocumentStore) -> None:
        exif = Image.Exif()
        exif.get_ifd(0x8825)[2] = (36.0, 11.0, 42.0)
        sent, phones = io.BytesIO(), io.BytesIO()
        Image.new("RGB", (640, 480), "red").save(sent, "JPEG", exif=exif)
        pillow_heif.from_pillow(Image.new("RGB", (640, 480), "red")).save(phones, exif=exif.tobytes())
        for content, media_type in ((sent.getvalue(), MediaType.JPEG), (phones.getvalue(), MediaType.HEIC)):
            upload = await world.send(content, media_type)
            await world.documents.complete(world.nurse, upload)
            await world.checking.check(upload)
            link = await world.viewing.original(world.verifier, upload, reason="预览看不清印章")
            async with httpx.AsyncClient() as client:
                answer = await client.get(link)
            assert answer.headers["content-type"] == "image/jpeg"
            assert answer.headers["content-disposition"].endswith(".jpeg")
            with Image.open(io.BytesIO(answer.content)) as opened:
                assert opened.size == (640, 480)
                assert not opened.getexif()
            # The verdict is on the file as it was sent, which is kept as it was sent.
            assert await store.read(Bucket.DOCUMENTS, await key_of(upload), cap=len(content)) == content
            await give(world, world.verifier, upload)
            judged = await fetch_value("SELECT sha256 FROM verdict WHERE upload = $1", upload)
            assert judged == hashlib.sha256(content).digest()

    async def test_a_case_opens_its_papers_to_its_committee_once_it_is_submitted(self, world: World) -> None:
        upload = await world.checked()
        reviewer = await console("评委", Role.REVIEWER, world.city, Level.CITY)
        with pytest.raises(NotFound):
            await world.viewing.look(reviewer, upload, purpose="评审")
        case = await attach(world, upload)
        with pytest.raises(NotFound):
            await world.viewing.look(reviewer, upload, purpose="评审")
        await execute("UPDATE application SET submitted_at = $2 WHERE id = $1", case, world.clock.instant)
        await world.viewing.look(reviewer, upload, purpose="评审", application=case)
        assert [paper.paper.id for paper in await queries.of_application(case, SEALER)] == [upload]

    async def test_others_see_nothing(self, world: World) -> None:
        upload = await world.checked()
        finance = await console("财务", Role.FINANCE, world.hospital, Level.UNIT)
        for somebody in (world.stranger, world.other_verifier, finance):
            with pytest.raises(NotFound):
                await world.viewing.look(somebody, upload, purpose="看看")
        await world.viewing.look(world.nurse, upload, purpose="本人查看")


class TestTime:
    async def test_a_reservation_ends_after_a_day(self, world: World) -> None:
        upload = await world.send(jpeg())
        kept = await world.checked()
        world.clock.instant += timedelta(hours=23)
        assert await world.documents.expire() == 0
        world.clock.instant += timedelta(hours=2)
        assert await world.documents.expire() == 1
        assert (await state(upload), await state(kept)) == (PaperState.EXPIRED, PaperState.CHECKED)
        with pytest.raises(Conflict) as refused:
            await world.documents.complete(world.nurse, upload)
        assert refused.value.code == "reservation_expired"

    async def test_a_reservation_that_ends_while_its_file_is_looked_for_is_not_completed(
        self, world: World, object_store: Store
    ) -> None:
        upload = await world.send(jpeg())

        class Overtaken(S3Store):
            """The sweep ends the reservation between the look into the store and the note of it."""

            async def head(self, bucket: Bucket, key: str) -> StoredObject:
                found = await super().head(bucket, key)
                world.clock.instant += timedelta(days=1, minutes=1)
                assert await world.documents.expire() == 1
                return found

        store = Overtaken(object_store.config)
        with pytest.raises(Conflict) as refused:
            await replace(world.documents, store=store).complete(world.nurse, upload)
        store.close()
        assert refused.value.code == "reservation_expired"
        assert await jobs(Job.CHECK_UPLOAD) == 0

    async def test_a_verified_paper_ends_with_its_expiry_and_its_cases_are_told(self, world: World) -> None:
        upload = await world.checked()
        await world.verdicts.verify(
            world.verifier,
            upload,
            PaperState.VERIFIED,
            sha256=await digest(upload),
            expected_version=await version(upload),
            expires_on=date(2026, 3, 31),
        )
        world.clock.instant += timedelta(days=29)
        assert await world.documents.expire() == 0
        world.clock.instant += timedelta(days=1)
        assert await world.documents.expire() == 1
        assert await state(upload) is PaperState.EXPIRED
        assert await jobs(Job.PAPER_JUDGED) == 2

    @pytest.mark.parametrize("start", list(PaperState))
    async def test_no_state_is_reached_but_by_the_table(self, world: World, start: PaperState) -> None:
        upload = await world.checked()
        for to in PaperState:
            await execute("UPDATE upload SET state = $2 WHERE id = $1", upload, start)
            if to in NEXT[start]:
                await world.documents.move(await load(upload), to)
                assert await state(upload) is to
            else:
                with pytest.raises(IllegalTransition):
                    await world.documents.move(await load(upload), to)
                assert await state(upload) is start
