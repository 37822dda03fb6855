"""Papers as a phone sees them: large files in parts, what is served and how, and the request to erase."""

from __future__ import annotations

import hashlib
import os
from typing import Any
from uuid import uuid4

import httpx

from backend.applications.lifecycle import State
from backend.database import fetch_value
from backend.jobs import Job
from backend.operations.demo_cases import sample_paper
from backend.operations.tour.phone import described
from storage.port import DocumentStore
from tests.api.conftest import STAY, Api
from tests.api.test_case import check, quick_papers
from tests.integration.paper_world import jobs, jpeg

MIB = 1024 * 1024


def announced(content: bytes, kind: str = "invoice") -> dict[str, Any]:
    return described(content, kind, "image/jpeg", "发票.jpg")


async def test_a_large_file_goes_on_where_the_connection_was_lost(api: Api, store: DocumentStore) -> None:
    phone = await api.registered("13800001234")
    picture = jpeg()
    content = picture + os.urandom(9 * MIB - len(picture))
    reserved = await phone.call("POST", "/documents", 201, announced(content))
    first = await phone.call("POST", f"/documents/{reserved['id']}/parts", 200)
    assert [piece["size"] for piece in first["pieces"]] == [5 * MIB, 4 * MIB]
    async with httpx.AsyncClient(timeout=30) as connection:
        piece = first["pieces"][1]
        await connection.put(piece["url"], content=content[piece["offset"] :])
        problem = await phone.refused("POST", f"/documents/{reserved['id']}/complete", 409, "parts_missing")
        assert problem["title"]
        assert (await phone.call("GET", "/documents", 200))["items"] == []
        again = await phone.call("POST", f"/documents/{reserved['id']}/parts", 200)
        assert [piece["url"] is None for piece in again["pieces"]] == [False, True]
        await connection.put(again["pieces"][0]["url"], content=content[: 5 * MIB])
    assert (await phone.call("POST", f"/documents/{reserved['id']}/complete", 200))["state"] == "uploaded"
    await check(api, store, reserved["id"])
    assert (await phone.call("GET", f"/documents/{reserved['id']}", 200))["state"] == "checked"


async def test_what_is_served_runs_in_no_browser(api: Api, store: DocumentStore) -> None:
    phone = await api.registered("13800001234")
    upload = await phone.upload("work_permit", sample_paper("work_permit"), name="<script>alert(1)</script>.html.png")
    await check(api, store, upload)
    preview = await phone.send("GET", f"/documents/{upload}/preview")
    assert preview.headers["content-type"] == "image/jpeg"
    assert preview.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in preview.headers["content-security-policy"]
    assert preview.headers["cache-control"] == "no-store"
    looks = await fetch_value(
        "SELECT array_agg(act || ' ' || (detail->>'sha256')) FROM audit_entry WHERE act LIKE 'paper.%'"
    )
    assert looks == [f"paper.look {hashlib.sha256(sample_paper('work_permit')).hexdigest()}"]


async def test_a_worker_has_papers_erased_and_learns_what_stays_and_why(api: Api) -> None:
    batch = str(await api.world.batch(2))
    phone = await api.registered("13800001234")
    papers = await quick_papers(api, phone)
    case = await phone.request_stay(batch, STAY, papers)
    spare = await quick_papers(api, phone)
    key = uuid4().hex
    answer = await phone.call("POST", "/erasures", 201, {"reason": "不再需要"}, key=key)
    assert (answer["erased"], {kept["upload_id"] for kept in answer["kept"]}) == (3, {upload for _, upload in papers})
    assert all(case["number"] in kept["why"] and kept["kept_until"] is None for kept in answer["kept"])
    assert await phone.call("POST", "/erasures", 201, {"reason": "不再需要"}, key=key) == answer
    assert await phone.call("GET", "/erasures", 200) == [answer]
    shown = {entry["id"] for entry in (await phone.call("GET", "/documents", 200))["items"]}
    assert shown == {upload for _, upload in papers}
    for _, upload in spare:
        assert (await phone.call("GET", f"/documents/{upload}", 200))["state"] == "erased"
        await phone.refused("GET", f"/documents/{upload}/preview", 409, "not_checked")

    withdrawn = await phone.act(case["id"], "withdraw")
    assert withdrawn["state"] == State.WITHDRAWN
    assert await jobs(Job.CASE_DECIDED) == 1
    assert (await phone.call("POST", "/erasures", 201, {}))["kept"] == []


async def test_another_workers_papers_are_not_touched(api: Api) -> None:
    one, other = await api.registered("13800001234"), await api.registered("13800001235", 2)
    await quick_papers(api, one)
    assert (await other.call("POST", "/erasures", 201, {}))["erased"] == 0
    assert len((await one.call("GET", "/documents", 200))["items"]) == 3
    assert await other.call("GET", "/erasures", 200) != await one.call("GET", "/erasures", 200) == []
