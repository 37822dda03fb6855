"""Mutual aid: enrolments, their lines and beneficiaries, covers that nobody holds twice, what happened to them."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.migrations.sql import sql_migration

ID = "2026-11-25T12:00:00:000007"
VERSION = "1.38.0"
DESCRIPTION = "Mutual aid: enrolments, their lines and beneficiaries, covers that nobody holds twice."


async def forwards() -> MigrationManager:
    """The migration, as Piccolo's runner takes it."""
    return await sql_migration(ID, __file__, DESCRIPTION)
