"""One case as the desk opens it: everything that the reader may see, gathered once, the look on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from msgspec import structs

from backend.applications import committee, objections, papers
from backend.applications.case import Case, load_case
from backend.applications.committee import Tally, Vote
from backend.applications.fairness import Standing, concerned, conflict, holds_seat, standing
from backend.applications.judgement import PointLine, RuleCheck
from backend.applications.lifecycle import KINDS, Action, Move, StageKind
from backend.applications.papers import Slot
from backend.applications.process import Panel
from backend.applications.service import Applications
from backend.audit.log import record, record_apart
from backend.database import fetch, fetch_one
from backend.documents import queries as documents
from backend.documents.queries import CasePaper
from backend.errors import Forbidden, NotFound, RuleViolation, Violation
from backend.identity import Actor, Role
from backend.people.service import People
from backend.sealing import Sealer
from backend.words import Text

#: Roles that learn who voted and who stepped back, once they may see the votes at all.
_COMMITTEE = (Role.REVIEWER, Role.CHAIR, Role.AUDITOR)

REASON_LEAST, REASON_MOST = 4, 200

_IN_COMMITTEE = (Action.REVIEW, Action.RECUSE, Action.SETTLE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a case, as this reader may see it; `told` is False where name and comment are held back."""

    seq: int
    at: datetime
    actor_name: str
    role: str
    action: Action
    from_stage: str
    to_stage: str
    to_state: str
    comment: str
    told: bool


