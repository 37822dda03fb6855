"""Child processes whose words appear on this terminal, each line with the child's name before it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from backend.operations.servers import MARK, end

_COLOURS = ("36", "35", "33", "32", "34")
_LEFTOVER_SECONDS = 25.0


class Children:
    """The processes of one stack; all are stopped, in the order they were started, when the block ends."""

    def __init__(self, width: int = 9) -> None:
        self._width = width
        self._all: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a child in a session of its own, so that a Ctrl-C reaches the supervisor alone."""
        child = subprocess.Popen(
            list(command),
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        if child.stdout is None:
            raise RuntimeError("a pipe was asked for")
        colour = _COLOURS[len(self._all) % len(_COLOURS)]
        self._all[name] = child
        reader = threading.Thread(target=self._pass_on, args=(name, colour, child.stdout), daemon=True)
        reader.start()
        self._readers.append(reader)

    def dead(self) -> tuple[str, int] | None:
        """The first child that has ended by itself, with its exit status."""
        for name, child in self._all.items():
            if (status := child.poll()) is not None:
                return name, status
        return None

    def stop(self) -> None:
        """Ask all to end what they have begun, then wait for each."""
        for child in self._all.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self._all.values():
            end(child)
            # A server that had to be killed leaves its workers behind, in the session that was made for it.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        for reader in self._readers:
            reader.join(1.0)

    def say(self, name: str, words: str, colour: str = "1") -> None:
        """One line under a name."""
        prefix = f"{name:<{self._width}}|"
        if sys.stdout.isatty():
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        sys.stdout.write(f"{prefix} {words}\n")
        sys.stdout.flush()

    def _pass_on(self, name: str, colour: str, lines: IO[str]) -> None:
        for line in lines:
            self.say(name, line.rstrip("\n"), colour)


@contextmanager
def children() -> Iterator[Children]:
    """The children of this block."""
    made = Children()
    try:
        yield made
    finally:
        made.stop()


def stop_leftovers(folder: Path) -> int:
    """Stop what a killed supervisor of this folder left running; how many processes that were (Linux only)."""

    def is_ours(pid: int) -> bool:
        marks = [Path(entry.partition("=")[2]) for entry in _environment_of(pid) if entry.startswith(f"{MARK}=")]
        return pid != os.getpid() and any(mark.is_relative_to(folder) for mark in marks)

    left = [pid for pid in _processes() if is_ours(pid)]
    for pid in left:
        _signal(pid, signal.SIGTERM)
    give_up = time.monotonic() + _LEFTOVER_SECONDS
    while any(map(is_ours, left)):
        if time.monotonic() > give_up:
            for pid in left:
                _signal(pid, signal.SIGKILL)
        time.sleep(0.1)
    return len(left)


def _processes() -> list[int]:
    proc = Path("/proc")
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()] if proc.is_dir() else []


def _environment_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
