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
from pathlib import Path
from types import FrameType
from typing import NoReturn

from backend.operations.banner import banner
from backend.operations.children import Children, children, stop_leftovers
from backend.operations.data_folder import Secrets, announced, data_folder, held, kept_secrets
from backend.operations.embedded_postgres import OWNER, cluster, embedded_binaries, ensure_database
from backend.operations.embedded_store import REGION, Store, store
from backend.operations.environments import Environments, Ports
from backend.operations.refusal import Refusal
from backend.operations.sign_of_life import is_well
from backend.settings import Mode, web_origins
from storage.port import StoreConfig
from storage.setup import Process, allow_web_pages, set_up

DATABASE = "niangjia"
PREFIX = "niangjia"
READY_SECONDS = 90.0
_WATCH_SECONDS = 0.2
_NIANGJIA = (sys.executable, "-m", "backend.cli")


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
        made = self._environments()
        with announced(self._folder, made.of_operator()), children() as family:
            for process in Process:
                family.start(process, (*_NIANGJIA, process), made.of(process))
            self._wait_until_ready(family, made.addresses)
            sys.stdout.write(
                banner(made.addresses, self._secrets.demo_password, self._folder, time.monotonic() - began)
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
            [*_NIANGJIA, command], env=self._environments().of_operator(), capture_output=True, text=True
        )
        if done.returncode != 0:
            raise Refusal(f"`niangjia {command}` failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")

    def _wait_until_ready(self, family: Children, addresses: tuple[str, str]) -> None:
        waiting = [f"{address}/health/ready" for address in addresses]
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

    def _environments(self) -> Environments:
        # Before the store is up, the only command that is run asks nothing of it.
        origin = f"http://127.0.0.1:{self._ports.store}"
        store = self._store or StoreConfig(origin, origin, REGION, "", "")
        return Environments(self._folder, self._ports, self._secrets, self._owner_dsn, store, self._env)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Leave by way of every `finally`; from here on further signals change nothing."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise _Stopped
