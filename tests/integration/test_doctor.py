"""The doctor finds each thing that is broken, says what to do in both languages, and lets what is well be."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from minio import Minio

from backend.audit import sealing
from backend.audit.log import record
from backend.composition import compose
from backend.identity import system_actor
from backend.operations.backup.keys import RECIPIENTS, make_key
from backend.operations.backup.make import MADE
from backend.operations.doctor import of_database, of_machine, of_store
from backend.operations.doctor.finding import Finding, Grade
from backend.operations.embedded_postgres import OWNER, SUPERUSER
from backend.operations.embedded_store import Store, embedded, minio, minio_binary, weed_binary
from backend.operations.servers import free_ports
from backend.settings import Mode, Settings, settings
from storage.keys import Bucket, name_of
from storage.port import StoreConfig, StoreRefused, StoreUnavailable
from storage.s3 import S3Administration, S3Store
from storage.setup import Process, policy_of, set_up
from tests import services
from tests.integration.paper_world import SetClock, make_world

NOW = datetime.now(UTC)


def of(findings: list[Finding], what: str) -> Finding:
    """The one finding about a thing."""
    (found,) = [finding for finding in findings if finding.what.en == what]
    if found.grade in (Grade.WARN, Grade.FAIL):
        assert found.do is not None
        assert found.do.zh
        assert found.do.en
    return found


@pytest.fixture
async def owner(postgres: None, database: None) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(services.dsn(OWNER))
    yield connection
    await connection.close()


@pytest.fixture
async def whole(database: None, store: S3Store, owner: asyncpg.Connection) -> None:
    """A database with people, a calendar and nothing to do."""
    await make_world(store)
    await fill_calendar(owner, 400)
    await owner.execute("DELETE FROM unsealed; DELETE FROM pgqueuer")


async def fill_calendar(owner: asyncpg.Connection, days: int) -> None:
    await owner.execute("DELETE FROM calendar_day")
    await owner.execute(
        "INSERT INTO calendar_day (day, working) SELECT day::date, true"
        " FROM generate_series($1::date, $2::date, '1 day') AS day",
        NOW.date() - timedelta(days=30),
        NOW.date() + timedelta(days=days),
    )


async def database_findings(**changed: Any) -> list[Finding]:
    given = dataclasses.replace(settings(), **changed)
    async with services.logged_in_as(OWNER):
        return [finding async for finding in of_database.examine(given, SetClock(NOW))]


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


async def test_a_database_that_is_well(whole: None) -> None:
    found = await database_findings()
    assert [finding.line for finding in found if finding.grade is Grade.FAIL] == []
    assert len(found) == 12


async def test_missing_and_unknown_migrations(whole: None, owner: asyncpg.Connection) -> None:
    last = await owner.fetchval("SELECT max(name) FROM migration")
    async with undone(owner, "UPDATE migration SET name = $1 WHERE name = $2", "9999", last):
        found = await database_findings()
        assert of(found, "schema").grade is Grade.FAIL
        assert "niangjia migrate" in of(found, "schema").line
        # Nothing is asked of tables that may not be there.
        assert len(found) == 2
    async with undone(owner, "INSERT INTO migration (id, name, app_name) VALUES (-1, $1, 'niangjia')", "9999"):
        assert of(await database_findings(), "schema").grade is Grade.WARN


@asynccontextmanager
async def undone(owner: asyncpg.Connection, statement: str, *values: object) -> AsyncIterator[None]:
    """The block with a change that is taken back afterwards: by hand, for others have to see it meanwhile."""
    before = await owner.fetch("SELECT * FROM migration")
    await owner.execute(statement, *values)
    try:
        yield
    finally:
        await owner.execute("DELETE FROM migration")
        await owner.executemany(
            "INSERT INTO migration (id, name, app_name, ran_on) VALUES ($1, $2, $3, $4)",
            [(row["id"], row["name"], row["app_name"], row["ran_on"]) for row in before],
        )


@pytest.mark.parametrize(
    ("broken", "mended", "what", "words"),
    [
        (
            "ALTER ROLE niangjia_worker NOLOGIN",
            "ALTER ROLE niangjia_worker LOGIN",
            "roles",
            "niangjia_worker cannot log in",
        ),
        (
            "ALTER ROLE niangjia_api BYPASSRLS",
            "ALTER ROLE niangjia_api NOBYPASSRLS",
            "roles",
            "niangjia_api may do too much",
        ),
        (
            "ALTER TABLE honour OWNER TO niangjia_console",
            # The rights of who owned it meanwhile go with the ownership.
            f"ALTER TABLE honour OWNER TO {OWNER}; GRANT SELECT, INSERT, UPDATE, DELETE ON honour TO niangjia_console",
            "roles",
            "niangjia_console may do too much",
        ),
        (
            "GRANT UPDATE ON audit_entry TO niangjia_api",
            "REVOKE UPDATE ON audit_entry FROM niangjia_api",
            "rights",
            "niangjia_api has UPDATE on audit_entry",
        ),
        (
            "REVOKE INSERT ON application FROM niangjia_api",
            "GRANT INSERT ON application TO niangjia_api",
            "rights",
            "niangjia_api lacks INSERT on application",
        ),
        (
            "GRANT SELECT ON console_user TO niangjia_worker",
            "REVOKE SELECT ON console_user FROM niangjia_worker",
            "rights",
            "niangjia_worker has SELECT on console_user",
        ),
    ],
)
async def test_roles_and_rights(whole: None, broken: str, mended: str, what: str, words: str) -> None:
    superuser = await asyncpg.connect(services.dsn(SUPERUSER))
    try:
        await superuser.execute(broken)
        found = of(await database_findings(), what)
        assert found.grade is Grade.FAIL
        assert words in found.found
    finally:
        await superuser.execute(mended)
        await superuser.close()
    assert of(await database_findings(), what).grade is Grade.OK


async def test_keys_that_are_not_those_of_the_rows(whole: None) -> None:
    other = bytes(31) + b"x"
    found = await database_findings(field_keys={"b": other}, current_field_key="b")
    assert of(found, "field keys").found == "rows under a do not open"
    found = await database_findings(field_keys={"a": other})
    assert of(found, "field keys").grade is Grade.FAIL
    found = await database_findings(field_keys={"b": other, "a": bytes(32)}, current_field_key="b")
    assert of(found, "field keys").grade is Grade.OK
    found = await database_findings(index_key=other)
    assert of(found, "index key").grade is Grade.FAIL
    assert "NIANGJIA_INDEX_KEY" in of(found, "index key").line


@pytest.mark.parametrize(("days", "grade"), [(400, Grade.OK), (59, Grade.WARN), (-1, Grade.FAIL)])
async def test_the_end_of_the_calendar(whole: None, owner: asyncpg.Connection, days: int, grade: Grade) -> None:
    await fill_calendar(owner, days)
    assert of(await database_findings(), "working days").grade is grade


@pytest.mark.parametrize(
    ("status", "late_s", "queue", "parked"),
    [
        ("queued", 30, Grade.OK, Grade.OK),
        ("queued", 120, Grade.WARN, Grade.OK),
        ("queued", 1200, Grade.FAIL, Grade.OK),
        ("queued", -1200, Grade.OK, Grade.OK),
        ("failed", 1200, Grade.OK, Grade.WARN),
    ],
)
async def test_jobs_that_wait_or_are_parked(
    whole: None, owner: asyncpg.Connection, status: str, late_s: int, queue: Grade, parked: Grade
) -> None:
    await owner.execute(
        "INSERT INTO pgqueuer (priority, status, entrypoint, execute_after)"
        " VALUES (0, $1::text::pgqueuer_status, 'check_upload', now() - make_interval(secs => $2))",
        status,
        float(late_s),
    )
    found = await database_findings()
    assert (of(found, "queue").grade, of(found, "parked jobs").grade) == (queue, parked)
    if parked is Grade.WARN:
        assert of(found, "parked jobs").found == "check_upload 1"


async def test_a_worker_that_seals_nothing(whole: None, owner: asyncpg.Connection) -> None:
    await record(system_actor("test"), "test", "done")
    assert of(await database_findings(), "seals").grade is Grade.FAIL
    async with services.logged_in_as("niangjia_worker"):
        await sealing.seal(sealing.sealing_key(settings()))
    assert of(await database_findings(), "seals").grade is Grade.OK
    await record(system_actor("test"), "test", "done")
    assert of(await database_findings(), "seals").grade is Grade.OK
    await owner.execute("UPDATE seal SET at = at - interval '5 minutes'")
    assert of(await database_findings(), "seals").grade is Grade.FAIL


async def test_a_backup_that_is_old_or_missing(whole: None, owner: asyncpg.Connection) -> None:
    assert of(await database_findings(), "backup").grade is Grade.UNKNOWN
    assert of(await database_findings(mode=Mode.PRODUCTION), "backup").grade is Grade.WARN
    await record(system_actor("backup"), MADE, "done")
    assert of(await database_findings(mode=Mode.PRODUCTION), "backup").grade is Grade.OK
    await owner.execute("UPDATE audit_entry SET at = at - interval '27 hours'")
    assert of(await database_findings(mode=Mode.PRODUCTION), "backup").grade is Grade.WARN


async def test_clocks_that_are_apart(whole: None, object_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (of_database, of_store):
        monkeypatch.setattr(module, "security_now", lambda: datetime.now(UTC) + timedelta(minutes=3))
    assert of(await database_findings(), "database clock").grade is Grade.FAIL
    assert of(await store_findings(object_store.config), "store clock").grade is Grade.FAIL


@pytest.fixture(params=["embedded", "minio"])
def own_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A set-up store that a test may break."""
    start, binary = (embedded, weed_binary()) if request.param == "embedded" else (minio, minio_binary())
    if binary is None:
        pytest.skip(f"no {request.param} store is at hand (`make minio` builds MinIO where Go 1.24 or newer is)")
    (port,) = free_ports(1)
    with start(binary, tmp_path / "store", port, services.USERS, services.PREFIX) as started:
        set_up(started.config, services.USERS.processes if started.is_minio else None)
        yield started


