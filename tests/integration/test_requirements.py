"""What a programme asks for in papers, as data: how many, of whom, which kinds will do; and what a verdict covers."""

from __future__ import annotations

from uuid import UUID

import pytest

from backend.applications import papers
from backend.applications.case import Case, load_case
from backend.applications.lifecycle import Action, StageKind, State
from backend.applications.process import Process
from backend.applications.programme import MOST_PAPERS, PaperRequirement, ProgrammeContent, Stage, check_content
from backend.applications.subject import worker_filed_by
from backend.applications.tables import Programme
from backend.composition import compose
from backend.database import execute, fetch_value, new_id
from backend.errors import NotFound, RuleViolation
from backend.identity import Actor, Level, Role
from backend.processes import PROCESSES
from backend.settings import settings
from backend.words import Text
from tests.integration.stay_world import World, make_world
from tests.services import logged_in_as

FAMILY_CARE = Process("family_care", "FC", Text("家属关爱", "Care for families"))
PAPERS = (
    PaperRequirement("identity", ("resident_id",), "身份证(正反面)", "Identity card, both sides", at_least=2),
    PaperRequirement(
        "kinship",
        ("household_register", "marriage_certificate", "birth_certificate"),
        "亲属关系证明",
        "Proof of kinship",
        each_person=True,
    ),
    PaperRequirement("letter", ("merit_statement",), "说明", "A letter", required=False),
)
ROUTE = (Stage("unit", StageKind.VERIFICATION, Level.UNIT, Role.UNIT_OFFICER, "核验", "Papers", papers=True),)


@pytest.fixture
async def world(database: None) -> World:
    made = await make_world()
    services = compose(settings(), {**PROCESSES, FAMILY_CARE.kind: FAMILY_CARE})
    return World(services, made.unions, made.by, made.version, made.emergency, made.sanatorium)


async def drafted(world: World, worker: Actor, relative: UUID) -> Case:
    """A draft about a worker and a relative."""
    assert worker.person_id is not None
    async with logged_in_as("niangjia_owner"):
        programme = Programme(
            id=new_id(), kind=FAMILY_CARE.kind, organiser=world.unions["city"], code="TA-FC", name_zh="家", name_en="F"
        )
        await Programme.insert(programme)
        content = ProgrammeContent(ROUTE, PAPERS, (), "泰安市总工会(示例)办法")
        version = await world.services.programmes.draft(world.by["hr-wang"], programme.id, content)
        await world.services.programmes.publish(world.by["chair-han"], version)
    subject = await worker_filed_by(worker, worker.person_id)
    case = await world.services.applications.draft(worker, FAMILY_CARE.kind, version, subject)
    await world.services.applications.concern(case, [worker.person_id, relative])
    return case


async def states(case: Case) -> dict[str, str]:
    return {f"{slot.requirement.key} {slot.person_name}".strip(): slot.state for slot in await papers.slots(case)}


async def refused(world: World, worker: Actor, case: Case) -> set[str]:
    with pytest.raises(RuleViolation) as refusal:
        await world.act(worker, case, Action.SUBMIT)
    return {violation.message.zh for violation in refusal.value.violations}


async def test_so_many_papers_of_everybody_are_asked_for_by_name(world: World) -> None:
    worker, relative = await world.workers(2)
    assert worker.person_id is not None and relative.person_id is not None
    case, attach = await drafted(world, worker, relative.person_id), world.services.applications.attach
    own, other = [
        await fetch_value("SELECT name FROM person WHERE id = $1", one.person_id) for one in (worker, relative)
    ]
    assert await refused(world, worker, case) == {
        "缺少材料:身份证(正反面),还差 2 份",
        f"缺少材料:亲属关系证明({own})",
        f"缺少材料:亲属关系证明({other})",
    }
    await attach(worker, case.id, "identity", await world.paper(worker, "resident_id"))
    certificate = await world.paper(worker, "marriage_certificate", "checked")
    await attach(worker, case.id, "kinship", certificate, relative.person_id)
    assert await refused(world, worker, case) == {
        "缺少材料:身份证(正反面),还差 1 份",
        f"缺少材料:亲属关系证明({own})",
    }
    assert await states(case) == {
        "identity": "missing",
        f"kinship {own}": "missing",
        f"kinship {other}": "waiting",
        "letter": "missing",
    }
    await attach(worker, case.id, "identity", await world.paper(worker, "resident_id"))
    # One paper may answer for several people.
    await attach(worker, case.id, "kinship", certificate, worker.person_id)
    assert (await world.act(worker, case, Action.SUBMIT)).state is State.SUBMITTED
    row = await fetch_value("SELECT (papers_verified, papers_required)::text FROM application WHERE id = $1", case.id)
    assert row == "(1,3)"


