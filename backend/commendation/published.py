"""Figures of campaigns that were published, each with its clause, to draft terms from."""

from __future__ import annotations

from backend.applications.lifecycle import SubjectKind
from backend.commendation.terms import Authority, Bar, Category, Incident, Ratio, Trait

_NATIONAL = "全国五一劳动奖章 2022 年评选通知 名额结构"
_JINAN = "济南市 2016 年五一劳动奖评选通知 评选比例"
_NINGXIA = "宁夏五一劳动奖评选通知(宁工办〔2021〕7号)推荐比例"
_BLOCKS = "五一劳动奖、工人先锋号评选通知 不得推荐情形"

#: National medals of 2022: of the persons, with the share of non-public units counted in each award.
NATIONAL_2022 = (
    Ratio("production", "产业工人", "Production workers", (Trait.PRODUCTION_WORKER,), _NATIONAL, least_percent=35),
    Ratio(
        "front",
        "其他一线职工和专业技术人员",
        "Other frontline and technical staff",
        (Trait.FRONTLINE, Trait.PROFESSIONAL),
        _NATIONAL,
        least_percent=20,
    ),
    Ratio("science", "科教人员", "Science and education", (Trait.SCIENCE_EDUCATION,), _NATIONAL, least_percent=20),
    Ratio("migrant", "农民工", "Migrant workers", (Trait.MIGRANT_WORKER,), _NATIONAL, least_percent=10),
    *[
        Ratio(
            f"non_public_{kind}",
            f"非公有制单位({zh})",
            f"Non-public units ({en})",
            (Trait.NON_PUBLIC,),
            _NATIONAL,
            least_percent=35,
            kinds=(kind,),
        )
        for kind, zh, en in (
            (SubjectKind.PERSON, "奖章", "medals"),
            (SubjectKind.UNIT, "奖状", "certificates"),
            (SubjectKind.TEAM, "先锋号", "pioneers"),
        )
    ],
)

#: The autonomous region of Ningxia: heads of enterprises, and cadres of county rank among public institutions.
NINGXIA_2021 = (
    Ratio("heads", "企业负责人", "Heads of enterprises", (Trait.HEAD,), _NINGXIA, most_percent=13),
    Ratio(
        "county_cadres",
        "机关事业单位中的县处级干部",
        "Cadres of county rank among public institutions",
        (Trait.COUNTY_CADRE,),
        _NINGXIA,
        most_percent=20,
        of=(Trait.PUBLIC_INSTITUTION,),
    ),
)

#: The city of Jinan in 2016.
JINAN_2016 = (
    Ratio("front", "一线职工", "Frontline workers", (Trait.FRONTLINE,), _JINAN, least_percent=40),
    Ratio("technical", "专业技术人员", "Technical staff", (Trait.PROFESSIONAL,), _JINAN, least_percent=30),
    Ratio("heads", "单位负责人", "Heads of units", (Trait.HEAD,), _JINAN, most_percent=15),
    Ratio("women", "女职工", "Women", (Trait.WOMAN,), _JINAN, least_percent=20),
    Ratio(
        "crews",
        "工人先锋号中的班组",
        "Crews among the Workers' Pioneers",
        (Trait.CREW,),
        _JINAN,
        least_percent=70,
        kinds=(SubjectKind.TEAM,),
    ),
)

_EMPLOYERS = (Category.ENTERPRISE, Category.PUBLIC_BODY, Category.ENTERPRISE_HEAD)

#: What bars: arrears and the lack of a union in the year itself, accidents and mass incidents for three years.
BARS = (
    Bar(Incident.WAGE_ARREARS, 0, _BLOCKS, _EMPLOYERS),
    Bar(Incident.INSURANCE_ARREARS, 0, _BLOCKS, _EMPLOYERS),
    Bar(Incident.NO_UNION, 0, _BLOCKS),
    Bar(Incident.NO_CONGRESS, 0, _BLOCKS, _EMPLOYERS),
    Bar(Incident.ACCIDENT, 3, _BLOCKS, (*_EMPLOYERS, Category.TEAM)),
    Bar(Incident.OCCUPATIONAL_HARM, 3, _BLOCKS, (*_EMPLOYERS, Category.TEAM)),
    Bar(Incident.MASS_INCIDENT, 3, _BLOCKS, (*_EMPLOYERS, Category.TEAM)),
    Bar(Incident.FRAUD, 50, _BLOCKS),
)

#: Whom a city asks about whom; a reply holds for half a year.
AUTHORITIES = (
    Authority("police", "公安机关", "Police", (Category.WORKER, Category.CADRE, Category.ENTERPRISE_HEAD), 180),
    Authority("discipline", "纪检监察机关", "Discipline inspection", (Category.CADRE, Category.ENTERPRISE_HEAD), 180),
    Authority("personnel", "组织人事部门", "Personnel department", (Category.CADRE,), 180),
    *[
        Authority(key, zh, en, (Category.ENTERPRISE, Category.ENTERPRISE_HEAD), 180)
        for key, zh, en in (
            ("market", "市场监管部门", "Market supervision"),
            ("tax", "税务部门", "Tax authority"),
            ("labour", "人力资源社会保障部门", "Human resources and social security"),
            ("safety", "应急管理部门", "Emergency management"),
            ("environment", "生态环境部门", "Ecology and environment"),
        )
    ],
    Authority("health", "卫生健康部门", "Health commission", (Category.TEAM, Category.PUBLIC_BODY), 180),
)
