"""Replies of authorities about a nominee (征求意见): recorded one by one, each with its stamped paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from backend.applications import papers
from backend.applications.case import Case, load_case
from backend.applications.fairness import conflict, holds_seat, standing
from backend.applications.judgement import RuleCheck
from backend.applications.lifecycle import StageKind
from backend.applications.service import Applications
from backend.audit.log import record
from backend.clock import local_date
from backend.commendation import policy, queries
from backend.commendation.facts import ClearanceFact
from backend.commendation.tables import Clearance
from backend.commendation.terms import Authority, Category, terms_of
from backend.database import fetch_value, transaction
from backend.errors import Conflict, Forbidden, RuleViolation, Stale, Violation
from backend.identity import Actor
from backend.words import Text

OPINION_LIMIT, REFERENCE_LIMIT = 300, 60

#: The requirement under which the stamped replies are attached.
REPLIES = "replies"


class ReplyInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reply as it is recorded: `reference` is the authority's own document number, `paper` the stamped reply."""

    authority: str
    favourable: bool
    opinion: str
    reference: str
    replied_on: date
    paper: UUID


@dataclass(frozen=True, slots=True)
class Clearances:
    """Recording what authorities reply."""

    applications: Applications

    async def reply(self, actor: Actor, application: UUID, said: ReplyInput, expected_version: int) -> None:
        """Record one reply; an earlier one of the same authority stays on record and no longer counts.

        Whoever acts in the clearance stage records it. Raises Forbidden for others, Conflict in another stage,
        RuleViolation with all that is wrong.
        """
        async with transaction():
            case = await load_case(application, lock=True)
            await self.applications.require_visible(actor, case)
            if case.version_number != expected_version:
                raise Stale()
            await require_clerk(actor, case)
            row = await queries.nomination_row(application)
            asked = terms_of(case.content).authorities_for(Category(row["category"]))
            now = await self.applications.clock.now()
            authority = await _judged(case, said, asked, local_date(now))
            await Clearance.insert(
                Clearance(
                    application=application,
                    authority=said.authority,
                    favourable=said.favourable,
                    opinion=said.opinion.strip(),
                    reference=said.reference.strip(),
                    replied_on=said.replied_on,
                    expires_on=said.replied_on + timedelta(days=authority.valid_days),
                    paper=said.paper,
                    recorded_by=actor.account_id,
                    recorder_name=actor.name,
                    recorded_at=now,
                )
            )
            await record(
                actor,
                "clearance.reply",
                "done",
                object_kind="application",
                object_id=application,
                detail={"authority": said.authority, "favourable": str(said.favourable)},
            )


async def require_clerk(actor: Actor, case: Case) -> None:
    """Raise unless the case is at its clearances and the actor may act on it there."""
    stage = case.stage
    if stage is None or stage.kind is not StageKind.CLEARANCE:
        raise Conflict("not_at_clearance", Text("事项不在征求意见环节。", "The case is not at its clearances."))
    if not holds_seat(actor, case, stage.role):
        raise Forbidden("not_your_part", Text("这一步不由您办理。", "This step is not yours to take."))
    barred = conflict(await standing(actor, case), judging=True)
    if barred is not None:
        raise Forbidden(barred.code, barred.message)


async def _judged(case: Case, said: ReplyInput, asked: list[Authority], today: date) -> Authority:
    authority = next((one for one in asked if one.key == said.authority), None)
    found = []
    if authority is None:
        found.append(Violation("authority", Text("无须征求该部门意见。", "That authority is not asked."), "authority"))
    if said.replied_on > today:
        found.append(
            Violation("reply_future", Text("回复日期不能晚于今天。", "The reply is yet to come."), "replied_on")
        )
    if not 1 <= len(said.opinion.strip()) <= OPINION_LIMIT:
        found.append(Violation("opinion_length", Text("意见为 1 至 300 字。", "1 to 300 characters."), "opinion"))
    if len(said.reference.strip()) > REFERENCE_LIMIT:
        found.append(Violation("too_long", Text("最多 60 字。", "At most 60 characters."), "reference"))
    attached = await fetch_value(
        "SELECT EXISTS (SELECT FROM application_document d JOIN upload u ON u.id = d.upload WHERE d.application = $1"
        " AND d.requirement = $2 AND d.upload = $3 AND u.state IN ('uploaded', 'checked', 'verified'))",
        case.id,
        REPLIES,
        said.paper,
    )
    if not attached:
        found.append(
            Violation("reply_paper", Text("请先上传该部门盖章的回复。", "Attach the stamped reply first."), "paper")
        )
    if found or authority is None:
        raise RuleViolation(found)
    return authority


async def judge(case: Case, now: datetime) -> list[RuleCheck]:
    """How a nominee stands with every authority asked, today."""
    row = await queries.nomination_row(case.id)
    asked = terms_of(case.content).authorities_for(Category(row["category"]))
    found: Mapping[str, ClearanceFact] = await queries.replies(case.id)
    return policy.check_clearances(found, asked, local_date(now))


async def earlier_papers(case: Case) -> list[Violation]:
    """Papers that an earlier stage of the unit owed: the proof of its notice, which ends by itself."""
    stage = case.stage
    route = [one.key for one in case.content.route]
    before = route[: route.index(stage.key)] if stage is not None else []
    slots = await papers.slots(case)
    return [violation for key in before for violation in papers.missing(slots, key)]
