"""What the data console may read and write: masked views, row-level security, column rights."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-24T12:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "What the data console may read and write: masked views, row-level security, column rights."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
