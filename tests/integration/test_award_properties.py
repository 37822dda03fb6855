"""Whoever tries whatever: an award stays fair, and nobody signs two of its stages."""

from __future__ import annotations

import random
from datetime import date
from uuid import UUID

import msgspec
import pytest

from backend.applications.case import Case, load_case
from backend.applications.committee import ReviewInput, SettlementInput
from backend.applications.lifecycle import INVOLVING, KINDS, Action, StageKind, State
from backend.commendation.awards import GrantInput
from backend.commendation.recommendations import RecommendationInput
from backend.commendation.slate import NO_CHOICES
from backend.database import fetch
from backend.errors import DomainError
from backend.operations.demo_awards import campaign_version
from tests.integration.award_world import MEETING, AwardWorld, lenient_campaign, make_award_world


@pytest.fixture
async def world(database: None) -> AwardWorld:
    return await make_award_world()


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_tries_whatever_no_one_signs_two_stages(world: AwardWorld, seed: int) -> None:
    """Everybody tries every act in any order: an award that comes of it has passed every gate, each by others."""
    choose = random.Random(seed)
    campaign = await lenient_campaign(world, 1, 1)
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    people = list(world.by.values())
    for _ in range(40):
        current = await load_case(case.id)
        if current.ended or current.state is State.GRANTED:
            break
        await prepared(world, current, campaign)
        current = await load_case(case.id)
        acts = [
            action
            for stage, state, action in current.version.moves
            if (stage, state) == (current.stage_key, current.state)
        ]
        wanted = [
            action for action in acts if action not in (Action.REJECT, Action.RETURN, Action.RECUSE, Action.UPHOLD)
        ]
        tried = [(actor, action) for actor in people for action in wanted]
        choose.shuffle(tried)
        for actor, action in tried:
            latest = await load_case(case.id)
            if latest.stage_key != current.stage_key:
                break
            try:
                await world.services.applications.advance(
                    actor,
                    case.id,
                    action,
                    expected_version=latest.version_number,
                    comment="办理",
                    details=details(action, await world.services.clock.today()),
                )
            except DomainError:
                continue
    final = await load_case(case.id)
    await assert_fair(final)
    assert final.state is State.GRANTED


async def prepared(world: AwardWorld, case: Case, campaign: UUID) -> None:
    """What no act of the case itself brings: papers, replies, notices, the slate."""
    match case.stage_kind, case.state:
        case StageKind.RECOMMENDATION, _:
            await world.bring("officer-daizong", case, "minutes", "congress_minutes")
        case StageKind.CLEARANCE, _:
            await world.replied(case)
        case StageKind.NOTICE, State.UNDER_REVIEW:
            who = "officer-daizong" if case.stage_key == "unit_notice" else "chair-han"
            notice = await world.announced(who)
            if case.stage_key == "unit_notice":
                await world.bring(who, case, "unit_notice_proof", "notice_certificate")
            await world.notice_ends(notice)
        case StageKind.ALLOCATION, _:
            await world.window_closes(campaign)
            await world.services.slates.confirm(
                world.by["chair-han"], campaign, await campaign_version(campaign), NO_CHOICES
            )
        case _:
            pass


def details(action: Action, today: date) -> msgspec.Struct | None:
    """A form for the acts that have one."""
    made: dict[Action, msgspec.Struct] = {
        Action.RECOMMEND: RecommendationInput(MEETING, 45, 1),
        Action.REVIEW: ReviewInput(True, {"deeds": 80, "conduct": 80, "effect": 80}),
        Action.SETTLE: SettlementInput(True),
        Action.GRANT: GrantInput("泰会发〔2026〕12号", today),
    }
    return made.get(action)


async def assert_fair(case: Case) -> None:
    """Every gate was passed, and in the judging stages nobody acted twice, nor anybody who had filed."""
    rows = await fetch(
        "SELECT from_stage, actor, actor_person, action FROM application_event WHERE application = $1 ORDER BY seq",
        case.id,
    )
    assert {row["from_stage"] for row in rows} >= {stage.key for stage in case.content.route}
    judging = {stage.key for stage in case.content.route if KINDS[stage.kind].judging}
    stages_of: dict[UUID, set[str]] = {}
    for row in rows:
        if row["action"] in INVOLVING:
            stages_of.setdefault(row["actor"], set()).add(row["from_stage"])
    for stages in stages_of.values():
        assert len(stages) == 1 or not stages & judging
