"""Mutual aid as the shared case knows it: its terms, its judgement, the assessment of each person, its covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.case import Case
from backend.applications.judgement import Judgement
from backend.applications.lifecycle import Action, Move, Outcome, State, SubjectKind
from backend.applications.process import Door, Field, Panel, Process
from backend.applications.programme import ProgrammeContent
from backend.database import execute_many, fetch
from backend.errors import Violation
from backend.identity import Actor
from backend.insurance import assessment
from backend.insurance.assessment import Verdicts
from backend.insurance.covering import make_covers
from backend.insurance.judging import Enrolled, judge_enrolment
from backend.insurance.lines import hold_persons
from backend.insurance.panels import enrolment_panels
from backend.insurance.plans import KIND
from backend.insurance.policy import Proposal
from backend.insurance.terms import SELF, read_terms
from backend.insurance.workflow import KINSHIP
from backend.registry.family.uses import note_use, release_uses
from backend.words import Text

LABEL = Text("互助保障", "Mutual aid")

_HEADLINES = {State.APPROVED: Text("参保已核定,保障见“我的保障”", "Assessed: see your covers")}

_ENDED_WITHOUT_COVER = frozenset({State.LAPSED, State.REJECTED, State.WITHDRAWN})

#: What workers are told where the usual words, which speak to somebody who applied, do not fit.
_MESSAGES = {"application_approved": "cover_assessed"}
_GROUP_MESSAGES = {
    "application_submitted": "cover_unit_enrols",
    "application_approved": "cover_unit_enrolled",
    "application_rejected": "cover_unit_refused",
}


@dataclass(frozen=True, slots=True)
class MutualAid(Process):
    """The slice's part in a case of joining a mutual-aid plan (互助保障参保)."""

    kind: str = KIND
    prefix: str = "MA"
    label: Text = LABEL

    def check_terms(self, content: ProgrammeContent) -> list[Violation]:
        """Terms that can be read and make sense; a way that ends in an assessment; papers for relatives."""
        terms, found = read_terms(content.terms)
        if terms is not None and terms.takes - {SELF} and KINSHIP not in {paper.key for paper in content.papers}:
            found.append(
                Violation(
                    "kinship_paper",
                    Text("接受家属参保须要求关系证明。", "A plan that takes relatives asks for their proof."),
                    "papers",
                )
            )
        if not content.route or content.route[-1].kind != "assessment":
            found.append(
                Violation("route_assessment", Text("流程须以核定结束。", "The way ends in an assessment."), "route")
            )
        return found

    async def judge(self, case: Case, now: datetime) -> Judgement:
        """Judge every person by the version that the case was first submitted under; nobody else enrols them now."""
        await hold_persons([row["person"] for row in await _members(case.id)])
        enrolled = await judge_enrolment(case, now)
        return Judgement(enrolled.facts, enrolled.checks)

    async def guard(
        self, actor: Actor, case: Case, move: Move, details: msgspec.Struct | None, now: datetime
    ) -> list[Violation]:
        """Relatives' proofs are verified where papers are; an assessment has a verdict on everybody."""
        found = []
        stage = case.stage
        if stage is not None and stage.papers and move.outcome is Outcome.NEXT:
            found += await _unverified_kinship(case)
        if move.action is Action.ASSESS:
            await hold_persons([row["person"] for row in await _members(case.id)])
            found += assessment.check(await judge_enrolment(case, now), await _proposals(case), details)
        return found

    async def fields(self, case: Case, action: Action) -> Sequence[Field]:
        """The verdict on each person, with what the rules propose."""
        return assessment.fields(await _members(case.id)) if action is Action.ASSESS else ()

    def details(self, case: Case, action: Action, fields: Mapping[str, str]) -> msgspec.Struct | None:
        """The verdicts that were chosen."""
        return assessment.read(fields) if action is Action.ASSESS else None

    async def conduct(
        self, actor: Actor, case: Case, move: Move, details: msgspec.Struct | None, comment: str, now: datetime
    ) -> None:
        """On submitting write what is proposed for each person, on assessing what was decided."""
        if move.action is Action.SUBMIT:
            enrolled = await judge_enrolment(case, now)
            await _write_proposals(enrolled)
            await note_use([line.relation for line in enrolled.lines if line.relation], case.id, now)
        elif isinstance(details, Verdicts):
            await execute_many(
                "UPDATE enrolment_member SET verdict = $2, reason = $3 WHERE id = $1",
                [(one.member, one.verdict, one.reason) for one in details.lines],
            )

    async def effect(self, door: Door, case: Case, move: Move, actor: Actor, now: datetime) -> None:
        """An assessed enrolment becomes covers; one that ended without leaves the family free to be corrected."""
        if case.ended and case.state is State.APPROVED:
            await make_covers(case, await judge_enrolment(case, now), actor, now)
        if case.ended and case.state in _ENDED_WITHOUT_COVER:
            await release_uses(case.id)

    def headline(self, case: Case) -> Text:
        """An approved enrolment is a cover."""
        return _HEADLINES.get(case.state) or Process.headline(self, case)

    def message(self, case: Case, template: str) -> str:
        """Who was enrolled by the unit did not apply, and is told so."""
        by_unit = case.subject_kind is SubjectKind.GROUP
        return (_GROUP_MESSAGES if by_unit else _MESSAGES).get(template, template)

    async def recipients(self, case: Case, subject_account: UUID | None) -> list[UUID]:
        """The worker who applied; of a unit's enrolment everybody in it, once it was sent and once it has ended."""
        if case.subject_kind is not SubjectKind.GROUP:
            return await Process.recipients(self, case, subject_account)
        if case.state not in (State.SUBMITTED, State.APPROVED, State.REJECTED):
            return []
        rows = await fetch(
            "SELECT w.id FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment"
            " JOIN worker_account w ON w.person = m.person"
            " WHERE e.application = $1 AND m.proposal <> 'refuse' AND m.verdict <> 'refused' ORDER BY w.id",
            case.id,
        )
        return [row["id"] for row in rows]

    async def panels(self, actor: Actor, case: Case) -> Sequence[Panel]:
        """The plan, each person with what is proposed and decided, and the group's conditions; health stays sealed."""
        return await enrolment_panels(actor, case)


