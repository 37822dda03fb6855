"""The pool, the one transaction helper, and plain reads."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from types import TracebackType
from typing import Any

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction
from uuid_utils.compat import uuid7

from backend.errors import Unavailable

ACQUIRE_SECONDS = 4.0
STATEMENT_SECONDS = 20.0
QUEUE_SECONDS = 5.0
CLOSE_SECONDS = 20.0

#: What is raised where a connection cannot be made, breaks, or has nothing sensible to say.
CUT_OFF = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

#: Connections of a process at most.
POOL_MOST = 10

#: As the pool lends it.
Connection = asyncpg.pool.PoolConnectionProxy

#: Ids are UUIDv7 made here, so that PostgreSQL 15 serves as well as 18 and rows sort by age.
new_id = uuid7


class Engine(PostgresEngine):
    """Piccolo's engine without its connections at import: readiness and migration check the server instead."""

    async def check_version(self) -> None:
        """Nothing: `niangjia migrate` and /health/ready ask the server."""

    async def prep_database(self) -> None:
        """Nothing: no extension is used."""

    async def _run_in_pool(self, query: str, args: Sequence[Any] | None = None) -> list[asyncpg.Record]:
        """A query of Piccolo's outside a transaction: it waits no longer, and fails no other way, than ours."""
        async with _Lent() as connection:
            return list(await connection.fetch(query, *(args or ())))


def engine(dsn: str) -> Engine:
    """An engine for the database at `dsn`; opens no connection yet."""
    return Engine({"dsn": dsn, "command_timeout": STATEMENT_SECONDS, "timeout": ACQUIRE_SECONDS}, extensions=())


@cache
def db() -> Engine:
    """The engine of this process."""
    from backend.piccolo_conf import DB

    return DB


@asynccontextmanager
async def queue_pool() -> AsyncIterator[asyncpg.Pool]:
    """A small pool for the queue alone, whose statements are short; raises Unavailable.

    At the end of the block its connections are cut: over a dead line nothing else ends.
    """
    with _database_errors:
        pool = await asyncpg.create_pool(**{**db().config, "command_timeout": QUEUE_SECONDS}, min_size=1, max_size=4)
    try:
        yield pool
    finally:
        pool.terminate()


async def open_pool(
    min_size: int = 2,
    max_size: int = POOL_MOST,
    *,
    statement_seconds: float | None = STATEMENT_SECONDS,
    plan_once: bool = False,
) -> None:
    """Open this process's pool, whose statements end within so many seconds; raises Unavailable where no server is.

    `plan_once` has PostgreSQL keep one plan of each statement instead of weighing it anew for each value: right where
    rows are asked for by key, as the phones do. Planning took two thirds of the time of locking a case.
    """
    from backend.slow_queries import WatchedConnection

    with _database_errors:
        await db().start_connection_pool(
            min_size=min_size,
            max_size=max_size,
            command_timeout=statement_seconds,
            connection_class=WatchedConnection,
            reset=_nothing_to_reset,
            server_settings={"plan_cache_mode": "force_generic_plan"} if plan_once else {},
        )


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    """Instead of a round trip after each use: whatever is set here is set for a transaction, and nobody listens."""


async def close_pool() -> None:
    """Close this process's pool; what is in use is waited for, though not on a dead line: CLOSE_SECONDS at most."""
    pool = db().pool
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await db().close_connection_pool()
    except TimeoutError:
        if pool is not None:
            pool.terminate()
        db().pool = None


#: What the server says of itself: starting, stopping, cancelled by it; disk or memory full; a deadlock.
_UNAVAILABLE = (
    *CUT_OFF,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
)


