"""A client for the API that costs little: one request on a connection of its own, as a phone's first in the morning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Longer than the api lets anybody wait.
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body) if self.body else None

    @property
    def code(self) -> str:
        """The stable code of a problem; empty for anything else."""
        return str(self.json()["code"]) if self.status >= 400 and self.body else ""


class Wire:
    """A connection to a port of this machine that is kept for some requests, one after the other."""

    def __init__(self, port: int, token: str = "") -> None:
        self._port = port
        self._token = token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def call(self, method: str, path: str, body: Any = None, key: str = "") -> Answer:
        """One request to the API; raises TimeoutError, OSError or asyncio.IncompleteReadError without an answer."""
        content = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} /api/v1{path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(content)}"]
        if content:
            head.append("Content-Type: application/json")
        if self._token:
            head.append(f"Authorization: Bearer {self._token}")
        if key:
            head.append(f"Idempotency-Key: {key}")
        async with asyncio.timeout(PATIENCE_S):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write("\r\n".join((*head, "\r\n")).encode() + content)
            answer = await _read(reader)
        if answer.headers.get("connection") == "close":
            await self.__aexit__()
        return answer


async def _read(reader: asyncio.StreamReader) -> Answer:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(lines[0].split(" ", 2)[1]), headers, body)
