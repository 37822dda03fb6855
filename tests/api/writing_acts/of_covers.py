"""Acts of mutual aid."""

from __future__ import annotations

from backend.database import fetch_value
from tests.api.writing_acts.stage import Act, Stage, arranged
from tests.services import logged_in_as

WELL = {"healthy": True, "conditions": ""}


@arranged("previewEnrolment")
async def _(stage: Stage, serial: int) -> Act:
    wanted = {"shares": 1, "members": [{"health": WELL}]}
    return Act((await stage.nurse())[1], f"/mutual-aid/plans/{stage.covers.plans['critical']}/preview", wanted)


@arranged("draftEnrolment")
async def _(stage: Stage, serial: int) -> Act:
    wanted = {"plan_id": str(stage.covers.plans["critical"]), "shares": 1, "members": [{"health": WELL}]}
    return Act((await stage.nurse())[1], "/mutual-aid/enrolments", wanted, {"shares": 2})


@arranged("amendEnrolment")
async def _(stage: Stage, serial: int) -> Act:
    actor, phone = await stage.nurse()
    case = await stage.covers.draft(actor)
    wanted = {"shares": 2, "members": [{"health": WELL}], "version": case.version_number}
    return Act(phone, f"/mutual-aid/enrolments/{case.id}", wanted, {"shares": 3})


@arranged("setBeneficiaries")
async def _(stage: Stage, serial: int) -> Act:
    actor, phone = await stage.nurse()
    async with logged_in_as("niangjia_console"):
        await stage.covers.covered(actor)
    cover = await fetch_value("SELECT id FROM cover WHERE person = $1", actor.person_id)
    heirs = [{"name": "王建国", "relation": "spouse", "percent": 100}]
    return Act(
        phone,
        f"/mutual-aid/covers/{cover}/beneficiaries",
        {"beneficiaries": heirs},
        {"beneficiaries": [{"name": "王建民", "relation": "spouse", "percent": 100}]},
    )
