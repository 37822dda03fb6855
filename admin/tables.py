"""What the data console shows of the database: reference data to keep, everything with a lifecycle to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from piccolo.columns import ForeignKey
from piccolo.table import Table
from piccolo_admin.endpoints import TableConfig
from piccolo_api.crud.endpoints import OrderBy
from piccolo_api.crud.hooks import Hook

from admin.rows import (
    AccountEntry,
    AffiliationRow,
    BatchEntry,
    CalendarEntry,
    CaseEntry,
    EmergencyRow,
    NoticeEntry,
    PolicyEntry,
    ProgrammeRow,
    RetentionEntry,
    RoleEntry,
    SanatoriumRow,
    StaffEntry,
    UnionRow,
    VersionRow,
)
from backend.applications.words import STAFF_STATES
from backend.documents.kinds import KIND_LABELS as PAPER_LABELS
from backend.identity import ROLE_LABELS, Role
from backend.registry.kinds import CERTIFICATION_LABELS, JOB_LABELS, POPULATION_LABELS, STATE_LABELS
from backend.unions.kinds import KIND_LABELS, LINE_LABELS
from backend.words import Language, Text

EVERYBODY = frozenset(Role) - {Role.WORKER, Role.SYSTEM}
CASE_READERS = frozenset({Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.REVIEWER, Role.CHAIR, Role.FINANCE, Role.AUDITOR})
PROGRAMME_EDITORS = frozenset({Role.SYSTEM_ADMIN, Role.HR_VERIFIER, Role.CHAIR})
REFERENCE_EDITORS = frozenset({Role.SYSTEM_ADMIN})
ACCOUNT_READERS = frozenset({Role.SECURITY_ADMIN})
NOBODY: frozenset[Role] = frozenset()

REFERENCE = Text("基础数据", "Reference data")
PROGRAMMES = Text("项目方案", "Programmes")
LISTS = Text("名册(脱敏)", "Lists (masked)")
ACCOUNTS = Text("账号与角色", "Accounts and roles")

#: A list gives no more rows at once than a screen shows: what leaves the console is exported, on record, at the desk.
LIST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """How one table appears: who reads it, who adds rows, who changes which columns, and every word in two languages.

    `desk` is where a row is looked at and acted on, for what has a lifecycle.
    """

    table: type[Table]
    label: Text
    group: Text
    columns: Mapping[str, Text]
    readers: frozenset[Role] = EVERYBODY
    adders: frozenset[Role] = NOBODY
    editors: frozenset[Role] = NOBODY
    editable: frozenset[str] = frozenset()
    values: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)
    order: tuple[str, bool] | None = None
    desk: str = ""

    @property
    def name(self) -> str:
        """The name of the table or view in the database."""
        return str(self.table._meta.tablename)

    @property
    def is_list(self) -> bool:
        """Whether it is only looked at."""
        return not (self.adders or self.editors)

    def alias(self, language: Language) -> str:
        """What the table is called in addresses and menus: its label."""
        return self.label.in_(language).replace(" ", "_")

    def config(self, hooks: list[Hook]) -> TableConfig:
        """What Piccolo Admin takes."""
        columns = [self.table._meta.get_column_by_name(name) for name in self.columns]
        link = next(column for column in columns if not isinstance(column, ForeignKey))
        order, ascending = self.order or (link._meta.name, True)
        return TableConfig(
            table_class=self.table,
            visible_columns=columns,
            visible_filters=columns,
            link_column=link,
            order_by=[OrderBy(self.table._meta.get_column_by_name(order), ascending=ascending)],
            hooks=hooks if self.editors or self.adders else None,
        )


def _states(*pairs: tuple[str, str, str]) -> Mapping[str, Text]:
    return {value: Text(zh, en) for value, zh, en in pairs}


_LEVELS = _states(
    ("national", "全国", "National"),
    ("province", "省", "Province"),
    ("city", "市", "City"),
    ("county", "县(区)、产业", "County or industry"),
    ("unit", "基层", "Grassroots"),
)
_UNION_KINDS = {str(kind): text for kind, text in KIND_LABELS.items()}
_LINES = {str(line): text for line, text in LINE_LABELS.items()}
_KINDS = _states(("recuperation", "疗休养", "Rest and recuperation"))
_CASE_KINDS = _states(
    ("recuperation", "疗休养", "Rest and recuperation"),
    ("insurance", "互助保障", "Mutual aid"),
    ("commendation", "评优表彰", "Commendation"),
)
_OUTCOMES = _states(
    ("granted", "已给予", "Granted"), ("refused", "未通过", "Refused"), ("withdrawn", "已撤回", "Withdrawn")
)
_VERSION_STATES = _states(("drafted", "草稿", "Draft"), ("published", "已发布", "Published"))
_BATCH_STATES = _states(
    ("drafted", "草稿", "Draft"),
    ("open", "开放申请", "Open"),
    ("allocated", "已分配", "Allocated"),
    ("on_notice", "公示中", "On notice"),
    ("confirming", "确认中", "Confirming"),
    ("completed", "已完成", "Completed"),
)
_NOTICE_STATES = _states(("published", "公示中", "On notice"), ("ended", "已结束", "Ended"))

_NAME = Text("名称", "Name")
_UNION = Text("单位", "Union")
_STATE = Text("状态", "State")
_AREA = Text("行政区划代码", "Area code")

SHOWN = (
    Shown(
        UnionRow,
        Text("工会组织", "Trade unions"),
        REFERENCE,
        {
            "name": _NAME,
            "short_name": Text("简称", "Short name"),
            "level": Text("层级", "Level"),
            "kind": Text("类别", "Kind"),
            "uscc": Text("统一社会信用代码", "Credit code"),
            "area_code": _AREA,
            "active": Text("启用", "Active"),
        },
        editors=REFERENCE_EDITORS,
        editable=frozenset({"name", "short_name", "kind", "uscc", "area_code", "active"}),
        values={"level": _LEVELS, "kind": _UNION_KINDS},
    ),
    Shown(
        AffiliationRow,
        Text("隶属关系", "Affiliations"),
        REFERENCE,
        {
            "trade_union": Text("工会", "Union"),
            "parent": Text("上级", "Parent"),
            "line": Text("隶属线", "Line"),
            "from_on": Text("自", "From"),
            "to_on": Text("至", "To"),
        },
        values={"line": _LINES},
        order=("from_on", False),
    ),
    Shown(
        CalendarEntry,
        Text("工作日历", "Working days"),
        REFERENCE,
        {
            "id": Text("编号", "No."),
            "day": Text("日期", "Day"),
            "working": Text("上班", "Working"),
            "name": Text("节日", "Holiday"),
        },
        editors=REFERENCE_EDITORS,
        editable=frozenset({"working", "name"}),
        order=("day", False),
    ),
    Shown(
        SanatoriumRow,
        Text("疗养院", "Sanatoria"),
        REFERENCE,
        {"name": _NAME, "address": Text("地址", "Address"), "area_code": _AREA},
        adders=REFERENCE_EDITORS,
        editors=REFERENCE_EDITORS,
        editable=frozenset({"name", "address", "area_code"}),
    ),
    Shown(
        EmergencyRow,
        Text("突发公共卫生事件", "Emergencies"),
        REFERENCE,
        {
            "name": _NAME,
            "level": Text("响应级别", "Level"),
            "area_code": _AREA,
            "start_on": Text("开始", "Start"),
            "end_on": Text("结束", "End"),
        },
        adders=REFERENCE_EDITORS,
        editors=REFERENCE_EDITORS,
        editable=frozenset({"name", "level", "area_code", "start_on", "end_on"}),
    ),
    Shown(
        ProgrammeRow,
        Text("项目", "Programmes"),
        PROGRAMMES,
        {
            "code": Text("代码", "Code"),
            "name_zh": Text("中文名称", "Chinese name"),
            "name_en": Text("英文名称", "English name"),
            "kind": Text("类别", "Kind"),
            "organiser": Text("主办工会", "Organiser"),
        },
        adders=PROGRAMME_EDITORS,
        editors=PROGRAMME_EDITORS,
        editable=frozenset({"name_zh", "name_en"}),
        values={"kind": _KINDS},
    ),
    Shown(
        VersionRow,
        Text("方案版本", "Programme versions"),
        PROGRAMMES,
        {
            "number": Text("版本", "Number"),
            "programme": Text("项目", "Programme"),
            "state": _STATE,
            "content": Text("内容", "Content"),
        },
        readers=EVERYBODY - ACCOUNT_READERS,
        editors=PROGRAMME_EDITORS,
        editable=frozenset({"content"}),
        values={"state": _VERSION_STATES},
    ),
    Shown(
        PolicyEntry,
        Text("政策条款", "Policy rows"),
        PROGRAMMES,
        {
            "topic": Text("主题", "Topic"),
            "trade_union": Text("适用工会", "Union"),
            "effective_from": Text("生效", "From"),
            "effective_to": Text("失效", "To"),
            "rules": Text("规则", "Rules"),
            "clause": Text("依据", "Clause"),
        },
        adders=PROGRAMME_EDITORS,
        editors=PROGRAMME_EDITORS,
        editable=frozenset({"topic", "effective_from", "effective_to", "rules", "clause"}),
    ),
    Shown(
        RetentionEntry,
        Text("材料保存期限", "Terms of papers"),
        REFERENCE,
        {
            "clause": Text("依据", "Clause"),
            "outcome": Text("办理结果", "Outcome"),
            "keep_days": Text("保存天数(自办结)", "Days kept after the end"),
            "paper_kind": Text("材料(空为各类)", "Paper (empty: any)"),
            "case_kind": Text("申请类型(空为各类)", "Kind of case (empty: any)"),
            "effective_from": Text("生效", "From"),
        },
        values={
            "outcome": _OUTCOMES,
            "paper_kind": {str(kind): text for kind, text in PAPER_LABELS.items()},
            "case_kind": _CASE_KINDS,
        },
        order=("effective_from", False),
    ),
    Shown(
        CaseEntry,
        Text("申请", "Cases"),
        LISTS,
        {
            "number": Text("受理号", "Number"),
            "name": Text("申请人", "Applicant"),
            "union_name": _UNION,
            "programme": Text("项目", "Programme"),
            "state": _STATE,
            "stage": Text("环节", "Stage"),
            "awaiting_role": Text("待办角色", "Waits for"),
            "points": Text("优先分", "Points"),
            "papers": Text("材料", "Papers"),
            "due_on": Text("期限", "Due"),
            "submitted_on": Text("提交日期", "Submitted"),
        },
        readers=CASE_READERS,
        values={
            "state": {str(state): text for state, text in STAFF_STATES.items()},
            "stage": {"filing": Text("填报", "Filing"), "": Text("—", "—")},
            "awaiting_role": {"": Text("—", "—")} | {role.value: text for role, text in ROLE_LABELS.items()},
        },
        order=("submitted_on", False),
        desk="/review/cases/",
    ),
    Shown(
        StaffEntry,
        Text("一线人员档案", "Staff records"),
        LISTS,
        {
            "name": Text("姓名", "Name"),
            "union_name": _UNION,
            "population": Text("人员类别", "Population"),
            "job_category": Text("岗位", "Job"),
            "certification": Text("认定方式", "Certification"),
            "list_version": Text("名单版本", "List"),
            "state": _STATE,
        },
        readers=frozenset({Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.AUDITOR}),
        values={
            "population": {str(key): text for key, text in POPULATION_LABELS.items()},
            "job_category": {str(key): text for key, text in JOB_LABELS.items()},
            "certification": {str(key): text for key, text in CERTIFICATION_LABELS.items()},
            "state": {str(key): text for key, text in STATE_LABELS.items()},
        },
        desk="/review/records/",
    ),
    Shown(
        BatchEntry,
        Text("批次", "Batches"),
        LISTS,
        {
            "name": _NAME,
            "organiser_name": Text("主办工会", "Organiser"),
            "sanatorium_name": Text("疗养院", "Sanatorium"),
            "starts_on": Text("开始", "Start"),
            "ends_on": Text("结束", "End"),
            "capacity": Text("名额", "Places"),
            "cost_per_day_fen": Text("每人每天(分)", "Per person and day (fen)"),
            "funding_source": Text("经费来源", "Funding"),
            "opens_at": Text("开放申请", "Opens"),
            "closes_at": Text("截止申请", "Closes"),
            "state": _STATE,
        },
        readers=CASE_READERS,
        values={"state": _BATCH_STATES},
        order=("starts_on", False),
        desk="/review/batches/",
    ),
    Shown(
        NoticeEntry,
        Text("公示", "Notices"),
        LISTS,
        {
            "title_zh": Text("标题", "Title"),
            "union_name": Text("发布工会", "Published by"),
            "first_on": Text("开始", "From"),
            "last_on": Text("结束", "To"),
            "working_days": Text("工作日", "Working days"),
            "state": _STATE,
            "result": Text("结果", "Result"),
        },
        readers=CASE_READERS,
        values={"state": _NOTICE_STATES},
        order=("first_on", False),
        desk="/review/notices/",
    ),
    Shown(
        AccountEntry,
        Text("账号", "Accounts"),
        ACCOUNTS,
        {
            "username": Text("用户名", "User name"),
            "name": Text("姓名", "Name"),
            "employer_name": Text("工作单位", "Employer"),
            "active": Text("启用", "Active"),
            "enrolled": Text("已用动态码", "Has used codes"),
        },
        readers=ACCOUNT_READERS,
    ),
    Shown(
        RoleEntry,
        Text("角色", "Roles"),
        ACCOUNTS,
        {
            "username": Text("用户名", "User name"),
            "name": Text("姓名", "Name"),
            "role": Text("角色", "Role"),
            "union_name": Text("所在工会", "At the union"),
            "approved": Text("已复核", "Approved"),
            "from_at": Text("自", "From"),
            "to_at": Text("至", "To"),
        },
        readers=ACCOUNT_READERS,
        values={"role": {role.value: text for role, text in ROLE_LABELS.items()}},
    ),
)

BY_NAME = {shown.name: shown for shown in SHOWN}
BY_ALIAS = {shown.alias(language): shown for shown in SHOWN for language in Language} | BY_NAME
