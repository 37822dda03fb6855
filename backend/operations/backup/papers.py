"""The files behind the rows: which there must be, how one travels in a backup, and how it comes back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import IO

import msgspec

from backend.clock import security_now
from backend.database import fetch_value
from backend.documents.kinds import SIZE_LIMIT, VIEWABLE, PaperState
from backend.operations.backup.archive import ArchiveError, Member
from backend.operations.backup.manifest import Fault
from backend.operations.backup.rows import Connection
from storage.keys import Bucket, Retention, paper_of, shared_key
from storage.port import DocumentStore, ObjectExists, ObjectMissing

FOLDER = "papers/"

#: A picture may be larger than the file that it shows.
CAP = 2 * SIZE_LIMIT
_PAGE = 1000


class Expected(msgspec.Struct, frozen=True, array_like=True):
    """A file that the rows of the snapshot name; `sha256` is empty for a picture, which nobody has announced."""

    bucket: Bucket
    key: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """A file as it travels."""

    bucket: Bucket
    key: str
    content: bytes
    content_type: str
    locked_until: datetime | None
    retention: Retention | None

    @property
    def sha256(self) -> str:
        """Of the content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        """What its member is called."""
        return f"{FOLDER}{self.bucket}/{self.key}"

    @property
    def about(self) -> dict[str, str]:
        """What its member says of it."""
        said = {"sha256": self.sha256, "content-type": self.content_type}
        if self.locked_until and self.retention:
            said |= {"locked-until": self.locked_until.isoformat(), "retention": self.retention}
        return said

    @classmethod
    def of(cls, member: Member) -> Paper:
        """The file in a member; raises ArchiveError where it is not the one that was put there."""
        try:
            bucket, _, key = member.name.removeprefix(FOLDER).partition("/")
            said = member.about
            until = datetime.fromisoformat(said["locked-until"]) if "locked-until" in said else None
            retention = Retention(said["retention"]) if until else None
            paper = cls(Bucket(bucket), key, member.content, said["content-type"], until, retention)
            announced = said["sha256"]
        except (KeyError, ValueError):
            raise ArchiveError(f"备份里的文件说明有误 {member.name} is not described as ours are") from None
        if paper.sha256 != announced:
            raise ArchiveError(f"备份里的文件已变 {member.name} is not what was put there")
        return paper


def line_of(paper: Paper) -> bytes:
    """What is hashed of each file, in the order of the backup."""
    until = paper.locked_until.isoformat() if paper.locked_until else "-"
    words = (paper.bucket, paper.key, str(len(paper.content)), paper.sha256, paper.content_type, until)
    return f"{' '.join(words)}\n".encode()


async def note_expected(connection: Connection, notes: IO[bytes]) -> None:
    """Write down, one a line, every file that the transaction's view of the rows names."""
    async for row in connection.cursor(
        "SELECT object_key, state, rendition_key, shared_type, declared_sha256 FROM upload"
        " WHERE state = ANY($1::text[])"
        ' ORDER BY object_key COLLATE "C"',
        [*VIEWABLE, PaperState.UPLOADED],
        prefetch=_PAGE,
    ):
        key = row["object_key"]
        digest = row["declared_sha256"].hex()
        if row["state"] == PaperState.UPLOADED:
            named = [Expected(Bucket.QUARANTINE, key, digest)]
        else:
            named = [Expected(Bucket.DOCUMENTS, key, digest)]
            if row["rendition_key"]:
                named.append(Expected(Bucket.DOCUMENTS, row["rendition_key"]))
            if row["shared_type"]:
                named.append(Expected(Bucket.DOCUMENTS, shared_key(key)))
        for one in named:
            notes.write(msgspec.json.encode(one) + b"\n")


def noted(notes: IO[bytes]) -> list[Expected]:
    """The next files that were written down; none at the end."""
    lines = [line for _, line in zip(range(_PAGE), notes, strict=False)]
    return [msgspec.json.decode(line, type=Expected) for line in lines]


async def take(store: DocumentStore, expected: Expected) -> tuple[Paper | None, Fault | None]:
    """Read a file out of the store, and say what is wrong with it.

    What waited in quarantine may have been checked since, and then is among the documents.
    """
    for bucket in dict.fromkeys((expected.bucket, Bucket.DOCUMENTS)):
        try:
            found = await store.head(bucket, expected.key)
            content = await store.read(bucket, expected.key, cap=CAP)
            lock = await store.lock_of(expected.key) if expected.bucket is Bucket.DOCUMENTS else None
        except ObjectMissing:
            continue
        paper = Paper(expected.bucket, expected.key, content, found.content_type, *(lock or (None, None)))
        wrong = expected.bucket is Bucket.DOCUMENTS and expected.sha256 not in ("", paper.sha256)
        return paper, Fault(expected.bucket, expected.key, "differs") if wrong else None
    state = await fetch_value("SELECT state FROM upload WHERE object_key = $1", paper_of(expected.key))
    needed = state in (*VIEWABLE, PaperState.UPLOADED)
    return None, Fault(expected.bucket, expected.key, "missing" if needed else "erased")


async def put(store: DocumentStore, paper: Paper) -> None:
    """Bring a file back under its key and lock; one that an earlier try has brought is compared instead.

    Raises ArchiveError where the key is another file's.
    """
    try:
        await store.put(paper.bucket, paper.key, paper.content, content_type=paper.content_type)
    except ObjectExists:
        if await store.read(paper.bucket, paper.key, cap=CAP) != paper.content:
            raise ArchiveError(f"存储里已有另一文件 The store holds another file as {paper.key}") from None
    if paper.locked_until and paper.retention and paper.locked_until > security_now():
        await store.lock_until(paper.key, paper.locked_until, paper.retention)


async def differs(store: DocumentStore, paper: Paper) -> bool:
    """Whether the store does not hold this file, these bytes, under this lock."""
    try:
        if await store.read(paper.bucket, paper.key, cap=CAP) != paper.content:
            return True
        if paper.locked_until is None or paper.locked_until <= security_now():
            return False
        lock = await store.lock_of(paper.key)
    except ObjectMissing:
        return True
    return lock is None or lock[0] < paper.locked_until


async def count(store: DocumentStore) -> int:
    """How many papers the store holds, checked or waiting."""
    held = 0
    for bucket in (Bucket.DOCUMENTS, Bucket.QUARANTINE):
        after = ""
        while page := await store.list_after(bucket, after=after, limit=_PAGE):
            held += len(page)
            after = page[-1].key
    return held
