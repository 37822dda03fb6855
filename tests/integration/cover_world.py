"""The invented city with mutual-aid plans and families, for tests of covers; every person is invented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from backend.accounts.consents import VERSION
from backend.applications.case import Case, load_case
from backend.applications.lifecycle import Action
from backend.database import execute, fetch, new_id
from backend.identity import Actor
from backend.insurance.assessment import Verdict, Verdicts
from backend.insurance.lines import EnrolmentInput, HealthInput, InsuredInput
from backend.insurance.policy import CONSENTS
from backend.insurance.terms import PlanTerms
from backend.operations.demo_covers import publish_plan, seed_plans
from backend.operations.embedded_postgres import OWNER
from tests.integration.stay_world import World, make_world
from tests.services import logged_in_as

HEALTHY = HealthInput(healthy=True)
MYSELF = InsuredInput(health=HEALTHY)

#: Hexadecimal digits as signs that a name may hold.
_LETTERS = str.maketrans("0123456789abcdef", "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳")


@dataclass(frozen=True)
class CoverWorld:
    """A city with published plans, by key."""

    world: World
    plans: Mapping[str, UUID]

    async def plan(self, code: str, terms: PlanTerms) -> UUID:
        """Another plan, published."""
        async with logged_in_as(OWNER):
            services = self.world.services
            return await publish_plan(
                services.programmes, self.world.by, self.world.unions["city"], code, f"计划{code}", code, terms
            )

    async def worker(self, unit: str = "daizong", serial: int = 0) -> Actor:
        """A nurse with a verified record who agreed to everything a plan needs."""
        return (await self.workers(1, unit, first=serial))[0]

    async def workers(self, count: int, unit: str = "daizong", *, first: int = 0) -> list[Actor]:
        """So many of them."""
        made = await self.world.workers(count, unit, first=first)
        for worker in made:
            assert worker.person_id is not None
            await self.agree(worker.person_id, worker.person_id)
        return made

    async def agree(self, person: UUID, giver: UUID, purposes: Iterable[str] = CONSENTS) -> None:
        """Consents of a person, given by themselves or by a guardian."""
        for purpose in purposes:
            await execute(
                "INSERT INTO consent (id, person, purpose, text_version, given_by, recorded_by, given_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                new_id(),
                person,
                purpose,
                VERSION,
                giver,
                None,
                await self.world.services.clock.now(),
            )

    async def relative(
        self,
        worker: Actor,
        kind: str,
        born_on: date,
        sex: str = "female",
        *,
        person: UUID | None = None,
        consents: bool = True,
        evidence: str | None = "verified",
    ) -> tuple[UUID, UUID]:
        """A relative whom the worker declared, with a paper in that state: the relation and the person."""
        assert worker.person_id is not None
        relative, relation = person or new_id(), new_id()
        now = await self.world.services.clock.now()
        if person is None:
            await execute(
                "INSERT INTO person (id, name, sex, born_on, created_at) VALUES ($1, $2, $3, $4, $5)",
                relative,
                "家属" + relative.hex[-3:].translate(_LETTERS),
                sex,
                born_on,
                now,
            )
        paper = await self.world.paper(worker, "household_register", evidence) if evidence else None
        await execute(
            "INSERT INTO relation (id, person, relative, kind, evidence, declared_sex, declared_born_on, declared_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            relation,
            worker.person_id,
            relative,
            kind,
            paper,
            sex,
            born_on,
            now,
        )
        if consents:
            grown = born_on < date(2012, 1, 1)
            await self.agree(relative, relative if grown else worker.person_id)
        return relation, relative

    async def draft(
        self, worker: Actor, *members: InsuredInput, plan: str | UUID = "critical", shares: int = 1
    ) -> Case:
        """A draft with the worker's own ID card; for oneself alone unless others are named."""
        version = self.plans[plan] if isinstance(plan, str) else plan
        entered = EnrolmentInput(shares=shares, members=members or (MYSELF,))
        case = await self.world.services.enrolments.draft(worker, version, entered)
        await self.world.services.applications.attach(
            worker, case.id, "identity", await self.world.paper(worker, "resident_id")
        )
        return case

    async def act(self, who: Actor | str, case: Case, action: Action, comment: str = "") -> Case:
        """One step, with the version that the case has now."""
        return await self.world.act(self.world.by[who] if isinstance(who, str) else who, case, action, comment)

    async def submitted(
        self, worker: Actor, *members: InsuredInput, plan: str | UUID = "critical", shares: int = 1
    ) -> Case:
        """An enrolment that was sent."""
        return await self.act(worker, await self.draft(worker, *members, plan=plan, shares=shares), Action.SUBMIT)

    async def at_assessment(self, case: Case, officer: str = "officer-daizong") -> Case:
        """The case after the unit and the papers."""
        await self.act(officer, case, Action.APPROVE, "属实")
        return await self.act("hr-sun", case, Action.APPROVE)

    async def verdicts(self, case: Case, refused: Iterable[UUID] = (), reason: str = "") -> Verdicts:
        """A verdict on everybody: accepted but for those persons."""
        out = set(refused)
        rows = await fetch(
            "SELECT m.id, m.person FROM enrolment_member m JOIN enrolment e ON e.id = m.enrolment"
            " WHERE e.application = $1 ORDER BY m.id",
            case.id,
        )
        return Verdicts(
            tuple(
                Verdict(
                    row["id"], "refused" if row["person"] in out else "accepted", reason if row["person"] in out else ""
                )
                for row in rows
            )
        )

    async def assess(self, case: Case, details: Verdicts | None = None, who: str = "hr-wang") -> Case:
        """The assessment; everybody is accepted unless said otherwise."""
        current = await load_case(case.id)
        return await self.world.services.applications.advance(
            self.world.by[who],
            case.id,
            Action.ASSESS,
            expected_version=current.version_number,
            comment="核定",
            details=details or await self.verdicts(case),
        )

    async def covered(
        self, worker: Actor, *members: InsuredInput, plan: str | UUID = "critical", shares: int = 1
    ) -> Case:
        """An enrolment that went the whole way."""
        case = await self.submitted(worker, *members, plan=plan, shares=shares)
        return await self.assess(await self.at_assessment(case))


async def make_cover_world() -> CoverWorld:
    """The world above, in an empty database, at nine in the morning of 2 March 2026."""
    world = await make_world()
    async with logged_in_as(OWNER):
        plans = await seed_plans(world.services.programmes, world.by, world.unions["city"])
    return CoverWorld(world, plans)


async def covers(person: UUID | None) -> list[tuple[date, date, date | None]]:
    """The covers of a person as the database has them: first, last day, and where one ended early."""
    rows = await fetch("SELECT starts_on, ends_on, ended_on FROM cover WHERE person = $1 ORDER BY starts_on", person)
    return [(row["starts_on"], row["ends_on"], row["ended_on"]) for row in rows]
