"""Acts on nominations."""

from __future__ import annotations

from typing import Any

from backend.applications.case import load_case
from backend.operations.demo_awards import MERIT
from tests.api.writing_acts.stage import Act, Stage, arranged

DEED = "长期坚守重症救治一线。"


def _said(**changed: Any) -> dict[str, Any]:
    return {"category": "worker", "traits": ["frontline"], "merit": MERIT, "deed": DEED, **changed}


@arranged("countNomination")
async def _(stage: Stage, serial: int) -> Act:
    campaign = await stage.awards.campaign({"daizong": (2, 2)})
    texts = {"merit": "先进", "deed": DEED}
    return Act((await stage.nurse())[1], f"/commendation/campaigns/{campaign}/count", texts)


@arranged("draftNomination")
async def _(stage: Stage, serial: int) -> Act:
    campaign = await stage.awards.campaign({"daizong": (2, 2)})
    nominee, _ = await stage.nurse()
    said = _said(campaign_id=str(campaign), nominee_id=str(nominee.person_id))
    return Act((await stage.nurse())[1], "/commendation/nominations", said, {"deed": "另一句。"})


@arranged("amendNomination")
async def _(stage: Stage, serial: int) -> Act:
    campaign = await stage.awards.campaign({"daizong": (2, 2)})
    (actor, phone), (nominee, _) = await stage.nurse(), await stage.nurse()
    case = (await stage.awards.nominated(actor, nominee, campaign)).case
    said = _said(version=case.version_number)
    return Act(phone, f"/commendation/nominations/{case.id}", said, {"deed": "另一句。"})


@arranged("answerNomination")
async def _(stage: Stage, serial: int) -> Act:
    campaign = await stage.awards.campaign({"daizong": (2, 2)})
    (actor, _), (nominee, phone) = await stage.nurse(), await stage.nurse()
    case = await stage.awards.submitted_nomination(actor, nominee, campaign, agreed=False)
    return Act(phone, f"/commendation/nominations/{case.id}/consent", {"agrees": False}, {"agrees": True})


@arranged("joinNomination")
async def _(stage: Stage, serial: int) -> Act:
    campaign = await stage.awards.campaign({"daizong": (2, 2)})
    (actor, phone), (first, _), (nominee, _) = [await stage.nurse() for _ in range(3)]
    mine = (await stage.awards.nominated(actor, nominee, campaign)).case
    await stage.awards.submitted_nomination(first, nominee, campaign)
    version = (await load_case(mine.id)).version_number
    return Act(phone, f"/commendation/nominations/{mine.id}/join", {"version": version}, {"version": version + 1})
