"""What must hold at every moment, whatever was killed: asked of the database and of the store, past any proxy."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from storage.keys import Bucket, rendition_key
from storage.port import DocumentStore
from tests.faults.driver.patience import UNKEYED, Accepted, Ledger

PAGE = 1000

#: Each counts what must not be; all are asked of one snapshot.
NEVER = {
    "an event chain is broken": """
        SELECT count(*) FROM (
            SELECT seq, previous, hash, body, row_number() OVER w AS n, lag(hash) OVER w AS before
            FROM application_event WINDOW w AS (PARTITION BY application ORDER BY seq)
        ) e WHERE seq <> n OR previous <> coalesce(before, ''::bytea) OR hash <> sha256(previous || body)""",
    "a case is not where its last event put it": """
        SELECT count(*) FROM application a JOIN LATERAL (
            SELECT to_state, to_stage FROM application_event e WHERE e.application = a.id ORDER BY seq DESC LIMIT 1
        ) l ON true WHERE a.state <> l.to_state OR a.stage <> l.to_stage""",
    "somebody is covered twice": """
        SELECT count(*) FROM cover a JOIN cover b ON a.id < b.id AND a.person = b.person AND a.plan = b.plan
            AND a.slot = b.slot AND daterange(a.starts_on, coalesce(a.ended_on, a.ends_on), '[]')
                && daterange(b.starts_on, coalesce(b.ended_on, b.ends_on), '[]')""",
    "more places are held than there are": """
        SELECT count(*) FROM batch b WHERE b.capacity < (
            SELECT count(*) FROM application a WHERE a.aggregate = b.id AND a.placement = 'main'
                AND a.state NOT IN ('declined', 'lapsed', 'rejected', 'withdrawn'))""",
    "a place is free and somebody waits in reserve for it": """
        SELECT count(*) FROM batch b WHERE b.state = 'confirming'
            AND EXISTS (SELECT FROM application a WHERE a.aggregate = b.id AND a.state = 'reserve')
            AND b.capacity > (
                SELECT count(*) FROM application a WHERE a.aggregate = b.id AND a.placement = 'main'
                    AND a.state NOT IN ('declined', 'lapsed', 'rejected', 'withdrawn'))""",
    "somebody asks twice for one batch": """
        SELECT count(*) FROM (SELECT FROM stay_request WHERE live GROUP BY batch, person HAVING count(*) > 1) t""",
    "a stay is on record twice": """
        SELECT count(*) FROM (SELECT FROM stay WHERE batch IS NOT NULL GROUP BY batch, person HAVING count(*) > 1) t""",
    "an award is granted twice": """
        SELECT count(*) FROM (SELECT FROM award GROUP BY application HAVING count(*) > 1) t""",
    "a verified paper has no verdict, or the verdict is on another file": """
        SELECT count(*) FROM upload u WHERE u.state = 'verified' AND NOT EXISTS (
            SELECT FROM verdict v WHERE v.upload = u.id AND v.outcome = 'verified' AND v.sha256 = u.declared_sha256)""",
    "a key stands for an act that did not end": """
        SELECT count(*) FROM idempotency_key WHERE resource IS NULL OR status <> 200""",
    "an act of a phone was done more or less often than it was asked for": """
        SELECT count(*) FROM (
            SELECT split_part(operation, ':', 2)::uuid AS application, split_part(operation, ':', 1) AS action, count(*)
            FROM idempotency_key WHERE operation ~ '^(submit|withdraw|confirm|decline):' GROUP BY 1, 2
        ) asked FULL JOIN (
            SELECT e.application, e.action, count(*) FROM application_event e JOIN worker_account w ON w.id = e.actor
            WHERE e.action IN ('submit', 'withdraw', 'confirm', 'decline')
                AND w.id IN (SELECT actor FROM idempotency_key)
            GROUP BY 1, 2
        ) done USING (application, action) WHERE asked.count IS DISTINCT FROM done.count""",
    "a phone made more or fewer papers than it asked for": """
        SELECT count(*) FROM (
            SELECT actor AS account, count(*) FROM idempotency_key WHERE operation = 'documents.reserve' GROUP BY 1
        ) asked FULL JOIN (
            SELECT w.id AS account, count(*) FROM upload u JOIN worker_account w ON w.id = u.reserved_by
            WHERE w.id IN (SELECT actor FROM idempotency_key) GROUP BY 1
        ) made USING (account) WHERE asked.count IS DISTINCT FROM made.count""",
    "a paper was attached twice": """
        SELECT count(*) FROM (
            SELECT FROM application_document d JOIN upload u ON u.id = d.upload
            GROUP BY d.application, d.requirement, u.declared_sha256 HAVING count(*) > 1) t""",
    "a message was sent before it was marked as tried": """
        SELECT count(*) FROM notification
        WHERE channel = 'sms' AND delivered_at IS NOT NULL AND attempted_at IS NULL""",
    "a job is parked": "SELECT count(*) FROM pgqueuer WHERE status = 'failed'",
}


class Broken(AssertionError):
    """Something that must never be, is."""


async def check(dsn: str, store: DocumentStore, ledger: Ledger) -> list[str]:
    """Everything that is wrong now."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            # What people were told before this moment must be there; what they are told later may be.
            accepted = list(ledger.accepted)
            await connection.execute("SELECT 1")
            wrong = []
            for what, sql in NEVER.items():
                found = await connection.fetchval(sql)
                if found:
                    wrong.append(f"{what} ({found})")
            keyed = [one for one in accepted if not UNKEYED.search(one.path)]
            wrong += await _lost_keys(connection, [one for one in keyed if one.key])
            wrong += await _lost_rows(connection, [one.resource for one in keyed])
            wrong += await _lost_files(
                connection, [one.path.split("/")[-2] for one in accepted if one.path.endswith("/complete")]
            )
            viewable = await connection.fetch(
                # A reservation that ran out is expired as well, and never had a file.
                "SELECT object_key FROM upload WHERE state IN ('checked', 'verified', 'rejected')"
                " OR (state = 'expired' AND rendition_key IS NOT NULL)"
            )
    finally:
        await connection.close()
    return wrong + await _missing_objects(store, [row["object_key"] for row in viewable]) + ledger.wrong


