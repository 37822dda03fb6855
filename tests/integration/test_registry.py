"""Records of staff on a real database: who is who, who may settle what, and what two at once come to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from backend.accounts.codes import CodePurpose, Codes
from backend.accounts.consents import VERSION
from backend.accounts.phones import StoredPhone
from backend.database import db, fetch, fetch_one, fetch_value, new_id
from backend.errors import DomainError, Forbidden, IllegalTransition, NotFound, RuleViolation, Stale
from backend.identity import Actor, Binding, Level, Role
from backend.operations.demo_people import resident_id
from backend.people.identifiers import Identifier, IdentifierType
from backend.people.relations import RelationKind
from backend.registry import queries
from backend.registry.facts import IdentifierInput, RecordInput
from backend.registry.family.facts import MemberInput
from backend.registry.family.queries import family_of
from backend.registry.kinds import Certification, JobCategory, Population, RecordState
from backend.registry.policy import identifier_of
from backend.registry.takeovers import Takeovers
from backend.words import Language
from tests.integration.stay_world import World, make_world
from tests.services import dsn

NAME = "古丽·买买提"
HERE = "10.0.0.1"


@pytest.fixture
async def world(database: None) -> World:
    return await make_world()


def number(serial: int) -> IdentifierInput:
    return IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(date(1990, 1, 1), serial))


def entered(world: World, serial: int | None, unit: str = "daizong", name: str = NAME, **changed: Any) -> RecordInput:
    values: dict[str, Any] = {
        "name": name,
        "identifier": number(serial) if serial is not None else None,
        "unit_id": world.unions[unit],
        "population": Population.FRONTLINE_MEDICAL,
        "job_category": JobCategory.NURSE,
        "joined_unit_on": date(2015, 7, 1),
        "certification": Certification.COMMISSION_LIST,
        **changed,
    }
    return RecordInput(**values)


async def phone(world: World, mobile: str) -> Actor:
    """A phone that is logged in now, with whatever person is behind it."""
    login = world.services.login
    subject = StoredPhone.of(mobile, world.services.sealer).digest
    code = await login.codes.issue(CodePurpose.LOGIN, subject, HERE)
    pair = await login.log_in(mobile, code, "手机")
    return await again(world, pair.access)


async def again(world: World, access: str) -> Actor:
    claims = world.services.login.tokens.read_access(access)
    return await world.services.login.actor(claims.account, claims.family, Language.ZH)


async def refreshed(world: World, actor: Actor) -> Actor:
    """The same phone with the person that is behind it now."""
    return replace(
        actor, person_id=await fetch_value("SELECT person FROM worker_account WHERE id = $1", actor.account_id)
    )


@dataclass
class Sent:
    id: UUID
    version: int
    actor: Actor


async def submitted(world: World, mobile: str, serial: int, unit: str = "daizong", name: str = NAME) -> Sent:
    actor = await phone(world, mobile)
    await world.services.registry.save(actor, entered(world, serial, unit, name), None)
    actor = await refreshed(world, actor)
    await world.services.consents.give(actor, "personal_data", VERSION)
    ref = await world.services.registry.submit(actor, 1)
    return Sent(ref.id, ref.version, actor)


async def declared(world: World, actor: Actor, name: str, serial: int, kind: RelationKind) -> UUID:
    since = date(2016, 5, 1) if kind is RelationKind.SPOUSE else None
    member = MemberInput(name=name, identifier=number(serial), kind=kind, from_on=since)
    return await world.services.family.declare(actor, member)


async def outcomes(acts: list[Any]) -> tuple[list[Any], list[DomainError]]:
    done = await asyncio.gather(*acts, return_exceptions=True)
    unexpected = [one for one in done if isinstance(one, BaseException) and not isinstance(one, DomainError)]
    assert unexpected == []
    return [one for one in done if not isinstance(one, DomainError)], [
        one for one in done if isinstance(one, DomainError)
    ]


class TestWhoIsWho:
    async def test_a_name_that_a_relative_misspelt_does_not_stick(self, world: World) -> None:
        """A relative is named before the unit knows them: the name on the record is the one that the unit verified."""
        registry, officer = world.services.registry, world.by["officer-daizong"]
        teller = await world.worker()
        for serial in (7, 8):
            await declared(world, teller, "王八蛋", serial, RelationKind.SIBLING)
        sent = await submitted(world, "13800001111", 7)
        await registry.verify(officer, sent.id, sent.version)
        reported = await registry.report(officer, entered(world, 8, name="沈静"), "13800002222")
        names = [
            row["name"]
            for row in await fetch(
                "SELECT p.name FROM staff_record r JOIN person p ON p.id = r.person WHERE r.id = ANY($1) ORDER BY r.id",
                [sent.id, reported.id],
            )
        ]
        assert names == [NAME, "沈静"]
        # What the teller calls them stays the teller's own word.
        assert teller.person_id is not None
        named = await family_of(teller.person_id, await world.services.clock.today())
        assert [one.name for one in named] == ["王八蛋", "王八蛋"]

    async def test_ten_reports_of_one_worker_at_once_are_one_record(self, world: World) -> None:
        registry, officer = world.services.registry, world.by["officer-daizong"]
        made, refused = await outcomes([registry.report(officer, entered(world, 7), "13800001111") for _ in range(10)])
        assert (len(made), {error.code for error in refused}) == (1, {"on_file"})
        assert await fetch_value("SELECT count(*) FROM person WHERE name = $1", NAME) == 1

    async def test_two_phones_that_enter_one_number_become_one_person_once(self, world: World) -> None:
        registry, officer = world.services.registry, world.by["officer-daizong"]
        first, second = await submitted(world, "13800001111", 7), await submitted(world, "13800002222", 7)
        won, lost = await outcomes([registry.verify(officer, sent.id, sent.version) for sent in (first, second)])
        assert (len(won), [error.code for error in lost]) == (1, ["on_file"])
        assert await fetch_value("SELECT count(*) FROM person_identifier") == 1

    async def test_the_first_save_sent_ten_times_is_one_record(self, world: World) -> None:
        actor = await phone(world, "13800001111")
        made, refused = await outcomes(
            [world.services.registry.save(actor, entered(world, 7), None) for _ in range(10)]
        )
        assert (len(made), {type(error) for error in refused}) == (1, {Stale})
        assert await fetch_value("SELECT count(*) FROM staff_record") == 1


class TestOfficers:
    async def test_a_record_is_settled_once_by_its_own_unit(self, world: World) -> None:
        registry, officer = world.services.registry, world.by["officer-daizong"]
        sent = await submitted(world, "13800001111", 7)
        for username in ("officer-dailu", "hr-wang", "chair-han", "auditor-xu", "security", "sysadmin"):
            with pytest.raises(NotFound):
                await registry.verify(world.by[username], sent.id, sent.version)
            with pytest.raises(NotFound):
                await registry.return_(world.by[username], sent.id, sent.version, "材料不全,请补充")
        with pytest.raises(Stale):
            await registry.verify(officer, sent.id, 1)
        acts = [
            registry.verify(officer, sent.id, sent.version),
            registry.return_(officer, sent.id, sent.version, "材料不全,请补充"),
            registry.verify(officer, sent.id, sent.version),
        ]
        won, lost = await outcomes(acts)
        assert (len(won), {type(error) for error in lost}) == (1, {Stale})

    async def test_a_county_officer_settles_what_is_below_and_nothing_else(self, world: World) -> None:
        taishan = Actor(new_id(), "某", bindings=(Binding(Role.UNIT_OFFICER, world.unions["taishan"], Level.COUNTY),))
        below = await submitted(world, "13800001111", 7, "dailu")
        beside = await submitted(world, "13800002222", 9, "pingyang")
        assert [record.id for record in await queries.waiting_records(taishan, None, 10)] == [below.id]
        with pytest.raises(NotFound):
            await world.services.registry.look(taishan, beside.id)
        with pytest.raises(NotFound):
            await world.services.registry.report(taishan, entered(world, 11, "pingyang"), "13800003333")
        await world.services.registry.verify(taishan, below.id, below.version)
        await world.services.registry.report(taishan, entered(world, 11, "cdc"), "13800003333")

    async def test_nobody_handles_their_own_or_a_relatives_record(self, world: World) -> None:
        registry, officer = world.services.registry, world.by["officer-daizong"]
        sent = await submitted(world, "13800001111", 7)
        assert officer.person_id is not None
        await world.services.people.identify(officer.person_id, _identifier(9))
        await declared(world, sent.actor, "李经办", 9, RelationKind.SPOUSE)
        for act in (
            registry.verify(officer, sent.id, sent.version),
            registry.return_(officer, sent.id, sent.version, "材料不全,请补充"),
            registry.report(officer, entered(world, 9), "13800003333"),
        ):
            with pytest.raises(Forbidden) as refused:
                await act
            assert refused.value.code == "conflict_own_case"

    async def test_looks_and_numbers_in_full_are_on_record(self, world: World) -> None:
        registry, sent = world.services.registry, await submitted(world, "13800001111", 7)
        view = await registry.look(world.by["auditor-xu"], sent.id)
        assert (view.name, view.identifier_masked[4:-4]) == (NAME, "*" * 10)
        with pytest.raises(NotFound):
            await registry.reveal(world.by["auditor-xu"], sent.id, "审计需要核对")
        with pytest.raises(RuleViolation):
            await registry.reveal(world.by["hr-wang"], sent.id, "看")
        assert await registry.reveal(world.by["hr-wang"], sent.id, "与原件核对") == number(7).number
        rows = await fetch(
            "SELECT act, reason FROM audit_entry WHERE object = $1 AND act LIKE 'record.%' AND actor <> $2 ORDER BY at",
            sent.id,
            sent.actor.account_id,
        )
        assert [(row["act"], row["reason"]) for row in rows] == [("record.look", ""), ("record.reveal", "与原件核对")]

    async def test_a_reason_is_given_in_words(self, world: World) -> None:
        registry, officer = world.services.registry, world.by["officer-daizong"]
        sent = await submitted(world, "13800001111", 7)
        for reason in ("", "  ", "看 ", "长" * 501):
            with pytest.raises(RuleViolation) as refused:
                await registry.return_(officer, sent.id, sent.version, reason)
            assert refused.value.violations[0].field == "reason"

    async def test_a_record_that_waits_is_not_amended_and_a_verified_one_goes_back_to_draft(self, world: World) -> None:
        registry, sent = world.services.registry, await submitted(world, "13800001111", 7)
        with pytest.raises(IllegalTransition):
            await registry.save(sent.actor, entered(world, None, department="急诊科"), sent.version)
        verified = await registry.verify(world.by["officer-daizong"], sent.id, sent.version)
        actor = await refreshed(world, sent.actor)
        ref = await registry.save(actor, entered(world, None, department="急诊科"), verified.version)
        assert ref.state is RecordState.DRAFT
        with pytest.raises(Stale):
            await registry.save(actor, entered(world, None), verified.version)

    async def test_a_worker_who_changes_units_is_settled_by_the_new_one(self, world: World) -> None:
        registry, sent = world.services.registry, await submitted(world, "13800001111", 7)
        verified = await registry.verify(world.by["officer-daizong"], sent.id, sent.version)
        actor = await refreshed(world, sent.actor)
        ref = await registry.save(actor, entered(world, None, "dailu"), verified.version)
        ref = await registry.submit(actor, ref.version)
        assert await queries.waiting_records(world.by["officer-daizong"], None, 10) == []
        await registry.verify(world.by["officer-dailu"], ref.id, ref.version)
        with pytest.raises(NotFound):
            await registry.look(world.by["officer-daizong"], ref.id)

    async def test_a_unit_is_a_unit_that_is_open(self, world: World) -> None:
        actor = await phone(world, "13800001111")
        for unit in (world.unions["taishan"], world.unions["city"], new_id()):
            with pytest.raises(RuleViolation) as refused:
                await world.services.registry.save(actor, entered(world, 7, unit_id=unit), None)
            assert refused.value.violations[0].field == "unit_id"


@dataclass
class SlowNetwork:
    """A phone network that takes its time, or breaks."""

    breaks: bool = False
    sent: int = 0

    async def send(self, phone: str, text: str) -> None:
        self.sent += 1
        await asyncio.sleep(1.0)
        if self.breaks:
            raise ConnectionError(phone)


class TestTakeovers:
    def takeovers(self, world: World, network: SlowNetwork) -> Takeovers:
        return replace(world.services.takeovers, codes=Codes(world.services.sealer, network))

    @pytest.mark.parametrize("breaks", [False, True], ids=["slow", "broken"])
    async def test_the_phone_network_does_not_tell_who_is_on_file(self, world: World, breaks: bool) -> None:
        await world.services.registry.report(world.by["officer-daizong"], entered(world, 7), "13800007777")
        network = SlowNetwork(breaks)
        takeovers, actor = self.takeovers(world, network), await phone(world, "13800001111")
        for serial in (7, 9):
            began = time.monotonic()
            await takeovers.send_code(actor, number(serial), HERE)
            assert time.monotonic() - began < 0.9
        await asyncio.sleep(1.2)
        assert network.sent == 1

    async def test_a_known_and_an_unknown_number_cost_the_same_statements(self, world: World) -> None:
        """Both ways run the same statements, so no clock tells them apart."""
        await world.services.registry.report(world.by["officer-daizong"], entered(world, 7), "13800007777")
        takeovers, actor = self.takeovers(world, SlowNetwork()), await phone(world, "13800001111")
        spent = []
        for serial in (7, 9):
            async with statements() as seen:
                await takeovers.send_code(actor, number(serial), HERE)
                with pytest.raises(DomainError) as refused:
                    await takeovers.prove(actor, number(serial), "000000")
            spent.append((seen, refused.value.code, refused.value.message))
        assert spent[0] == spent[1]
        assert len(spent[0][0]) > 8

    async def test_many_numbers_from_one_address_are_throttled(self, world: World) -> None:
        actor = await phone(world, "13800001111")
        sent, refused = await outcomes([world.services.takeovers.send_code(actor, number(7), HERE) for _ in range(10)])
        assert (len(sent), {error.code for error in refused}) == (1, {"throttled"})

    async def test_a_number_that_is_let_go_finds_nothing_of_whom_it_belonged_to(self, world: World) -> None:
        """The phone of a nurse who has a new one may be a stranger's next year."""
        registry, officer = world.services.registry, world.by["officer-daizong"]
        sent = await submitted(world, "13800001111", 7)
        await registry.verify(officer, sent.id, sent.version)
        nurse = await refreshed(world, sent.actor)
        assert await fetch_value("SELECT count(*) FROM notification WHERE recipient = $1", nurse.account_id) == 2
        new = await phone(world, "13800002222")
        digest = world.services.people.digest(_identifier(7))
        code = await world.services.takeovers.codes.issue(CodePurpose.TAKEOVER, digest, HERE)
        await world.services.takeovers.prove(new, number(7), code)
        # Her messages come along.
        assert await fetch_value("SELECT count(*) FROM notification WHERE recipient = $1", new.account_id) == 2
        assert await fetch_value("SELECT person FROM worker_account WHERE id = $1", new.account_id) == nurse.person_id
        await fetch("UPDATE login_code SET created_at = created_at - interval '1 minute'")
        stranger = await phone(world, "13800001111")
        assert stranger.account_id != nurse.account_id
        assert stranger.person_id is None
        assert await fetch_value("SELECT count(*) FROM notification WHERE recipient = $1", stranger.account_id) == 0
        row = await fetch_one("SELECT phone_sealed, phone_masked FROM worker_account WHERE id = $1", nurse.account_id)
        assert row is not None
        assert (row["phone_sealed"], row["phone_masked"]) == (b"", "")

    async def test_a_claim_is_settled_once(self, world: World) -> None:
        takeovers, officer = world.services.takeovers, world.by["officer-daizong"]
        await world.services.registry.report(officer, entered(world, 7), "13800007777")
        sent = await submitted(world, "13800001111", 7)
        (asked,) = await queries.waiting_takeovers(officer, None, 10)
        won, lost = await outcomes(
            [
                takeovers.approve(officer, asked.id, "本人持证到场核对"),
                takeovers.refuse(officer, asked.id, "与本人联系,并非其手机"),
                takeovers.approve(officer, asked.id, "本人持证到场核对"),
            ]
        )
        assert (len(won), {error.code for error in lost}) == (1, {"settled"})
        assert await fetch_value("SELECT count(*) FROM staff_record WHERE id = $1", sent.id) in (0, 1)

    async def test_a_phone_with_a_verified_record_takes_no_other(self, world: World) -> None:
        registry, officer = world.services.registry, world.by["officer-daizong"]
        await registry.report(officer, entered(world, 7), "13800007777")
        sent = await submitted(world, "13800001111", 9)
        await registry.verify(officer, sent.id, sent.version)
        code = await world.services.takeovers.codes.issue(
            CodePurpose.TAKEOVER, world.services.people.digest(_identifier(7)), HERE
        )
        with pytest.raises(Forbidden) as refused:
            await world.services.takeovers.prove(await refreshed(world, sent.actor), number(7), code)
        assert refused.value.code == "account_taken"

    async def test_a_foreign_claim_does_not_exist(self, world: World) -> None:
        await world.services.registry.report(world.by["officer-daizong"], entered(world, 7), "13800007777")
        await submitted(world, "13800001111", 7)
        (asked,) = await queries.waiting_takeovers(world.by["officer-daizong"], None, 10)
        for username in ("officer-dailu", "hr-wang", "chair-han", "security"):
            for act in (world.services.takeovers.approve, world.services.takeovers.refuse):
                with pytest.raises(NotFound):
                    await act(world.by[username], asked.id, "本人持证到场核对")
        with pytest.raises(NotFound):
            await world.services.takeovers.approve(world.by["officer-daizong"], new_id(), "本人持证到场核对")

    async def test_the_claim_of_an_unknown_number_is_nobodys_to_see(self, world: World) -> None:
        await submitted(world, "13800001111", 9)
        assert await queries.waiting_takeovers(world.by["officer-daizong"], None, 10) == []
        unknown = await fetch_value("SELECT id FROM takeover")
        with pytest.raises(NotFound):
            await world.services.takeovers.approve(world.by["officer-daizong"], unknown, "本人持证到场核对")


def _identifier(serial: int) -> Identifier:
    return identifier_of(number(serial))


@asynccontextmanager
async def statements() -> AsyncIterator[list[str]]:
    """Every statement that the backend sends to the database in this block."""
    seen: list[str] = []

    async def listen(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(lambda query: seen.append(query.query))

    held = db().pool
    async with asyncpg.create_pool(dsn("niangjia_api"), min_size=2, max_size=4, init=listen) as pool:
        db().pool = pool
        try:
            yield seen
        finally:
            db().pool = held
