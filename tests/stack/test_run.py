"""`niangjia run` as a newcomer starts it: it comes up, the tour passes, what is in the way is told, nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.operations.servers import is_free
from tests import services
from tests.running_stack import Stack, command_line_of, stop, variables_of

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    made = Stack("run")
    yield made
    made.clear()


def get(port: int, path: str) -> Any:
    return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=10).json()


def test_the_whole_story_then_stopped_and_started_again(stack: Stack) -> None:
    with stack.running() as process:
        for port in (stack.api, stack.console):
            assert get(port, "/health/live") == {"status": "live"}
            assert get(port, "/health/ready")["status"] == "ready"
        told = stack.command("tour")
        assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-2000:]
        assert "✗" not in told.stdout
        applications = asyncio.run(stack.count("application"))
        events = asyncio.run(stack.count("application_event"))
        assert applications > 5
        secrets = json.loads((stack.folder / "secrets.json").read_text())
        moved = stack.command("clock", "set", "2026-03-05T09:00:00+08:00")
        assert moved.stdout.startswith("2026-03-05T09:00")
        assert stack.command("totp").stdout.strip().isdigit()
        assert stop(process, signal.SIGINT) == 0
    assert "stopped; everything is kept" in stack.log()
    assert stack.is_gone()
    for prefix in ("api", "console", "worker"):
        assert any(line.startswith(prefix) for line in stack.log().splitlines())

    began = time.monotonic()
    with stack.running() as process:
        took = time.monotonic() - began
        assert stack.is_ready()
        assert asyncio.run(stack.count("application")) == applications
        assert asyncio.run(stack.count("application_event")) == events
        assert json.loads((stack.folder / "secrets.json").read_text()) == secrets
        assert stack.command("clock", "show").stdout.startswith("2026-03-05T09:")
        assert stop(process) == 0
    # The promise is 5 s on a quiet machine; this only notices when a start becomes another kind of slow.
    assert took < 30


def test_nobody_else_can_read_its_secrets(stack: Stack) -> None:
    for name in ("secrets.json", "store", "postgres"):
        assert stat.S_IMODE((stack.folder / name).stat().st_mode) & 0o077 == 0, name
    for keys in stack.folder.rglob("keys.json"):
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_each_process_has_logins_of_its_own_and_a_second_run_is_refused(stack: Stack) -> None:
    with stack.running() as process:
        assert stack.operator()["NIANGJIA_MODE"] == "demo"
        logins = set()
        for known in map(variables_of, stack.children()):
            if "DATABASE_URL" in known:
                logins.add((known["DATABASE_URL"].split("//")[1].split(":")[0], known["NIANGJIA_S3_ACCESS_KEY"]))
                assert "NIANGJIA_DEMO_TOTP" not in known
        assert logins == {(f"niangjia_{name}", f"niangjia-{name}") for name in ("api", "console", "worker")}

        second = stack.command("run")
        assert second.returncode == 2
        assert "another niangjia runs" in second.stderr
        assert str(stack.folder) in second.stderr
        assert stack.is_ready()
        assert stop(process) == 0


def test_a_part_that_dies_stops_everything_with_a_clear_line(stack: Stack) -> None:
    with stack.running() as process:
        os.kill(next(pid for pid in stack.children() if command_line_of(pid).endswith(" worker ")), signal.SIGKILL)
        assert process.wait(60) == 1
    assert "worker ended by itself" in stack.log()
    assert stack.is_gone()


def test_what_a_killed_run_left_is_cleared_by_the_next(stack: Stack) -> None:
    killed = stack.start()
    killed.kill()
    killed.wait()
    left = set(stack.children())
    assert left
    with stack.running() as process:
        assert stack.is_ready()
        assert not left & set(stack.children())
        assert stop(process) == 0


@pytest.mark.parametrize("name", ["NIANGJIA_API_PORT", "NIANGJIA_CONSOLE_PORT", "NIANGJIA_S3_PORT"])
def test_a_port_in_use_names_the_variable_that_moves_it(stack: Stack, name: str) -> None:
    port = int(stack.environment[name])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        refused = stack.command("run")
    assert refused.returncode == 2
    assert name in refused.stderr
    assert stack.children() == []
    assert is_free(port)


@pytest.mark.parametrize(
    ("changed", "word"),
    [({"NIANGJIA_API_PORT": "seventy"}, "NIANGJIA_API_PORT"), ({"NIANGJIA_MODE": "production"}, "docker-compose.yml")],
)
def test_a_wrong_variable_is_named(stack: Stack, changed: dict[str, str], word: str) -> None:
    refused = stack.command("run", **changed)
    assert refused.returncode == 2
    assert word in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_clock_is_not_moved_in_production(stack: Stack) -> None:
    production = {"NIANGJIA_MODE": "production", "DATABASE_URL": services.dsn("niangjia_owner")}
    refused = stack.command("clock", "set", "2026-03-02", **production)
    assert refused.returncode != 0
    assert "demo" in refused.stderr


def test_the_clock_of_nothing_is_not_moved(stack: Stack, tmp_path: Path) -> None:
    refused = stack.command("clock", "set", "2026-03-05T09:00:00+08:00", NIANGJIA_DATA=str(tmp_path))
    assert refused.returncode == 2
    assert "make run" in refused.stderr