def at(config: StoreConfig, **changed: Any) -> Settings:
    where = dataclasses.replace(
        settings().store, endpoint=config.endpoint, access_key=config.access_key, secret_key=config.secret_key
    )
    return dataclasses.replace(settings(), store=where, **changed)


async def store_findings(config: StoreConfig, **changed: Any) -> list[Finding]:
    return [finding async for finding in of_store.examine(at(config, **changed), services.store_users())]


async def test_a_store_that_is_well_and_what_can_be_wrong_with_it(own_store: Store) -> None:
    found = await store_findings(own_store.config, mode=Mode.PRODUCTION)
    assert [finding.line for finding in found if finding.grade is not Grade.OK] == []
    assert of_bucket(found, Bucket.DOCUMENTS).found == "versioned, locked, encrypted"
    assert len(found) == 8

    client = Minio(
        own_store.config.endpoint.removeprefix("http://"),
        own_store.config.access_key,
        own_store.config.secret_key,
        secure=False,
    )
    names = {bucket: name_of(own_store.config.prefix, bucket) for bucket in Bucket}
    client.delete_bucket_encryption(names[Bucket.EXPORTS])
    found = await store_findings(own_store.config, mode=Mode.PRODUCTION)
    assert of_bucket(found, Bucket.EXPORTS).grade is Grade.FAIL
    assert of_bucket(await store_findings(own_store.config), Bucket.EXPORTS).grade is Grade.WARN

    client.set_bucket_policy(names[Bucket.QUARANTINE], OPEN_TO_ALL.replace("NAME", names[Bucket.QUARANTINE]))
    found = await store_findings(own_store.config)
    assert of_bucket(found, Bucket.QUARANTINE).grade is Grade.FAIL
    assert "public" in of_bucket(found, Bucket.QUARANTINE).found

    client.remove_bucket(names[Bucket.EXPORTS])
    client.remove_bucket(names[Bucket.DOCUMENTS])
    client.make_bucket(names[Bucket.DOCUMENTS])
    found = await store_findings(own_store.config)
    assert of_bucket(found, Bucket.EXPORTS).found == "is missing"
    assert of_bucket(found, Bucket.DOCUMENTS).grade is Grade.FAIL
    assert "object lock" in of_bucket(found, Bucket.DOCUMENTS).line


