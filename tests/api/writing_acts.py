"""For every operation of the API that writes: two workers, each about to call it with a request that is good."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx

from backend.accounts.tokens import Tokens
from backend.applications.case import Case, load_case
from backend.database import execute, fetch_value, new_id
from backend.identity import Actor
from backend.operations.demo_awards import MERIT
from backend.operations.demo_people import resident_id
from backend.operations.tour.phone import Phone
from backend.settings import settings
from tests.api.conftest import STAY, Api
from tests.api.test_registry import reported
from tests.integration.award_world import AwardWorld
from tests.integration.cover_world import CoverWorld
from tests.integration.paper_world import jpeg
from tests.integration.stay_world import World, batch_version
from tests.services import logged_in_as

MIB = 1024 * 1024
WELL = {"healthy": True, "conditions": ""}
DEED = "长期坚守重症救治一线。"
FAMILY = "/registry/family"


@dataclass(frozen=True)
class Act:
    """A call that is about to be made: `other` are fields that make the body another one."""

    phone: Phone
    path: str
    body: Mapping[str, Any] | None = None
    other: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Stage:
    """The city with its programmes, plans and award, and the phones of its nurses; each worker comes on once."""

    api: Api
    awards: AwardWorld
    stays: World
    covers: CoverWorld
    serials: Iterator[int]

    async def nurse(self) -> tuple[Actor, Phone]:
        """A nurse with a verified record and every consent, and her phone, logged in."""
        serial = next(self.serials)
        actor = await self.covers.worker(serial=serial)
        return actor, await self.phone_of(actor, f"1380000{serial:04d}")

    async def phone_of(self, actor: Actor, number: str = "") -> Phone:
        """A phone on which she is logged in."""
        family = new_id()
        await execute(
            "INSERT INTO token_family (id, account, device, created_at, rotated_at)"
            " VALUES ($1, $2, '手机', now(), now())",
            family,
            actor.account_id,
        )
        phone = self.api.phone(number)
        tokens = Tokens(settings().token_key)
        phone.use(tokens.access(actor.account_id, family))
        phone.refresh_token = tokens.refresh(family, 0)
        return phone


Pair = tuple[Act, Act]
Arrangement = Callable[[Stage], Awaitable[Pair]]

ARRANGED: dict[str, Arrangement] = {}


def arranged(operation: str) -> Callable[[Callable[[Stage, int], Awaitable[Act]]], None]:
    """What one worker does before, done for two."""

    def note(arrange: Callable[[Stage, int], Awaitable[Act]]) -> None:
        async def twice(stage: Stage) -> Pair:
            return await arrange(stage, next(stage.serials)), await arrange(stage, next(stage.serials))

        ARRANGED[operation] = twice

    return note


def arranged_together(operation: str) -> Callable[[Arrangement], None]:
    """What two workers do before in one batch or campaign."""

    def note(arrange: Arrangement) -> None:
        ARRANGED[operation] = arrange

    return note


# Logging in


@arranged("sendLoginCode")
async def _(stage: Stage, serial: int) -> Act:
    phone = stage.api.phone(f"1380011{serial:04d}")
    return Act(phone, "/login/codes", {"phone": phone.number})


@arranged("logIn")
async def _(stage: Stage, serial: int) -> Act:
    phone = stage.api.phone(f"1380011{serial:04d}")
    await phone.call("POST", "/login/codes", 202, {"phone": phone.number})
    return Act(phone, "/login/tokens", {"phone": phone.number, "code": await phone.code(), "device": "手机"})


@arranged("refreshTokens")
async def _(stage: Stage, serial: int) -> Act:
    _, phone = await stage.nurse()
    return Act(phone, "/login/refresh", {"refresh_token": phone.refresh_token})


@arranged("logOut")
async def _(stage: Stage, serial: int) -> Act:
    return Act((await stage.nurse())[1], "/logout")


@arranged("endAllDevices")
async def _(stage: Stage, serial: int) -> Act:
    return Act((await stage.nurse())[1], "/devices")


@arranged("endDevice")
async def _(stage: Stage, serial: int) -> Act:
    actor, phone = await stage.nurse()
    lost = await stage.phone_of(actor)
    device, _ = Tokens(settings().token_key).read_refresh(lost.refresh_token)
    return Act(phone, f"/devices/{device}")


@arranged("giveConsent")
async def _(stage: Stage, serial: int) -> Act:
    return Act((await stage.nurse())[1], "/consents", {"purpose": "nominee_publication", "text_version": "2026-03"})


@arranged("withdrawConsent")
async def _(stage: Stage, serial: int) -> Act:
    return Act((await stage.nurse())[1], "/consents/share_with_sanatorium")


# One's own record


@arranged("saveMyRecord")
async def _(stage: Stage, serial: int) -> Act:
    phone = await stage.api.logged_in(f"1380011{serial:04d}")
    return Act(phone, "/registry/record", stage.api.record(serial), {"department": "急诊科"})


@arranged("submitMyRecord")
async def _(stage: Stage, serial: int) -> Act:
    phone = await stage.api.logged_in(f"1380011{serial:04d}")
    await phone.call("PUT", "/registry/record", 200, stage.api.record(serial))
    await phone.consent("personal_data")
    return Act(phone, "/registry/record/submit", {"version": 1}, {"version": 2})


async def _reported(stage: Stage, serial: int) -> tuple[Phone, dict[str, Any]]:
    """Somebody whom the unit reported with another phone, on the phone they have now."""
    officer = stage.stays.by["officer-daizong"]
    await stage.stays.services.registry.report(officer, reported(stage.api, serial), f"1380022{serial:04d}")
    phone = await stage.api.logged_in(f"1380011{serial:04d}")
    return phone, {"identifier": stage.api.record(serial)["identifier"]}


@arranged("sendTakeoverCode")
async def _(stage: Stage, serial: int) -> Act:
    phone, entered = await _reported(stage, serial)
    return Act(phone, "/registry/takeover/codes", entered)


@arranged("takeOverRecord")
async def _(stage: Stage, serial: int) -> Act:
    phone, entered = await _reported(stage, serial)
    await phone.call("POST", "/registry/takeover/codes", 202, entered)
    code = await stage.api.phone(f"1380022{serial:04d}").code("认领档案")
    return Act(phone, "/registry/takeover", {**entered, "code": code})


# The family


def _child(serial: int) -> dict[str, Any]:
    identifier = {"type": "resident_id", "number": resident_id(date(2016, 1, 1) + timedelta(days=serial), 601)}
    return {"name": "马小满", "identifier": identifier, "kind": "child"}


async def _declared(stage: Stage, serial: int, said: Mapping[str, Any]) -> tuple[Actor, Phone, dict[str, Any]]:
    actor, phone = await stage.nurse()
    return actor, phone, await phone.call("POST", FAMILY, 201, dict(said))


@arranged("declareRelative")
async def _(stage: Stage, serial: int) -> Act:
    return Act((await stage.nurse())[1], FAMILY, _child(serial), {"name": "马小曼"})


@arranged("amendRelative")
async def _(stage: Stage, serial: int) -> Act:
    _, phone, made = await _declared(stage, serial, _child(serial))
    right = {"name": "马小曼", "kind": "child", "version": made["version"]}
    return Act(phone, f"{FAMILY}/{made['id']}/amend", right, {"name": "马小蛮"})


@arranged("endRelation")
async def _(stage: Stage, serial: int) -> Act:
    spouse = {
        "name": "买买提·艾力",
        "identifier": {"type": "resident_id", "number": resident_id(date(1975, 1, 1) + timedelta(days=serial), 501)},
        "kind": "spouse",
        "from_on": "2014-10-01",
    }
    _, phone, made = await _declared(stage, serial, spouse)
    over = {"to_on": "2025-12-31", "reason": "divorce", "version": made["version"]}
    return Act(phone, f"{FAMILY}/{made['id']}/end", over, {"to_on": "2025-12-30"})


@arranged("strikeRelation")
async def _(stage: Stage, serial: int) -> Act:
    _, phone, made = await _declared(stage, serial, _child(serial))
    return Act(phone, f"{FAMILY}/{made['id']}/strike", {"version": made["version"]}, {"version": 2})


@arranged("addRelativeIdentifier")
async def _(stage: Stage, serial: int) -> Act:
    born_on = date(2023, 1, 1) + timedelta(days=serial)
    identifier = {
        "type": "birth_certificate",
        "number": f"S370{serial:06d}",
        "born_on": born_on.isoformat(),
        "sex": "female",
    }
    actor, phone, made = await _declared(stage, serial, {"name": "马小雪", "identifier": identifier, "kind": "child"})
    paper = str(await stage.stays.paper(actor, "household_register"))
    numbers = [resident_id(born_on, 702), resident_id(born_on, 704)]
    asked = {"number": numbers[0], "evidence": paper}
    return Act(phone, f"{FAMILY}/{made['id']}/identifier", asked, {"number": numbers[1]})


@arranged("giveRelativeConsent")
async def _(stage: Stage, serial: int) -> Act:
    _, phone, made = await _declared(stage, serial, _child(serial))
    agreed = {"purpose": "share_with_insurer", "text_version": "2026-03"}
    return Act(phone, f"{FAMILY}/{made['id']}/consents", agreed)


@arranged("withdrawRelativeConsent")
async def _(stage: Stage, serial: int) -> Act:
    _, phone, made = await _declared(stage, serial, _child(serial))
    agreed = {"purpose": "share_with_insurer", "text_version": "2026-03"}
    await phone.call("POST", f"{FAMILY}/{made['id']}/consents", 200, agreed)
    return Act(phone, f"{FAMILY}/{made['id']}/consents/share_with_insurer")


# Papers


def _file(content: bytes) -> dict[str, Any]:
    return {
        "kind": "invoice",
        "name": "发票.jpg",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": "image/jpeg",
    }


@arranged("reserveDocument")
async def _(stage: Stage, serial: int) -> Act:
    return Act((await stage.nurse())[1], "/documents", _file(b"\xff\xd8" * 50), {"name": "另一张.jpg"})


@arranged("sendInParts")
async def _(stage: Stage, serial: int) -> Act:
    _, phone = await stage.nurse()
    reserved = await phone.call("POST", "/documents", 201, _file(bytes(9 * MIB)))
    return Act(phone, f"/documents/{reserved['id']}/parts")


@arranged("completeDocument")
async def _(stage: Stage, serial: int) -> Act:
    _, phone = await stage.nurse()
    content = await asyncio.to_thread(jpeg)
    reserved = await phone.call("POST", "/documents", 201, _file(content))
    async with httpx.AsyncClient(trust_env=False) as store:
        form = reserved["form"]
        sent = await store.post(form["url"], data=form["fields"], files={"file": ("x", content, "image/jpeg")})
        assert sent.status_code in (200, 201, 204), sent.text
    return Act(phone, f"/documents/{reserved['id']}/complete")


@arranged("eraseMyDocuments")
async def _(stage: Stage, serial: int) -> Act:
    actor, phone = await stage.nurse()
    await stage.stays.paper(actor, "work_permit")
    return Act(phone, "/erasures", {"reason": "不再需要"}, {"reason": "其他"})


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


# Mutual aid


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


# Commendation


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
