"""Commendation as the shared case knows it: its judgement, its guards and effects, its notices, its panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import structs

from backend.applications import committee
from backend.applications.allocation import next_in_line
from backend.applications.case import Case, load_case
from backend.applications.judgement import Judgement, PointLine
from backend.applications.lifecycle import KINDS, Action, By, Move, StageKind, State
from backend.applications.process import Announcement, Door, Field, Line, Panel, Process
from backend.applications.programme import ProgrammeContent, Stage
from backend.clock import local_date
from backend.commendation import awards, clearances, policy, queries, recommendations
from backend.commendation.nominations import KIND
from backend.commendation.privacy import private_words
from backend.commendation.recommendations import MEETING_KINDS, RecommendationInput
from backend.commendation.terms import (
    CATEGORY_LABELS,
    TRAIT_LABELS,
    Category,
    PriorityRule,
    check_terms,
    terms_of,
)
from backend.database import execute, fetch, transaction
from backend.errors import Conflict, Violation
from backend.identity import Actor, Role, system_actor
from backend.words import Text

LABEL = Text("评优推荐", "Commendation")

CONSENTS = {
    "needless": Text("单位申报,无须本人同意", "Not needed for a unit"),
    "asked": Text("等待被推荐人同意", "Waiting for the nominee"),
    "given": Text("被推荐人已同意", "The nominee consents"),
    "refused": Text("被推荐人不同意", "The nominee refused"),
}

ORIGINS = {
    "oneself": Text("自荐", "Oneself"),
    "colleague": Text("同事推荐", "A colleague"),
    "unit": Text("单位推荐", "The unit"),
}

_FELL_OUT = frozenset({State.DECLINED, State.LAPSED, State.REJECTED, State.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Commendation(Process):
    """The slice's part in a nomination (评优推荐)."""

    kind: str = KIND
    prefix: str = "CM"
    label: Text = LABEL
    aggregate_table: str = "campaign"
    aggregate_actions: frozenset[Action] = frozenset(
        {Action.RECOMMEND, Action.WITHDRAW, Action.REJECT, Action.UPHOLD, Action.DISMISS, Action.LAPSE, Action.GRANT}
    )

    def check_terms(self, content: ProgrammeContent) -> list[Violation]:
        """See `terms.check_terms`."""
        return check_terms(content)

    def files(self, actor: Actor, case: Case) -> bool:
        """Whoever nominated on the phone; an officer of the unit for what the unit filed. Never the nominee."""
        if Role.WORKER in actor.roles:
            return actor.account_id == case.submitted_by
        return Process.files(self, actor, case)

    async def judge(self, case: Case, now: datetime) -> Judgement:
        """Judge a nomination by the terms that it was first sent under."""
        facts, terms = await queries.nomination_facts(case), terms_of(case.content)
        checks = policy.check_nomination(facts, terms, now, local_date(now))
        if case.submitted_at is not None:
            # What was sent in time and returned is not shut out by a window that closed meanwhile.
            checks = [check for check in checks if check.code != "window_closed"]
        favoured = terms.priority is not PriorityRule.NONE and bool(set(terms.priority_traits) & set(facts.traits))
        line = PointLine(
            "priority",
            "一线优先(仅用于同等条件排序)",
            "Frontline priority, for the order alone",
            int(favoured),
            terms.priority_clause,
        )
        return Judgement(facts, checks, [line])

    async def guard(
        self, actor: Actor, case: Case, move: Move, details: msgspec.Struct | None, now: datetime
    ) -> list[Violation]:
        """A nominator judges nobody that they nominated; each gate asks what it is there for."""
        found = []
        kind = case.stage_kind
        judges = move.by in (By.STAGE_ROLE, By.CHAIR) and kind is not None and KINDS[kind].judging
        if judges and await self._nominated(actor, case):
            found.append(
                Violation(
                    "conflict_nominator",
                    Text("推荐人须回避。", "A nominator stands back."),
                    clause="回避规则:推荐人不评审",
                )
            )
        match move.action, details:
            case Action.RECOMMEND, RecommendationInput():
                found += await recommendations.judge(case, details, local_date(now))
            case Action.CLEAR, _:
                found += [check.violation() for check in await clearances.judge(case, now) if not check.passed]
                found += await clearances.earlier_papers(case)
            case Action.GRANT, awards.GrantInput():
                found += await awards.judge(case, details, now)
            case ((Action.RECOMMEND | Action.GRANT), _):
                found.append(Violation("details_missing", Text("请填写表单。", "Fill in the form."), "details"))
            case _:
                pass
        return found

    async def fields(self, case: Case, action: Action) -> Sequence[Field]:
        """Recommending asks for the meeting and its votes, granting for the document."""
        return {Action.RECOMMEND: recommendations.FIELDS, Action.GRANT: awards.FIELDS}.get(action, ())

    def details(self, case: Case, action: Action, fields: Mapping[str, str]) -> msgspec.Struct | None:
        """What was typed."""
        match action:
            case Action.RECOMMEND:
                return recommendations.details_of(fields)
            case Action.GRANT:
                return awards.details_of(fields)
            case _:
                return None

    async def conduct(
        self, actor: Actor, case: Case, move: Move, details: msgspec.Struct | None, comment: str, now: datetime
    ) -> None:
        """Write the meeting, the award or its revocation."""
        match move.action, details:
            case Action.RECOMMEND, RecommendationInput():
                await recommendations.write(actor, case, details, now)
            case Action.GRANT, awards.GrantInput():
                await awards.grant(actor, case, details, now)
            case Action.REVOKE, _:
                await awards.revoke(case, comment, now)
            case _:
                pass

    async def effect(self, door: Door, case: Case, move: Move, actor: Actor, now: datetime) -> None:
        """Note which nomination counts, its score, its end; a main place that falls free goes to the next reserve."""
        if move.action is Action.SUBMIT:
            await self._go_live(case)
        if move.action is Action.DECIDE:
            await self._note_score(case, move.from_stage)
        if case.ended:
            await execute("UPDATE nomination SET standing = 'over' WHERE application = $1", case.id)
            if case.state in _FELL_OUT and case.placement == "main" and case.aggregate is not None:
                await self.fill(door, case.aggregate, now)

    async def fill(self, door: Door, campaign: UUID, now: datetime) -> None:
        """Promote reserves, by rank within their quotas, into the places that are free; the campaign is locked.

        Where the terms ask for it a promoted reserve is announced once more, as a main.
        """
        row = await queries.campaign_row(campaign)
        terms = terms_of(queries.content_of(row))
        places = await queries.main_places(campaign, terms)
        for candidate in next_in_line(await queries.waiting_reserves(campaign), places):
            reserve = await load_case(candidate.application, lock=True)
            action = Action.SHOW_AGAIN if terms.promoted_need_notice else Action.PROMOTE
            await door.step(
                system_actor("名额递补"), reserve, action, now, placement="main", comment="正选空缺,依次递补"
            )

    async def announcement(self, cases: Sequence[Case], stage: Stage) -> Announcement:
        """Name, unit and the short deed of each: in the order of the unit's list, or mains and ranked reserves."""
        campaign = await queries.campaign_row(cases[0].aggregate)
        usual = await Process.announcement(self, cases, stage)
        said = {
            row["application"]: row
            for row in await fetch(
                "SELECT application, deed, unit_rank FROM nomination WHERE application = ANY($1)",
                [case.id for case in cases],
            )
        }
        order = {"main": 0, "reserve": 1}
        lines = sorted(
            (_line(line, said[line.case.id]) for line in usual.lines), key=lambda one: (order[one.placement], one.rank)
        )
        return Announcement(
            Text(f"{campaign['name']} · {stage.label_zh}", f"{campaign['name']}: {stage.label_en}"), lines
        )

    async def notice_concluded(self, door: Door, aggregate: UUID | None, stage_key: str, now: datetime) -> None:
        """Places that fell free while reserves were on notice go to them now."""
        if aggregate is not None and (await queries.campaign_row(aggregate))["state"] == "slated":
            await self.fill(door, aggregate, now)

    async def sweep(self, door: Door, now: datetime) -> None:
        """Drafts lapse when the window has closed."""
        for row in await fetch(
            "SELECT a.id FROM application a JOIN campaign c ON c.id = a.aggregate"
            " WHERE a.kind = $1 AND a.state = 'draft' AND c.closes_at <= $2 ORDER BY a.id",
            KIND,
            now,
        ):
            async with transaction():
                case = await door.locked(row["id"], Action.LAPSE)
                if case.state is State.DRAFT:
                    await door.step(system_actor("期限届满"), case, Action.LAPSE, now)

    async def recipients(self, case: Case, subject_account: UUID | None) -> list[UUID]:
        """The phone of the nominee or the team's leader, and of everybody who nominated from one."""
        rows = await fetch(
            """SELECT w.id FROM nomination n JOIN worker_account w ON w.person = n.consent_person
            WHERE n.application = $1
            UNION SELECT w.id FROM nomination n JOIN nomination_line l ON l.nomination = n.id
                JOIN worker_account w ON w.id = l.account WHERE n.application = $1""",
            case.id,
        )
        return [row["id"] for row in rows]

    async def panels(self, actor: Actor, case: Case) -> Sequence[Panel]:
        """The nomination, the unit's meeting, the clearances and the award; the statement has a page of its own."""
        row = await queries.nomination_row(case.id)
        found = [await _nomination_panel(case, row)]
        if row["meeting_kind"] is not None:
            found.append(_meeting_panel(row))
        if any(stage.kind is StageKind.CLEARANCE for stage in case.content.route):
            found.append(await _clearance_panel(case))
        award = await queries.award_of(case.id)
        if award is not None:
            found.append(_award_panel(award))
        return found

    @staticmethod
    async def _nominated(actor: Actor, case: Case) -> bool:
        return await queries.nominated_by(case.id, actor.account_id, actor.person_id)

    @staticmethod
    async def _go_live(case: Case) -> None:
        try:
            async with transaction():
                await execute("UPDATE nomination SET standing = 'live' WHERE application = $1", case.id)
        except asyncpg.UniqueViolationError:
            raise Conflict(
                "already_nominated",
                Text("该对象已有推荐,请并入该推荐。", "Somebody has sent a nomination of the same: join it."),
            ) from None

    @staticmethod
    async def _note_score(case: Case, stage_key: str) -> None:
        stage = case.content.stage(stage_key)
        if stage is None or not stage.criteria:
            return
        tally = await committee.current_tally(structs.replace(case, stage_key=stage_key), stage)
        if tally.score is not None:
            await execute("UPDATE nomination SET score = $2 WHERE application = $1", case.id, round(tally.score * 100))


