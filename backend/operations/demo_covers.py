"""The mutual-aid plans, enrolments and covers that a demonstration opens with, made as people would make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from backend.accounts.consents import VERSION
from backend.applications.case import Case, load_case
from backend.applications.lifecycle import Action
from backend.applications.programme import ProgrammeContent
from backend.applications.programmes import Programmes
from backend.applications.tables import Programme
from backend.composition import Services
from backend.database import fetch, fetch_value, new_id, transaction
from backend.identity import Actor
from backend.insurance.assessment import ACCEPTED, Verdict, Verdicts
from backend.insurance.lines import EnrolmentInput, HealthInput, InsuredInput
from backend.insurance.plans import KIND
from backend.insurance.terms import PlanTerms
from backend.insurance.workflow import NOTICE_BASIS, PAPERS, ROUTE
from backend.operations.demo_cases import act
from backend.operations.demo_plans import TIANJIN, WOMEN, content_of

#: Code, names, terms.
PLANS = {
    "critical": ("TA-MA-CI", "职工大病互助保障", "Critical illness mutual aid", TIANJIN),
    "women": ("TA-MA-W", "女职工特殊疾病互助保障", "Women's mutual aid", WOMEN),
}


async def seed_plans(programmes: Programmes, by: Mapping[str, Actor], organiser: UUID) -> Mapping[str, UUID]:
    """Both plans, published; the ids of the versions by key."""
    return {
        key: await publish_plan(programmes, by, organiser, code, zh, en, terms)
        for key, (code, zh, en, terms) in PLANS.items()
    }


async def publish_plan(
    programmes: Programmes, by: Mapping[str, Actor], organiser: UUID, code: str, zh: str, en: str, terms: PlanTerms
) -> UUID:
    """One plan, drafted by HR and published by the chair; the version's id."""
    async with transaction():
        programme = new_id()
        await Programme.insert(
            Programme(id=programme, kind=KIND, organiser=organiser, code=code, name_zh=zh, name_en=en)
        )
        content = ProgrammeContent(ROUTE, PAPERS, (), NOTICE_BASIS, dict(content_of(terms)))
        version = await programmes.draft(by["hr-wang"], programme, content)
        await programmes.publish(by["chair-han"], version)
    return version


async def seed_covers(
    services: Services, by: Mapping[str, Actor], workers: Sequence[Actor], unions: Mapping[str, UUID]
) -> None:
    """Two plans; one worker covered, one before the underwriter with an illness declared, one just sent; a group begun.

    The workers have sent their ID cards before; those of the first two are verified.
    """
    plans = await seed_plans(services.programmes, by, unions["city"])
    for worker in workers:
        await services.consents.give(worker, "share_with_insurer", VERSION)
    healthy = InsuredInput(health=HealthInput(healthy=True), card_holder=True)
    ill = InsuredInput(health=HealthInput(healthy=False, conditions="高血压二级,长期服药,血压平稳"))
    first, second, third = workers[:3]
    covered = await _sent(services, first, plans["critical"], healthy)
    waiting = await _sent(services, second, plans["critical"], ill)
    await _sent(services, third, plans["critical"], healthy)
    for case in (covered, waiting):
        await act(services, by["officer-daizong"], case, Action.APPROVE, "在岗,情况属实")
        await act(services, by["hr-sun"], case, Action.APPROVE)
    current = await load_case(covered.id)
    (member,) = await fetch(
        "SELECT m.id FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment WHERE e.application = $1",
        covered.id,
    )
    await services.applications.advance(
        by["hr-wang"],
        covered.id,
        Action.ASSESS,
        expected_version=current.version_number,
        comment="符合参保条件",
        details=Verdicts((Verdict(member["id"], ACCEPTED, ""),)),
    )
    staff = [worker.person_id for worker in workers if worker.person_id and worker.employer_id == unions["daizong"]]
    await services.groups.draft(by["officer-daizong"], plans["women"], unions["daizong"], 1, staff)


async def _sent(services: Services, worker: Actor, plan: UUID, insured: InsuredInput) -> Case:
    case = await services.enrolments.draft(worker, plan, EnrolmentInput(shares=1, members=(insured,)))
    card = await fetch_value(
        "SELECT id FROM upload WHERE owner_person = $1 AND kind = 'resident_id' ORDER BY id LIMIT 1", worker.person_id
    )
    case = await services.applications.attach(worker, case.id, "identity", card)
    return await services.applications.advance(worker, case.id, Action.SUBMIT, expected_version=case.version_number)
