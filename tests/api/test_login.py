"""Logging in from a phone: codes, tokens, devices, throttles."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.database import execute, fetch, fetch_value
from tests.api.conftest import Api, messages

NUMBER = "13800001234"


async def test_code_logs_in_and_out(api: Api) -> None:
    phone = await api.logged_in(NUMBER)
    assert (await phone.call("GET", "/me", 200))["person_id"] is None
    assert [device["name"] for device in (await phone.call("GET", "/devices", 200))["items"]] == ["旧手机"]
    await phone.call("POST", "/logout", 204)
    await phone.refused("GET", "/me", 401, "login_needed")


async def test_codes_are_stored_hashed_and_used_once(api: Api) -> None:
    phone = await api.logged_in(NUMBER)
    code = await phone.code()
    row = (await fetch("SELECT code_digest, used_at FROM login_code"))[0]
    assert row["used_at"] is not None
    assert code.encode() not in row["code_digest"]
    await phone.refused("POST", "/login/tokens", 401, "wrong_code", {"phone": NUMBER, "code": code})


async def test_five_wrong_tries_end_a_code(api: Api) -> None:
    phone = api.phone(NUMBER)
    await phone.call("POST", "/login/codes", 202, {"phone": NUMBER})
    right = await phone.code()
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for _ in range(5):
        await phone.refused("POST", "/login/tokens", 401, "wrong_code", {"phone": NUMBER, "code": wrong})
    await phone.refused("POST", "/login/tokens", 401, "wrong_code", {"phone": NUMBER, "code": right})


async def test_an_old_code_is_refused(api: Api) -> None:
    phone = api.phone(NUMBER)
    await phone.call("POST", "/login/codes", 202, {"phone": NUMBER})
    await execute("UPDATE login_code SET expires_at = expires_at - $1::interval", timedelta(minutes=5, seconds=1))
    await phone.refused("POST", "/login/tokens", 401, "wrong_code", {"phone": NUMBER, "code": await phone.code()})


async def test_a_second_code_within_half_a_minute_waits(api: Api) -> None:
    phone = api.phone(NUMBER)
    await phone.call("POST", "/login/codes", 202, {"phone": NUMBER})
    answer = await phone.send("POST", "/login/codes", {"phone": NUMBER})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 30
    assert len(messages().read_text("utf-8").splitlines()) == 1


async def test_one_address_cannot_ask_for_all_phones(api: Api) -> None:
    for number in range(100):
        await api.phone(f"138111{number:05d}").call("POST", "/login/codes", 202, {"phone": f"138111{number:05d}"})
    answer = await api.phone("13811200000").send("POST", "/login/codes", {"phone": "13811200000"})
    assert answer.status_code == 429


async def test_a_retried_refresh_gets_the_same_successor(api: Api) -> None:
    phone = await api.logged_in(NUMBER)
    first = {"refresh_token": phone.refresh_token}
    once = await phone.call("POST", "/login/refresh", 200, first)
    again = await phone.call("POST", "/login/refresh", 200, first)
    assert once["refresh_token"] == again["refresh_token"]


async def test_a_reused_refresh_token_ends_the_device(api: Api) -> None:
    phone = await api.logged_in(NUMBER)
    stolen = {"refresh_token": phone.refresh_token}
    second = await phone.call("POST", "/login/refresh", 200, stolen)
    third = await phone.call("POST", "/login/refresh", 200, {"refresh_token": second["refresh_token"]})
    await phone.refused("POST", "/login/refresh", 401, "login_needed", stolen)
    await phone.refused("POST", "/login/refresh", 401, "login_needed", {"refresh_token": third["refresh_token"]})
    await phone.refused("GET", "/me", 401, "login_needed")
    assert await fetch_value("SELECT end_reason FROM token_family") == "reused"
    assert await fetch_value("SELECT count(*) FROM audit_entry WHERE act = 'login.reuse'") == 1


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_forged_tokens(api: Api, token: str) -> None:
    phone = api.phone(NUMBER)
    phone.use(token)
    await phone.refused("GET", "/me", 401, "login_needed")


async def test_another_device_is_ended_from_the_list(api: Api) -> None:
    old = await api.logged_in(NUMBER)
    await execute("UPDATE login_code SET created_at = created_at - interval '1 minute'")
    new = await api.logged_in(NUMBER)
    devices = (await new.call("GET", "/devices", 200))["items"]
    assert len(devices) == 2
    await new.call("DELETE", f"/devices/{devices[1]['id']}", 204)
    await old.refused("GET", "/me", 401, "login_needed")
    await new.call("GET", "/me", 200)
    stranger = await api.logged_in("13800005678")
    await stranger.refused("DELETE", f"/devices/{devices[0]['id']}", 404, "not_found")
