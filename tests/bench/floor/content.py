"""The content of a programme's versions, as the floor keeps it: decoded once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

_VERSIONS: dict[UUID, dict[str, Any]] = {}


def content_of(version: UUID, content: str) -> dict[str, Any]:
    """The content of a programme version, decoded once: versions never change."""
    if version not in _VERSIONS:
        _VERSIONS[version] = msgspec.json.decode(content)
    return _VERSIONS[version]
