"""What is declared of a relative, and what the rules know of a worker's family: frozen, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import msgspec

from backend.people.identifiers import IdentifierType
from backend.people.relations import RelationKind
from backend.registry.facts import IdentifierInput


class MemberInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A relative as they are declared; `identifier` None leaves the number that was declared before.

    `guardian` says that the worker is the legal guardian without being a parent; `evidence` is an upload of the
    worker's own, without which no programme takes the relative; `from_on` None means by birth.
    """

    name: str
    identifier: IdentifierInput | None = None
    kind: RelationKind
    guardian: bool = False
    evidence: UUID | None = None
    from_on: date | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What the declared number tells of the relative, or what was said where it tells nothing."""

    type: IdentifierType | None
    born_on: date | None
    sex: str


@dataclass(frozen=True, slots=True)
class Tie:
    """One relation that the worker declared; a struck one counts as a declaration and as nothing else."""

    kind: RelationKind
    from_on: date | None
    to_on: date | None
    struck: bool = False

    @property
    def live(self) -> bool:
        """Whether it goes on."""
        return self.to_on is None and not self.struck


class FamilyRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many relatives of which kind somebody may have, and which papers show them: the value of a policy row.

    `live` is by kind at one time, `live_total` of all kinds, `declared_ever` with those that ended or were struck.
    `generation_years` lie at least between parent and child. Below `birth_certificate_below` full years a birth
    certificate will do. A relation of a kind in `dated` begins on a day that has to be given.
    """

    live: Mapping[RelationKind, int]
    live_total: int
    declared_ever: int
    generation_years: int
    birth_certificate_below: int
    dated: tuple[RelationKind, ...]
    evidence: Mapping[RelationKind, tuple[str, ...]]
    guardian_evidence: tuple[str, ...]
