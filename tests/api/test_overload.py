"""More requests than can be answered: a bounded line, a quick 503 for the rest, and everything well afterwards."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from backend.accounts.tokens import Tokens
from backend.database import execute, new_id
from backend.errors import Overloaded
from backend.operations.embedded_postgres import OWNER
from backend.operations.servers import free_ports
from backend.settings import settings
from backend.web.admission import AT_WORK, RETRY_LEAST_S, RETRY_MOST_S, Gate
from tests.api.conftest import api_process
from tests.services import dsn

LINE, BURST = 5, 80

#: A fast answer, on a machine that may be busy with other tests.
FAST_S = 5.0


@pytest.fixture
async def token(database: None) -> str:
    """The access token of an account that has logged in."""
    account, family = new_id(), new_id()
    await execute(
        "INSERT INTO worker_account (id, phone_sealed, phone_digest, phone_masked, created_at)"
        " VALUES ($1, '', $2, '138****0000', now())",
        account,
        account.bytes,
    )
    await execute(
        "INSERT INTO token_family (id, account, device, created_at, rotated_at) VALUES ($1, $2, '手机', now(), now())",
        family,
        account,
    )
    return Tokens(settings().token_key).access(account, family)


@asynccontextmanager
async def accounts_locked() -> AsyncIterator[None]:
    """The block during which no request can learn who asks: the database lets them wait."""
    connection = await asyncpg.connect(dsn(OWNER))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE worker_account IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def figures(port: int) -> dict[str, float]:
    """What the process counts."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


async def test_a_burst_beyond_the_bound_is_sent_away_at_once(token: str, object_store: object) -> None:
    (metrics,) = free_ports(1)
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
    bounds = {"NIANGJIA_API_WAITING": str(LINE), "NIANGJIA_API_WAIT_S": "2"}
    limits = httpx.Limits(max_connections=None)
    async with (
        api_process(NIANGJIA_METRICS_PORT=str(metrics), **bounds) as one,
        httpx.AsyncClient(base_url=one.base_url, timeout=30, trust_env=False, limits=limits) as client,
    ):
        async with accounts_locked():
            burst = [asyncio.create_task(client.get("/api/v1/me", headers=headers)) for _ in range(BURST)]
            began = time.monotonic()
            sent_away = BURST - AT_WORK - LINE
            while sum(task.done() for task in burst) < sent_away:
                await asyncio.sleep(0.01)
                assert time.monotonic() < began + FAST_S, Counter(task.done() for task in burst)
            refused = [task.result() for task in burst if task.done()]
            held = await figures(metrics)
            # Who watches still gets an answer, and the process is not restarted for being busy.
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get("/health/ready")).status_code == 200
            while sum(task.done() for task in burst) < sent_away + LINE:
                await asyncio.sleep(0.05)
                assert time.monotonic() < began + 30
            late = [task.result() for task in burst if task.done()]
        answers = await asyncio.gather(*burst)
        after = await figures(metrics)
        assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
    assert len(refused) == sent_away
    for answer in late:
        assert (answer.status_code, answer.json()["code"], answer.json()["title"]) == (503, "overloaded", "Busy")
        assert answer.headers["content-type"] == "application/problem+json"
        assert 2 <= int(answer.headers["retry-after"]) <= RETRY_MOST_S
    assert Counter(answer.status_code for answer in answers) == {503: sent_away + LINE, 200: AT_WORK}
    assert (held["niangjia_requests_running"], held["niangjia_requests_waiting"]) == (AT_WORK, LINE)
    assert held['niangjia_requests_refused_total{why="full"}'] == sent_away
    assert after['niangjia_requests_refused_total{why="late"}'] == LINE
    assert (after["niangjia_requests_running"], after["niangjia_requests_waiting"]) == (0, 0)


async def test_who_sends_slowly_holds_nobody_up(token: str, object_store: object) -> None:
    async with api_process(NIANGJIA_API_WAITING="0") as client:
        port = client.base_url.port
        assert port is not None
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(3 * AT_WORK)]
        try:
            for connection in slow:
                connection.sendall(
                    b"POST /api/v1/login/codes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b'Content-Length: 40\r\n\r\n{"phone":'
                )
            await asyncio.sleep(0.3)
            answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200
        finally:
            for connection in slow:
                connection.close()


async def test_the_line_is_first_come_first_served_and_leaks_no_turn() -> None:
    gate, order = Gate(2, 50, 5.0), list[int]()

    async def pass_through(number: int) -> None:
        async with gate.turn():
            order.append(number)
            await asyncio.sleep(0.001)
            if number % 7 == 0:
                raise ZeroDivisionError

    tasks = [asyncio.create_task(pass_through(number)) for number in range(40)]
    await asyncio.sleep(0)
    # A caller that hangs up while it waits leaves the line.
    tasks[30].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [number for number in range(40) if number != 30]
    assert sum(isinstance(one, ZeroDivisionError) for one in done) == 6
    await asyncio.gather(*(pass_through(number) for number in (1, 2, 3, 4)))
    assert order[-4:] == [1, 2, 3, 4]


async def test_a_gate_without_a_line_refuses_who_comes_second() -> None:
    gate = Gate(1, 0, 5.0)
    async with gate.turn():
        with pytest.raises(Overloaded):
            async with gate.turn():
                pass
    async with gate.turn():
        pass


async def test_who_would_wait_too_long_is_told_at_once_and_given_a_time_to_come_back() -> None:
    gate = Gate(1, 1000, 0.5)
    for _ in range(30):
        async with gate.turn():
            await asyncio.sleep(0.05)
    # About twenty are done in a second, so that some five may stand in line.
    refused = list[Overloaded]()

    async def pass_through() -> None:
        try:
            async with gate.turn():
                await asyncio.sleep(0.05)
        except Overloaded as error:
            refused.append(error)

    crowd = [asyncio.create_task(pass_through()) for _ in range(400)]
    await asyncio.sleep(0)
    at_once = len(refused)
    assert 380 <= at_once <= 398
    # They come back one after the other, and nobody later than the most.
    returns = [error.retry_after_s for error in refused]
    assert returns == sorted(returns) and returns[0] == RETRY_LEAST_S and 10 < returns[-1] <= RETRY_MOST_S
    assert max(returns.count(second) for second in set(returns)) <= 30
    await asyncio.gather(*crowd)
