"""Bad lines between our processes and the database or the store: every request ends in time, and all comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from backend.operations.demo_cases import sample_paper
from backend.operations.tour.cast import Cast, new_nurse
from backend.operations.tour.phone import Phone, described
from backend.operations.tour.registration import registers
from tests.faults.driver.house import House
from tests.faults.driver.people import Told
from tests.faults.driver.proxy import Fault, Proxy

#: What issue and documentation promise.
ANSWER_S = 5.0
RECOVERY_S = 30.0
#: A job that hung on the dead line is let go, or taken up again, within this time.
WORKER_S = 75.0
FAULTS = (Fault.SLOW, Fault.RESET, Fault.BLACK_HOLE, Fault.HALF_ANSWER)
_PAUSE_S = 0.1
_IN_A_ROW = 3


@dataclass
class Line:
    """What came of one fault of one line."""

    part: str
    fault: Fault
    #: How often each status was answered.
    answers: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    recovered_s: float = 0.0
    checked_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Question:
    """A request that is well answered on a good day."""

    client: httpx.AsyncClient
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None

    async def ask(self) -> httpx.Response:
        """Ask it."""
        return await self.client.request(self.method, self.path, json=self.body, headers=self.headers)


@dataclass(frozen=True)
class Askers:
    """A phone and a desk that go on asking whatever happens."""

    cast: Cast
    phone: Phone
    questions: Sequence[Question]


async def gather_askers(house: House) -> Askers:
    """A worker who may send papers, and a desk that may look at one; every question is answered well now."""
    cast = Cast(
        api=house.api,
        console=house.console,
        messages=house.messages,
        password=house.secrets.demo_password,
        totp_secret=house.secrets.demo_totp,
        told=Told(),
        set_clock=lambda _: asyncio.sleep(0),
    )
    nurse = new_nurse(cast, "路人")
    await registers(cast, nurse)
    case, upload = await _a_paper(house)
    signed = {"Authorization": f"Bearer {nurse.phone.access_token}"}
    phone, desk = cast.client, (await cast.at("hr-sun")).client
    questions = [
        Question(phone, "GET", "/health/ready", {}),
        Question(phone, "GET", "/api/v1/applications", signed),
        Question(phone, "GET", "/api/v1/inbox", signed),
        # The same reservation again and again, under one key.
        Question(phone, "POST", "/api/v1/documents", signed | {"Idempotency-Key": uuid4().hex}, described(b"paper")),
        Question(desk, "GET", "/review/", {}),
        Question(desk, "GET", f"/review/cases/{case}", {}),
        Question(desk, "GET", f"/review/cases/{case}/papers/{upload}/preview", {}),
        Question(desk, "GET", "/admin/api/tables/sanatorium/", {}),
    ]
    for question in questions:
        answer = await question.ask()
        assert answer.status_code < 300, f"{question.path}: {answer.status_code} {answer.text[:300]}"
    return Askers(cast, nurse.phone, questions)


async def strain(askers: Askers, part: str, proxy: Proxy, fault: Fault, seconds: float) -> Line:
    """The line of one part in one state for so long, while everybody asks; then until all is as before."""
    line = Line(part, fault)
    reserved = await reserve(askers.phone, f"{part} {fault}")
    async with proxy.behaving(fault):
        sending = asyncio.create_task(_send(askers.phone, reserved, time.monotonic() + seconds))
        await strain_all(askers, seconds, line)
        await sending
    await until_as_before(askers, line)
    await _finish(askers, reserved, line)
    return line


async def strain_all(askers: Askers, seconds: float, line: Line) -> None:
    """Everybody asks for so long, whatever is wrong meanwhile."""
    end = time.monotonic() + seconds
    await asyncio.gather(*(_ask_on(question, end, line) for question in askers.questions))


async def _ask_on(question: Question, end: float, line: Line) -> None:
    while time.monotonic() < end:
        began = time.monotonic()
        what = f"{question.method} {question.path.partition('?')[0]}"
        try:
            answer = await question.ask()
        except httpx.HTTPError as error:
            line.wrong.append(f"{what}: {type(error).__name__} after {time.monotonic() - began:.1f} s")
            continue
        took = time.monotonic() - began
        line.slowest_s = max(line.slowest_s, took)
        line.answers[str(answer.status_code)] = line.answers.get(str(answer.status_code), 0) + 1
        if took > ANSWER_S:
            line.wrong.append(f"{what}: {answer.status_code} after {took:.1f} s")
        if answer.status_code >= 500 and answer.status_code != 503:
            line.wrong.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        if answer.status_code == 503 and not answer.headers.get("retry-after", "").isdigit():
            line.wrong.append(f"{what}: 503 without Retry-After")
        if 400 <= answer.status_code < 500 and answer.status_code not in (413, 429):
            line.wrong.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        await asyncio.sleep(_PAUSE_S)


async def until_as_before(askers: Askers, line: Line) -> None:
    """Ask until every question is answered well some times in a row."""
    began, good = time.monotonic(), 0
    while good < _IN_A_ROW:
        answers = await asyncio.gather(*(question.ask() for question in askers.questions), return_exceptions=True)
        bad = [one for one in answers if isinstance(one, BaseException) or one.status_code >= 500]
        good = 0 if bad else good + 1
        if time.monotonic() - began > RECOVERY_S:
            line.wrong.append(f"not as before within {RECOVERY_S:.0f} s: {bad!r}")
            break
        await asyncio.sleep(_PAUSE_S)
    line.recovered_s = time.monotonic() - began


async def reserve(phone: Phone, title: str) -> tuple[Any, bytes]:
    """A reservation as the phone was told of it, and the file that it is for."""
    content = sample_paper(title.upper())
    return await phone.call("POST", "/documents", 201, described(content)), content


async def _send(phone: Phone, reserved: tuple[Any, bytes], end: float) -> None:
    """A file on its way while the line is bad: sent and completed as far as it will go."""
    shown, content = reserved
    while time.monotonic() < end:
        try:
            async with asyncio.timeout(max(end - time.monotonic(), 0.1)):
                await phone.send_file(shown["form"], content, "image/png", "x.png")
                await phone.call("POST", f"/documents/{shown['id']}/complete", 200)
                return
        except Exception:
            await asyncio.sleep(_PAUSE_S)


async def _finish(askers: Askers, reserved: tuple[Any, bytes], line: Line) -> None:
    """The phone sends the file again and completes it; the worker checks it."""
    shown, content = reserved
    began = time.monotonic()
    try:
        state = (await askers.phone.call("GET", f"/documents/{shown['id']}", 200))["state"]
        if state == "reserved":
            await askers.phone.send_file(shown["form"], content, "image/png", "x.png")
            await askers.phone.call("POST", f"/documents/{shown['id']}/complete", 200)
        while state in ("reserved", "uploaded"):
            state = (await askers.phone.call("GET", f"/documents/{shown['id']}", 200))["state"]
            if time.monotonic() - began > WORKER_S:
                break
            await asyncio.sleep(_PAUSE_S)
        if state != "checked":
            line.wrong.append(f"the file under way is {state} after {time.monotonic() - began:.0f} s")
    except Exception as error:
        line.wrong.append(f"the file under way could not be finished: {error}")
    line.checked_s = time.monotonic() - began


async def _a_paper(house: House) -> tuple[str, str]:
    """A case of the demonstration with a checked paper that HR may look at."""
    connection = await asyncpg.connect(house.dsn)
    try:
        row = await connection.fetchrow(
            "SELECT d.application, d.upload FROM application_document d JOIN upload u ON u.id = d.upload"
            " JOIN application a ON a.id = d.application"
            " WHERE u.state IN ('checked', 'verified') AND a.kind = 'recuperation' LIMIT 1"
        )
    finally:
        await connection.close()
    assert row is not None, "the demonstration has no paper"
    return str(row["application"]), str(row["upload"])
