"""A statement that takes long is written down with its request and without a value; one that does not is not."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
import structlog

from backend import slow_queries
from backend.database import execute, fetch_value, transaction
from backend.errors import Unavailable
from backend.logs import configure
from backend.metrics import SLOW_QUERIES
from backend.settings import settings
from backend.slow_queries import without_values

CANARY = "秦岚 370902199001011234"


@pytest.fixture(autouse=True)
def threshold(monkeypatch: pytest.MonkeyPatch, database: None) -> None:
    changed = dataclasses.replace(settings(), slow_query_s=0.2)
    monkeypatch.setattr(slow_queries, "settings", lambda: changed)
    configure(demo=False)


async def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    await asyncio.sleep(0)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if "slow_query" in line]


async def test_the_statement_its_time_and_its_request_are_told_and_no_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = SLOW_QUERIES._value.get()
    with structlog.contextvars.bound_contextvars(request="0199-request"):
        await fetch_value("SELECT $1::text\n  FROM pg_sleep(0.25)", CANARY)
        await execute(f"SELECT '{CANARY}' FROM pg_sleep(0.25)")
        await fetch_value("SELECT $1::text", CANARY)
    lines = await told(capsys)
    assert [line["statement"] for line in lines] == [
        "SELECT $1::text FROM pg_sleep(0.25)",
        "SELECT '?' FROM pg_sleep(0.25)",
    ]
    for line in lines:
        assert line["request"] == "0199-request"
        assert line["level"] == "warning"
        assert isinstance(line["ms"], int)
        assert line["ms"] >= 200
        assert "秦岚" not in json.dumps(line, ensure_ascii=False)
    assert SLOW_QUERIES._value.get() == before + 2


async def test_one_that_failed_names_the_kind_of_error(capsys: pytest.CaptureFixture[str]) -> None:
    async def too_long() -> None:
        async with transaction() as connection:
            await connection.execute("SET LOCAL statement_timeout = '250ms'")
            await connection.execute("SELECT pg_sleep(5)")

    with pytest.raises(Unavailable):
        await too_long()
    (line,) = await told(capsys)
    assert line["error"] == "QueryCanceledError"
    assert line["statement"] == "SELECT pg_sleep(5)"


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("ALTER ROLE x PASSWORD 'it''s a secret'", "ALTER ROLE x PASSWORD '?'"),
        ("DO $$ BEGIN PERFORM 'a'; END $$", "DO '?'"),
        ("SELECT $body$ secret $body$, $1, $2", "SELECT '?', $1, $2"),
        ("SELECT\n\t1", "SELECT 1"),
    ],
)
def test_what_is_quoted_is_left_out(statement: str, shown: str) -> None:
    assert without_values(statement) == shown
