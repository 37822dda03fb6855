"""The queues of the desk are read by indexes of their own."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-26T12:00:00:000021"
VERSION = "1.38.0"
DESCRIPTION = "The queues of the desk are read by indexes of their own."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
