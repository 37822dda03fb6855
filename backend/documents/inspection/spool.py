"""Brings a stored object to a local file once, counting and hashing it on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FOLDERS = "niangjia-paper-"


@dataclass(frozen=True, slots=True)
class Spooled:
    """A local copy: its size in bytes and SHA-256 digest as they were while it was written."""

    path: Path
    size: int
    sha256: bytes


class SpoolOverflow(Exception):
    """More bytes came than the cap allows; nothing is left on the disk."""


@contextmanager
def spool_folder() -> Iterator[Path]:
    """A private folder for one paper, gone at the end of the block."""
    with tempfile.TemporaryDirectory(prefix=f"{_FOLDERS}{os.getpid()}-") as folder:
        yield Path(folder)


def clear_spools() -> int:
    """Delete what killed processes have left of papers on this machine, by a process that holds none yet; how many."""
    left = [folder for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDERS}*") if not _is_held(folder)]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def _is_held(folder: Path) -> bool:
    """Whether another process that lives is at it. Within a container our own number may have been another's before."""
    owner = folder.name.removeprefix(_FOLDERS).partition("-")[0]
    return owner != str(os.getpid()) and Path("/proc", owner).exists()


async def spool(stream: AsyncIterator[bytes], target: Path, cap: int) -> Spooled:
    """Write `stream` to the new file `target`; the caller owns the folder and removes it.

    Raises SpoolOverflow above `cap` bytes, FileExistsError if the target is there, and whatever the stream raises.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        with await asyncio.to_thread(target.open, "xb") as file:
            async for chunk in stream:
                size += len(chunk)
                if size > cap:
                    raise SpoolOverflow
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
    except SpoolOverflow:
        await asyncio.to_thread(target.unlink)
        raise
    return Spooled(target, size, digest.digest())
