"""Servers that this process starts as its children: from their first good answer until the block ends."""

from __future__ import annotations

import os
import pwd
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.operations.refusal import Refusal

#: Names the folder that a child works on, so that a later run knows whose it is, should this one be killed.
MARK = "NIANGJIA_SUPERVISED"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
_PAUSE_SECONDS = 0.02
_PORTS = range(15_000, 32_000)
_promised: list[socket.socket] = []


class DidNotStart(Refusal):
    """A server ended, or said nothing good, within START_SECONDS; the text ends with its last words."""


@contextmanager
def running(
    command: Sequence[str],
    ready: Callable[[], bool],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    user: pwd.struct_passwd | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """The server from its first good answer to `ready` until the block ends, then stopped by the signal `stop`.

    It runs in a session of its own, so that a Ctrl-C in the terminal reaches this process alone, which stops everything
    in order. `user` is the operating system's user that it runs as, if another. Raises DidNotStart.
    """
    with log.open("ab") as words:
        server = subprocess.Popen(
            list(command),
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), MARK: str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            cwd=folder,
            **as_user(user),
            start_new_session=True,
        )
    try:
        give_up = time.monotonic() + START_SECONDS
        while not ready():
            if server.poll() is not None or time.monotonic() > give_up:
                last = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise DidNotStart(f"{command[0]} did not start:\n{last}")
            time.sleep(_PAUSE_SECONDS)
        yield server
    finally:
        end(server, stop)


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """What makes a child of root run as another user, for subprocess."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}


def end(server: subprocess.Popen[bytes] | subprocess.Popen[str], stop: signal.Signals = signal.SIGTERM) -> None:
    """Stop a child and wait for it; one that does not listen for STOP_SECONDS is killed."""
    if server.poll() is None:
        server.send_signal(stop)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, promised to nobody else on this machine while this process lives.

    They lie below those that systems give to outgoing connections, any of which could take one before its server does.
    """
    ports: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        if len(ports) == count:
            return ports
        if is_free(port) and _promise(port):
            ports.append(port)
    raise DidNotStart(f"no {count} free ports between {_PORTS[0]} and {_PORTS[-1]}")


def _promise(port: int) -> bool:
    """Keep other processes of ours from choosing this port (Linux only: a name that ends with this process)."""
    if sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0niangjia-port-{port}")
    except OSError:
        name.close()
        return False
    _promised.append(name)
    return True


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
