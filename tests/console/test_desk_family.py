"""A worker's family at the desk: masked, with its papers, for those who may see the record; the liar's trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import pytest

from backend.database import execute, fetch, fetch_one, fetch_value
from backend.documents.kinds import PaperKind
from backend.operations.demo_people import resident_id
from backend.people.identifiers import IdentifierType
from backend.people.relations import EndReason, RelationKind
from backend.registry.facts import IdentifierInput
from backend.registry.family.facts import MemberInput
from storage.keys import RENDITION_SUFFIX, Bucket
from storage.s3 import S3Store
from tests.console.desk_world import World, hidden, make_world, press
from tests.integration.paper_world import jpeg

WORKER = "林晚晴"
OFFICER = "officer-dailu"
CHILD = resident_id(date(2018, 6, 1), 602)


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    async with make_world() as made:
        yield made


async def declare(world: World, kind: RelationKind, number: IdentifierInput, name: str, **changed: object) -> UUID:
    entered = MemberInput(name=name, identifier=number, kind=kind, **changed)  # type: ignore[arg-type]
    return await world.services.family.declare(world.workers[WORKER], entered)


async def page_of(worker: UUID | None) -> str:
    return f"/review/records/{await fetch_value('SELECT id FROM staff_record WHERE person = $1', worker)}"


async def test_the_family_is_shown_masked_to_those_who_may_see_the_record(world: World, store: S3Store) -> None:
    worker = world.workers[WORKER]
    upload = await world.paper(worker, PaperKind.HOUSEHOLD_REGISTER)
    key = f"{upload.hex}{RENDITION_SUFFIX}"
    await execute("UPDATE upload SET rendition_key = $2 WHERE id = $1", upload, key)
    await store.put(Bucket.DOCUMENTS, key, jpeg(), content_type="image/jpeg")
    number = IdentifierInput(IdentifierType.RESIDENT_ID, CHILD)
    await declare(world, RelationKind.CHILD, number, "林小雨", evidence=upload)
    former = IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(date(1988, 1, 1), 603))
    ended = await declare(world, RelationKind.SPOUSE, former, "周前夫", from_on=date(2014, 1, 1))
    await world.services.family.end(worker, ended, date(2020, 1, 1), EndReason.DIVORCE, 1)
    page = await page_of(worker.person_id)
    for reader in (OFFICER, "hr-wang", "auditor-xu"):
        html = (await (await world.desk(reader)).get(page)).text
        assert "林小雨" in html and "3709**********" in html and CHILD not in html
        assert "离婚" in html and "2020-01-01" in html
        assert ("查看材料" in html) is (reader != "auditor-xu")
    assert (await (await world.desk("officer-daizong")).get(page)).status_code == 404
    paper = f"{page}/papers/{upload}/preview"
    picture = await (await world.desk(OFFICER)).get(paper)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    for reader in ("officer-daizong", "auditor-xu", "reviewer-zhou"):
        assert (await (await world.desk(reader)).get(paper)).status_code == 404
    other = await world.paper(worker, PaperKind.DIAGNOSIS)
    assert (await (await world.desk(OFFICER)).get(f"{page}/papers/{other}/preview")).status_code == 404
    acts = [row["act"] for row in await fetch("SELECT act FROM audit_entry WHERE outcome = 'done'")]
    assert acts.count("record.look") == 3 and acts.count("paper.look") == 1


async def test_naming_a_stranger_leaves_a_trace(world: World) -> None:
    """A doctor of another hospital named as one's child, taken back at once: the officer still sees it."""
    stranger = await fetch_one("SELECT * FROM person WHERE name = '孟冬梅'")
    assert stranger is not None
    number = IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(stranger["born_on"], 64))
    relation = await declare(world, RelationKind.SIBLING, number, "林小妹")
    page = await page_of(world.workers[WORKER].person_id)
    html = (await (await world.desk(OFFICER)).get(page)).text
    assert "林小妹" in html and "与在册信息不一致" in html and "无佐证" in html
    await world.services.family.strike(world.workers[WORKER], relation, 1)
    html = (await (await world.desk(OFFICER)).get(page)).text
    assert "林小妹" in html and "已撤回" in html
    assert await fetch_value("SELECT name FROM person WHERE id = $1", stranger["id"]) == "孟冬梅"


async def test_a_childs_resident_id_is_compared_and_added(world: World) -> None:
    worker = world.workers[WORKER]
    certificate = IdentifierInput(IdentifierType.BIRTH_CERTIFICATE, "S370123456", date(2018, 6, 1), "female")
    relation = await declare(world, RelationKind.CHILD, certificate, "林小雨")
    register = await world.paper(worker, PaperKind.HOUSEHOLD_REGISTER)
    asked = await world.services.additions.ask(worker, relation, CHILD, register)
    page = await page_of(worker.person_id)
    waiting = (await (await world.desk(OFFICER)).get("/review/records")).text
    assert "待核对的家属身份证号" in waiting and "林小雨" in waiting
    approve = f"{page}/additions/{asked}/approve"
    assert approve not in (await (await world.desk("auditor-xu")).get(page)).text
    refused = await press(world, OFFICER, page, approve, reason="好")
    assert refused.status_code == 422 and 'value="好"' in refused.text
    done = await press(world, OFFICER, page, approve, reason="与户口簿原件核对一致")
    assert done.headers["location"] == f"{page}?done=addition_approve"
    html = (await (await world.desk(OFFICER)).get(done.headers["location"])).text
    assert "身份证号已补录" in html and "S3******56" not in html and approve not in html
    assert await fetch_value("SELECT count(*) FROM person_identifier WHERE masked LIKE 'S3%'") == 1


async def test_a_childs_resident_id_is_refused_with_the_reason(world: World) -> None:
    worker = world.workers[WORKER]
    certificate = IdentifierInput(IdentifierType.BIRTH_CERTIFICATE, "S370123456", date(2018, 6, 1), "female")
    relation = await declare(world, RelationKind.CHILD, certificate, "林小雨")
    asked = await world.services.additions.ask(
        worker, relation, CHILD, await world.paper(worker, PaperKind.HOUSEHOLD_REGISTER)
    )
    page = await page_of(worker.person_id)
    form = f"{page}/additions/{asked}"
    browser = await world.desk(OFFICER)
    assert (await press(world, OFFICER, page, f"{form}/approve", reason="x" * 501)).status_code == 422
    assert (await browser.post(f"{form}/burn", data={})).status_code in (403, 404)
    html = (await browser.get(page)).text
    assert "不予补录" in html
    sent = {**hidden(html, f"{form}/approve"), "reason": "户口簿上的出生日期看不清"}
    assert (await browser.post(f"{form}/refuse", data=sent)).status_code == 303
    # The same form again is the same act; a new one finds it settled.
    assert (await browser.post(f"{form}/refuse", data=sent)).status_code == 303
    assert await fetch_value("SELECT state FROM identifier_addition") == "refused"
