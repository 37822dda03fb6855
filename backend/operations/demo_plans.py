"""Mutual-aid plans for demonstrations and tests, each figure with its source; what no source gives says 示例."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from backend.insurance.terms import (
    SELF,
    Ages,
    Benefit,
    Channel,
    Contribution,
    Ending,
    Exclusion,
    Group,
    Health,
    Heirs,
    OnLeaving,
    Payer,
    Period,
    PlanTerms,
    Shares,
    Start,
    StartRule,
    Taken,
    Tier,
    Waiver,
)
from backend.people.relations import RelationKind

_TIANJIN = "天津市职工大病互助保障计划"
_BEIJING = "北京市在职女职工特殊疾病互助保障计划"
_SHANGHAI = "上海市职工互助保障计划(2025 年起)"
_ACCIDENT = "中国职工保险互助会 在职职工意外伤害互助保障计划"
_SHENZHEN = "深圳市总工会 抗疫一线职工赠送保障(2020 年)"
_OURS = "泰安市总工会(示例)互助保障实施细则"

_HEIRS = Heirs(
    relations=(RelationKind.SPOUSE, RelationKind.CHILD, RelationKind.PARENT),
    clause=f"{_OURS} 第九条(未指定的为法定继承人)",
)
_ENDING = Ending(leaving=OnLeaving.ENDS, family_too=True, clause=f"{_OURS} 第十二条(离开单位、身故终止)")
_PRE_EXISTING = Exclusion(
    zh="参保前已患疾病不予给付", en="An illness from before joining", clause=f"{_BEIJING}(既往症除外)"
)

TIANJIN = PlanTerms(
    benefits=(
        Benefit(
            key="critical_severe",
            label_zh="重大疾病(重症)",
            label_en="Critical illness (severe)",
            amount_fen=1_000_000,
            tiers=(Tier(30, percent=0), Tier(90, percent=50)),
            clause=f"{_TIANJIN}(30 日内不给付,31 至 90 日减额;金额、减额比例为示例)",
        ),
        Benefit(
            key="critical_mild",
            label_zh="重大疾病(轻症)",
            label_en="Critical illness (mild)",
            amount_fen=300_000,
            tiers=(Tier(30, percent=0), Tier(90, percent=50)),
            clause=f"{_TIANJIN}(30 日内不给付,31 至 90 日减额);轻症不超过重症的 30%(2020 年修订)",
        ),
    ),
    period=Period(years=1, renewal_opens_days=60, clause="中国职工保险互助会(2024 年起大病保障期一年)"),
    start=Start(rule=StartRule.AFTER_APPROVAL, clause=f"{_OURS} 第五条(核定次日生效)"),
    taken=(
        Taken(
            who=SELF,
            ages=(
                Ages(from_age=16, below=60, sex="male", clause=f"{_TIANJIN}(男未满 60 周岁)"),
                Ages(from_age=16, below=55, sex="female", clause=f"{_TIANJIN}(女未满 55 周岁)"),
                Ages(from_age=16, below=60, sex="female", grade="senior", clause=f"{_TIANJIN}(女高级职称未满 60 周岁)"),
            ),
            clause=f"{_TIANJIN}(在职职工)",
        ),
        Taken(
            who=RelationKind.SPOUSE,
            ages=(Ages(from_age=16, below=60, clause=f"{_OURS} 第四条(配偶,示例)"),),
            clause="泰会办〔2020〕7号 (三)6(一线人员家属)",
        ),
        Taken(
            who=RelationKind.CHILD,
            ages=(Ages(from_age=0, below=18, clause=f"{_OURS} 第四条(未成年子女,示例)"),),
            clause="泰会办〔2020〕7号 (三)6(一线人员家属)",
        ),
        Taken(
            who=RelationKind.PARENT,
            ages=(Ages(from_age=16, below=70, clause=f"{_OURS} 第四条(父母,示例)"),),
            clause="泰会办〔2020〕7号 (三)6(一线人员家属)",
        ),
    ),
    shares=Shares(most=3, equal_in_unit=True, clause=f"{_TIANJIN}(每人不超过 3 份,同一单位份数一致)"),
    contribution=Contribution(
        per_share_fen=5_500,
        card_holder_fen=4_500,
        payer=Payer.WORKER,
        clause=f"{_TIANJIN}(每份 55 元,持会员卡 45 元)",
    ),
    ending=_ENDING,
    heirs=_HEIRS,
    waiver=Waiver(renewal_within_days=30, clause=f"{_TIANJIN}(期满 30 日内续保免等待期)"),
    health=Health(clause=f"{_BEIJING}(在岗、身体健康)"),
    exclusions=(_PRE_EXISTING,),
    grades=("senior",),
)

WOMEN = PlanTerms(
    benefits=(
        Benefit(
            key="womens_cancer",
            label_zh="女性特殊疾病",
            label_en="Women's illness",
            amount_fen=1_500_000,
            tiers=(Tier(30, amount_fen=0), Tier(60, amount_fen=50_000)),
            clause=f"{_BEIJING}(30 日内不给付,31 至 60 日 500 元,60 日后 15,000 元)",
        ),
        Benefit(
            key="in_situ",
            label_zh="女性原位癌",
            label_en="Carcinoma in situ",
            amount_fen=200_000,
            tiers=(Tier(30, amount_fen=0),),
            clause=f"{_BEIJING}(原位癌 2,000 元)",
        ),
    ),
    period=Period(years=2, renewal_opens_days=60, clause="中国职工保险互助会(女职工特殊疾病保障期两年)"),
    start=Start(rule=StartRule.NEXT_MONTH, clause=f"{_OURS} 第五条(集体参保次月 1 日生效,示例)"),
    taken=(
        Taken(
            who=SELF,
            ages=(Ages(from_age=16, below=60, sex="female", clause=f"{_BEIJING}(16 至 60 周岁在岗女职工)"),),
            clause=f"{_BEIJING}(在岗女职工)",
        ),
    ),
    shares=Shares(most=1, clause=f"{_BEIJING}(每人一份,示例)"),
    contribution=Contribution(per_share_fen=3_600, payer=Payer.UNIT, clause=f"{_OURS} 第六条(单位承担,金额为示例)"),
    ending=Ending(leaving=OnLeaving.RUNS_ON, family_too=False, clause=f"{_OURS} 第十二条(女工计划到期为止,示例)"),
    heirs=_HEIRS,
    group=Group(persons=20, percent=60, clause="女职工特殊疾病互助保障计划(不少于 20 人且不低于 60%)"),
    channels=(Channel.UNIT,),
    exclusions=(_PRE_EXISTING,),
)

SHANGHAI = msgspec.structs.replace(
    TIANJIN,
    benefits=(
        Benefit(
            key="hospital_days",
            label_zh="住院日津贴",
            label_en="Hospital days",
            amount_fen=10_000,
            per_day=True,
            clause=f"{_SHANGHAI}(金额为示例)",
        ),
    ),
    start=Start(rule=StartRule.AFTER_SUBMISSION, clause=f"{_SHANGHAI}(上传次日生效)"),
    shares=Shares(most=1, covers_per_person=1, clause=f"{_SHANGHAI}(每人限一份,重复无效)"),
    waiver=None,
)

ACCIDENT = msgspec.structs.replace(
    TIANJIN,
    benefits=(
        Benefit(
            key="accident",
            label_zh="意外伤害",
            label_en="Accident",
            amount_fen=2_000_000,
            clause=f"{_ACCIDENT}(金额为示例,无等待期)",
        ),
    ),
    period=Period(years=1, clause=f"{_ACCIDENT}(一年)"),
    waiver=None,
)

GIFT = msgspec.structs.replace(
    TIANJIN,
    contribution=Contribution(per_share_fen=5_000, payer=Payer.GIFT, clause="宜春市总工会 赠送保障(每人 50 元)"),
    shares=Shares(most=1, clause=_SHENZHEN),
    waiver=Waiver(gift=True, clause=f"{_SHENZHEN}(免等待期)"),
)


def content_of(terms: PlanTerms) -> Mapping[str, Any]:
    """The terms as a programme version holds them."""
    built: Mapping[str, Any] = msgspec.to_builtins(terms)
    return built
