"""Acts on papers: reserved, sent in parts, completed, erased."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from backend.operations.tour.phone import described
from tests.api.writing_acts.stage import Act, Stage, arranged
from tests.integration.paper_world import jpeg

MIB = 1024 * 1024


def _file(content: bytes) -> dict[str, Any]:
    return described(content, "invoice", "image/jpeg", "发票.jpg")


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
