"""What goes wrong with awards: refusals, joined lines, conflicts, races, clearances, notices over a festival."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from backend.applications.case import Case, load_case
from backend.applications.judgement import RuleCheck
from backend.applications.lifecycle import Action, State, SubjectKind
from backend.clock import LOCAL
from backend.commendation import policy, queries
from backend.commendation.facts import NominationFacts
from backend.commendation.nominations import KIND
from backend.commendation.recommendations import MeetingInput, RecommendationInput
from backend.commendation.slate import NO_CHOICES
from backend.commendation.terms import Category, terms_of
from backend.commendation.workflow import CITY_ROUTE
from backend.database import execute, fetch, fetch_one, fetch_value, new_id
from backend.errors import Conflict, Forbidden, IllegalTransition, NotFound, RuleViolation
from backend.identity import Actor
from backend.operations.demo_awards import MERIT, NOMINATION, campaign_version
from tests.integration.award_world import (
    FINAL,
    MEETING,
    PRELIMINARY,
    AwardWorld,
    lenient_campaign,
    make_award_world,
    scored,
)
from tests.services import logged_in_as


@pytest.fixture
async def world(database: None) -> AwardWorld:
    return await make_award_world()


def codes(refused: pytest.ExceptionInfo[RuleViolation]) -> set[str]:
    return {violation.code for violation in refused.value.violations}


async def test_a_nominee_who_refuses_ends_the_case_on_record(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    nominator, nominee, stranger = await world.workers(3)
    case = await world.submitted_nomination(nominator, nominee, campaign, agreed=False)
    await world.bring("officer-daizong", case, "minutes", "congress_minutes")
    with pytest.raises(RuleViolation) as early:
        await world.do("officer-daizong", case, Action.RECOMMEND, RecommendationInput(MEETING, 45, 1))
    assert codes(early) == {"consent_missing"}
    for other in (nominator, stranger, world.by["officer-daizong"]):
        with pytest.raises(NotFound):
            await world.services.nominations.answer(other, case.id, agrees=True)
    after = await world.services.nominations.answer(nominee, case.id, agrees=False, reason="想把机会留给年轻人")
    assert (after.state, after.stage_key) == (State.WITHDRAWN, "")
    event = await fetch_one(
        "SELECT actor, comment FROM application_event WHERE application = $1 ORDER BY seq DESC LIMIT 1", case.id
    )
    assert event is not None
    assert tuple(event) == (nominee.account_id, "被推荐人不同意推荐:想把机会留给年轻人")
    with pytest.raises(Conflict):
        await world.services.nominations.answer(nominee, case.id, agrees=True)
    again = await world.nominated(stranger, nominee, campaign)
    assert not again.joined


async def test_two_lines_that_nominate_one_person_are_joined_and_both_kept(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    nominee, first, second, third = await world.workers(4)
    late = (await world.nominated(third, nominee, campaign)).case
    case = await world.submitted_nomination(first, nominee, campaign)
    joined = await world.nominated(second, nominee, campaign, msgspec.structs.replace(NOMINATION, merit=MERIT + "又。"))
    assert (joined.joined, joined.case.id) == (True, case.id)
    with pytest.raises(Conflict):
        await world.nominated(second, nominee, campaign)
    with pytest.raises(Conflict) as taken:
        await world.act(third, late, Action.SUBMIT)
    assert taken.value.code == "already_nominated"
    await world.services.nominations.join(third, late.id, (await load_case(late.id)).version_number)
    assert (await load_case(late.id)).state is State.WITHDRAWN
    opened = await world.services.nominations.look(world.by["officer-daizong"], case.id)
    assert [merit for _, _, merit, _ in opened.lines] == [MERIT, MERIT + "又。", MERIT]
    told = await world.services.applications.processes[KIND].recipients(await load_case(case.id), None)
    assert set(told) == {actor.account_id for actor in (nominee, first, second, third)}


async def test_two_nominations_of_one_person_sent_at_once_leave_one(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    nominee, *nominators = await world.workers(3)
    drafts = [(await world.nominated(nominator, nominee, campaign)).case for nominator in nominators]
    done = await asyncio.gather(
        *(world.act(nominator, draft, Action.SUBMIT) for nominator, draft in zip(nominators, drafts, strict=True)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["Case", "Conflict"]
    assert await fetch_value("SELECT count(*) FROM nomination WHERE standing = 'live'") == 1


async def test_a_nominator_who_is_the_reviewer_stands_back(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    nominator, nominee, joiner = await world.workers(3)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    await world.nominated(joiner, nominee, campaign)
    await world.recommended(case, 1)
    await world.through_unit_notice([case])
    await world.cleared(case)
    for name, person in ((PRELIMINARY[0], nominator.person_id), (PRELIMINARY[1], joiner.person_id)):
        reviewer = world.by[name]
        same = Actor(reviewer.account_id, reviewer.name, person, None, reviewer.bindings)
        with pytest.raises((Forbidden, RuleViolation)) as refused:
            await world.services.applications.advance(
                same,
                case.id,
                Action.REVIEW,
                expected_version=(await load_case(case.id)).version_number,
                details=scored(100),
                comment="好",
            )
        assert refused.value.code == "conflict_involved" or {"conflict_nominator"} == {
            violation.code for violation in refused.value.violations
        }


async def test_a_quota_of_zero_and_a_list_beyond_the_quota(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (0, 0), "dailu": (1, 0)})
    nominator, nominee = await world.workers(2)
    made = await world.nominated(nominator, nominee, campaign)
    with pytest.raises(RuleViolation) as none:
        await world.act(nominator, made.case, Action.SUBMIT)
    assert codes(none) == {"quota_none"}
    with pytest.raises(RuleViolation) as negative:
        await world.services.campaigns.set_quota(
            world.by["chair-han"], campaign, world.unions["daizong"], -1, 0, "减", await campaign_version(campaign)
        )
    assert codes(negative) == {"quota_negative"}
    with pytest.raises(RuleViolation) as beyond:
        await world.services.campaigns.set_quota(
            world.by["chair-han"], campaign, world.unions["daizong"], 10, 0, "加", await campaign_version(campaign)
        )
    assert codes(beyond) == {"quota_beyond_terms"}
    full = await lenient_campaign(world, 1, 0)
    cases = [await world.submitted_nomination(nominator, other, full) for other in await world.workers(2, first=10)]
    await world.recommended(cases[0], 1)
    await world.bring("officer-daizong", cases[1], "minutes", "congress_minutes")
    with pytest.raises(RuleViolation) as used:
        await world.do("officer-daizong", cases[1], Action.RECOMMEND, RecommendationInput(MEETING, 45, 2))
    assert codes(used) == {"quota_used"}


async def test_a_campaign_cannot_be_edited_after_publishing(world: AwardWorld) -> None:
    campaign = await lenient_campaign(world, 1, 0)
    version = await fetch_value("SELECT programme_version FROM campaign WHERE id = $1", campaign)
    async with logged_in_as("niangjia_console"):
        with pytest.raises(asyncpg.PostgresError):
            await execute("UPDATE programme_version SET content = '{}' WHERE id = $1", version)
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    with pytest.raises(IllegalTransition):
        await world.services.nominations.amend(nominator, case.id, NOMINATION, case.version_number)
    await world.at_slate([case], (80,))
    await world.window_closes(campaign)
    await world.services.slates.confirm(world.by["chair-lu"], campaign, await campaign_version(campaign), NO_CHOICES)
    with pytest.raises(Conflict):
        await world.services.campaigns.set_quota(
            world.by["chair-han"], campaign, world.unions["daizong"], 2, 0, "加", await campaign_version(campaign)
        )
    with pytest.raises(Conflict):
        await world.services.campaigns.extend(
            world.by["chair-han"],
            campaign,
            datetime(2026, 9, 1, tzinfo=LOCAL),
            "再开放一次",
            await campaign_version(campaign),
        )


async def test_a_clearance_blocks_until_every_authority_agrees(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    nominator, nominee = await world.workers(2)
    head = msgspec.structs.replace(NOMINATION, category=Category.ENTERPRISE_HEAD)
    case = await world.submitted_nomination(nominator, nominee, campaign, head)
    await world.recommended(case, 1)
    await world.through_unit_notice([case])
    with pytest.raises(RuleViolation) as missing:
        await world.act(world.by["hr-wang"], case, Action.CLEAR)
    assert len([code for code in codes(missing) if code.startswith("clearance_")]) == 7
    await world.replied(case, favourable=False)
    with pytest.raises(RuleViolation) as negative:
        await world.act(world.by["hr-wang"], case, Action.CLEAR)
    assert all("不同意" in one.message.zh for one in negative.value.violations)
    long_ago = (await world.services.clock.today()) - timedelta(days=181)
    await world.replied(case, replied_on=long_ago)
    with pytest.raises(RuleViolation) as expired:
        await world.act(world.by["hr-wang"], case, Action.CLEAR)
    assert all("到期" in one.message.zh for one in expired.value.violations)
    await world.replied(case, replied_on=long_ago + timedelta(days=1))
    await world.act(world.by["hr-wang"], case, Action.CLEAR)
    assert len(await queries.all_replies(case.id)) == 21
    with pytest.raises(asyncpg.PostgresError):
        await execute("UPDATE clearance SET favourable = true")


async def test_a_clearance_that_expired_on_the_way_blocks_the_grant(world: AwardWorld) -> None:
    campaign = await lenient_campaign(world, 1, 0)
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    await world.at_slate([case], (80,))
    await world.window_closes(campaign)
    await world.services.slates.confirm(world.by["chair-lu"], campaign, await campaign_version(campaign), NO_CHOICES)
    await world.notice_ends(await world.announced("chair-lu"))
    await world.later(days=180)
    with pytest.raises(RuleViolation) as expired:
        await world.grant("chair-xiao", case)
    assert codes(expired) == {"clearance_police"}
    assert await queries.award_of(case.id) is None


async def test_the_unit_owes_the_proof_of_its_notice(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    await world.recommended(case, 1)
    await world.notice_ends(await world.announced("officer-daizong"))
    await world.replied(case)
    with pytest.raises(RuleViolation) as missing:
        await world.act(world.by["hr-wang"], case, Action.CLEAR)
    assert [violation.field for violation in missing.value.violations] == ["papers.unit_notice_proof"]


async def test_a_notice_over_the_spring_festival_stands_five_working_days(world: AwardWorld) -> None:
    await world.at(datetime(2026, 2, 11, 9, 0, tzinfo=LOCAL))
    campaign = await world.campaign({"daizong": (1, 1)})
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    await world.bring("officer-daizong", case, "minutes", "congress_minutes")
    meeting = MeetingInput("committee", date(2026, 2, 11), 9, 9)
    await world.do("officer-daizong", case, Action.RECOMMEND, RecommendationInput(meeting, 9, 1))
    await world.at(datetime(2026, 2, 12, 15, 0, tzinfo=LOCAL))
    notice = await world.announced("officer-daizong")
    row = await fetch_one("SELECT first_on, last_on, working_days FROM notice WHERE id = $1", notice)
    assert row is not None and tuple(row) == (date(2026, 2, 12), date(2026, 2, 26), 5)
    await world.at(datetime(2026, 2, 26, 23, 59, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert (await load_case(case.id)).state is State.ON_NOTICE
    await world.at(datetime(2026, 2, 27, 0, 1, tzinfo=LOCAL))
    await world.services.deadlines.run()
    assert (await load_case(case.id)).stage_key == "clearance"
    entry = await fetch_one("SELECT shown_name, shown_unit, shown_deed FROM notice_entry")
    assert entry is not None and tuple(entry) == (case.subject_name, "岱宗中心医院(示例)", NOMINATION.deed)


async def test_a_notice_that_ends_while_an_objection_arrives(world: AwardWorld) -> None:
    """Either the objection counts, and the case waits for a handler, or its sender is told that it came too late."""
    campaign = await world.campaign({"daizong": (2, 1)})
    nominator, objector, *nominees = await world.workers(5)
    cases = [await world.submitted_nomination(nominator, nominee, campaign) for nominee in nominees]
    for rank, case in enumerate(cases, start=1):
        await world.recommended(case, rank)
    notice = await world.announced("officer-daizong")
    last_on = await fetch_value("SELECT last_on FROM notice WHERE id = $1", notice)
    await world.at(datetime.combine(last_on + timedelta(days=1), datetime.min.time(), LOCAL))
    words = "该同志的事迹与事实不符,请核实。"
    *heard, _ = await asyncio.gather(
        *(world.services.notices.object_(objector, notice, case.id, words) for case in cases),
        world.services.notices.end_due(),
        return_exceptions=True,
    )
    for case, answer in zip(cases, heard, strict=True):
        after = await load_case(case.id)
        if isinstance(answer, UUID):
            assert (after.state, after.stage_key) == (State.OBJECTED, "unit_notice")
        else:
            assert isinstance(answer, NotFound | Conflict)
            assert after.stage_key == "clearance"


async def test_the_last_main_place_contested_by_two_reviews_goes_to_one(world: AwardWorld) -> None:
    campaign = await lenient_campaign(world, 1, 1)
    nominator, *nominees = await world.workers(3)
    cases = [await world.submitted_nomination(nominator, nominee, campaign) for nominee in nominees]
    for rank, case in enumerate(cases, start=1):
        await world.recommended(case, rank)
    await world.through_unit_notice(cases)
    for case in cases:
        await world.cleared(case)
        await world.reviewed(case, PRELIMINARY, "chair-han", 85)
        for reviewer in FINAL:
            await world.review(reviewer, case, scored(85))
    await asyncio.gather(*(world.act(world.by["chair-yang"], case, Action.DECIDE, "通过") for case in cases))
    await world.window_closes(campaign)
    version = await campaign_version(campaign)
    done = await asyncio.gather(
        *(
            world.services.slates.confirm(world.by[chair], campaign, version, NO_CHOICES)
            for chair in ("chair-lu", "chair-xiao")
        ),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["Slate", "Stale"]
    placed = sorted([(await load_case(case.id)).placement for case in cases])
    assert placed == ["main", "reserve"]


async def test_two_mains_who_leave_at_once_and_one_reserve(world: AwardWorld) -> None:
    campaign = await lenient_campaign(world, 2, 1, promoted_need_notice=False)
    nominator, *nominees = await world.workers(4)
    cases = [await world.submitted_nomination(nominator, nominee, campaign) for nominee in nominees]
    cases = await world.at_slate(cases, (90, 80, 70))
    await world.window_closes(campaign)
    await world.services.slates.confirm(world.by["chair-lu"], campaign, await campaign_version(campaign), NO_CHOICES)
    await world.notice_ends(await world.announced("chair-lu"))
    await asyncio.gather(*(world.act(nominator, case, Action.WITHDRAW) for case in cases[:2]))
    promoted = await load_case(cases[2].id)
    assert (promoted.state, promoted.placement) == (State.UNDER_REVIEW, "main")
    events = await fetch_value("SELECT count(*) FROM application_event WHERE action = 'promote'")
    assert events == 1


async def test_who_may_nominate_whom(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (1, 1), "dailu": (1, 1)})
    nominator, nominee = await world.workers(2)
    (elsewhere,) = await world.workers(1, "dailu", first=20)
    nominations = world.services.nominations
    with pytest.raises(RuleViolation) as oneself:
        await world.nominated(nominator, nominator, campaign)
    assert codes(oneself) == {"self_nomination"}
    with pytest.raises(NotFound):
        await world.nominated(nominator, elsewhere, campaign)
    with pytest.raises(NotFound):
        await world.nominated(world.by["officer-dailu"], nominee, campaign)
    for kind, key in ((SubjectKind.UNIT, world.unions["daizong"]), (SubjectKind.TEAM, new_id())):
        said = msgspec.structs.replace(NOMINATION, category=Category.ENTERPRISE if kind == "unit" else Category.TEAM)
        with pytest.raises(NotFound):
            await nominations.draft(nominator, campaign, kind, key, said)
    open_to_all = await lenient_campaign(world, 1, 0, self_nomination=True)
    case = await world.submitted_nomination(nominator, nominator, open_to_all)
    row = await queries.nomination_row(case.id)
    assert (row["consent"], case.state) == ("given", State.SUBMITTED)


async def test_a_statement_is_sealed_and_read_by_its_own_people_alone(world: AwardWorld) -> None:
    campaign = await world.campaign({"daizong": (1, 1)})
    nominator, nominee, stranger = await world.workers(3)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    stored = await fetch_one("SELECT merit_sealed, form_sealed FROM nomination")
    assert stored is not None and MERIT.encode() not in stored["merit_sealed"]
    nominations = world.services.nominations
    assert (await nominations.mine(nominee, case.id)).merit == MERIT
    for other in (stranger, world.by["officer-daizong"]):
        with pytest.raises(NotFound):
            await nominations.mine(other, case.id)


async def test_replaying_the_events_gives_the_same_decision(world: AwardWorld) -> None:
    campaign = await lenient_campaign(world, 1, 0)
    nominator, nominee = await world.workers(2)
    case = await world.submitted_nomination(nominator, nominee, campaign)
    await world.at_slate([case], (88,))
    await world.window_closes(campaign)
    await world.services.slates.confirm(world.by["chair-lu"], campaign, await campaign_version(campaign), NO_CHOICES)
    await world.notice_ends(await world.announced("chair-lu"))
    granted = await world.grant("chair-xiao", case)
    assert await replayed(granted) == (granted.stage_key, granted.state)
    judged = await world.services.applications.facts_of(granted)
    sent_at = await fetch_value("SELECT at FROM application_event WHERE action = 'submit'")
    facts = msgspec.convert(judged["facts"], NominationFacts)
    again = policy.check_nomination(facts, terms_of(granted.content), sent_at, sent_at.astimezone(LOCAL).date())
    assert again == msgspec.convert(judged["checks"], list[RuleCheck])
    gates = {
        row["from_stage"] for row in await fetch("SELECT from_stage FROM application_event WHERE action <> 'submit'")
    }
    assert gates == {stage.key for stage in CITY_ROUTE}


async def replayed(case: Case) -> tuple[str, State]:
    """Where the case stands by its events and the table of moves alone."""
    stage, state = "filing", State.DRAFT
    for row in await fetch(
        "SELECT action, to_stage, to_state FROM application_event WHERE application = $1 ORDER BY seq", case.id
    ):
        move = case.version.moves[stage, state, Action(row["action"])]
        assert move.to_stage == row["to_stage"]
        stage, state = row["to_stage"], State(row["to_state"])
    return stage, state
