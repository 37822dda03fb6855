"""What a commendation campaign is published with: whom it is for, its ratios, bars, clearances and limits."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from backend.applications.lifecycle import StageKind, SubjectKind
from backend.applications.programme import ProgrammeContent
from backend.errors import Violation
from backend.registry.kinds import HonourLevel
from backend.words import Text


class Category(StrEnum):
    """What a nominee is, as the approval form asks (人员类别); it decides which authorities are asked."""

    WORKER = "worker"
    CADRE = "cadre"
    ENTERPRISE_HEAD = "enterprise_head"
    TEAM = "team"
    ENTERPRISE = "enterprise"
    PUBLIC_BODY = "public_body"


CATEGORY_LABELS = {
    Category.WORKER: Text("一线职工", "Worker"),
    Category.CADRE: Text("机关事业单位干部", "Cadre"),
    Category.ENTERPRISE_HEAD: Text("企业负责人", "Head of an enterprise"),
    Category.TEAM: Text("集体", "Team"),
    Category.ENTERPRISE: Text("企业", "Enterprise"),
    Category.PUBLIC_BODY: Text("机关事业单位", "Public body"),
}

#: The categories that a nominee of each kind can have.
CATEGORIES_OF = {
    SubjectKind.PERSON: (Category.WORKER, Category.CADRE, Category.ENTERPRISE_HEAD),
    SubjectKind.TEAM: (Category.TEAM,),
    SubjectKind.UNIT: (Category.ENTERPRISE, Category.PUBLIC_BODY),
    SubjectKind.GROUP: (),
}


class Trait(StrEnum):
    """What a slate is counted by; stored values never change.

    `woman` comes from the person on file, `frontline_medical` from the registry, the others from the nomination.
    """

    PRODUCTION_WORKER = "production_worker"
    FRONTLINE = "frontline"
    PROFESSIONAL = "professional"
    SCIENCE_EDUCATION = "science_education"
    MIGRANT_WORKER = "migrant_worker"
    MINORITY = "minority"
    HEAD = "head"
    COUNTY_CADRE = "county_cadre"
    PUBLIC_INSTITUTION = "public_institution"
    NON_PUBLIC = "non_public"
    CREW = "crew"
    WOMAN = "woman"
    FRONTLINE_MEDICAL = "frontline_medical"


TRAIT_LABELS = {
    Trait.PRODUCTION_WORKER: Text("产业工人", "Production worker"),
    Trait.FRONTLINE: Text("一线职工", "Frontline worker"),
    Trait.PROFESSIONAL: Text("专业技术人员", "Professional or technical staff"),
    Trait.SCIENCE_EDUCATION: Text("科教人员", "Science or education staff"),
    Trait.MIGRANT_WORKER: Text("农民工", "Migrant worker"),
    Trait.MINORITY: Text("少数民族", "Ethnic minority"),
    Trait.HEAD: Text("单位(企业)负责人", "Head of a unit or enterprise"),
    Trait.COUNTY_CADRE: Text("县处级干部", "Cadre of county rank"),
    Trait.PUBLIC_INSTITUTION: Text("机关事业单位人员", "Staff of a public institution"),
    Trait.NON_PUBLIC: Text("非公有制单位", "Non-public unit"),
    Trait.CREW: Text("班组", "Crew"),
    Trait.WOMAN: Text("女性", "Woman"),
    Trait.FRONTLINE_MEDICAL: Text("一线医务人员", "Frontline medical staff"),
}

#: Traits that nobody declares: they are read from the file.
FROM_FILE = frozenset({Trait.WOMAN, Trait.FRONTLINE_MEDICAL})


class Incident(StrEnum):
    """What can bar a unit or a person for a time; stored values never change."""

    WAGE_ARREARS = "wage_arrears"
    INSURANCE_ARREARS = "insurance_arrears"
    NO_UNION = "no_union"
    NO_CONGRESS = "no_congress"
    ACCIDENT = "accident"
    OCCUPATIONAL_HARM = "occupational_harm"
    MASS_INCIDENT = "mass_incident"
    FRAUD = "fraud"


INCIDENT_LABELS = {
    Incident.WAGE_ARREARS: Text("拖欠工资", "Wages in arrears"),
    Incident.INSURANCE_ARREARS: Text("欠缴社会保险", "Social insurance in arrears"),
    Incident.NO_UNION: Text("未建立工会", "No union"),
    Incident.NO_CONGRESS: Text("未建立职代会或集体合同制度", "No workers' congress or collective contract"),
    Incident.ACCIDENT: Text("生产安全责任事故", "Accident at work"),
    Incident.OCCUPATIONAL_HARM: Text("职业危害事故", "Occupational harm"),
    Incident.MASS_INCIDENT: Text("群体性事件", "Mass incident"),
    Incident.FRAUD: Text("申报弄虚作假", "Fraud in a nomination"),
}


class Bar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident that bars nominees of `categories` (empty: of all).

    With `years` 0 it bars in its own calendar year, else until the day so many years later.
    """

    incident: Incident
    years: int
    clause: str
    categories: tuple[Category, ...] = ()


