"""A programme of a few lines, with no tables of its own, goes the whole way: the spine holds."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import pytest

from backend.applications.case import Case, load_case
from backend.applications.committee import ReviewInput
from backend.applications.lifecycle import Action, StageKind, State
from backend.applications.noticeboard import waiting_for
from backend.applications.notices import Waiting
from backend.applications.process import Process
from backend.applications.programme import ProgrammeContent, Stage
from backend.applications.subject import worker_filed_by
from backend.applications.tables import Programme
from backend.clock import LOCAL
from backend.composition import compose
from backend.database import fetch_one, fetch_value, new_id
from backend.errors import Conflict, Forbidden
from backend.identity import Actor, Level, Role
from backend.processes import PROCESSES
from backend.settings import settings
from backend.words import Text
from tests.integration.stay_world import World, make_world
from tests.services import logged_in_as

STUDY_GRANT = Process("study_grant", "SG", Text("金秋助学", "Study grant"))

ROUTE = (
    Stage("unit", StageKind.VERIFICATION, Level.UNIT, Role.UNIT_OFFICER, "单位审核", "Unit check"),
    Stage("committee", StageKind.COMMITTEE, Level.CITY, Role.REVIEWER, "评审", "Committee", reviewers=2),
    Stage("notice", StageKind.NOTICE, Level.CITY, Role.CHAIR, "公示", "Notice"),
)


@pytest.fixture
async def world(database: None) -> World:
    made = await make_world()
    services = compose(settings(), {**PROCESSES, STUDY_GRANT.kind: STUDY_GRANT})
    return World(services, made.unions, made.by, made.version, made.emergency, made.sanatorium)


async def published(world: World) -> UUID:
    """The programme's version, drafted by one person and published by another."""
    async with logged_in_as("niangjia_owner"):
        programme = Programme(
            id=new_id(),
            kind=STUDY_GRANT.kind,
            organiser=world.unions["city"],
            code="TA-SG",
            name_zh="金秋助学",
            name_en="Study grants",
        )
        await Programme.insert(programme)
        content = ProgrammeContent(ROUTE, (), (), "泰安市总工会(示例)助学办法")
        version = await world.services.programmes.draft(world.by["hr-wang"], programme.id, content)
        await world.services.programmes.publish(world.by["chair-han"], version)
    return version


async def submitted(world: World, worker: Actor, version: UUID) -> Case:
    assert worker.person_id is not None
    subject = await worker_filed_by(worker, worker.person_id)
    case = await world.services.applications.draft(worker, STUDY_GRANT.kind, version, subject)
    return await world.act(worker, case, Action.SUBMIT)


async def test_a_programme_without_tables_is_submitted_reviewed_announced_and_approved(world: World) -> None:
    version = await published(world)
    workers = await world.workers(2)
    cases = [await submitted(world, worker, version) for worker in workers]
    assert all(case.number.startswith("SG-2026-") for case in cases)
    for case in cases:
        await world.act(world.by["officer-daizong"], case, Action.APPROVE, "属实")
        for reviewer in ("reviewer-zhou", "reviewer-zheng"):
            await world.review(reviewer, case, ReviewInput(True))
        await world.act(world.by["chair-han"], case, Action.DECIDE, "通过")
    assert await waiting_for(world.by["hr-wang"], world.services.applications.processes) == []
    (waits,) = await waiting_for(world.by["chair-han"], world.services.applications.processes)
    assert (waits["cases"], waits["kind"], waits["aggregate"]) == (2, "study_grant", None)
    waiting = Waiting(waits["kind"], waits["programme_version"], None, waits["stage"], waits["acting_union"])
    with pytest.raises(Forbidden):
        await world.services.notices.announce(world.by["hr-wang"], waiting)
    notice = await world.services.notices.announce(world.by["chair-han"], waiting)
    with pytest.raises(Conflict):
        await world.services.notices.announce(world.by["chair-han"], waiting)
    row = await fetch_one("SELECT token, last_on FROM notice WHERE id = $1", notice)
    assert row is not None and row["last_on"] == date(2026, 3, 9)
    public = await world.services.notices.public(row["token"])
    assert public.title.zh == "金秋助学 · 公示"
    assert [(entry.rank, entry.unit) for entry in public.entries] == [
        (1, "岱宗中心医院(示例)"),
        (2, "岱宗中心医院(示例)"),
    ]
    await world.at(datetime(2026, 3, 10, 9, 0, tzinfo=LOCAL))
    await world.services.deadlines.run()
    after = [await load_case(case.id) for case in cases]
    assert [(case.state, case.stage_key) for case in after] == [(State.APPROVED, ""), (State.APPROVED, "")]
    told = await fetch_value(
        "SELECT count(*) FROM notification WHERE template = 'application_approved' AND channel = 'inbox'"
    )
    assert told == 2