async def _lost_keys(connection: asyncpg.Connection, accepted: Sequence[Accepted]) -> list[str]:
    rows = await connection.fetch(
        "SELECT key FROM idempotency_key WHERE key = ANY($1)", list({one.key for one in accepted})
    )
    known = {row["key"] for row in rows}
    lost = [one.path for one in accepted if one.key not in known]
    return [f"accepted and lost: {path}" for path in dict.fromkeys(lost)]


async def _lost_rows(connection: asyncpg.Connection, resources: Sequence[str]) -> list[str]:
    """Which of the things that were made under a key are nowhere."""
    ids = [UUID(one) for one in dict.fromkeys(resources) if len(one) == 36]
    rows = await connection.fetch(
        "SELECT t.id FROM unnest($1::uuid[]) AS t (id) WHERE NOT EXISTS (SELECT FROM application a WHERE a.id = t.id)"
        " AND NOT EXISTS (SELECT FROM upload u WHERE u.id = t.id)"
        " AND NOT EXISTS (SELECT FROM relation r WHERE r.id = t.id)"
        " AND NOT EXISTS (SELECT FROM objection o WHERE o.id = t.id)"
        " AND NOT EXISTS (SELECT FROM idempotency_key k WHERE k.resource = t.id)",
        ids,
    )
    return [f"made and lost: {row['id']}" for row in rows]


async def _lost_files(connection: asyncpg.Connection, uploads: Sequence[str]) -> list[str]:
    rows = await connection.fetch(
        "SELECT id FROM upload WHERE id = ANY($1::uuid[]) AND state IN ('reserved', 'expired')",
        [UUID(one) for one in dict.fromkeys(uploads)],
    )
    return [f"complete, and not uploaded any more: {row['id']}" for row in rows]


async def _missing_objects(store: DocumentStore, keys: Sequence[str]) -> list[str]:
    present: set[str] = set()
    after = ""
    while page := await store.list_after(Bucket.DOCUMENTS, after=after, limit=PAGE):
        present |= {entry.key for entry in page}
        after = page[-1].key
    wanted = {name for key in keys for name in (key, rendition_key(key))}
    return [f"a checked paper has no object: {key}" for key in sorted(wanted - present)]
