"""Bring a database up to the newest schema, and let the processes log in."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Set

from piccolo.apps.migrations.commands.forwards import run_forwards

from backend.database import close_pool, execute, fetch, fetch_value, open_pool, transaction

MIGRATION_LOCK = 7_041_202
PROCESS_ROLES = ("niangjia_api", "niangjia_console", "niangjia_worker")


class MigrationFailed(Exception):
    """The migrations did not all run; the database is as it was."""


async def migrate(passwords: Mapping[str, str]) -> None:
    """Run every new migration in one transaction as the owner that DATABASE_URL names, then allow the logins.

    `passwords` gives a password per role of PROCESS_ROLES; a role without one logs in by the server's own rules. Two
    runs at once wait for one another.
    """
    # A migration may rewrite the largest table.
    await open_pool(min_size=1, max_size=1, statement_seconds=None)
    try:
        async with transaction():
            await execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
            await run_migrations()
            for role in PROCESS_ROLES:
                password = passwords.get(role)
                clause = f" PASSWORD {await fetch_value('SELECT quote_literal($1)', password)}" if password else ""
                await execute(f'ALTER ROLE "{role}" LOGIN{clause}')
    finally:
        await close_pool()


async def run_migrations(last: str = "all") -> None:
    """Run, in the current transaction, every new migration up to and with `last`; raises MigrationFailed."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        result = await run_forwards("niangjia", last)
    if not result.success:
        raise MigrationFailed(said.getvalue())


def known_migrations() -> Set[str]:
    """The names of all migrations that this code has."""
    from piccolo.apps.migrations.commands.base import BaseMigrationManager

    from backend.piccolo_app import APP_CONFIG

    manager = BaseMigrationManager()
    return set(manager.get_migration_ids(manager.get_migration_modules(APP_CONFIG.resolved_migrations_folder_path)))


async def schema_is_current() -> bool:
    """Whether every migration that this code knows has been run on the database."""
    done = await fetch("SELECT name FROM migration WHERE app_name = 'niangjia'")
    return known_migrations() <= {row["name"] for row in done}
