"""Messages: written with what they report, shown in the inbox, sent to the phone at most once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from backend.database import fetch, fetch_value, new_id, transaction
from backend.errors import NotFound
from backend.jobs import Job
from backend.notifications import queries
from backend.notifications.service import Delivery
from backend.notifications.templates import TEMPLATES, render
from backend.words import Language
from storage.port import DocumentStore
from tests.integration.paper_world import SEALER, World, jobs, make_world

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Every word that any template may use.
WORDS = {
    "number": "LX-2026-000001",
    "stage_zh": "单位审核",
    "stage_en": "Unit check",
    "kind_zh": "工作证",
    "kind_en": "Work permit",
    "why_zh": "看不清",
    "why_en": "it cannot be read",
    "due_on": "2026-03-10",
    "rank": "3",
    "comment": "请补充盖章页",
    "award": "五一劳动奖章",
    "plan": "职工大病互助保障",
    "ended_on": "2026-03-31",
}


@dataclass
class Phone:
    """A network that keeps what it is given, or breaks."""

    broken: bool = False
    sent: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, phone: str, text: str) -> None:
        self.sent.append((phone, text))
        if self.broken:
            raise ConnectionError("no answer")


@pytest.fixture
async def world(database: None, store: DocumentStore) -> World:
    return await make_world(store)


async def tell(world: World, template: str = "application_returned") -> None:
    await world.documents.notifications.notify(new_id(), world.nurse.account_id, template, WORDS)


@pytest.mark.parametrize("template", list(TEMPLATES))
async def test_every_template_speaks_both_languages_and_leaves_no_gap(template: str) -> None:
    for language in Language:
        message = render(template, WORDS, language)
        assert message.title
        assert "{" not in message.title + message.text
    chinese, english = (render(template, WORDS, language).text for language in Language)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    assert "单位审核" not in english


async def test_an_extra_sentence_stands_only_with_its_word() -> None:
    assert "2026-03-10" in render("application_place_offered", WORDS, Language.ZH).text
    assert "名额将转给" not in render("application_place_offered", {**WORDS, "due_on": ""}, Language.ZH).text


async def test_the_same_occasion_is_told_once(world: World) -> None:
    occasion = new_id()
    for _ in range(2):
        await world.documents.notifications.notify(
            occasion, world.nurse.account_id, "application_submitted", WORDS, new_id()
        )
    rows = await fetch("SELECT channel FROM notification ORDER BY channel")
    assert [row["channel"] for row in rows] == ["inbox", "sms"]
    assert await jobs(Job.DELIVER_NOTIFICATION) == 1


async def test_what_is_rolled_back_is_not_told(world: World) -> None:
    async def fails_afterwards() -> None:
        async with transaction():
            await tell(world)
            raise LookupError

    with pytest.raises(LookupError):
        await fails_afterwards()
    assert await fetch_value("SELECT count(*) FROM notification") == 0
    assert await jobs(Job.DELIVER_NOTIFICATION) == 0


async def test_a_template_without_its_words_is_never_written(world: World) -> None:
    with pytest.raises(KeyError):
        await world.documents.notifications.notify(new_id(), world.nurse.account_id, "application_submitted", {})
    assert await fetch_value("SELECT count(*) FROM notification") == 0


async def test_a_text_message_goes_out_once_however_often_its_job_runs(world: World) -> None:
    await tell(world)
    phone = Phone()
    delivery = Delivery(world.clock, SEALER, phone)
    row = await fetch_value("SELECT id FROM notification WHERE channel = 'sms'")
    await asyncio.gather(*(delivery.deliver(row) for _ in range(4)))
    await delivery.deliver(row)
    assert [number for number, _ in phone.sent] == ["13800000001"]
    assert await fetch_value("SELECT delivered_at FROM notification WHERE id = $1", row) == world.clock.instant


async def test_a_text_message_lost_by_the_network_is_not_doubled(world: World) -> None:
    await tell(world)
    phone = Phone(broken=True)
    delivery = Delivery(world.clock, SEALER, phone)
    row = await fetch_value("SELECT id FROM notification WHERE channel = 'sms'")
    await delivery.deliver(row)
    phone.broken = False
    await delivery.deliver(row)
    assert len(phone.sent) == 1
    assert await fetch_value("SELECT delivered_at FROM notification WHERE id = $1", row) is None


async def test_an_officers_note_stays_behind_the_login(world: World) -> None:
    await tell(world)
    phone = Phone()
    await Delivery(world.clock, SEALER, phone).deliver(
        await fetch_value("SELECT id FROM notification WHERE channel = 'sms'")
    )
    assert WORDS["comment"] not in phone.sent[0][1]
    (entry,) = await queries.inbox(world.nurse, after=None, limit=10)
    assert entry.words["comment"] == WORDS["comment"]


async def test_the_inbox_is_ones_own_newest_first_by_pages(world: World) -> None:
    for _ in range(3):
        await tell(world)
    first = await queries.inbox(world.nurse, after=None, limit=2)
    rest = await queries.inbox(world.nurse, after=first[-1].id, limit=2)
    ids = [entry.id for entry in (*first, *rest)]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 3
    assert await queries.inbox(world.stranger, after=None, limit=10) == []


async def test_reading_counts_once_and_only_for_the_recipient(world: World) -> None:
    await tell(world)
    (entry,) = await queries.inbox(world.nurse, after=None, limit=10)
    assert await queries.unread(world.nurse) == 1
    with pytest.raises(NotFound):
        await world.documents.notifications.mark_read(world.stranger, entry.id)
    for _ in range(2):
        await world.documents.notifications.mark_read(world.nurse, entry.id)
    assert await queries.unread(world.nurse) == 0