class _DatabaseErrors:
    """Says Unavailable for a database that cannot be reached, is starting, stopping, full or too slow."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, _UNAVAILABLE):
            raise Unavailable("database") from error


_database_errors = _DatabaseErrors()


@asynccontextmanager
async def transaction(role: str | None = None, settings: Mapping[str, str] | None = None) -> AsyncIterator[Connection]:
    """Run the block in one transaction: committed at its end, rolled back by any exception.

    Inside another transaction it is a savepoint: an exception undoes this block only. `role` and `settings` hold for
    the transaction (`SET LOCAL`); they serve row-level security and are refused in a nested block. Never run two
    queries of one transaction at the same time, and call no store inside it.
    """
    current = db().current_transaction.get()
    if current is not None:
        if role or settings:
            raise RuntimeError("a role or a setting belongs to the outermost transaction")
        async with _undone_by_errors(current.connection):
            yield current.connection
        return
    async with _Lent() as connection, _undone_by_errors(connection):
        if role:
            await connection.execute(f'SET LOCAL ROLE "{role}"')
        for name, value in (settings or {}).items():
            await connection.execute("SELECT set_config($1, $2, true)", name, value)
        piccolo = PostgresTransaction(db())
        piccolo.connection = connection
        token = db().current_transaction.set(piccolo)
        try:
            yield connection
        finally:
            db().current_transaction.reset(token)


@asynccontextmanager
async def joined() -> AsyncIterator[None]:
    """Run the block in the current transaction, or in one of its own where there is none.

    For what is whole or not at all together with its caller: unlike `transaction` inside another, an exception that a
    caller catches leaves what was written so far, so it has to go on to the outermost.
    """
    if db().current_transaction.get() is not None:
        yield
        return
    async with transaction():
        yield


class OneConnection:
    """The block on one connection, which is taken from the pool when it is first needed and given back at the end.

    No more than that: each read sees what is new. Other tasks that the block starts take connections of their own.
    """

    __slots__ = ("_task", "_token", "taken")

    def __init__(self) -> None:
        self.taken: tuple[asyncpg.Pool, Connection] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._token = _BLOCK.set(self)

    async def __aexit__(self, *error: object) -> None:
        _BLOCK.reset(self._token)
        if self.taken is not None:
            pool, connection = self.taken
            await pool.release(connection)

    @staticmethod
    def of_this_task() -> OneConnection | None:
        """The innermost such block that this very task is in."""
        block = _BLOCK.get()
        return block if block is not None and block._task is asyncio.current_task() else None


_BLOCK: ContextVar[OneConnection | None] = ContextVar("block", default=None)


class _Lent:
    """A connection for a while: that of `OneConnection`, or one of the pool. Raises Unavailable.

    It is thrown away where what it was lent for did not end, for it may never end. Others that lie in the pool may be
    as dead, if the line to the server is: they are made anew at their next use.
    """

    __slots__ = ("_block", "_connection", "_pool")

    async def __aenter__(self) -> Connection:
        self._block = block = OneConnection.of_this_task()
        if block is not None and block.taken is not None:
            self._pool, self._connection = block.taken
            return self._connection
        pool = db().pool
        if pool is None:
            raise Unavailable("database")
        with _database_errors:
            self._pool, self._connection = pool, await pool.acquire(timeout=ACQUIRE_SECONDS)
        if block is not None:
            block.taken = pool, self._connection
        return self._connection

    async def __aexit__(self, kind: object, error: BaseException | None, at: object) -> None:
        broken = isinstance(error, (asyncio.CancelledError, *CUT_OFF))
        if broken:
            _throw_away(self._connection)
            await self._pool.expire_connections()
        if self._block is not None and broken:
            self._block.taken = None
        if self._block is None or broken:
            await self._pool.release(self._connection)
        if isinstance(error, _UNAVAILABLE):
            raise Unavailable("database") from error


@asynccontextmanager
async def _undone_by_errors(connection: Connection) -> AsyncIterator[None]:
    """A transaction, or a savepoint inside one; it does not wait for an answer to ROLLBACK from who gives none."""
    block = connection.transaction()
    await block.start()
    try:
        yield
    except (asyncio.CancelledError, *CUT_OFF):
        # The server undoes the work of a session that ends.
        _throw_away(connection)
        raise
    except BaseException:
        await block.rollback()
        raise
    else:
        await block.commit()


def _throw_away(connection: Connection) -> None:
    with contextlib.suppress(asyncpg.InterfaceError):  # thrown away before, by an inner block
        connection.terminate()


async def fetch(sql: str, *args: Any) -> list[asyncpg.Record]:
    """The rows of a statement with `$1` places, in the current transaction if there is one."""
    rows: list[asyncpg.Record] = await _ask("fetch", sql, args)
    return rows


async def fetch_one(sql: str, *args: Any) -> asyncpg.Record | None:
    """The first row, or None."""
    row: asyncpg.Record | None = await _ask("fetchrow", sql, args)
    return row


async def fetch_value(sql: str, *args: Any) -> Any:
    """The first column of the first row, or None."""
    return await _ask("fetchval", sql, args)


async def execute(sql: str, *args: Any) -> int:
    """Run a statement that changes rows; the number of rows it touched."""
    status: str = await _ask("execute", sql, args)
    count = status.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0


async def _ask(method: str, sql: str, args: Sequence[Any]) -> Any:
    current = db().current_transaction.get()
    if current is not None:
        with _database_errors:
            return await getattr(current.connection, method)(sql, *args)
    async with _Lent() as connection:
        return await getattr(connection, method)(sql, *args)


async def execute_many(sql: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run a statement once for each of many rows, in a few round trips; all of them or none."""
    async with transaction() as connection:
        await connection.executemany(sql, rows)


#: In a statement of `together`: the rows that the statement before it returns.
BEFORE = "before_this_one"


@dataclass(frozen=True, slots=True)
class Write:
    """One statement that changes rows, with its `$1` places filled."""

    sql: str
    args: tuple[Any, ...]


async def together(writes: Sequence[Write]) -> None:
    """Run several statements that change rows in one round trip, all or none.

    They see the rows as they were before: none may rest on what another of them writes, but for what the one just
    before it RETURNs, which goes by the name of BEFORE.
    """
    if writes:
        sql = _as_one(tuple((write.sql, len(write.args)) for write in writes))
        await fetch_value(sql, *(value for write in writes for value in write.args))


@lru_cache(maxsize=256)
def _as_one(statements: tuple[tuple[str, int], ...]) -> str:
    """The statements as parts of one, their places numbered on."""
    parts, before = [], 0
    for number, (sql, count) in enumerate(statements):
        moved = _PLACE.sub(lambda found, before=before: f"${int(found[1]) + before}", sql)  # type: ignore[misc]
        parts.append(f"w{number} AS ({moved.replace(BEFORE, f'w{number - 1}')})")
        before += count
    return f"WITH {', '.join(parts)} SELECT 1"


_PLACE = re.compile(r"\$(\d+)")
