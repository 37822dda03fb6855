"""The web processes as they are run: started by the command, on a port of their own."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from backend.operations.servers import free_ports
from storage.setup import Process
from tests import services

#: A machine that is busy with other tests is slow.
_START_S = 180.0


@dataclass(frozen=True, slots=True)
class Served:
    """One process that answers: its port and the id of what was started (its workers are children of that)."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(process: Process, ready: str = "/health/ready", **variables: str) -> AsyncIterator[Served]:
    """The api or the console as a process of its own, from its first good answer under `ready` on."""
    (port,) = free_ports(1)
    log = services.own_folder() / f"{process}-{port}.log"
    environment = {**os.environ, **services.environment(process), **variables}
    with log.open("wb") as words:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backend.cli", process),
            env={**environment, f"NIANGJIA_{process.upper()}_PORT": str(port)},
            stdout=words,
            stderr=words,
        )
    try:
        give_up = time.monotonic() + _START_S
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await _answers(client, f"http://127.0.0.1:{port}{ready}"):
                assert child.returncode is None and time.monotonic() < give_up, log.read_text()[-2000:]
                await asyncio.sleep(0.1)
        yield Served(port, child.pid)
    finally:
        if child.returncode is None:
            child.terminate()
        await asyncio.wait_for(child.wait(), 30)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False
