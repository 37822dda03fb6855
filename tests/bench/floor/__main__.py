"""Serves the floor in one worker on the port that is named."""

from __future__ import annotations

import sys

from granian import Granian
from granian.constants import Interfaces

if __name__ == "__main__":
    Granian(
        "tests.bench.floor.app:app",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        websockets=False,
        log_dictconfig={"loggers": {"_granian": {"level": "WARNING"}}},
    ).serve()
