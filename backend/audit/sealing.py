"""Sealing of what is only added to: a signed, chained statement over every event and audit entry, made by the worker.

What stands under a seal cannot be edited, deleted or reordered unseen, not even by who owns the database; what is not
sealed yet (SEAL_EVERY, and as long as the worker stands still) is the limit. Whoever cuts off the newest seals together
with their rows is found by comparing with a head that was noted elsewhere: the worker logs each one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backend.audit.tables import Seal
from backend.clock import security_now
from backend.database import fetch, fetch_one, transaction
from backend.settings import Settings, SettingsError

log = structlog.get_logger(__name__)

SEAL_EVERY = timedelta(seconds=10)

#: Rows under one seal at most.
_BATCH = 1000

#: Two workers never seal at once.
_LOCK = 7_041_203

#: The tables whose rows are sealed; the names are stored and never change.
SOURCES = ("application_event", "audit_entry")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed: in which table, which row (None for a seal itself), and what is wrong."""

    source: str
    row: UUID | None
    wrong: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal: noted elsewhere, it proves later that no seal was cut off."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification saw: seals and rows read, rows that wait to be sealed, and everything that is wrong."""

    seals: int
    rows: int
    waiting: int
    head: Head | None
    findings: Sequence[Finding]


def sealing_key(settings: Settings) -> Ed25519PrivateKey:
    """The key that signs seals; raises SettingsError where this process has none."""
    if settings.seal_key is None:
        raise SettingsError("NIANGJIA_SEAL_KEY is not set: the worker signs the audit log with it")
    return Ed25519PrivateKey.from_private_bytes(settings.seal_key)


async def seal(key: Ed25519PrivateKey) -> int:
    """Seal every committed row that no seal covers; the number of rows sealed. Two at once seal nothing twice."""
    sealed = 0
    while True:
        async with transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            count = sum([await _seal_some(source, key) for source in SOURCES])
        sealed += count
        if count < _BATCH:
            return sealed


async def _seal_some(source: str, key: Ed25519PrivateKey) -> int:
    ids = [
        row["id"]
        for row in await fetch(
            "DELETE FROM unsealed WHERE id IN (SELECT id FROM unsealed WHERE source = $1 ORDER BY id LIMIT $2)"
            " RETURNING id",
            source,
            _BATCH,
        )
    ]
    if not ids:
        return 0
    columns = [
        row["attname"]
        for row in await fetch(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"
            " ORDER BY attnum",
            source,
        )
    ]
    ids.sort()
    digest, _ = await _digest(source, columns, ids)
    last = await fetch_one("SELECT number, hash FROM seal ORDER BY number DESC LIMIT 1")
    number, previous = (last["number"] + 1, last["hash"]) if last else (1, b"")
    at = security_now()
    stated = _statement(number, at.isoformat(), source, columns, ids, digest, previous)
    await Seal.insert(
        Seal(
            number=number,
            at=at,
            source=source,
            columns=columns,
            rows=ids,
            digest=digest,
            previous=previous,
            hash=hashlib.sha256(stated).digest(),
            signature=key.sign(stated),
        )
    )
    log.info("sealed", number=number, source=source, rows=len(ids), head=hashlib.sha256(stated).hexdigest())
    return len(ids)


async def verify(key: Ed25519PublicKey, known: Head | None = None) -> Report:
    """Read every seal and every row under it, and say what is not as it was sealed.

    `known` is a head that was noted elsewhere. Rows are read once, a seal at a time.
    """
    findings: list[Finding] = []
    seals = rows = 0
    previous, expected, head = b"", 1, None
    last = await fetch_one("SELECT max(number) AS number FROM seal")
    for number in range(1, ((last["number"] if last else None) or 0) + 1):
        row = await fetch_one("SELECT * FROM seal WHERE number = $1", number)
        if row is None:
            findings.append(Finding("seal", None, f"seal {number} is missing"))
            previous, expected = b"", number + 1
            continue
        seals, rows = seals + 1, rows + len(row["rows"])
        findings += await _wrong_with(row, key, previous if number == expected else None)
        previous, expected, head = row["hash"], number + 1, Head(number, row["hash"])
        if known is not None and known.number == number and known.hash != row["hash"]:
            findings.append(Finding("seal", None, f"seal {number} is not the one that was noted"))
    if known is not None and (head is None or head.number < known.number):
        findings.append(Finding("seal", None, f"seal {known.number} was noted, and is gone"))
    for source in SOURCES:
        findings += [
            Finding(source, row["id"], "under no seal, though none waits for one")
            for row in await fetch(
                f"SELECT t.id FROM {source} t LEFT JOIN unsealed u ON u.id = t.id"
                " LEFT JOIN (SELECT unnest(rows) AS id FROM seal WHERE source = $1) s ON s.id = t.id"
                " WHERE u.id IS NULL AND s.id IS NULL",
                source,
            )
        ]
    waiting = await fetch_one("SELECT count(*) AS n FROM unsealed")
    return Report(seals, rows, waiting["n"] if waiting else 0, head, findings)


async def _wrong_with(row: asyncpg.Record, key: Ed25519PublicKey, previous: bytes | None) -> list[Finding]:
    number = row["number"]
    columns, ids = list(row["columns"]), list(row["rows"])
    stated = _statement(number, row["at"].isoformat(), row["source"], columns, ids, row["digest"], row["previous"])
    try:
        key.verify(row["signature"], stated)
    except InvalidSignature:
        return [Finding("seal", None, f"seal {number} is not signed by our key, or was altered")]
    found = []
    if hashlib.sha256(stated).digest() != row["hash"] or (previous is not None and previous != row["previous"]):
        found.append(Finding("seal", None, f"seal {number} does not follow the one before it"))
    digest, missing = await _digest(row["source"], columns, ids)
    found += [Finding(row["source"], one, "deleted") for one in missing]
    if digest != row["digest"] and not missing:
        found.append(Finding(row["source"], None, f"a row under seal {number} was altered"))
    return found


async def _digest(source: str, columns: Sequence[str], ids: Sequence[UUID]) -> tuple[bytes, list[UUID]]:
    """One hash over these rows in this order, and which of them are not there."""
    listed = ", ".join(f't."{column}"' for column in columns)
    rows = await fetch(f"SELECT t.id AS row_id, {listed} FROM {source} t WHERE t.id = ANY($1)", list(ids))
    by_id = {row["row_id"]: row for row in rows}
    whole = hashlib.sha256()
    for one in ids:
        if one in by_id:
            whole.update(_encoded([by_id[one][column] for column in columns]))
    return whole.digest(), [one for one in ids if one not in by_id]


def _statement(*parts: Any) -> bytes:
    return _encoded(parts)


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
