"""A stack that tests start as a newcomer does, with `niangjia run` on a data folder and ports of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx

from backend.operations.children import stop_leftovers
from backend.operations.data_folder import running_environment
from backend.operations.servers import MARK, free_ports, is_free
from tests import services

_NIANGJIA = (sys.executable, "-m", "backend.cli")
#: A first start seeds; a busy machine is slow.
_START_S = 180.0
#: What a newcomer's shell has.
_KEPT = ("PATH", "HOME", "LANG")


class Stack:
    """One data folder and its ports, run or not."""

    def __init__(self, name: str) -> None:
        """`name` is the folder's, within that of the test run: short for the sake of socket paths."""
        self.folder = services.folder() / name
        self.api, self.console, self.store = free_ports(3)
        self.environment = {variable: value for variable, value in os.environ.items() if variable in _KEPT} | {
            "NIANGJIA_DATA": str(self.folder),
            "NIANGJIA_API_PORT": str(self.api),
            "NIANGJIA_CONSOLE_PORT": str(self.console),
            "NIANGJIA_S3_PORT": str(self.store),
        }

    def start(self) -> subprocess.Popen[bytes]:
        """Start it; it is up when this returns."""
        with self._log.open("wb") as log:
            process = subprocess.Popen([*_NIANGJIA, "run"], env=self.environment, stdout=log, stderr=log)
        give_up = time.monotonic() + _START_S
        # The last line of the banner.
        while "╰" not in self.log():
            assert process.poll() is None, self.log()[-3000:]
            assert time.monotonic() < give_up, self.log()[-3000:]
            time.sleep(0.1)
        return process

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The block with the stack up; afterwards it is stopped, unless the block did so."""
        process = self.start()
        try:
            yield process
        finally:
            if process.poll() is None:
                stop(process, signal.SIGINT)

    def command(self, *words: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """One `niangjia` command beside it, in its environment with these variables changed."""
        return subprocess.run(
            [*_NIANGJIA, *words],
            env=self.environment | changed,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def log(self) -> str:
        """What it said since it was started last."""
        return self._log.read_text("utf-8", "replace")

    def write_log(self, line: str) -> None:
        """Have it seem to have said a line."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")

    def operator(self) -> Mapping[str, str]:
        """What the operator's commands know while it runs."""
        known = running_environment(self.folder)
        assert known is not None, self.log()[-3000:]
        return known

    def is_ready(self) -> bool:
        """Whether both web processes say that they and what they need are well."""
        return all(
            httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False, timeout=10).status_code == 200
            for port in (self.api, self.console)
        )

    def is_gone(self) -> bool:
        """Whether nothing of it is left: no process, no port."""
        return not self.children() and all(is_free(port) for port in (self.api, self.console, self.store))

    def children(self) -> list[int]:
        """Every process that works on the folder."""
        mark = f"{MARK}={self.folder}".encode()
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, mark)]

    async def count(self, table: str) -> int:
        """Rows of a table, while it runs."""
        connection = await asyncpg.connect(self.operator()["DATABASE_URL"])
        try:
            found: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
            return found
        finally:
            await connection.close()

    def clear(self) -> None:
        """Stop what a test that failed has left."""
        stop_leftovers(self.folder)

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
    """Stop a running stack by a signal; its exit status."""
    process.send_signal(number)
    return process.wait(60)


def variables_of(pid: int) -> dict[str, str]:
    """The environment of a process of the stack."""
    pairs = (Path("/proc") / str(pid) / "environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def command_line_of(pid: int) -> str:
    """What a process of the stack was started as."""
    return (Path("/proc") / str(pid) / "cmdline").read_bytes().decode().replace("\0", " ")


def _has(entry: Path, mark: bytes) -> bool:
    try:
        return mark in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
