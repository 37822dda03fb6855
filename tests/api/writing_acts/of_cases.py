"""Acts on stays, and those on the cases of every programme."""

from __future__ import annotations

from uuid import UUID

from backend.applications.case import Case
from backend.database import execute, fetch_value, new_id
from backend.identity import Actor
from backend.operations.tour.phone import Phone
from tests.api.conftest import STAY
from tests.api.writing_acts.stage import Act, Pair, Stage, arranged, arranged_together
from tests.integration.stay_world import batch_version

# Rest and recuperation


@arranged("draftStay")
async def _(stage: Stage, serial: int) -> Act:
    batch = str(await stage.stays.batch(2))
    return Act((await stage.nurse())[1], "/recuperation/requests", {"batch_id": batch, **STAY}, {"companions": 1})


async def _stay(stage: Stage, serial: int) -> tuple[Actor, Phone, Case]:
    actor, phone = await stage.nurse()
    return actor, phone, await stage.stays.draft(actor, await stage.stays.batch(2))


@arranged("amendStay")
async def _(stage: Stage, serial: int) -> Act:
    _, phone, case = await _stay(stage, serial)
    wanted = {**STAY, "companions": 2, "version": case.version_number}
    return Act(phone, f"/recuperation/requests/{case.id}", wanted, {"companions": 1})


# Cases of every programme


@arranged("submitCase")
async def _(stage: Stage, serial: int) -> Act:
    _, phone, case = await _stay(stage, serial)
    return Act(phone, f"/applications/{case.id}/submit", {"version": case.version_number}, {"comment": "再说一句"})


@arranged("withdrawCase")
async def _(stage: Stage, serial: int) -> Act:
    _, phone, case = await _stay(stage, serial)
    return Act(phone, f"/applications/{case.id}/withdraw", {"version": case.version_number}, {"comment": "改主意了"})


async def _offered(stage: Stage, verb: str) -> Pair:
    """Two who are offered a place, and one who waits."""
    nurses = [await stage.nurse() for _ in range(3)]
    cases = await stage.stays.confirming([actor for actor, _ in nurses], await stage.stays.batch(2))
    one, two = (
        Act(phone, f"/applications/{case.id}/{verb}", {"version": case.version_number}, {"comment": "谢谢"})
        for (_, phone), case in zip(nurses, cases, strict=True)
        if case.placement == "main"
    )
    return one, two


@arranged_together("confirmPlace")
async def _(stage: Stage) -> Pair:
    return await _offered(stage, "confirm")


@arranged_together("declinePlace")
async def _(stage: Stage) -> Pair:
    """The second finds no reserve left, so both give their places to nobody."""
    one, two = await _offered(stage, "decline")
    await execute("UPDATE application SET state = 'withdrawn', stage = '' WHERE placement = 'reserve'")
    return one, two


@arranged("attachPaper")
async def _(stage: Stage, serial: int) -> Act:
    actor, phone, case = await _stay(stage, serial)
    old, new = [str(await stage.stays.paper(actor, "work_permit")) for _ in range(2)]
    await stage.stays.services.applications.attach(actor, case.id, "work", UUID(old))
    attached = {"requirement": "work", "upload_id": new, "replaces": old}
    return Act(phone, f"/applications/{case.id}/papers", attached)


@arranged("detachPaper")
async def _(stage: Stage, serial: int) -> Act:
    _, phone, case = await _stay(stage, serial)
    upload = await fetch_value(
        "SELECT upload FROM application_document WHERE application = $1 AND requirement = 'work'", case.id
    )
    return Act(phone, f"/applications/{case.id}/papers/work/{upload}")


@arranged_together("objectToNotice")
async def _(stage: Stage) -> Pair:
    world = stage.stays
    batch = await world.batch(2)
    cases = await world.allocated([(await stage.nurse())[0] for _ in range(2)], batch)
    notice = await world.services.batches.publish_notice(world.by["chair-han"], batch, await batch_version(batch))
    words = "该同志一线时间与实际情况不符,请核实。"

    async def objector(serial: int) -> Act:
        said = {"application_id": str(cases[serial].id), "words": words}
        return Act((await stage.nurse())[1], f"/notices/{notice}/objections", said, {"words": words + "谢谢。"})

    return await objector(0), await objector(1)


@arranged("markMessageRead")
async def _(stage: Stage, serial: int) -> Act:
    actor, phone = await stage.nurse()
    await stage.stays.services.notifications.notify(new_id(), actor.account_id, "record_verified", {})
    (message,) = (await phone.call("GET", "/inbox", 200))["items"]
    return Act(phone, f"/inbox/{message['id']}/read")
