"""The invented city with its programme, for tests of rest and recuperation; every person is invented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from backend.accounts.phones import StoredPhone
from backend.applications.case import Case, load_case
from backend.applications.committee import ReviewInput
from backend.applications.lifecycle import Action
from backend.clock import LOCAL, set_business_clock
from backend.composition import Services, compose
from backend.database import execute, fetch, fetch_value, new_id, transaction
from backend.identity import Actor
from backend.operations.demo import LOGINS, demo_actor, seed_logins, seed_programme, seed_reference
from backend.operations.demo_cases import STAY
from backend.operations.demo_people import resident_id
from backend.operations.embedded_postgres import OWNER
from backend.people.identifiers import Identifier, IdentifierType
from backend.recuperation.batches import BatchInput
from backend.settings import settings
from tests.services import dsn, logged_in_as

BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=LOCAL)
PASSWORD = "correct-horse-battery"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CONSENTS = ("personal_data", "sensitive_data", "share_with_sanatorium")
GOOD = ReviewInput(True, {"contribution": 80, "performance": 80, "need": 80})
POOR = ReviewInput(False, {"contribution": 30, "performance": 40, "need": 40})


@dataclass(frozen=True)
class World:
    """Services over an empty city: the tree, the console accounts and a published programme."""

    services: Services
    unions: Mapping[str, UUID]
    by: Mapping[str, Actor]
    version: UUID
    emergency: UUID
    sanatorium: UUID

    async def at(self, instant: datetime) -> None:
        """Make business time run on from `instant`."""
        await set_business_clock(dsn(OWNER), instant)

    async def later(self, **span: float) -> datetime:
        """Move business time on by a `timedelta`."""
        instant = await self.services.clock.now() + timedelta(**span)
        await self.at(instant)
        return instant

    async def batch(
        self, capacity: int, quotas: Mapping[str, int] | None = None, *, opened: bool = True, days: int = 7
    ) -> UUID:
        """A batch that can be applied for until the evening of 16 March 2026."""
        today = await self.services.clock.today()
        batch = await self.services.batches.draft(
            self.by["hr-wang"], self.batch_input(today, capacity, days=days), self.unions["city"]
        )
        for unit, places in (quotas or {}).items():
            await self.services.batches.set_quota(
                self.by["chair-han"], batch, self.unions[unit], places, "按人数", await batch_version(batch)
            )
        if opened:
            await self.services.batches.open_(self.by["chair-han"], batch, await batch_version(batch))
        return batch

    def batch_input(self, today: date, capacity: int, *, days: int = 7) -> BatchInput:
        """What a batch is drafted with."""
        starts_on = today + timedelta(days=60)
        return BatchInput(
            programme_version=self.version,
            sanatorium=self.sanatorium,
            emergency=self.emergency,
            name="第一批",
            starts_on=starts_on,
            ends_on=starts_on + timedelta(days=days - 1),
            capacity=capacity,
            cost_per_day_fen=50_000,
            funding_source="市总专项资金",
            companion_rule="self_paid",
            opens_at=datetime(today.year, today.month, today.day, 0, 0, tzinfo=LOCAL),
            closes_at=datetime(2026, 3, 16, 18, 0, tzinfo=LOCAL),
        )

    async def worker(self, unit: str = "daizong", serial: int = 0, *, front_days: int = 30) -> Actor:
        """A nurse with a verified record and every consent, logged in."""
        return (await self.workers(1, unit, first=serial, front_days=front_days))[0]

    async def workers(self, count: int, unit: str = "daizong", *, first: int = 0, front_days: int = 30) -> list[Actor]:
        """So many nurses of a unit, each with `front_days` plus their number of days at the front."""
        made = []
        levels = (await fetch("SELECT * FROM trade_union WHERE id = $1", self.unions[unit]))[0]
        now = await self.services.clock.now()
        async with transaction():
            for number in range(first, first + count):
                person, account, record = new_id(), new_id(), new_id()
                identifier = Identifier(
                    IdentifierType.RESIDENT_ID,
                    resident_id(date(1985, 1, 1) + timedelta(days=number), 100 + number % 800),
                )
                phone = StoredPhone.of(f"1380000{number:04d}", self.services.sealer)
                people = self.services.people
                await execute(
                    "INSERT INTO person (id, name, sex, born_on, created_at) VALUES ($1, $2, 'female', $3, $4)",
                    person,
                    f"测试{chr(0x4E00 + number)}",
                    identifier.born_on,
                    now,
                )
                await people.identify(person, identifier)
                await execute(
                    "INSERT INTO worker_account (id, phone_sealed, phone_digest, phone_masked, person, created_at)"
                    " VALUES ($1, $2, $3, $4, $5, $6)",
                    account,
                    phone.sealed,
                    phone.digest,
                    phone.masked,
                    person,
                    now,
                )
                await execute(
                    "INSERT INTO staff_record (id, person, unit, national_id, province_id, city_id, county_id, unit_id,"
                    " identifier_type, identifier_sealed, identifier_digest, identifier_masked, phone_sealed,"
                    " phone_digest, phone_masked, population, job_category, joined_unit_on, certification, source,"
                    " state, reported_by, verified_by, verified_at, created_at, updated_at)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $3, 'resident_id', $8, $9, '3709****', $10, $11, '138****',"
                    " 'frontline_medical', 'nurse', '2012-07-01', 'unit_certified', 'unit', 'verified', $12, $12, $13,"
                    " $13, $13)",
                    record,
                    person,
                    self.unions[unit],
                    levels["national_id"],
                    levels["province_id"],
                    levels["city_id"],
                    levels["county_id"],
                    people.seal(identifier),
                    people.digest(identifier),
                    phone.sealed,
                    phone.digest,
                    account,
                    now,
                )
                await execute(
                    "INSERT INTO service_period (id, record, emergency, place, post, dispatch, from_on, to_on)"
                    " VALUES ($1, $2, $3, '本院', '护理', 'none', '2020-02-01', $4)",
                    new_id(),
                    record,
                    self.emergency,
                    date(2020, 2, 1) + timedelta(days=front_days + number % 20 - 1),
                )
                for purpose in CONSENTS:
                    await execute(
                        "INSERT INTO consent (id, person, purpose, text_version, given_by, given_at)"
                        " VALUES ($1, $2, $3, '2026-03', $2, $4)",
                        new_id(),
                        person,
                        purpose,
                        now,
                    )
                made.append(
                    Actor(account, f"测试{number}", person_id=person, employer_id=self.unions[unit], origin="phone")
                )
        return made

    async def paper(self, worker: Actor, kind: str, state: str = "verified") -> UUID:
        """A paper of a worker's as the database has it once it was sent (tests of papers send real ones)."""
        upload = new_id()
        await execute(
            "INSERT INTO upload (id, kind, owner_person, reserved_by, state, object_key, reserved_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            upload,
            kind,
            worker.person_id,
            worker.account_id,
            state,
            upload.hex,
            await self.services.clock.now(),
        )
        return upload

    async def draft(self, worker: Actor, batch: UUID, *, papers: bool = True) -> Case:
        """A draft with its three verified papers."""
        assert worker.person_id is not None
        case = await self.services.requests.draft(worker, batch, worker.person_id, STAY)
        for requirement, kind in (("identity", "resident_id"), ("work", "work_permit"), ("merit", "merit_statement")):
            if papers:
                upload = await self.paper(worker, kind)
                await self.services.applications.attach(worker, case.id, requirement, upload)
        return case

    async def act(self, who: Actor, case: Case | UUID, action: Action, comment: str = "") -> Case:
        """One step with the version that the case has now."""
        current = await load_case(case if isinstance(case, UUID) else case.id)
        return await self.services.applications.advance(
            who, current.id, action, expected_version=current.version_number, comment=comment
        )

    async def review(self, who: str, case: Case, review: ReviewInput = GOOD) -> Case:
        """One member's review."""
        current = await load_case(case.id)
        return await self.services.applications.advance(
            self.by[who], case.id, Action.REVIEW, expected_version=current.version_number, details=review, comment="评"
        )

    async def submitted(self, worker: Actor, batch: UUID) -> Case:
        """A case that was sent."""
        return await self.act(worker, await self.draft(worker, batch), Action.SUBMIT)

    async def at_committee(self, worker: Actor, batch: UUID, officer: str = "officer-daizong") -> Case:
        """A case that the committee has before it."""
        case = await self.submitted(worker, batch)
        await self.act(self.by[officer], case, Action.APPROVE, "属实")
        return await self.act(self.by["hr-sun"], case, Action.APPROVE)

    async def at_allocation(self, worker: Actor, batch: UUID, officer: str = "officer-daizong") -> Case:
        """A case that waits for a place."""
        case = await self.at_committee(worker, batch, officer)
        for reviewer in ("reviewer-zhou", "reviewer-zheng", "reviewer-chen"):
            await self.review(reviewer, case)
        return await self.act(self.by["chair-han"], case, Action.DECIDE, "通过")

    async def allocated(self, workers: Sequence[Actor], batch: UUID) -> list[Case]:
        """The workers' cases after the allocation."""
        cases = [await self.at_allocation(worker, batch) for worker in workers]
        await self.at(datetime(2026, 3, 17, 9, 0, tzinfo=LOCAL))
        await self.services.batches.allocate(self.by["chair-han"], batch, await batch_version(batch))
        return [await load_case(case.id) for case in cases]

    async def confirming(self, workers: Sequence[Actor], batch: UUID) -> list[Case]:
        """The workers' cases after the notice."""
        cases = await self.allocated(workers, batch)
        await self.services.batches.publish_notice(self.by["chair-han"], batch, await batch_version(batch))
        await self.at(datetime(2026, 3, 25, 9, 0, tzinfo=LOCAL))
        await self.services.deadlines.run()
        return [await load_case(case.id) for case in cases]


