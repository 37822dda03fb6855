"""The stage of the acts that write: two workers each, about to make a call; and the list of what is arranged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backend.accounts.tokens import Tokens
from backend.database import execute, new_id
from backend.identity import Actor
from backend.operations.tour.phone import Phone
from backend.settings import settings
from tests.api.conftest import Api
from tests.integration.award_world import AwardWorld
from tests.integration.cover_world import CoverWorld
from tests.integration.stay_world import World


@dataclass(frozen=True)
class Act:
    """A call that is about to be made: `other` are fields that make the body another one."""

    phone: Phone
    path: str
    body: Mapping[str, Any] | None = None
    other: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Stage:
    """The city with its programmes, plans and award, and the phones of its nurses; each worker comes on once."""

    api: Api
    awards: AwardWorld
    stays: World
    covers: CoverWorld
    serials: Iterator[int]

    async def nurse(self) -> tuple[Actor, Phone]:
        """A nurse with a verified record and every consent, and her phone, logged in."""
        serial = next(self.serials)
        actor = await self.covers.worker(serial=serial)
        return actor, await self.phone_of(actor, f"1380000{serial:04d}")

    async def phone_of(self, actor: Actor, number: str = "") -> Phone:
        """A phone on which she is logged in."""
        family = new_id()
        await execute(
            "INSERT INTO token_family (id, account, device, created_at, rotated_at)"
            " VALUES ($1, $2, '手机', now(), now())",
            family,
            actor.account_id,
        )
        phone = self.api.phone(number)
        tokens = Tokens(settings().token_key)
        phone.use(tokens.access(actor.account_id, family))
        phone.refresh_token = tokens.refresh(family, 0)
        return phone


Pair = tuple[Act, Act]
Arrangement = Callable[[Stage], Awaitable[Pair]]

ARRANGED: dict[str, Arrangement] = {}


def arranged(operation: str) -> Callable[[Callable[[Stage, int], Awaitable[Act]]], None]:
    """What one worker does before, done for two."""

    def note(arrange: Callable[[Stage, int], Awaitable[Act]]) -> None:
        async def twice(stage: Stage) -> Pair:
            return await arrange(stage, next(stage.serials)), await arrange(stage, next(stage.serials))

        ARRANGED[operation] = twice

    return note


def arranged_together(operation: str) -> Callable[[Arrangement], None]:
    """What two workers do before in one batch or campaign."""

    def note(arrange: Arrangement) -> None:
        ARRANGED[operation] = arrange

    return note
