"""Piccolo's entry: the engine of this process and the one app."""

from __future__ import annotations

from piccolo.conf.apps import AppRegistry

from backend.database import engine
from backend.settings import settings

DB = engine(settings().database_url)

APP_REGISTRY = AppRegistry(apps=["backend.piccolo_app"])