class Ratio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share of the slate's mains: at least or at most so many percent of those `of` (empty: all) are `any_of`.

    It counts the mains of the kinds in `kinds`. One that is not `binding` (原则上) may be departed from for a reason
    that is recorded.
    """

    key: str
    label_zh: str
    label_en: str
    any_of: tuple[Trait, ...]
    clause: str
    least_percent: int | None = None
    most_percent: int | None = None
    of: tuple[Trait, ...] = ()
    kinds: tuple[SubjectKind, ...] = (SubjectKind.PERSON,)
    binding: bool = True

    @property
    def label(self) -> Text:
        """Its name in both languages."""
        return Text(self.label_zh, self.label_en)


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the clearance matrix: whom to ask about which categories, and for how many days a reply holds."""

    key: str
    label_zh: str
    label_en: str
    categories: tuple[Category, ...]
    valid_days: int
    clause: str = ""

    @property
    def label(self) -> Text:
        """Its name in both languages."""
        return Text(self.label_zh, self.label_en)


class PriorityRule(StrEnum):
    """How frontline priority orders those who passed every gate: not at all, for equal scores, or before scores."""

    NONE = "none"
    TIE = "tie"
    FIRST = "first"


class CampaignTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The terms of a campaign. Lengths are in characters as people count them (字), white space left out."""

    honour: str
    level: HonourLevel
    kinds: tuple[SubjectKind, ...]
    quota_mains: int
    quota_reserves: int
    ratios: tuple[Ratio, ...] = ()
    bars: tuple[Bar, ...] = ()
    foreigners_barred: str = ""
    repeat_barred: str = ""
    prior_honour: HonourLevel | None = None
    prior_honour_clause: str = ""
    authorities: tuple[Authority, ...] = ()
    merit_least: int = 200
    merit_most: int = 2000
    merit_clause: str = ""
    deed_most: int = 60
    priority: PriorityRule = PriorityRule.TIE
    priority_traits: tuple[Trait, ...] = (Trait.FRONTLINE_MEDICAL,)
    priority_clause: str = ""
    promoted_need_notice: bool = True
    self_nomination: bool = False
    meeting_percent: int = 50

    def authorities_for(self, category: Category) -> list[Authority]:
        """Who is asked about a nominee of this category."""
        return [authority for authority in self.authorities if category in authority.categories]


def terms_of(content: ProgrammeContent) -> CampaignTerms:
    """The terms of a version; raises msgspec.ValidationError where they are not terms of a campaign."""
    return msgspec.convert(content.terms, CampaignTerms)


def check_terms(content: ProgrammeContent) -> list[Violation]:
    """What forbids publishing: terms that cannot be read, or that nobody could ever meet."""
    try:
        terms = terms_of(content)
    except msgspec.ValidationError as error:
        return [_broken("terms_unreadable", f"评选条件无法识别:{error}", f"The terms cannot be read: {error}")]
    found = [*_check_scope(terms), *_check_ratios(terms.ratios), *_check_route(content)]
    if any(bar.years < 0 or bar.years > 50 for bar in terms.bars):
        found.append(_broken("terms_bars", "限制年限应为 0 至 50 年。", "A bar lasts 0 to 50 years."))
    keys = [authority.key for authority in terms.authorities]
    if len(set(keys)) != len(keys) or any(authority.valid_days < 1 for authority in terms.authorities):
        found.append(
            _broken("terms_authorities", "征求意见部门重复或有效期不正确。", "An authority repeats or never holds.")
        )
    if bool(keys) != (StageKind.CLEARANCE in [stage.kind for stage in content.route]):
        found.append(
            _broken(
                "terms_clearance",
                "征求意见部门与流程中的征求意见环节须同时设置。",
                "Authorities and a clearance stage go together.",
            )
        )
    return found


def _check_scope(terms: CampaignTerms) -> list[Violation]:
    found = []
    if not terms.honour.strip() or len(terms.honour) > 60:
        found.append(_broken("terms_honour", "荣誉名称为 1 至 60 字。", "An honour's name has 1 to 60 characters."))
    if not terms.kinds or SubjectKind.GROUP in terms.kinds:
        found.append(_broken("terms_kinds", "请指定评选对象:个人、集体或单位。", "Say who can be nominated."))
    if not 1 <= terms.quota_mains <= 10_000 or not 0 <= terms.quota_reserves <= 10_000:
        found.append(_broken("terms_quota", "正选名额至少 1 个。", "There is at least one main place."))
    if not 1 <= terms.merit_least <= terms.merit_most <= 10_000 or not 10 <= terms.deed_most <= 200:
        found.append(_broken("terms_lengths", "事迹材料字数上下限不正确。", "The limits of length are not sound."))
    if not 1 <= terms.meeting_percent <= 100:
        found.append(_broken("terms_meeting", "会议同意比例应为 1% 至 100%。", "A meeting's share is 1 to 100 %."))
    return found


def _check_ratios(ratios: Sequence[Ratio]) -> list[Violation]:
    found = []
    if len({ratio.key for ratio in ratios}) != len(ratios):
        found.append(_broken("terms_ratios", "结构比例标识重复。", "A ratio repeats."))
    for ratio in ratios:
        least, most = ratio.least_percent, ratio.most_percent
        bounds = [bound for bound in (least, most) if bound is not None]
        sound = (
            bounds and all(0 <= bound <= 100 for bound in bounds) and (least or 0) <= (100 if most is None else most)
        )
        if not sound or not ratio.any_of or not ratio.clause:
            found.append(
                _broken(
                    "terms_ratio",
                    f"结构比例“{ratio.label_zh}”须有对象、界限和依据。",
                    f"Ratio “{ratio.label_en}” needs whom it counts, a limit and its clause.",
                )
            )
    return found


def _check_route(content: ProgrammeContent) -> list[Violation]:
    kinds = [stage.kind for stage in content.route]
    needed = (
        (StageKind.RECOMMENDATION, "单位推荐", "the unit's recommendation"),
        (StageKind.COMMITTEE, "评审", "a committee"),
        (StageKind.ALLOCATION, "名额分配", "an allocation"),
        (StageKind.SIGN_OFF, "授予", "a sign-off"),
    )
    found = [
        _broken("terms_route", f"流程缺少{zh}环节。", f"The route lacks {en}.")
        for kind, zh, en in needed
        if kind not in kinds
    ]
    if not found:
        placed = kinds.index(StageKind.ALLOCATION)
        if StageKind.NOTICE not in kinds[placed:]:
            found.append(_broken("terms_route", "名单确定后须公示。", "The slate is announced before the award."))
        if StageKind.COMMITTEE in kinds[placed:]:
            found.append(_broken("terms_route", "评审须在名单确定之前。", "Committees come before the slate."))
    return found


def _broken(code: str, zh: str, en: str) -> Violation:
    return Violation(code, Text(zh, en), "terms")
