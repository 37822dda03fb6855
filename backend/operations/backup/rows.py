"""The rows of a database, copied out at one point in time and back into an empty schema, hashed in one order."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime

from asyncpg.pool import PoolConnectionProxy

from backend.operations.backup.manifest import Sequence as SequenceState
from backend.operations.backup.manifest import Table

PIECE = 4 * 1024 * 1024

#: How values are written, so that the same rows are the same bytes on every server.
_WRITTEN_AS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "search_path": "public",
}

Connection = PoolConnectionProxy
Sink = Callable[[bytes], Awaitable[None]]


async def hold_still(connection: Connection) -> datetime:
    """Have this transaction, new as it is, see the database as it is now and change nothing; that instant."""
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    at: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return at


async def write_alike(connection: Connection) -> None:
    """Have this transaction write values as every backup does."""
    for name, value in _WRITTEN_AS.items():
        await connection.execute("SELECT set_config($1, $2, true)", name, value)


async def shapes(connection: Connection) -> list[Table]:
    """Every table with its columns and the order of its rows: by primary key, else by all it has."""
    rows = await connection.fetch(
        """
        SELECT c.relname AS name,
               array_agg(quote_ident(a.attname) ORDER BY a.attnum) AS columns,
               array_agg(quote_ident(a.attname) || CASE WHEN a.attcollation <> 0 THEN ' COLLATE "C"' ELSE '' END
                         ORDER BY array_position(k.conkey, a.attnum), a.attnum)
                   FILTER (WHERE k.conkey IS NULL OR a.attnum = ANY (k.conkey)) AS sorted
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
         GROUP BY c.relname ORDER BY c.relname COLLATE "C"
        """
    )
    return [Table(row["name"], tuple(row["columns"]), tuple(row["sorted"])) for row in rows]


async def sequences(connection: Connection) -> list[SequenceState]:
    """Where every sequence stands."""
    names = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
        ' ORDER BY relname COLLATE "C"'
    )
    found = []
    for (name,) in names:
        state = await connection.fetchrow(f'SELECT last_value, is_called FROM public."{name}"')
        assert state is not None
        found.append(SequenceState(name, state["last_value"], state["is_called"]))
    return found


async def copy_out(connection: Connection, table: Table, sink: Sink) -> Table:
    """Give the table's rows to `sink` in pieces; the table with how much that was."""
    digest, size, held = hashlib.sha256(), 0, bytearray()

    async def take(data: bytes) -> None:
        nonlocal size
        digest.update(data)
        size += len(data)
        held.extend(data)
        if len(held) >= PIECE:
            await sink(bytes(held))
            held.clear()

    status = await connection.copy_from_query(
        f'SELECT {", ".join(table.columns)} FROM public."{table.name}" ORDER BY {", ".join(table.order)}', output=take
    )
    if held:
        await sink(bytes(held))
    return Table(table.name, table.columns, table.order, _count(status), size, digest.hexdigest())


async def copy_in(connection: Connection, table: Table, pieces: AsyncIterator[bytes]) -> None:
    """Put rows into an empty table."""
    columns = [column.strip('"') for column in table.columns]
    await connection.copy_to_table(table.name, schema_name="public", columns=columns, source=pieces)


async def measured(connection: Connection, table: Table) -> Table:
    """How much is in that table now."""

    async def nowhere(data: bytes) -> None:
        """Only counted and hashed."""

    return await copy_out(connection, table, nowhere)


class Bare:
    """A schema stripped of what checks and follows single rows, so that tables are filled in any order and fast."""

    def __init__(self, tables: Sequence[str], taken: Sequence[str]) -> None:
        self._tables = tables
        self._taken = taken

    @classmethod
    async def strip(cls, connection: Connection) -> Bare:
        """Take away foreign keys and indexes, put triggers to sleep, and empty every table.

        An index over a part of the rows stays: PostgreSQL would write its condition back in other words.
        """
        indexes = await connection.fetch(
            "SELECT format('DROP INDEX public.%I', c.relname) AS gone, pg_get_indexdef(i.indexrelid) AS back"
            " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE c.relnamespace = 'public'::regnamespace AND i.indpred IS NULL AND i.indexprs IS NULL"
            " AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY c.relname"
        )
        keys = await connection.fetch(
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS gone,"
            " format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))"
            " AS back FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY conname"
        )
        tables = [f'public."{table.name}"' for table in await shapes(connection)]
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for row in (*keys, *indexes):
            await connection.execute(row["gone"])
        await connection.execute(f"TRUNCATE {', '.join(tables)}")
        return cls(tables, [row["back"] for row in (*indexes, *keys)])

    async def dress(self, connection: Connection) -> None:
        """Give everything back as it was: every row is checked against it now."""
        for back in self._taken:
            await connection.execute(back)
        for table in self._tables:
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def set_sequences(connection: Connection, states: Sequence[SequenceState]) -> None:
    """Have every sequence go on from where it stood."""
    for state in states:
        await connection.execute(
            "SELECT setval(('public.' || quote_ident($1))::regclass, $2, $3)",
            state.name,
            state.last_value,
            state.is_called,
        )


async def is_empty(connection: Connection) -> bool:
    """Whether the database has no table of anybody's."""
    found: bool = await connection.fetchval(
        "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')"
    )
    return found


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
