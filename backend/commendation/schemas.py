"""What the routes of commendation take and give."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, field

from backend.applications.lifecycle import SubjectKind
from backend.applications.schemas import PaperOut
from backend.commendation.nominations import ApprovalFields
from backend.commendation.terms import Category, Trait

_LONG = Meta(max_length=20_000)


class CampaignOut(Struct, kw_only=True):
    """A campaign that one may nominate in; instants in UTC. Lengths are in characters, white space not counted."""

    id: UUID
    name: str
    organiser: str
    honour: str
    state: str
    opens_at: datetime
    closes_at: datetime


class RuleOut(Struct, kw_only=True):
    """A rule of the campaign in words, with where it comes from."""

    label: str
    limit: str
    clause: str


class CampaignDetail(CampaignOut, kw_only=True):
    """A campaign with what to read before nominating: limits, ratios, papers, and what will be published."""

    nominee_kinds: list[SubjectKind]
    self_nomination: bool
    merit_least: int
    merit_most: int
    deed_most: int
    ratios: list[RuleOut]
    bars: list[RuleOut]
    papers: list[PaperOut]
    notice_basis: str


class ColleagueOut(Struct):
    """Somebody of one's own unit."""

    id: UUID
    name: str
    department: str


class Colleagues(Struct):
    """Who was found, 20 at most."""

    items: list[ColleagueOut]


class TextIn(Struct, forbid_unknown_fields=True):
    """Texts as they stand while they are typed; nothing is stored."""

    merit: Annotated[str, _LONG] = ""
    deed: Annotated[str, Meta(max_length=200)] = ""


class CountOut(Struct, kw_only=True):
    """How long the texts are, in characters without white space, what is allowed, and what is wrong so far."""

    merit_count: int
    merit_least: int
    merit_most: int
    deed_count: int
    deed_most: int
    problems: list[str]


class NominationFieldsIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a nomination says."""

    category: Category
    traits: Annotated[list[Trait], Meta(max_length=13)] = []
    merit: Annotated[str, _LONG]
    deed: Annotated[str, Meta(max_length=200)]
    fields: Annotated[
        ApprovalFields, Meta(description="Fields of the approval form that the file does not know.", examples=[{}])
    ] = field(default_factory=ApprovalFields)


class NominationDraft(NominationFieldsIn, kw_only=True, forbid_unknown_fields=True):
    """A new nomination; `nominee_id` is a colleague, or oneself where the campaign allows it."""

    campaign_id: UUID
    nominee_id: UUID


class NominationAmend(NominationFieldsIn, kw_only=True, forbid_unknown_fields=True):
    """A nomination as it should read, by who saw its `version`."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class NominatedOut(Struct, kw_only=True):
    """The draft, to be sent with this version; or, where `joined`, the case that one's line was added to."""

    id: UUID
    number: str
    version: int
    joined: bool


class ConsentIn(Struct, forbid_unknown_fields=True):
    """Whether one agrees to be nominated; a refusal ends the case."""

    agrees: bool
    reason: Annotated[str, Meta(max_length=200)] = ""


class JoinIn(Struct, forbid_unknown_fields=True):
    """One's own draft, by who saw its `version`."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class NominationOut(Struct, kw_only=True):
    """A nomination in clear, for who filed it and whom it is about; `consent` is needless, asked, given or refused."""

    id: UUID
    number: str
    campaign: str
    honour: str
    nominee: str
    category: Category
    traits: list[Trait]
    merit: str
    merit_count: int
    merit_least: int
    merit_most: int
    deed: str
    fields: Annotated[ApprovalFields, Meta(description="Fields of the approval form.", examples=[{}])]
    consent: str
    score: float | None
    certificate: str | None
    version: int


class HonourOut(Struct, kw_only=True):
    """An award on the honour roll: whoever it names consents to be published."""

    id: UUID
    title: str
    holder: str
    unit: str
    deed: str
    document: str
    granted_on: date
