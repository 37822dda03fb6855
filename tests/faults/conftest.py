"""A real clamd that knows one virus, the scanners' own test file, where Debian's is installed."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.operations.servers import running
from tests.faults.hostile_files import eicar
from tests.services import own_folder


@pytest.fixture(scope="session")
def clamd() -> Iterator[str]:
    """The socket of a clamd; skipped where there is none (`tests/install-parts` installs it)."""
    binary = shutil.which("clamd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if binary is None:
        pytest.skip("no clamd at hand (apt-get install clamav-daemon)")
    folder = own_folder() / "clamd"
    signatures = folder / "signatures"
    signatures.mkdir(parents=True)
    # Debian's package brings no signatures, and those of the project are fetched from the internet.
    (signatures / "test.ndb").write_text(f"Eicar-Test:0:*:{eicar().hex()}\n")
    address = folder / "socket"
    settings = folder / "clamd.conf"
    settings.write_text(
        f"LocalSocket {address}\nDatabaseDirectory {signatures}\nForeground yes\nStreamMaxLength 25M\nMaxThreads 2\n"
    )
    command = [binary, "--config-file", str(settings)]
    with running(command, lambda: _answers(address), environment={}, folder=folder, log=folder / "log"):
        yield str(address)


def _answers(address: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(address))
            asking.sendall(b"zPING\0")
            return asking.recv(16).startswith(b"PONG")
    except OSError:
        return False