@dataclass(frozen=True, slots=True)
class Round:
    """The votes of one stage and round; `tally` is None while the reader may not see it."""

    stage_label: Text
    number: int
    current: bool
    cast: int
    quorum: int
    votes: Sequence[Vote]
    tally: Tally | None
    settlement: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What the case page shows."""

    case: Case
    programme: Text
    acting_union: str
    submitted_by: str
    subject: asyncpg.Record | None
    services: Sequence[asyncpg.Record]
    checks: Sequence[RuleCheck]
    lines: Sequence[PointLine]
    facts: Any
    panels: Sequence[Panel]
    slots: Sequence[Slot]
    papers: Sequence[CasePaper]
    rounds: Sequence[Round]
    my_vote: Vote | None
    recusals: Sequence[asyncpg.Record]
    history: Sequence[Entry]
    objections: Sequence[dict[str, object]]
    moves: Sequence[Move]
    barred: Violation | None

    @property
    def seen(self) -> int:
        """The number of the last event shown: what comes later is news to whoever has this page open."""
        return self.history[-1].seq if self.history else 0


async def open_case(actor: Actor, applications: Applications, sealer: Sealer, application: UUID) -> CaseFile:
    """The file of a case in the scope of a reading role of the actor; the look is recorded.

    Raises NotFound outside the scope and for a draft that its worker still keeps, Forbidden for one's own case, which
    is read on the phone like everybody's.
    """
    case = await require_readable(actor, applications, application)
    stands = await standing(actor, case)
    kind = case.stage_kind
    barred = conflict(stands, judging=kind is not None and KINDS[kind].judging)
    moves = [] if barred else [move for move in applications.actions_for(actor, case) if _still(move, stands)]
    judged = await applications.facts_of(case)
    rounds = await _rounds(actor, case)
    mine = next(
        (vote for one in rounds if one.current for vote in one.votes if vote.reviewer == actor.account_id), None
    )
    if mine is not None:
        moves = [move for move in moves if move.action not in (Action.REVIEW, Action.RECUSE)]
    names = await _names(case)
    stage = case.stage
    handles = stage is not None and barred is None and holds_seat(actor, case, stage.role)
    found = CaseFile(
        case=case,
        programme=Text(names["name_zh"], names["name_en"]),
        acting_union=names["acting"] or "",
        submitted_by=names["submitter"] or "",
        subject=await _subject(case),
        services=await _services(case),
        checks=msgspec.convert(judged["checks"], list[RuleCheck]) if judged else [],
        lines=msgspec.convert(judged["lines"], list[PointLine]) if judged else [],
        facts=judged["facts"] if judged else None,
        panels=await applications.processes[case.kind].panels(actor, case),
        slots=await papers.slots(case),
        papers=await documents.of_application(case.id, sealer),
        rounds=rounds,
        my_vote=mine,
        recusals=await _recusals(actor, case),
        history=await _history(actor, case, rounds),
        objections=await objections.of_case(case, sealer, may_read=handles),
        moves=moves,
        barred=barred,
    )
    await record(actor, "case.look", "done", object_kind="application", object_id=case.id)
    return found


async def require_readable(actor: Actor, applications: Applications, application: UUID) -> Case:
    """The case, if the desk may show it to the actor; a reach for another's or one's own is recorded."""
    try:
        case = await load_case(application)
        private = case.submitted_at is None and not case.filed_by_officer
        if private or not applications.reads(actor, case):
            raise NotFound()
        if actor.person_id is not None and actor.person_id in await concerned(case.id):
            raise Forbidden(
                "conflict_own_case",
                Text("这是您本人的申请:请在手机端查看,不能在此办理。", "This is your own case: see it on your phone."),
            )
    except (NotFound, Forbidden) as error:
        await record_apart(
            actor, "case.look", "refused", object_kind="application", object_id=application, reason=error.code
        )
        raise
    return case


async def changes_since(application: UUID, seq: int) -> list[asyncpg.Record]:
    """What happened to a case after the event number that a page showed, oldest first."""
    return await fetch(
        "SELECT seq, at, actor_name, action, to_stage, to_state FROM application_event"
        " WHERE application = $1 AND seq > $2 ORDER BY seq",
        application,
        seq,
    )


async def reveal(actor: Actor, applications: Applications, people: People, application: UUID, reason: str) -> str:
    """The document number of the person whom a case is about, in full, for a reason that is recorded.

    Raises as `open_case`, and RuleViolation without a reason.
    """
    if not REASON_LEAST <= len(reason.strip()) <= REASON_MOST:
        raise RuleViolation.of(
            "reason_required", Text("请写明查看理由(至少 4 字)。", "Say why you look (4 characters or more)."), "reason"
        )
    case = await require_readable(actor, applications, application)
    row = await fetch_one(
        "SELECT type, sealed FROM person_identifier WHERE person = $1 ORDER BY type = 'resident_id' DESC LIMIT 1",
        case.subject_person,
    )
    if row is None:
        raise NotFound()
    await record(
        actor,
        "person.reveal",
        "done",
        object_kind="person",
        object_id=case.subject_person,
        reason=reason,
        detail={"application": str(application)},
    )
    return people.open(row["type"], row["sealed"]).number


def _still(move: Move, stands: Standing) -> bool:
    """Whoever stepped back is offered nothing more."""
    return not (stands.recused and move.action in _IN_COMMITTEE)


async def _names(case: Case) -> asyncpg.Record:
    row = await fetch_one(
        """SELECT p.name_zh, p.name_en, u.name AS acting, c.name AS submitter FROM programme_version v
        JOIN programme p ON p.id = v.programme LEFT JOIN trade_union u ON u.id = $2
        LEFT JOIN console_account c ON c.id = $3 WHERE v.id = $1""",
        case.version.id,
        case.acting_union,
        case.submitted_by,
    )
    assert row is not None
    return row


async def _subject(case: Case) -> asyncpg.Record | None:
    """The person as the file knows them today: no number but masked ones."""
    return await fetch_one(
        """SELECT p.name, p.sex, p.born_on, u.name AS unit_name, d.department, d.population, d.job_category, d.state,
            d.joined_unit_on, d.certification, d.list_version, d.phone_masked,
            (SELECT i.masked FROM person_identifier i WHERE i.person = p.id
                ORDER BY i.type = 'resident_id' DESC LIMIT 1) AS identifier
        FROM person p LEFT JOIN staff_record d ON d.person = p.id LEFT JOIN trade_union u ON u.id = d.unit
        WHERE p.id = $1""",
        case.subject_person,
    )


async def _services(case: Case) -> Sequence[asyncpg.Record]:
    return await fetch(
        """SELECT e.name AS emergency, s.place, s.post, s.dispatch, s.from_on, s.to_on
        FROM service_period s JOIN staff_record d ON d.id = s.record JOIN emergency e ON e.id = s.emergency
        WHERE d.person = $1 ORDER BY s.from_on""",
        case.subject_person,
    )


async def _rounds(actor: Actor, case: Case) -> list[Round]:
    """Every round of every committee stage. Of the one that is open, what `committee.visible_votes` allows; of those
    that are over, all to the committee and to the auditor, the figures alone to others.
    """
    found = []
    rows = await fetch("SELECT DISTINCT stage, round FROM review WHERE application = $1 ORDER BY stage, round", case.id)
    pairs = [(row["stage"], row["round"]) for row in rows]
    here = (case.stage_key, case.round)
    if case.stage_kind is StageKind.COMMITTEE and here not in pairs:
        pairs.append(here)
    for key, number in pairs:
        stage = case.content.stage(key)
        if stage is None:
            continue
        then = structs.replace(case, stage_key=key, round=number)
        votes = await committee.votes(then, stage)
        result = await committee.current_tally(then, stage)
        current = (key, number) == here
        if current:
            shown = committee.visible_votes(actor, votes, result)
        else:
            shown = votes if actor.roles & set(_COMMITTEE) else []
        found.append(
            Round(
                stage_label=stage.label,
                number=number,
                current=current,
                cast=len(votes),
                quorum=stage.reviewers,
                votes=shown,
                tally=result if shown or not current else None,
                settlement=await _settlement(then) if shown else "",
            )
        )
    return found


async def _settlement(case: Case) -> str:
    row = await fetch_one(
        "SELECT by_name, comment FROM settlement WHERE application = $1 AND stage = $2 AND round = $3",
        case.id,
        case.stage_key,
        case.round,
    )
    return f"{row['by_name']}:{row['comment']}" if row else ""


async def _recusals(actor: Actor, case: Case) -> Sequence[asyncpg.Record]:
    """Who stepped back in the stage that is open, and why: the chair and the auditor see all, a member their own."""
    sees_all = bool(actor.roles & {Role.CHAIR, Role.AUDITOR})
    return await fetch(
        "SELECT account_name, reason, at FROM recusal WHERE application = $1 AND stage = $2 AND ($3 OR account = $4)"
        " ORDER BY at",
        case.id,
        case.stage_key,
        sees_all,
        actor.account_id,
    )


async def _history(actor: Actor, case: Case, rounds: Sequence[Round]) -> list[Entry]:
    open_round = next((one for one in rounds if one.current), None)
    rows = await fetch(
        "SELECT seq, at, actor, actor_name, role, action, from_stage, to_stage, to_state, comment"
        " FROM application_event WHERE application = $1 ORDER BY seq",
        case.id,
    )
    # Reviews of the open round come after the last act that brought the case to where it stands.
    arrived = max((row["seq"] for row in rows if row["from_stage"] != row["to_stage"]), default=0)
    entries = []
    for row in rows:
        action = Action(row["action"])
        told = True
        if action in _IN_COMMITTEE and row["actor"] != actor.account_id:
            told = bool(actor.roles & set(_COMMITTEE))
            in_open_round = row["seq"] > arrived and open_round is not None
            if action is Action.REVIEW and in_open_round and not (open_round and open_round.votes):
                told = False
            if action is Action.RECUSE and not actor.roles & {Role.CHAIR, Role.AUDITOR}:
                told = False
        entries.append(
            Entry(
                seq=row["seq"],
                at=row["at"],
                actor_name=row["actor_name"] if told else "",
                role=row["role"],
                action=action,
                from_stage=row["from_stage"],
                to_stage=row["to_stage"],
                to_state=row["to_state"],
                comment=row["comment"] if told else "",
                told=told,
            )
        )
    return entries


async def paper_of(actor: Actor, applications: Applications, application: UUID, upload: UUID) -> Case:
    """The case that carries this upload and that the actor may read; raises as `open_case`, NotFound for any other."""
    case = await require_readable(actor, applications, application)
    carried = await fetch_one(
        "SELECT FROM application_document WHERE application = $1 AND upload = $2", application, upload
    )
    if carried is None:
        raise NotFound()
    return case
