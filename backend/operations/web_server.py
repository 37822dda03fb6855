"""Serves one of the two web processes with granian."""

from __future__ import annotations

import os

from granian import Granian
from granian.constants import Interfaces

#: How long a request that was begun may take to end after the order to stop.
STOP_SECONDS = 20


def serve(target: str, host: str, port: int, workers: int) -> None:
    """Serve the ASGI application `target` until SIGTERM or SIGINT, then let begun requests end. Blocking.

    NIANGJIA_METRICS_PORT gives the figures of all its workers a port of their own; without it there is none.
    """
    if metrics_port := os.environ.get("NIANGJIA_METRICS_PORT"):
        from backend import metrics_server

        metrics_server.serve(os.environ.get("NIANGJIA_METRICS_HOST", host), int(metrics_port), shared=True)
    Granian(
        target,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        websockets=False,
        log_dictconfig={"loggers": {"_granian": {"level": "WARNING"}}},
        workers_kill_timeout=STOP_SECONDS,
    ).serve()
