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

import asyncpg
import httpx
import pytest

from backend.operations.servers import free_ports, is_free
from storage.keys import Bucket
from storage.port import StoreConfig
from storage.s3 import S3Store
from tests import services
from tests.running_stack import Stack, command_line_of, stop, variables_of
from tests.stack.canaries import canaries, leaks, provoke

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    made = Stack("run")
    made.environment["NIANGJIA_METRICS_PORT"] = str(free_run_of_ports(3))
    yield made
    made.clear()


def free_run_of_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    while True:
        (first,) = free_ports(1)
        if all(is_free(first + further) for further in range(1, count)):
            return first


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
        people = asyncio.run(canaries(stack))
        assert len(people) > 50
        refusals = "\n".join(asyncio.run(provoke(stack, people)))
        assert [word for word in people if word in refusals] == []
        assert asyncio.run(leaks(stack)) == set()
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


def test_a_leak_is_found_wherever_it_is(stack: Stack) -> None:
    """The search above can fail: the same stack, with a person let out at each place that it looks at."""

    async def let_out(names: list[str]) -> None:
        known = stack.operator()
        connection = await asyncpg.connect(known["DATABASE_URL"])
        try:
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(f"SELECT '{names[0]}'::int")
            await connection.execute(
                "INSERT INTO pgqueuer (priority, status, entrypoint, payload, execute_after)"
                " VALUES (0, 'queued', 'check_upload', convert_to($1, 'UTF8'), now() + interval '1 day')",
                names[1],
            )
            await connection.execute(
                "INSERT INTO audit_entry (id, at, act, detail) VALUES (gen_random_uuid(), now(), 'test', $1)",
                json.dumps({"who": names[2]}, ensure_ascii=False),
            )
        finally:
            await connection.close()
        store = S3Store(
            StoreConfig(
                known["NIANGJIA_S3_ENDPOINT"],
                known["NIANGJIA_S3_ENDPOINT"],
                known["NIANGJIA_S3_REGION"],
                known["NIANGJIA_S3_ACCESS_KEY"],
                known["NIANGJIA_S3_SECRET_KEY"],
            )
        )
        await store.put(Bucket.EXPORTS, f"roster-{names[3]}.xlsx", b"x", content_type="text/plain")
        store.close()

    with stack.running() as process:
        names = sorted(word for word in asyncio.run(canaries(stack)) if not word.isascii() and len(word) < 5)[:5]
        asyncio.run(let_out(names))
        stack.write_log(f'api    | {{"event": "request", "path": "/people/{names[4]}"}}')
        assert asyncio.run(leaks(stack)) == {
            ("postgres/log", names[0]),
            ("pgqueuer", names[1]),
            ("audit_entry", names[2]),
            ("names in the store", names[3]),
            ("log of api", names[4]),
        }
        assert stop(process) == 0


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
