"""The mutual-aid plans that a demonstration opens with, drafted by one person and published by another."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from backend.applications.programme import ProgrammeContent
from backend.applications.programmes import Programmes
from backend.applications.tables import Programme
from backend.database import new_id, transaction
from backend.identity import Actor
from backend.insurance.plans import KIND
from backend.insurance.terms import PlanTerms
from backend.insurance.workflow import NOTICE_BASIS, PAPERS, ROUTE
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
