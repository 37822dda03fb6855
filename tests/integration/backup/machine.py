"""A machine that is backed up or restored to: its database, its store and the operator's commands."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from backend.database import fetch_value
from backend.operations.backup.keys import RECIPIENTS, identities
from backend.operations.embedded_postgres import OWNER, SUPERUSER, dsn_at
from storage.port import StoreConfig
from storage.setup import Process
from tests import services

TARGET = f"{services.DATABASE}_restored"


@dataclass(frozen=True)
class Machine:
    """Where a command works: a database, a store, the operator's rights on both."""

    database: str
    store: StoreConfig
    is_minio: bool = False

    @property
    def dsn(self) -> str:
        return dsn_at(services.folder() / "postgres", OWNER, self.database)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            **services.environment(Process.WORKER),
            **services.store_users(),
            "DATABASE_URL": self.dsn,
            "NIANGJIA_S3_ENDPOINT": self.store.endpoint,
            "NIANGJIA_S3_ACCESS_KEY": self.store.access_key,
            "NIANGJIA_S3_SECRET_KEY": self.store.secret_key,
            **more,
        }

    def start(self, *words: str | Path, **more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "backend.cli", *map(str, words)],
            env=self.environment(**more),
            stdout=subprocess.DEVNULL,
        )

    async def niangjia(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "backend.cli", *map(str, words)],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
        )


@asynccontextmanager
async def database_of_its_own(name: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(dsn_at(services.folder() / "postgres", SUPERUSER, "postgres"))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" OWNER {OWNER}')
        yield
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()


def recipient(key: Path) -> str:
    return str(identities(key)[0].to_public())


async def backed_up(machine: Machine, folder: Path, key: Path) -> Path:
    """A backup of the machine."""
    told = await machine.niangjia("backup", folder, **{RECIPIENTS: recipient(key)})
    assert told.returncode == 0, told.stdout + told.stderr
    (path,) = folder.iterdir()
    assert told.stdout.startswith(f"{path}\n✓ ")
    return path


async def key_of(upload: UUID) -> str:
    found: str = await fetch_value("SELECT object_key FROM upload WHERE id = $1", upload)
    return found


async def facts_of(machine: Machine) -> dict[str, object]:
    """All that a database holds and enforces, found by other means than the backup's."""
    connection = await asyncpg.connect(machine.dsn)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        facts: dict[str, object] = {}
        for (table,) in tables:
            if table in ("audit_entry", "unsealed"):
                continue  # They tell of the backup and the restore themselves.
            facts[table] = await connection.fetchval(
                f"SELECT count(*) || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')"
                f' FROM public."{table}" t'
            )
        for name, query in {
            "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
            "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            "triggers": "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
            " ORDER BY 1, 2",
            "rights": "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants"
            " WHERE table_schema = 'public' ORDER BY 1, 2, 3",
            "policies": "SELECT tablename, policyname, qual FROM pg_policies ORDER BY 1, 2",
        }.items():
            facts[name] = [tuple(row) for row in await connection.fetch(query)]
        facts["number"] = await connection.fetchval("SELECT nextval('application_number')")
        return facts
    finally:
        await connection.close()


async def is_untouched(machine: Machine) -> bool:
    connection = await asyncpg.connect(machine.dsn)
    try:
        return not await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await connection.close()
