"""The store, the worker or the api is killed at each step of a paper: nothing verified is lost, the case goes on."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import urllib3

from backend.database import fetch_one, fetch_value
from backend.documents.checking import Checking
from backend.documents.consistency import Consistency
from backend.documents.inspection.inspector import Inspector
from backend.documents.inspection.scanner import NoScanner
from backend.documents.kinds import PaperState
from backend.operations.demo_cases import sample_paper
from backend.operations.embedded_store import Store, embedded, minio, minio_binary, weed_binary
from backend.operations.servers import free_ports
from backend.operations.tour.phone import Phone, described
from storage.s3 import S3Store
from storage.setup import Process, set_up
from tests import services
from tests.api.conftest import STAY, messages
from tests.integration.stay_world import World, make_world

pytestmark = pytest.mark.alone

#: Longer than a killed worker's job waits for another (30 s) and than any part takes to start on a busy machine.
PATIENCE = 120.0
PREFIX = "niangjia"
#: What is killed, and which requirement and kind of paper is on its way then.
PARTS = {
    "store": ("identity", "resident_id"),
    "worker": ("work", "work_permit"),
    "api": ("merit", "merit_statement"),
}


@dataclass
class House:
    """A store, an api and a worker, each a process of its own that can be killed and started again."""

    stack: ExitStack
    api_port: int
    store_port: int
    store: Store | None = None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, part: str) -> None:
        if part == "store":
            binary = minio_binary()
            folder = services.own_folder() / "killed-store"
            if binary is not None:
                started = minio(binary, folder, self.store_port, services.USERS, PREFIX)
            else:
                weed = weed_binary()
                assert weed is not None
                started = embedded(weed, folder, self.store_port, services.USERS, PREFIX)
            self.store = self.stack.enter_context(started)
            return
        environment = {
            **os.environ,
            **services.environment(Process(part)),
            "NIANGJIA_S3_ENDPOINT": f"http://127.0.0.1:{self.store_port}",
            "NIANGJIA_API_PORT": str(self.api_port),
        }
        self.processes[part] = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", part],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self, part: str) -> None:
        if part == "store":
            assert self.store is not None
            self.store.process.kill()
            self.store.process.wait()
            return
        os.killpg(self.processes[part].pid, signal.SIGKILL)
        self.processes[part].wait()

    def restart(self, part: str) -> None:
        self.kill(part)
        self.start(part)


@pytest.fixture
async def house(database: None) -> AsyncIterator[House]:
    with ExitStack() as stack:
        api_port, store_port = free_ports(2)
        made = House(stack, api_port, store_port)
        made.start("store")
        assert made.store is not None
        set_up(made.store.config, services.USERS.processes if made.store.is_minio else None)
        made.start("api")
        made.start("worker")
        try:
            yield made
        finally:
            made.kill("api")
            made.kill("worker")


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < give_up, what
        await asyncio.sleep(0.1)


async def patiently(ask: Callable[[], Awaitable[httpx.Response]], what: str) -> Any:
    """Ask again as a phone does until there is an answer that is no outage."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            answer = await ask()
            if answer.status_code < 500:
                assert answer.status_code < 300, f"{what}: {answer.status_code} {answer.text[:300]}"
                return answer
        except httpx.TransportError:
            pass
        assert time.monotonic() < give_up, what
        await asyncio.sleep(0.2)


class Sender:
    """A phone that never gives up."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        key = uuid4().hex
        return (await patiently(lambda: self.phone.send(method, path, body, key=key), path)).json()

    async def reserve(self, kind: str) -> Any:
        content = sample_paper(kind)
        return await self.call("POST", "/documents", described(content, kind))

    async def upload(self, reserved: Any, kind: str) -> None:
        form, content = reserved["form"], sample_paper(kind)

        async def post() -> httpx.Response:
            async with httpx.AsyncClient(timeout=10) as store:
                return await store.post(form["url"], data=form["fields"], files={"file": ("x", content)})

        await patiently(post, "the store")

    async def complete(self, reserved: Any) -> None:
        await self.call("POST", f"/documents/{reserved['id']}/complete")


async def while_killed(house: House, part: str, step: Callable[[], Awaitable[Any]]) -> Any:
    """Take a step while a part is killed in the middle of it and started again."""
    running = asyncio.ensure_future(step())
    # Wherever the step happens to be by then.
    await asyncio.sleep(secrets.randbelow(60) / 1000)
    await asyncio.to_thread(house.restart, part)
    return await running


async def sent_under_fire(house: House, part: str, sender: Sender, kind: str) -> str:
    """Send a paper and have it checked, the part being killed at every step; the upload's id."""
    reserved = await while_killed(house, part, lambda: sender.reserve(kind))
    await while_killed(house, part, lambda: sender.upload(reserved, kind))
    await while_killed(house, part, lambda: sender.complete(reserved))
    # Once more while the file is checked and copied, or just afterwards.
    await while_killed(house, part, lambda: asyncio.sleep(0.2))

    async def is_checked() -> bool:
        return bool(await fetch_value("SELECT state = 'checked' FROM upload WHERE id = $1", reserved["id"]))

    await until(is_checked, f"a paper was not checked after the {part} had been killed")
    return str(reserved["id"])


async def verify(world: World, upload: str) -> None:
    row = await fetch_one("SELECT version, declared_sha256 FROM upload WHERE id = $1", upload)
    assert row is not None
    await world.services.verdicts.verify(
        world.by["hr-sun"],
        UUID(upload),
        PaperState.VERIFIED,
        sha256=row["declared_sha256"],
        expected_version=row["version"],
    )


async def test_no_kill_loses_a_paper_and_every_case_goes_on(house: House) -> None:
    world: World = await make_world()
    await world.worker()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{house.api_port}", timeout=10) as client:

        async def is_up() -> bool:
            address = f"http://127.0.0.1:{house.api_port}/health/ready"
            try:
                return (await asyncio.to_thread(urllib3.request, "GET", address, retries=False)).status == 200
            except urllib3.exceptions.HTTPError:
                return False

        await until(is_up, "the api did not start")
        phone = Phone(client, messages(), "13800000000")
        await phone.log_in()
        sender = Sender(phone)
        batch = str(await world.batch(5))
        case = await sender.call("POST", "/recuperation/requests", {"batch_id": batch, **STAY})

        uploads = {}
        for part, (requirement, kind) in PARTS.items():
            uploads[part] = await sent_under_fire(house, part, sender, kind)
            attached = {"requirement": requirement, "upload_id": uploads[part]}
            await sender.call("POST", f"/applications/{case['id']}/papers", attached)

        shown = await sender.call("GET", f"/applications/{case['id']}")
        await while_killed(
            house,
            "api",
            lambda: sender.call("POST", f"/applications/{case['id']}/submit", {"version": shown["version"]}),
        )

        for part, upload in uploads.items():
            await while_killed(house, part, partial(verify, world, upload))

        async def is_counted() -> bool:
            return bool(await fetch_value("SELECT papers_verified = 3 FROM application WHERE id = $1", case["id"]))

        await until(is_counted, "the case did not go on by itself")

    assert house.store is not None
    opened = S3Store(house.store.config)
    documents = replace(world.services.documents, store=opened)
    assert [finding async for finding in Consistency(Checking(documents, Inspector(NoScanner()))).audit()] == []
    assert await fetch_value("SELECT count(*) FROM upload WHERE state = 'verified'") == 3
    opened.close()
