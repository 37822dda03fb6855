"""Who lives through the bad day: several people at once in all three programmes, and the desks that decide on them."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx

from backend.clock import set_business_clock
from backend.operations.demo_cases import PAPERS, sample_paper
from backend.operations.tour import awards, covers, story
from backend.operations.tour.browser import Browser
from backend.operations.tour.cast import Cast, Nurse, new_nurse
from backend.operations.tour.phone import Phone, Surprise
from backend.operations.tour.registration import registers
from tests.faults.driver.house import House
from tests.faults.driver.patience import PATIENCE_S, Ledger, Patient

#: Everybody of the desks; they log in before the first blow, for a second factor counts once.
DESKS = (
    "hr-wang",
    "hr-sun",
    "chair-han",
    "chair-yang",
    "chair-lu",
    "chair-xiao",
    "officer-daizong",
    "officer-dailu",
    "reviewer-zhou",
    "reviewer-zheng",
    "reviewer-chen",
    "reviewer-jiang",
    "reviewer-shen",
    "reviewer-feng",
)
_CLOCK_TRIES = 60
_BY_VERSION = re.compile(r"/registry/record(/submit)?|/commendation/nominations/[0-9a-f-]{36}")


class Told:
    """Counts what came out as told."""

    def __init__(self) -> None:
        self.steps = 0
        self.at = ""

    def chapter(self, title: str) -> None:
        """See the tour."""
        self.at = title

    def step(self, who: str, what: str) -> None:
        """See the tour."""
        self.steps += 1


class Insistent(Phone):
    """A phone whose answer with the tokens may get lost: the code is used up then, and it asks for another."""

    patience_s = PATIENCE_S

    async def log_in(self, device: str = "旧手机") -> None:
        """See Phone."""
        for _ in range(3):
            try:
                await super().log_in(device)
                return
            except Surprise as surprise:
                if " 401 " not in str(surprise):
                    raise
        raise Surprise("no login in three tries")

    async def call(self, method: str, path: str, expected: int, body: Any = None, *, key: str | None = None) -> Any:
        """See Phone."""
        try:
            return await super().call(method, path, expected, body, key=key)
        except Surprise as surprise:
            # These go by version alone: where the answer was lost, the first try stands in the way of the second.
            if " 409 " not in str(surprise) or expected == 409 or not _BY_VERSION.fullmatch(path):
                raise
            return await super().call("GET", path.removesuffix("/submit"), 200)


class Lane(Cast):
    """One of several casts that play at once: its own phones and browsers, the desks' logins shared."""

    logins: dict[str, httpx.Cookies]

    def phone(self, number: str) -> Phone:
        """See Cast."""
        return Insistent(self.client, self.messages, number, self.transport)

    async def at(self, username: str) -> Browser:
        """See Cast."""
        if username not in self.browsers:
            browser = Browser(self.console, username, self.transport)
            browser.client.cookies.update(self.logins[username])
            self.browsers[username] = browser
        return self.browsers[username]


