"""Files that only their owner can read."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_private(path: Path, content: object) -> None:
    """Write a JSON file that nobody but this user ever can read, whole or not at all."""
    half = path.with_suffix(".new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
