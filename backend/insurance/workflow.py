"""The usual way of an enrolment, as a plan is drafted with it."""

from __future__ import annotations

from backend.applications.lifecycle import StageKind, SubjectKind
from backend.applications.programme import PaperRequirement, Stage
from backend.identity import Level, Role

#: The requirement that the papers showing a relative's relation answer.
KINSHIP = "kinship"

#: Who verifies papers underwrites too, but never the same case: an assessment is a judging stage. Finance, which pays
#: the contributions and the benefits, neither reads health declarations nor says who is covered.
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
    Stage("assessment", StageKind.ASSESSMENT, Level.CITY, Role.HR_VERIFIER, "参保核定", "Assessment", working_days=5),
)

PAPERS = (
    PaperRequirement("identity", ("resident_id",), "本人身份证", "Resident ID card", subjects=(SubjectKind.PERSON,)),
    PaperRequirement(
        KINSHIP,
        (
            "household_register",
            "marriage_certificate",
            "birth_certificate",
            "guardianship_proof",
        ),
        "家属关系证明",
        "Proof of the relation",
        required=False,
        subjects=(SubjectKind.PERSON,),
    ),
)

NOTICE_BASIS = "互助保障参保不作公示"