class Crowd:
    """Some people at once, round after round, each round with new people and all three programmes."""

    def __init__(self, house: House, lanes: int) -> None:
        self.house = house
        self.ledger = Ledger()
        self.told = Told()
        self.rounds = 0
        self.surprises: list[str] = []
        self._count = lanes
        self._logins: dict[str, httpx.Cookies] = {}
        self._ways: list[Patient] = []

    async def log_in(self) -> None:
        """Log everybody at the desks in."""
        cast = self._lane()

        async def one(username: str) -> None:
            browser = Browser(self.house.console, username, cast.transport)
            await browser.log_in(self.house.secrets.demo_password, self.house.secrets.demo_totp)
            self._logins[username] = browser.client.cookies
            await browser.close()

        for username in DESKS:
            await one(username)
        await cast.close()

    async def live(self, stopping: asyncio.Event) -> None:
        """Rounds until told to stop, the last one to its end; `surprises` are what nobody would accept."""
        while not stopping.is_set():
            for play in (self._stays, self._covers, self._awards):
                lanes = [self._lane() for _ in range(self._count)]
                try:
                    await play(lanes)
                except (Surprise, httpx.HTTPError) as surprise:
                    self.surprises.append(f"{self.told.at}: {surprise}")
                finally:
                    for lane in lanes:
                        await lane.close()
                if stopping.is_set():
                    return
            self.rounds += 1

    async def hang_up(self) -> None:
        """Close every connection."""
        for way in self._ways:
            await way.hang_up()

    def _lane(self) -> Lane:
        # Each from an address of its own, as phones do: the throttles count by it.
        address = f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        way = Patient(self.ledger, (self.house.api, self.house.console), address)
        self._ways.append(way)
        lane = Lane(
            api=self.house.api,
            console=self.house.console,
            messages=self.house.messages,
            password=self.house.secrets.demo_password,
            totp_secret=self.house.secrets.demo_totp,
            told=self.told,
            set_clock=self._set_clock,
            transport=way,
        )
        lane.logins = self._logins
        return lane

    async def _set_clock(self, instant: datetime) -> None:
        for _ in range(_CLOCK_TRIES):
            try:
                await set_business_clock(self.house.dsn, instant)
                return
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.5)
        raise Surprise("the clock cannot be set")

    async def _stays(self, lanes: Sequence[Lane]) -> None:
        """Everybody wants one of fewer places; one declines, a reserve moves up, all who may confirm."""
        first, places = lanes[0], max(1, len(lanes) - 1)
        await self._set_clock(story.BEGINS)
        nurses = [new_nurse(lane, f"护士{secrets.choice('甲乙丙丁戊己庚辛')}") for lane in lanes]
        await _all(lanes, nurses, lambda lane, nurse: registers(lane, nurse))
        batch = await story.batch_opens(first, places)
        cases = await _all(lanes, nurses, lambda lane, nurse: story.applies(lane, nurse, batch))
        await asyncio.gather(*(story.unit_and_papers(lane, (case,)) for lane, case in zip(lanes, cases, strict=True)))
        await asyncio.gather(*(story.committee_decides(lane, (case,)) for lane, case in zip(lanes, cases, strict=True)))
        await self._set_clock(story.BEGINS + timedelta(days=15))
        chair = await first.at("chair-han")
        await chair.open(f"/review/batches/{batch}")
        await chair.send(f"/review/batches/{batch}/allocate")
        await chair.send(f"/review/batches/{batch}/notice")
        await self._set_clock(story.BEGINS + timedelta(days=23))
        states = await asyncio.gather(*(_settled(nurse, case) for nurse, case in zip(nurses, cases, strict=True)))
        if states.count("approved") != places:
            raise Surprise(f"{places} places, and {states}")
        gone = states.index("approved")
        await nurses[gone].phone.act(cases[gone], "decline")
        others = [index for index in range(len(lanes)) if index != gone]
        confirmed = await asyncio.gather(*(nurses[index].phone.act(cases[index], "confirm") for index in others))
        if [one["state"] for one in confirmed] != ["confirmed"] * places:
            raise Surprise(f"not all confirmed: {[one['state'] for one in confirmed]}")

    async def _covers(self, lanes: Sequence[Lane]) -> None:
        """Everybody joins with a child, is assessed and covered."""
        await self._set_clock(covers.BEGINS)

        async def one(lane: Lane) -> None:
            nurse = new_nurse(lane, "马小兰")
            await registers(lane, nurse)
            child = await covers.family(lane, nurse)
            case = await covers.joins(lane, nurse, child)
            await covers.assessed(lane, nurse, case)
            await covers.covered(lane, nurse)

        await asyncio.gather(*(one(lane) for lane in lanes))

    async def _awards(self, lanes: Sequence[Lane]) -> None:
        """One is nominated and granted, from the first form to the certificate, while others register and upload."""
        stop = asyncio.Event()

        async def bystander(lane: Lane) -> None:
            # One person: the desk's form for a nomination lists a hundred of a unit's staff, not more.
            nurse = new_nurse(lane, "旁观者")
            await registers(lane, nurse)
            while not stop.is_set():
                for _, kind, title in PAPERS:
                    await nurse.phone.checked(await nurse.phone.upload(kind, sample_paper(title)))

        async def nominee() -> None:
            try:
                await awards.play_awards(lanes[0])
            finally:
                stop.set()

        await asyncio.gather(nominee(), *(bystander(lane) for lane in lanes[1:2]))


async def _settled(nurse: Nurse, case: str) -> str:
    """What became of a case once its notice had ended."""
    for _ in range(240):
        state = str((await nurse.phone.case(case))["state"])
        if state in ("approved", "reserve"):
            return state
        await asyncio.sleep(0.5)
    raise Surprise(f"the notice did not end: {state}")


async def _all(
    lanes: Sequence[Lane], nurses: Sequence[Nurse], play: Callable[[Lane, Nurse], Awaitable[str | None]]
) -> list[str]:
    played = await asyncio.gather(*(play(lane, nurse) for lane, nurse in zip(lanes, nurses, strict=True)))
    return [one or "" for one in played]
