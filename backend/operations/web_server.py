"""Serves one of the two web processes with granian."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

# A process that renames itself, as granian does where it can, loses its environment in /proc: by that a later run knows
# what a killed one has left behind.
sys.modules["setproctitle"] = None  # type: ignore[assignment]
os.environ["SPT_NOENV"] = "1"

from granian import Granian  # noqa: E402
from granian.constants import Interfaces  # noqa: E402
from granian.utils.proxies import wrap_asgi_with_proxy_headers  # noqa: E402

#: How long a request that was begun may take to end after the order to stop.
STOP_SECONDS = 20


def serve(target: str, host: str, port: int, workers: int, proxies: Sequence[str]) -> None:
    """Serve the ASGI application `target` until SIGTERM or SIGINT, then let begun requests end. Blocking.

    A caller's address is that of the connection, unless that is one of `proxies`: then it is the last address in
    X-Forwarded-For that is none of them, so that a caller cannot choose what the throttles count.
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
        # One of them that is killed, for its memory perhaps, is replaced while the others go on.
        respawn_failed_workers=True,
    ).serve(target_loader=partial(_application, tuple(proxies)))


def _application(proxies: tuple[str, ...], target: str) -> Callable[..., Any]:
    """Called in each worker's process with the target, `module:name`."""
    module, _, name = target.partition(":")
    application: Callable[..., Any] = wrap_asgi_with_proxy_headers(getattr(import_module(module), name), list(proxies))
    # What was made so far lives as long as the process. To look through it for garbage took 75 ms each time, in which
    # nobody was answered.
    gc.collect()
    gc.freeze()
    return application
