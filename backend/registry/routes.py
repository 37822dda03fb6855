"""Routes of a worker's own record, and of taking over what the unit reported."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router
from litestar.di import NamedDependency
from litestar.params import JSONBody

from backend.identity import Actor
from backend.registry import queries
from backend.registry.schemas import (
    ChoicesOut,
    EmergenciesOut,
    EmergencyOut,
    RecordIn,
    RecordOut,
    SubmitIn,
    TakeoverCodeIn,
    TakeoverIn,
    TakeoverSent,
    choices_out,
    record_out,
)
from backend.registry.service import Registry
from backend.registry.takeovers import Takeovers
from backend.web.handlers import read, replace, write
from backend.web.idempotency import IdempotencyKey, once


@read("/registry/choices", operation_id="listRecordChoices")
async def choices(actor: NamedDependency[Actor]) -> ChoicesOut:
    """The closed lists of the record's form."""
    return choices_out(actor.language)


@read("/registry/emergencies", operation_id="listEmergencies")
async def emergencies() -> EmergenciesOut:
    """The emergencies that frontline service can belong to."""
    return EmergenciesOut([EmergencyOut(**row) for row in await queries.emergencies()])


@read("/registry/record", operation_id="getMyRecord")
async def my_record(actor: NamedDependency[Actor]) -> RecordOut:
    """One's own record."""
    return record_out(await queries.my_record(actor), actor.language)


@replace("/registry/record", operation_id="saveMyRecord")
async def save(
    data: JSONBody[RecordIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    registry: NamedDependency[Registry],
) -> RecordOut:
    """Enter or amend one's own record; a number that is on file is answered like one that is not."""

    async def work() -> UUID:
        return (await registry.save(actor, data.entered(), data.version)).id

    done = await once(actor, "registry.save", idempotency_key, data, work)
    return record_out(await queries.record_view(done.resource), actor.language)


@write("/registry/record/submit", status_code=200, operation_id="submitMyRecord")
async def submit(
    data: JSONBody[SubmitIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    registry: NamedDependency[Registry],
) -> RecordOut:
    """Send one's record to the union of the unit; the version makes a second tap a stale one."""

    async def work() -> UUID:
        return (await registry.submit(actor, data.version)).id

    done = await once(actor, "registry.submit", idempotency_key, data, work)
    return record_out(await queries.record_view(done.resource), actor.language)


@write("/registry/takeover/codes", status_code=202, operation_id="sendTakeoverCode")
async def send_takeover_code(
    request: Request[Any, Any, Any],
    data: JSONBody[TakeoverCodeIn],
    actor: NamedDependency[Actor],
    takeovers: NamedDependency[Takeovers],
) -> TakeoverSent:
    """Send a code to the phone on the record that the unit reported; the same answer whether or not there is one."""
    await takeovers.send_code(actor, data.identifier.entered(), request.client.host if request.client else "")
    return TakeoverSent()


@write("/registry/takeover", status_code=200, operation_id="takeOverRecord")
async def take_over(
    data: JSONBody[TakeoverIn], actor: NamedDependency[Actor], takeovers: NamedDependency[Takeovers]
) -> RecordOut:
    """Take the reported record over with the code."""
    record_id = await takeovers.prove(actor, data.identifier.entered(), data.code)
    return record_out(await queries.record_view(record_id), actor.language)


ROUTER = Router(
    "",
    tags=["registry"],
    route_handlers=[
        choices,
        emergencies,
        my_record,
        save,
        submit,
        send_takeover_code,
        take_over,
    ],
)
