"""A TCP proxy of ours, which can be told to behave like a bad network between two parts of the house."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path

_CHUNK = 64 * 1024
_SLOW_CHUNK, _SLOW_PAUSE_S = 256, 0.5


class Fault(StrEnum):
    """How the line behaves."""

    NONE = "none"
    """It passes everything on."""

    SLOW = "slow"
    """It passes a few hundred bytes each way, then waits: an answer of any size takes too long."""

    RESET = "reset"
    """Every connection, old or new, is reset."""

    BLACK_HOLE = "black hole"
    """Connections are taken and whatever is sent is swallowed; those that were open stay dead for good."""

    HALF_ANSWER = "half answer"
    """The first half of whatever the server says next is passed on, then the connection is reset."""


class Proxy:
    """Listens on a port of 127.0.0.1 and passes on to a port, or to a socket of this machine."""

    def __init__(self, upstream: int | Path) -> None:
        self.upstream = upstream
        self.port = 0
        self.fault = Fault.NONE
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut every connection and listen no more."""
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set(self, fault: Fault) -> None:
        """Behave so from now on."""
        self.fault = fault
        for line in list(self._lines):
            if fault is Fault.RESET:
                line.cut()
            elif fault is Fault.BLACK_HOLE:
                line.swallows = True

    @asynccontextmanager
    async def behaving(self, fault: Fault) -> AsyncIterator[None]:
        """The block with the line in this state; afterwards it passes new connections on as before."""
        self.set(fault)
        try:
            yield
        finally:
            self.set(Fault.NONE)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line(self, reader, writer)
        self._lines.add(line)
        task = asyncio.create_task(line.run())
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._lines.discard(line)

        task.add_done_callback(ended)


class _Line:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy, self._reader, self._writer = proxy, reader, writer
        self._upstream: asyncio.StreamWriter | None = None
        self.swallows = proxy.fault is Fault.BLACK_HOLE

    async def run(self) -> None:
        """Pass on both ways until either side ends."""
        if self._proxy.fault is Fault.RESET:
            self.cut()
            return
        try:
            upstream = self._proxy.upstream
            if isinstance(upstream, Path):
                reader, self._upstream = await asyncio.open_unix_connection(str(upstream))
            else:
                reader, self._upstream = await asyncio.open_connection("127.0.0.1", upstream)
            ways = {
                asyncio.create_task(self._pass_on(self._reader, self._upstream, from_server=False)),
                asyncio.create_task(self._pass_on(reader, self._writer, from_server=True)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            self._close()

    def cut(self) -> None:
        """Reset both sides."""
        for writer in (self._writer, self._upstream):
            if writer is not None and not writer.is_closing():
                # A socket that lingers for no time is reset when it is closed.
                made = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool) -> None:
        while data := await reader.read(_SLOW_CHUNK if self._proxy.fault is Fault.SLOW else _CHUNK):
            if self.swallows:
                continue
            if self._proxy.fault is Fault.SLOW:
                await asyncio.sleep(_SLOW_PAUSE_S)
            if self._proxy.fault is Fault.HALF_ANSWER and from_server:
                writer.write(data[: len(data) // 2])
                await writer.drain()
                self.cut()
                return
            writer.write(data)
            await writer.drain()
        if self.swallows:
            # Whoever hung up on the other side is not heard of either.
            await asyncio.Event().wait()

    def _close(self) -> None:
        for writer in (self._writer, self._upstream):
            if writer is not None:
                writer.close()


@asynccontextmanager
async def proxy_to(upstream: int | Path) -> AsyncIterator[Proxy]:
    """A proxy in this event loop, as long as the block."""
    made = Proxy(upstream)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
