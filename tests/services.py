"""The real PostgreSQL and S3 server that the tests run against, and the environment that the backend finds."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import asyncpg

from backend.operations.children import stop_leftovers
from backend.operations.embedded_postgres import (
    OWNER,
    SUPERUSER,
    Cluster,
    cluster,
    debian_binaries,
    dsn_at,
    embedded_binaries,
    ensure_database,
)
from backend.operations.embedded_store import Store, StoreUsers, embedded, minio, minio_binary, weed_binary
from backend.operations.servers import free_ports
from storage.setup import Credentials, Process, set_up

#: Kept short for the sake of socket paths, and out of pytest's private folders, where PostgreSQL's user could not go.
FOLDER_VARIABLE = "NIANGJIA_TEST_FOLDER"
TEMPLATE = "niangjia_template"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
DATABASE = f"niangjia_{WORKER}"
PREFIX = "niangjia"

#: Nothing here outlives the run, so nothing waits for a disk.
OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}

(STORE_PORT,) = free_ports(1)
USERS = StoreUsers(
    Credentials("administrator", secrets.token_hex(16)),
    {process: Credentials(f"user-{process}", secrets.token_hex(16)) for process in Process},
)


def folder() -> Path:
    """The folder of this test run, shared by its processes."""
    if FOLDER_VARIABLE not in os.environ:
        made = Path(mkdtemp(prefix="nj-", dir="/tmp"))
        made.chmod(0o711)
        (made / "pid").write_text(str(os.getpid()))
        _clear_killed_runs(made.parent)
        os.environ[FOLDER_VARIABLE] = str(made)
    return Path(os.environ[FOLDER_VARIABLE])


def _clear_killed_runs(parent: Path) -> None:
    """Stop the servers of test runs that were killed before they could, and delete their folders."""
    for pid in parent.glob("nj-*/pid"):
        if not Path(f"/proc/{pid.read_text()}").exists():
            stop_leftovers(pid.parent)
            shutil.rmtree(pid.parent, ignore_errors=True)


def dsn(role: str) -> str:
    """Where `role` finds the database of this test process."""
    return dsn_at(folder() / "postgres", role, DATABASE)


def store_users() -> dict[str, str]:
    """Every process's user of the store, as the operator's environment names them."""
    return {
        f"NIANGJIA_S3_{process.upper()}_{word}_KEY": value
        for process, user in USERS.processes.items()
        for word, value in (("ACCESS", user.access_key), ("SECRET", user.secret_key))
    }


def environment(process: Process = Process.API) -> dict[str, str]:
    """The variables that a process of the backend would be started with, in demo mode."""
    user = USERS.processes[process]
    key = base64.b64encode(bytes(32)).decode()
    return {
        "PICCOLO_CONF": "backend.piccolo_conf",
        "DATABASE_URL": dsn(f"niangjia_{process}"),
        "NIANGJIA_MODE": "demo",
        "NIANGJIA_DATA": str(own_folder()),
        "NIANGJIA_FIELD_KEYS": f"a:{key}",
        "NIANGJIA_INDEX_KEY": key,
        "NIANGJIA_TOKEN_KEY": key,
        "NIANGJIA_SEAL_KEY": key,
        "NIANGJIA_S3_ENDPOINT": f"http://127.0.0.1:{STORE_PORT}",
        "NIANGJIA_S3_ACCESS_KEY": user.access_key,
        "NIANGJIA_S3_SECRET_KEY": user.secret_key,
    }


def own_folder() -> Path:
    """The data folder of this test process."""
    own = folder() / WORKER
    own.mkdir(mode=0o700, exist_ok=True)
    return own


@contextmanager
def postgres(options: Mapping[str, str] = OPTIONS) -> Iterator[Cluster]:
    """A PostgreSQL with a migrated template: the embedded one, or Debian's with NIANGJIA_TEST_POSTGRES=debian."""
    if os.environ.get("NIANGJIA_TEST_POSTGRES") == "debian":
        binaries = debian_binaries()
        if binaries is None:
            raise RuntimeError("NIANGJIA_TEST_POSTGRES=debian, and no /usr/lib/postgresql/*/bin is there")
    else:
        binaries = embedded_binaries(folder())
    with cluster(binaries, folder() / "postgres", options) as started:
        asyncio.run(ensure_database(started.dsn(), TEMPLATE))
        subprocess.run(
            [sys.executable, "-m", "backend.cli", "migrate"],
            env={**os.environ, "DATABASE_URL": started.dsn(OWNER, TEMPLATE)},
            check=True,
            timeout=120,
        )
        yield started


@contextmanager
def object_store() -> Iterator[Store]:
    """A set-up S3 server for this test process: the embedded one, or MinIO with NIANGJIA_TEST_STORE=minio."""
    wanted = os.environ.get("NIANGJIA_TEST_STORE", "embedded")
    start, binary = (minio, minio_binary()) if wanted == "minio" else (embedded, weed_binary())
    if binary is None:
        raise RuntimeError(f"no {wanted} store is at hand")
    with start(binary, own_folder() / "store", STORE_PORT, USERS, PREFIX) as started:
        set_up(started.config, USERS.processes if started.is_minio else None)
        yield started


async def create_database() -> None:
    """The database of this test process, a fresh copy of the template."""
    connection = await asyncpg.connect(dsn_at(folder() / "postgres", SUPERUSER, "postgres"))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{DATABASE}" TEMPLATE {TEMPLATE} OWNER {OWNER}')
    finally:
        await connection.close()


@asynccontextmanager
async def logged_in_as(role: str) -> AsyncIterator[None]:
    """The block with the backend logged in as another role (`niangjia_worker`, or the owner to lay reference data).

    It holds for every task of this process, and never inside a transaction.
    """
    from backend.database import db

    held = db().pool
    async with asyncpg.create_pool(dsn(role), min_size=1, max_size=10) as pool:
        db().pool = pool
        try:
            yield
        finally:
            db().pool = held


class Cleaner:
    """Empties the database between tests: everything but what the migrations themselves put there."""

    def __init__(self, connection: asyncpg.Connection, statement: str) -> None:
        self._connection = connection
        self._statement = statement

    @classmethod
    async def connect(cls) -> Cleaner:
        """A cleaner of this process's database, which no test has touched yet."""
        connection = await asyncpg.connect(dsn(SUPERUSER))
        # Triggers and foreign keys sleep for this session alone: append-only tables can be emptied, in any order.
        await connection.execute("SET session_replication_role = replica; SET lock_timeout = '10s'")
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        names = [f'"{row["tablename"]}"' for row in rows]
        kept = [name for name in names if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})")]
        statement = ";".join(f"DELETE FROM {name}" for name in names if name not in kept)
        return cls(connection, f"{statement};SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")

    async def clean(self) -> None:
        """Delete every row that a test has left, and count from one again."""
        await self._connection.execute(self._statement)

    async def close(self) -> None:
        """End the cleaner's session."""
        await self._connection.close()
