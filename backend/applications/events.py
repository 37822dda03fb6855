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
from backend.database import Write, fetch, fetch_one, new_id
from backend.identity import Actor
from backend.sealing import KeyRing, Sealer

_CASE_KEY = "case_key"


_INSERT_EVENT = (
    "INSERT INTO application_event (id, application, seq, at, actor, actor_person, actor_name, role, action,"
    " from_state, to_state, from_stage, to_stage, comment, body, previous, hash)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
)
_INSERT_KEY = "INSERT INTO case_key (application, sealed) VALUES ($1, $2)"
_INSERT_FACTS = "INSERT INTO application_facts (id, application, seq, sealed) VALUES ($1, $2, $3, $4)"


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the chain of a case stands: the number and hash of its last event, and the sealed key of its facts."""

    seq: int
    hash: bytes
    key: bytes | None


#: What `chain_in` reads of case `a`, and what has to be joined for it.
CHAIN_COLUMNS = "e.seq AS chain_seq, e.hash AS chain_hash, k.sealed AS chain_key"
CHAIN_FROM = (
    "LEFT JOIN LATERAL (SELECT seq, hash FROM application_event WHERE application = a.id ORDER BY seq DESC LIMIT 1) e"
    " ON true LEFT JOIN case_key k ON k.application = a.id"
)


def chain_in(row: asyncpg.Record) -> Chain:
    """The chain of a row of CHAIN_COLUMNS."""
    return Chain(row["chain_seq"] or 0, row["chain_hash"] or b"", row["chain_key"])


@dataclass(frozen=True, slots=True)
class EventLog:
    """Writes and reads the events of cases; the caller holds the case's row lock."""

    sealer: Sealer

    def appended(
        self, chain: Chain, case: Case, move: Move, after: Case, actor: Actor, at: datetime, comment: str, facts: Any
    ) -> tuple[UUID, list[Write]]:
        """One event more, as statements to be run: its id, and the rows of it.

        It holds the digest of `facts` (None for none), which are sealed beside it. `chain` was read under the lock.
        """
        encoded = msgspec.json.encode(facts, order="deterministic") if facts is not None else None
        seq, role, event = chain.seq + 1, acting_role(actor, move), new_id()
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
        row = (
            *(event, case.id, seq, at, actor.account_id, actor.person_id, actor.name, role, move.action),
            *(case.state, after.state, case.stage_key, after.stage_key, comment, body, chain.hash),
            hashlib.sha256(chain.hash + body).digest(),
        )
        writes = [Write(_INSERT_EVENT, row)]
        if encoded is not None:
            sealed_key = chain.key
            if sealed_key is None:
                sealed_key = self.sealer.seal(base64.b64encode(os.urandom(32)).decode(), _CASE_KEY)
                writes.append(
                    Write("INSERT INTO case_key (application, sealed) VALUES ($1, $2)", (case.id, sealed_key))
                )
            sealed = self._ring(sealed_key).seal(encoded.decode(), f"facts:{case.id}:{seq}")
            writes.append(Write(_INSERT_FACTS, (new_id(), case.id, seq, sealed)))
        return event, writes

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
        return self.open_facts(application_id, seq, row["sealed"], row["key"]) if row else None

    def open_facts(self, application_id: UUID, seq: int, sealed: bytes, key: bytes | None) -> Any:
        """The facts of a row, decoded; None where the key of the case is destroyed."""
        if key is None:
            return None
        return msgspec.json.decode(self._ring(key).open(sealed, f"facts:{application_id}:{seq}"))

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
