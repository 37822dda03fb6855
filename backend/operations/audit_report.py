"""`niangjia audit verify`: whether events and audit entries are as they were written and sealed."""

from __future__ import annotations

import os
from collections.abc import Callable

from backend.applications.events import broken_chains
from backend.audit.sealing import Head, sealing_key, verify
from backend.database import close_pool, open_pool
from backend.operations.refusal import Refusal
from backend.settings import Settings


async def verify_all(noted: str | None, say: Callable[[str], object]) -> int:
    """Read every seal, every row under one and every chain of events, and say what is wrong; 1 where anything is."""
    key = sealing_key(Settings.from_env(os.environ)).public_key()
    await open_pool(min_size=1, max_size=1)
    try:
        report = await verify(key, _head(noted) if noted else None)
        wrong = [f"{one.source} {one.row or ''}: {one.wrong}" for one in report.findings]
        wrong += [f"application {case}: its chain of events breaks at {seq}" async for case, seq in broken_chains()]
    finally:
        await close_pool()
    say(f"{report.seals} seals over {report.rows} rows; {report.waiting} rows wait to be sealed\n")
    if report.head:
        say(f"head {report.head.number}:{report.head.hash.hex()} (note it elsewhere)\n")
    for line in wrong:
        say(f"✗ {line}\n")
    say("✓ all as it was sealed\n" if not wrong else f"{len(wrong)} findings\n")
    return 1 if wrong else 0


def _head(noted: str) -> Head:
    number, _, digest = noted.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise Refusal("--head is NUMBER:HASH, as `niangjia audit verify` prints it") from None
