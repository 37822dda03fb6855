"""The unit's recommendation: the meeting that decided, its votes, and a ranked list within the quota."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.case import Case, load_case
from backend.applications.lifecycle import Action
from backend.applications.process import Field
from backend.applications.service import Applications
from backend.commendation import policy, queries
from backend.commendation.campaigns import require_role
from backend.commendation.tables import Meeting
from backend.commendation.terms import CampaignTerms, terms_of
from backend.database import execute, fetch_one, new_id, transaction
from backend.errors import Conflict, NotFound, RuleViolation, Violation
from backend.identity import Actor, Level, Role
from backend.words import Text

MEETING_KINDS = {
    "congress": Text("职工(代表)大会", "Workers' congress"),
    "committee": Text("工会委员会", "Union committee"),
}


class MeetingInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A meeting of the unit: how many belong to it and how many came."""

    kind: str
    held_on: date
    members: int
    present: int


class RecommendationInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a meeting decided on one nominee: votes in favour, and the place in the unit's list (1 is the first)."""

    meeting: MeetingInput
    votes_for: int
    rank: int


FIELDS = (
    Field("kind", Text("会议", "Meeting"), "choice", tuple(MEETING_KINDS.items())),
    Field("held_on", Text("召开日期", "Held on"), "date"),
    Field("members", Text("应到人数", "Members"), "number"),
    Field("present", Text("实到人数", "Present"), "number", note=Text("不少于三分之二", "At least two thirds")),
    Field("votes_for", Text("赞成票", "Votes in favour"), "number"),
    Field("rank", Text("推荐顺序", "Rank"), "number", note=Text("1 为首位", "1 is the first")),
)


def details_of(fields: Mapping[str, str]) -> RecommendationInput:
    """What was typed; raises RuleViolation naming each field that does not fit."""
    found: list[Violation] = []
    meeting = _meeting_of(fields, found)
    votes, rank = whole(fields, "votes_for", found), whole(fields, "rank", found)
    if found:
        raise RuleViolation(found)
    return RecommendationInput(meeting, votes, rank)


def meeting_of(fields: Mapping[str, str]) -> MeetingInput:
    """The meeting that was typed; raises as `details_of`."""
    found: list[Violation] = []
    meeting = _meeting_of(fields, found)
    if found:
        raise RuleViolation(found)
    return meeting


def _meeting_of(fields: Mapping[str, str], found: list[Violation]) -> MeetingInput:
    kind = fields.get("kind", "").strip()
    if kind not in MEETING_KINDS:
        found.append(Violation("meeting_kind", Text("请选择会议。", "Choose which meeting."), "kind"))
    held_on = day(fields, "held_on", found)
    return MeetingInput(kind, held_on, whole(fields, "members", found), whole(fields, "present", found))


def whole(fields: Mapping[str, str], name: str, found: list[Violation]) -> int:
    """A whole number that was typed; -1 and a violation where it is none."""
    value = fields.get(name, "").strip()
    if value.isascii() and value.isdigit() and len(value) <= 6:
        return int(value)
    found.append(Violation("number", Text("请填写整数。", "Give a whole number."), name))
    return -1


def day(fields: Mapping[str, str], name: str, found: list[Violation]) -> date:
    """A local date that was typed; the first of all days and a violation where it is none."""
    try:
        return date.fromisoformat(fields.get(name, "").strip())
    except ValueError:
        found.append(Violation("date", Text("请填写日期(年-月-日)。", "Give a date (YYYY-MM-DD)."), name))
        return date.min


