"""How old somebody is on a day. Pure."""

from __future__ import annotations

from datetime import date


def full_years(since: date, on: date) -> int:
    """Full years from one day to another; somebody born on 29 February comes of age on 1 March of a common year."""
    return on.year - since.year - ((on.month, on.day) < (since.month, since.day))
