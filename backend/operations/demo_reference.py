"""Invented reference data for demonstrations and tests: the Tai'an tree, policies with their clauses, a programme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from stdnum.cn import uscc

from backend.registry.family.policy import DEFAULT_CLAUSE, DEFAULT_RULES


@dataclass(frozen=True, slots=True)
class DemoUnion:
    """One union of the invented tree; `parent` and `industry` name others by key."""

    key: str
    name: str
    level: str
    kind: str
    area_code: str
    parent: str = ""
    industry: str = ""


UNIONS = (
    DemoUnion("national", "中华全国总工会(示例)", "national", "federation", "100000"),
    DemoUnion("province", "山东省总工会(示例)", "province", "federation", "370000", "national"),
    DemoUnion("city", "泰安市总工会(示例)", "city", "federation", "370900", "province"),
    DemoUnion("taishan", "泰山区总工会(示例)", "county", "federation", "370902", "city"),
    DemoUnion("daiyue", "岱岳区总工会(示例)", "county", "federation", "370911", "city"),
    DemoUnion("xintai", "新泰市总工会(示例)", "county", "federation", "370982", "city"),
    DemoUnion("feicheng", "肥城市总工会(示例)", "county", "federation", "370983", "city"),
    DemoUnion("ningyang", "宁阳县总工会(示例)", "county", "federation", "370921", "city"),
    DemoUnion("dongping", "东平县总工会(示例)", "county", "federation", "370923", "city"),
    DemoUnion("health", "泰安市卫健产业工会(示例)", "county", "industry", "370900", "city"),
    DemoUnion("dailu", "岱麓区医院(示例)", "unit", "hospital", "370902", "taishan", "health"),
    DemoUnion("cdc", "泰山区疾控中心(示例)", "unit", "cdc", "370902", "taishan", "health"),
    DemoUnion("renhe", "岱岳仁和医院(示例)", "unit", "hospital", "370911", "daiyue", "health"),
    DemoUnion("pingyang", "新泰平阳医院(示例)", "unit", "hospital", "370982", "xintai", "health"),
    DemoUnion("taoyuan", "肥城桃源中医院(示例)", "unit", "hospital", "370983", "feicheng", "health"),
    DemoUnion("wenhe", "宁阳汶河医院(示例)", "unit", "hospital", "370921", "ningyang", "health"),
    DemoUnion("hupan", "东平湖畔医院(示例)", "unit", "hospital", "370923", "dongping", "health"),
    DemoUnion("daizong", "岱宗中心医院(示例)", "unit", "designated_hospital", "370900", "health"),
    DemoUnion("fuyou", "岱宗妇幼保健院(示例)", "unit", "hospital", "370900", "health"),
    DemoUnion("huanwei", "岱宗环卫集团(示例)", "unit", "sanitation", "370900", "city"),
)

EMERGENCY = ("新冠肺炎疫情(示例)", "I", "370000", date(2020, 1, 24), date(2023, 1, 8))

SANATORIA = (
    ("崂山疗养院(示例)", "青岛市崂山区示例路 1 号", "370212"),
    ("黄山疗养院(示例)", "黄山市黄山区示例路 2 号", "341003"),
)

#: Topic, rules, clause: the limits of families and the numbers of rest and recuperation, each row with its source.
POLICIES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("family.limits", msgspec.to_builtins(DEFAULT_RULES, str_keys=True), DEFAULT_CLAUSE),
    (
        "recuperation.entitled",
        {"populations": ["frontline_medical"], "merit_evidence": True, "after_emergency": True},
        "泰会办〔2020〕7号 (三)5",
    ),
    ("recuperation.days", {"max_days": 7}, "山东省 2017 年疗休养规定(含路程不超过 7 天)"),
    ("recuperation.tenure", {"min_years_in_unit": 3}, "山东省 2017 年疗休养规定(本单位工作满 3 年)"),
    ("recuperation.age", {"age_below": 65, "interval_years": 1}, "天津市疗休养办法(65 周岁以下,每年不超过一次)"),
    ("recuperation.rotation", {"cross_province_interval_years": 3}, "安徽省疗休养办法(跨省三年内不重复)"),
    ("recuperation.cost", {"max_cost_per_day_fen": 60_000}, "浙江省疗休养办法(每人每天不超过 600 元)"),
    (
        "recuperation.health",
        {"health_declaration": True, "one_request_per_batch": True, "max_companions": 2},
        "泰安市总工会(示例)疗休养实施细则 第四条",
    ),
    (
        "recuperation.points",
        {
            "points_per_front_day": 1,
            "front_days_cap": 60,
            "dispatch_points": {"other_province": 20, "in_province": 10},
            "honour_points": {"national": 20, "province": 15, "city": 10, "county": 5, "unit": 2},
            "never_been_points": 8,
        },
        "泰安市总工会(示例)疗休养实施细则 第六条(优先次序)",
    ),
)


def union_code(number: int, area_code: str) -> str:
    """A unified social credit code of an invented grassroots union, with a valid check character."""
    body = f"81{area_code}9999{number:04d}1"
    return body + uscc.calc_check_digit(body)
