"""Certificates on record: issued once, changed by acts alone, shown by the business clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

import asyncpg
import msgspec
import pytest

from backend.certificates.service import REASON_LIMIT, Certificates, IssuedCertificate
from backend.certificates.shown import Kind, Line, Shown, Standing, State
from backend.clock import LOCAL
from backend.database import execute, fetch_value, new_id, transaction
from backend.errors import Conflict, NotFound, RuleViolation
from backend.identity import Actor, system_actor
from backend.words import Text
from tests.integration.paper_world import SetClock
from tests.services import logged_in_as

NOW = datetime(2026, 4, 30, 17, 0, tzinfo=UTC)  # the first of May in Shandong
COVER = Shown(
    title=Text("职工大病互助保障", "Critical illness cover"),
    holder="𠮷某",
    issuer="泰安市总工会(示例)",
    lines=(Line(Text("份数", "Shares"), Text("2 份", "2")),),
    valid_from=date(2026, 5, 1),
    valid_to=date(2027, 4, 30),
    waits_until=date(2026, 7, 29),
)
CHAIR = Actor(new_id(), "赵主任")


@dataclass
class World:
    """The service under a clock of the test's own, and one row that earns a certificate."""

    clock: SetClock = field(default_factory=lambda: SetClock(NOW))
    subject: UUID = field(default_factory=new_id)

    def __post_init__(self) -> None:
        self.certificates = Certificates(self.clock, "https://niangjia.example.org")

    async def issue(self, number: str = "MA-2026-000001", shown: Shown = COVER) -> IssuedCertificate:
        return await self.certificates.issue(CHAIR, Kind.COVER, self.subject, number, shown, NOW)

    async def change(self, state: State, reason: str = "申报材料不实", now: datetime = NOW) -> None:
        await self.certificates.change_state(Kind.COVER, self.subject, state, reason, now)

    async def standing_at(self, day: date) -> Standing:
        """How the public sees the certificate in the first minute of a local day."""
        self.clock.instant = datetime(day.year, day.month, day.day, 0, 1, tzinfo=LOCAL)
        held = await self.certificates.of(Kind.COVER, self.subject)
        assert held is not None
        return (await self.certificates.public(held.token)).standing


@pytest.fixture(params=["niangjia_api", "niangjia_console", "niangjia_worker"])
async def world(database: None, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with logged_in_as(request.param):
        yield World()


async def test_what_is_issued_is_on_record_and_its_link_cannot_be_guessed(world: World) -> None:
    made = await world.issue()
    assert made == await world.certificates.of(Kind.COVER, world.subject)
    assert (made.number, made.issued_by, made.issued_at, made.state) == (
        "MA-2026-000001",
        CHAIR.account_id,
        NOW,
        State.VALID,
    )
    assert made.shown == COVER
    assert world.certificates.link(made) == f"https://niangjia.example.org/certificates/{made.token}"
    assert len(made.token) == 22
    assert made.number not in world.certificates.link(made)


async def test_issuing_again_gives_the_first_one_back(world: World) -> None:
    first = await world.issue()
    await world.change(State.ENDED)
    again = await world.issue("MA-2026-000002", msgspec.structs.replace(COVER, holder="别人"))
    assert (again.id, again.token, again.number, again.shown) == (first.id, first.token, first.number, first.shown)
    assert again.state is State.ENDED
    assert await fetch_value("SELECT count(*) FROM certificate") == 1


async def test_two_who_issue_at_once_get_one(world: World) -> None:
    found = await asyncio.gather(*(world.issue() for _ in range(8)))
    assert len({certificate.id for certificate in found}) == 1
    assert await fetch_value("SELECT count(*) FROM certificate") == 1


async def test_a_number_is_given_once(world: World) -> None:
    await world.issue()
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.certificates.issue(CHAIR, Kind.AWARD, new_id(), "MA-2026-000001", COVER, NOW)


async def test_what_is_rolled_back_was_never_issued(world: World) -> None:
    async def fail() -> None:
        async with transaction():
            await world.issue()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await world.certificates.of(Kind.COVER, world.subject) is None


async def test_a_system_actor_may_issue(world: World) -> None:
    made = await world.certificates.issue(system_actor("参保生效"), Kind.COVER, new_id(), "MA-1", COVER, NOW)
    assert made.issued_by == UUID(int=0)


async def test_the_public_sees_the_standing_of_the_day(world: World) -> None:
    await world.issue()
    assert await world.standing_at(date(2026, 4, 30)) is Standing.UPCOMING
    assert await world.standing_at(date(2026, 5, 1)) is Standing.WAITING
    assert await world.standing_at(date(2026, 7, 30)) is Standing.VALID
    assert await world.standing_at(date(2027, 4, 30)) is Standing.VALID
    assert await world.standing_at(date(2027, 5, 1)) is Standing.EXPIRED


async def test_dates_are_those_of_the_place(world: World) -> None:
    made = await world.issue()
    assert (await world.certificates.public(made.token)).issued_on == date(2026, 5, 1)


async def test_the_reason_of_a_revocation_is_public_that_of_an_end_is_not(world: World) -> None:
    made = await world.issue()
    await world.change(State.ENDED, "离开单位")
    ended = await world.certificates.public(made.token)
    assert (ended.standing, ended.reason, ended.changed_on) == (Standing.ENDED, "", date(2026, 5, 1))
    await world.change(State.REVOKED, " 申报材料不实 ", datetime(2026, 6, 1, 2, 0, tzinfo=UTC))
    revoked = await world.certificates.public(made.token)
    assert (revoked.standing, revoked.reason, revoked.changed_on) == (
        Standing.REVOKED,
        "申报材料不实",
        date(2026, 6, 1),
    )


async def test_the_same_change_again_changes_nothing(world: World) -> None:
    await world.issue()
    await world.change(State.REVOKED, "申报材料不实")
    first = await world.certificates.of(Kind.COVER, world.subject)
    await world.change(State.REVOKED, "另一理由", datetime(2026, 7, 1, tzinfo=UTC))
    assert await world.certificates.of(Kind.COVER, world.subject) == first


@pytest.mark.parametrize(
    ("reached", "wanted"),
    [(State.REVOKED, State.ENDED), (State.REVOKED, State.VALID), (State.ENDED, State.VALID)],
)
async def test_a_certificate_does_not_come_back(world: World, reached: State, wanted: State) -> None:
    await world.issue()
    await world.change(reached)
    with pytest.raises(Conflict):
        await world.change(wanted)


@pytest.mark.parametrize("reason", ["", "  ", "长" * (REASON_LIMIT + 1)])
async def test_a_revocation_needs_a_reason(world: World, reason: str) -> None:
    await world.issue()
    with pytest.raises(RuleViolation):
        await world.change(State.REVOKED, reason)


async def test_nothing_is_changed_that_was_not_issued(world: World) -> None:
    with pytest.raises(NotFound):
        await world.change(State.ENDED)


async def test_a_wrong_token_stands_for_nothing(world: World) -> None:
    made = await world.issue()
    for token in ("", made.number, made.token[:-1], made.token + "A", str(made.id)):
        with pytest.raises(NotFound):
            await world.certificates.public(token)


@pytest.mark.parametrize(
    "change", ["shown = '{}'", "number = 'X'", "token = repeat('A', 22)", "subject = id", "issued_by = id"]
)
async def test_no_process_may_change_what_was_issued(world: World, change: str) -> None:
    await world.issue()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(f"UPDATE certificate SET {change}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute("DELETE FROM certificate")
