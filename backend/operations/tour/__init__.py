"""The tour: the whole story of a stay, played over HTTP against a running stack."""

from __future__ import annotations

from backend.operations.tour.stage import main

__all__ = ["main"]
