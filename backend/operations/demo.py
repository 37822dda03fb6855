"""Fills an empty database with the invented reference data and console accounts of a demonstration."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import msgspec

from backend.accounts.console_login import TOTP_PURPOSE
from backend.accounts.tables import ConsoleAccount, ConsoleUser, RoleBinding
from backend.applications.programme import ProgrammeContent
from backend.applications.programmes import Programmes
from backend.applications.tables import PolicyRow, Programme
from backend.calendars.service import seed_calendar
from backend.clock import LOCAL, Clock, security_now, set_business_clock
from backend.composition import Services
from backend.database import execute, fetch_value, new_id, transaction
from backend.identity import Actor, Binding, Level, Role
from backend.operations.demo_awards import seed_awards
from backend.operations.demo_cases import open_batch, seed_cases
from backend.operations.demo_covers import seed_covers
from backend.operations.demo_people import WORKERS, seed_worker
from backend.operations.demo_reference import EMERGENCY, POLICIES, SANATORIA, UNIONS, union_code
from backend.people.tables import Person
from backend.processes import PROCESSES
from backend.recuperation.tables import Sanatorium
from backend.recuperation.workflow import NOTICE_BASIS, PAPERS, ROUTE
from backend.registry.tables import Emergency
from backend.sealing import Sealer
from backend.unions.tables import Affiliation, TradeUnion

#: Since when the invented tree and its rules hold.
SINCE = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """One console account of the demonstration; `employer` is where the person works, apart from the role's union."""

    username: str
    name: str
    roles: tuple[Role, ...]
    union: str
    employer: str = ""


LOGINS = (
    DemoLogin("officer-daizong", "李经办", (Role.UNIT_OFFICER,), "daizong", "daizong"),
    DemoLogin("officer-dailu", "赵经办", (Role.UNIT_OFFICER,), "dailu", "dailu"),
    DemoLogin("officer-pingyang", "钱经办", (Role.UNIT_OFFICER,), "pingyang", "pingyang"),
    DemoLogin("hr-wang", "王核验", (Role.HR_VERIFIER,), "city"),
    DemoLogin("hr-sun", "孙核验", (Role.HR_VERIFIER,), "city"),
    DemoLogin("reviewer-zhou", "周委员", (Role.REVIEWER,), "city"),
    DemoLogin("reviewer-wu", "吴委员", (Role.REVIEWER,), "city", "pingyang"),
    DemoLogin("reviewer-zheng", "郑委员", (Role.REVIEWER,), "city", "taoyuan"),
    DemoLogin("reviewer-feng", "冯委员", (Role.REVIEWER,), "city", "daizong"),
    DemoLogin("reviewer-chen", "陈委员", (Role.REVIEWER,), "city"),
    DemoLogin("chair-han", "韩主任", (Role.CHAIR,), "city"),
    DemoLogin("chair-yang", "杨副主任", (Role.CHAIR,), "city"),
    DemoLogin("finance-qin", "秦财务", (Role.FINANCE,), "city"),
    DemoLogin("auditor-xu", "许经审", (Role.AUDITOR,), "city"),
    DemoLogin("sysadmin", "系统管理员", (Role.SYSTEM_ADMIN,), "city"),
    DemoLogin("security", "安全管理员", (Role.SECURITY_ADMIN,), "city"),
)

#: More of them, so that an award finds other people for each review, for its slate and for its sign-off.
AWARD_LOGINS = (
    DemoLogin("reviewer-jiang", "蒋委员", (Role.REVIEWER,), "city"),
    DemoLogin("reviewer-shen", "沈委员", (Role.REVIEWER,), "city"),
    DemoLogin("reviewer-cao", "曹委员", (Role.REVIEWER,), "city", "huanwei"),
    DemoLogin("chair-lu", "鲁副主任", (Role.CHAIR,), "city"),
    DemoLogin("chair-xiao", "肖主任", (Role.CHAIR,), "city"),
)

DECIDING = frozenset({Role.REVIEWER, Role.CHAIR})


#: When a demonstration begins: business time is set here, so that it plays within the calendar's coverage.
BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=LOCAL)


async def seed(services: Services, password: str, totp_secret: str) -> None:
    """Fill an empty database; nothing on one that is not. The process runs as the owner, in demo mode.

    Every console account gets this password and this base32 secret of the second factor.
    """
    if not await is_empty():
        return
    await set_business_clock(services.settings.database_url, BEGINS)
    unions = await seed_reference(services.clock)
    logins = (*LOGINS, *AWARD_LOGINS)
    accounts = await seed_logins(unions, password, totp_secret, services.sealer, logins)
    by_name = {login.username: demo_actor(login, unions, accounts) for login in logins}
    version = await seed_programme(unions, accounts, services.clock)
    emergency = await fetch_value("SELECT id FROM emergency LIMIT 1")
    workers = [
        await seed_worker(services, by_name[f"officer-{worker.unit}"], unions[worker.unit], emergency, worker)
        for worker in WORKERS
    ]
    batch = await open_batch(services, by_name, unions, version)
    await seed_cases(services, by_name, workers[:7], batch)
    await seed_covers(services, by_name, workers[:5], unions)
    await seed_awards(services, by_name, unions, workers)


