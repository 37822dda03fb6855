"""The shared case carries more than one programme: whom it is about, who acted as a person, notices without a batch."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-25T12:00:00:000004"
VERSION = "1.38.0"
DESCRIPTION = "Whom a case is about, who acted on it as a person, notices without an aggregate."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
