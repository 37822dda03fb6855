"""Text messages over a gateway: what it is told, and what becomes of a login while the line to it is bad."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from backend.accounts.sms import GatewaySms
from backend.asgi import create_app
from backend.composition import compose
from backend.errors import Unavailable
from backend.settings import Mode, Settings, SettingsError, SmsSettings, settings
from tests import services
from tests.faults.driver.proxy import Fault, Proxy

TOKEN = "a-token-of-the-gateway"
#: What an answer may take while a part behind it is away (issue: 5 s), and what a busy machine adds.
BOUND_S = 5.0 + 5.0
RECOVERED_S = 30.0
BAD = [fault for fault in Fault if fault is not Fault.NONE]


@dataclass
class Gateway:
    """A gateway that takes what it is posted, or refuses it."""

    status: int = 202
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.taken.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(made.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a message holds a number."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def line(gateway: Gateway) -> AsyncIterator[Proxy]:
    """The line to the gateway."""
    proxy = Proxy(gateway.port)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def phone(database: None, line: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    """A phone at an api in production, which sends its codes over the line."""
    sms = SmsSettings(f"http://127.0.0.1:{line.port}/messages", TOKEN)
    made = compose(replace(settings(), mode=Mode.PRODUCTION, sms=sms))
    app: Any = create_app(made)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        yield client


async def ask(phone: httpx.AsyncClient, number: str) -> httpx.Response:
    return await phone.post("/api/v1/login/codes", json={"phone": number})


async def test_a_code_is_posted_to_the_gateway_with_its_token(phone: httpx.AsyncClient, gateway: Gateway) -> None:
    assert (await ask(phone, "13800000001")).status_code == 202
    ((authorization, message),) = gateway.taken
    assert authorization == f"Bearer {TOKEN}"
    assert message["phone"] == "13800000001"
    assert set(message) == {"phone", "text"}
    assert "验证码" in message["text"]


@pytest.mark.parametrize("status", [301, 400, 401, 500])
async def test_what_the_gateway_does_not_take_is_not_called_sent(
    phone: httpx.AsyncClient, gateway: Gateway, status: int
) -> None:
    gateway.status = status
    refused = await ask(phone, "13800000001")
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert len(gateway.taken) == 1, "a message is posted once"
    assert "13800000001" not in refused.text


@pytest.mark.parametrize("fault", BAD)
async def test_a_bad_line_is_answered_in_time_and_survived(
    phone: httpx.AsyncClient, gateway: Gateway, line: Proxy, fault: Fault
) -> None:
    async with line.behaving(fault):
        began = time.monotonic()
        answers = await asyncio.gather(*(ask(phone, f"1380000000{number}") for number in range(1, 7)))
        assert time.monotonic() - began < BOUND_S
        if fault is not Fault.SLOW:  # a line that is slow may yet bring so short an answer
            assert {answer.status_code for answer in answers} == {503}
        assert all(answer.status_code in (202, 503) for answer in answers)
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 503)
        # Whoever needs no message is not held up.
        assert (await phone.get("/health/live")).status_code == 200
    began = time.monotonic()
    number = 0
    while (answer := await ask(phone, f"138000001{number:02d}")).status_code != 202:
        assert answer.status_code == 503
        assert time.monotonic() - began < RECOVERED_S
        number += 1
        await asyncio.sleep(0.2)


async def test_so_many_wait_for_a_silent_gateway_and_no_more(line: Proxy) -> None:
    sms = GatewaySms(f"http://127.0.0.1:{line.port}/messages", TOKEN)
    async with line.behaving(Fault.BLACK_HOLE):
        waiting = [asyncio.create_task(sms.send("13800000001", "x")) for _ in range(4)]
        await asyncio.sleep(0.2)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await sms.send("13800000001", "x")
        assert time.monotonic() - began < 1.0
        assert not any(one.done() for one in waiting)
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(one, Unavailable) for one in ended)


@pytest.mark.parametrize("named", [{"NIANGJIA_SMS_URL": "ftp://x"}, {"NIANGJIA_SMS_URL": "https://x"}])
def test_a_gateway_is_named_in_full(named: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="NIANGJIA_SMS_"):
        Settings.from_env(services.environment() | named)
