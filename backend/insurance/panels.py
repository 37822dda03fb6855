"""What the case page shows of an enrolment: the plan, each person, the group's conditions; never a health text."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from backend.applications.case import Case
from backend.applications.lifecycle import SubjectKind
from backend.applications.process import Panel
from backend.database import fetch, fetch_one
from backend.identity import Actor
from backend.insurance.assessment import PROPOSAL_LABELS, VERDICT_LABELS, broken_of, opens_health
from backend.insurance.plans import Plan, plan_of
from backend.insurance.policy import Proposal, starts_in_words
from backend.insurance.terms import SELF, Payer
from backend.people.relations import RELATION_LABELS, RelationKind
from backend.words import Text

PAYER_LABELS = {
    Payer.WORKER: Text("职工个人", "The worker"),
    Payer.UNIT: Text("单位工会", "The unit"),
    Payer.UNION: Text("上级工会", "The union"),
    Payer.GIFT: Text("赠送", "A gift"),
}


def who_in_words(who: str) -> Text:
    """What somebody is to the worker."""
    return Text("本人", "Worker") if who == SELF else RELATION_LABELS[RelationKind(who)]


async def enrolment_panels(actor: Actor, case: Case) -> Sequence[Panel]:
    """The plan and everybody in the enrolment."""
    plan = await plan_of(case.version.id)
    row = await fetch_one("SELECT id, shares FROM enrolment WHERE application = $1", case.id)
    if row is None:
        return ()
    members = await fetch(
        """SELECT m.id, m.name, m.who, m.grade, m.card_holder, m.proposal, m.verdict, m.reason, m.findings,
            m.health_declared, m.healthy, c.number, c.starts_on, c.ends_on
        FROM enrolment_member m LEFT JOIN cover c ON c.member = m.id WHERE m.enrolment = $1 ORDER BY m.id""",
        row["id"],
    )
    links = []
    if case.subject_kind is SubjectKind.GROUP:
        label = Text("团体条件与名单", "Group and its conditions")
        links.append((label, f"/review/mutual-aid/groups/{case.id}"))
    if opens_health(actor, case) and any(member["health_declared"] for member in members):
        links.append((Text("查看健康告知…(须填理由)", "Health declarations… (with a reason)"), _health_path(case)))
    return [
        _plan_panel(plan, row["shares"]),
        Panel(
            Text("被保障人 {n} 人", "{n} insured").fill(n=len(members)),
            [(Text(one["name"], one["name"]), _told(one)) for one in members],
            links,
        ),
    ]


def _health_path(case: Case) -> str:
    return f"/review/mutual-aid/health/{case.id}"


def _plan_panel(plan: Plan, shares: int) -> Panel:
    terms = plan.terms
    money = terms.contribution
    zh, en = starts_in_words(terms)
    return Panel(
        Text("互助保障计划", "Plan"),
        [
            (Text("计划", "Plan"), plan.name),
            (Text("份数", "Shares"), str(shares)),
            (
                Text("互助费", "Contribution"),
                Text("每份 {yuan:.2f} 元,由{payer}承担", "{yuan:.2f} yuan a share, paid by: {payer}").fill(
                    yuan=money.per_share_fen / 100, payer=PAYER_LABELS[money.payer]
                ),
            ),
            (
                Text("保障期", "Period"),
                Text("{years} 年,{zh}", "{years} year(s), {en}").fill(years=terms.period.years, zh=zh, en=en),
            ),
            *(
                (benefit.label, Text("依据:{clause}", "Clause: {clause}").fill(clause=benefit.clause))
                for benefit in terms.benefits
            ),
        ],
    )


def _told(row: asyncpg.Record) -> Text:
    parts = [who_in_words(row["who"])]
    if row["grade"] == "senior":
        parts.append(Text("高级职称", "senior grade"))
    if row["card_holder"]:
        parts.append(Text("持会员卡", "card holder"))
    if row["health_declared"]:
        parts.append(Text("已健康告知", "health declared") if row["healthy"] else Text("有健康情况", "has a condition"))
    if row["verdict"]:
        parts.append(VERDICT_LABELS[row["verdict"]])
    elif row["proposal"]:
        parts.append(PROPOSAL_LABELS[Proposal(row["proposal"])])
    if row["findings"] != "[]":
        parts.append(broken_of(row["findings"]))
    if row["reason"]:
        parts.append(Text(f"理由:{row['reason']}", f"Reason: {row['reason']}"))
    if row["number"]:
        dates = f"{row['number']} {row['starts_on']} – {row['ends_on']}"
        parts.append(Text(dates, dates))
    return Text(" · ".join(part.zh for part in parts), " · ".join(part.en for part in parts))
