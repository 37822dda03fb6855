"""Answers Prometheus, on a port that only who watches the house is to reach."""

from __future__ import annotations

import os
import tempfile

from backend.operations.refusal import Refusal

#: Where processes that serve together keep their figures. The library reads it when it is imported, so it is imported
#: here no earlier than in `serve`.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


def serve(host: str, port: int, *, shared: bool = False) -> None:
    """Answer on this address from a thread of its own, for as long as the process lives.

    With `shared` the figures are those of the processes that this one starts afterwards, added up. Raises Refusal
    where the port is taken.
    """
    if shared:
        os.environ[SHARED] = tempfile.mkdtemp(prefix="niangjia-figures-")
    from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = REGISTRY
    if shared:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise Refusal(f"NIANGJIA_METRICS_PORT: cannot listen on {host}:{port} ({error.strerror})") from None