def _line(line: Line, said: asyncpg.Record) -> Line:
    """A line with the deed, left out where it holds what must not be public, and its place."""
    case = line.case
    return replace(
        line,
        deed="" if private_words(said["deed"], "deed") else said["deed"],
        placement=case.placement or "main",
        rank=case.rank or said["unit_rank"] or line.rank,
    )


async def _nomination_panel(case: Case, row: asyncpg.Record) -> Panel:
    terms = terms_of(case.content)
    traits = [*queries.traits_of(row), *await queries.file_traits(case.subject_kind, case.subject)]
    lines = await queries.lines_of(row["id"])
    label = CATEGORY_LABELS[Category(row["category"])]
    return Panel(
        Text("推荐", "Nomination"),
        [
            (Text("评选", "Campaign"), row["campaign_name"]),
            (Text("荣誉", "Honour"), terms.honour),
            (Text("类别", "Category"), label),
            (
                Text("身份", "Counts as"),
                Text(
                    "、".join(TRAIT_LABELS[trait].zh for trait in traits) or "—",
                    ", ".join(TRAIT_LABELS[trait].en for trait in traits) or "—",
                ),
            ),
            (
                Text("推荐人", "Nominated by"),
                Text(
                    "、".join(f"{line['nominator_name']}({ORIGINS[line['origin']].zh})" for line in lines),
                    ", ".join(f"{line['nominator_name']} ({ORIGINS[line['origin']].en})" for line in lines),
                ),
            ),
            (Text("本人意愿", "Consent"), CONSENTS[row["consent"]]),
            (Text("公示事迹", "Public deed"), row["deed"]),
            (Text("事迹材料", "Merit statement"), Text(f"{row['merit_count']} 字", f"{row['merit_count']} characters")),
            (Text("名额归属", "Quota of"), row["quota_name"] or "—"),
        ],
        [(Text("查看事迹材料和推荐审批表", "Merit statement and approval form"), f"/review/nominations/{case.id}")],
    )


