"""Honours that this system itself grants, on the file of the person; what an officer enters is the record's own."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from backend.database import execute, fetch_value, new_id
from backend.registry.kinds import HonourLevel
from backend.registry.tables import Honour


async def add_honour(person: UUID, title: str, level: HonourLevel, awarded_on: date) -> UUID | None:
    """Add an honour to somebody's file; its id, None where there is no file."""
    record = await fetch_value("SELECT id FROM staff_record WHERE person = $1", person)
    if record is None:
        return None
    honour = Honour(id=new_id(), record=record, title=title, level=level, awarded_on=awarded_on)
    await Honour.insert(honour)
    return UUID(str(honour.id))


async def remove_honour(honour: UUID) -> None:
    """Take an honour off a file again: it was revoked."""
    await execute("DELETE FROM honour WHERE id = $1", honour)
