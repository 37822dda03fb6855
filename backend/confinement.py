"""Runs a script on an untrusted file in a process of its own, which holds nothing and is killed at its limits."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CONFINED = Path(__file__).with_name("confined.py")
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the child may use: seconds by the wall and of CPU, bytes of address space, bytes of answer."""

    wall_s: float = 20.0
    cpu_s: int = 15
    memory: int = 1024 * 1024 * 1024
    answer: int = 12 * 1024 * 1024


class Overran(Exception):
    """The child reached a limit and was killed, or fell over before it could answer."""


async def run_confined(script: Path, arguments: list[str], limits: Limits) -> bytes:
    """What the script wrote to its standard output; raises Overran.

    The child gets no environment, so no credentials, an isolated interpreter without our packages on its path, a group
    of its own that is killed as a whole, and may write no file. Its network is not closed: that is left to the
    container it runs in.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(_CONFINED),
        str(limits.memory),
        str(limits.cpu_s),
        str(script),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    assert child.stdout is not None
    answer = bytearray()
    try:
        async with asyncio.timeout(limits.wall_s):
            while chunk := await child.stdout.read(_CHUNK):
                answer += chunk
                if len(answer) > limits.answer:
                    raise Overran("the answer is too long")
            if await child.wait() != 0:
                raise Overran("the child did not end by itself")
    except TimeoutError:
        raise Overran("the child took too long") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
    return bytes(answer)
