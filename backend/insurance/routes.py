"""Routes of mutual aid for the phone: plans, joining, one's covers."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from litestar import Response, Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from backend.applications.case import Case, load_case
from backend.applications.service import Applications
from backend.clock import Clock
from backend.database import fetch
from backend.errors import NotFound
from backend.identity import Actor
from backend.insurance import plans
from backend.insurance.covers import Covers, covers_of
from backend.insurance.enrolments import Enrolments
from backend.insurance.facts import HeirFacts
from backend.insurance.judging import judge_enrolment
from backend.insurance.lines import EnrolmentInput, InsuredInput, require_unit_of
from backend.insurance.proof import Proofs
from backend.insurance.schemas import (
    BeneficiariesIn,
    CoversOut,
    EnrolledOut,
    EnrolmentAmend,
    EnrolmentDraft,
    EnrolmentFields,
    EnrolmentOut,
    PlanDetail,
    PlanOut,
    PreviewOut,
    covers_out,
    plan_detail,
    plan_out,
    preview_out,
)
from backend.web.handlers import read, replace, write
from backend.web.idempotency import IdempotencyKey, once
from backend.words import Text

On = Annotated[date | None, QueryParameter(description="The local day that is asked about; today where left out.")]


@read("/mutual-aid/plans", operation_id="listPlans")
async def list_plans(actor: NamedDependency[Actor]) -> list[PlanOut]:
    """The plans that staff of one's unit can join."""
    return [plan_out(plan, actor.language) for plan in await plans.plans_for(await require_unit_of(actor))]


@read("/mutual-aid/plans/{plan_id:uuid}", operation_id="getPlan")
async def get_plan(plan_id: FromPath[UUID], actor: NamedDependency[Actor], clock: NamedDependency[Clock]) -> PlanDetail:
    """One plan with every figure and its clause, also a version that is no longer joined."""
    return plan_detail(await plans.plan_of(plan_id), await clock.today(), actor.language)


@write("/mutual-aid/plans/{plan_id:uuid}/preview", status_code=200, operation_id="previewEnrolment")
async def preview(
    plan_id: FromPath[UUID],
    data: JSONBody[EnrolmentFields],
    actor: NamedDependency[Actor],
    enrolments: NamedDependency[Enrolments],
) -> PreviewOut:
    """Look before joining: each person on their own, the cost, the payer, the start, what waits; writes nothing."""
    return preview_out(await enrolments.preview(actor, plan_id, _entered(data)), {}, actor.language)


@write("/mutual-aid/enrolments", status_code=201, operation_id="draftEnrolment")
async def draft(
    data: JSONBody[EnrolmentDraft],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    enrolments: NamedDependency[Enrolments],
) -> EnrolledOut:
    """Begin an enrolment for oneself and the family; it is sent like every case."""

    async def work() -> UUID:
        return (await enrolments.draft(actor, data.plan_id, _entered(data))).id

    done = await once(actor, "insurance.draft", idempotency_key, data, work)
    return await _drafted(done.resource)


@replace("/mutual-aid/enrolments/{application_id:uuid}", operation_id="amendEnrolment")
async def amend(
    application_id: FromPath[UUID],
    data: JSONBody[EnrolmentAmend],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    enrolments: NamedDependency[Enrolments],
) -> EnrolledOut:
    """Change an enrolment that is being filed."""

    async def work() -> UUID:
        return (await enrolments.amend(actor, application_id, _entered(data), data.version)).id

    await once(actor, f"insurance.amend:{application_id}", idempotency_key, data, work)
    return await _drafted(application_id)


@read("/mutual-aid/enrolments/{application_id:uuid}", operation_id="getEnrolment")
async def get_enrolment(
    application_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    clock: NamedDependency[Clock],
) -> EnrolmentOut:
    """One's enrolment, person by person: every rule, and what was decided."""
    case = await load_case(application_id)
    if case.kind != plans.KIND or not applications.files(actor, case):
        raise NotFound()
    rows = await fetch(
        "SELECT m.person, m.verdict, m.reason FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment"
        " WHERE e.application = $1",
        case.id,
    )
    seen = preview_out(
        await judge_enrolment(case, await clock.now()),
        {row["person"]: (row["verdict"], row["reason"]) for row in rows},
        actor.language,
    )
    return EnrolmentOut(
        **{name: getattr(seen, name) for name in PreviewOut.__struct_fields__},
        id=case.id,
        number=case.number,
        state=case.state,
        version=case.version_number,
    )


@read("/mutual-aid/covers", operation_id="listMyCovers")
async def my_covers(actor: NamedDependency[Actor], clock: NamedDependency[Clock], on: On = None) -> CoversOut:
    """Whether one is covered on a day, for what, since when, what still waits, and who is beneficiary."""
    if actor.person_id is None:
        raise NotFound(Text("请先登记本人档案。", "Register your own record first."), "no_record")
    day = on or await clock.today()
    return covers_out(actor, day, await covers_of(actor.person_id, day))


@read("/mutual-aid/covers/{cover_id:uuid}/certificate", media_type="application/pdf", operation_id="getCoverProof")
async def certificate(
    cover_id: FromPath[UUID], actor: NamedDependency[Actor], proofs: NamedDependency[Proofs]
) -> Response[bytes]:
    """The proof of a cover as a PDF, in Chinese, with a QR code that anybody can check it by."""
    return Response(
        await proofs.pdf(actor, cover_id),
        media_type="application/pdf",
        headers={"Content-Disposition": 'attachment; filename="cover.pdf"', "Cache-Control": "no-store"},
    )


@replace("/mutual-aid/covers/{cover_id:uuid}/beneficiaries", operation_id="setBeneficiaries")
async def set_beneficiaries(
    cover_id: FromPath[UUID],
    data: JSONBody[BeneficiariesIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    covers: NamedDependency[Covers],
    clock: NamedDependency[Clock],
) -> CoversOut:
    """Name other beneficiaries for a cover through oneself; those who were named stay on record."""

    async def work() -> UUID:
        heirs = [HeirFacts(heir.name.strip(), heir.relation, heir.percent) for heir in data.beneficiaries]
        await covers.set_heirs(actor, cover_id, heirs)
        return cover_id

    await once(actor, f"cover.heirs:{cover_id}", idempotency_key, data, work)
    assert actor.person_id is not None
    today = await clock.today()
    return covers_out(actor, today, await covers_of(actor.person_id, today))


async def _drafted(application_id: UUID) -> EnrolledOut:
    case: Case = await load_case(application_id)
    return EnrolledOut(id=case.id, number=case.number, version=case.version_number)


def _entered(data: EnrolmentFields) -> EnrolmentInput:
    return EnrolmentInput(
        shares=data.shares,
        members=tuple(
            InsuredInput(
                relation_id=one.relation_id,
                grade=one.grade,
                card_holder=one.card_holder,
                health=one.health,
                beneficiaries=tuple(one.beneficiaries),
            )
            for one in data.members
        ),
    )


ROUTER = Router(
    "",
    tags=["mutual-aid"],
    route_handlers=[
        list_plans,
        get_plan,
        preview,
        draft,
        amend,
        get_enrolment,
        my_covers,
        certificate,
        set_beneficiaries,
    ],
)
