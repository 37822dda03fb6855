"""The doctor finds each thing that is broken in a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from backend.audit import sealing
from backend.audit.log import record
from backend.identity import system_actor
from backend.operations.backup.make import MADE
from backend.operations.doctor.finding import Grade
from backend.operations.embedded_postgres import OWNER, SUPERUSER
from backend.settings import Mode, settings
from tests import services
from tests.integration.doctor.findings import database_findings, fill_calendar, of


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