async def is_empty() -> bool:
    """Whether no union is there yet: only then a demonstration is seeded."""
    return not await fetch_value("SELECT EXISTS (SELECT FROM trade_union)")


async def seed_reference(clock: Clock) -> Mapping[str, UUID]:
    """The tree, the calendar, the emergency, sanatoria and policies; the ids of the unions by key."""
    async with transaction():
        unions = {union.key: new_id() for union in UNIONS}
        for number, union in enumerate(UNIONS, start=1):
            await TradeUnion.insert(
                TradeUnion(
                    id=unions[union.key],
                    name=union.name,
                    short_name=union.name.removesuffix("(示例)"),
                    level=union.level,
                    kind=union.kind,
                    uscc=union_code(number, union.area_code),
                    area_code=union.area_code,
                )
            )
        for union in UNIONS:
            for line, parent in (("primary", union.parent), ("industry", union.industry)):
                if parent:
                    await Affiliation.insert(
                        Affiliation(trade_union=unions[union.key], parent=unions[parent], line=line, from_on=SINCE)
                    )
        await execute("SELECT refresh_union_levels()")
        await seed_calendar()
        name, level, area, start_on, end_on = EMERGENCY
        await Emergency.insert(Emergency(name=name, level=level, area_code=area, start_on=start_on, end_on=end_on))
        await Sanatorium.insert(
            *[Sanatorium(name=name, address=place, area_code=area) for name, place, area in SANATORIA]
        )
        await PolicyRow.insert(
            *[
                PolicyRow(
                    topic=topic,
                    trade_union=unions["city"],
                    effective_from=SINCE,
                    rules=msgspec.json.encode(rules).decode(),
                    clause=clause,
                )
                for topic, rules, clause in POLICIES
            ]
        )
    return unions


async def seed_logins(
    unions: Mapping[str, UUID],
    password: str,
    totp_secret: str,
    sealer: Sealer,
    logins: Sequence[DemoLogin] = LOGINS,
) -> Mapping[str, UUID]:
    """The console accounts with one password and one second factor; the ids of the accounts by user name.

    `totp_secret` is base32 of 20 bytes or more (`pyotp.random_base32()`).
    """
    # Piccolo hashes with PBKDF2, slow by intent: one hash, off the event loop, serves all invented accounts.
    hashed = await asyncio.to_thread(ConsoleUser.hash_password, password)
    accounts = {login.username: new_id() for login in logins}
    now = security_now()
    async with transaction():
        for login in logins:
            user = ConsoleUser(  # type: ignore[no-untyped-call]  # Piccolo's BaseUser has an untyped initialiser
                username=login.username,
                password=hashed,
                email=f"{login.username}@example.org",
                active=True,
                admin=True,
            )
            await user.save()
            person = Person(id=new_id(), name=login.name, created_at=now)
            await Person.insert(person)
            await ConsoleAccount.insert(
                ConsoleAccount(
                    id=accounts[login.username],
                    login=user.id,
                    name=login.name,
                    person=person.id,
                    employer=unions.get(login.employer),
                    totp_sealed=sealer.seal(totp_secret, TOTP_PURPOSE),
                    created_at=now,
                )
            )
            for role in login.roles:
                await RoleBinding.insert(
                    RoleBinding(
                        account=accounts[login.username],
                        role=role,
                        trade_union=unions[login.union],
                        granted_by=accounts["security"],
                        approved_by=accounts["sysadmin"] if role in DECIDING else None,
                        from_at=now,
                    )
                )
    return accounts


def demo_actor(login: DemoLogin, unions: Mapping[str, UUID], accounts: Mapping[str, UUID]) -> Actor:
    """The actor behind a demonstration login, for seeding through the services."""
    level = Level(next(union.level for union in UNIONS if union.key == login.union))
    return Actor(
        accounts[login.username],
        login.name,
        employer_id=unions.get(login.employer),
        bindings=tuple(Binding(role, unions[login.union], level) for role in login.roles),
    )


async def seed_programme(unions: Mapping[str, UUID], accounts: Mapping[str, UUID], clock: Clock) -> UUID:
    """The programme of rest and recuperation, drafted by one person and published by another; the version's id."""
    by_name = {login.username: demo_actor(login, unions, accounts) for login in LOGINS}
    programmes = Programmes(PROCESSES, clock)
    async with transaction():
        programme = Programme(
            id=new_id(),
            kind="recuperation",
            organiser=unions["city"],
            code="TA-RR",
            name_zh="一线医务人员疗休养",
            name_en="Rest and recuperation for frontline medical staff",
        )
        await Programme.insert(programme)
        content = ProgrammeContent(route=ROUTE, papers=PAPERS, policies=(), notice_basis=NOTICE_BASIS)
        version = await programmes.draft(by_name["hr-wang"], UUID(str(programme.id)), content)
        await programmes.publish(by_name["chair-han"], version)
    return version
