"""The file of a backup: a tar in an age envelope, there whole or not at all, and read without believing a byte of it.

`age -d -i KEY FILE | tar -x` opens it as well, should nothing of ours be at hand.
"""

from __future__ import annotations

import fcntl
import io
import os
import tarfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyrage

from backend.operations.refusal import Refusal

#: The first member's name says what the file is; another number is another way to read it.
FORMAT = "niangjia-backup-1"
SUFFIX = ".tar.age"
HALF = ".half"

#: Nothing that we write is longer: a paper has its own limit, and rows come in pieces.
LONGEST_MEMBER = 64 * 1024 * 1024
_BLOCK = 256 * 1024
_PREFIX = "NIANGJIA."


class ArchiveError(Refusal):
    """The file cannot be written or relied on; the text says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One part of a backup, with what is said about it."""

    name: str
    content: bytes
    about: Mapping[str, str]


class _Stream(tarfile.TarFile):
    """A tar that is gone through once, in one direction."""

    members: list[tarfile.TarInfo]

    def forget(self) -> None:
        """The library remembers every member for a second look that a stream never takes."""
        self.members.clear()


class ArchiveWriter:
    """Takes the members of one backup in turn."""

    def __init__(self, tar: _Stream) -> None:
        self._tar = tar

    def add(self, name: str, content: bytes, about: Mapping[str, str] | None = None) -> None:
        """Add a member. Blocks while the disk is slower than we are."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        info.pax_headers = {f"{_PREFIX}{word}": said for word, said in (about or {}).items()}
        self._tar.addfile(info, io.BytesIO(content))
        self._tar.forget()


@contextmanager
def written(path: Path, recipients: Sequence[pyrage.x25519.Recipient]) -> Iterator[ArchiveWriter]:
    """A new backup under `path`, which is there once the block has ended well and all of it is on the disk.

    Until then it has another name; what a killed run left under such names in the folder is removed. Raises
    ArchiveError where the disk does not take it.
    """
    half = path.with_name(f"{path.name}{HALF}")
    try:
        _clear_killed(path.parent)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with _sealed(file, recipients) as tar:
                tar.addfile(tarfile.TarInfo(FORMAT))
                yield ArchiveWriter(tar)
            file.flush()
            os.fsync(file.fileno())
            # Not before the lock is given up could another run take it for a leftover.
            half.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ArchiveError(f"备份写不下去 The backup cannot be written to {path.parent}: {error.strerror}") from error
    except pyrage.EncryptError as error:
        # What the disk said, in the words of the library.
        raise ArchiveError(f"备份写不下去 The backup cannot be written to {path.parent}: {error}") from error
    finally:
        half.unlink(missing_ok=True)


def members(path: Path, identities: Sequence[pyrage.x25519.Identity]) -> Generator[Member, None, None]:
    """Every member behind the first, one in memory at a time.

    Raises ArchiveError for a file that is not ours, that none of these keys opens, or of which a byte is changed or
    missing. What is cut off shows only at the end: rely on nothing before all was read.
    """
    inward, outward = os.pipe()
    with ThreadPoolExecutor(1) as thread:
        opening = thread.submit(_open, path, outward, identities)
        wrong: Exception | None = None
        with os.fdopen(inward, "rb", buffering=_BLOCK) as plain:
            try:
                yield from _read(plain)
            except (tarfile.TarError, EOFError) as error:
                wrong = error
            # To the end of the envelope: only there it tells whether anything is missing.
            while plain.read(_BLOCK):
                pass
        _result(opening, path)
        if wrong is not None:
            raise ArchiveError(f"{path} 不是本系统的备份 is no backup of ours ({wrong})")


def _read(plain: IO[bytes]) -> Iterator[Member]:
    with _Stream.open(fileobj=plain, mode="r|", bufsize=_BLOCK) as tar:
        first = tar.next()
        if first is None or first.name != FORMAT:
            raise tarfile.ReadError(f"its first word is not {FORMAT}")
        while (info := tar.next()) is not None:
            if info.size > LONGEST_MEMBER:
                raise tarfile.ReadError("a part is longer than any that we write")
            file = tar.extractfile(info)
            if file is None:
                raise tarfile.ReadError("a part is no file")
            about = {
                word.removeprefix(_PREFIX): said for word, said in info.pax_headers.items() if word.startswith(_PREFIX)
            }
            yield Member(info.name, file.read(), about)
            tar.forget()


def _result(opening: Future[None], path: Path) -> None:
    try:
        opening.result()
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise ArchiveError(f"这把密钥打不开 This key does not open {path}") from None
        raise ArchiveError(f"{path} 不是加密的备份 is no encrypted backup ({error})") from None
    except OSError as error:
        if error.errno is not None:
            raise ArchiveError(f"读不到 Cannot read {path}: {error.strerror}") from error
        # A changed byte and a missing end are the same to the envelope.
        raise ArchiveError(f"{path} 已损坏或不完整 is damaged or not whole") from None


@contextmanager
def _sealed(file: IO[bytes], recipients: Sequence[pyrage.x25519.Recipient]) -> Iterator[_Stream]:
    """A tar whose bytes reach the file encrypted."""
    inward, outward = os.pipe()
    with ThreadPoolExecutor(1) as thread:
        sealing = thread.submit(_seal, inward, file, recipients)
        try:
            with (
                os.fdopen(outward, "wb", buffering=_BLOCK) as plain,
                _Stream.open(fileobj=plain, mode="w|", bufsize=_BLOCK, format=tarfile.PAX_FORMAT) as tar,
            ):
                yield tar
        except BrokenPipeError:
            # The other end has given up: its reason is the one to tell.
            sealing.result()
            raise
        sealing.result()


def _seal(inward: int, file: IO[bytes], recipients: Sequence[pyrage.x25519.Recipient]) -> None:
    with os.fdopen(inward, "rb", buffering=_BLOCK) as plain:
        pyrage.encrypt_io(plain, file, list(recipients))


def _open(path: Path, outward: int, identities: Sequence[pyrage.x25519.Identity]) -> None:
    # The pipe breaks where the reader has seen enough.
    with suppress(BrokenPipeError), os.fdopen(outward, "wb", buffering=_BLOCK) as plain, path.open("rb") as file:
        pyrage.decrypt_io(file, plain, list(identities))


def _clear_killed(folder: Path) -> None:
    for left in folder.glob(f"*{SUFFIX}{HALF}"):
        with left.open("rb") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
