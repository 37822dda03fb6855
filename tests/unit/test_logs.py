"""What production's log says of an error: where it broke and of which kind, never a word that somebody typed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from backend.logs import configure

SECRET = "古丽·买买提 370999198506150016"


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[structlog.stdlib.BoundLogger]:
    before = structlog.get_config()
    configure(demo=False)
    yield structlog.get_logger("test")
    structlog.configure(**before)


def breaks(name: str) -> None:
    held = name
    try:
        raise ValueError(f"invalid input: {held}")
    except ValueError as error:
        raise LookupError(held) from error


def test_an_error_is_told_without_its_words(
    log: structlog.stdlib.BoundLogger, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        breaks(SECRET)
    except LookupError as error:
        log.error("unexpected", exc_info=error)
    try:
        breaks(SECRET)
    except LookupError:
        log.exception("sweep_failed")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        told = json.loads(line)
        assert "test_logs.py" in told["exception"]
        assert told["exception"].index("ValueError") < told["exception"].index("LookupError")
        for part in SECRET.split():
            assert part not in line


def test_a_line_without_an_error_has_none(
    log: structlog.stdlib.BoundLogger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.info("request", status=200)
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["status"], "exception" in told) == ("request", 200, False)
