"""Brings a stored object to a local file once, counting and hashing it on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spooled:
    """A local copy: its size in bytes and SHA-256 digest as they were while it was written."""

    path: Path
    size: int
    sha256: bytes


class SpoolOverflow(Exception):
    """More bytes came than the cap allows; nothing is left on the disk."""


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
