"""The one Piccolo app: every table there is, and one linear history of migrations."""

from __future__ import annotations

from pathlib import Path

from piccolo.conf.apps import AppConfig, table_finder

APP_CONFIG = AppConfig(
    app_name="niangjia",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=table_finder(
        [
            "backend.audit.tables",
            "backend.calendars.tables",
            "backend.unions.tables",
            "backend.people.tables",
            "backend.accounts.tables",
            "backend.registry.tables",
            "backend.documents.tables",
            "backend.notifications.tables",
            "backend.certificates.tables",
            "backend.web.tables",
            "backend.applications.tables",
            "backend.insurance.tables",
            "backend.recuperation.tables",
            "backend.commendation.tables",
        ]
    ),
    migration_dependencies=[],
    commands=[],
)
