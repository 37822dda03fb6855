"""The whole examination: each part by itself, so that one that is down hides nothing of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import asyncpg

from backend.composition import compose
from backend.database import close_pool, open_pool
from backend.errors import DomainError
from backend.operations.doctor import of_database, of_machine, of_store
from backend.operations.doctor.finding import Finding, Grade
from backend.settings import Settings, SettingsError
from backend.words import Text
from storage.port import StoreError


async def examine(env: Mapping[str, str], say: Callable[[str], object]) -> int:
    """Print a line for each thing; 1 where one fails, 0 where there are warnings at most."""
    counted = dict.fromkeys(Grade, 0)
    async for finding in _findings(env):
        say(f"{finding.line}\n")
        counted[finding.grade] += 1
    say(f"{counted[Grade.OK]} ok, {counted[Grade.WARN]} warn, {counted[Grade.FAIL]} fail\n")
    return 1 if counted[Grade.FAIL] else 0


async def _findings(env: Mapping[str, str]) -> AsyncIterator[Finding]:
    try:
        settings = Settings.from_env(env)
    except SettingsError as error:
        yield Finding(Grade.FAIL, Text("设置", "settings"), str(error), Text("改正后再来", "Set it, then ask again"))
        return
    services = compose(settings)
    yield of_machine.examine_settings(settings)
    try:
        await open_pool(min_size=1, max_size=1)
        try:
            async for finding in of_database.examine(settings, services.clock):
                yield finding
        finally:
            await close_pool()
    except (DomainError, asyncpg.PostgresError) as error:
        cause = error.__cause__ or error
        yield Finding(
            Grade.FAIL,
            Text("数据库", "database"),
            f"no answer ({type(cause).__name__})",
            Text("检查 DATABASE_URL 与 PostgreSQL", "Look at DATABASE_URL and at PostgreSQL's log"),
        )
    try:
        async for finding in of_store.examine(settings, env):
            yield finding
    except StoreError as error:
        yield Finding(
            Grade.FAIL,
            Text("对象存储", "store"),
            str(error),
            Text("检查 NIANGJIA_S3_* 与存储", "Look at NIANGJIA_S3_* and at the store's log; `niangjia store-setup`"),
        )
    async for finding in of_machine.examine(settings, services, env):
        yield finding
