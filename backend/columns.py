"""The few shapes of column that every table uses."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID, ForeignKey, OnDelete, OnUpdate, Timestamptz

from backend.database import new_id


def Id() -> UUID:  # noqa: N802 - reads like the column classes beside it
    """The primary key: UUIDv7 made here."""
    return UUID(primary_key=True, default=new_id)


def Link(to: Any, *, null: bool = False, unique: bool = False, index: bool = True) -> ForeignKey[Any]:  # noqa: N802
    """A foreign key that never cascades: what is on record is not deleted along with something else."""
    return ForeignKey(
        to,
        null=null,
        unique=unique,
        index=index and not unique,
        default=None,
        on_delete=OnDelete.restrict,
        on_update=OnUpdate.restrict,
    )


def Instant(*, null: bool = False) -> Timestamptz:  # noqa: N802
    """An instant in UTC, always given by a clock and never by the database."""
    return Timestamptz(null=null, default=None)


class Scoped:
    """One column for each semantic level, the subject's primary line as it was at a recorded act."""

    national_id = UUID(null=True, default=None)
    province_id = UUID(null=True, default=None)
    city_id = UUID(null=True, default=None)
    county_id = UUID(null=True, default=None)
    unit_id = UUID(null=True, default=None)


LEVEL_COLUMNS = ("national_id", "province_id", "city_id", "county_id", "unit_id")
