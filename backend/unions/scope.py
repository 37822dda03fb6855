"""Scope: the one place that says whose rows a role reaches, which is the subtree of the union it is bound to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from backend.columns import LEVEL_COLUMNS
from backend.identity import Actor, Binding, Level, Role


def in_scope(actor: Actor, roles: Iterable[Role], row: Mapping[str, Any] | asyncpg.Record) -> bool:
    """Whether a role of the actor reaches a row that has the level columns."""
    unions = {row[column] for column in LEVEL_COLUMNS}
    return any(binding.union_id in unions for binding in actor.unions_as(*roles))


def scope_sql(bindings: Sequence[Binding], alias: str, first_param: int) -> tuple[str, list[list[UUID]]]:
    """The condition that a row of `alias` is reached by a binding, with its parameters from `$first_param` on.

    One comparison per level, so that the index of that level is used; without bindings nothing is reached.
    """
    by_level: dict[Level, list[UUID]] = {}
    for binding in bindings:
        by_level.setdefault(binding.level, []).append(binding.union_id)
    if not by_level:
        return "false", []
    parts = [f"{alias}.{level.column} = ANY(${first_param + place})" for place, level in enumerate(by_level)]
    return f"({' OR '.join(parts)})", list(by_level.values())
