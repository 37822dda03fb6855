"""How the worker, which answers no requests, shows that it lives and reaches its database."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import urllib3

EVERY = timedelta(seconds=10)
#: Three signs may be late before the worker counts as stuck.
OVERDUE_SECONDS = 45.0


def _sign() -> Path:
    return Path(os.environ.get("NIANGJIA_DATA") or tempfile.gettempdir()) / "worker-lives"


async def give_sign() -> None:
    """Leave a sign, if the database answers; raises Unavailable otherwise."""
    from backend.database import fetch_value  # The health check, run often, does without the database's libraries.

    await fetch_value("SELECT 1")
    await asyncio.to_thread(_sign().touch)


def is_well(what: str) -> bool:
    """Whether an address answers 200 or, for `worker`, the worker on this machine gave a sign lately."""
    if what == "worker":
        try:
            return time.time() - _sign().stat().st_mtime < OVERDUE_SECONDS
        except FileNotFoundError:
            return False
    try:
        return urllib3.request("GET", what, timeout=5.0, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False
