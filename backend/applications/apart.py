"""What falls due by time is done one by one: what cannot be done yet holds up nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog

from backend.errors import RuleViolation

log = structlog.get_logger(__name__)


@contextmanager
def apart(what: str, subject: UUID) -> Iterator[None]:
    """Log a rule that forbids the block, a deadline past the calendar above all, and go on; it is tried again later."""
    try:
        yield
    except RuleViolation as refused:
        log.warning("postponed", what=what, subject=str(subject), code=refused.code)
