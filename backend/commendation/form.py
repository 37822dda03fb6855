"""The approval form (推荐审批表) of a nomination: its usual fields, and each level's opinion as the case has it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from backend.applications.case import Case, load_case
from backend.applications.casefile import REASON_LEAST, REASON_MOST, require_readable
from backend.applications.lifecycle import StageKind
from backend.applications.process import union_shown
from backend.applications.programme import Stage
from backend.audit.log import record
from backend.certificates.forms import Cell, Cells, FormSheet, Opinion, Passage, form_pdf
from backend.clock import local_date
from backend.commendation import queries
from backend.commendation.nominations import KIND, Nominations, Opened
from backend.commendation.terms import CATEGORY_LABELS, Category, terms_of
from backend.database import fetch, fetch_one
from backend.errors import NotFound, RuleViolation
from backend.identity import Actor, Role
from backend.people.service import People
from backend.words import Text

_SEX = {"male": "男", "female": "女"}

#: What a box says where whoever acted left no words.
_DONE = {
    StageKind.RECOMMENDATION: "同意推荐。",
    StageKind.CLEARANCE: "已征求有关部门意见,均无异议。",
    StageKind.COMMITTEE: "评审通过。",
    StageKind.ALLOCATION: "列入名单。",
    StageKind.SIGN_OFF: "同意授予。",
}


@dataclass(frozen=True, slots=True)
class ApprovalForms:
    """Prints approval forms: for the nominee their own, at the desk for a reason that is recorded."""

    nominations: Nominations
    people: People

    async def of_nominee(self, actor: Actor, application: UUID) -> bytes:
        """The form of one's own nomination as a PDF; raises NotFound for anybody else, the nominator too."""
        case = await load_case(application)
        row = await queries.nomination_row(application) if case.kind == KIND else None
        nominee = row is not None and actor.person_id is not None and actor.person_id == row["consent_person"]
        if row is None or not nominee or Role.WORKER not in actor.roles:
            raise NotFound()
        return await self._printed(await self.nominations.mine(actor, application), row)

    async def at_desk(self, actor: Actor, application: UUID, reason: str) -> bytes:
        """The form of a nomination in scope as a PDF; raises as `require_readable`, RuleViolation without a reason."""
        if not REASON_LEAST <= len(reason.strip()) <= REASON_MOST:
            raise RuleViolation.of(
                "reason_required",
                Text("请写明用途(至少 4 字)。", "Say what it is for (4 characters or more)."),
                "reason",
            )
        case = await require_readable(actor, self.nominations.applications, application)
        if case.kind != KIND:
            raise NotFound()
        opened = await self.nominations.look(actor, application)
        printed = await self._printed(opened, await queries.nomination_row(application))
        await record(
            actor, "nomination.form", "done", object_kind="application", object_id=application, reason=reason.strip()
        )
        return printed

    async def _printed(self, opened: Opened, row: asyncpg.Record) -> bytes:
        case, fields, terms = opened.case, opened.fields, terms_of(opened.case.content)
        label = CATEGORY_LABELS[Category(row["category"])].zh
        unit = await queries.union_name(union_shown(case))
        person = await self._person(case)
        honours = [f"{one.awarded_on} {one.title}" for one in await queries.honours_of(case)]
        cells = [
            Cells((Cell("姓名", case.subject_name), Cell("性别", person.sex), Cell("民族", fields.nation))),
            Cells(
                (
                    Cell("出生年月", person.born),
                    Cell("政治面貌", fields.political_status),
                    Cell("学历", fields.education),
                )
            ),
            Cells((Cell("参加工作", fields.started_work_on), Cell("职务职称", fields.post), Cell("人员类别", label))),
            Cells((Cell("身份证号", person.number, 3),)),
            Cells((Cell("工作单位", unit, 3),)),
        ]
        if case.subject_person is None:
            cells = [Cells((Cell("名称", case.subject_name, 2), Cell("类别", label))), Cells((Cell("单位", unit, 3),))]
        sheet = FormSheet(
            title=f"{terms.honour}推荐审批表",
            number=case.number,
            rows=[
                *cells,
                Passage("何时何地受过何种奖励", "\n".join(honours) or "无"),
                Passage("简历", fields.resume, 40),
                Passage("主要事迹", opened.merit, 80),
                *await _opinions(case),
            ],
            note="各级意见由系统按办理记录填写;签字、盖章以纸质件为准。",
            photo=case.subject_person is not None,
        )
        return await form_pdf(sheet, await self.nominations.applications.clock.now())

    async def _person(self, case: Case) -> _Person:
        row = await fetch_one(
            """SELECT p.sex, p.born_on, i.type, i.sealed FROM person p LEFT JOIN LATERAL (
                SELECT type, sealed FROM person_identifier x WHERE x.person = p.id
                ORDER BY x.type = 'resident_id' DESC LIMIT 1) i ON true WHERE p.id = $1""",
            case.subject_person,
        )
        if row is None:
            return _Person("", "", "")
        born = f"{row['born_on']:%Y.%m}" if row["born_on"] else ""
        number = self.people.open(row["type"], row["sealed"]).number if row["sealed"] else ""
        return _Person(_SEX.get(row["sex"], ""), born, number)


@dataclass(frozen=True, slots=True)
class _Person:
    """What the file says of a nominee."""

    sex: str
    born: str
    number: str


async def _opinions(case: Case) -> list[Opinion]:
    """One box for each stage of the route, blank where the case has not come through."""
    passed = {row["from_stage"]: row for row in await queries.approval_events(case.id)}
    notices = {
        row["stage"]: row
        for row in await fetch(
            "SELECT DISTINCT ON (n.stage) n.stage, n.result, n.first_on, n.last_on FROM notice n"
            " JOIN notice_entry e ON e.notice = n.id WHERE e.application = $1 ORDER BY n.stage, n.published_at DESC",
            case.id,
        )
    }
    return [_opinion(stage, passed.get(stage.key), notices.get(stage.key)) for stage in case.content.route]


def _opinion(stage: Stage, passed: asyncpg.Record | None, notice: asyncpg.Record | None) -> Opinion:
    label = f"{stage.label_zh}意见"
    if passed is None:
        return Opinion(label)
    day = local_date(passed["at"])
    if stage.kind is StageKind.NOTICE:
        text = f"{notice['first_on']} 至 {notice['last_on']} 公示:{notice['result']}。" if notice else ""
        return Opinion(f"{stage.label_zh}情况", text, "", day)
    return Opinion(label, passed["comment"] or _DONE.get(stage.kind, ""), passed["actor_name"], day)
