"""What the processes count for Prometheus: figures and names of ours, never anything of a person."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from backend.database import db, fetch, fetch_value

REQUESTS = Counter("niangjia_requests", "Requests answered, by route template.", ["method", "route", "status"])
SECONDS = Histogram(
    "niangjia_request_seconds",
    "How long requests took, by route template.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SLOW_QUERIES = Counter("niangjia_slow_queries", "Statements above NIANGJIA_SLOW_QUERY_MS; the log has their text.")


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"niangjia_{name}", meaning, labels, multiprocess_mode="livesum")


RUNNING = _gauge("requests_running", "Requests that were let in and are at work.")
WAITING = _gauge("requests_waiting", "Requests that wait for their turn.")
REFUSED = Counter("niangjia_requests_refused", "Requests sent away: the line was full, or the wait too long.", ["why"])
POOL = _gauge("pool_connections", "Connections of this process to the database.", "state")
JOBS = _gauge("jobs", "Jobs in the queue; those that failed are parked.", "kind", "status")
OLDEST_JOB = _gauge("oldest_job_seconds", "How long the oldest job that is due has waited.")
OUTBOX_LAG = _gauge("outbox_lag_seconds", "How long the oldest message that was not tried has waited.")
DOCUMENTS = _gauge("documents", "Papers by state.", "state")
CASES = _gauge("cases", "Open cases by programme kind and stage.", "kind", "stage")
UNSEALED = _gauge("unsealed_rows", "Events and audit entries that no seal covers yet.")


def measure_pool() -> None:
    """Note how many connections this process holds, and how many of them are free."""
    pool = db().pool
    if pool is not None:
        POOL.labels("open").set(pool.get_size())
        POOL.labels("idle").set(pool.get_idle_size())


async def measure_house() -> None:
    """Note what waits where, for the worker: one look for the whole house."""
    measure_pool()
    await _by_labels(JOBS, "SELECT entrypoint, status::text, count(*) FROM pgqueuer GROUP BY 1, 2")
    OLDEST_JOB.set(
        await fetch_value(
            "SELECT coalesce(extract(epoch FROM now() - min(execute_after)), 0)::float8 FROM pgqueuer"
            " WHERE status = 'queued' AND execute_after <= now()"
        )
    )
    OUTBOX_LAG.set(
        await fetch_value(
            "SELECT coalesce(extract(epoch FROM now() - min(created)), 0)::float8 FROM pgqueuer"
            " WHERE entrypoint = 'deliver_notification' AND status IN ('queued', 'picked')"
        )
    )
    await _by_labels(DOCUMENTS, "SELECT state, count(*) FROM upload GROUP BY 1")
    await _by_labels(CASES, "SELECT kind, stage, count(*) FROM application WHERE stage <> '' GROUP BY 1, 2")
    UNSEALED.set(await fetch_value("SELECT count(*) FROM unsealed"))


async def _by_labels(gauge: Gauge, sql: str) -> None:
    rows = await fetch(sql)
    gauge.clear()
    for row in rows:
        gauge.labels(*row[:-1]).set(row[-1])
