"""Codes, tokens, devices, roles and consents on a real database: throttled, rotated, told apart, by two persons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest

from backend.accounts import codes as codes_module
from backend.accounts import login as login_module
from backend.accounts import roster
from backend.accounts.codes import LIFETIME, PER_ADDRESS, PER_SUBJECT, TRIES, CodePurpose, Codes
from backend.accounts.consents import CONSENT_TEXTS, VERSION
from backend.accounts.console import DECIDING, Roles, console_actor
from backend.accounts.login import FAMILY_LIFETIME, RETRY_WINDOW, Login, TokenPair
from backend.accounts.phones import StoredPhone
from backend.accounts.tokens import Tokens
from backend.clock import security_now
from backend.database import execute, fetch, fetch_value, new_id
from backend.errors import Conflict, DomainError, Forbidden, NotFound, RuleViolation, Throttled, Unauthenticated
from backend.identity import Actor, Binding, Level, Role
from backend.words import Language
from tests.integration.paper_world import SEALER
from tests.integration.stay_world import World, make_world
from tests.services import logged_in_as

NUMBER = "13800001234"
HERE = "10.0.0.1"


@dataclass
class Network:
    """A phone network that keeps what it is given."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, phone: str, text: str) -> None:
        self.sent.append((phone, text))

    def code(self) -> str:
        """The code in the last message."""
        return self.sent[-1][1].partition("验证码 ")[2][:6]


@dataclass
class Setting:
    network: Network
    codes: Codes
    login: Login

    async def logged_in(self, number: str = NUMBER, device: str = "手机") -> TokenPair:
        await self.login.send_code(number, HERE)
        return await self.login.log_in(number, self.network.code(), device)

    async def subject(self, number: str = NUMBER) -> bytes:
        return StoredPhone.of(number, SEALER).digest


@pytest.fixture
async def setting(database: None) -> Setting:
    network = Network()
    codes = Codes(SEALER, network)
    return Setting(network, codes, Login(SEALER, codes, Tokens(bytes(32))))


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """Security time as the accounts see it runs ahead by the sum of what is put into this list."""
    spans: list[timedelta] = []
    for module in (codes_module, login_module):
        monkeypatch.setattr(module, "security_now", lambda: security_now() + sum(spans, timedelta()))
    return spans


async def outcomes(acts: Iterable[Awaitable[object]]) -> tuple[list[object], list[DomainError]]:
    done = await asyncio.gather(*acts, return_exceptions=True)
    refused = [one for one in done if isinstance(one, DomainError)]
    unexpected = [one for one in done if isinstance(one, BaseException) and not isinstance(one, DomainError)]
    assert unexpected == []
    return [one for one in done if not isinstance(one, DomainError)], refused


