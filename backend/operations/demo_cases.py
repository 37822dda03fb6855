"""The batch and the cases that a demonstration opens with: made through the services, as people would make them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

import httpx
from PIL import Image, ImageDraw

from backend.applications.case import Case, load_case
from backend.applications.committee import ReviewInput
from backend.applications.lifecycle import Action
from backend.clock import LOCAL
from backend.composition import Services
from backend.database import fetch, fetch_one, fetch_value
from backend.documents.kinds import MediaType, PaperKind, PaperState
from backend.identity import Actor
from backend.recuperation.batches import BatchInput
from backend.recuperation.service import EmergencyContact, HealthDeclaration, StayInput

#: The papers that a request needs: requirement and what is sent for it.
PAPERS = (
    ("identity", PaperKind.RESIDENT_ID, "RESIDENT ID CARD"),
    ("work", PaperKind.WORK_PERMIT, "WORK PERMIT"),
    ("merit", PaperKind.MERIT_STATEMENT, "MERIT STATEMENT"),
)

STAY = StayInput(
    companions=1,
    health=HealthDeclaration(fit_to_travel=True, conditions="无"),
    contact=EmergencyContact(name="王建国(示例)", phone="13800379999", relation="配偶"),
)


def sample_paper(title: str) -> bytes:
    """A picture that stands for a paper of nobody's."""
    image = Image.new("RGB", (1000, 640), "#f4efe4")
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 980, 620), outline="#8a6d3b", width=4)
    draw.text((60, 60), title, fill="#333333", font_size=56)
    draw.text((60, 150), "SAMPLE - NOT A DOCUMENT", fill="#9c2a2a", font_size=32)
    draw.rectangle((720, 220, 920, 480), outline="#999999", width=3)
    for line in range(5):
        draw.line((60, 260 + line * 60, 640, 260 + line * 60), fill="#bbbbbb", width=3)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


async def open_batch(services: Services, by: Mapping[str, Actor], unions: Mapping[str, UUID], version: UUID) -> UUID:
    """A batch of the city union, drafted by HR and opened by the chair, with quotas for the units."""
    now = await services.clock.now()
    today = now.astimezone(LOCAL).date()
    batch = await services.batches.draft(
        by["hr-wang"],
        BatchInput(
            programme_version=version,
            sanatorium=await fetch_value("SELECT id FROM sanatorium ORDER BY name LIMIT 1"),
            emergency=await fetch_value("SELECT id FROM emergency LIMIT 1"),
            name="第一批 崂山",
            starts_on=today + timedelta(days=56),
            ends_on=today + timedelta(days=62),
            capacity=4,
            cost_per_day_fen=50_000,
            funding_source="市总工会专项资金",
            companion_rule="self_paid",
            opens_at=now - timedelta(days=1),
            closes_at=_evening(today + timedelta(days=14)),
        ),
        unions["city"],
    )
    for unit, places in (("daizong", 2), ("dailu", 1), ("pingyang", 1)):
        await services.batches.set_quota(
            by["chair-han"], batch, unions[unit], places, "按一线人数分配", await _version(batch)
        )
    await services.batches.open_(by["chair-han"], batch, await _version(batch))
    return batch


async def send_paper(services: Services, worker: Actor, kind: PaperKind, content: bytes, name: str) -> UUID:
    """Reserve, upload and complete, as a phone does."""
    reserved = await services.documents.reserve(
        worker, kind, name, len(content), hashlib.sha256(content).digest(), MediaType.PNG
    )
    assert reserved.form is not None
    async with httpx.AsyncClient() as phone:
        answer = await phone.post(
            reserved.form.url, data=dict(reserved.form.fields), files={"file": (name, content, MediaType.PNG)}
        )
        answer.raise_for_status()
    await services.documents.complete(worker, reserved.upload_id)
    return reserved.upload_id


async def file_request(services: Services, worker: Actor, batch: UUID) -> Case:
    """Draft, attach the papers and submit."""
    assert worker.person_id is not None
    case = await services.requests.draft(worker, batch, worker.person_id, STAY)
    for requirement, kind, title in PAPERS:
        upload = await send_paper(services, worker, kind, sample_paper(title), f"{requirement}.png")
        case = await services.applications.attach(worker, case.id, requirement, upload)
    return await services.applications.advance(worker, case.id, Action.SUBMIT, expected_version=case.version_number)


async def verify_papers(services: Services, verifier: Actor, case: Case) -> None:
    """Check and verify every paper of a case."""
    for attached in await fetch("SELECT upload FROM application_document WHERE application = $1", case.id):
        upload = attached["upload"]
        await services.checking.check(upload)
        row = await fetch_one("SELECT version, declared_sha256 FROM upload WHERE id = $1", upload)
        assert row is not None
        await services.verdicts.verify(
            verifier,
            upload,
            PaperState.VERIFIED,
            sha256=row["declared_sha256"],
            expected_version=row["version"],
        )
        await services.applications.recount_papers(upload)


async def act(services: Services, actor: Actor, case: Case, action: Action, comment: str = "") -> Case:
    """One step, with the version that the case has now."""
    current = await load_case(case.id)
    return await services.applications.advance(
        actor, case.id, action, expected_version=current.version_number, comment=comment
    )


async def seed_cases(services: Services, by: Mapping[str, Actor], workers: list[Actor], batch: UUID) -> None:
    """Cases of seven workers at every early step: for the unit, for HR and for the committee, and one sent back."""
    cases = [await file_request(services, worker, batch) for worker in workers]
    officers = {"daizong": by["officer-daizong"], "dailu": by["officer-dailu"], "pingyang": by["officer-pingyang"]}
    first, second, third, fourth, _, sixth, _ = cases
    for case, unit in ((first, "daizong"), (second, "daizong"), (third, "dailu"), (sixth, "pingyang")):
        await act(services, officers[unit], case, Action.APPROVE, "情况属实")
    await act(services, officers["dailu"], fourth, Action.RETURN, "请补充外派时间的说明")
    for case in (first, second):
        await verify_papers(services, by["hr-sun"], case)
        await act(services, by["hr-sun"], case, Action.APPROVE)
    current = await load_case(first.id)
    await services.applications.advance(
        by["reviewer-zhou"],
        first.id,
        Action.REVIEW,
        expected_version=current.version_number,
        comment="援鄂表现突出",
        details=ReviewInput(True, {"contribution": 92, "performance": 88, "need": 80}),
    )


async def _version(batch: UUID) -> int:
    version: int = await fetch_value("SELECT version FROM batch WHERE id = $1", batch)
    return version


def _evening(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 18, 0, tzinfo=LOCAL)
