"""Logging in at the console: two factors, throttles, sessions that end, forms that are ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from admin.session import SESSION_COOKIE, own_path
from backend.accounts.console_login import ABSOLUTE, IDLE, TRIES_PER_ADDRESS, TRIES_PER_NAME, UNPROVEN, WINDOW
from backend.database import execute, fetch, fetch_value
from tests.console.browser import PASSWORD, SECRET, Browser, code_of

pytestmark = pytest.mark.usefixtures("accounts")
Browsers = Callable[..., Browser]


async def test_password_and_code_open_the_console(visit: Browsers) -> None:
    at = visit()
    asked = await at.get("/password")
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2Fpassword")
    first = await at.password("hr-wang", page="/login?next=%2Fpassword")
    assert (first.status_code, first.headers["location"]) == (303, "/login/second-factor?next=%2Fpassword")
    assert not await at.is_logged_in()
    second = await at.code(code_of(), page="/login/second-factor?next=%2Fpassword")
    assert (second.status_code, second.headers["location"]) == (303, "/password")
    assert await at.is_logged_in()
    assert "王核验" in (await at.get("/password")).text


async def test_the_password_alone_reaches_no_page(visit: Browsers) -> None:
    at = visit()
    await at.password("hr-wang")
    for path in ("/", "/review/", "/admin/", "/password"):
        answer = await at.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login/second-factor?next=")
    assert (await at.get("/admin/api/user/", accept="application/json")).status_code == 401


async def test_the_session_is_only_a_hash_in_the_database_and_strict_in_the_browser(visit: Browsers) -> None:
    at = visit()
    await at.log_in("hr-wang")
    token = at.client.cookies[SESSION_COOKIE]
    assert len(token) >= 43
    for row in await fetch("SELECT s::text FROM console_session s"):
        assert token not in row[0]
    again = visit()
    await again.password("hr-wang")
    cookie = (await again.code(code_of(later=1))).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert token not in cookie


async def test_who_is_logged_in_is_not_asked_again(visit: Browsers) -> None:
    at = visit()
    await at.log_in("hr-wang")
    answer = await at.get("/login?next=%2Fpassword")
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(visit: Browsers) -> None:
    unknown = await visit().password("nobody")
    wrong = await visit().password("hr-wang", "not the password")
    assert unknown.status_code == wrong.status_code == 401
    assert _without_secrets(unknown.text) == _without_secrets(wrong.text)


async def test_an_inactive_account_does_not_log_in_and_is_thrown_out(visit: Browsers) -> None:
    at = visit()
    await at.log_in("hr-wang")
    await execute("UPDATE console_account SET active = false WHERE name = '王核验'")
    assert not await at.is_logged_in()
    assert (await visit().password("hr-wang")).status_code == 401


async def test_a_locked_account_answers_like_a_wrong_password_until_the_window_is_over(visit: Browsers) -> None:
    at = visit()
    for _ in range(TRIES_PER_NAME):
        wrong = await at.password("hr-wang", "not the password")
    locked = await at.password("hr-wang")
    assert (locked.status_code, _without_secrets(locked.text)) == (401, _without_secrets(wrong.text))
    assert (await visit().password("hr-sun")).status_code == 303
    await execute("UPDATE console_attempt SET at = at - $1::interval", WINDOW)
    assert (await at.password("hr-wang")).status_code == 303


async def test_codes_count_as_tries_and_the_password_does_not_reset_them(visit: Browsers) -> None:
    for _ in range(TRIES_PER_NAME // 2):
        at = visit()
        await at.password("hr-wang")
        for _ in range(2):
            assert (await at.code("000000")).status_code == 401
    assert (await visit().password("hr-wang")).status_code == 401


async def test_an_address_that_guesses_is_told_to_wait(visit: Browsers) -> None:
    await visit("10.0.0.9").password("nobody")
    await execute(
        "INSERT INTO console_attempt (id, name_digest, address_digest, at, failed)"
        " SELECT gen_random_uuid(), '', address_digest, at, true FROM console_attempt, generate_series(1, $1)",
        TRIES_PER_ADDRESS,
    )
    told = await visit("10.0.0.9").password("hr-wang")
    assert told.status_code == 429
    assert int(told.headers["retry-after"]) > 0
    assert (await visit("10.0.0.8").password("hr-wang")).status_code == 303


async def test_a_code_is_taken_once(visit: Browsers) -> None:
    code = code_of()
    first, second = visit(), visit()
    await first.password("hr-wang")
    await second.password("hr-wang")
    assert (await first.code(code)).status_code == 303
    assert (await second.code(code)).status_code == 401
    assert (await second.code(code_of(later=-1))).status_code == 401
    assert not await second.is_logged_in()
    assert (await second.code(code_of(later=1))).status_code == 303


async def test_the_first_login_enrols_an_authenticator(visit: Browsers) -> None:
    await execute("UPDATE console_account SET totp_sealed = NULL, totp_counter = 0 WHERE name = '王核验'")
    at = visit()
    await at.password("hr-wang")
    page = (await at.get("/login/second-factor")).text
    secret = re.search(r'class="secret">([A-Z2-7]{32})<', page)
    assert secret
    assert "<svg" in page
    assert (await at.code(code_of(SECRET))).status_code == 401
    assert (await at.code(code_of(secret[1]))).status_code == 303
    assert await at.is_logged_in()
    stored = await fetch_value("SELECT totp_sealed FROM console_account WHERE name = '王核验'")
    assert stored
    assert secret[1].encode() not in stored
    again = visit()
    await again.password("hr-wang")
    assert 'class="secret"' not in (await again.get("/login/second-factor")).text


@pytest.mark.parametrize(("column", "age"), [("used_at", IDLE), ("created_at", ABSOLUTE)], ids=["idle", "old"])
async def test_a_session_ends_when_idle_and_when_old(visit: Browsers, column: str, age: timedelta) -> None:
    at = visit()
    await at.log_in("hr-wang")
    await execute(f"UPDATE console_session SET {column} = {column} - $1::interval", age - timedelta(minutes=1))
    assert await at.is_logged_in()
    await execute(f"UPDATE console_session SET {column} = {column} - $1::interval", age)
    assert not await at.is_logged_in()


async def test_a_password_without_its_code_is_forgotten_soon(visit: Browsers) -> None:
    at = visit()
    await at.password("hr-wang")
    await execute("UPDATE console_session SET created_at = created_at - $1::interval", UNPROVEN)
    answer = await at.get("/login/second-factor")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_logging_out_ends_the_session_for_good(visit: Browsers) -> None:
    at = visit()
    await at.log_in("hr-wang")
    token = at.client.cookies[SESSION_COOKIE]
    assert (await at.submit("/password", "/logout")).headers["location"] == "/login"
    at.client.cookies.set(SESSION_COOKIE, token)
    assert not await at.is_logged_in()


async def test_the_data_console_logs_out_of_everything(visit: Browsers) -> None:
    at = visit()
    await at.log_in("hr-wang")
    token = at.client.cookies[SESSION_COOKIE]
    assert (await at.data("POST", "/public/logout/")).status_code == 200
    at.client.cookies.set(SESSION_COOKIE, token)
    assert not await at.is_logged_in()


async def test_another_password_ends_every_session(visit: Browsers) -> None:
    here, there = visit(), visit()
    await here.log_in("hr-wang")
    await there.log_in("hr-wang", later=1)
    poor = await here.submit("/password", "/password", old=PASSWORD, new="short")
    wrong = await here.submit("/password", "/password", old="not the password", new="quite another one")
    assert (poor.status_code, wrong.status_code) == (422, 401)
    assert await there.is_logged_in()
    changed = await here.submit("/password", "/password", old=PASSWORD, new="quite another one")
    assert changed.headers["location"] == "/login"
    assert not await here.is_logged_in()
    assert not await there.is_logged_in()
    assert (await visit().password("hr-wang")).status_code == 401
    assert (await visit().password("hr-wang", "quite another one")).status_code == 303


async def test_a_form_without_our_token_or_from_elsewhere_is_refused(visit: Browsers) -> None:
    at = visit()
    await at.log_in("hr-wang")
    other = visit()
    await other.log_in("hr-sun")
    page = (await other.get("/password")).text
    stolen = re.search(r'name="_csrf" value="(\w+)"', page)
    own = re.search(r'name="_csrf" value="(\w+)"', (await at.get("/password")).text)
    assert stolen
    assert own
    tries = [
        ({}, {}),
        ({"_csrf": ""}, {}),
        ({"_csrf": stolen[1]}, {}),
        ({"_csrf": own[1]}, {"origin": "https://evil.example"}),
        ({"_csrf": own[1]}, {"origin": "null"}),
        ({"_csrf": own[1]}, {"sec-fetch-site": "cross-site"}),
    ]
    for fields, headers in tries:
        for path in ("/logout", "/password", "/preferences"):
            assert (await at.client.post(path, data=fields, headers=headers)).status_code == 403
    assert (await at.data("POST", "/public/logout/", data={})).status_code == 200
    login = visit()
    assert (await login.client.post("/login", data={"username": "hr-wang", "password": PASSWORD})).status_code == 403


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/%0d%0a\n",
        "javascript:alert(1)",
        "",
        "/\t/evil.example",
    ],
)
async def test_nobody_is_sent_elsewhere_after_a_login(visit: Browsers, wanted: str) -> None:
    at = visit()
    first = await at.submit("/login", "/login", username="hr-wang", password=PASSWORD, next=wanted)
    assert first.headers["location"] == "/login/second-factor"
    second = await at.submit("/login/second-factor", "/login/second-factor", code=code_of(), next=wanted)
    assert second.headers["location"] == "/"
    assert own_path(wanted, "/") == "/"


async def test_language_and_size_are_kept(visit: Browsers) -> None:
    at = visit()
    assert 'lang="zh-CN"' in (await at.get("/login")).text
    back = await at.submit("/login", "/preferences", language="en", size="large")
    assert back.headers["location"] == "/login"
    page = (await at.get("/login")).text
    assert 'lang="en" data-size="large"' in page
    assert "Log in" in page
    await at.submit("/login", "/preferences", language="klingon", size="huge")
    assert 'lang="en" data-size="large"' in (await at.get("/login")).text


async def test_logins_and_failures_are_in_the_audit_log(visit: Browsers) -> None:
    at = visit()
    await at.password("hr-wang", "not the password")
    await at.log_in("hr-wang")
    rows = await fetch("SELECT act, outcome, detail::text FROM audit_entry WHERE act LIKE 'login%' ORDER BY at")
    assert [(row["act"], row["outcome"]) for row in rows] == [("login.console", "refused"), ("login.console", "done")]
    assert not any("not the password" in row["detail"] or "hr-wang" in row["detail"] for row in rows)


def _without_secrets(page: str) -> str:
    return re.sub(r'value="[^"]*"', "", page)
