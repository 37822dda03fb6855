"""The house that is measured: a durable PostgreSQL of the bench's own, filled, with the real processes before it."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx

from tests import services

os.environ.update(services.environment())

from backend.accounts.tokens import Tokens
from backend.clock import security_now
from backend.composition import compose
from backend.database import db, fetch_value
from backend.operations.demo import LOGINS, demo_actor, seed_logins, seed_programme, seed_reference
from backend.operations.demo_cases import open_batch
from backend.operations.embedded_postgres import OWNER, cluster, embedded_binaries, ensure_database
from backend.operations.servers import free_ports, running
from backend.sealing import KeyRing
from backend.settings import settings
from storage.setup import Process
from tests.bench.rows.filling import Filling
from tests.bench.rows.ground import Base, Size, now
from tests.bench.rows.staff import Worker

#: A server that the caller named by DATABASE_URL, a superuser's address; `make bench` passes it on under this name.
EXTERNAL = os.environ.get("NIANGJIA_BENCH_DATABASE", "")

#: Durable, as an installation is; only the memory is set for the machine that measures.
OPTIONS = {"shared_buffers": "1GB", "max_connections": "100", "max_wal_size": "4GB", "checkpoint_timeout": "30min"}
PASSWORD = "correct-horse-battery"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_KEY = bytes(32)


@dataclass(frozen=True, slots=True)
class House:
    """One filled database: how a role reaches it, what was filled in, and a reviewer's session at the console."""

    dsn: Callable[[str], str]
    filling: Filling
    session: str

    def token(self, worker: Worker) -> str:
        """An access token of a worker's, good for 15 minutes."""
        return Tokens(_KEY).access(worker.account, worker.family)

    def environment(self, process: Process) -> dict[str, str]:
        """What one of the processes is started with: as in production, all features on."""
        return services.environment(process) | {
            "DATABASE_URL": self.dsn(f"niangjia_{process}"),
            "NIANGJIA_MODE": "production",
        }

    @contextmanager
    def serving(self, process: Process) -> Iterator[tuple[int, int]]:
        """The api or the console on a free port, one worker; its port and process id."""
        port, figures = free_ports(2)
        command = [sys.executable, "-m", "backend.cli", process.value]
        variables = self.environment(process) | {
            f"NIANGJIA_{process.value.upper()}_PORT": str(port),
            "NIANGJIA_METRICS_PORT": str(figures),
        }
        with _server(command, variables, port, process.value) as pid:
            yield port, pid

    @contextmanager
    def working(self) -> Iterator[int]:
        """The worker; its process id."""
        folder = services.own_folder()
        command = [sys.executable, "-m", "backend.cli", "worker"]
        environment = self.environment(Process.WORKER) | {"PYTHONPATH": str(Path(__file__).parents[2])}
        with running(
            command, lambda: True, environment=environment, folder=folder, log=folder / "worker.log"
        ) as worker:
            yield worker.pid

    @contextmanager
    def floor(self) -> Iterator[tuple[int, int]]:
        """The floor on a free port, one worker; its port and process id."""
        (port,) = free_ports(1)
        command = [sys.executable, "-m", "tests.bench.floor", str(port)]
        variables = {
            "FLOOR_DATABASE": self.dsn("niangjia_api"),
            "FLOOR_DESK_DATABASE": self.dsn("niangjia_console"),
            "FLOOR_KEY": base64.b64encode(_KEY).decode(),
        }
        with _server(command, variables, port, "floor") as pid:
            yield port, pid


@contextmanager
def _server(command: list[str], variables: Mapping[str, str], port: int, name: str) -> Iterator[int]:
    folder = services.own_folder()

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health/live", trust_env=False, timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), **variables}
    with running(command, ready, environment=environment, folder=folder, log=folder / f"{name}.log") as server:
        yield server.pid


@contextmanager
def postgres() -> Iterator[Callable[[str, str], str]]:
    """A PostgreSQL, the embedded one or that of DATABASE_URL (a superuser's): gives addresses by role and database."""
    if EXTERNAL:
        parts = urlsplit(EXTERNAL)

        def dsn(role: str, database: str) -> str:
            host = parts.netloc.rpartition("@")[2]
            user = parts.netloc if role == "" else f"{role}:{PASSWORD}@{host}"
            return urlunsplit(parts._replace(netloc=user, path=f"/{database}"))

        yield dsn
        return
    with cluster(embedded_binaries(services.folder()), services.folder() / "bench", OPTIONS) as started:
        yield lambda role, database: started.dsn(role or "postgres", database)


@asynccontextmanager
async def filled(dsn: Callable[[str, str], str], size: Size, name: str) -> AsyncIterator[House]:
    """A database of this name, made and filled; it is dropped afterwards."""
    await ensure_database(dsn("", "postgres"), name, afresh=True)
    connection = await asyncpg.connect(dsn("", name))
    if EXTERNAL:
        await connection.execute(f"ALTER ROLE {OWNER} PASSWORD '{PASSWORD}'")
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "backend.cli", "migrate"],
        env={**os.environ, "DATABASE_URL": dsn(OWNER, name)},
        check=True,
        timeout=120,
    )
    if EXTERNAL:
        for process in Process:
            await connection.execute(f"ALTER ROLE niangjia_{process} PASSWORD '{PASSWORD}'")
    try:
        base = await _base(dsn(OWNER, name))
        filling = Filling(connection, size, base, KeyRing({"a": _KEY}, "a", _KEY))
        began = time.monotonic()
        await filling.fill()
        rows = await connection.fetchval("SELECT sum(n_live_tup)::bigint FROM pg_stat_user_tables")
        size_mb = await connection.fetchval("SELECT pg_database_size(current_database()) / 1000000")
        print(f"filled {name}: {rows} rows, {size_mb} MB, {time.monotonic() - began:.0f} s", flush=True)
        yield House(lambda role: dsn(role, name), filling, await _session(connection))
    finally:
        await connection.close()


async def _base(owner: str) -> Base:
    """What the rows copy, made through the services as the owner."""
    services_ = compose(settings())
    held = db().pool
    async with asyncpg.create_pool(owner, min_size=1, max_size=2) as pool:
        db().pool = pool
        try:
            unions = await seed_reference(services_.clock)
            accounts = await seed_logins(unions, PASSWORD, TOTP_SECRET, services_.sealer)
            version = await seed_programme(unions, accounts, services_.clock)
            by = {login.username: demo_actor(login, unions, accounts) for login in LOGINS}
            batch = await open_batch(services_, by, unions, version)
            await pool.execute("DELETE FROM batch_quota")
            await pool.execute("UPDATE batch SET opens_at = opens_at - interval '1 hour'")
            return Base(
                version=version,
                batch=batch,
                city=unions["city"],
                emergency=await fetch_value("SELECT id FROM emergency"),
                officer=accounts["officer-daizong"],
                now=now(),
            )
        finally:
            db().pool = held


async def _session(connection: asyncpg.Connection) -> str:
    """A reviewer's session at the console, both factors proven."""
    from backend.accounts.console_login import _digest

    token = secrets.token_urlsafe(32)
    account: UUID = await connection.fetchval(
        "SELECT c.id FROM console_account c JOIN console_user u ON u.id = c.login WHERE u.username = 'reviewer-zhou'"
    )
    await connection.execute(
        "INSERT INTO console_session (id, account, token_digest, proven, created_at, used_at)"
        " VALUES (gen_random_uuid(), $1, $2, true, $3, $3)",
        account,
        _digest(token),
        security_now() + timedelta(hours=2),
    )
    return token
