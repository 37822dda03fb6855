"""Who gets a place: by rank within each union's quota, never one more than there are."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case that asks for a place: its points, its lot for a tie, and the union whose quota it falls under."""

    application: UUID
    points: int
    lot: bytes
    quota_union: UUID | None


@dataclass(frozen=True, slots=True)
class Placed:
    """What a candidate got: `rank` counts from 1 within mains and within reserves."""

    application: UUID
    placement: str
    rank: int


def lot(aggregate: UUID, person: UUID) -> bytes:
    """The drawn lot that orders people of equal points: fixed by who asks for what, not by when they asked."""
    return hashlib.sha256(aggregate.bytes + person.bytes).digest()


def in_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Most points first, equal points by lot."""
    return sorted(candidates, key=lambda candidate: (-candidate.points, candidate.lot))


@dataclass(slots=True)
class Places:
    """The places of an aggregate while they are being given: `quotas` None means that only the whole is bounded."""

    capacity: int
    quotas: Mapping[UUID, int] | None
    taken: Counter[UUID | None]
    held: int = field(init=False)

    def __post_init__(self) -> None:
        self.held = self.taken.total()

    def take(self, union: UUID | None) -> bool:
        """Take one for somebody under `union`; False where neither the whole nor the quota has one left."""
        if self.held >= self.capacity:
            return False
        if self.quotas is not None and (union is None or self.taken[union] >= self.quotas.get(union, 0)):
            return False
        self.taken[union] += 1
        self.held += 1
        return True


def allocate(candidates: Iterable[Candidate], places: Places) -> list[Placed]:
    """Everybody placed: mains in order while places last, all others as ranked reserves."""
    mains: list[Placed] = []
    reserves: list[Placed] = []
    for candidate in in_order(candidates):
        if places.take(candidate.quota_union):
            mains.append(Placed(candidate.application, "main", len(mains) + 1))
        else:
            reserves.append(Placed(candidate.application, "reserve", len(reserves) + 1))
    return mains + reserves


def next_in_line(reserves: Sequence[Candidate], places: Places) -> list[Candidate]:
    """The reserves, given in rank order, that the free places go to."""
    return [candidate for candidate in reserves if places.take(candidate.quota_union)]