async def _members(application: UUID) -> list[asyncpg.Record]:
    return await fetch(
        "SELECT m.id, m.person, m.name, m.who, m.proposal, m.findings, m.verdict FROM enrolment_member m"
        " JOIN enrolment e ON e.id = m.enrolment WHERE e.application = $1 ORDER BY m.id",
        application,
    )


async def _proposals(case: Case) -> dict[UUID, Proposal]:
    return {row["id"]: Proposal(row["proposal"]) for row in await _members(case.id)}


async def _write_proposals(enrolled: Enrolled) -> None:
    await execute_many(
        "UPDATE enrolment_member SET proposal = $2, findings = $3, verdict = '', reason = '' WHERE id = $1",
        [
            (line.id, judged.proposal, msgspec.json.encode(judged.broken).decode())
            for line, judged in zip(enrolled.lines, enrolled.members, strict=True)
        ],
    )


async def _unverified_kinship(case: Case) -> list[Violation]:
    rows = await fetch(
        """SELECT m.name FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment
        JOIN relation r ON r.id = m.relation LEFT JOIN upload u ON u.id = r.evidence
        WHERE e.application = $1 AND u.state IS DISTINCT FROM 'verified' ORDER BY m.id""",
        case.id,
    )
    return [
        Violation(
            "kinship_not_verified",
            Text("{name} 的关系证明尚未核验通过。", "The proof for {name} is not verified.").fill(name=row["name"]),
            f"papers.{KINSHIP}",
        )
        for row in rows
    ]
