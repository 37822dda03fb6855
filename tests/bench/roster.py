"""How long a roster takes: `python -m tests.bench.roster [STAFF]`, each with one relative; nothing is asserted."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Awaitable
from typing import Any

from tests import services

os.environ.update(services.environment())


async def measure(count: int) -> None:
    """Read, accept and read again a roster of so many staff, in an empty database of the embedded PostgreSQL."""
    from backend.database import close_pool, fetch_value, open_pool
    from tests.integration.stay_world import make_world
    from tests.rosters import relative, workbook, worker

    await services.create_database()
    await open_pool()
    world = await make_world()
    officer, unit = world.by["officer-daizong"], world.unions["daizong"]
    rosters = world.services.rosters

    async def timed(what: str, work: Awaitable[Any]) -> Any:
        began = time.perf_counter()
        result = await work
        sys.stdout.write(f"{what:<28}{time.perf_counter() - began:8.2f} s\n")
        return result

    content = workbook(
        [worker(serial) for serial in range(count)], [relative(serial, serial) for serial in range(count)]
    )
    sys.stdout.write(f"{count} staff, {count} relatives, {len(content) / 1e6:.2f} MB\n")
    async with services.logged_in_as("niangjia_console"):
        made = await timed("dry run", rosters.dry_run(officer, unit, content))
        shown = await timed("look", rosters.look(officer, made))
        chosen = [line.key for line in shown.roster.lines()]
        await timed("accept", rosters.accept(officer, made, chosen))
        again = await timed("dry run of the same file", rosters.dry_run(officer, unit, content))
        counts = (await rosters.look(officer, again)).counts
    written = await fetch_value("SELECT (SELECT count(*) FROM staff_record) + (SELECT count(*) FROM relation)")
    sys.stdout.write(f"{written} rows on file; then {counts}\n")
    await close_pool()


def main() -> None:
    """Measure in a PostgreSQL of its own."""
    try:
        with services.postgres():
            asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000))
    finally:
        shutil.rmtree(services.folder(), ignore_errors=True)


if __name__ == "__main__":
    main()
