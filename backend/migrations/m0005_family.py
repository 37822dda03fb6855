"""Family: what was declared of whom, on which paper; whose consent it is; the roster that a unit brings as Excel."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-25T12:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "Family: what was declared of whom, on which paper; whose consent it is; the roster that a unit brings."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