def _meeting_panel(row: asyncpg.Record) -> Panel:
    kind = MEETING_KINDS[row["meeting_kind"]]
    return Panel(
        Text("单位推荐", "The unit's recommendation"),
        [
            (Text("会议", "Meeting"), Text(f"{kind.zh} {row['held_on']}", f"{kind.en}, {row['held_on']}")),
            (Text("到会", "Present"), f"{row['present']} / {row['members']}"),
            (Text("赞成", "In favour"), str(row["votes_for"])),
            (Text("推荐顺序", "Rank"), str(row["unit_rank"])),
        ],
    )


async def _clearance_panel(case: Case) -> Panel:
    row = await queries.nomination_row(case.id)
    asked = terms_of(case.content).authorities_for(Category(row["category"]))
    replies = await queries.replies(case.id)
    rows: list[tuple[Text, str | Text]] = []
    for authority in asked:
        reply = replies.get(authority.key)
        told: str | Text = Text("未回复", "No reply yet")
        if reply is not None:
            told = Text(
                f"{'同意' if reply.favourable else '不同意'} · {reply.replied_on} 至 {reply.expires_on}",
                f"{'favourable' if reply.favourable else 'not favourable'} · {reply.replied_on} to {reply.expires_on}",
            )
        rows.append((authority.label, told))
    return Panel(
        Text("征求意见", "Clearances"), rows, [(Text("登记与查看", "Record and look"), f"/review/clearances/{case.id}")]
    )


def _award_panel(award: asyncpg.Record) -> Panel:
    rows: list[tuple[Text, str | Text]] = [
        (Text("荣誉", "Honour"), award["title"]),
        (Text("文号", "Document"), award["document"]),
        (Text("日期", "Granted on"), str(award["granted_on"])),
    ]
    if award["revoked_on"] is not None:
        rows.append((Text("已撤销", "Revoked"), f"{award['revoked_on']}:{award['revoked_reason']}"))
    return Panel(Text("授予", "Award"), rows)
