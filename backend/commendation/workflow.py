"""The usual stages and papers of a commendation: a city award with two notices, a national one with three."""

from __future__ import annotations

from backend.applications.lifecycle import StageKind, SubjectKind
from backend.applications.programme import Criterion, PaperRequirement, Stage
from backend.identity import Level, Role

CRITERIA = (
    Criterion("deeds", "主要事迹", "Deeds", 50),
    Criterion("conduct", "职业道德与群众评价", "Conduct and what colleagues say", 30),
    Criterion("effect", "示范带动作用", "Example to others", 20),
)


def _recommendation() -> tuple[Stage, ...]:
    return (
        Stage(
            "recommend",
            StageKind.RECOMMENDATION,
            Level.UNIT,
            Role.UNIT_OFFICER,
            "单位推荐",
            "Unit's recommendation",
            working_days=10,
        ),
        Stage("unit_notice", StageKind.NOTICE, Level.UNIT, Role.UNIT_OFFICER, "单位公示", "Unit's notice"),
        Stage(
            "clearance", StageKind.CLEARANCE, Level.CITY, Role.HR_VERIFIER, "征求意见", "Clearances", working_days=10
        ),
    )


def _committee(key: str, level: Level, zh: str, en: str, reviewers: int) -> Stage:
    return Stage(
        key,
        StageKind.COMMITTEE,
        level,
        Role.REVIEWER,
        zh,
        en,
        reviewers=reviewers,
        pass_percent=60,
        criteria=CRITERIA,
        max_spread=25,
    )


CITY_ROUTE = (
    *_recommendation(),
    _committee("preliminary", Level.CITY, "初审", "Preliminary review", 2),
    _committee("final", Level.CITY, "复审", "Final review", 3),
    Stage("slate", StageKind.ALLOCATION, Level.CITY, Role.CHAIR, "确定名单", "Slate"),
    Stage("city_notice", StageKind.NOTICE, Level.CITY, Role.CHAIR, "市级公示", "City's notice"),
    Stage("grant", StageKind.SIGN_OFF, Level.CITY, Role.CHAIR, "授予", "Award", working_days=20),
)

#: 两审三公示: unit notice, preliminary review, provincial notice, final review, national notice.
NATIONAL_ROUTE = (
    *_recommendation(),
    _committee("preliminary", Level.PROVINCE, "初审", "Preliminary review", 2),
    Stage("province_notice", StageKind.NOTICE, Level.PROVINCE, Role.CHAIR, "省级公示", "Province's notice"),
    _committee("final", Level.NATIONAL, "复审", "Final review", 3),
    Stage("slate", StageKind.ALLOCATION, Level.NATIONAL, Role.CHAIR, "确定名单", "Slate"),
    Stage("national_notice", StageKind.NOTICE, Level.NATIONAL, Role.CHAIR, "全国公示", "National notice"),
    Stage("grant", StageKind.SIGN_OFF, Level.NATIONAL, Role.CHAIR, "授予", "Award", working_days=20),
)

PAPERS = (
    PaperRequirement(
        "identity", ("resident_id",), "身份证", "Resident ID card", required=False, subjects=(SubjectKind.PERSON,)
    ),
    PaperRequirement("merit", ("merit_statement",), "事迹佐证材料", "Evidence of merit", required=False),
    PaperRequirement(
        "minutes", ("congress_minutes",), "职代会(职工大会)纪要", "Minutes of the meeting", due_stage="recommend"
    ),
    PaperRequirement(
        "unit_notice_proof",
        ("notice_certificate", "notice_photo"),
        "单位公示证明",
        "Proof of the unit's notice",
        due_stage="unit_notice",
    ),
    PaperRequirement(
        "replies", ("consent_opinion",), "征求意见表(盖章)", "Stamped replies of authorities", due_stage="clearance"
    ),
)

NOTICE_BASIS = "自下而上、逐级推荐,两审三公示;公示姓名、单位、简要事迹,不少于 5 个工作日"
