"""The story of an award: nominated by a colleague, reviewed twice, shown three times, granted, revoked."""

from __future__ import annotations

import pytest

from backend.applications.case import load_case
from backend.applications.lifecycle import Action, State
from backend.commendation import queries
from backend.commendation.slate import NO_CHOICES, Choices
from backend.commendation.workflow import CITY_ROUTE
from backend.database import fetch_one, fetch_value
from backend.errors import Conflict, Forbidden, RuleViolation
from backend.operations.demo_awards import campaign_version
from tests.integration.award_world import (
    LENIENT,
    NATIONAL_ROUTE,
    NATIONAL_TERMS,
    AwardWorld,
    make_award_world,
)


@pytest.fixture
async def world(database: None) -> AwardWorld:
    return await make_award_world()


async def test_a_national_award_goes_through_two_reviews_and_three_notices(world: AwardWorld) -> None:
    version = await world.award_programme(NATIONAL_TERMS, NATIONAL_ROUTE, "national")
    campaign = await world.campaign(version=version, organiser="national")
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    await world.recommended(case, 1)
    await world.through_unit_notice([case])
    case = await world.cleared(case)
    assert case.stage_key == "preliminary"
    case = await world.reviewed(case, ("p-reviewer-0", "p-reviewer-1"), "p-chair-0", 90)
    assert case.stage_key == "province_notice"
    await world.notice_ends(await world.announced("p-chair-0"))
    case = await world.reviewed(case, ("n-reviewer-0", "n-reviewer-1", "n-reviewer-2"), "n-chair-1", 91)
    assert case.stage_key == "slate"
    await world.window_closes(campaign)
    slate = await world.services.slates.confirm(
        world.by["n-chair-2"], campaign, await campaign_version(campaign), NO_CHOICES
    )
    assert [(one.name, one.placement, one.shown_score) for one in slate.entrants] == [
        (case.subject_name, "main", "91.00")
    ]
    await world.notice_ends(await world.announced("n-chair-2"))
    with pytest.raises(Forbidden):
        await world.grant("n-chair-1", case)
    case = await world.grant("n-chair-3", case)
    assert (case.state, case.stage_key) == (State.GRANTED, "grant")
    notices = await fetch_value("SELECT count(DISTINCT stage) FROM notice")
    assert notices == 3
    honour = await fetch_one(
        "SELECT h.title, h.level FROM honour h JOIN staff_record r ON r.id = h.record WHERE r.person = $1",
        nominee.person_id,
    )
    assert honour is not None and tuple(honour) == (NATIONAL_TERMS.honour, "city")


async def test_a_reserve_takes_the_place_of_a_main_who_falls_out_after_a_new_notice(world: AwardWorld) -> None:
    version = await world.award_programme(LENIENT, CITY_ROUTE)
    campaign = await world.campaign({"daizong": (2, 1)}, version=version)
    nominator, *nominees = await world.workers(4)
    cases = [await world.submitted_nomination(nominator, nominee, campaign) for nominee in nominees]
    cases = await world.at_slate(cases, (90, 80, 70))
    await world.window_closes(campaign)
    slate = await world.services.slates.confirm(
        world.by["chair-lu"], campaign, await campaign_version(campaign), NO_CHOICES
    )
    assert [one.placement for one in slate.entrants] == ["main", "main", "reserve"]
    await world.notice_ends(await world.announced("chair-lu"))
    assert [(await load_case(case.id)).state for case in cases] == [
        State.UNDER_REVIEW,
        State.UNDER_REVIEW,
        State.RESERVE,
    ]
    await world.act(world.by["chair-xiao"], cases[0], Action.REJECT, "查实有隐瞒")
    promoted = await load_case(cases[2].id)
    assert (promoted.stage_key, promoted.placement, promoted.state) == ("city_notice", "main", State.UNDER_REVIEW)
    await world.notice_ends(await world.announced("chair-lu"))
    granted = [await world.grant("chair-xiao", case) for case in cases[1:]]
    assert {case.state for case in granted} == {State.GRANTED}
    assert await world.services.campaigns.close(world.by["chair-han"], campaign, await campaign_version(campaign)) == 0
    revoked = await world.act(world.by["chair-xiao"], cases[1], Action.REVOKE, "事迹失实")
    assert revoked.state is State.REVOKED
    award = await queries.award_of(cases[1].id)
    assert award is not None and award["revoked_reason"] == "事迹失实" and award["honour"] is None


async def test_the_chair_departs_from_the_order_only_with_a_reason(world: AwardWorld) -> None:
    version = await world.award_programme(LENIENT, CITY_ROUTE)
    campaign = await world.campaign({"daizong": (1, 1)}, version=version)
    nominator, *nominees = await world.workers(3)
    cases = [await world.submitted_nomination(nominator, nominee, campaign) for nominee in nominees]
    cases = await world.at_slate(cases, (90, 80))
    with pytest.raises(RuleViolation) as early:
        await world.services.slates.confirm(
            world.by["chair-lu"], campaign, await campaign_version(campaign), NO_CHOICES
        )
    assert "window_open" in {violation.code for violation in early.value.violations}
    await world.window_closes(campaign)
    swapped = {cases[0].id: "reserve", cases[1].id: "main"}
    with pytest.raises(RuleViolation) as refused:
        await world.services.slates.confirm(
            world.by["chair-lu"], campaign, await campaign_version(campaign), Choices(swapped, {}, {})
        )
    assert [violation.code for violation in refused.value.violations] == ["deviation_reason", "deviation_reason"]
    both = {cases[1].id: "main"}
    with pytest.raises(RuleViolation) as over:
        await world.services.slates.confirm(
            world.by["chair-lu"], campaign, await campaign_version(campaign), Choices(both, {cases[1].id: "补充"}, {})
        )
    assert any(violation.code.startswith("quota_") for violation in over.value.violations)
    reasons = dict.fromkeys(swapped, "名额须向基层倾斜")
    await world.services.slates.confirm(
        world.by["chair-lu"], campaign, await campaign_version(campaign), Choices(swapped, reasons, {})
    )
    assert [(await load_case(case.id)).placement for case in cases] == ["reserve", "main"]
    assert len(await queries.choices(campaign)) == 2
    with pytest.raises(Conflict):
        await world.services.slates.confirm(
            world.by["chair-lu"], campaign, await campaign_version(campaign), NO_CHOICES
        )
