"""Papers that show a relation or a relative's consent are found from the paper."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-25T12:00:00:000013"
VERSION = "1.38.0"
DESCRIPTION = "Papers that show a relation or a relative's consent are found from the paper."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
