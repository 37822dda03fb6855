"""Proves that the floor and ours answer the same and write the same rows, before anything is measured."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx

from tests.bench.house import House

#: What differs between two submits of two cases: who, when, and what is made from it.
_OWN = ("id", "number", "created_at", "submitted_at", "acts_next")
_SAMPLE = 40


class Differs(AssertionError):
    """The floor and ours do not give the same: nothing measured between them would mean anything."""


async def prove(house: House, api: int, console: int, floor: int) -> int:
    """Compare answers, then the rows that a submit of each has written; how many answers were compared."""
    filling = house.filling
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:

        async def both(path: str, ours: int, headers: dict[str, str]) -> None:
            first = await client.get(f"http://127.0.0.1:{ours}{path}", headers=headers)
            second = await client.get(f"http://127.0.0.1:{floor}{path}", headers=headers)
            first.raise_for_status(), second.raise_for_status()
            differs(path, first.json(), second.json())

        for worker in filling.busy[:_SAMPLE]:
            await both("/api/v1/applications", api, _bearer(house.token(worker)))
        for worker, case in filling.known[:: max(1, len(filling.known) // _SAMPLE)]:
            await both(f"/api/v1/applications/{case}", api, _bearer(house.token(worker)))
        cookie = {"Cookie": f"niangjia_console={house.session}", "Accept": "application/json"}
        await both("/review/", console, cookie)
        await _submits(house, client, api, floor)
    return _SAMPLE + len(filling.known[:: max(1, len(filling.known) // _SAMPLE)]) + 3


async def _submits(house: House, client: httpx.AsyncClient, api: int, floor: int) -> None:
    """One submit through each: the same answer but for what is its own, and as many rows in the same tables."""
    connection = await asyncpg.connect(house.dsn("niangjia_owner"))
    try:
        answers, added, events = [], [], []
        for port in (api, floor):
            worker, case = house.filling.ready.pop()
            before = await _counts(connection)
            answer = await client.post(
                f"http://127.0.0.1:{port}/api/v1/applications/{case}/submit",
                json={"version": 1},
                headers=_bearer(house.token(worker)) | {"Idempotency-Key": f"same-{case.hex}"},
            )
            answer.raise_for_status()
            after = await _counts(connection)
            added.append({table: after[table] - count for table, count in before.items() if after[table] != count})
            answers.append(_without_own(answer.json()))
            events.append(await _event(connection, case))
    finally:
        await connection.close()
    differs("submit", answers[0], answers[1])
    differs("rows of a submit", added[0], added[1])
    differs("event of a submit", events[0], events[1])


async def _counts(connection: asyncpg.Connection) -> dict[str, int]:
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    written = [row["tablename"] for row in tables if row["tablename"] not in ("upload", "consent")]
    return {table: await connection.fetchval(f'SELECT count(*) FROM "{table}"') for table in written}


async def _event(connection: asyncpg.Connection, case: Any) -> dict[str, Any]:
    row = await connection.fetchrow(
        "SELECT seq, role, action, from_state, to_state, from_stage, to_stage, comment, length(hash) AS hash,"
        " previous, (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(convert_from(body, 'UTF8')::jsonb) k)"
        " AS keys FROM application_event WHERE application = $1",
        case,
    )
    assert row is not None
    return dict(row)


def _without_own(answer: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in answer.items() if name not in _OWN}
    kept["steps"] = [{**step, "at": step["at"] is not None} for step in answer["steps"]]
    kept["papers"] = [{**paper, "uploads": len(paper["uploads"])} for paper in answer["papers"]]
    kept["points"], kept["point_lines"] = None, len(answer["point_lines"])
    return kept


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def differs(what: str, ours: Any, floor: Any, at: str = "") -> None:
    """Raise Differs naming the first place where the two are not the same."""
    if isinstance(ours, dict) and isinstance(floor, dict) and ours.keys() == floor.keys():
        for name in ours:
            differs(what, ours[name], floor[name], f"{at}.{name}")
    elif isinstance(ours, list) and isinstance(floor, list) and len(ours) == len(floor):
        for place, (one, other) in enumerate(zip(ours, floor, strict=True)):
            differs(what, one, other, f"{at}[{place}]")
    elif ours != floor:
        raise Differs(f"{what}: at {at or 'the top'} ours is {ours!r}, the floor's {floor!r}")
