"""What is on record against a unit or a person and can bar a nomination for a time: noted once, never taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
import msgspec

from backend.audit.log import record
from backend.clock import Clock
from backend.commendation.tables import RecordedIncident
from backend.commendation.terms import Incident
from backend.database import fetch, fetch_one, new_id, transaction
from backend.errors import NotFound, RuleViolation, Violation
from backend.identity import Actor, Binding, Role
from backend.people.identifiers import IdentifierType, normal_identifier
from backend.people.service import People
from backend.unions.scope import in_scope, scope_sql
from backend.words import Text

#: Who notes an incident; the unit's own officer does not.
RECORDERS = (Role.HR_VERIFIER, Role.CHAIR)

SOURCE_LEAST, SOURCE_MOST = 4, 200


class IncidentInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident of a unit or, with a resident ID in `number`, of one of its staff; `source` says how it is known."""

    unit: UUID
    incident: Incident
    happened_on: date
    source: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Incidents:
    """Notes incidents; the rules of a campaign say whom they bar and for how long."""

    clock: Clock
    people: People

    async def note(self, actor: Actor, entered: IncidentInput) -> UUID:
        """Put an incident on record; its id.

        Raises NotFound for a unit out of scope and for somebody who is not on its file, RuleViolation for a day to come
        or without a source.
        """
        now, today = await self.clock.now(), await self.clock.today()
        found = []
        if entered.happened_on > today:
            found.append(
                Violation("date_in_future", Text("日期不能晚于今天。", "This day has not come yet."), "happened_on")
            )
        if not SOURCE_LEAST <= len(entered.source.strip()) <= SOURCE_MOST:
            found.append(
                Violation(
                    "source_length",
                    Text("请写明来源,如文号(4 至 200 字)。", "Say how it is known, such as a document number."),
                    "source",
                )
            )
        if found:
            raise RuleViolation(found)
        async with transaction():
            unit = await fetch_one("SELECT * FROM trade_union WHERE id = $1 AND level = 'unit'", entered.unit)
            if unit is None or not in_scope(actor, RECORDERS, unit):
                raise NotFound(Text("没有找到这个单位。", "No such unit."))
            person = await self._staff(entered) if entered.number.strip() else None
            row = RecordedIncident(
                id=new_id(),
                trade_union=None if person else entered.unit,
                person=person,
                incident=entered.incident,
                happened_on=entered.happened_on,
                source=entered.source.strip(),
                recorded_by=actor.account_id,
                recorded_at=now,
            )
            await RecordedIncident.insert(row)
            await record(actor, "incident.note", "done", object_kind="incident", object_id=row.id)
        return UUID(str(row.id))

    async def _staff(self, entered: IncidentInput) -> UUID:
        known = await self.people.find(normal_identifier(IdentifierType.RESIDENT_ID, entered.number))
        row = await fetch_one("SELECT FROM staff_record WHERE person = $1 AND unit = $2", known, entered.unit)
        if known is None or row is None:
            raise NotFound(Text("本单位档案中没有此人。", "Nobody of this number is on the unit's file."))
        return known


async def incidents_in_scope(bindings: Sequence[Binding]) -> Sequence[asyncpg.Record]:
    """The incidents of units, and of their staff, that these bindings reach, the newest first."""
    condition, params = scope_sql(bindings, "u", 1)
    return await fetch(
        f"""SELECT i.id, i.incident, i.happened_on, i.source, i.recorded_at, u.short_name AS unit_name,
            coalesce(p.name, '') AS person_name, coalesce(c.name, '') AS recorder
        FROM incident i LEFT JOIN person p ON p.id = i.person LEFT JOIN staff_record r ON r.person = i.person
        JOIN trade_union u ON u.id = coalesce(i.trade_union, r.unit)
        LEFT JOIN console_account c ON c.id = i.recorded_by
        WHERE {condition} ORDER BY i.happened_on DESC, i.id DESC LIMIT 200""",
        *params,
    )
