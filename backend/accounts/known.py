"""Whom this process knows by their token: actors kept until the database says that something about them changed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from backend.accounts.tokens import AccessClaims
from backend.database import CUT_OFF
from backend.identity import Actor
from backend.words import Language

log = structlog.get_logger(__name__)

#: Where the database says whose login, name or unit changed: the payload is an account's or a person's id.
CHANNEL = "actor_changed"

#: For so long after the listening connection last answered, what is kept is believed; afterwards every request asks.
TRUST_SECONDS = 3.0
_ASK_EVERY = 1.0
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Known:
    """A token that was verified, and the actor behind it in one language."""

    claims: AccessClaims
    actor: Actor


class KnownActors:
    """A bounded memory of tokens. It answers only while `listening`: a revocation reaches it by the database's word.

    That word comes with the commit, within milliseconds. Where the connection that listens is cut or silent, nothing
    is believed from TRUST_SECONDS after its last answer on, so that is the longest that a revocation can take.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Language], Known] = OrderedDict()
        self._by_id: defaultdict[UUID, set[tuple[str, Language]]] = defaultdict(set)
        self._heard = float("-inf")
        #: Counts what was forgotten, so that an actor that was read before it is not kept after it.
        self.changes = 0

    def get(self, token: str, language: Language, now: float) -> Known | None:
        """What is known of a token at `now` (seconds since the epoch); None where it has to be asked."""
        if time.monotonic() - self._heard > TRUST_SECONDS:
            return None
        known = self._kept.get((token, language))
        if known is None or known.claims.expires_at <= now:
            return None
        return known

    def keep(self, token: str, known: Known, changes: int) -> None:
        """Remember an actor, unless somebody was forgotten since `changes` was read: it may have been this one."""
        if changes != self.changes:
            return
        key = (token, known.actor.language)
        self._kept[key] = known
        for one in (known.actor.account_id, known.actor.person_id):
            if one is not None:
                self._by_id[one].add(key)
        if len(self._kept) > _KEPT:
            self._drop(next(iter(self._kept)))

    def forget(self, one: UUID) -> None:
        """Forget the actors of this account or person."""
        self.changes += 1
        for key in list(self._by_id.get(one, ())):
            self._drop(key)

    def forget_all(self) -> None:
        """Forget everybody."""
        self.changes += 1
        self._kept.clear()
        self._by_id.clear()

    def _drop(self, key: tuple[str, Language]) -> None:
        known = self._kept.pop(key)
        for one in (known.actor.account_id, known.actor.person_id):
            if one is not None:
                self._by_id[one].discard(key)
                if not self._by_id[one]:
                    del self._by_id[one]

    @asynccontextmanager
    async def listening(self, dsn: str) -> AsyncIterator[None]:
        """The block with the database's word coming in; where it does not, nothing is believed."""
        task = asyncio.create_task(self._listen(dsn))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen(self, dsn: str) -> None:
        while True:
            try:
                connection = await asyncpg.connect(dsn, timeout=TRUST_SECONDS, command_timeout=TRUST_SECONDS)
                try:
                    await connection.add_listener(CHANNEL, self._told)
                    # What changed before the first word is not known.
                    self.forget_all()
                    while True:
                        asked = time.monotonic()
                        await connection.execute("SELECT 1")
                        self._heard = asked
                        await asyncio.sleep(_ASK_EVERY)
                finally:
                    connection.terminate()
            except (*CUT_OFF, asyncpg.PostgresError) as error:
                log.warning("actors_not_heard", error=type(error).__name__)
                await asyncio.sleep(_ASK_EVERY)

    def _told(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        self.forget(UUID(str(payload)))
