"""Loads a server with wrk for some seconds, and says what came of it and what it cost."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

SCRIPT = Path(__file__).with_name("requests.lua")
THREADS, CONNECTIONS = 1, 16


class NoGenerator(RuntimeError):
    """wrk is not installed: apt-get install wrk."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What is sent, in turn: lines of path, token and perhaps a key; `once` for those that may be sent once only."""

    lines: Sequence[str]
    header: str = "Authorization"
    accept: str = "application/json"
    once: bool = False


class Answers(msgspec.Struct, frozen=True):
    """What wrk counted."""

    requests: int
    seconds: float
    bad: int
    lost: int
    p50_ms: float
    p99_ms: float


class Round(msgspec.Struct, frozen=True):
    """One turn: requests per second, latency, errors, and the CPU that the server used for each request (ms)."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float


class Result(msgspec.Struct, frozen=True):
    """The medians of some turns, and the memory of the server after them."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float
    memory_mb: float = 0.0


async def load(port: int, pid: int, requests: Requests, seconds: float, folder: Path) -> Round:
    """One turn on the server at this port, whose process (with its children) is `pid`."""
    program = shutil.which("wrk")
    if program is None:
        raise NoGenerator("wrk is not installed: apt-get install wrk")
    played = folder / "requests.txt"
    played.write_text("\n".join(requests.lines))
    before = cpu_seconds(pid)
    command = [program, f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", str(SCRIPT)]
    command += [f"http://127.0.0.1:{port}", "--", str(played), "once" if requests.once else "again", str(THREADS)]
    command += [requests.header, requests.accept]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"wrk failed: {err.decode()}")
    said = msgspec.json.decode(out.decode().strip().splitlines()[-1], type=Answers)
    # What is under way when the last line is sent is not counted.
    if requests.once and said.requests + CONNECTIONS >= len(requests.lines):
        raise RuntimeError("a turn sent all that it had: how many it could have sent is not known")
    cpu = cpu_seconds(pid) - before
    return Round(
        per_second=said.requests / said.seconds,
        p50_ms=said.p50_ms,
        p99_ms=said.p99_ms,
        errors=said.bad + said.lost,
        cpu_ms=1000 * cpu / max(said.requests, 1),
    )


def medians(rounds: Sequence[Round], memory_mb: float) -> Result:
    """The medians of some turns; errors are added up."""
    return Result(
        per_second=median(one.per_second for one in rounds),
        p50_ms=median(one.p50_ms for one in rounds),
        p99_ms=median(one.p99_ms for one in rounds),
        errors=sum(one.errors for one in rounds),
        cpu_ms=median(one.cpu_ms for one in rounds),
        memory_mb=memory_mb,
    )


def family(pid: int) -> list[int]:
    """A process and its children."""
    found = [pid]
    for task in (Path("/proc") / str(pid) / "task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """The CPU that a process and its children have used."""
    ticks = 0
    for each in family(pid):
        fields = (Path("/proc") / str(each) / "stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """The resident memory of a process and its children, what they share counted once for each (PSS)."""
    total = 0
    for each in family(pid):
        rollup = (Path("/proc") / str(each) / "smaps_rollup").read_text()
        total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
    return total / 1000