async def make_world() -> World:
    """The world above, in an empty database, at nine in the morning of 2 March 2026."""
    services = compose(settings())
    await set_business_clock(dsn(OWNER), BEGINS)
    async with logged_in_as(OWNER):
        unions = await seed_reference(services.clock)
        accounts = await seed_logins(unions, PASSWORD, TOTP_SECRET, services.sealer)
        version = await seed_programme(unions, accounts, services.clock)
    persons = {row["id"]: row["person"] for row in await fetch("SELECT id, person FROM console_account")}
    return World(
        services=services,
        unions=unions,
        by={
            login.username: _with_person(demo_actor(login, unions, accounts), persons[accounts[login.username]])
            for login in LOGINS
        },
        version=version,
        emergency=await fetch_value("SELECT id FROM emergency"),
        sanatorium=await fetch_value("SELECT id FROM sanatorium ORDER BY name LIMIT 1"),
    )


async def batch_version(batch: UUID) -> int:
    """The version of a batch as the database has it."""
    version: int = await fetch_value("SELECT version FROM batch WHERE id = $1", batch)
    return version


async def states(batch: UUID) -> dict[str, int]:
    """How many cases of a batch are in each state."""
    rows = await fetch("SELECT state, count(*) AS n FROM application WHERE aggregate = $1 GROUP BY state", batch)
    return {row["state"]: row["n"] for row in rows}


def _with_person(actor: Actor, person: UUID) -> Actor:
    return Actor(actor.account_id, actor.name, person, actor.employer_id, actor.bindings)
