"""`niangjia run` on real parts: it comes up, keeps its data, says what is in the way, and never leaves half a house."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from backend.operations.servers import free_ports
from tests.services import folder

NIANGJIA = (sys.executable, "-m", "backend.cli")
#: A first start seeds; a busy machine is slow.
PATIENCE = 120.0


@dataclass
class House:
    """One data folder and its ports."""

    data: Path
    api: int
    console: int
    store: int

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        return kept | {
            "NIANGJIA_DATA": str(self.data),
            "NIANGJIA_API_PORT": str(self.api),
            "NIANGJIA_CONSOLE_PORT": str(self.console),
            "NIANGJIA_S3_PORT": str(self.store),
        }

    @property
    def log(self) -> Path:
        return self.data.with_suffix(".log")

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            running = subprocess.Popen([*NIANGJIA, "run"], env=self.environment, stdout=log, stderr=log)
        give_up = time.monotonic() + PATIENCE
        while "╰" not in self.log.read_text():
            assert running.poll() is None, self.log.read_text()
            assert time.monotonic() < give_up, self.log.read_text()
            time.sleep(0.1)
        return running

    def command(self, *words: str) -> str:
        return subprocess.run(
            [*NIANGJIA, *words], env=self.environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def children(self) -> list[int]:
        """Every process that works on the folder."""
        mark = f"NIANGJIA_SUPERVISED={self.data}".encode()
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, mark)]

    def is_ready(self) -> bool:
        answers = [
            urllib3.request("GET", f"http://127.0.0.1:{port}/health/ready", timeout=10)
            for port in (self.api, self.console)
        ]
        return all(answer.status == 200 for answer in answers)


def _has(entry: Path, mark: bytes) -> bool:
    try:
        return mark in (entry / "environ").read_bytes()
    except OSError:
        return False


def stop(running: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
    running.send_signal(number)
    return running.wait(60)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House(folder() / "house", *free_ports(3))
    yield made
    for pid in made.children():
        os.kill(pid, signal.SIGKILL)


def test_it_comes_up_stops_and_comes_up_with_the_same_data(house: House) -> None:
    running = house.start()
    assert house.is_ready()
    first = json.loads((house.data / "secrets.json").read_text())
    assert house.command("clock", "set", "2026-03-05T09:00:00+08:00").startswith("2026-03-05T09:00")
    assert house.command("totp").strip().isdigit()
    assert stop(running, signal.SIGINT) == 0
    assert house.children() == []

    began = time.monotonic()
    running = house.start()
    took = time.monotonic() - began
    assert house.is_ready()
    assert json.loads((house.data / "secrets.json").read_text()) == first
    assert house.command("clock", "show").startswith("2026-03-05T09:")
    assert stop(running) == 0
    # The promise is 5 s on a quiet machine; this only notices when a start becomes another kind of slow.
    assert took < 30


def test_nobody_else_can_read_its_secrets(house: House) -> None:
    for name in ("secrets.json", "store", "postgres"):
        assert stat.S_IMODE((house.data / name).stat().st_mode) & 0o077 == 0, name
    for keys in house.data.rglob("keys.json"):
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_each_process_has_logins_of_its_own(house: House) -> None:
    running = house.start()
    logins = set()
    for pid in house.children():
        pairs = (Path("/proc") / str(pid) / "environ").read_bytes().decode().split("\0")
        known = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        if "DATABASE_URL" in known:
            logins.add((known["DATABASE_URL"].split("//")[1].split(":")[0], known["NIANGJIA_S3_ACCESS_KEY"]))
            assert "NIANGJIA_DEMO_TOTP" not in known
    assert logins == {(f"niangjia_{name}", f"niangjia-{name}") for name in ("api", "console", "worker")}
    assert stop(running) == 0


def test_a_part_that_dies_stops_the_rest_with_a_word(house: House) -> None:
    running = house.start()
    workers = [pid for pid in house.children() if b"worker" in (Path("/proc") / str(pid) / "cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    assert running.wait(60) == 1
    assert "worker ended by itself" in house.log.read_text()
    assert house.children() == []


def test_what_a_killed_run_left_is_cleared_by_the_next(house: House) -> None:
    running = house.start()
    running.kill()
    running.wait()
    left = set(house.children())
    assert left
    running = house.start()
    assert house.is_ready()
    assert not left & set(house.children())
    assert stop(running) == 0


def test_a_second_run_on_the_same_folder_is_refused(house: House) -> None:
    running = house.start()
    second = subprocess.run([*NIANGJIA, "run"], env=house.environment, capture_output=True, text=True, timeout=60)
    assert (second.returncode, str(house.data) in second.stderr) == (2, True)
    assert house.is_ready()
    assert stop(running) == 0


@pytest.mark.parametrize("name", ["NIANGJIA_API_PORT", "NIANGJIA_CONSOLE_PORT", "NIANGJIA_S3_PORT"])
def test_a_taken_port_is_told_with_the_variable_that_moves_it(house: House, name: str) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(house.environment[name])))
        taken.listen()
        refused = subprocess.run([*NIANGJIA, "run"], env=house.environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert name in refused.stderr
    assert house.children() == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"NIANGJIA_API_PORT": "seventy"}, "NIANGJIA_API_PORT"), ({"NIANGJIA_MODE": "production"}, "docker-compose.yml")],
)
def test_a_wrong_variable_is_named(house: House, changes: dict[str, str], word: str) -> None:
    refused = subprocess.run(
        [*NIANGJIA, "run"], env=house.environment | changes, capture_output=True, text=True, timeout=60
    )
    assert (refused.returncode, word in refused.stderr) == (2, True)
    assert "Traceback" not in refused.stderr


def test_the_clock_of_nothing_is_not_moved(tmp_path: Path) -> None:
    refused = subprocess.run(
        [*NIANGJIA, "clock", "set", "2026-03-05T09:00:00+08:00"],
        env={"PATH": os.environ["PATH"], "NIANGJIA_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 2
    assert "make run" in refused.stderr
