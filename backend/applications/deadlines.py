"""What happens because time has passed: notices end, unconfirmed places and unmended cases lapse."""

from __future__ import annotations

from dataclasses import dataclass

from backend.applications.apart import apart
from backend.applications.lifecycle import Action, State
from backend.applications.notices import Notices
from backend.applications.service import Applications
from backend.clock import local_date
from backend.database import fetch, transaction
from backend.identity import system_actor


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Runs what is due; running it twice, or two at once, does nothing more."""

    applications: Applications
    notices: Notices

    async def run(self) -> None:
        """End notices first, so that what they offer can be confirmed; then lapse what is overdue; then the slices'."""
        now = await self.applications.clock.now()
        await self.notices.end_due()
        await self._lapse_overdue()
        for process in self.applications.processes.values():
            await process.sweep(self.applications, now)

    async def _lapse_overdue(self) -> None:
        now = await self.applications.clock.now()
        today = local_date(now)
        overdue = (State.APPROVED, State.RETURNED)
        for row in await fetch(
            "SELECT id FROM application WHERE state = ANY($1) AND due_on < $2 AND stage <> '' ORDER BY id",
            list(overdue),
            today,
        ):
            with apart("lapse", row["id"]):
                async with transaction():
                    case = await self.applications.locked(row["id"], Action.LAPSE)
                    due = case.state in overdue and case.due_on is not None and case.due_on < today
                    if due and (case.stage_key, case.state, Action.LAPSE) in case.version.moves:
                        await self.applications.step(system_actor("期限届满"), case, Action.LAPSE, now)
