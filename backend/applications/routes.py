"""Routes of a worker's cases of every programme, and of objections."""

from __future__ import annotations

from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from backend.applications import papers, reading
from backend.applications.lifecycle import Action
from backend.applications.notices import Notices
from backend.applications.schemas import (
    ActIn,
    AttachIn,
    CaseDetail,
    CaseOut,
    Created,
    ObjectionIn,
    case_detail,
    case_out,
)
from backend.applications.service import Applications
from backend.applications.timeline import timeline
from backend.identity import Actor
from backend.web.auth import KEEPS_ACTOR
from backend.web.handlers import read, remove, write
from backend.web.idempotency import IdempotencyKey, once
from backend.web.paging import Cursor, Limit, Page, page, read_cursor


@read("/applications", operation_id="listMyCases")
async def my_cases(
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[CaseOut]:
    """The worker's cases of every programme, newest first: those about oneself, and those one has filed."""
    rows = await reading.my_cases(actor, read_cursor(cursor), limit + 1)

    def shown(mine: reading.Mine) -> CaseOut:
        headline = applications.processes[mine.case.kind].headline(mine.case)
        return case_out(mine, headline, applications.awaits(actor, mine.case), actor.language)

    return page(rows, limit, lambda mine: mine.case.id, shown)


@read("/applications/{application_id:uuid}", operation_id="getCase")
async def get_case(
    application_id: FromPath[UUID], actor: NamedDependency[Actor], applications: NamedDependency[Applications]
) -> CaseDetail:
    """One case in plain words: where it is, what is missing, who acts next and by when."""
    return await _detail(actor, application_id, applications)


@write("/applications/{application_id:uuid}/submit", status_code=200, opt=KEEPS_ACTOR, operation_id="submitCase")
async def submit(
    application_id: FromPath[UUID],
    data: JSONBody[ActIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
) -> CaseDetail:
    """Send a draft, or a returned case again; all rules are judged and all broken ones named. Takes no place."""
    return await _act(actor, application_id, Action.SUBMIT, data, idempotency_key, applications)


@write("/applications/{application_id:uuid}/withdraw", status_code=200, opt=KEEPS_ACTOR, operation_id="withdrawCase")
async def withdraw(
    application_id: FromPath[UUID],
    data: JSONBody[ActIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
) -> CaseDetail:
    """Take a case back at any time before it is completed."""
    return await _act(actor, application_id, Action.WITHDRAW, data, idempotency_key, applications)


@write("/applications/{application_id:uuid}/confirm", status_code=200, opt=KEEPS_ACTOR, operation_id="confirmPlace")
async def confirm(
    application_id: FromPath[UUID],
    data: JSONBody[ActIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
) -> CaseDetail:
    """Take the place that is offered."""
    return await _act(actor, application_id, Action.CONFIRM, data, idempotency_key, applications)


@write("/applications/{application_id:uuid}/decline", status_code=200, opt=KEEPS_ACTOR, operation_id="declinePlace")
async def decline(
    application_id: FromPath[UUID],
    data: JSONBody[ActIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
) -> CaseDetail:
    """Give up the place that is offered: the first reserve gets it at once."""
    return await _act(actor, application_id, Action.DECLINE, data, idempotency_key, applications)


@write("/applications/{application_id:uuid}/papers", status_code=200, operation_id="attachPaper")
async def attach(
    application_id: FromPath[UUID],
    data: JSONBody[AttachIn],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
) -> CaseDetail:
    """Attach a paper to a case that is being filed; twice is once."""
    await applications.attach(actor, application_id, data.requirement, data.upload_id, data.person_id, data.replaces)
    return await _detail(actor, application_id, applications)


@remove(
    "/applications/{application_id:uuid}/papers/{requirement:str}/{upload_id:uuid}",
    status_code=204,
    operation_id="detachPaper",
)
async def detach(
    application_id: FromPath[UUID],
    requirement: FromPath[str],
    upload_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
) -> None:
    """Take a paper off a case that is being filed."""
    await applications.detach(actor, application_id, requirement, upload_id)


@write("/notices/{notice_id:uuid}/objections", status_code=201, operation_id="objectToNotice", tags=["notices"])
async def object_(
    notice_id: FromPath[UUID],
    data: JSONBody[ObjectionIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    notices: NamedDependency[Notices],
) -> Created:
    """Object to one entry of a notice that stands; only an uninvolved handler reads the words."""
    done = await once(
        actor,
        f"notice.object:{notice_id}",
        idempotency_key,
        data,
        lambda: notices.object_(actor, notice_id, data.application_id, data.words),
    )
    return Created(done.resource)


async def _act(
    actor: Actor, application_id: UUID, action: Action, data: ActIn, key: str, applications: Applications
) -> CaseDetail:
    async def work() -> UUID:
        await applications.advance(actor, application_id, action, expected_version=data.version, comment=data.comment)
        return application_id

    await once(actor, f"{action}:{application_id}", key, data, work, on=application_id)
    return await _detail(actor, application_id, applications)


async def _detail(actor: Actor, application_id: UUID, applications: Applications) -> CaseDetail:
    opened = await reading.my_case(actor, application_id)
    mine = opened.mine
    return case_detail(
        mine,
        timeline(
            mine.case,
            applications.processes[mine.case.kind].headline(mine.case),
            opened.passed,
            mine.acting_union,
            your_turn=applications.awaits(actor, mine.case),
        ),
        await papers.arranged(mine.case, opened.attached),
        [move.action for move in applications.actions_for(actor, mine.case)],
        applications.lines_of(mine.case, opened.judged),
        opened.filed_by,
        actor.language,
    )


ROUTER = Router(
    "",
    tags=["applications"],
    route_handlers=[my_cases, get_case, submit, withdraw, confirm, decline, attach, detach, object_],
)
