"""Files taken in at the counter: one for each press of the button, and nothing left of what the store did not take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from backend.database import fetch, fetch_value
from backend.documents.kinds import PaperKind, PaperState
from backend.jobs import Job
from backend.operations import demo_cases
from backend.settings import settings
from storage.keys import Bucket
from storage.port import ObjectMissing, StoreConfig
from storage.s3 import S3Store
from tests.console.desk_world import World, hidden, make_world
from tests.integration.paper_world import jobs, jpeg

OFFICER = "officer-daizong"
IDENTITY = f"identity:{PaperKind.RESIDENT_ID}"


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        yield made


async def drafted(world: World) -> str:
    """The page of a request that the officer files for a worker."""
    worker = world.workers["石大海"].person_id
    assert worker is not None
    case = await world.services.requests.draft(world.by[OFFICER], world.batch, worker, demo_cases.STAY)
    return f"/review/cases/{case.id}"


async def form(world: World, page: str) -> dict[str, str]:
    """The form for a file as the page of the case gives it."""
    shown = await (await world.desk(OFFICER)).get(page)
    return {**hidden(shown.text, f"{page}/papers/new"), "requirement": IDENTITY}


async def press(world: World, page: str, fields: dict[str, str], content: bytes) -> httpx.Response:
    return await (await world.desk(OFFICER)).post(
        f"{page}/papers/new", data=fields, files={"file": ("照片.jpg", content, "image/jpeg")}
    )


async def attached(page: str) -> list[UUID]:
    case = UUID(page.rpartition("/")[2])
    return [row[0] for row in await fetch("SELECT upload FROM application_document WHERE application = $1", case)]


async def test_a_file_that_is_sent_twice_is_one_paper(world: World, store: S3Store) -> None:
    page = await drafted(world)
    fields, content = await form(world, page), jpeg()
    answers = await asyncio.gather(*(press(world, page, fields, content) for _ in range(3)))
    answers.append(await press(world, page, fields, content))
    assert [answer.status_code for answer in answers] == [303] * 4
    (upload,) = await attached(page)
    assert [row[0] for row in await fetch("SELECT id FROM upload")] == [upload]
    assert await jobs(Job.CHECK_UPLOAD) == 1
    # The next page has a token of its own, so the same file may be sent once more on purpose.
    assert (await press(world, page, await form(world, page), content)).status_code == 303
    assert len(await attached(page)) == 2


async def test_a_token_stands_for_one_file_and_none_for_none(world: World, store: S3Store) -> None:
    page = await drafted(world)
    fields = await form(world, page)
    assert (await press(world, page, fields, jpeg("red"))).status_code == 303
    other = await press(world, page, fields, jpeg("blue"))
    assert other.status_code == 422
    assert "不能用于不同的内容" in other.text
    bare = {name: value for name, value in fields.items() if name != "token"}
    assert (await press(world, page, bare, jpeg("blue"))).status_code == 400
    assert len(await attached(page)) == await fetch_value("SELECT count(*) FROM upload") == 1


async def test_a_store_that_is_away_leaves_no_reservation_behind(world: World, store: S3Store) -> None:
    page, content = await drafted(world), jpeg()
    fields = await form(world, page)
    user = settings().store
    away = S3Store(
        StoreConfig("http://127.0.0.1:1", user.public_endpoint, user.region, user.access_key, user.secret_key)
    )
    documents = replace(world.services.documents, store=away)
    cut_off = replace(world, services=replace(world.services, documents=documents), clients={})
    refused = await press(cut_off, page, await form(cut_off, page) | {"token": fields["token"]}, content)
    assert refused.status_code == 503
    assert "没有办成" in refused.text
    away.close()
    assert [row["state"] for row in await fetch("SELECT state FROM upload")] == [PaperState.EXPIRED]
    assert await attached(page) == []

    # The same press, sent again, makes one new place and takes the file, however often it is sent.
    answers = await asyncio.gather(*(press(world, page, fields, content) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [303] * 3
    (upload,) = await attached(page)
    assert await fetch_value("SELECT count(*) FROM upload") == 2
    assert await fetch_value("SELECT state FROM upload WHERE id = $1", upload) == PaperState.UPLOADED

    # Should the store have taken the file nevertheless, it is cleared.
    ended = await fetch_value("SELECT id FROM upload WHERE state = 'expired'")
    key = await fetch_value("SELECT object_key FROM upload WHERE id = $1", ended)
    await store.put(Bucket.QUARANTINE, key, content, content_type="image/jpeg")
    assert await jobs(Job.CLEAR_UPLOAD) == 3
    await replace(world.services.documents, store=store).clear(ended)
    with pytest.raises(ObjectMissing):
        await store.head(Bucket.QUARANTINE, key)