async def judge(case: Case, said: RecommendationInput, today: date) -> list[Violation]:
    """What forbids this recommendation: a refusal, the meeting's figures, a rank that is taken, no quota left."""
    row = await queries.nomination_row(case.id)
    terms = terms_of(case.content)
    meeting = said.meeting
    found = policy.check_meeting(meeting.members, meeting.present, said.votes_for, terms.meeting_percent)
    if row["consent"] not in ("given", "needless"):
        found.append(
            Violation(
                "consent_missing", Text("被推荐人尚未同意推荐。", "The nominee has not consented yet."), "consent"
            )
        )
    if meeting.held_on > today:
        found.append(
            Violation("meeting_future", Text("会议日期不能晚于今天。", "The meeting is yet to come."), "held_on")
        )
    places = await _places(row, case, terms)
    taken = await queries.recommended_of(row["campaign"], row["quota_union"])
    if taken >= places or not 1 <= said.rank <= places:
        found.append(
            Violation(
                "quota_used",
                Text(
                    "名额(含递补){places} 个,已推荐 {taken} 个;推荐顺序须在名额之内。",
                    "{places} places with reserves, {taken} recommended; a rank is within them.",
                ).fill(places=places, taken=taken),
                "rank",
            )
        )
    return found


async def write(actor: Actor, case: Case, said: RecommendationInput, now: datetime) -> None:
    """Note the meeting, once for all that it decided, and its vote on this nominee; the campaign is locked."""
    row = await queries.nomination_row(case.id)
    meeting = await _meeting(actor, row["campaign"], case.levels[Level.UNIT], said.meeting, now)
    try:
        async with transaction():
            await execute(
                "UPDATE nomination SET meeting = $2, votes_for = $3, unit_rank = $4 WHERE application = $1",
                case.id,
                meeting,
                said.votes_for,
                said.rank,
            )
    except asyncpg.UniqueViolationError:
        raise Conflict("rank_taken", Text("该推荐顺序已有他人。", "That rank is taken.")) from None


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a unit's list as it is entered, by who saw the case's `version`."""

    application: UUID
    version: int
    votes_for: int
    rank: int


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A unit's whole list in one act."""

    applications: Applications

    async def recommend(
        self, actor: Actor, campaign: UUID, unit: UUID, meeting: MeetingInput, lines: Sequence[Listed], comment: str
    ) -> None:
        """Recommend all these nominees by one meeting, in one transaction: all of them or none.

        Raises what the door raises for the first that cannot be recommended.
        """
        require_role(actor, unit, Role.UNIT_OFFICER)
        if not lines:
            raise RuleViolation.of("list_empty", Text("请至少填写一名。", "Name at least one."), "rank")
        async with transaction():
            await execute("SELECT FROM campaign WHERE id = $1 FOR UPDATE", campaign)
            for line in sorted(lines, key=lambda line: line.application):
                case = await load_case(line.application)
                if case.aggregate != campaign or case.levels[Level.UNIT] != unit:
                    raise NotFound()
                await self.applications.advance(
                    actor,
                    line.application,
                    Action.RECOMMEND,
                    expected_version=line.version,
                    comment=comment,
                    details=RecommendationInput(meeting, line.votes_for, line.rank),
                )


async def _places(row: asyncpg.Record, case: Case, terms: CampaignTerms) -> int:
    quota = await queries.quota_of(row["campaign"], list(case.levels.values()))
    if quota is not None:
        return int(quota["mains"] + quota["reserves"])
    return 0 if await queries.has_quotas(row["campaign"]) else terms.quota_mains + terms.quota_reserves


async def _meeting(actor: Actor, campaign: UUID, unit: UUID | None, said: MeetingInput, now: datetime) -> UUID:
    """The meeting of this day, made where it is new; raises Conflict where it was entered with other figures."""
    known = await fetch_one(
        "SELECT id, members, present FROM meeting WHERE campaign = $1 AND trade_union = $2 AND kind = $3"
        " AND held_on = $4",
        campaign,
        unit,
        said.kind,
        said.held_on,
    )
    if known is None:
        row = Meeting(
            id=new_id(),
            campaign=campaign,
            trade_union=unit,
            kind=said.kind,
            held_on=said.held_on,
            members=said.members,
            present=said.present,
            recorded_by=actor.account_id,
            recorded_at=now,
        )
        await Meeting.insert(row)
        return UUID(str(row.id))
    if (known["members"], known["present"]) != (said.members, said.present):
        raise Conflict(
            "meeting_differs",
            Text(
                "这次会议已登记为应到 {members} 人、实到 {present} 人。",
                "This meeting is on record with {members} members, {present} present.",
            ).fill(members=known["members"], present=known["present"]),
        )
    return UUID(str(known["id"]))
