"""What programmes ask of families: who belongs on which day, who has agreed, and the officer's part."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from backend.accounts.consents import VERSION
from backend.clock import LOCAL
from backend.database import execute, fetch, fetch_value, new_id
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation
from backend.identity import Actor
from backend.operations.demo_people import resident_id
from backend.operations.embedded_postgres import OWNER
from backend.people.identifiers import Identifier, IdentifierType
from backend.people.relations import EndReason, RelationKind
from backend.registry.facts import IdentifierInput
from backend.registry.family import queries
from backend.registry.family.facts import MemberInput
from backend.registry.family.policy import DEFAULT_RULES
from backend.registry.family.queries import consents_of, family_of, relation_between
from backend.registry.family.uses import in_use, note_use, release_uses
from tests.integration.stay_world import World, make_world
from tests.services import logged_in_as

TODAY = date(2026, 3, 2)
KIND = RelationKind


@pytest.fixture
async def world(database: None) -> World:
    return await make_world()


def resident(born_on: date, serial: int) -> IdentifierInput:
    return IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(born_on, serial))


def certificate(born_on: date, number: str = "S370123456") -> IdentifierInput:
    return IdentifierInput(IdentifierType.BIRTH_CERTIFICATE, number, born_on, "female")


async def declare(
    world: World,
    worker: Actor,
    kind: RelationKind,
    identifier: IdentifierInput,
    name: str = "马小满",
    from_on: date | None = None,
    evidence: UUID | None = None,
) -> UUID:
    entered = MemberInput(name=name, identifier=identifier, kind=kind, from_on=from_on, evidence=evidence)
    return await world.services.family.declare(worker, entered)


def known(worker: Actor) -> UUID:
    assert worker.person_id is not None
    return worker.person_id


async def relative_of(relation: UUID) -> UUID:
    found: UUID = await fetch_value("SELECT relative FROM relation WHERE id = $1", relation)
    return found


async def test_the_family_of_a_day(world: World) -> None:
    nurse, sister = await world.workers(2)
    former = await declare(world, nurse, KIND.SPOUSE, resident(date(1984, 2, 1), 501), "前夫", date(2010, 5, 1))
    await world.services.family.end(nurse, former, date(2019, 6, 30), EndReason.DIVORCE, 1)
    paper = await world.paper(nurse, "marriage_certificate", "checked")
    spouse = resident(date(1985, 2, 1), 503)
    await declare(world, nurse, KIND.SPOUSE, spouse, "买买提·艾力", date(2020, 2, 29), paper)
    child = await declare(world, nurse, KIND.CHILD, certificate(date(2021, 1, 1)))
    await declare(world, nurse, KIND.SIBLING, resident(date(1985, 1, 2), 101), "测试姐妹")
    mistaken = await declare(world, nurse, KIND.CHILD, resident(date(2018, 1, 1), 505))
    await world.services.family.strike(nurse, mistaken, 1)

    async def names(on: date) -> list[str]:
        return [one.name for one in await family_of(known(nurse), on)]

    assert await names(date(2010, 4, 30)) == ["马小满", "测试姐妹"]
    assert await names(date(2010, 5, 1)) == ["前夫", "马小满", "测试姐妹"]
    assert await names(date(2019, 6, 30)) == ["前夫", "马小满", "测试姐妹"]
    assert await names(date(2019, 7, 1)) == ["马小满", "测试姐妹"]
    assert await names(TODAY) == ["买买提·艾力", "马小满", "测试姐妹"]
    husband, small, other = await family_of(known(nurse), TODAY)
    assert (husband.kind, husband.evidence, husband.from_on) == (KIND.SPOUSE, paper, date(2020, 2, 29))
    assert (husband.sex, husband.born_on, husband.is_worker) == ("male", date(1985, 2, 1), False)
    assert (small.identifier_type, small.identifier_masked) == (IdentifierType.BIRTH_CERTIFICATE, "S3******56")
    assert (small.guarded, husband.guarded, small.evidence, small.certified) == (True, False, None, False)
    # The sister is a worker of ours; what the file calls her is another name, and the officer sees that.
    assert (other.person, other.is_worker, other.agrees) == (sister.person_id, True, False)
    assert (husband.agrees, small.agrees) == (True, True)
    for gone in ("refused", "erased"):
        await execute("UPDATE upload SET state = $2 WHERE id = $1", paper, gone)
        assert (await family_of(known(nurse), TODAY))[0].evidence is None
    between = await relation_between(known(nurse), await relative_of(child), TODAY)
    assert between == small
    assert await relation_between(known(nurse), new_id(), TODAY) is None
    assert await relation_between(known(sister), known(nurse), TODAY) is None


async def test_a_childs_consent_is_the_guardians_until_fourteen_and_then_the_childs(world: World) -> None:
    nurse, uncle = await world.workers(2)
    born_on = date(2012, 3, 3)
    relation = await declare(world, nurse, KIND.CHILD, resident(born_on, 602))
    child = await relative_of(relation)
    await world.services.family.agree(nurse, relation, "share_with_insurer", VERSION, None)
    assert await consents_of(child, TODAY) == {"share_with_insurer"}
    assert await consents_of(child, TODAY - timedelta(days=1)) == set()
    assert await consents_of(child, date(2026, 3, 3)) == set()
    await world.at(datetime(2026, 3, 3, 9, 0, tzinfo=LOCAL))
    with pytest.raises(RuleViolation):
        await world.services.family.agree(nurse, relation, "share_with_insurer", VERSION, None)
    signed = await world.paper(nurse, "consent_form", "checked")
    await world.services.family.agree(nurse, relation, "share_with_insurer", VERSION, signed)
    assert await consents_of(child, date(2026, 3, 3)) == {"share_with_insurer"}
    await world.services.family.disagree(nurse, relation, "share_with_insurer")
    assert await consents_of(child, date(2026, 3, 3)) == set()
    # Own consent, on one's own phone.
    assert await consents_of(known(uncle), TODAY) >= {"personal_data", "sensitive_data"}


async def test_a_guardians_consent_ends_with_the_guardianship(world: World) -> None:
    father, mother = await world.workers(2)
    relations = {}
    for parent in (father, mother):
        relations[parent.account_id] = await declare(world, parent, KIND.CHILD, certificate(date(2021, 1, 1)))
        await world.services.family.agree(parent, relations[parent.account_id], "personal_data", VERSION, None)
    child = await relative_of(relations[father.account_id])
    assert await fetch_value("SELECT count(*) FROM consent WHERE person = $1", child) == 2
    await world.services.family.disagree(father, relations[father.account_id], "personal_data")
    assert await consents_of(child, TODAY) == {"personal_data"}
    await world.services.family.end(mother, relations[mother.account_id], TODAY, EndReason.OTHER, 1)
    assert await consents_of(child, TODAY) == {"personal_data"}
    assert await consents_of(child, TODAY + timedelta(days=1)) == set()


async def test_the_limits_are_those_of_the_nearest_union(world: World) -> None:
    nurse = await world.worker()
    strict = msgspec.structs.replace(DEFAULT_RULES, live={KIND.CHILD: 1})

    async def rule(union: str, rules: str, clause: str, from_on: date) -> None:
        async with logged_in_as(OWNER):
            await execute(
                "INSERT INTO policy_row (id, topic, trade_union, effective_from, rules, clause)"
                " VALUES ($1, 'family.limits', $2, $3, $4, $5)",
                new_id(),
                world.unions[union],
                from_on,
                rules,
                clause,
            )

    await rule("province", msgspec.json.encode(DEFAULT_RULES).decode(), "省", date(2020, 1, 1))
    await rule("health", msgspec.json.encode(strict).decode(), "产业 第三条", date(2026, 3, 3))
    await declare(world, nurse, KIND.CHILD, certificate(date(2021, 1, 1)))
    await declare(world, nurse, KIND.CHILD, certificate(date(2022, 1, 1), "T370123456"))
    await world.later(days=1)
    with pytest.raises(RuleViolation) as refused:
        await declare(world, nurse, KIND.CHILD, certificate(date(2023, 1, 1), "U370123456"))
    assert [(one.code, one.clause) for one in refused.value.violations] == [("too_many_of_kind", "产业 第三条")]
    await rule("daizong", '{"live": "many"}', "院 第一条", date(2026, 3, 3))
    with pytest.raises(RuleViolation) as broken:
        await declare(world, nurse, KIND.CHILD, certificate(date(2023, 1, 1), "U370123456"))
    assert broken.value.code == "family_policy"


async def test_cases_note_whom_they_rest_on(world: World) -> None:
    nurse = await world.worker()
    relation = await declare(world, nurse, KIND.CHILD, certificate(date(2021, 1, 1)))
    case = new_id()
    for _ in range(2):
        await note_use([relation], case, await world.services.clock.now())
    assert await fetch_value("SELECT count(*) FROM relation_use") == 1
    assert await in_use(relation)
    await release_uses(case)
    assert not await in_use(relation)


async def ask(world: World, worker: Actor, relation: UUID, number: str) -> UUID:
    register = await world.paper(worker, "household_register", "checked")
    return await world.services.additions.ask(worker, relation, number, register)


async def test_a_child_who_gets_a_resident_id_is_still_one_person(world: World) -> None:
    nurse, father = await world.workers(2)
    relation = await declare(world, nurse, KIND.CHILD, certificate(date(2021, 1, 1)))
    fathers = await declare(world, father, KIND.CHILD, certificate(date(2021, 1, 1)))
    child = await relative_of(relation)
    number = resident_id(date(2021, 1, 1), 702)
    asked = await ask(world, nurse, relation, number)
    waiting = await queries.waiting_additions(world.by["officer-daizong"], 10)
    assert [(one.id, one.relative, one.name_on_file) for one in waiting] == [(asked, "马小满", "")]
    assert await queries.waiting_additions(world.by["officer-dailu"], 10) == []
    with pytest.raises(NotFound):
        await world.services.additions.approve(world.by["officer-dailu"], asked, "核对过户口簿")
    with pytest.raises(RuleViolation):
        await world.services.additions.approve(world.by["officer-daizong"], asked, "好")
    await world.services.additions.approve(world.by["officer-daizong"], asked, "核对过户口簿")
    with pytest.raises(Conflict):
        await world.services.additions.approve(world.by["officer-daizong"], asked, "核对过户口簿")
    people = world.services.people
    for identifier in (
        Identifier(IdentifierType.RESIDENT_ID, number),
        Identifier(IdentifierType.BIRTH_CERTIFICATE, "S370123456"),
    ):
        assert await people.find(identifier) == child
    assert [one.identifier_masked[:4] for one in await family_of(known(nurse), TODAY)] == ["3709"]
    # The father sees what he declared himself.
    assert [one.identifier_masked for one in await family_of(known(father), TODAY)] == ["S3******56"]
    assert await relative_of(fathers) == child
    acts = await fetch("SELECT reason FROM audit_entry WHERE act = 'family.identifier.approved'")
    assert [row["reason"] for row in acts] == ["核对过户口簿"]


async def test_a_correction_takes_the_question_back(world: World) -> None:
    nurse = await world.worker()
    relation = await declare(world, nurse, KIND.CHILD, certificate(date(2021, 1, 1)))
    asked = await ask(world, nurse, relation, resident_id(date(2021, 1, 1), 702))
    await world.services.family.strike(nurse, relation, 1)
    assert await queries.waiting_additions(world.by["officer-daizong"], 10) == []
    with pytest.raises(Conflict):
        await world.services.additions.approve(world.by["officer-daizong"], asked, "核对过户口簿")


async def test_two_persons_who_turn_out_to_be_one_child_become_one(world: World) -> None:
    nurse, father = await world.workers(2)
    relation = await declare(world, nurse, KIND.CHILD, certificate(date(2021, 1, 1)))
    number = resident(date(2021, 1, 1), 702)
    fathers = await declare(world, father, KIND.CHILD, number)
    await world.services.family.agree(nurse, relation, "personal_data", VERSION, None)
    await world.services.family.agree(father, fathers, "sensitive_data", VERSION, None)
    asked = await ask(world, nurse, relation, number.number)
    assert (await queries.waiting_additions(world.by["officer-daizong"], 10))[0].name_on_file == "马小满"
    await world.services.additions.approve(world.by["officer-daizong"], asked, "核对过户口簿")
    child = await relative_of(fathers)
    assert await relative_of(relation) == child
    assert await fetch_value("SELECT count(*) FROM person WHERE name = '马小满'") == 1
    assert await consents_of(child, TODAY) == {"personal_data", "sensitive_data"}


async def test_the_person_on_whom_cases_rest_is_the_one_who_stays(world: World) -> None:
    nurse, father = await world.workers(2)
    relation = await declare(world, nurse, KIND.CHILD, certificate(date(2021, 1, 1)))
    number = resident(date(2021, 1, 1), 702)
    fathers = await declare(world, father, KIND.CHILD, number)
    covered, other = await relative_of(relation), await relative_of(fathers)

    async def stayed(person: UUID) -> None:
        await execute(
            "INSERT INTO stay (id, person, area_code, starts_on, ends_on)"
            " VALUES ($1, $2, '370212', '2024-06-03', '2024-06-09')",
            new_id(),
            person,
        )

    await stayed(covered)
    asked = await ask(world, nurse, relation, number.number)
    await world.services.additions.approve(world.by["officer-daizong"], asked, "核对过户口簿")
    assert (await relative_of(relation), await relative_of(fathers)) == (covered, covered)
    assert await fetch_value("SELECT count(*) FROM person WHERE id = $1", other) == 0


async def test_two_persons_with_cases_are_not_made_one(world: World) -> None:
    nurse, doctor = await world.workers(2)
    relation = await declare(world, nurse, KIND.SIBLING, certificate(date(2021, 1, 1)))
    # Whoever has a record of their own cannot go; and the child has been covered.
    number = resident(date(2021, 1, 1), 702)
    await declare(world, doctor, KIND.CHILD, number)
    for person in (
        await relative_of(relation),
        await world.services.people.find(Identifier(number.type, number.number)),
    ):
        await execute(
            "INSERT INTO stay (id, person, area_code, starts_on, ends_on)"
            " VALUES ($1, $2, '370212', '2024-06-03', '2024-06-09')",
            new_id(),
            person,
        )
    asked = await ask(world, nurse, relation, number.number)
    with pytest.raises(Conflict) as refused:
        await world.services.additions.approve(world.by["officer-daizong"], asked, "核对过户口簿")
    assert refused.value.code == "both_in_use"
    assert await fetch_value("SELECT state FROM identifier_addition") == "open"
    await world.services.additions.refuse(world.by["officer-daizong"], asked, "请到现场核对")
    entry = (await queries.family_file(known(nurse)))[0]
    assert entry.addition is not None
    assert (entry.addition.state, entry.addition.reason) == ("refused", "请到现场核对")


async def test_an_officer_settles_nothing_of_their_own_family(world: World) -> None:
    nurse = await world.worker()
    relation = await declare(world, nurse, KIND.CHILD, certificate(date(2021, 1, 1)))
    asked = await ask(world, nurse, relation, resident_id(date(2021, 1, 1), 702))
    officer = world.by["officer-daizong"]
    await execute(
        "INSERT INTO relation (id, person, relative, kind) VALUES ($1, $2, $3, 'sibling')",
        new_id(),
        officer.person_id,
        nurse.person_id,
    )
    with pytest.raises(Forbidden):
        await world.services.additions.approve(officer, asked, "核对过户口簿")
