"""A migration is a SQL file; this turns it into what Piccolo's runner takes."""

from __future__ import annotations

from pathlib import Path

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from backend.database import execute


async def sql_migration(migration_id: str, module_file: str, description: str) -> MigrationManager:
    """The migration whose SQL stands beside `module_file` under the same name."""
    statements = Path(module_file).with_suffix(".sql").read_text(encoding="utf-8")

    async def run() -> None:
        await execute(statements)

    manager = MigrationManager(migration_id=migration_id, app_name="niangjia", description=description)
    manager.add_raw(run)
    return manager
