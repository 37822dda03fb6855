"""No sequence of joining, renewing, leaving and dying covers a person twice by one plan on one day: on PostgreSQL."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from backend.applications.lifecycle import Action
from backend.clock import LOCAL, local_date
from backend.database import fetch, fetch_value
from backend.errors import DomainError
from backend.identity import Actor
from backend.insurance.lines import InsuredInput
from tests.integration.cover_world import HEALTHY, MYSELF, CoverWorld, covers, make_cover_world
from tests.services import logged_in_as


class Lives:
    """Two parents with one child, living through some years by a seed."""

    def __init__(self, city: CoverWorld, seed: int) -> None:
        self.city = city
        self.luck = random.Random(seed)
        self.parents: list[Actor] = []
        self.children: list[InsuredInput] = []
        self.persons: list[UUID] = []
        self.done: list[str] = []

    async def begin(self) -> None:
        """Both name the same child."""
        self.parents = await self.city.workers(2)
        relation, child = await self.city.relative(self.parents[0], "child", date(2018, 6, 1))
        other, _ = await self.city.relative(self.parents[1], "child", date(2018, 6, 1), person=child)
        self.children = [
            InsuredInput(relation_id=relation, health=HEALTHY),
            InsuredInput(relation_id=other, health=HEALTHY),
        ]
        self.persons = [worker.person_id for worker in self.parents if worker.person_id] + [child]

    async def step(self) -> None:
        """Some days pass, then somebody does something; what the rules refuse changes nothing."""
        days = self.luck.choice([0, 0, 1, 29, 30, 31, 59, 60, 200, 305, 365])
        now = await self.city.world.services.clock.now()
        later = datetime.combine(local_date(now) + timedelta(days=days), time(9, 0), LOCAL)
        # The invented working days end with 2026; covers look further, cases do not.
        if later < datetime(2030, 1, 1, tzinfo=LOCAL):
            await self.city.world.at(later)
        who = self.luck.randrange(2)
        act = self.luck.choice([self._join, self._join, self._join_both, self._leave, self._die])
        before = await covers(self.persons[2])
        try:
            await act(who)
        except DomainError as refused:
            self.done.append(f"{act.__name__}:{refused.code}")
            assert len(await covers(self.persons[2])) == len(before)
        else:
            self.done.append(act.__name__)

    async def _join(self, who: int) -> None:
        members = self.luck.choice([[MYSELF], [self.children[who]], [MYSELF, self.children[who]]])
        await self.city.covered(self.parents[who], *members)

    async def _join_both(self, who: int) -> None:
        first = await self.city.submitted(self.parents[who], self.children[who])
        second = await self.city.draft(self.parents[1 - who], self.children[1 - who])
        with pytest.raises(DomainError):
            await self.city.act(self.parents[1 - who], second, Action.SUBMIT)
        await self.city.assess(await self.city.at_assessment(first))

    async def _leave(self, who: int) -> None:
        await self._depart(self.persons[who], "left")

    async def _die(self, who: int) -> None:
        await self._depart(self.persons[2], "death")

    async def _depart(self, person: UUID, reason: str) -> None:
        today = local_date(await self.city.world.services.clock.now())
        on = today - timedelta(days=self.luck.choice([0, 1, 40]))
        officer = self.city.world.by["officer-daizong"]
        await self.city.world.services.covers.depart(officer, person, on, reason)


@pytest.mark.parametrize("seed", range(6))
async def test_nobody_is_covered_twice_on_one_day_whatever_is_done(database: None, seed: int) -> None:
    city = await make_cover_world()
    async with logged_in_as("niangjia_console"):
        lives = Lives(city, seed)
        await lives.begin()
        for _ in range(12):
            await lives.step()
        assert "_join" in lives.done or "_join_both" in lives.done
        for person in lives.persons:
            held = [
                (begins, ended or ends)
                for begins, ends, ended in await covers(person)
                if ended is None or ended >= begins
            ]
            for (_, last), (begins, _) in pairwise(held):
                assert begins > last, lives.done
        renewals = await fetch("SELECT person, starts_on FROM cover WHERE renews AND waived")
        for row in renewals:
            before = await fetch_value(
                "SELECT max(ends_on) FROM cover WHERE person = $1 AND ends_on < $2 AND ended_on IS NULL",
                row["person"],
                row["starts_on"],
            )
            assert before is not None and (row["starts_on"] - before).days <= 31
