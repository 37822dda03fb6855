"""Compares what the rows say of files with what the store holds and locks, both ways; repairs what it is told to."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Set
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from backend.clock import local_date, security_now
from backend.database import execute, fetch, fetch_one, transaction
from backend.documents.access import load
from backend.documents.checking import Checking
from backend.documents.inspection.findings import Refusal
from backend.documents.kinds import NEXT, SIZE_LIMIT, VIEWABLE, PaperState
from backend.documents.policy import LOST, why_refused
from backend.documents.retention import LOCK, end_of
from backend.documents.service import Documents, store_errors
from backend.jobs import Job, enqueue_for
from storage.keys import Bucket, keys_of, paper_of
from storage.port import ObjectMissing, ObjectTooLarge, StoredObject, StoreRefused

PAGE = 500

#: An object younger than this may belong to a row that is about to be written.
GRACE = timedelta(hours=1)

#: States whose file is, or is about to be, in quarantine.
_IN_QUARANTINE = (PaperState.RESERVED, PaperState.UPLOADED)


class Fault(StrEnum):
    """How a row and the store disagree."""

    MISSING = "missing"
    """A paper that can be looked at has no file, no picture or no shared copy in the documents."""

    DIFFERS = "differs"
    """The file is not the one that was checked: another size or SHA-256."""

    UNLOCKED = "unlocked"
    """The store may let go of a file before the day through which its row says that it is locked."""

    ORPHANED = "orphaned"
    """The documents hold what no row accounts for, or what a row says is gone."""

    LEFT = "left"
    """The quarantine holds what no row waits for."""


class Repair(StrEnum):
    """What may be done about it; nothing is unless it is asked for."""

    RESTORE = "restore"
    """Bring back a missing file that was only hidden by a delete."""

    REDRAW = "redraw"
    """Make a missing picture or shared copy anew from the file."""

    LOCK = "lock"
    """Lock a file through the day that its row says."""

    REFUSE = "refuse"
    """Refuse a paper whose file is missing or differs, so that nobody relies on it; its worker is asked for another."""

    REMOVE = "remove"
    """Erase what no row accounts for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement; `upload` is None where no row knows the key."""

    fault: Fault
    bucket: Bucket
    key: str
    upload: UUID | None
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class _Expected:
    """A file that the documents should hold; `sha256` is None for what we made of it, which nobody has announced."""

    key: str
    upload: UUID
    size: int
    sha256: bytes | None
    locked_until: date | None


@dataclass(frozen=True, slots=True)
class Consistency:
    """Audits the store against the rows; needs a user who may list both buckets, and erase for some repairs."""

    checking: Checking

    @property
    def documents(self) -> Documents:
        """The papers that are compared."""
        return self.checking.documents

    async def audit(self, *, quick: bool = False, repairs: Set[Repair] = frozenset()) -> AsyncIterator[Finding]:
        """Every disagreement, repaired as asked. With `quick` sizes are compared and no file is read.

        Both sides are read once, in the order of their keys, a page at a time. A finding is looked at again before it
        is told, as papers come and go meanwhile. Raises Unavailable.
        """
        with store_errors():
            async for finding in self._documents(quick, repairs):
                yield finding
            async for finding in self._quarantine(repairs):
                yield finding

    async def _documents(self, quick: bool, repairs: Set[Repair]) -> AsyncIterator[Finding]:
        expected, present = _expected(), self._objects(Bucket.DOCUMENTS)
        row, there = await anext(expected, None), await anext(present, None)
        while row is not None or there is not None:
            if row is not None and (there is None or row.key < there.key):
                if await self._is_missing(row):
                    yield await self._repaired(Fault.MISSING, row, repairs)
                row = await anext(expected, None)
            elif there is not None and (row is None or there.key < row.key):
                if await self._is_orphan(there):
                    yield await self._removed(Fault.ORPHANED, Bucket.DOCUMENTS, there.key, repairs)
                there = await anext(present, None)
            else:
                assert row is not None
                assert there is not None
                if await self._differs(row, there, quick):
                    yield await self._repaired(Fault.DIFFERS, row, repairs)
                elif await self._is_unlocked(row):
                    yield await self._locked(row, repairs)
                row, there = await anext(expected, None), await anext(present, None)

    async def _quarantine(self, repairs: Set[Repair]) -> AsyncIterator[Finding]:
        async for there in self._objects(Bucket.QUARANTINE):
            state = await _state(there.key)
            if state not in _IN_QUARANTINE and _settled(there):
                yield await self._removed(Fault.LEFT, Bucket.QUARANTINE, there.key, repairs)

    async def _objects(self, bucket: Bucket) -> AsyncIterator[StoredObject]:
        after = ""
        while page := await self.documents.store.list_after(bucket, after=after, limit=PAGE):
            for entry in page:
                yield entry
            after = page[-1].key

    async def _is_missing(self, row: _Expected) -> bool:
        if (await load(row.upload)).state not in VIEWABLE:
            return False
        try:
            await self.documents.store.head(Bucket.DOCUMENTS, row.key)
        except ObjectMissing:
            return True
        return False

    @staticmethod
    async def _is_orphan(there: StoredObject) -> bool:
        return _settled(there) and await _state(there.key) not in (*VIEWABLE, PaperState.UPLOADED)

    async def _differs(self, row: _Expected, there: StoredObject, quick: bool) -> bool:
        if row.sha256 is None:
            return there.size == 0
        if there.size != row.size:
            return True
        if quick:
            return False
        digest = hashlib.sha256()
        try:
            async for chunk in self.documents.store.stream(Bucket.DOCUMENTS, row.key, cap=SIZE_LIMIT):
                digest.update(chunk)
        except (ObjectMissing, ObjectTooLarge):
            return await self._is_missing(row)
        return digest.digest() != row.sha256

    async def _is_unlocked(self, row: _Expected) -> bool:
        if row.locked_until is None or row.locked_until <= local_date(security_now()):
            return False
        try:
            lock = await self.documents.store.lock_of(row.key)
        except ObjectMissing:
            return False
        # Whole seconds: what the store was told had more of them than it keeps.
        return lock is None or lock[0] < end_of(row.locked_until).replace(microsecond=0)

    async def _locked(self, row: _Expected, repairs: Set[Repair]) -> Finding:
        done = False
        if Repair.LOCK in repairs and row.locked_until is not None:
            await self.documents.store.lock_until(row.key, end_of(row.locked_until), LOCK)
            done = True
        return Finding(Fault.UNLOCKED, Bucket.DOCUMENTS, row.key, row.upload, done)

    async def _repaired(self, fault: Fault, row: _Expected, repairs: Set[Repair]) -> Finding:
        done = False
        if fault is Fault.MISSING and Repair.RESTORE in repairs:
            try:
                back = await self.documents.store.restore(row.key)
                done = row.sha256 is None or back.size == row.size
            except ObjectMissing:
                done = False
        if not done and row.sha256 is None and Repair.REDRAW in repairs:
            done = await self.checking.redraw(row.upload)
        if not done and Repair.REFUSE in repairs:
            done = await self._refuse(row.upload, LOST if fault is Fault.MISSING else Refusal.CHECKSUM_DIFFERS)
        return Finding(fault, Bucket.DOCUMENTS, row.key, row.upload, done)

    async def _refuse(self, upload_id: UUID, code: str) -> bool:
        """Refuse a paper whose file can't be relied on; False for one that nobody relies on any more."""
        async with transaction():
            paper = await load(upload_id, lock=True)
            if PaperState.REFUSED not in NEXT[paper.state]:
                return False
            await self.documents.move(paper, PaperState.REFUSED)
            await execute("UPDATE upload SET refusal_code = $2, rendition_key = NULL WHERE id = $1", upload_id, code)
            await enqueue_for(Job.PAPER_JUDGED, upload_id)
            await self.documents.tell_owner(upload_id, paper, "paper_lost", why_refused(code))
            return True

    async def _removed(self, fault: Fault, bucket: Bucket, key: str, repairs: Set[Repair]) -> Finding:
        row = await fetch_one("SELECT id FROM upload WHERE object_key = $1", paper_of(key))
        done = False
        if Repair.REMOVE in repairs:
            try:
                if bucket is Bucket.DOCUMENTS:
                    await self.documents.store.erase(key)
                else:
                    await self.documents.store.delete(bucket, key)
                done = True
            except StoreRefused:
                # Locked: somebody else has to say why it has no row.
                done = False
        return Finding(fault, bucket, key, row["id"] if row else None, done)


async def _expected() -> AsyncIterator[_Expected]:
    """What the documents should hold, in the order of the keys: each file, then what we made of it."""
    after = ""
    while rows := await fetch(
        "SELECT id, object_key, declared_size, declared_sha256, locked_until FROM upload WHERE state = ANY($1)"
        ' AND rendition_key IS NOT NULL AND object_key COLLATE "C" > $2 ORDER BY object_key COLLATE "C" LIMIT $3',
        list(VIEWABLE),
        after,
        PAGE,
    ):
        for row in rows:
            file, *made = keys_of(row["object_key"])
            yield _Expected(file, row["id"], row["declared_size"], row["declared_sha256"], row["locked_until"])
            for key in made:
                yield _Expected(key, row["id"], 0, None, row["locked_until"])
        after = rows[-1]["object_key"]


async def _state(key: str) -> PaperState | None:
    row = await fetch_one("SELECT state FROM upload WHERE object_key = $1", paper_of(key))
    return PaperState(row["state"]) if row else None


def _settled(there: StoredObject) -> bool:
    return there.stored_at < security_now() - GRACE
