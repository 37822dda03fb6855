"""What the rules of mutual aid are judged on: frozen, without a database."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from backend.people.relations import RelationKind


class HeldCover(msgspec.Struct, frozen=True):
    """A cover by the same plan; `ended_on` is its last day where it ended before `ends_on`."""

    slot: int
    starts_on: date
    ends_on: date
    ended_on: date | None = None

    @property
    def last_on(self) -> date:
        """Its last day."""
        return self.ended_on or self.ends_on


class HeirFacts(msgspec.Struct, frozen=True):
    """A beneficiary (受益人) and their share in percent."""

    name: str
    relation: RelationKind
    percent: int


class MemberFacts(msgspec.Struct, frozen=True):
    """Somebody who is to be covered.

    `who` is `self` or what they are to the worker, None where they are nobody to them. `evidenced` says that a paper
    shows the relation, `agrees` that the file says the same of the person as the worker, `employed` that the unit's
    file names the worker as verified, `under_way` that another enrolment in this plan waits.
    """

    person: UUID
    name: str
    who: str | None
    sex: str
    born_on: date | None
    grade: str
    card_holder: bool
    shares: int
    employed: bool
    evidenced: bool
    health_declared: bool
    healthy: bool
    consents: tuple[str, ...]
    heirs: tuple[HeirFacts, ...]
    covers: tuple[HeldCover, ...]
    under_way: bool
    agrees: bool = True


class UnitFacts(msgspec.Struct, frozen=True):
    """A unit before a plan.

    `could_join` counts those of its verified staff whom the plan takes by sex and age, `covered` those who are covered
    today; `shares` is what they hold, where they hold the same.
    """

    could_join: int
    covered: int
    shares: int | None


class EnrolmentFacts(msgspec.Struct, frozen=True):
    """Everything that one enrolment is judged on, but the day itself."""

    channel: str
    members: tuple[MemberFacts, ...]
    unit: UnitFacts
