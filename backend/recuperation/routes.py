"""Routes of rest and recuperation for the phone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from backend.applications.case import load_case
from backend.applications.papers import Slot
from backend.applications.programme import ProgrammeContent
from backend.applications.schemas import checks_out, lines_out, paper_out
from backend.clock import Clock
from backend.errors import NotFound
from backend.identity import Actor
from backend.recuperation import queries
from backend.recuperation.policy import BROUGHT_BY_REQUEST
from backend.recuperation.schemas import (
    BatchDetail,
    BatchOut,
    Drafted,
    EligibilityOut,
    StayAmend,
    StayDraft,
    StayFields,
)
from backend.recuperation.service import Requests, StayInput
from backend.web.handlers import read, replace, write
from backend.web.idempotency import IdempotencyKey, once
from backend.web.paging import Cursor, Limit, Page, page, read_cursor
from backend.words import Text


@read("/recuperation/batches", operation_id="listBatches")
async def batches(clock: NamedDependency[Clock], cursor: Cursor = None, limit: Limit = 20) -> Page[BatchOut]:
    """Batches whose window has not closed, newest first."""
    rows = await queries.open_batches(await clock.now(), read_cursor(cursor), limit + 1)
    return page(rows, limit, lambda row: row["id"], lambda row: BatchOut(**_batch(row)))


@read("/recuperation/batches/{batch_id:uuid}", operation_id="getBatch")
async def batch(batch_id: FromPath[UUID], actor: NamedDependency[Actor]) -> BatchDetail:
    """One batch with the papers it asks for and what will be published."""
    row = await queries.announced_batch(batch_id)
    content = msgspec.json.decode(row["content"], type=ProgrammeContent)
    return BatchDetail(
        **_batch(row),
        address=row["address"],
        confirm_working_days=row["confirm_working_days"],
        notice_basis=content.notice_basis,
        papers=[paper_out(Slot(paper, ()), actor.language) for paper in content.papers],
    )


@read("/recuperation/batches/{batch_id:uuid}/eligibility", operation_id="checkEligibility")
async def eligibility(
    batch_id: FromPath[UUID], actor: NamedDependency[Actor], requests: NamedDependency[Requests]
) -> EligibilityOut:
    """Check oneself before applying: every rule with its clause, and the priority line by line."""
    judged = await requests.preview(actor, batch_id)
    return EligibilityOut(
        eligible=all(check.passed or check.code in BROUGHT_BY_REQUEST for check in judged.checks),
        checks=checks_out(list(judged.checks), actor.language),
        points=judged.points,
        point_lines=lines_out(list(judged.lines), actor.language),
    )


@write("/recuperation/requests", status_code=201, operation_id="draftStay")
async def draft(
    data: JSONBody[StayDraft],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    requests: NamedDependency[Requests],
) -> Drafted:
    """Begin a request; one that is live per person and batch."""
    person = actor.person_id
    if person is None:
        raise NotFound(Text("请先登记本人档案。", "Register your own record first."), "no_record")

    async def work() -> UUID:
        return (await requests.draft(actor, data.batch_id, person, _stay(data))).id

    done = await once(actor, "recuperation.draft", idempotency_key, data, work)
    return await _drafted(done.resource)


@replace("/recuperation/requests/{application_id:uuid}", operation_id="amendStay")
async def amend(
    application_id: FromPath[UUID],
    data: JSONBody[StayAmend],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    requests: NamedDependency[Requests],
) -> Drafted:
    """Change a request that is being filed."""

    async def work() -> UUID:
        return (await requests.amend(actor, application_id, _stay(data), data.version)).id

    await once(actor, f"recuperation.amend:{application_id}", idempotency_key, data, work)
    return await _drafted(application_id)


async def _drafted(application_id: UUID) -> Drafted:
    case = await load_case(application_id)
    return Drafted(id=case.id, number=case.number, version=case.version_number)


def _stay(data: StayFields) -> StayInput:
    return StayInput(companions=data.companions, health=data.health, contact=data.contact)


def _batch(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "organiser": row["organiser_name"],
        "sanatorium": row["sanatorium_name"],
        "starts_on": row["starts_on"],
        "ends_on": row["ends_on"],
        "days": (row["ends_on"] - row["starts_on"]).days + 1,
        "capacity": row["capacity"],
        "cost_per_day_fen": row["cost_per_day_fen"],
        "funding_source": row["funding_source"],
        "companion_rule": row["companion_rule"],
        "opens_at": row["opens_at"],
        "closes_at": row["closes_at"],
        "state": row["state"],
    }


ROUTER = Router("", tags=["recuperation"], route_handlers=[batches, batch, eligibility, draft, amend])
