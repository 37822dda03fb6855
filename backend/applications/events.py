"""The append-only log of a case: chained events over stored bytes, and the facts that they judged, sealed per case."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.case import Case
from backend.applications.lifecycle import Move
from backend.applications.tables import ApplicationEvent, ApplicationFacts, CaseKey
from backend.database import fetch, fetch_one, new_id
from backend.identity import Actor
from backend.sealing import KeyRing, Sealer

_CASE_KEY = "case_key"


@dataclass(frozen=True, slots=True)
class EventLog:
    """Writes and reads the events of cases; the caller holds the case's row lock."""

    sealer: Sealer

    async def append(
        self, case: Case, move: Move, after: Case, actor: Actor, at: datetime, comment: str, facts: Any
    ) -> UUID:
        """Add one event, with the digest of `facts` (None for none), and the facts themselves sealed beside it."""
        last = await fetch_one(
            "SELECT seq, hash FROM application_event WHERE application = $1 ORDER BY seq DESC LIMIT 1", case.id
        )
        seq, previous = (last["seq"] + 1, last["hash"]) if last else (1, b"")
        encoded = msgspec.json.encode(facts, order="deterministic") if facts is not None else None
        role = acting_role(actor, move)
        body = msgspec.json.encode(
            {
                "application": case.id,
                "seq": seq,
                "at": at,
                "actor": actor.account_id,
                "role": role,
                "action": move.action,
                "from": [case.stage_key, case.state],
                "to": [after.stage_key, after.state],
                "placement": [after.placement, after.rank],
                "acting_union": after.acting_union,
                "comment": comment,
                "facts": hashlib.sha256(encoded).hexdigest() if encoded is not None else None,
            },
            order="deterministic",
        )
        event = ApplicationEvent(
            id=new_id(),
            application=case.id,
            seq=seq,
            at=at,
            actor=actor.account_id,
            actor_person=actor.person_id,
            actor_name=actor.name,
            role=role,
            action=move.action,
            from_state=case.state,
            to_state=after.state,
            from_stage=case.stage_key,
            to_stage=after.stage_key,
            comment=comment,
            body=body,
            previous=previous,
            hash=hashlib.sha256(previous + body).digest(),
        )
        await ApplicationEvent.insert(event)
        if encoded is not None:
            sealed = (await self._key(case.id)).seal(encoded.decode(), f"facts:{case.id}:{seq}")
            await ApplicationFacts.insert(ApplicationFacts(application=case.id, seq=seq, sealed=sealed))
        return UUID(str(event.id))

    @staticmethod
    def plain(facts: Any) -> Any:
        """`facts` as they would be read back: for comparing with those of an earlier event."""
        return msgspec.json.decode(msgspec.json.encode(facts))

    async def facts(self, application_id: UUID, seq: int) -> Any:
        """The facts that event `seq` judged, decoded; None where there were none or their key is destroyed."""
        row = await fetch_one(
            "SELECT f.sealed, k.sealed AS key FROM application_facts f JOIN case_key k USING (application)"
            " WHERE f.application = $1 AND f.seq = $2",
            application_id,
            seq,
        )
        if row is None or row["key"] is None:
            return None
        return msgspec.json.decode(self._ring(row["key"]).open(row["sealed"], f"facts:{application_id}:{seq}"))

    async def _key(self, application_id: UUID) -> KeyRing:
        row = await fetch_one("SELECT sealed FROM case_key WHERE application = $1", application_id)
        if row is None:
            sealed = self.sealer.seal(base64.b64encode(os.urandom(32)).decode(), _CASE_KEY)
            await CaseKey.insert(CaseKey(application=application_id, sealed=sealed))
        else:
            sealed = row["sealed"]
        return self._ring(sealed)

    def _ring(self, sealed: bytes) -> KeyRing:
        key = base64.b64decode(self.sealer.open(sealed, _CASE_KEY))
        return KeyRing({"case": key}, "case", key)


def acting_role(actor: Actor, move: Move) -> str:
    """In which role the actor made this move, as the log names it."""
    if move.role is not None and move.role in actor.roles:
        return move.role.value
    return next(iter(sorted(actor.roles))).value


async def broken_link(application_id: UUID) -> int | None:
    """The sequence number at which a case's chain does not hold; None when every link does."""
    return _broken(await fetch(f"{_LINKS} WHERE application = $1 ORDER BY seq", application_id))


async def broken_chains() -> AsyncIterator[tuple[UUID, int]]:
    """Every case whose chain does not hold, with the number at which it breaks; read some cases at a time."""
    after = UUID(int=0)
    while rows := await fetch(
        f"{_LINKS} WHERE application IN (SELECT id FROM application WHERE id > $1 ORDER BY id LIMIT 500)"
        " ORDER BY application, seq",
        after,
    ):
        for application, links in groupby(rows, key=lambda row: row["application"]):
            broken = _broken(list(links))
            if broken is not None:
                yield application, broken
        after = rows[-1]["application"]


_LINKS = (
    "SELECT application, seq, actor, role, action, from_stage, from_state, to_stage, to_state, comment, body, previous,"
    " hash FROM application_event"
)


def _broken(rows: Sequence[asyncpg.Record]) -> int | None:
    previous, expected = b"", 1
    for row in rows:
        whole = row["previous"] == previous and row["hash"] == hashlib.sha256(previous + row["body"]).digest()
        if row["seq"] != expected or not whole or not _says_the_same(row):
            return expected
        previous, expected = row["hash"], expected + 1
    return None


def _says_the_same(row: asyncpg.Record) -> bool:
    """Whether the columns, which people read, say what the hashed bytes say."""
    body = msgspec.json.decode(row["body"])
    return bool(
        (body["application"], body["seq"], body["actor"]) == (str(row["application"]), row["seq"], str(row["actor"]))
        and (body["role"], body["action"], body["comment"]) == (row["role"], row["action"], row["comment"])
        and body["from"] == [row["from_stage"], row["from_state"]]
        and body["to"] == [row["to_stage"], row["to_state"]]
    )
