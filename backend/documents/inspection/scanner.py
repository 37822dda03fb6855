"""Asks a malware scanner (clamd) about a file; without one, nothing is claimed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.documents.kinds import Malware

CHUNK = 64 * 1024
_PING_S = 5.0


class ScannerUnavailable(Exception):
    """A scanner is configured and gave no verdict; the file is neither clean nor unclean, so it has to wait."""


class ScannerSilent(ScannerUnavailable):
    """It does not answer at all, whatever the file: waiting helps."""


class Scanner(Protocol):
    """Whoever can tell whether a file carries malware."""

    async def scan(self, path: Path) -> Malware:
        """The verdict on the file; raises ScannerUnavailable."""


@dataclass(frozen=True, slots=True)
class NoScanner:
    """Where none is configured: every file is recorded as not scanned."""

    async def scan(self, path: Path) -> Malware:
        """See Scanner."""
        return Malware.NOT_SCANNED


@dataclass(frozen=True, slots=True)
class Clamd:
    """A clamd at `host:port` or at the Unix socket `/path`, asked by INSTREAM; it has `limit_s` seconds for a file."""

    address: str
    limit_s: float = 60.0

    async def ping(self) -> bool:
        """Whether it answers; takes at most 5 seconds."""
        try:
            async with asyncio.timeout(_PING_S):
                reader, writer = await self._connect()
                try:
                    writer.write(b"zPING\0")
                    return await reader.readuntil(b"\0") == b"PONG\0"
                finally:
                    writer.close()
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
            return False

    async def scan(self, path: Path) -> Malware:
        """See Scanner."""
        try:
            async with asyncio.timeout(self.limit_s):
                answer = await self._ask(path)
        except (OSError, TimeoutError) as error:
            raise ScannerSilent("the scanner does not answer") from error
        if not answer:
            raise ScannerSilent("the scanner hung up")
        if answer == b"stream: OK":
            return Malware.CLEAN
        if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
            return Malware.FOUND
        # Size limits and engine errors are no verdict, and asking again may never bring one.
        raise ScannerUnavailable("the scanner gave no verdict")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.address.startswith("/"):
            return await asyncio.open_unix_connection(self.address)
        host, _, port = self.address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))

    async def _ask(self, path: Path) -> bytes:
        reader, writer = await self._connect()
        try:
            writer.write(b"zINSTREAM\0")
            with path.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    writer.write(len(chunk).to_bytes(4) + chunk)
                    await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
            return (await reader.read(4096)).rstrip(b"\0")
        finally:
            writer.close()


def scanner_at(address: str | None) -> Scanner:
    """The scanner of this installation."""
    return Clamd(address) if address else NoScanner()
