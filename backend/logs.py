"""How the processes log: one line of JSON in production, words in a demonstration; never the values of variables."""

from __future__ import annotations

import sys
import traceback

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

#: How far back the causes of an error are told.
_CAUSES = 5

_ENCODER = msgspec.json.Encoder(enc_hook=repr)


class _Lines:
    """Writes each line to what is the standard output then, at once."""

    def __init__(self, *_: object) -> None:
        """Nothing is kept of the names that a logger is asked for by."""

    def msg(self, line: bytes) -> None:
        """Write one line."""
        out = sys.stdout.buffer
        out.write(line + b"\n")
        out.flush()

    debug = info = warning = error = critical = msg


def configure(demo: bool) -> None:
    """Set up logging of this process; tracebacks tell where, and not what was held there: that may be personal data."""
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if demo:
        processors.append(
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback)
        )
    else:
        processors += [where_it_broke, _as_line]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=structlog.PrintLoggerFactory() if demo else _Lines,
        cache_logger_on_first_use=True,
    )


def _as_line(logger: WrappedLogger, name: str, event: EventDict) -> bytes:
    """A processor, the last: the event as one line of JSON."""
    return _ENCODER.encode(event)


def where_it_broke(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """A processor: the places and the kinds of an error and of what led to it, without their words.

    A library's message may quote the value that it could not take.
    """
    told = event.pop("exc_info", None)
    error = told if isinstance(told, BaseException) else sys.exc_info()[1] if told else None
    parts: list[str] = []
    while error is not None and len(parts) < _CAUSES:
        parts.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
        error = error.__cause__ or error.__context__
    if parts:
        event["exception"] = "\n\nled to:\n".join(reversed(parts))
    return event
