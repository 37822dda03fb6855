"""What each process of a stack on one machine gets to know, and no more: its own logins, and where the others are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from backend.operations.data_folder import Secrets
from backend.operations.refusal import Refusal
from backend.operations.servers import MARK, is_free
from backend.settings import Mode
from storage.port import StoreConfig
from storage.setup import Process

#: What of the operator's own shell the processes find as well.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "TERM", "NIANGJIA_CLAMD", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the stack listens on 127.0.0.1."""

    api: int
    console: int
    store: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Ports:
        """The ports asked for; raises Refusal for one that is no number."""
        return cls(
            api=_port(env, "NIANGJIA_API_PORT", 8000),
            console=_port(env, "NIANGJIA_CONSOLE_PORT", 8001),
            store=_port(env, "NIANGJIA_S3_PORT", 8002),
        )

    def require_free(self, *, with_store: bool) -> None:
        """Raise Refusal naming the variable that moves the first port that somebody else listens on."""
        wanted = [("NIANGJIA_API_PORT", self.api), ("NIANGJIA_CONSOLE_PORT", self.console)]
        if with_store:
            wanted.append(("NIANGJIA_S3_PORT", self.store))
        for name, port in wanted:
            if not is_free(port):
                raise Refusal(f"port {port} is in use: stop what listens there, or set {name} to another")


@dataclass(frozen=True, slots=True)
class Environments:
    """The environments of one stack; `owner_dsn` and `store` are its administrators' ways in."""

    folder: Path
    ports: Ports
    secrets: Secrets
    owner_dsn: str
    store: StoreConfig
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def addresses(self) -> tuple[str, str]:
        """Where the api and the console answer."""
        return f"http://127.0.0.1:{self.ports.api}", f"http://127.0.0.1:{self.ports.console}"

    def of(self, process: Process) -> dict[str, str]:
        """What a process gets to know: its own login to the database, its own user of the store."""
        role = f"niangjia_{process}"
        user = self.secrets.store_users.processes[process]
        dsn = _as_role(self.owner_dsn, role, self.secrets.database_passwords[role])
        made = self._common(dsn, user.access_key, user.secret_key)
        if process is Process.WORKER:
            made["NIANGJIA_SEAL_KEY"] = self.secrets.seal_key
        if base := self.env.get("NIANGJIA_METRICS_PORT"):
            # Three processes on one machine: each takes a port of its own, from this one on.
            made["NIANGJIA_METRICS_PORT"] = str(int(base) + list(Process).index(process))
        return made

    def of_operator(self) -> dict[str, str]:
        """What the operator's commands get to know: the owner's login, and the store's administrator."""
        administrator = self.secrets.store_users.administrator
        passwords = self.secrets.database_passwords
        environment = self._common(self.owner_dsn, administrator.access_key, administrator.secret_key)
        environment |= {f"{role.upper()}_DB_PASSWORD": password for role, password in passwords.items()}
        return environment | {
            "NIANGJIA_DEMO_PASSWORD": self.secrets.demo_password,
            "NIANGJIA_DEMO_TOTP": self.secrets.demo_totp,
            "NIANGJIA_SEAL_KEY": self.secrets.seal_key,
        }

    def _common(self, dsn: str, access_key: str, secret_key: str) -> dict[str, str]:
        api, console = self.addresses
        return {
            **{name: self.env[name] for name in _KEPT if name in self.env},
            MARK: str(self.folder),
            "PICCOLO_CONF": "backend.piccolo_conf",
            "DATABASE_URL": dsn,
            "NIANGJIA_MODE": Mode.DEMO,
            "NIANGJIA_DATA": str(self.folder),
            "NIANGJIA_FIELD_KEYS": f"a:{self.secrets.field_key}",
            "NIANGJIA_INDEX_KEY": self.secrets.index_key,
            "NIANGJIA_TOKEN_KEY": self.secrets.token_key,
            "NIANGJIA_S3_ENDPOINT": self.store.endpoint,
            "NIANGJIA_S3_PUBLIC_ENDPOINT": self.store.public_endpoint,
            "NIANGJIA_S3_REGION": self.store.region,
            "NIANGJIA_S3_ACCESS_KEY": access_key,
            "NIANGJIA_S3_SECRET_KEY": secret_key,
            "NIANGJIA_API_PORT": str(self.ports.api),
            "NIANGJIA_CONSOLE_PORT": str(self.ports.console),
            "NIANGJIA_PUBLIC_URL": api,
            "NIANGJIA_CONSOLE_URL": console,
        }


def _as_role(dsn: str, role: str, password: str) -> str:
    """The same database for another login."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}"))


def _port(env: Mapping[str, str], name: str, usual: int) -> int:
    value = env.get(name) or str(usual)
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
        raise Refusal(f"{name} must be a port number, 1 to 65535")
    return int(value)
