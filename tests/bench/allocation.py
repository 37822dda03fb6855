"""Measures one allocation through the service: seconds and memory of the process, and whether it was right."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any
from uuid import UUID

import asyncpg

from storage.setup import Process
from tests.bench import house
from tests.bench.rows.ground import Size


async def measure(quick: bool) -> dict[str, Any]:
    """100,000 applicants for 5,000 places under quotas of 300 unions; a tenth of both where it has to be quick."""
    applicants, places = (10_000, 500) if quick else (100_000, 5_000)
    size = Size(applications=1_000, staff=applicants, drafts=0, hot=0)
    with house.postgres() as dsn:
        async with house.filled(dsn, size, "bench_allocation") as filled:
            await filled.filling.candidates(applicants, places)
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.allocate_once", str(filled.filling.hot_batch)),
                env=os.environ | filled.environment(Process.CONSOLE),
                stdout=subprocess.PIPE,
            )
            out, _ = await child.communicate()
            if child.returncode:
                raise RuntimeError("the allocation failed")
            found: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
            connection = await asyncpg.connect(filled.dsn("niangjia_owner"))
            try:
                found["right"] = await _is_right(connection, filled.filling.hot_batch, applicants)
            finally:
                await connection.close()
    print(
        f"allocation: {applicants} for {places} places in {found['seconds']:.0f} s, {found['memory_mb']:.0f} MB;"
        f" {found['mains']} mains, right: {found['right']}",
        flush=True,
    )
    return {"applicants": applicants, "places": places, **found}


async def _is_right(connection: asyncpg.Connection, batch: UUID, applicants: int) -> bool:
    """Everybody placed once, no quota exceeded, and nobody passed over for fewer points in the same quota."""
    row = await connection.fetchrow(
        """WITH placed AS (SELECT a.placement, a.rank, a.points, r.quota_union FROM application a
            JOIN stay_request r ON r.application = a.id WHERE a.aggregate = $1)
        SELECT count(*) FILTER (WHERE placement <> '') AS placed,
            count(DISTINCT (placement, rank)) AS ranks,
            (SELECT count(*) FROM (SELECT quota_union FROM placed WHERE placement = 'main' GROUP BY quota_union
                HAVING count(*) > (SELECT places FROM batch_quota q
                    WHERE q.batch = $1 AND q.trade_union = quota_union)) x) AS exceeded,
            (SELECT count(*) FROM (SELECT quota_union FROM placed GROUP BY quota_union
                HAVING min(points) FILTER (WHERE placement = 'main')
                    < max(points) FILTER (WHERE placement = 'reserve')) y) AS passed_over FROM placed""",
        batch,
    )
    assert row is not None
    return (row["placed"], row["ranks"], row["exceeded"], row["passed_over"]) == (applicants, applicants, 0, 0)