def of_bucket(findings: list[Finding], bucket: Bucket) -> Finding:
    (found,) = [finding for finding in findings if finding.what.zh == f"存储桶 {bucket}"]
    return found


OPEN_TO_ALL = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
    "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::NAME/*"]}]}"""


# The embedded store's users cannot be changed while it runs.
@pytest.mark.parametrize("own_store", ["minio"], indirect=True)
async def test_a_user_of_the_store_with_other_rights_than_its_own(own_store: Store) -> None:
    administration, user = S3Administration(own_store.config), services.USERS.processes[Process.API]
    prefix = own_store.config.prefix
    administration.ensure_user(user.access_key, user.secret_key, f"{prefix}-api", policy_of(Process.WORKER, prefix))
    found = of(await store_findings(own_store.config), "store user of api")
    assert found.grade is Grade.FAIL
    assert "may list documents" in found.found
    administration.ensure_user(user.access_key, "another secret", f"{prefix}-api", policy_of(Process.API, prefix))
    found = of(await store_findings(own_store.config), "store user of api")
    assert "cannot list quarantine" in found.found
    assert found.do is not None
    assert "store-setup" in found.do.en


async def test_a_store_that_is_away_or_knows_us_not(object_store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        await store_findings(dataclasses.replace(object_store.config, endpoint="http://127.0.0.1:9"))
    with pytest.raises(StoreRefused):
        await store_findings(dataclasses.replace(object_store.config, secret_key="not-the-secret"))


async def machine_findings(env: dict[str, str] | None = None, **changed: Any) -> list[Finding]:
    given = dataclasses.replace(settings(), **changed)
    return [finding async for finding in of_machine.examine(given, compose(given), env or {})]


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
