"""The doctor finds what is not for production, not configured or full."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from backend.operations.backup.keys import RECIPIENTS, make_key
from backend.operations.doctor import of_machine
from backend.operations.doctor.finding import Grade
from backend.settings import Mode, settings
from tests.integration.doctor.findings import machine_findings, of


async def test_settings_that_are_not_for_production() -> None:
    assert of_machine.examine_settings(settings()).grade is Grade.WARN
    production = dataclasses.replace(
        settings(), mode=Mode.PRODUCTION, public_url="https://a.example.org", console_url="https://b.example.org"
    )
    assert of_machine.examine_settings(production).grade is Grade.OK
    for plain in (
        dataclasses.replace(production, public_url="http://c.example.org"),
        dataclasses.replace(production, console_url="http://c.example.org"),
    ):
        assert of_machine.examine_settings(plain).grade is Grade.FAIL


async def test_parts_that_are_not_configured_or_do_not_answer(tmp_path: Path) -> None:
    found = await machine_findings(mode=Mode.PRODUCTION)
    assert [of(found, what).grade for what in ("malware scanner", "SMS", "backup key")] == [Grade.WARN] * 3
    assert of(await machine_findings(clamd="127.0.0.1:9"), "malware scanner").grade is Grade.FAIL
    assert of(await machine_findings(clamd="nonsense"), "malware scanner").grade is Grade.FAIL
    assert of(await machine_findings({RECIPIENTS: "age1nobody"}), "backup key").grade is Grade.WARN
    found = await machine_findings({RECIPIENTS: make_key(tmp_path / "key")})
    assert of(found, "backup key").grade is Grade.OK
    assert of(found, "SMS").grade is Grade.OK


@pytest.mark.parametrize(("answer", "grade"), [(b"PONG\0", Grade.OK), (b"UNKNOWN COMMAND\0", Grade.FAIL)])
async def test_a_scanner_is_asked(answer: bytes, grade: Grade) -> None:
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\0"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert of(await machine_findings(clamd=f"127.0.0.1:{port}"), "malware scanner").grade is grade
    assert asked == [b"zPING\0"]


async def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    grades = set()
    for least in (0.0, 1.1):
        monkeypatch.setattr(of_machine, "_LEAST_FREE", least)
        grades.add(tuple({one.grade for one in await machine_findings() if one.what.en == "disk"}))
    assert grades == {(Grade.OK,), (Grade.WARN,)}
