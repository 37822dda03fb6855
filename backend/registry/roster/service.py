"""The verbs of a roster: a dry run that writes nothing but itself, acceptance of the chosen rows, erasure."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from backend.audit.log import record
from backend.clock import Clock
from backend.database import execute, fetch, fetch_one, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound
from backend.identity import Actor, Role
from backend.people.service import People
from backend.registry.roster.acceptance import Acceptance, choose, lock, require_unchanged
from backend.registry.roster.cells import (
    check_workbook,
    column_letters,
    family_entries,
    nothing_read,
    staff_entries,
)
from backend.registry.roster.judging import judge_staff
from backend.registry.roster.judging_family import judge_family
from backend.registry.roster.lines import FamilyEntry, Roster, StaffEntry
from backend.registry.roster.lookup import standing_of
from backend.registry.roster.reading import FAMILY_SHEET, STAFF_SHEET, Sheet, read_workbook
from backend.registry.roster.standing import Standing
from backend.registry.roster.template import template_xlsx
from backend.registry.tables import RosterImport
from backend.sealing import Sealer
from backend.unions.scope import in_scope
from backend.words import Text

#: How long a dry run is kept that nobody accepts.
KEPT = timedelta(days=1)

ROWS_PURPOSE = "roster.rows"


@dataclass(frozen=True, slots=True)
class DryRun:
    """A dry run as its officer sees it; `roster` is None once it is settled and its rows are gone."""

    id: UUID
    unit: UUID
    unit_name: str
    state: str
    uploaded_at: datetime
    settled_at: datetime | None
    digest: bytes
    counts: Mapping[str, int]
    roster: Roster | None


@dataclass(frozen=True, slots=True)
class Rosters:
    """Reads a unit's roster, shows what it would do, and does what its officer has chosen.

    The officer certifies by accepting, as by reporting one worker: the same rules, the same writing.
    """

    clock: Clock
    sealer: Sealer
    people: People

    async def template(self, actor: Actor, unit_id: UUID) -> bytes:
        """The workbook to fill in for a unit of the officer's."""
        unit = await self._unit(actor, unit_id)
        return await asyncio.to_thread(template_xlsx, unit["name"])

    async def dry_run(self, actor: Actor, unit_id: UUID, content: bytes) -> UUID:
        """Read a workbook and keep what it would do; the id of the dry run, which takes the place of an earlier one.

        Nothing else is written. Raises NotFound for a unit that is not the officer's, TooLarge, RuleViolation for a
        file that is no workbook.
        """
        unit = await self._unit(actor, unit_id)
        sheets = await read_workbook(content)
        roster = await self._read(actor, unit, sheets)
        sealed = await asyncio.to_thread(self._seal, roster)
        row = RosterImport(
            id=new_id(),
            unit=unit_id,
            uploaded_by=actor.account_id,
            uploaded_at=await self.clock.now(),
            digest=hashlib.sha256(content).digest(),
            state="dry_run",
            counts=msgspec.json.encode(roster.counts()).decode(),
            sealed=sealed,
        )
        async with transaction():
            await execute(
                "UPDATE roster_import SET state = 'discarded', sealed = NULL, settled_at = $3"
                " WHERE unit = $1 AND uploaded_by = $2 AND state = 'dry_run'",
                unit_id,
                actor.account_id,
                row.uploaded_at,
            )
            try:
                async with transaction():
                    await RosterImport.insert(row)
            except asyncpg.UniqueViolationError:
                raise Conflict(
                    "uploaded_twice", Text("另一份名册刚刚上传,请刷新。", "Another roster has just been sent; reload.")
                ) from None
            await record(actor, "roster.upload", "done", object_kind="roster_import", object_id=row.id)
        return UUID(str(row.id))

    async def look(self, actor: Actor, import_id: UUID) -> DryRun:
        """A dry run as it was read, for the officer who uploaded it; the look is recorded."""
        row = await self._own(actor, import_id)
        await record(actor, "roster.look", "done", object_kind="roster_import", object_id=import_id)
        return DryRun(
            id=row["id"],
            unit=row["unit"],
            unit_name=row["unit_name"],
            state=row["state"],
            uploaded_at=row["uploaded_at"],
            settled_at=row["settled_at"],
            digest=row["digest"],
            counts=msgspec.json.decode(row["counts"], type=dict[str, int]),
            roster=await asyncio.to_thread(self._open, row["sealed"]) if row["sealed"] else None,
        )

    async def mine(self, actor: Actor, limit: int = 20) -> list[asyncpg.Record]:
        """The officer's own uploads, newest first."""
        return await fetch(
            "SELECT i.id, i.state, i.uploaded_at, i.settled_at, i.counts, t.short_name AS unit_name"
            " FROM roster_import i JOIN trade_union t ON t.id = i.unit WHERE i.uploaded_by = $1"
            " ORDER BY i.id DESC LIMIT $2",
            actor.account_id,
            limit,
        )

    async def accept(self, actor: Actor, import_id: UUID, chosen: Collection[str]) -> None:
        """Write the chosen rows of a dry run, all or none; a roster that is accepted already is left alone.

        Raises RuleViolation where a row cannot be chosen, or a relative without the worker's own row; Conflict where
        the file has changed so that a chosen row would do something else than was shown.
        """
        async with transaction():
            row = await self._own(actor, import_id, lock=True)
            if row["state"] == "accepted":
                return
            if row["state"] != "dry_run":
                raise Conflict("roster_gone", Text("该名册已作废,请重新上传。", "This roster is gone; send it again."))
            shown = self._open(row["sealed"])
            rows = choose(shown, chosen)
            unit = await self._unit(actor, row["unit"])
            await lock(self.people, rows)
            staff, family = [line.entry for line in shown.staff], [line.entry for line in shown.family]
            standing = await self._standing(actor, unit, staff, family, shown.columns)
            require_unchanged(rows, await asyncio.to_thread(_judge, staff, family, standing))
            await Acceptance(self.clock, self.people).write(actor, unit, rows, standing)
            accepted = {"accepted_staff": len(rows.staff), "accepted_family": len(rows.family)}
            await execute(
                "UPDATE roster_import SET state = 'accepted', sealed = NULL, settled_at = $2, counts = $3"
                " WHERE id = $1",
                import_id,
                await self.clock.now(),
                msgspec.json.encode(shown.counts() | accepted).decode(),
            )
            await record(
                actor,
                "roster.accept",
                "done",
                object_kind="roster_import",
                object_id=import_id,
                detail={name: str(count) for name, count in accepted.items()},
            )

    async def discard(self, actor: Actor, import_id: UUID) -> None:
        """Throw a dry run away with its rows; one that is settled already stays as it is."""
        async with transaction():
            await self._own(actor, import_id, lock=True)
            await execute(
                "UPDATE roster_import SET state = 'discarded', sealed = NULL, settled_at = $2"
                " WHERE id = $1 AND state = 'dry_run'",
                import_id,
                await self.clock.now(),
            )
            await record(actor, "roster.discard", "done", object_kind="roster_import", object_id=import_id)

    async def erase_old(self) -> int:
        """Throw away the dry runs that nobody accepted within a day; how many there were."""
        now = await self.clock.now()
        return await execute(
            "UPDATE roster_import SET state = 'discarded', sealed = NULL, settled_at = $2"
            " WHERE state = 'dry_run' AND uploaded_at < $1",
            now - KEPT,
            now,
        )

    async def _read(self, actor: Actor, unit: asyncpg.Record, sheets: Mapping[str, Sheet]) -> Roster:
        if faults := check_workbook(sheets):
            return Roster(tuple(faults))
        today = await self.clock.today()
        names = (unit["name"], unit["short_name"])

        def entries() -> tuple[list[StaffEntry], list[FamilyEntry]]:
            staff = staff_entries(sheets[STAFF_SHEET], unit["id"], names, today) if STAFF_SHEET in sheets else []
            family = family_entries(sheets[FAMILY_SHEET], today) if FAMILY_SHEET in sheets else []
            return staff, family

        staff, family = await asyncio.to_thread(entries)
        if not staff and not family:
            return Roster((nothing_read(),))
        standing = await self._standing(actor, unit, staff, family, column_letters(sheets))
        return await asyncio.to_thread(_judge, staff, family, standing)

    async def _standing(
        self,
        actor: Actor,
        unit: asyncpg.Record,
        staff: Sequence[StaffEntry],
        family: Sequence[FamilyEntry],
        columns: Mapping[str, Mapping[str, str]],
    ) -> Standing:
        return await standing_of(self.people, actor, unit, staff, family, columns, await self.clock.today())

    @staticmethod
    async def _unit(actor: Actor, unit_id: UUID) -> asyncpg.Record:
        row = await fetch_one("SELECT * FROM trade_union WHERE id = $1 AND active AND level = 'unit'", unit_id)
        if row is None or not in_scope(actor, [Role.UNIT_OFFICER], row):
            raise NotFound(Text("不是您管理的单位。", "This unit is not yours."))
        return row

    @staticmethod
    async def _own(actor: Actor, import_id: UUID, *, lock: bool = False) -> asyncpg.Record:
        """The import, for the officer who uploaded it, while the unit is theirs; a second officer is told so."""
        row = await fetch_one(
            "SELECT i.*, t.name AS unit_name, t.national_id, t.province_id, t.city_id, t.county_id, t.unit_id"
            " FROM roster_import i JOIN trade_union t ON t.id = i.unit WHERE i.id = $1"
            f"{' FOR UPDATE OF i' if lock else ''}",
            import_id,
        )
        if row is None or not in_scope(actor, [Role.UNIT_OFFICER], row):
            raise NotFound()
        if row["uploaded_by"] != actor.account_id:
            raise Forbidden(
                "not_your_roster",
                Text("只有上传的人可以查看和确认这份名册。", "Only who uploaded this roster sees and accepts it."),
            )
        return row

    def _seal(self, roster: Roster) -> bytes:
        return self.sealer.seal(msgspec.json.encode(roster).decode(), ROWS_PURPOSE)

    def _open(self, sealed: bytes) -> Roster:
        return msgspec.json.decode(self.sealer.open(sealed, ROWS_PURPOSE), type=Roster)


def _judge(staff: Sequence[StaffEntry], family: Sequence[FamilyEntry], standing: Standing) -> Roster:
    lines = judge_staff(staff, standing)
    return Roster(staff=lines, family=judge_family(family, lines, standing), columns=standing.columns)
