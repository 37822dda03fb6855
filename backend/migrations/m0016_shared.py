"""A paper has a copy that others open; the console reads the rules of retention."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-26T12:00:00:000016"
VERSION = "1.38.0"
DESCRIPTION = "A paper has a copy that others open; the console reads the rules of retention."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
