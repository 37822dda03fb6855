"""The assessment (核定): a proposal by rule for each person, confirmed or changed by somebody with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.case import Case
from backend.applications.judgement import RuleCheck
from backend.applications.lifecycle import StageKind
from backend.applications.process import Field
from backend.errors import RuleViolation, Violation
from backend.identity import Actor, Role
from backend.insurance.judging import Enrolled
from backend.insurance.policy import BINDING, Proposal, check_group
from backend.insurance.terms import Channel
from backend.words import Text

ACCEPTED, REFUSED = "accepted", "refused"
REASON_LIMIT = 500

VERDICT_LABELS = {
    ACCEPTED: Text("同意参保", "Accept"),
    REFUSED: Text("不予参保", "Refuse"),
}

PROPOSAL_LABELS = {
    Proposal.ACCEPT: Text("建议:同意参保", "Proposed: accept"),
    Proposal.REFER: Text("建议:人工核定(有健康告知或信息不一致)", "Proposed: look closer (health or data differ)"),
    Proposal.REFUSE: Text("建议:不予参保", "Proposed: refuse"),
}

_BY_PROPOSAL = {Proposal.ACCEPT: ACCEPTED, Proposal.REFUSE: REFUSED, Proposal.REFER: ""}


class Verdict(msgspec.Struct, frozen=True):
    """What was decided of one person, `accepted` or `refused`, and why."""

    member: UUID
    verdict: str
    reason: str


class Verdicts(msgspec.Struct, frozen=True):
    """What was decided of everybody in an enrolment."""

    lines: tuple[Verdict, ...]


def fields(members: Sequence[asyncpg.Record]) -> list[Field]:
    """Two fields for each person: the verdict, where the proposal stands already, and the reason."""
    found = []
    for row in members:
        proposal = Proposal(row["proposal"])
        note = Text("{proposal}。{broken}", "{proposal}. {broken}").fill(
            proposal=PROPOSAL_LABELS[proposal], broken=broken_of(row["findings"])
        )
        found.append(
            Field(
                f"verdict_{row['id']}",
                Text(row["name"], row["name"]),
                "choice",
                list(VERDICT_LABELS.items()),
                _BY_PROPOSAL[proposal],
                note=note,
            )
        )
        found.append(
            Field(
                f"reason_{row['id']}",
                Text("{name} 的理由", "Reason for {name}").fill(name=row["name"]),
                required=False,
                note=Text("与建议不同、或须人工核定的必填", "Needed where it differs from the proposal"),
            )
        )
    return found


def broken_of(findings: str) -> Text:
    """The rules that a line did not meet on submitting, as one text."""
    broken = msgspec.json.decode(findings, type=list[RuleCheck])
    return Text(";".join(check.zh for check in broken), "; ".join(check.en for check in broken))


def read(typed: Mapping[str, str]) -> Verdicts:
    """The verdicts of a form; raises RuleViolation naming each person without one."""
    found, lines = [], []
    for name, value in typed.items():
        if not name.startswith("verdict_"):
            continue
        member, reason = name.removeprefix("verdict_"), typed.get(f"reason_{name.removeprefix('verdict_')}", "").strip()
        if value not in VERDICT_LABELS:
            found.append(Violation("verdict_missing", Text("请逐人核定。", "Decide on each person."), name))
        elif len(reason) > REASON_LIMIT:
            found.append(Violation("reason_too_long", Text("理由最多 500 字。", "At most 500 characters."), name))
        else:
            lines.append(Verdict(_id(member), value, reason))
    if found:
        raise RuleViolation(found)
    return Verdicts(tuple(lines))


def check(enrolled: Enrolled, proposals: Mapping[UUID, Proposal], details: msgspec.Struct | None) -> list[Violation]:
    """What forbids these verdicts: somebody left out, no reason, the law, a group that falls below its conditions."""
    given = {one.member: one for one in details.lines} if isinstance(details, Verdicts) else {}
    if set(given) != set(proposals):
        return [
            Violation("verdict_missing", Text("请逐人核定。", "Decide on each person, and nobody else."), "verdict")
        ]
    found = []
    for line, judged in zip(enrolled.lines, enrolled.members, strict=True):
        assert line.id is not None
        one = given[line.id]
        if one.verdict != _BY_PROPOSAL[proposals[line.id]] and not one.reason:
            found.append(
                Violation(
                    "reason_required",
                    Text("{name}:与建议不同,请写明理由。", "{name}: say why it differs.").fill(name=line.name),
                    f"reason_{line.id}",
                )
            )
        if one.verdict == ACCEPTED:
            found += [rule.violation() for rule in judged.broken if rule.code in BINDING]
    accepted = sum(one.verdict == ACCEPTED for one in given.values())
    if enrolled.channel is Channel.UNIT:
        rules = check_group(enrolled.plan.terms, accepted, enrolled.facts.unit)
        return found + [rule.violation() for rule in rules if not rule.passed]
    if not accepted:
        found.append(
            Violation(
                "nobody_accepted", Text("无人可参保时请选择“不同意”。", "With nobody accepted, reject it."), "verdict"
            )
        )
    return found


def _id(member: str) -> UUID:
    try:
        return UUID(member)
    except ValueError:
        raise RuleViolation.of("verdict_missing", Text("请逐人核定。", "Decide on each person."), "verdict") from None


def opens_health(actor: Actor, case: Case) -> bool:
    """Whether the actor may open the health declarations of a case: who assesses it, and the auditor.

    The employer's own officer and the readers of the case may not (个人信息保护法 第六条: 最小范围).
    """
    stage = next((stage for stage in case.content.route if stage.kind is StageKind.ASSESSMENT), None)
    assessors = {binding.union_id for binding in actor.unions_as(stage.role)} if stage else set()
    auditors = {binding.union_id for binding in actor.unions_as(Role.AUDITOR)}
    assesses = stage is not None and case.union_at(stage.level) in assessors
    return assesses or bool(auditors & set(case.levels.values()))
