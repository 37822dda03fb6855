"""What the family routes take and give."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from backend.people.relations import RELATION_LABELS, EndReason, RelationKind
from backend.registry.family.facts import MemberInput
from backend.registry.family.policy import needs_guardian
from backend.registry.family.queries import Addition, EntryState, FamilyEntry
from backend.registry.schemas import IdentifierIn, Version
from backend.words import Language


class MemberIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A relative as one declares them.

    `from_on` null means by birth; it has to be given for a spouse. `guardian` is for grandchildren, siblings and others
    below 18 of whom one is the legal guardian.
    """

    name: Annotated[str, Meta(max_length=100, examples=["买买提·艾力"])]
    identifier: IdentifierIn
    kind: Annotated[RelationKind, Meta(examples=["spouse"])]
    guardian: bool = False
    evidence: UUID | None = None
    from_on: Annotated[date, Meta(examples=["2014-10-01"])] | None = None

    def entered(self) -> MemberInput:
        """What the service takes."""
        return MemberInput(
            name=self.name,
            identifier=self.identifier.entered(),
            kind=self.kind,
            guardian=self.guardian,
            evidence=self.evidence,
            from_on=self.from_on,
        )


class AmendIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A declaration put right; `identifier` null leaves the number."""

    name: Annotated[str, Meta(max_length=100, examples=["买买提·艾力"])]
    identifier: IdentifierIn | None = None
    kind: Annotated[RelationKind, Meta(examples=["spouse"])]
    guardian: bool = False
    evidence: UUID | None = None
    from_on: Annotated[date, Meta(examples=["2014-10-01"])] | None = None
    version: Version

    def entered(self) -> MemberInput:
        """What the service takes."""
        return MemberInput(
            name=self.name,
            identifier=self.identifier.entered() if self.identifier else None,
            kind=self.kind,
            guardian=self.guardian,
            evidence=self.evidence,
            from_on=self.from_on,
        )


class EndIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """The last day of a relation, and why it ended."""

    to_on: Annotated[date, Meta(examples=["2025-12-31"])]
    reason: Annotated[EndReason, Meta(examples=["divorce"])]
    version: Version


class StrikeIn(Struct, forbid_unknown_fields=True):
    """The version of the declaration that is taken back."""

    version: Version


class AdditionIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """The resident ID that a child has got, and the paper that shows it."""

    number: Annotated[str, Meta(max_length=40, examples=["370999201806010028"])]
    evidence: UUID


class RelativeConsentIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A purpose agreed to for a relative; `paper` is the form they signed, for those of 14 and older."""

    purpose: Annotated[str, Meta(max_length=30, examples=["share_with_insurer"])]
    text_version: Annotated[str, Meta(max_length=20, examples=["2026-03"])]
    paper: UUID | None = None


class AdditionOut(Struct, kw_only=True):
    """A resident ID that was asked for: open, approved or refused, and why."""

    identifier_masked: str
    state: str
    reason: str


class MemberOut(Struct, kw_only=True):
    """A relative as one declared them."""

    id: UUID
    name: str
    kind: RelationKind
    kind_label: str
    sex: str
    born_on: date | None
    identifier_type: str
    identifier_masked: str
    guardian: bool
    evidence: UUID | None
    from_on: date | None
    to_on: date | None
    end_reason: EndReason | None
    state: EntryState
    certified: bool
    consent_by: str
    consents: list[str]
    addition: AdditionOut | None
    version: int


class FamilyOut(Struct):
    """The relatives that one declared, those that stand first; what was taken back is left out."""

    items: list[MemberOut]


def member_out(entry: FamilyEntry, today: date, language: Language) -> MemberOut:
    """A relative as the worker sees them: the worker's own words, and nothing of what else is on file."""
    member = entry.member
    return MemberOut(
        id=member.relation,
        name=member.name,
        kind=member.kind,
        kind_label=RELATION_LABELS[member.kind].in_(language),
        sex=member.sex,
        born_on=member.born_on,
        identifier_type=member.identifier_type or "",
        identifier_masked=member.identifier_masked,
        guardian=member.guardian,
        evidence=member.evidence,
        from_on=member.from_on,
        to_on=member.to_on,
        end_reason=entry.end_reason,
        state=entry.state,
        certified=member.certified,
        consent_by="guardian" if needs_guardian(member.born_on, today) else "own",
        consents=list(entry.consents),
        addition=_addition_out(entry.addition) if entry.addition else None,
        version=entry.version,
    )


def _addition_out(addition: Addition) -> AdditionOut:
    return AdditionOut(identifier_masked=addition.masked, state=addition.state, reason=addition.reason)