class TestCodes:
    async def test_a_phone_gets_so_many_codes_and_is_told_when_the_next_one_goes(
        self, setting: Setting, moved: list[timedelta]
    ) -> None:
        sent = []
        for _ in range(21):
            await setting.login.send_code(NUMBER, HERE)
            sent.append(sum(moved, timedelta()))
            with pytest.raises(Throttled) as refused:
                await setting.login.send_code(NUMBER, HERE)
            wait = timedelta(seconds=refused.value.retry_after_s)
            moved.append(wait - timedelta(seconds=2))
            with pytest.raises(Throttled):
                await setting.login.send_code(NUMBER, HERE)
            moved.append(timedelta(seconds=2))
        for count, window in PER_SUBJECT:
            for first, beyond in zip(sent, sent[count:], strict=False):
                assert beyond - first >= window - timedelta(seconds=2), (count, window)
        assert sent[10] - sent[9] > timedelta(hours=20)

    async def test_many_requests_at_once_for_one_phone_send_one_message(self, setting: Setting) -> None:
        sent, refused = await outcomes([setting.login.send_code(NUMBER, HERE) for _ in range(20)])
        assert (len(sent), {type(one) for one in refused}) == (1, {Throttled})
        assert len(setting.network.sent) == 1

    async def test_many_phones_at_once_from_one_address_stay_within_its_limit(self, setting: Setting) -> None:
        (limit, _), *_ = PER_ADDRESS
        numbers = [f"1381{number:07d}" for number in range(limit + 12)]
        for number in numbers[: limit - 4]:
            await setting.login.send_code(number, HERE)
        sent, refused = await outcomes([setting.login.send_code(number, HERE) for number in numbers[limit - 4 :]])
        assert (len(sent), len(refused)) == (4, 12)
        await setting.login.send_code("13900000000", "10.0.0.2")

    async def test_a_code_bears_five_tries_however_many_come_at_once(self, setting: Setting) -> None:
        await setting.login.send_code(NUMBER, HERE)
        right, subject = setting.network.code(), await setting.subject()
        wrong = f"{(int(right) + 1) % 1_000_000:06d}"
        await outcomes([setting.codes.prove(CodePurpose.LOGIN, subject, wrong) for _ in range(30)])
        assert await fetch_value("SELECT tries FROM login_code") == TRIES
        with pytest.raises(Unauthenticated):
            await setting.codes.prove(CodePurpose.LOGIN, subject, right)

    async def test_a_code_is_used_once_however_many_use_it_at_once(self, setting: Setting) -> None:
        await setting.login.send_code(NUMBER, HERE)
        right = setting.network.code()
        won, lost = await outcomes([setting.login.log_in(NUMBER, right, "手机") for _ in range(5)])
        assert (len(won), {error.code for error in lost}) == (1, {"wrong_code"})
        assert await fetch_value("SELECT count(*) FROM worker_account") == 1

    async def test_only_the_newest_code_counts_and_only_for_what_it_was_sent(
        self, setting: Setting, moved: list[timedelta]
    ) -> None:
        await setting.login.send_code(NUMBER, HERE)
        first = setting.network.code()
        moved.append(timedelta(seconds=31))
        await setting.login.send_code(NUMBER, HERE)
        second, subject = setting.network.code(), await setting.subject()
        with pytest.raises(Unauthenticated):
            await setting.codes.prove(CodePurpose.TAKEOVER, subject, second)
        if first != second:
            with pytest.raises(Unauthenticated):
                await setting.codes.prove(CodePurpose.LOGIN, subject, first)
        with pytest.raises(Unauthenticated):
            await setting.codes.prove(CodePurpose.LOGIN, await setting.subject("13800009999"), second)
        await setting.codes.prove(CodePurpose.LOGIN, subject, second)

    async def test_a_code_lives_five_minutes(self, setting: Setting, moved: list[timedelta]) -> None:
        await setting.login.send_code(NUMBER, HERE)
        moved.append(LIFETIME)
        with pytest.raises(Unauthenticated):
            await setting.codes.prove(CodePurpose.LOGIN, await setting.subject(), setting.network.code())

    async def test_codes_and_addresses_are_stored_hashed(self, setting: Setting) -> None:
        await setting.login.send_code(NUMBER, HERE)
        (row,) = await fetch("SELECT c::text AS line FROM login_code c")
        for secret in (setting.network.code(), NUMBER, HERE):
            assert secret not in row["line"]
            assert secret.encode().hex() not in row["line"]


class TestDevices:
    async def test_a_token_rotates_and_its_retries_get_the_same_successor(self, setting: Setting) -> None:
        pair = await setting.logged_in()
        answers, refused = await outcomes([setting.login.refresh(pair.refresh) for _ in range(10)])
        assert refused == []
        assert len({answer.refresh for answer in answers if isinstance(answer, TokenPair)}) == 1
        assert await fetch_value("SELECT generation FROM token_family") == 1

    async def test_a_retry_is_taken_for_five_minutes_then_it_ends_the_device(
        self, setting: Setting, moved: list[timedelta]
    ) -> None:
        pair = await setting.logged_in()
        newest = await setting.login.refresh(pair.refresh)
        moved.append(RETRY_WINDOW - timedelta(seconds=5))
        assert (await setting.login.refresh(pair.refresh)).refresh == newest.refresh
        moved.append(timedelta(seconds=5))
        with pytest.raises(Unauthenticated):
            await setting.login.refresh(pair.refresh)
        with pytest.raises(Unauthenticated):
            await setting.login.refresh(newest.refresh)
        assert await fetch_value("SELECT end_reason FROM token_family") == "reused"

    async def test_a_token_older_than_the_last_ends_the_device_at_once_and_no_other(self, setting: Setting) -> None:
        first = await setting.logged_in()
        await execute("UPDATE login_code SET created_at = created_at - interval '1 minute'")
        other = await setting.logged_in(device="平板")
        second = await setting.login.refresh(first.refresh)
        third = await setting.login.refresh(second.refresh)
        results, refused = await outcomes([setting.login.refresh(first.refresh) for _ in range(5)])
        assert (results, len(refused)) == ([], 5)
        with pytest.raises(Unauthenticated):
            await setting.login.refresh(third.refresh)
        claims = setting.login.tokens.read_access(third.access)
        with pytest.raises(Unauthenticated):
            await setting.login.actor(claims.account, claims.family, Language.ZH)
        assert (await setting.login.refresh(other.refresh)).account == first.account
        assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'login.reuse'") == 1

    async def test_a_device_is_logged_in_for_sixty_days_at_most(self, setting: Setting, moved: list[timedelta]) -> None:
        pair = await setting.logged_in()
        moved.append(FAMILY_LIFETIME - timedelta(minutes=1))
        pair = await setting.login.refresh(pair.refresh)
        moved.append(timedelta(minutes=2))
        with pytest.raises(Unauthenticated):
            await setting.login.refresh(pair.refresh)

    async def test_logging_out_ends_one_device_or_all_and_nobody_elses(self, setting: Setting) -> None:
        pairs = []
        for device in ("一", "二", "三"):
            pairs.append(await setting.logged_in(device=device))
            await execute("UPDATE login_code SET created_at = created_at - interval '1 minute'")
        stranger = await setting.logged_in("13800005678")
        actors = [Actor(pair.account, "某", origin="phone") for pair in (pairs[0], stranger)]
        listed = await setting.login.devices(actors[0])
        assert [device.name for device in listed] == ["三", "二", "一"]
        with pytest.raises(NotFound):
            await setting.login.log_out(actors[1], listed[0].id)
        await setting.login.log_out(actors[0], listed[0].id)
        with pytest.raises(Unauthenticated):
            await setting.login.refresh(pairs[2].refresh)
        await setting.login.log_out_everywhere(actors[0])
        assert await setting.login.devices(actors[0]) == []
        await setting.login.refresh(stranger.refresh)


