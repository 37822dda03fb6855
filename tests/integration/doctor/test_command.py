"""The command says what is broken and what to do, in both languages, and lets what is well be."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from backend.operations.backup.keys import RECIPIENTS, make_key
from backend.operations.embedded_postgres import OWNER
from backend.operations.embedded_store import Store
from storage.setup import Process
from tests import services


async def test_the_command_on_a_house_that_is_well_and_on_one_that_is_not(
    whole: None, object_store: Store, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        **services.environment(Process.WORKER),
        **services.store_users(),
        "DATABASE_URL": services.dsn(OWNER),
        "NIANGJIA_S3_ACCESS_KEY": object_store.config.access_key,
        "NIANGJIA_S3_SECRET_KEY": object_store.config.secret_key,
        "NIANGJIA_MODE": "production",
        "NIANGJIA_PUBLIC_URL": "https://api.example.org",
        "NIANGJIA_CONSOLE_URL": "https://console.example.org",
        RECIPIENTS: make_key(tmp_path / "key"),
    }

    async def doctor(**changed: str) -> tuple[int, list[str]]:
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "backend.cli", "doctor"],
            env=environment | changed,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.stderr == ""
        return ran.returncode, ran.stdout.splitlines()

    code, lines = await doctor()
    assert code == 0, "\n".join(lines)
    warned = {line.split(": ")[0] for line in lines if not line.startswith("✓")}
    # What a fresh machine of the tests lacks, and may: no backup, no scanner, no gateway; its disk may be rather full.
    assert warned - {"! 磁盘 disk", "! 数据库 database"} == {
        lines[-1].split(": ")[0],
        "! 备份 backup",
        "! 病毒扫描 malware scanner",
        "! 短信 SMS",
    }
    assert "✓ 存储用户 store user of api: may do what it needs, and no more" in lines
    assert lines[-1].endswith(" 0 fail")

    code, lines = await doctor(
        DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing", NIANGJIA_S3_ENDPOINT="http://127.0.0.1:9"
    )
    assert code == 1
    failed = [line for line in lines if line.startswith("✗")]
    assert [line.split(": ")[0] for line in failed] == ["✗ 数据库 database", "✗ 对象存储 store"]
    assert "→ 检查 DATABASE_URL 与 PostgreSQL Look at DATABASE_URL" in failed[0]
    # One that is down hides nothing of the rest.
    assert any("磁盘 disk" in line for line in lines)

    code, lines = await doctor(NIANGJIA_INDEX_KEY="short")
    assert code == 1
    assert lines[0].startswith("✗ 设置 settings: NIANGJIA_INDEX_KEY is not base64")
