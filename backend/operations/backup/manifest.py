"""What a backup says that it holds; it stands at the end of the file, after all of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

MANIFEST = "manifest.json"


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table's rows as PostgreSQL copies them out: these columns, in this order of rows, hashed as one text."""

    name: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    rows: int = 0
    size: int = 0
    sha256: str = ""


class Sequence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a sequence stands."""

    name: str
    last_value: int
    is_called: bool


class Papers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files behind the rows: how many, their bytes, and a hash over one line for each (`papers.line_of`)."""

    count: int
    size: int
    sha256: str


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that a row named and that is not as it should be: `missing`, `erased` meanwhile, or it `differs`."""

    bucket: str
    key: str
    why: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a backup; `at` is the point in time that rows and papers are of, `migrations` those run by then."""

    at: datetime
    server: str
    migrations: tuple[str, ...]
    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...]
    papers: Papers
    faults: tuple[Fault, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)
