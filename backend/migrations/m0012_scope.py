"""Scope holds for what keeps the scope: records of staff follow their unit, keepers keep what is below them."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-25T12:00:00:000012"
VERSION = "1.38.0"
DESCRIPTION = "Records of staff follow their unit; unions and roles are kept and read by subtree."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
