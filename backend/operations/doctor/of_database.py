"""How the database is: the server, its schema, who may do what in it, and what waits there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from backend.accounts.phones import PHONE_PURPOSE
from backend.calendars.service import covered_until
from backend.clock import Clock, security_now
from backend.database import fetch, fetch_one, fetch_value
from backend.operations.backup.make import MADE
from backend.operations.doctor.finding import Finding, Grade, graded
from backend.operations.migrate import PROCESS_ROLES, known_migrations
from backend.sealing import KeyRing, SealBroken
from backend.settings import Settings
from backend.words import Text

OLDEST_SERVER = 150_000
SKEW = timedelta(seconds=5)
CALENDAR_WARNING = timedelta(days=60)
LATE_JOB = timedelta(minutes=1)
STUCK_JOB = timedelta(minutes=10)
LATE_SEAL = timedelta(minutes=1)
BACKUP_EVERY = timedelta(hours=26)
_CROWDED = 0.8

#: What a process must be able to do, and what none may: logs are only added to, and nobody reads the console's logins.
_MUST = (
    ("niangjia_api", "application", "SELECT, INSERT, UPDATE"),
    ("niangjia_console", "application", "SELECT, INSERT, UPDATE"),
    ("niangjia_worker", "pgqueuer", "SELECT, INSERT, UPDATE, DELETE"),
    ("niangjia_worker", "unsealed", "SELECT, DELETE"),
)
_MUST_NOT = (
    *(
        (role, table, "UPDATE, DELETE, TRUNCATE")
        for role in PROCESS_ROLES
        for table in ("application_event", "audit_entry")
    ),
    *((role, "seal", "UPDATE, DELETE, TRUNCATE") for role in PROCESS_ROLES),
    ("niangjia_api", "console_user", "SELECT"),
    ("niangjia_worker", "console_user", "SELECT"),
    ("niangjia_console_admin", "application", "INSERT, UPDATE, DELETE"),
)


async def examine(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """Everything about the database of the open pool; raises Unavailable, or what PostgreSQL says."""
    yield await _server()
    schema = await _schema()
    yield schema
    if schema.grade is Grade.FAIL:
        return  # The rest asks tables that may not be there.
    roles = await _roles()
    yield roles
    if roles.grade is Grade.OK:
        yield await _rights()
    yield await _clock()
    async for finding in _keys(settings):
        yield finding
    yield await _calendar(clock)
    for waiting in (_queue, _parked, _seals):
        yield await waiting()
    yield await _backups(settings)


async def _server() -> Finding:
    row = await fetch_one(
        "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,"
        " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,"
        " current_setting('max_connections')::int AS most"
    )
    assert row is not None
    what, found = Text("数据库", "database"), f"PostgreSQL {row['version']}, {row['used']}/{row['most']} connections"
    if row["number"] < OLDEST_SERVER:
        return Finding(Grade.FAIL, what, found, Text("升级到 15 或更新", "Bring it to version 15 or newer"))
    crowded = row["used"] > _CROWDED * row["most"]
    return graded(
        crowded,
        what,
        found,
        Text("调大 max_connections 或减少进程", "Raise max_connections, or run fewer processes"),
        grade=Grade.WARN,
    )


async def _schema() -> Finding:
    what = Text("数据库结构", "schema")
    if await fetch_value("SELECT to_regclass('migration') IS NULL"):
        done: set[str] = set()
    else:
        done = {row["name"] for row in await fetch("SELECT name FROM migration WHERE app_name = 'niangjia'")}
    known = known_migrations()
    if missing := sorted(known - done):
        return Finding(
            Grade.FAIL, what, f"{len(missing)} migrations are missing", Text("运行", "Run `niangjia migrate`")
        )
    newer = sorted(done - known)
    return graded(
        bool(newer),
        what,
        f"{len(done)} migrations",
        Text("代码比数据库旧", "The code is older than the database: upgrade it"),
        grade=Grade.WARN,
    )


async def _roles() -> Finding:
    rows = await fetch(
        "SELECT rolname, rolcanlogin, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS mighty,"
        " EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace) AS owns"
        " FROM pg_roles r WHERE rolname = ANY($1::text[])",
        list(PROCESS_ROLES),
    )
    can = {row["rolname"] for row in rows if row["rolcanlogin"]}
    wrong = [f"{role} cannot log in" for role in PROCESS_ROLES if role not in can]
    wrong += [f"{row['rolname']} may do too much" for row in rows if row["mighty"] or row["owns"]]
    return graded(
        bool(wrong),
        Text("数据库角色", "roles"),
        "; ".join(wrong) or ", ".join(PROCESS_ROLES),
        Text("运行迁移;收回多余的属性", "Run `niangjia migrate`; take away with ALTER ROLE … what none of them needs"),
    )


async def _rights() -> Finding:
    wrong = []
    for expected, listed in ((True, _MUST), (False, _MUST_NOT)):
        for role, table, rights in listed:
            for right in rights.split(", "):
                if (
                    await fetch_value("SELECT has_table_privilege($1::name, $2::text, $3)", role, table, right)
                    != expected
                ):
                    wrong.append(f"{role} {'lacks' if expected else 'has'} {right} on {table}")
    return graded(
        bool(wrong),
        Text("数据库权限", "rights"),
        "; ".join(wrong) or "as the migrations gave them",
        Text("按所示 GRANT 或 REVOKE", "GRANT or REVOKE what is named, as the owner"),
    )


async def _clock() -> Finding:
    there = await fetch_value("SELECT clock_timestamp()")
    skew = abs(there - security_now())
    return graded(
        skew > SKEW,
        Text("数据库时钟", "database clock"),
        f"{skew.total_seconds():.1f} s apart",
        Text("两台机器都用 NTP 对时", "Set both machines by NTP: codes, tokens and signed links go by the clock"),
    )


async def _keys(settings: Settings) -> AsyncIterator[Finding]:
    ring = KeyRing(settings.field_keys, settings.current_field_key, settings.index_key)
    rows = await fetch(
        "SELECT DISTINCT ON (get_byte(phone_sealed, 0), substring(phone_sealed FROM 2 FOR get_byte(phone_sealed, 0)))"
        " phone_sealed, phone_digest FROM worker_account WHERE length(phone_sealed) > 1"
    )
    unknown, found_by = [], True
    for row in rows:
        sealed = bytes(row["phone_sealed"])
        try:
            phone = ring.open(sealed, PHONE_PURPOSE)
        except SealBroken:
            unknown.append(sealed[1 : 1 + sealed[0]].decode("ascii", "replace"))
            continue
        found_by = found_by and ring.digest(phone, PHONE_PURPOSE) == bytes(row["phone_digest"])
    yield graded(
        bool(unknown),
        Text("字段密钥", "field keys"),
        f"rows under {', '.join(unknown)} do not open"
        if unknown
        else f"{len(settings.field_keys)} keys, rows under {len(rows)}",
        Text("把旧密钥放回", "Put the key of that day back into NIANGJIA_FIELD_KEYS"),
    )
    yield graded(
        not found_by,
        Text("索引密钥", "index key"),
        "finds nobody by number" if not found_by else "finds people by number",
        Text("恢复原来的", "NIANGJIA_INDEX_KEY is not the one that rows were written with: put that back"),
    )


async def _calendar(clock: Clock) -> Finding:
    until, today = await covered_until(), await clock.today()
    what, do = Text("工作日历", "working days"), Text("在控制台录入下一年", "Enter the next year's days in the console")
    if until is None or until < today:
        return Finding(Grade.FAIL, what, f"covered until {until}", do)
    return graded(until - today < CALENDAR_WARNING, what, f"covered until {until}", do, grade=Grade.WARN)


async def _queue() -> Finding:
    row = await fetch_one(
        "SELECT count(*) AS waiting, coalesce(now() - min(execute_after), interval '0') AS oldest FROM pgqueuer"
        " WHERE status = 'queued' AND execute_after <= now()"
    )
    assert row is not None
    what, late = Text("任务队列", "queue"), row["oldest"]
    found = f"{row['waiting']} jobs are due, the oldest for {late.total_seconds():.0f} s"
    do = Text("worker 是否在运行?", "Does the worker run? `docker compose logs worker`")
    return graded(late > LATE_JOB, what, found, do, grade=Grade.FAIL if late > STUCK_JOB else Grade.WARN)


async def _parked() -> Finding:
    rows = await fetch("SELECT entrypoint, count(*) FROM pgqueuer WHERE status = 'failed' GROUP BY 1 ORDER BY 1")
    return graded(
        bool(rows),
        Text("搁置的任务", "parked jobs"),
        ", ".join(f"{row[0]} {row[1]}" for row in rows) or "none",
        Text(
            "日志 job_failed 有原因",
            "job_failed in the worker's log has the cause; docs/operating.md says how to try again",
        ),
        grade=Grade.WARN,
    )


async def _seals() -> Finding:
    last = await fetch_value("SELECT max(at) FROM seal")
    waiting = await fetch_value("SELECT count(*) FROM unsealed")
    now = security_now()
    age = now - last if last else None
    late = waiting > 0 and (age is None or age > LATE_SEAL)
    found = f"{waiting} rows wait, the last seal is {'missing' if age is None else f'{age.total_seconds():.0f} s old'}"
    return graded(
        late,
        Text("留痕封印", "seals"),
        found,
        Text("只有 worker 能封存,是否在运行?", "Only the worker seals: does it run, with NIANGJIA_SEAL_KEY?"),
    )


async def _backups(settings: Settings) -> Finding:
    what = Text("备份", "backup")
    last = await fetch_value("SELECT max(at) FROM audit_entry WHERE act = $1 AND outcome = 'done'", MADE)
    if settings.demo and last is None:
        return Finding(Grade.UNKNOWN, what, "none, and this is a demonstration")
    age = security_now() - last if last else None
    found = "none was made" if age is None else f"the last is {age.total_seconds() / 3600:.0f} h old"
    return graded(
        age is None or age > BACKUP_EVERY,
        what,
        found,
        Text("每晚运行", "Run `deploy/backup FOLDER` each night"),
        grade=Grade.WARN,
    )
