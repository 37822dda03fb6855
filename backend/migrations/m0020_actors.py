"""A change of login, name or unit is told to the processes that remember an actor."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-26T12:00:00:000020"
VERSION = "1.38.0"
DESCRIPTION = "A change of login, name or unit is told to the processes that remember an actor."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
