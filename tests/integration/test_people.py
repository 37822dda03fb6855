"""Persons on a real database: one person to a document number, and the number in no row to be read."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from backend.clock import SystemClock
from backend.database import execute, fetch, new_id
from backend.people.identifiers import Identifier, IdentifierType
from backend.people.service import People
from backend.sealing import KeyRing, SealBroken
from tests.integration.paper_world import SEALER

NUMBER = Identifier(IdentifierType.RESIDENT_ID, "370999198506150016")

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def people() -> People:
    return People(SystemClock(), SEALER)


async def person(name: str = "古丽·买买提") -> UUID:
    made = new_id()
    await execute("INSERT INTO person (id, name, created_at) VALUES ($1, $2, now())", made, name)
    return made


async def test_a_number_makes_one_person_known(people: People) -> None:
    first, second = await person(), await person("沈静")
    assert await people.find(NUMBER) is None
    assert await people.identify(first, NUMBER)
    assert not await people.identify(second, NUMBER)
    assert await people.find(NUMBER) == first
    assert await people.identify(first, Identifier(IdentifierType.FOREIGN_PASSPORT, "AB1234567"))
    assert await people.find(Identifier(IdentifierType.FOREIGN_PASSPORT, "AB1234567")) == first


async def test_ten_who_claim_a_number_at_once_get_it_once(people: People) -> None:
    claimants = [await person(f"某{number}") for number in range(10)]
    won = await asyncio.gather(*(people.identify(each, NUMBER) for each in claimants))
    assert won.count(True) == 1
    assert await people.find(NUMBER) == claimants[won.index(True)]


async def test_the_same_signs_under_another_type_are_another_number(people: People) -> None:
    first, second = await person(), await person("沈静")
    assert await people.identify(first, Identifier(IdentifierType.FOREIGN_PASSPORT, "12345678"))
    assert await people.identify(second, Identifier(IdentifierType.HMT_PERMIT, "12345678"))
    assert await people.find(Identifier(IdentifierType.HMT_PERMIT, "12345678")) == second


async def test_a_number_is_sealed_looked_up_by_hash_and_shown_masked(people: People) -> None:
    await people.identify(await person(), NUMBER)
    (row,) = await fetch("SELECT type, sealed, masked, i::text AS line FROM person_identifier i")
    assert NUMBER.number not in row["line"]
    assert NUMBER.number.encode().hex() not in row["line"]
    assert row["masked"] == "3709**********0016"
    assert people.open(row["type"], row["sealed"]) == NUMBER
    with pytest.raises(SealBroken):
        people.open(IdentifierType.FOREIGN_PASSPORT, row["sealed"])
    stranger = People(SystemClock(), KeyRing({"a": bytes(32)}, "a", bytes(range(32))))
    assert await stranger.find(NUMBER) is None
