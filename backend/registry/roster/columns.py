"""The two sheets of a roster: their columns, what stands in them and how they are explained. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from backend.people.identifiers import IDENTIFIER_LABELS
from backend.people.relations import RELATION_LABELS, SEX_LABELS
from backend.registry.kinds import CERTIFICATION_LABELS, JOB_LABELS, POPULATION_LABELS
from backend.words import Text


class Kind(StrEnum):
    """What stands in the cells of a column; a code is digits and letters that Excel must not take for a number."""

    TEXT = "text"
    CODE = "code"
    DATE = "date"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `choices` are the stored values by the Chinese words in its drop-down."""

    key: str
    header: str
    kind: Kind
    note: Text
    width: int = 12
    required: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    example: str | date = ""

    @property
    def title(self) -> str:
        """The header as the template writes it: a star marks what has to be filled in."""
        return f"{self.header}*" if self.required else self.header


def _choices(labels: Mapping[Any, Text]) -> Mapping[str, str]:
    return {words.zh: str(value) for value, words in labels.items() if value}


YES = "是"

#: A row whose number begins with this is the template's example and is passed over.
EXAMPLE_MARK = "示例"

_PASSED_OVER = Text("可不填;写有“示例”的行不读取", "Optional")
_DOT = Text("间隔号用“·”", "With the middle dot ·")
_NUMBER = Column("number", "序号", Kind.TEXT, _PASSED_OVER, 14, example="示例(请删除)")
_TYPE = Text("不填即为居民身份证", "A resident ID card if left empty")
_CODE = Text("文本格式,18 位身份证号末位可为 X;不要用公式", "As text; the last of 18 digits may be X; no formula")
_FROM_ID = Text("身份证不用填", "Not for resident IDs")
_DAY = Text("日期格式,如 2015-07-01", "As a date")

STAFF = (
    _NUMBER,
    Column("name", "姓名", Kind.TEXT, _DOT, required=True, example="示例·王小满"),
    Column("type", "证件类型", Kind.CHOICE, _TYPE, 18, choices=_choices(IDENTIFIER_LABELS), example="居民身份证"),
    Column("identifier", "证件号码", Kind.CODE, _CODE, 22, required=True, example="370999198506150016"),
    Column("sex", "性别", Kind.CHOICE, _FROM_ID, 8, choices=_choices(SEX_LABELS)),
    Column("born_on", "出生日期", Kind.DATE, _FROM_ID),
    Column("phone", "手机号", Kind.CODE, Text("11 位", "11 digits"), 14, required=True, example="13800000000"),
    Column("department", "科室", Kind.TEXT, Text("不填则不改动", "Unchanged if left empty"), 16, example="重症医学科"),
    Column(
        "population",
        "人员类别",
        Kind.CHOICE,
        Text("从下拉列表选择", "From the list"),
        16,
        required=True,
        choices=_choices(POPULATION_LABELS),
        example="一线医务人员",
    ),
    Column(
        "job",
        "岗位",
        Kind.CHOICE,
        Text("从下拉列表选择", "From the list"),
        required=True,
        choices=_choices(JOB_LABELS),
        example="护士",
    ),
    Column("joined_on", "到本单位日期", Kind.DATE, _DAY, 14, required=True, example=date(2012, 7, 1)),
    Column(
        "certification",
        "认定来源",
        Kind.CHOICE,
        Text("从下拉列表选择", "From the list"),
        required=True,
        choices=_choices(CERTIFICATION_LABELS),
        example="卫健委名单",
    ),
    Column("list_version", "名单版本", Kind.TEXT, Text("列入名单的填写", "Where listed"), example="第3版"),
    Column("unit", "单位", Kind.TEXT, Text("可不填;填写则须为本单位名称", "Empty, or the very unit's name"), 24),
)

FAMILY = (
    _NUMBER,
    Column("worker", "职工证件号码", Kind.CODE, _CODE, 22, required=True, example="370999198506150016"),
    Column(
        "worker_name",
        "职工姓名",
        Kind.TEXT,
        Text("与档案一致,用于核对", "As on the record, to compare"),
        required=True,
        example="示例·王小满",
    ),
    Column(
        "relation",
        "与职工关系",
        Kind.CHOICE,
        Text("家属是职工的什么人", "What the relative is to the worker"),
        16,
        required=True,
        choices=_choices(RELATION_LABELS),
        example="子女",
    ),
    Column(
        "name",
        "家属姓名",
        Kind.TEXT,
        Text("间隔号用“·”", "With the middle dot ·"),
        required=True,
        example="示例·王小雨",
    ),
    Column("type", "证件类型", Kind.CHOICE, _TYPE, 18, choices=_choices(IDENTIFIER_LABELS), example="居民身份证"),
    Column("identifier", "证件号码", Kind.CODE, _CODE, 22, required=True, example="370999201806010028"),
    Column("sex", "性别", Kind.CHOICE, _FROM_ID, 8, choices=_choices(SEX_LABELS)),
    Column("born_on", "出生日期", Kind.DATE, _FROM_ID),
    Column("from_on", "关系开始日期", Kind.DATE, Text("配偶填写结婚日期", "For a spouse the wedding day"), 14),
    Column(
        "guardian",
        "职工为监护人",
        Kind.CHOICE,
        Text("孙辈、弟妹等由职工监护的填“是”;子女不用填", "For wards who are not one's children"),
        14,
        choices={YES: "yes", "否": "no"},
    ),
)

#: Which column a rule's field speaks of.
STAFF_FIELDS = {
    "name": "name",
    "identifier": "identifier",
    "identifier.type": "type",
    "identifier.number": "identifier",
    "identifier.born_on": "born_on",
    "identifier.sex": "sex",
    "phone": "phone",
    "department": "department",
    "joined_unit_on": "joined_on",
    "list_version": "list_version",
}
FAMILY_FIELDS = {
    "name": "name",
    "kind": "relation",
    "identifier": "identifier",
    "identifier.type": "type",
    "identifier.number": "identifier",
    "identifier.born_on": "born_on",
    "identifier.sex": "sex",
    "from_on": "from_on",
    "guardian": "guardian",
}
