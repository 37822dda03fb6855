"""`niangjia run` as a newcomer starts it: everything comes up, the tour passes, Ctrl-C loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import asyncpg
import httpx
import pytest

from backend.operations.servers import free_ports, is_free
from tests import services

START_S = 180.0

#: What the tests themselves set, which a newcomer's shell has not.
OURS = ("DATABASE_URL", "PICCOLO_CONF")


class Stack:
    """One data folder and its ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api, self.console, self.store = free_ports(3)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NIANGJIA_")}
        self.environment = {name: value for name, value in kept.items() if name not in OURS} | {
            "NIANGJIA_DATA": str(folder),
            "NIANGJIA_API_PORT": str(self.api),
            "NIANGJIA_CONSOLE_PORT": str(self.console),
            "NIANGJIA_S3_PORT": str(self.store),
        }

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The stack from its first ready answers on."""
        with (self.folder / "run.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.cli", "run"], env=self.environment, stdout=log, stderr=log
            )
        try:
            self._wait(process)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)

    def command(self, *words: str, timeout: float = 300, **changed: str) -> subprocess.CompletedProcess[str]:
        """One `niangjia` command beside it."""
        return subprocess.run(
            [sys.executable, "-m", "backend.cli", *words],
            env=self.environment | changed,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def log(self) -> str:
        """What it said."""
        return (self.folder / "run.log").read_text("utf-8", "replace")

    async def count(self, table: str) -> int:
        """Rows of a table, while it runs."""
        operator: dict[str, str] = json.loads((self.folder / "running.json").read_text("utf-8"))
        connection = await asyncpg.connect(operator["DATABASE_URL"])
        try:
            found: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
            return found
        finally:
            await connection.close()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + START_S
        while "make tour" not in self.log():
            assert process.poll() is None, self.log()[-3000:]
            assert time.monotonic() < give_up, self.log()[-3000:]
            time.sleep(0.1)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    folder = Path(mkdtemp(prefix="njrun-", dir="/tmp"))
    folder.chmod(0o711)
    yield Stack(folder)
    shutil.rmtree(folder)


def get(port: int, path: str) -> Any:
    return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=10)


def test_the_whole_story_then_stopped_and_started_again(stack: Stack) -> None:
    with stack.running() as process:
        for port in (stack.api, stack.console):
            assert get(port, "/health/live").json() == {"status": "live"}
            assert get(port, "/health/ready").json()["status"] == "ready"
        told = stack.command("tour")
        assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-2000:]
        assert "✗" not in told.stdout
        applications = asyncio.run(stack.count("application"))
        events = asyncio.run(stack.count("application_event"))
        assert applications > 5
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert "stopped; everything is kept" in stack.log()
    assert all(is_free(port) for port in (stack.api, stack.console, stack.store))
    for prefix in ("api", "console", "worker"):
        assert any(line.startswith(prefix) for line in stack.log().splitlines())
    with stack.running():
        assert asyncio.run(stack.count("application")) == applications
        assert asyncio.run(stack.count("application_event")) == events
        second = stack.command("run")
        assert second.returncode != 0
        assert "another niangjia runs" in second.stderr


def test_a_part_that_dies_stops_everything_with_a_clear_line(stack: Stack) -> None:
    with stack.running() as process:
        operator = json.loads((stack.folder / "running.json").read_text("utf-8"))
        assert operator["NIANGJIA_MODE"] == "demo"
        children = subprocess.run(
            ["/usr/bin/pgrep", "-f", "-P", str(process.pid), "backend.cli worker"],
            capture_output=True,
            text=True,
            check=True,
        )
        os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
        assert process.wait(60) == 1
    assert "worker ended by itself" in stack.log()
    assert all(is_free(port) for port in (stack.api, stack.console, stack.store))


def test_a_port_in_use_names_the_variable_that_moves_it(stack: Stack) -> None:
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", stack.api))
        held.listen()
        refused = stack.command("run")
    assert refused.returncode != 0
    assert "NIANGJIA_API_PORT" in refused.stderr


def test_production_is_not_run_this_way(stack: Stack) -> None:
    refused = stack.command("run", NIANGJIA_MODE="production")
    assert refused.returncode != 0
    assert "docker-compose" in refused.stderr


def test_the_clock_is_not_moved_in_production(stack: Stack) -> None:
    refused = stack.command(
        "clock", "set", "2026-03-02", NIANGJIA_MODE="production", DATABASE_URL=services.dsn("niangjia_owner")
    )
    assert refused.returncode != 0
    assert "demo" in refused.stderr
