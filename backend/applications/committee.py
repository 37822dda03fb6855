"""The committee stage: independent reviews hidden until one's own is in, discrepancy, quorum, verdict by tally."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.case import Case
from backend.applications.programme import Stage
from backend.applications.tables import Recusal, Review, Settlement
from backend.database import fetch, fetch_one, transaction
from backend.errors import Conflict, RuleViolation, Violation
from backend.identity import Actor, Role
from backend.words import Text


class ReviewInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reviewer's verdict: pass or not, and a score from 0 to 100 for each criterion of the stage."""

    passes: bool
    scores: dict[str, int] = {}


class SettlementInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the committee agreed after talking a discrepancy over: it breaks a tie."""

    passes: bool


@dataclass(frozen=True, slots=True)
class Vote:
    """One review as the tally counts it; `score` is weighted, None where the stage has no criteria."""

    reviewer: UUID
    reviewer_name: str
    passes: bool
    score: float | None
    scores: Mapping[str, int]
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """What the votes of one round say."""

    votes: int
    passing: int
    quorum: int
    score: float | None
    discrepancy: bool
    settled: bool
    passes: bool

    @property
    def complete(self) -> bool:
        """Whether enough members voted."""
        return self.votes >= self.quorum


def weighted(scores: Mapping[str, int], stage: Stage) -> float | None:
    """The weighted score of one review, 0 to 100; None where the stage has no criteria."""
    if not stage.criteria:
        return None
    return sum(scores[criterion.key] * criterion.weight for criterion in stage.criteria) / 100


def tally(votes: Sequence[Vote], stage: Stage, settlement: bool | None) -> Tally:
    """Count the votes: passed when the share of passing votes reaches the stage's `pass_percent`.

    Recused members have no vote and are not part of the quorum's count of those who voted. A discrepancy is a tie, or
    weighted scores further apart than `max_spread`; `settlement` (None while there is none) breaks a tie.
    """
    passing = sum(vote.passes for vote in votes)
    scores = [vote.score for vote in votes if vote.score is not None]
    tie = bool(votes) and passing * 2 == len(votes)
    spread = bool(scores) and max(scores) - min(scores) > stage.max_spread
    reached = bool(votes) and passing * 100 >= stage.pass_percent * len(votes)
    return Tally(
        votes=len(votes),
        passing=passing,
        quorum=stage.reviewers,
        score=round(sum(scores) / len(scores), 2) if scores else None,
        discrepancy=tie or spread,
        settled=settlement is not None,
        passes=settlement if tie and settlement is not None else reached,
    )


def forbids_decision(result: Tally) -> list[Violation]:
    """Why the chair cannot close the round yet."""
    found = []
    if not result.complete:
        found.append(
            Violation(
                "quorum_not_met",
                Text("评审人数不足:已评 {votes},需 {quorum}。", "Quorum not met: {votes} of {quorum} have voted.").fill(
                    votes=result.votes, quorum=result.quorum
                ),
            )
        )
    if result.discrepancy and not result.settled:
        found.append(
            Violation(
                "discrepancy_open",
                Text(
                    "评审意见分歧较大,须先合议并记录。",
                    "The reviews differ too much: talk it over and record it first.",
                ),
            )
        )
    return found


def check_review(review: ReviewInput, stage: Stage) -> list[Violation]:
    """What is wrong with a review: a score that is missing, unknown or out of 0–100."""
    wanted = {criterion.key: criterion for criterion in stage.criteria}
    found = [
        Violation(
            "score_missing",
            Text("请给“{label}”评分。", "Please score “{label}”.").fill(label=criterion.label),
            f"scores.{key}",
        )
        for key, criterion in wanted.items()
        if key not in review.scores
    ]
    found += [
        Violation("score_unknown", Text("没有这一评分项。", "There is no such criterion."), f"scores.{key}")
        for key in review.scores
        if key not in wanted
    ]
    found += [
        Violation("score_range", Text("评分应在 0 至 100 之间。", "A score is between 0 and 100."), f"scores.{key}")
        for key, score in review.scores.items()
        if not 0 <= score <= 100
    ]
    return found


async def record_review(
    actor: Actor, case: Case, stage: Stage, review: ReviewInput, comment: str, at: datetime
) -> None:
    """Write the actor's review of this round; a second one by the same member is refused."""
    if found := check_review(review, stage):
        raise RuleViolation(found)
    row = Review(
        application=case.id,
        stage=stage.key,
        round=case.round,
        reviewer=actor.account_id,
        reviewer_name=actor.name,
        passes=review.passes,
        scores=msgspec.json.encode(review.scores).decode(),
        comment=comment,
        at=at,
    )
    try:
        async with transaction():
            await Review.insert(row)
    except asyncpg.UniqueViolationError:
        raise Conflict(
            "already_reviewed", Text("您已提交过评审意见,不能重复提交。", "Your review of this round is already in.")
        ) from None


