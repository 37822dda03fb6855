"""How production begins: once, on an empty database."""

from __future__ import annotations

import pytest

from backend.accounts.console_login import ConsoleLogin, Step
from backend.calendars.service import covered_until
from backend.database import fetch, fetch_value
from backend.errors import Unauthenticated
from backend.identity import Level
from backend.operations.embedded_postgres import OWNER
from backend.operations.install import install
from backend.operations.refusal import Refusal
from backend.unions.policy import UnionInput
from tests.integration.paper_world import SEALER
from tests.services import logged_in_as

TOP = UnionInput("泰安市总工会(示例)", Level.CITY, "federation", None, "370900")


async def test_two_people_can_log_in_and_are_asked_to_set_up_their_second_factor(database: None) -> None:
    async with logged_in_as(OWNER):
        passwords = await install(TOP)
    assert list(passwords) == ["security", "system"]
    login = ConsoleLogin(SEALER)
    async with logged_in_as("niangjia_console"):
        for username, password in passwords.items():
            session = await login.session(await login.begin(username, password, "10.0.0.1"))
            assert session is not None
            assert session.step is Step.ENROL
            with pytest.raises(Unauthenticated):
                await login.begin(username, f"{password}x", "10.0.0.1")
    assert await fetch_value("SELECT city_id = id FROM trade_union")
    assert await covered_until() is not None
    rows = await fetch("SELECT role FROM role_binding ORDER BY role")
    assert [row["role"] for row in rows] == ["security_admin", "system_admin"]


async def test_it_is_done_once(database: None) -> None:
    async with logged_in_as(OWNER):
        await install(TOP)
        before = await fetch_value("SELECT count(*) FROM console_account")
        with pytest.raises(Refusal, match="already"):
            await install(TOP)
    assert await fetch_value("SELECT count(*) FROM trade_union") == 1
    assert before == 2


async def test_a_wrong_code_is_refused_before_anything_is_written(database: None) -> None:
    async with logged_in_as(OWNER):
        with pytest.raises(Refusal, match="credit code"):
            await install(UnionInput("泰安市总工会(示例)", Level.CITY, "federation", "91370900MA3OOOOO0O", None))
    assert await fetch_value("SELECT count(*) FROM trade_union") == 0
