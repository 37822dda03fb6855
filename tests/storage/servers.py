"""Starts the S3 servers at hand, each on free ports and in a folder of its own."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3

from storage.port import StoreConfig
from storage.setup import Credentials, Process, identities

ADMINISTRATOR = Credentials("administrator", secrets.token_hex(16))
USERS = {process: Credentials(f"user-{process}", secrets.token_hex(16)) for process in Process}
START_S = 30.0


def minio_binary() -> Path | None:
    """The MinIO to test against: named by NIANGJIA_MINIO, built by `make minio`, or on the PATH."""
    built = Path(__file__).parents[2] / ".tools" / "minio"
    for candidate in (os.environ.get("NIANGJIA_MINIO"), str(built), "minio"):
        if candidate and (found := shutil.which(candidate)):
            return Path(found)
    return None


def weed_binary() -> Path | None:
    """The embedded store's binary, beside the interpreter or on the PATH."""
    found = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    return Path(found) if found else None


@contextmanager
def minio(binary: Path, folder: Path, prefix: str) -> Iterator[StoreConfig]:
    """A MinIO with a key to encrypt with; its users are made by the setup."""
    (port,) = free_ports(1)
    environment = {
        "MINIO_ROOT_USER": ADMINISTRATOR.access_key,
        "MINIO_ROOT_PASSWORD": ADMINISTRATOR.secret_key,
        "MINIO_KMS_SECRET_KEY": f"papers:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "MINIO_UPDATE": "off",
        "MINIO_BROWSER": "off",
    }
    command = [str(binary), "server", "--address", f"127.0.0.1:{port}", str(folder / "data")]
    with running(command, environment, folder, f"http://127.0.0.1:{port}/minio/health/ready", 200):
        yield config_at(port, prefix)


@contextmanager
def embedded(binary: Path, folder: Path, prefix: str) -> Iterator[StoreConfig]:
    """The embedded store; its users are in its configuration file from the start."""
    (folder / "data").mkdir()
    (folder / "s3.json").write_text(json.dumps(identities(ADMINISTRATOR, USERS, prefix)))
    names = ["master.port", "filer.port", "volume.port", "s3.port", "admin.port"]
    ports = free_ports(2 * len(names))
    command = [
        str(binary),
        "mini",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={folder / 's3.json'}",
        *(f"-{name}={port}" for name, port in zip([*names, *(f"{name}.grpc" for name in names)], ports, strict=True)),
    ]
    # Without keys of its own the filer's port would answer anybody.
    keys = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")
    environment = {f"WEED_JWT_{key}_KEY": secrets.token_hex(16) for key in keys} | {"GOMEMLIMIT": "200MiB"}
    port = ports[names.index("s3.port")]
    with running(command, environment, folder, f"http://127.0.0.1:{port}/", 403):
        yield config_at(port, prefix)


def config_at(port: int, prefix: str) -> StoreConfig:
    """The administrator's way in."""
    origin = f"http://127.0.0.1:{port}"
    return StoreConfig(origin, origin, "us-east-1", ADMINISTRATOR.access_key, ADMINISTRATOR.secret_key, prefix)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], folder: Path, probe: str, expected: int
) -> Iterator[None]:
    """The server from its first expected answer until the block ends."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment},
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        give_up = time.monotonic() + START_S
        while not _answers(probe, expected):
            if server.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the store did not start: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _answers(address: str, expected: int) -> bool:
    try:
        return urllib3.request("GET", address, timeout=1.0, retries=False).status == expected
    except urllib3.exceptions.HTTPError:
        return False
