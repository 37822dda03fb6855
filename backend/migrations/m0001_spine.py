"""Every table of the spine and of rest and recuperation, their rules and the rights of each process."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-24T12:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Every table of the spine and of rest and recuperation, their rules and the rights of each process."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
