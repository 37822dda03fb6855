"""Hundreds of workers laid by COPY, each logged in with a paper, and a programme that asks for that one alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from backend.accounts.phones import StoredPhone
from backend.accounts.tokens import Tokens
from backend.applications.programme import ProgrammeContent
from backend.applications.programmes import Programmes
from backend.applications.tables import Programme
from backend.clock import security_now
from backend.database import new_id
from backend.identity import Actor
from backend.insurance.policy import CONSENTS as COVER_CONSENTS
from backend.operations.demo_people import resident_id
from backend.operations.embedded_postgres import OWNER
from backend.people.identifiers import Identifier, IdentifierType
from backend.processes import PROCESSES
from backend.recuperation.workflow import NOTICE_BASIS, PAPERS, ROUTE
from backend.sealing import mask_identifier
from backend.settings import settings
from tests.integration.stay_world import CONSENTS, World
from tests.services import dsn, logged_in_as

#: What a phone sends for a stay, beside the batch.
STAY = {
    "companions": 0,
    "health": {"fit_to_travel": True, "conditions": ""},
    "contact": {"name": "王某某", "phone": "13800009999", "relation": "配偶"},
}

_BORN, _DAYS = date(1976, 1, 1), 7000


@dataclass(frozen=True, slots=True)
class Member:
    """A worker with a verified record, every consent, a verified statement of merit and a phone that is logged in."""

    actor: Actor
    merit: UUID
    family: UUID
    token: str
    refresh: str


async def programme_of_one_paper(world: World) -> World:
    """The world with a published programme that asks for the statement of merit alone, as its `version`."""
    programme = Programme(
        id=new_id(),
        kind="recuperation",
        organiser=world.unions["city"],
        code="TA-RR-1",
        name_zh="疗休养(一份材料)",
        name_en="Rest and recuperation, one paper",
    )
    content = ProgrammeContent(
        route=ROUTE,
        papers=tuple(paper for paper in PAPERS if paper.key == "merit"),
        policies=(),
        notice_basis=NOTICE_BASIS,
    )
    async with logged_in_as(OWNER):
        await Programme.insert(programme)
        programmes = Programmes(PROCESSES, world.services.clock)
        version = await programmes.draft(world.by["hr-wang"], UUID(str(programme.id)), content)
        await programmes.publish(world.by["chair-han"], version)
    fields = {name: getattr(world, name) for name in World.__dataclass_fields__}
    return World(**{**fields, "version": version})


async def crowd(world: World, count: int, *, first: int = 0, unit: str = "daizong") -> list[Member]:
    """So many workers of a unit, the `first`-th and those after; their access tokens hold for 15 minutes."""
    now, services, tokens = security_now(), world.services, Tokens(settings().token_key)
    rows: dict[str, tuple[Sequence[str], list[tuple[Any, ...]]]] = {
        table: (columns.split(), [])
        for table, columns in {
            "person": "id name sex born_on created_at",
            "person_identifier": "id person type sealed digest masked",
            "worker_account": "id phone_sealed phone_digest phone_masked person created_at",
            "staff_record": "id person unit national_id province_id city_id county_id unit_id identifier_type"
            " identifier_sealed identifier_digest identifier_masked phone_sealed phone_digest phone_masked population"
            " job_category joined_unit_on certification source state reported_by verified_by verified_at created_at"
            " updated_at",
            "service_period": "id record emergency place post dispatch from_on to_on",
            "consent": "id person purpose text_version given_by given_at",
            "upload": "id kind owner_person reserved_by state object_key reserved_at",
            "token_family": "id account device created_at rotated_at",
        }.items()
    }
    made = []
    connection = await asyncpg.connect(dsn(OWNER))
    try:
        union = world.unions[unit]
        levels = await connection.fetchrow(
            "SELECT national_id, province_id, city_id, county_id FROM trade_union WHERE id = $1", union
        )
        assert levels is not None
        for number in range(first, first + count):
            person, account, record, merit, family = [new_id() for _ in range(5)]
            born_on = _BORN + timedelta(days=number % _DAYS)
            identifier = Identifier(IdentifierType.RESIDENT_ID, resident_id(born_on, 100 + number // _DAYS))
            sealed, digest = services.people.seal(identifier), services.people.digest(identifier)
            masked = mask_identifier(identifier.number)
            phone = StoredPhone.of(f"139{number:08d}", services.sealer)
            name = f"测试{chr(0x4E00 + number % 20000)}"
            at_front = date(2020, 2, 1) + timedelta(days=30 + number % 40)
            known = (identifier.type, sealed, digest, masked)
            reached = (phone.sealed, phone.digest, phone.masked)
            verified = ("unit_certified", "unit", "verified", account, account, now, now, now)
            post = ("frontline_medical", "nurse", date(2012, 7, 1))
            served = ("本院", "护理", "none", date(2020, 2, 1), at_front)
            for table, *values in (
                ("person", person, name, "female", born_on, now),
                ("person_identifier", new_id(), person, *known),
                ("worker_account", account, *reached, person, now),
                ("staff_record", record, person, union, *levels, union, *known, *reached, *post, *verified),
                ("service_period", new_id(), record, world.emergency, *served),
                *(
                    ("consent", new_id(), person, purpose, "2026-03", person, now)
                    for purpose in sorted({*CONSENTS, *COVER_CONSENTS})
                ),
                ("upload", merit, "merit_statement", person, account, "verified", merit.hex, now),
                ("token_family", family, account, "手机", now, now),
            ):
                rows[str(table)][1].append(tuple(values))
            actor = Actor(account, name, person_id=person, employer_id=union, origin="phone")
            made.append(Member(actor, merit, family, tokens.access(account, family), tokens.refresh(family, 0)))
        async with connection.transaction():
            for table, (columns, records) in rows.items():
                await connection.copy_records_to_table(table, columns=columns, records=records)
    finally:
        await connection.close()
    return made
