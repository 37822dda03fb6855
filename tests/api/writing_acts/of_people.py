"""Acts on oneself: logging in, consents, one's own record, the family."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from backend.accounts.tokens import Tokens
from backend.identity import Actor
from backend.operations.demo_people import resident_id
from backend.operations.tour.phone import Phone
from backend.settings import settings
from tests.api.test_registry import reported
from tests.api.writing_acts.stage import Act, Stage, arranged

FAMILY = "/registry/family"


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
