"""`niangjia run`: the whole house on one machine, started in order, watched, and stopped without loss."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

from backend.operations.banner import banner
from backend.operations.children import Children, children, stop_leftovers
from backend.operations.data_folder import Secrets, announced, data_folder, held, kept_secrets
from backend.operations.embedded_postgres import OWNER, cluster, embedded_binaries, ensure_database
from backend.operations.embedded_store import REGION, Store, store
from backend.operations.refusal import Refusal
from backend.operations.servers import MARK, is_free
from backend.operations.sign_of_life import is_well
from backend.settings import Mode, web_origins
from storage.port import StoreConfig
from storage.setup import Process, allow_web_pages, set_up

DATABASE = "niangjia"
PREFIX = "niangjia"
READY_SECONDS = 90.0
_WATCH_SECONDS = 0.2
_NIANGJIA = (sys.executable, "-m", "backend.cli")


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


class _Stopped(Exception):
    """The operator asked for the end."""


def run(env: Mapping[str, str] = os.environ) -> int:
    """Start everything, wait until told to stop or until a part dies; the exit status."""
    if env.get("NIANGJIA_MODE", Mode.DEMO) != Mode.DEMO:
        raise Refusal("`niangjia run` is for demonstration and development; production runs docker-compose.yml")
    began = time.monotonic()
    os.umask(0o077)
    folder, ports = data_folder(env), Ports.from_env(env)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with held(folder), ExitStack() as servers:
            stop_leftovers(folder)
            ports.require_free(with_store=not env.get("NIANGJIA_S3_ENDPOINT"))
            stack = _Stack(folder, ports, kept_secrets(folder), dict(env))
            stack.start_servers(servers)
            return stack.serve(began)
    except _Stopped:
        sys.stdout.write("stopped; everything is kept\n")
        return 0


class _Stack:
    """One run: its servers, then the processes on them."""

    def __init__(self, folder: Path, ports: Ports, secrets: Secrets, env: dict[str, str]) -> None:
        self._folder = folder
        self._ports = ports
        self._secrets = secrets
        self._env = env
        self._owner_dsn = env.get("DATABASE_URL", "")
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self._store = self._external_store()

    def start_servers(self, servers: ExitStack) -> None:
        """Start the database and the store at once, migrate, set up; what DATABASE_URL or NIANGJIA_S3_ENDPOINT name is
        used instead of a server of our own."""
        with ThreadPoolExecutor(1) as pool:
            starting = None if self._store is not None else pool.submit(self._start_store, servers)
            if not self._owner_dsn:
                postgres = servers.enter_context(cluster(embedded_binaries(self._folder), self._folder / "postgres"))
                self._servers["postgres"] = postgres.process
                asyncio.run(ensure_database(postgres.dsn(), DATABASE, afresh=not self._seeded.exists()))
                self._owner_dsn = postgres.dsn(OWNER, DATABASE)
            self._niangjia("migrate")
            if starting is not None:
                started = starting.result()
                self._servers["store"] = started.process
                self._store = started.config
                set_up(started.config, self._secrets.store_users.processes if started.is_minio else None)
            elif self._store is not None:
                set_up(self._store, self._secrets.store_users.processes)
            if self._store is not None:
                allow_web_pages(self._store, web_origins(self._env))
        self._seed_once()

    def serve(self, began: float) -> int:
        """Run the processes until one ends by itself (1) or the operator stops them (raises _Stopped)."""
        with announced(self._folder, self._operator_environment()), children() as family:
            for process in Process:
                family.start(process, (*_NIANGJIA, process), self._environment_of(process))
            self._wait_until_ready(family)
            sys.stdout.write(
                banner(self._addresses(), self._secrets.demo_password, self._folder, time.monotonic() - began)
            )
            sys.stdout.flush()
            while (ended := self._ended(family)) is None:
                time.sleep(_WATCH_SECONDS)
            family.say("run", f"{ended}: stopping everything")
        return 1

    def _start_store(self, servers: ExitStack) -> Store:
        return servers.enter_context(
            store(self._folder / "store", self._ports.store, self._secrets.store_users, PREFIX, web_origins(self._env))
        )

    def _external_store(self) -> StoreConfig | None:
        endpoint = self._env.get("NIANGJIA_S3_ENDPOINT")
        if not endpoint:
            return None
        return StoreConfig(
            endpoint,
            self._env.get("NIANGJIA_S3_PUBLIC_ENDPOINT", endpoint),
            self._env.get("NIANGJIA_S3_REGION", REGION),
            self._env.get("NIANGJIA_S3_ACCESS_KEY", ""),
            self._env.get("NIANGJIA_S3_SECRET_KEY", ""),
            PREFIX,
        )

    def _seed_once(self) -> None:
        """Seed at the first start."""
        if not self._seeded.exists():
            self._niangjia("seed")
            self._seeded.touch()

    @property
    def _seeded(self) -> Path:
        """There once the first start got through; before that, what an interrupted one left is begun afresh."""
        return self._folder / "seeded"

    def _niangjia(self, command: str) -> None:
        done = subprocess.run(  # our own command
            [*_NIANGJIA, command], env=self._operator_environment(), capture_output=True, text=True
        )
        if done.returncode != 0:
            raise Refusal(f"`niangjia {command}` failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")

    def _wait_until_ready(self, family: Children) -> None:
        waiting = [f"{address}/health/ready" for address in self._addresses()]
        give_up = time.monotonic() + READY_SECONDS
        while waiting:
            if (ended := self._ended(family)) is not None:
                raise Refusal(ended)
            if time.monotonic() > give_up:
                raise Refusal(f"{waiting[0]} did not answer 200 within {READY_SECONDS:.0f} s")
            waiting = [address for address in waiting if not is_well(address)]
            time.sleep(0.05)

    def _ended(self, family: Children) -> str | None:
        dead = family.dead()
        if dead is not None:
            return f"{dead[0]} ended by itself (exit status {dead[1]})"
        for name, server in self._servers.items():
            if server.poll() is not None:
                return f"{name} ended by itself (exit status {server.returncode}); see its log in {self._folder / name}"
        return None

    def _addresses(self) -> tuple[str, str]:
        return f"http://127.0.0.1:{self._ports.api}", f"http://127.0.0.1:{self._ports.console}"

    def _environment_of(self, process: Process) -> dict[str, str]:
        """What a process gets to know: its own login to the database, its own user of the store."""
        role = f"niangjia_{process}"
        user = self._secrets.store_users.processes[process]
        passwords = self._secrets.database_passwords
        made = self._environment(_as_role(self._owner_dsn, role, passwords[role]), user.access_key, user.secret_key)
        if process is Process.WORKER:
            made["NIANGJIA_SEAL_KEY"] = self._secrets.seal_key
        if base := self._env.get("NIANGJIA_METRICS_PORT"):
            # Three processes on one machine: each takes a port of its own, from this one on.
            made["NIANGJIA_METRICS_PORT"] = str(int(base) + list(Process).index(process))
        return made

    def _operator_environment(self) -> dict[str, str]:
        """What the operator's commands get to know: the owner's login, and the store's administrator."""
        administrator = self._secrets.store_users.administrator
        passwords = self._secrets.database_passwords
        environment = self._environment(self._owner_dsn, administrator.access_key, administrator.secret_key)
        environment |= {f"{role.upper()}_DB_PASSWORD": password for role, password in passwords.items()}
        return environment | {
            "NIANGJIA_DEMO_PASSWORD": self._secrets.demo_password,
            "NIANGJIA_DEMO_TOTP": self._secrets.demo_totp,
            "NIANGJIA_SEAL_KEY": self._secrets.seal_key,
        }

    def _environment(self, dsn: str, access_key: str, secret_key: str) -> dict[str, str]:
        api, console = self._addresses()
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "TERM", "NIANGJIA_CLAMD", "TMPDIR")
        endpoint = self._store.endpoint if self._store else f"http://127.0.0.1:{self._ports.store}"
        return {
            **{name: self._env[name] for name in kept if name in self._env},
            MARK: str(self._folder),
            "PICCOLO_CONF": "backend.piccolo_conf",
            "DATABASE_URL": dsn,
            "NIANGJIA_MODE": Mode.DEMO,
            "NIANGJIA_DATA": str(self._folder),
            "NIANGJIA_FIELD_KEYS": f"a:{self._secrets.field_key}",
            "NIANGJIA_INDEX_KEY": self._secrets.index_key,
            "NIANGJIA_TOKEN_KEY": self._secrets.token_key,
            "NIANGJIA_S3_ENDPOINT": endpoint,
            "NIANGJIA_S3_PUBLIC_ENDPOINT": self._store.public_endpoint if self._store else endpoint,
            "NIANGJIA_S3_REGION": self._store.region if self._store else REGION,
            "NIANGJIA_S3_ACCESS_KEY": access_key,
            "NIANGJIA_S3_SECRET_KEY": secret_key,
            "NIANGJIA_API_PORT": str(self._ports.api),
            "NIANGJIA_CONSOLE_PORT": str(self._ports.console),
            "NIANGJIA_PUBLIC_URL": api,
            "NIANGJIA_CONSOLE_URL": console,
        }


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Leave by way of every `finally`; from here on further signals change nothing."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise _Stopped


def _as_role(dsn: str, role: str, password: str) -> str:
    """The same database for another login."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}"))


def _port(env: Mapping[str, str], name: str, usual: int) -> int:
    value = env.get(name) or str(usual)
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
        raise Refusal(f"{name} must be a port number, 1 to 65535")
    return int(value)