@pytest.fixture
async def world(database: None) -> AsyncIterator[World]:
    made = await make_world()
    async with logged_in_as("niangjia_console"):
        yield made


async def roles_of(world: World, username: str) -> set[Role]:
    login = await fetch_value(
        "SELECT u.id FROM console_user u JOIN console_account c ON c.login = u.id WHERE c.id = $1",
        world.by[username].account_id,
    )
    found = await console_actor(login)
    return set(found.roles) if found else set()


class TestRoles:
    roles = Roles()

    async def test_a_deciding_role_counts_once_a_second_person_has_approved_it(self, world: World) -> None:
        qin, city = world.by["finance-qin"], world.unions["city"]
        binding = await self.roles.grant(world.by["security"], qin.account_id, Role.REVIEWER, city)
        assert await roles_of(world, "finance-qin") == {Role.FINANCE}
        with pytest.raises(Forbidden) as refused:
            await self.roles.approve(world.by["security"], binding)
        assert refused.value.code == "second_person"
        await self.roles.approve(world.by["sysadmin"], binding)
        assert await roles_of(world, "finance-qin") == {Role.FINANCE, Role.REVIEWER}
        with pytest.raises(Conflict):
            await self.roles.approve(world.by["sysadmin"], binding)
        await self.roles.revoke(world.by["security"], binding)
        assert await roles_of(world, "finance-qin") == {Role.FINANCE}
        with pytest.raises(NotFound):
            await self.roles.revoke(world.by["security"], binding)

    async def test_other_roles_count_at_once_and_are_held_once(self, world: World) -> None:
        qin, city = world.by["finance-qin"].account_id, world.unions["city"]
        made, refused = await outcomes(
            [self.roles.grant(world.by["security"], qin, Role.AUDITOR, city) for _ in range(5)]
        )
        assert (len(made), {error.code for error in refused}) == (1, {"role_held"})
        assert Role.AUDITOR in await roles_of(world, "finance-qin")

    async def test_a_second_account_is_no_second_person(self, world: World) -> None:
        """Somebody with two logins neither approves what the other granted nor grants to it."""
        security, sysadmin = world.by["security"], world.by["sysadmin"]
        await execute("UPDATE console_account SET person = $2 WHERE id = $1", sysadmin.account_id, security.person_id)
        same = replace(sysadmin, person_id=security.person_id)
        qin, city = world.by["finance-qin"].account_id, world.unions["city"]
        binding = await self.roles.grant(security, qin, Role.CHAIR, city)
        with pytest.raises(Forbidden) as refused:
            await self.roles.approve(same, binding)
        assert refused.value.code == "second_person"
        with pytest.raises(Forbidden) as refused:
            await self.roles.grant(security, sysadmin.account_id, Role.AUDITOR, city)
        assert refused.value.code == "not_oneself"

    async def test_roles_are_managed_below_ones_own_union(self, world: World) -> None:
        county = Actor(new_id(), "某", bindings=(Binding(Role.SECURITY_ADMIN, world.unions["taishan"], Level.COUNTY),))
        qin = world.by["finance-qin"].account_id
        own = await self.roles.grant(county, qin, Role.UNIT_OFFICER, world.unions["dailu"])
        for union in ("city", "daiyue", "pingyang", "province"):
            with pytest.raises(NotFound):
                await self.roles.grant(county, qin, Role.UNIT_OFFICER, world.unions[union])
        foreign = await fetch_value("SELECT id FROM role_binding WHERE trade_union = $1 LIMIT 1", world.unions["city"])
        for act in (self.roles.revoke, self.roles.approve):
            with pytest.raises(NotFound):
                await act(county, foreign)
        assert {row["union_name"] for row in await roster.bindings(county)} == {"岱麓区医院(示例)"}
        assert {row["short_name"] for row in await roster.unions_named(county, "")} == {
            "泰山区总工会",
            "岱麓区医院",
            "泰山区疾控中心",
        }
        await self.roles.revoke(county, own)

    @pytest.mark.parametrize("username", ["sysadmin", "chair-han", "hr-wang", "officer-dailu", "auditor-xu"])
    async def test_only_a_security_administrator_grants_and_revokes(self, world: World, username: str) -> None:
        somebody, qin = world.by[username], world.by["finance-qin"].account_id
        held = await fetch_value("SELECT id FROM role_binding WHERE account = $1", qin)
        with pytest.raises(Forbidden):
            await self.roles.grant(somebody, qin, Role.AUDITOR, world.unions["city"])
        with pytest.raises(Forbidden):
            await self.roles.revoke(somebody, held)

    @pytest.mark.parametrize("role", [Role.WORKER, Role.SYSTEM])
    async def test_some_roles_are_not_granted(self, world: World, role: Role) -> None:
        with pytest.raises(Forbidden):
            await self.roles.grant(world.by["security"], world.by["finance-qin"].account_id, role, world.unions["city"])

    async def test_nobody_knows_of_roles_for_an_account_or_union_that_is_not_there(self, world: World) -> None:
        security, qin = world.by["security"], world.by["finance-qin"].account_id
        with pytest.raises(NotFound):
            await self.roles.grant(security, new_id(), Role.AUDITOR, world.unions["city"])
        with pytest.raises(NotFound):
            await self.roles.grant(security, qin, Role.AUDITOR, new_id())
        with pytest.raises(NotFound):
            await self.roles.approve(security, new_id())

    async def test_the_database_itself_asks_for_a_second_person(self, world: World) -> None:
        held = await fetch("SELECT role, granted_by, approved_by FROM role_binding")
        for row in held:
            if Role(row["role"]) in DECIDING:
                assert row["approved_by"] not in (None, row["granted_by"])

    async def test_every_act_on_roles_is_on_record(self, world: World) -> None:
        qin = world.by["finance-qin"].account_id
        binding = await self.roles.grant(world.by["security"], qin, Role.CHAIR, world.unions["city"])
        await self.roles.approve(world.by["sysadmin"], binding)
        await self.roles.revoke(world.by["security"], binding)
        rows = await fetch("SELECT act, actor FROM audit_entry WHERE object = $1 ORDER BY at", qin)
        assert [(row["act"], row["actor"]) for row in rows] == [
            ("role.grant", world.by["security"].account_id),
            ("role.approve", world.by["sysadmin"].account_id),
            ("role.revoke", world.by["security"].account_id),
        ]


