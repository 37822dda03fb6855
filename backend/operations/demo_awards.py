"""The award of a demonstration: a city campaign with its published figures, and nominations at several steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from backend.applications.case import Case
from backend.applications.lifecycle import Action, SubjectKind
from backend.applications.programme import ProgrammeContent
from backend.applications.programmes import Programmes
from backend.applications.tables import Programme
from backend.clock import Clock
from backend.commendation.campaigns import CampaignInput
from backend.commendation.nominations import ApprovalFields, NominationInput
from backend.commendation.published import AUTHORITIES, BARS, JINAN_2016
from backend.commendation.terms import CampaignTerms, Category, PriorityRule, Trait
from backend.commendation.workflow import CITY_ROUTE, NOTICE_BASIS, PAPERS
from backend.composition import Services
from backend.database import fetch_value, new_id, transaction
from backend.identity import Actor
from backend.processes import PROCESSES
from backend.registry.kinds import HonourLevel

#: A city's medal with the ratios of Jinan 2016, the bars of the notices and its own clearance matrix.
CITY_TERMS = CampaignTerms(
    honour="泰安市五一劳动奖章(示例)",
    level=HonourLevel.CITY,
    kinds=(SubjectKind.PERSON, SubjectKind.TEAM),
    quota_mains=10,
    quota_reserves=5,
    ratios=JINAN_2016,
    bars=BARS,
    foreigners_barred="宁工办〔2021〕7号(外国人不列入评选范围)",
    repeat_barred="宁工办〔2021〕7号(不重复授予)",
    authorities=AUTHORITIES,
    merit_least=100,
    merit_most=2000,
    merit_clause="评选通知:事迹材料 2000 字以内",
    priority=PriorityRule.TIE,
    priority_clause="教科文卫体工发〔2020〕1号 四(向一线医务人员倾斜)",
)

MERIT = (
    "该同志长期坚守急危重症救治一线,带领护理小组连续多年完成夜班、抢救与带教任务,总结出转运交接清单,"
    "在全院推广后交接差错明显减少。疫情期间主动请战,随队支援外地,圆满完成任务后返岗。工作中团结同事,耐心对待患者,"
    "多次收到患者和家属的感谢信,在职工中有良好的口碑,起到了模范带头作用。"
)

NOMINATION = NominationInput(
    category=Category.WORKER,
    merit=MERIT,
    deed="长期坚守重症救治一线,改进转运交接流程。",
    traits=(Trait.FRONTLINE,),
    fields=ApprovalFields(
        nation="汉族",
        political_status="群众",
        education="大学本科",
        started_work_on="2012-07",
        post="主管护师",
        resume="2012 年 7 月至今,在本院工作。",
    ),
)


async def seed_award_programme(unions: Mapping[str, UUID], by: Mapping[str, Actor], clock: Clock) -> UUID:
    """The programme of the city's medal, drafted by one person and published by another; the version's id."""
    programmes = Programmes(PROCESSES, clock)
    async with transaction():
        programme = Programme(
            id=new_id(),
            kind="commendation",
            organiser=unions["city"],
            code="TA-CM",
            name_zh="泰安市五一劳动奖章评选",
            name_en="May Day Labour Medal of the city",
        )
        await Programme.insert(programme)
        content = ProgrammeContent(CITY_ROUTE, PAPERS, (), NOTICE_BASIS, terms_as_stored(CITY_TERMS))
        version = await programmes.draft(by["hr-wang"], UUID(str(programme.id)), content)
        await programmes.publish(by["chair-han"], version)
    return version


async def seed_awards(
    services: Services, by: Mapping[str, Actor], unions: Mapping[str, UUID], workers: Sequence[Actor]
) -> None:
    """The award with an open campaign: one nomination that two lines sent, one that waits for its nominee's word."""
    version = await seed_award_programme(unions, by, services.clock)
    campaign = await open_campaign(services, by, unions, version)
    first, second = workers[:2]
    for nominee, agreed in ((first, True), (second, False)):
        case = await nominate(services, by["officer-daizong"], campaign, nominee)
        if agreed:
            await services.nominations.answer(nominee, case.id, agrees=True)
    await nominate(services, second, campaign, first)


async def nominate(services: Services, nominator: Actor, campaign: UUID, nominee: Actor) -> Case:
    """Draft a nomination and send it, or join the one that was sent."""
    assert nominee.person_id is not None
    made = await services.nominations.draft(nominator, campaign, SubjectKind.PERSON, nominee.person_id, NOMINATION)
    if made.joined:
        return made.case
    return await services.applications.advance(
        nominator, made.case.id, Action.SUBMIT, expected_version=made.case.version_number
    )


def terms_as_stored(terms: CampaignTerms) -> dict[str, object]:
    """The terms as a version's content holds them."""
    stored: dict[str, object] = msgspec.to_builtins(terms)
    return stored


async def open_campaign(services: Services, by: Mapping[str, Actor], unions: Mapping[str, UUID], version: UUID) -> UUID:
    """A campaign of the city union, drafted by HR, divided and opened by the chair."""
    now = await services.clock.now()
    campaign = await services.campaigns.draft(
        by["hr-wang"],
        CampaignInput(version, "2026 年五一劳动奖章", now - timedelta(days=1), now + timedelta(days=21)),
        unions["city"],
    )
    for unit, mains, reserves in (("daizong", 2, 1), ("dailu", 2, 1), ("pingyang", 1, 1)):
        await services.campaigns.set_quota(
            by["chair-han"], campaign, unions[unit], mains, reserves, "按会员人数分配", await campaign_version(campaign)
        )
    await services.campaigns.open_(by["chair-han"], campaign, await campaign_version(campaign))
    return campaign


async def campaign_version(campaign: UUID) -> int:
    """The version of a campaign as the database has it."""
    version: int = await fetch_value("SELECT version FROM campaign WHERE id = $1", campaign)
    return version
