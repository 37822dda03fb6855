"""Two hundred hostile files go the whole way from a phone: none becomes visible, and each has a reason."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from backend.database import fetch, fetch_value
from backend.documents import queries
from backend.documents.checking import Checking
from backend.documents.inspection.inspector import Inspector
from backend.documents.inspection.scanner import Clamd, NoScanner
from backend.documents.kinds import VIEWABLE, Malware, PaperKind, PaperState
from backend.documents.policy import why_refused
from backend.errors import Conflict, RuleViolation, TooLarge
from storage.keys import Bucket
from storage.port import DocumentStore, ObjectMissing
from tests.faults.hostile_files import Hostile, all_of_them
from tests.integration.paper_world import SEALER, World, jpeg, make_world, post, state
from tests.services import logged_in_as

FILES = all_of_them()
AT_ONCE = 4


@pytest.fixture
async def world(database: None, store: DocumentStore) -> World:
    return await make_world(store)


async def attempt(world: World, checking: Checking, hostile: Hostile) -> str:
    """Send one as a phone would; who stopped it, or `nobody`."""
    size = len(hostile.content) if hostile.size is None else hostile.size
    sha256 = hostile.sha256 or hashlib.sha256(hostile.content).digest()
    try:
        made = await world.documents.reserve(
            world.nurse, PaperKind.INVOICE, hostile.name, size, sha256, hostile.declared
        )
    except (RuleViolation, TooLarge) as refused:
        said = [refused.message, *(violation.message for violation in refused.violations)]
        return "reservation" if all(words.zh and words.en for words in said) else "nobody, for it says nothing"
    assert made.form is not None
    if (await post(made.form, hostile.content)).status_code != 204:
        with pytest.raises(Conflict) as incomplete:
            await world.documents.complete(world.nurse, made.upload_id)
        assert incomplete.value.code == "not_uploaded"
        return "store"
    await world.documents.complete(world.nurse, made.upload_id)
    await checking.check(made.upload_id)
    return "nobody" if await state(made.upload_id) in VIEWABLE else "check"


async def outcomes(world: World, checking: Checking, files: list[Hostile]) -> dict[str, str]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(hostile: Hostile) -> tuple[str, str]:
        async with turns:
            return hostile.label, await attempt(world, checking, hostile)

    return dict(await asyncio.gather(*map(one, files)))


def test_there_are_two_hundred_of_them() -> None:
    assert len(FILES) >= 200
    assert len({hostile.label for hostile in FILES}) == len(FILES)


async def test_none_of_them_becomes_visible_and_each_has_a_reason(world: World, store: DocumentStore) -> None:
    files = [hostile for hostile in FILES if not hostile.malware]
    stopped = await outcomes(world, world.checking, files)
    assert {label: by for label, by in stopped.items() if by.startswith("nobody")} == {}
    assert set(stopped.values()) == {"reservation", "store", "check"}

    rows = await fetch("SELECT state, refusal_code, object_key, rendition_key FROM upload")
    for row in rows:
        assert row["rendition_key"] is None
        with pytest.raises(ObjectMissing):
            await store.head(Bucket.DOCUMENTS, row["object_key"])
        if row["state"] == PaperState.REFUSED:
            assert why_refused(row["refusal_code"]).zh and why_refused(row["refusal_code"]).en
            with pytest.raises(ObjectMissing):
                await store.head(Bucket.QUARANTINE, row["object_key"])
    refused = [row for row in rows if row["state"] == PaperState.REFUSED]
    assert len(refused) == sum(by == "check" for by in stopped.values())
    told = "SELECT count(*) FROM notification WHERE template = 'paper_refused' AND channel = 'inbox'"
    assert await fetch_value(told) == len(refused)
    for entry in await queries.mine(world.nurse, SEALER, after=None, limit=1000):
        assert entry.state == PaperState.REFUSED
        assert not set("/\\\x00\r\n\u202e\u2066\u2069\u200f") & set(entry.name)
    assert await queries.waiting(world.verifier, after=None, limit=10) == []


async def test_what_only_a_scanner_can_tell_is_told_by_it(world: World, clamd: str) -> None:
    checking = Checking(world.documents, Inspector(Clamd(clamd)))
    infected = [hostile for hostile in FILES if hostile.malware or hostile.label.startswith("EICAR")]
    stopped = await outcomes(world, checking, infected)
    assert set(stopped.values()) == {"check"}
    found = await fetch_value("SELECT count(*) FROM upload WHERE refusal_code = 'malware' AND malware = 'found'")
    assert found == sum(hostile.malware for hostile in infected)

    honest = await world.send(jpeg())
    await world.documents.complete(world.nurse, honest)
    await checking.check(honest)
    assert await fetch_value("SELECT (state, malware)::text FROM upload WHERE id = $1", honest) == "(checked,clean)"


async def test_without_a_scanner_nothing_is_called_clean(world: World) -> None:
    checking = Checking(world.documents, Inspector(NoScanner()))
    await outcomes(world, checking, [hostile for hostile in FILES if hostile.malware])
    assert {row["malware"] for row in await fetch("SELECT malware FROM upload")} == {Malware.NOT_SCANNED}


async def test_the_worker_role_can_do_all_of_it(world: World) -> None:
    hostile = next(one for one in FILES if one.label == "PDF opening script")
    good = await world.send(jpeg())
    await world.documents.complete(world.nurse, good)
    async with logged_in_as("niangjia_worker"):
        await world.checking.check(good)
        assert await state(good) is PaperState.CHECKED
    assert await attempt(world, world.checking, hostile) == "check"
