"""What a mutual-aid plan says: covers and their waiting, whom it takes, shares, money, dates; each figure's clause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from backend.errors import Violation
from backend.people.relations import RelationKind
from backend.words import Text

#: The worker themselves, among those whom a plan takes; the others are kinds of relation.
SELF = "self"

Days = Annotated[int, Meta(ge=0, le=3660)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Fen = Annotated[int, Meta(ge=0, le=100_000_000)]
Age = Annotated[int, Meta(ge=0, le=150)]
Clause = Annotated[str, Meta(min_length=1, max_length=200)]


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a plan, with the notice and article that its figures come from."""

    clause: Clause


class Payer(StrEnum):
    """Who pays the contribution (互助费); a stored value never changes."""

    WORKER = "worker"
    UNIT = "unit"
    UNION = "union"
    GIFT = "gift"


class StartRule(StrEnum):
    """When a cover begins: the day after it was approved, or was asked for; the first of the next month; a set day."""

    AFTER_APPROVAL = "after_approval"
    AFTER_SUBMISSION = "after_submission"
    NEXT_MONTH = "next_month"
    FIXED = "fixed"


class Channel(StrEnum):
    """Who enrols: the worker on the phone, or the unit's union for its staff."""

    WORKER = "worker"
    UNIT = "unit"


class OnLeaving(StrEnum):
    """What leaving the unit does to a cover: it ends that day, or runs to its last day."""

    ENDS = "ends"
    RUNS_ON = "runs_on"


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Through day `through_day` of the cover (the first day is 1) a share pays this much: a percent, or an amount."""

    through_day: Annotated[int, Meta(ge=1, le=3660)]
    percent: Percent | None = None
    amount_fen: Fen | None = None


class Benefit(_Said, frozen=True, kw_only=True):
    """One kind of event that is covered: what one share pays in full, and the tiers before that, in order of days."""

    key: Annotated[str, Meta(min_length=1, max_length=30)]
    label_zh: str
    label_en: str
    amount_fen: Fen
    per_day: bool = False
    tiers: tuple[Tier, ...] = ()

    @property
    def label(self) -> Text:
        """Its name in both languages."""
        return Text(self.label_zh, self.label_en)

    @property
    def waits_through_day(self) -> int:
        """The last day of the cover on which it does not pay in full; 0 where nothing waits."""
        return self.tiers[-1].through_day if self.tiers else 0


class Waiver(_Said, frozen=True, kw_only=True):
    """What lifts the waiting: a renewal asked for within so many days after expiry, a plan that is a gift."""

    renewal_within_days: Days | None = None
    gift: bool = False


class Period(_Said, frozen=True, kw_only=True):
    """How long a cover runs, in years, and from how many days before its end it can be renewed."""

    years: Annotated[int, Meta(ge=1, le=10)]
    renewal_opens_days: Days = 60


class Start(_Said, frozen=True, kw_only=True):
    """When a cover begins; `on` is the set day of StartRule.FIXED."""

    rule: StartRule
    on: date | None = None


class Ages(_Said, frozen=True, kw_only=True):
    """Full years on the day of asking: at least `from_age` and less than `below`; for one sex or grade, or for all."""

    from_age: Age = 0
    below: Age
    sex: Annotated[str, Meta(pattern="^(female|male)?$")] = ""
    grade: Annotated[str, Meta(max_length=20)] = ""


class Taken(_Said, frozen=True, kw_only=True):
    """Somebody whom the plan takes: `self` or a kind of relation, within these ages."""

    who: str
    ages: tuple[Ages, ...]


class Shares(_Said, frozen=True, kw_only=True):
    """How many shares (份) one cover may have, whether they are equal for all of a unit, and covers per person."""

    most: Annotated[int, Meta(ge=1, le=100)] = 1
    equal_in_unit: bool = False
    covers_per_person: Annotated[int, Meta(ge=1, le=9)] = 1


class Contribution(_Said, frozen=True, kw_only=True):
    """The contribution (互助费) of one share for one period, less for holders of a member card, and who pays it."""

    per_share_fen: Fen
    card_holder_fen: Fen | None = None
    payer: Payer


class Group(_Said, frozen=True, kw_only=True):
    """A unit joins only with at least so many persons and so much of those it could enrol."""

    persons: Annotated[int, Meta(ge=1, le=100_000)]
    percent: Percent


class Heirs(_Said, frozen=True, kw_only=True):
    """Who may be a beneficiary (受益人); without any the legal heirs are."""

    relations: tuple[RelationKind, ...]
    most: Annotated[int, Meta(ge=1, le=20)] = 5


class Ending(_Said, frozen=True, kw_only=True):
    """What leaving the unit does; death ends a cover by itself. `family_too`: the covers of the family follow."""

    leaving: OnLeaving
    family_too: bool = True


class Health(_Said, frozen=True, kw_only=True):
    """Everybody who joins by themselves declares their health; of its staff a unit states that they are at work."""


class Exclusion(_Said, frozen=True, kw_only=True):
    """Something that the plan does not pay for."""

    zh: str
    en: str


class PlanTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All the figures of one plan version."""

    benefits: tuple[Benefit, ...]
    period: Period
    start: Start
    taken: tuple[Taken, ...]
    shares: Shares
    contribution: Contribution
    ending: Ending
    heirs: Heirs
    waiver: Waiver | None = None
    group: Group | None = None
    channels: tuple[Channel, ...] = (Channel.WORKER, Channel.UNIT)
    health: Health | None = None
    exclusions: tuple[Exclusion, ...] = ()
    grades: tuple[str, ...] = ()

    def ages_of(self, who: str, sex: str, grade: str) -> Ages | None:
        """The ages at which somebody is taken: those of their own grade before the general; None for not at all."""
        fits = [
            ages
            for taken in self.taken
            if taken.who == who
            for ages in taken.ages
            if ages.sex in ("", sex) and ages.grade in ("", grade)
        ]
        return max(fits, key=lambda ages: (bool(ages.grade), bool(ages.sex)), default=None)

    @property
    def takes(self) -> frozenset[str]:
        """Whom the plan takes: `self` and kinds of relation."""
        return frozenset(taken.who for taken in self.taken)


