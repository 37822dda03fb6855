"""A whole stack whose every part is a process of its own that can be killed, frozen and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import urllib3

from backend.operations.children import stop_leftovers
from backend.operations.data_folder import kept_secrets
from backend.operations.embedded_postgres import OWNER, PORT, Cluster, cluster, embedded_binaries, ensure_database
from backend.operations.embedded_store import Store, store
from backend.operations.environments import Environments, Ports
from backend.operations.servers import end, free_ports
from storage.port import StoreConfig
from storage.setup import Process, set_up
from tests.faults.driver.proxy import Proxy, proxy_to

DATABASE = "niangjia"
PREFIX = "niangjia"
READY_S = 60.0
_NIANGJIA = (sys.executable, "-m", "backend.cli")


class Part(StrEnum):
    """What can be struck."""

    POSTGRES = "postgres"
    STORE = "store"
    API = "api"
    CONSOLE = "console"
    WORKER = "worker"


class House:
    """One stack in one folder; its processes reach database and store by the ways given, if any.

    `extra` is what its three processes find in their environment besides.
    """

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        *,
        database_way: int | None = None,
        store_way: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._extra = {"NIANGJIA_PROXIES": "127.0.0.1/32", **(extra or {})}
        self._database_way, self._store_way = database_way, store_way
        self.ports = ports
        self.secrets = kept_secrets(folder)
        self._parts: dict[Part, ExitStack] = {}
        self._running: dict[Part, subprocess.Popen[bytes]] = {}
        self.cluster: Cluster | None = None
        self.store: Store | None = None

    @property
    def direct(self) -> Environments:
        """The administrators' ways in, past any proxy."""
        assert self.cluster is not None
        assert self.store is not None
        dsn = self.cluster.dsn(OWNER, DATABASE)
        return Environments(self.folder, self.ports, self.secrets, dsn, self.store.config, os.environ)

    @property
    def dsn(self) -> str:
        """The owner's way into the database, past any proxy."""
        return self.direct.owner_dsn

    @property
    def store_config(self) -> StoreConfig:
        """The administrator's way into the store, past any proxy."""
        return self.direct.store

    @property
    def api(self) -> str:
        """Where the api answers."""
        return self.direct.addresses[0]

    @property
    def console(self) -> str:
        """Where the console answers."""
        return self.direct.addresses[1]

    @property
    def messages(self) -> Path:
        """Where the demonstration's text messages arrive."""
        return self.folder / "demo-sms.log"

    def set_up(self) -> None:
        """Start database and store, bring both up to date, lay the demonstration's data."""
        self.start(Part.STORE)
        self.start(Part.POSTGRES)
        assert self.cluster is not None
        assert self.store is not None
        asyncio.run(ensure_database(self.cluster.dsn(), DATABASE))
        set_up(self.store.config, self.secrets.store_users.processes if self.store.is_minio else None)
        for command in ("migrate", "seed"):
            done = self.command(command)
            assert done.returncode == 0, f"niangjia {command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"

    def start(self, part: Part, extra: Mapping[str, str] | None = None) -> None:
        """Start a part; database and store are ready when this returns, a process may not be yet.

        `extra` is what a process finds in its environment besides, this time.
        """
        stack = self._parts[part] = ExitStack()
        if part is Part.POSTGRES:
            self.cluster = stack.enter_context(cluster(embedded_binaries(self.folder), self.folder / "postgres"))
            self._running[part] = self.cluster.process
        elif part is Part.STORE:
            users = self.secrets.store_users
            self.store = stack.enter_context(store(self.folder / "store", self.ports.store, users, PREFIX))
            self._running[part] = self.store.process
        else:
            self._running[part] = self._start_process(part, extra or {})

    def kill(self, part: Part) -> None:
        """Kill a part and all that it started, at once; PostgreSQL by the order to stop without a checkpoint."""
        process = self._running[part]
        if part is Part.POSTGRES:
            process.send_signal(signal.SIGQUIT)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        self._parts[part].close()

    def start_again(self, part: Part, extra: Mapping[str, str] | None = None) -> None:
        """Kill a part, or clear away one that ended by itself, and start it."""
        if self.has_ended(part):
            self._parts[part].close()
        else:
            self.kill(part)
        self.start(part, extra)

    @contextmanager
    def another_worker(self) -> Iterator[None]:
        """The block with a second worker beside the first."""
        process = self._start_process(Part.WORKER, {})
        try:
            yield
        finally:
            end(process)

    def pid(self, part: Part) -> int:
        """The part's first process."""
        return self._running[part].pid

    def servers(self, part: Part) -> list[int]:
        """The processes that answer requests, started by the one that watches over them."""
        children = Path(f"/proc/{self.pid(part)}/task/{self.pid(part)}/children").read_text().split()
        return [int(pid) for pid in children]

    def is_ready(self) -> bool:
        """Whether api and console say that all is well."""
        return self._answers_well(self.api) and self._answers_well(self.console)

    def has_ended(self, part: Part) -> bool:
        """Whether a part ended by itself."""
        return self._running[part].poll() is not None

    def revive(self) -> None:
        """Start again what ended by itself, as a supervisor does in production."""
        for part in (Part.API, Part.CONSOLE, Part.WORKER):
            if part in self._running and self.has_ended(part):
                self.start_again(part)

    def wait_ready(self) -> float:
        """Wait until api and console say that all is well; the seconds that took."""
        began = time.monotonic()
        while not self.is_ready():
            self.revive()
            assert time.monotonic() < began + READY_S, f"not ready within {READY_S:.0f} s; see {self.folder}"
            time.sleep(0.1)
        return time.monotonic() - began

    def command(self, *words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """One of the operator's commands, past any proxy."""
        return subprocess.run(
            [*_NIANGJIA, *words],
            env=self.direct.of_operator(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def log(self, part: Part) -> str:
        """What a process said since the house was made."""
        path = self.folder / f"{part}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def stop(self) -> None:
        """End every part, processes first."""
        for part in (Part.WORKER, Part.CONSOLE, Part.API):
            if part in self._running and not self.has_ended(part):
                self._running[part].terminate()
        for part in (Part.WORKER, Part.CONSOLE, Part.API, Part.STORE, Part.POSTGRES):
            if part in self._running:
                try:
                    if part not in (Part.STORE, Part.POSTGRES):
                        self._running[part].wait(15)
                except subprocess.TimeoutExpired:
                    os.killpg(self._running[part].pid, signal.SIGKILL)
                self._parts[part].close()
        stop_leftovers(self.folder)

    def environment_of(self, process: Process) -> dict[str, str]:
        """What a process finds in its environment."""
        direct = self.direct
        dsn, config = direct.owner_dsn, direct.store
        if self._database_way is not None:
            dsn = f"postgresql://{OWNER}@127.0.0.1:{self._database_way}/{DATABASE}"
        if self._store_way is not None:
            origin = f"http://127.0.0.1:{self._store_way}"
            config = replace(config, endpoint=origin, public_endpoint=origin)
        return replace(direct, owner_dsn=dsn, store=config).of(process) | self._extra

    def _start_process(self, part: Part, extra: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{part}.log").open("ab") as log:
            return subprocess.Popen(
                [*_NIANGJIA, part.value],
                env=self.environment_of(Process(part.value)) | {"PYTHONUNBUFFERED": "1", **extra},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @staticmethod
    def _answers_well(address: str) -> bool:
        try:
            answer = urllib3.request("GET", f"{address}/health/ready", timeout=5.0, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200


@asynccontextmanager
async def living_behind_proxies(
    folder: Path, extra: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[House, dict[str, Proxy]]]:
    """A house with all parts up, whose processes and phones reach database and store through proxies of ours."""
    sockets = folder / "postgres" / f".s.PGSQL.{PORT}"
    ports = Ports(*free_ports(3))
    async with proxy_to(sockets) as database, proxy_to(ports.store) as papers:
        house = House(folder, ports, database_way=database.port, store_way=papers.port, extra=extra)
        try:
            await asyncio.to_thread(house.set_up)
            for part in (Part.API, Part.CONSOLE, Part.WORKER):
                house.start(part)
            await asyncio.to_thread(house.wait_ready)
            yield house, {"database": database, "store": papers}
        finally:
            await asyncio.to_thread(house.stop)