async def record_recusal(actor: Actor, case: Case, stage: Stage, reason: str, at: datetime) -> None:
    """The actor steps back from the case in this stage, for a reason."""
    row = Recusal(
        application=case.id,
        stage=stage.key,
        account=actor.account_id,
        account_name=actor.name,
        reason=reason[:200],
        at=at,
    )
    if any(vote.reviewer == actor.account_id for vote in await votes(case, stage)):
        raise Conflict("already_reviewed", Text("您已提交评审意见,不能再回避。", "Your review is already in."))
    await Recusal.insert(row)


async def record_settlement(
    actor: Actor, case: Case, stage: Stage, settled: SettlementInput, comment: str, at: datetime
) -> None:
    """Write how the committee settled a discrepancy of this round."""
    result = await current_tally(case, stage)
    if not (result.complete and result.discrepancy):
        raise Conflict("nothing_to_settle", Text("没有需要合议的分歧。", "There is no discrepancy to settle."))
    if result.settled:
        raise Conflict("already_settled", Text("本轮分歧已合议。", "This round's discrepancy is settled."))
    await Settlement.insert(
        Settlement(
            application=case.id,
            stage=stage.key,
            round=case.round,
            by_account=actor.account_id,
            by_name=actor.name,
            passes=settled.passes,
            comment=comment,
            at=at,
        )
    )


async def votes(case: Case, stage: Stage) -> list[Vote]:
    """The reviews of the present round, oldest first."""
    return [
        _vote(row, stage)
        for row in await fetch(
            "SELECT reviewer, reviewer_name, passes, scores, comment, at FROM review"
            " WHERE application = $1 AND stage = $2 AND round = $3 ORDER BY at",
            case.id,
            stage.key,
            case.round,
        )
    ]


async def current_tally(case: Case, stage: Stage) -> Tally:
    """The tally of the present round."""
    row = await fetch_one(
        "SELECT passes FROM settlement WHERE application = $1 AND stage = $2 AND round = $3",
        case.id,
        stage.key,
        case.round,
    )
    return tally(await votes(case, stage), stage, row["passes"] if row else None)


def visible_votes(actor: Actor, all_votes: Sequence[Vote], result: Tally) -> list[Vote]:
    """The reviews that `actor` may see: a member's own at once, the others' when the own is in.

    A chair, who does not vote, sees them when the quorum is met, so that nobody is swayed before.
    """
    own = [vote for vote in all_votes if vote.reviewer == actor.account_id]
    if own or (result.complete and Role.CHAIR in actor.roles and Role.REVIEWER not in actor.roles):
        return list(all_votes)
    return []


def _vote(row: asyncpg.Record, stage: Stage) -> Vote:
    scores: dict[str, Any] = msgspec.json.decode(row["scores"])
    return Vote(
        row["reviewer"], row["reviewer_name"], row["passes"], weighted(scores, stage), scores, row["comment"], row["at"]
    )
