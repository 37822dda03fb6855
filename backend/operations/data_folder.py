"""The data folder of `make run`: where it is, who uses it, the secrets made once for it, and what runs on it now."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.operations.embedded_store import StoreUsers
from backend.operations.private_files import write_private
from backend.operations.refusal import Refusal
from storage.setup import Credentials, Process

ROOT_FOLDER = Path("/var/lib/niangjia")
_RUNNING = "running.json"
_SECRETS = "secrets.json"


class FolderInUse(Refusal):
    """Another `niangjia run` works on this data folder."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every key and password of one data folder; nothing here can be guessed, nothing has a default."""

    field_key: str
    index_key: str
    token_key: str
    seal_key: str
    demo_password: str
    demo_totp: str
    database_passwords: Mapping[str, str]
    store_users: StoreUsers


def data_folder(env: Mapping[str, str] = os.environ) -> Path:
    """NIANGJIA_DATA, else `.data` here; as root a folder below /var/lib, for PostgreSQL's user must reach it."""
    if env.get("NIANGJIA_DATA"):
        return Path(env["NIANGJIA_DATA"]).absolute()
    return ROOT_FOLDER if os.geteuid() == 0 else Path(".data").absolute()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder, made at first, for this process alone; raises FolderInUse."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # PostgreSQL's user has its folder in here and passes through; each part is private by itself.
        folder.chmod(0o711)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(f"another niangjia runs on {folder}: stop it, or choose another NIANGJIA_DATA") from None
        yield


def kept_secrets(folder: Path) -> Secrets:
    """The secrets of the folder, each made once."""
    path = folder / _SECRETS
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    # A folder of an earlier release lacks what came later.
    kept = _new_secrets() | before
    if kept != before:
        write_private(path, kept)
    users = kept["store_users"]
    return Secrets(
        field_key=kept["field_key"],
        index_key=kept["index_key"],
        token_key=kept["token_key"],
        seal_key=kept["seal_key"],
        demo_password=kept["demo_password"],
        demo_totp=kept["demo_totp"],
        database_passwords=kept["database_passwords"],
        store_users=StoreUsers(
            Credentials("niangjia-administrator", users["administrator"]),
            {process: Credentials(f"niangjia-{process}", users[process]) for process in Process},
        ),
    )


@contextmanager
def announced(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Tell the operator's other commands, for as long as the stack runs, how to reach it."""
    write_private(folder / _RUNNING, environment)
    try:
        yield
    finally:
        (folder / _RUNNING).unlink(missing_ok=True)


def running_environment(folder: Path) -> Mapping[str, str] | None:
    """The operator's environment of the stack that runs on this folder, or None."""
    try:
        found: dict[str, str] = json.loads((folder / _RUNNING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _new_secrets() -> dict[str, object]:
    def key() -> str:
        return base64.b64encode(secrets.token_bytes(32)).decode()

    return {
        "field_key": key(),
        "index_key": key(),
        "token_key": key(),
        "seal_key": key(),
        "demo_password": secrets.token_urlsafe(9),
        "demo_totp": base64.b32encode(secrets.token_bytes(20)).decode(),
        "database_passwords": {f"niangjia_{process}": secrets.token_hex(16) for process in Process},
        "store_users": {name: secrets.token_hex(16) for name in ("administrator", *Process)},
    }
