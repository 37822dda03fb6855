"""The tour: the stories of every programme, played over HTTP against a running stack."""

from __future__ import annotations

from backend.operations.tour.stage import main

__all__ = ["main"]