async def test_another_kind_somebody_else_and_too_many_are_refused(world: World) -> None:
    worker, relative, stranger = await world.workers(3)
    assert relative.person_id is not None and stranger.person_id is not None
    case, attach = await drafted(world, worker, relative.person_id), world.services.applications.attach
    with pytest.raises(RuleViolation) as refusal:
        await attach(worker, case.id, "kinship", await world.paper(worker, "invoice"), relative.person_id)
    assert refusal.value.code == "paper_kind"
    with pytest.raises(NotFound):
        await attach(worker, case.id, "kinship", await world.paper(worker, "household_register"), stranger.person_id)
    for _ in range(MOST_PAPERS):
        await attach(worker, case.id, "identity", await world.paper(worker, "resident_id"))
    with pytest.raises(RuleViolation) as refusal:
        await attach(worker, case.id, "identity", await world.paper(worker, "resident_id"))
    assert refusal.value.code == "papers_many"


async def test_a_file_sent_after_the_verdict_waits_for_one_of_its_own(world: World) -> None:
    worker = await world.worker()
    batch = await world.batch(2)
    case = await world.submitted(worker, batch)
    attach = world.services.applications.attach
    await world.act(world.by["officer-daizong"], case, Action.APPROVE, "属实")
    await world.act(world.by["hr-sun"], case, Action.RETURN, "请换一份清晰的")
    assert (await states(case))["identity"] == "verified"
    (old,) = next(slot for slot in await papers.slots(case) if slot.requirement.key == "identity").papers
    newer = await world.paper(worker, "resident_id", "checked")

    await attach(worker, case.id, "identity", newer)
    assert (await states(case))["identity"] == "waiting"
    await world.services.applications.detach(worker, case.id, "identity", newer)
    assert (await states(case))["identity"] == "verified"

    await attach(worker, case.id, "identity", newer, replaces=old.upload)
    slot = next(slot for slot in await papers.slots(case) if slot.requirement.key == "identity")
    assert [paper.upload for paper in slot.papers] == [newer]
    await world.act(worker, case, Action.SUBMIT)
    with pytest.raises(RuleViolation) as refusal:
        await world.act(world.by["hr-sun"], case, Action.APPROVE)
    assert refusal.value.violations[0].code == "paper_not_verified"
    verified = await fetch_value("SELECT papers_verified FROM application WHERE id = $1", case.id)
    assert verified == 2


async def test_a_verified_paper_serves_another_application_without_being_sent_again(world: World) -> None:
    worker, other = await world.workers(2)
    first = await world.submitted(worker, await world.batch(2))
    await world.act(worker, first, Action.WITHDRAW)
    second = await world.draft(worker, await world.batch(2), papers=False)
    for slot in await papers.slots(first):
        for paper in slot.papers:
            await world.services.applications.attach(worker, second.id, slot.requirement.key, paper.upload)
    assert [slot.state for slot in await papers.slots(second) if slot.requirement.required] == ["verified"] * 3
    assert (await world.act(worker, second, Action.SUBMIT)).state is State.SUBMITTED
    strangers = await world.draft(other, await world.batch(2), papers=False)
    (paper,) = (await papers.slots(first))[0].papers
    with pytest.raises(NotFound):
        await world.services.applications.attach(other, strangers.id, "identity", paper.upload)


async def test_a_paper_that_runs_out_no_longer_lets_its_case_through(world: World) -> None:
    worker = await world.worker()
    case = await world.submitted(worker, await world.batch(2))
    await world.act(world.by["officer-daizong"], case, Action.APPROVE, "属实")
    (paper,) = (await papers.slots(case))[0].papers
    await execute("UPDATE upload SET expires_on = '2026-03-01' WHERE id = $1", paper.upload)
    assert await world.services.documents.expire() == 1
    await world.services.applications.recount_papers(paper.upload)
    assert (await states(case))["identity"] == "rejected"
    assert await fetch_value("SELECT papers_verified FROM application WHERE id = $1", case.id) == 2
    with pytest.raises(RuleViolation) as refusal:
        await world.act(world.by["hr-sun"], case, Action.APPROVE)
    assert "身份证" in refusal.value.violations[0].message.zh
    told = await fetch_value("SELECT count(*) FROM notification WHERE template = 'paper_expired' AND channel = 'inbox'")
    assert told == 1
    await world.act(world.by["hr-sun"], await load_case(case.id), Action.RETURN, "身份证已过期,请补交")


def test_a_programme_that_asks_for_no_or_too_many_copies_is_not_published() -> None:
    for at_least in (0, MOST_PAPERS + 1):
        paper = PaperRequirement("identity", ("resident_id",), "身份证", "Identity card", at_least=at_least)
        broken = check_content(ProgrammeContent(ROUTE, (paper,), (), ""))
        assert "papers_count" in {violation.code for violation in broken}
