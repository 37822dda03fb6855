"""The usual stages of rest and recuperation, as a programme version is drafted with them."""

from __future__ import annotations

from backend.applications.lifecycle import StageKind
from backend.applications.programme import Criterion, PaperRequirement, Stage
from backend.identity import Level, Role

ROUTE = (
    Stage("unit", StageKind.VERIFICATION, Level.UNIT, Role.UNIT_OFFICER, "单位审核", "Unit check", working_days=3),
    Stage(
        "papers",
        StageKind.VERIFICATION,
        Level.CITY,
        Role.HR_VERIFIER,
        "材料核验",
        "Papers check",
        working_days=3,
        papers=True,
    ),
    Stage(
        "committee",
        StageKind.COMMITTEE,
        Level.CITY,
        Role.REVIEWER,
        "市级评审",
        "City committee",
        working_days=5,
        reviewers=3,
        pass_percent=60,
        criteria=(
            Criterion("contribution", "一线贡献", "Contribution at the front", 50),
            Criterion("performance", "工作表现", "Performance", 30),
            Criterion("need", "身体需要", "Need for rest", 20),
        ),
        max_spread=30,
    ),
    Stage("allocation", StageKind.ALLOCATION, Level.CITY, Role.CHAIR, "名额分配", "Allocation"),
    Stage("notice", StageKind.NOTICE, Level.CITY, Role.CHAIR, "公示", "Public notice", working_days=5),
    Stage("confirmation", StageKind.CONFIRMATION, Level.CITY, Role.CHAIR, "确认名额", "Confirmation", working_days=3),
)

PAPERS = (
    PaperRequirement("identity", ("resident_id",), "身份证", "Resident ID card"),
    PaperRequirement("work", ("work_permit", "practice_licence"), "工作证或执业证", "Work permit or licence"),
    PaperRequirement("merit", ("merit_statement",), "表现突出的佐证(事迹材料)", "Evidence of merit"),
    PaperRequirement("dispatch", ("dispatch_proof",), "援鄂(外派)证明", "Proof of dispatch", required=False),
)

NOTICE_BASIS = "泰会办〔2020〕7号 (三)5;公示姓名、单位与事由,不少于 5 个工作日"
