"""The job queue of pgqueuer, its DDL as the pinned version writes it."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-24T12:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "The job queue of pgqueuer, its DDL as the pinned version writes it."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
