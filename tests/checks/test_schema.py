"""The migrations build, from nothing, the very tables that the code describes."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from piccolo.columns import Column, ForeignKey
from piccolo.table import Table

from backend import migrations
from backend.operations.embedded_postgres import OWNER, SUPERUSER, dsn_at
from backend.operations.migrate import PROCESS_ROLES, schema_is_current
from backend.piccolo_app import APP_CONFIG
from tests.services import DATABASE, dsn, folder

TABLES: list[type[Table]] = APP_CONFIG.table_classes

#: Tables that are not described here: the queue library's own, Piccolo's list of migrations, the operator's clock.
ELSEWHERE = ("pgqueuer", "migration", "demo_clock")


def sql_type(column: Column) -> str:
    """A column's type as PostgreSQL spells it; a foreign key has the type of what it points to."""
    if isinstance(column, ForeignKey):
        target = column._foreign_key_meta.resolved_references
        return sql_type(target._meta.primary_key)
    told: str = column.column_type
    if told.startswith("VARCHAR"):
        return f"character varying({told.removeprefix('VARCHAR(').removesuffix(')')})"
    return {
        "TIMESTAMPTZ": "timestamp with time zone",
        "TIMESTAMP": "timestamp without time zone",
        "SERIAL": "integer",
    }.get(told, told.lower())


@pytest.fixture
async def columns(database: None) -> dict[str, dict[str, tuple[str, bool]]]:
    """Of each migrated table its columns, each with type and whether it may be empty."""
    connection = await asyncpg.connect(dsn(OWNER))
    rows = await connection.fetch(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
    )
    await connection.close()
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for row in rows:
        found.setdefault(row["relname"], {})[row["attname"]] = (row["type"], row["nullable"])
    return found


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table._meta.tablename)
async def test_a_table_is_as_the_code_describes_it(table: type[Table], columns: Any) -> None:
    described = {column._meta.db_column_name: (sql_type(column), column._meta.null) for column in table._meta.columns}
    assert columns.get(table._meta.tablename) == described


async def test_no_table_is_unknown_to_the_code(columns: Any) -> None:
    unknown = set(columns) - {table._meta.tablename for table in TABLES}
    assert {name for name in unknown if not name.startswith(ELSEWHERE)} == set()


async def test_every_foreign_key_is_in_the_database(database: None) -> None:
    connection = await asyncpg.connect(dsn(OWNER))
    rows = await connection.fetch(
        "SELECT c.conrelid::regclass::text AS held_by, a.attname, c.confrelid::regclass::text AS target, c.confdeltype"
        " FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        " WHERE c.contype = 'f'"
    )
    await connection.close()
    found = {(row["held_by"], row["attname"], row["target"]): row["confdeltype"] for row in rows}
    described = {
        (
            table._meta.tablename,
            key._meta.db_column_name,
            key._foreign_key_meta.resolved_references._meta.tablename,
        )
        for table in TABLES
        for key in table._meta.foreign_key_columns
    }
    assert set(found) == described
    assert set(found.values()) == {b"r"}, "what is on record never goes along with something else"


async def test_the_migrations_run_from_nothing_and_again_change_nothing(database: None) -> None:
    name = f"{DATABASE}_empty"
    server = await asyncpg.connect(dsn_at(folder() / "postgres", SUPERUSER, "postgres"))
    await server.execute(f'CREATE DATABASE "{name}" OWNER {OWNER}')
    try:
        for _ in range(2):
            migration = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "backend.cli", "migrate"),
                env={**os.environ, "DATABASE_URL": dsn_at(folder() / "postgres", OWNER, name)},
            )
            assert await migration.wait() == 0
        connection = await asyncpg.connect(dsn_at(folder() / "postgres", OWNER, name))
        ran = await connection.fetch("SELECT name FROM migration ORDER BY id")
        await connection.close()
        assert len(ran) == len({row["name"] for row in ran}) >= 2
    finally:
        await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await server.close()
    assert await schema_is_current()


def test_every_migration_has_a_number_of_its_own() -> None:
    """Two under one number would be taken for one: the second would never run where the first had."""
    modules = sorted(Path(migrations.__file__).parent.glob("m[0-9]*.py"))
    numbers = [module.stem[1:5] for module in modules]
    assert len(set(numbers)) == len(numbers)
    for module, number in zip(modules, numbers, strict=True):
        named = import_module(f"backend.migrations.{module.stem}")
        assert named.ID.endswith(f":00{number}"), module.name
        assert module.with_suffix(".sql").exists(), module.name


async def test_no_process_owns_a_table_or_may_bypass_its_rules(database: None) -> None:
    connection = await asyncpg.connect(dsn(OWNER))
    owned = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE tableowner = ANY($1)", list(PROCESS_ROLES))
    strong = await connection.fetchval(
        "SELECT count(*) FROM pg_roles WHERE rolname = ANY($1) AND (rolsuper OR rolbypassrls OR rolcreaterole"
        " OR rolcreatedb)",
        [*PROCESS_ROLES, "niangjia_console_admin"],
    )
    await connection.close()
    assert (owned, strong) == (0, 0)
