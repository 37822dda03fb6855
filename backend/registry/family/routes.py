"""Routes of one's family: list, declare, correct, end, take back, a child's resident ID, agreeing for a relative."""

from __future__ import annotations

from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from backend.clock import Clock
from backend.errors import NotFound
from backend.identity import Actor
from backend.registry.family import queries
from backend.registry.family.additions import Additions
from backend.registry.family.queries import EntryState
from backend.registry.family.schemas import (
    AdditionIn,
    AmendIn,
    EndIn,
    FamilyOut,
    MemberIn,
    MemberOut,
    RelativeConsentIn,
    StrikeIn,
    member_out,
)
from backend.registry.family.service import Family
from backend.web.handlers import read, remove, write
from backend.web.idempotency import IdempotencyKey, once


@read("/registry/family", operation_id="listFamily")
async def list_family(actor: NamedDependency[Actor], clock: NamedDependency[Clock]) -> FamilyOut:
    """The relatives that one declared, with those whose relation has ended."""
    return FamilyOut(await _shown(actor, clock))


@write("/registry/family", status_code=201, operation_id="declareRelative")
async def declare(
    data: JSONBody[MemberIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    family: NamedDependency[Family],
    clock: NamedDependency[Clock],
) -> MemberOut:
    """Declare a relative; a number that is on file is answered like one that is not."""
    done = await once(actor, "family.declare", idempotency_key, data, lambda: family.declare(actor, data.entered()))
    return await _one(actor, clock, done.resource)


@write("/registry/family/{relation_id:uuid}/amend", status_code=200, operation_id="amendRelative")
async def amend(
    relation_id: FromPath[UUID],
    data: JSONBody[AmendIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    family: NamedDependency[Family],
    clock: NamedDependency[Clock],
) -> MemberOut:
    """Put a declaration right while no case rests on it; the right one has an id of its own."""
    done = await once(
        actor,
        f"family.amend:{relation_id}",
        idempotency_key,
        data,
        lambda: family.amend(actor, relation_id, data.entered(), data.version),
    )
    return await _one(actor, clock, done.resource)


@write("/registry/family/{relation_id:uuid}/end", status_code=200, operation_id="endRelation")
async def end(
    relation_id: FromPath[UUID],
    data: JSONBody[EndIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    family: NamedDependency[Family],
    clock: NamedDependency[Clock],
) -> MemberOut:
    """Note the last day of a relation: divorce, death. It stays on record."""

    async def work() -> UUID:
        await family.end(actor, relation_id, data.to_on, data.reason, data.version)
        return relation_id

    await once(actor, f"family.end:{relation_id}", idempotency_key, data, work)
    return await _one(actor, clock, relation_id)


@write("/registry/family/{relation_id:uuid}/strike", status_code=204, operation_id="strikeRelation")
async def strike(
    relation_id: FromPath[UUID],
    data: JSONBody[StrikeIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    family: NamedDependency[Family],
) -> None:
    """Take a mistaken declaration back while no case rests on it."""

    async def work() -> UUID:
        await family.strike(actor, relation_id, data.version)
        return relation_id

    await once(actor, f"family.strike:{relation_id}", idempotency_key, data, work)


@write("/registry/family/{relation_id:uuid}/identifier", status_code=202, operation_id="addRelativeIdentifier")
async def add_identifier(
    relation_id: FromPath[UUID],
    data: JSONBody[AdditionIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    additions: NamedDependency[Additions],
    clock: NamedDependency[Clock],
) -> MemberOut:
    """Give the resident ID of a child known by a birth certificate; it counts once the unit has compared the paper."""
    await once(
        actor,
        f"family.identifier:{relation_id}",
        idempotency_key,
        data,
        lambda: additions.ask(actor, relation_id, data.number, data.evidence),
    )
    return await _one(actor, clock, relation_id)


@write("/registry/family/{relation_id:uuid}/consents", status_code=200, operation_id="giveRelativeConsent")
async def agree(
    relation_id: FromPath[UUID],
    data: JSONBody[RelativeConsentIn],
    actor: NamedDependency[Actor],
    family: NamedDependency[Family],
    clock: NamedDependency[Clock],
) -> MemberOut:
    """Agree for a child below 14 as parent or guardian, or send the form that an older relative signed."""
    await family.agree(actor, relation_id, data.purpose, data.text_version, data.paper)
    return await _one(actor, clock, relation_id)


@remove(
    "/registry/family/{relation_id:uuid}/consents/{purpose:str}",
    status_code=204,
    operation_id="withdrawRelativeConsent",
)
async def disagree(
    relation_id: FromPath[UUID],
    purpose: FromPath[str],
    actor: NamedDependency[Actor],
    family: NamedDependency[Family],
) -> None:
    """Take back from now on what one agreed to, or sent, for a relative."""
    await family.disagree(actor, relation_id, purpose)


async def _shown(actor: Actor, clock: Clock) -> list[MemberOut]:
    if actor.person_id is None:
        return []
    today = await clock.today()
    return [
        member_out(entry, today, actor.language)
        for entry in await queries.family_file(actor.person_id)
        if entry.state is not EntryState.STRUCK
    ]


async def _one(actor: Actor, clock: Clock, relation: UUID) -> MemberOut:
    for member in await _shown(actor, clock):
        if member.id == relation:
            return member
    raise NotFound()


ROUTER = Router(
    "",
    tags=["registry"],
    route_handlers=[list_family, declare, amend, end, strike, add_identifier, agree, disagree],
)