def terms_of(terms: Mapping[str, Any]) -> PlanTerms:
    """The terms of a published version."""
    return msgspec.convert(terms, PlanTerms)


def read_terms(terms: Mapping[str, Any]) -> tuple[PlanTerms | None, list[Violation]]:
    """The terms as they were drafted, and everything that forbids publishing them."""
    try:
        plan = msgspec.convert(terms, PlanTerms)
    except msgspec.ValidationError as error:
        return None, [Violation("terms_unreadable", Text(f"计划条款有误:{error}", f"Terms: {error}"), "terms")]
    return plan, [Violation(code, Text(zh, en), f"terms.{field}") for code, zh, en, field in _faults(plan)]


def _faults(plan: PlanTerms) -> Iterator[tuple[str, str, str, str]]:
    if not plan.benefits or len({benefit.key for benefit in plan.benefits}) != len(plan.benefits):
        yield "benefits", "保障责任为空或重复。", "No benefit, or one twice.", "benefits"
    for benefit in plan.benefits:
        days = [tier.through_day for tier in benefit.tiers]
        if days != sorted(set(days)):
            yield "tiers_order", "等待期须按天数递增。", "Tiers go up by days.", f"benefits.{benefit.key}"
        for tier in benefit.tiers:
            if (tier.percent is None) == (tier.amount_fen is None):
                yield "tier_amount", "等待期给付须填比例或金额之一。", "A percent or an amount.", benefit.key
            elif tier.amount_fen is not None and tier.amount_fen > benefit.amount_fen:
                yield "tier_amount", "等待期给付高于全额。", "A tier pays more than the full amount.", benefit.key
    known = {SELF, *RelationKind}
    if not plan.taken or any(taken.who not in known or not taken.ages for taken in plan.taken):
        yield "taken", "参保对象不明确。", "It is not clear whom the plan takes.", "taken"
    for taken in plan.taken:
        for ages in taken.ages:
            if ages.from_age >= ages.below:
                yield "ages", "年龄范围为空。", "No age fits.", f"taken.{taken.who}"
            if ages.grade and ages.grade not in plan.grades:
                yield "ages_grade", "年龄条件所指的职级未列出。", "A grade that is not listed.", f"taken.{taken.who}"
    if (plan.start.rule is StartRule.FIXED) != (plan.start.on is not None):
        yield "start_day", "固定生效日须且仅须填写日期。", "A set day is given for a fixed start alone.", "start"
    card = plan.contribution.card_holder_fen
    if card is not None and card > plan.contribution.per_share_fen:
        yield "card_holder", "持卡会员互助费高于普通标准。", "Card holders pay more than others.", "contribution"
    if not plan.channels or (plan.group is not None and Channel.WORKER in plan.channels):
        yield "channels", "有团体条件的计划只由单位集体参保。", "Group conditions: by the unit.", "channels"
    if plan.group is not None and plan.takes != {SELF}:
        yield "group_taken", "团体条件只适用于职工本人。", "Group conditions are for workers alone.", "group"
