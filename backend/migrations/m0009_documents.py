"""Papers in parts, papers that are kept by rule, and papers that a worker has asked to be erased."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-25T12:00:00:000009"
VERSION = "1.38.0"
DESCRIPTION = "Uploads in parts, retention by rule, requests for erasure."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
