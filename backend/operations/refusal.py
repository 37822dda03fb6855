"""How an operation says that the operator has to change something first."""

from __future__ import annotations


class Refusal(Exception):
    """The operation cannot go on; the text is one or a few lines that name what to change."""