class TestConsents:
    async def test_a_consent_is_given_withdrawn_and_given_again_each_on_record(self, world: World) -> None:
        consents, nurse = world.services.consents, await world.worker()
        for _ in range(3):
            await consents.give(nurse, "publication", VERSION)
        assert [one.purpose for one in await consents.given(nurse)].count("publication") == 1
        await consents.withdraw(nurse, "publication")
        assert "publication" not in [one.purpose for one in await consents.given(nurse)]
        # Once more, as by a retry: nothing more happens.
        await consents.withdraw(nurse, "publication")
        await consents.give(nurse, "publication", VERSION)
        rows = await fetch("SELECT withdrawn_at FROM consent WHERE purpose = 'publication' ORDER BY given_at, id")
        assert [row["withdrawn_at"] is None for row in rows] == [False, True]

    async def test_ten_taps_at_once_are_one_consent(self, world: World) -> None:
        consents, nurse = world.services.consents, await world.worker()
        done, refused = await outcomes([consents.give(nurse, "publication", VERSION) for _ in range(10)])
        assert (len(done), refused) == (10, [])
        assert await fetch_value("SELECT count(*) FROM consent WHERE purpose = 'publication'") == 1

    @pytest.mark.parametrize(("purpose", "version"), [("publication", "2019-01"), ("everything", VERSION), ("", "")])
    async def test_another_wording_or_purpose_is_refused(self, world: World, purpose: str, version: str) -> None:
        with pytest.raises(RuleViolation):
            await world.services.consents.give(await world.worker(), purpose, version)

    async def test_nobody_agrees_without_a_record(self, world: World) -> None:
        nobody = Actor(UUID(int=1), "138****", origin="phone")
        with pytest.raises(NotFound):
            await world.services.consents.give(nobody, "publication", VERSION)

    def test_every_purpose_says_why_and_on_which_ground(self) -> None:
        for text in CONSENT_TEXTS:
            assert text.clause
            assert text.words.zh != text.words.en
