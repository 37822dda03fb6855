"""What the routes of mutual aid take and give; money in fen, dates local."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from backend.applications.papers import Slot
from backend.applications.schemas import CheckOut, PaperOut, checks_out, paper_out
from backend.identity import Actor
from backend.insurance.assessment import VERDICT_LABELS
from backend.insurance.covers import COVERING, END_LABELS, HeldBy
from backend.insurance.dates import STATE_LABELS, CoverState, Payable, payable_on, waits_until
from backend.insurance.facts import HeirFacts
from backend.insurance.judging import Enrolled
from backend.insurance.lines import BeneficiaryInput, HealthInput
from backend.insurance.panels import PAYER_LABELS, who_in_words
from backend.insurance.plans import Plan
from backend.insurance.policy import MemberJudgement, Proposal, paid_by_worker, starts_in_words
from backend.insurance.terms import Payer
from backend.people.relations import RelationKind
from backend.words import Language, Text

Version = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class BenefitOut(Struct, kw_only=True):
    """What one kind of event pays on a day, and from which day on in full."""

    code: str
    label: str
    amount_fen: Annotated[int, Meta(description="What it pays on that day, fen (CNY).", examples=[500_000])]
    full_fen: Annotated[int, Meta(description="What it pays in full, fen (CNY).", examples=[1_000_000])]
    per_day: bool
    waits_through_day: int
    full_from: date | None
    clause: str


class PlanOut(Struct, kw_only=True):
    """A plan that one may join."""

    id: UUID
    name: str
    organiser: str
    version: int
    years: int
    per_share_fen: int
    card_holder_fen: int | None
    payer: str
    payer_label: str
    shares_most: int
    starts: str
    takes: list[str]
    grades: list[str]
    by_unit_only: bool
    health_declaration: bool


class PlanDetail(PlanOut, kw_only=True):
    """A plan with all its figures, each with its clause, and the papers that it asks for."""

    benefits: list[BenefitOut]
    terms: Annotated[dict[str, str], Meta(description="Each further figure in words, with its clause.")]
    exclusions: list[str]
    papers: list[PaperOut]


class InsuredIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """One person to be covered: oneself where `relation_id` is left out, else a registered relative."""

    relation_id: UUID | None = None
    grade: Annotated[str, Meta(max_length=20, examples=[""])] = ""
    card_holder: bool = False
    health: HealthInput | None = None
    beneficiaries: Annotated[list[BeneficiaryInput], Meta(max_length=20)] = []


class EnrolmentFields(Struct, kw_only=True, forbid_unknown_fields=True):
    """Whom one wants to be covered, and with how many shares each."""

    shares: Annotated[int, Meta(ge=1, le=100, examples=[1])]
    members: Annotated[list[InsuredIn], Meta(max_length=20)]


class EnrolmentDraft(EnrolmentFields, kw_only=True, forbid_unknown_fields=True):
    """A new enrolment in a plan."""

    plan_id: UUID


class EnrolmentAmend(EnrolmentFields, kw_only=True, forbid_unknown_fields=True):
    """An enrolment as it should read, by who saw its `version`."""

    version: Version


class InsuredOut(Struct, kw_only=True):
    """One person of an enrolment: every rule, what is proposed or decided, what it costs and from when it covers."""

    name: str
    who: str
    who_label: str
    proposal: Proposal
    verdict: str
    verdict_label: str
    reason: str
    checks: list[CheckOut]
    cost_fen: int
    starts_on: date | None
    ends_on: date | None
    renews: bool
    waits_until: date | None
    benefits: list[BenefitOut]


class PreviewOut(Struct, kw_only=True):
    """What joining would cost, who pays, when it starts and what waits; a cover starts then if approved today."""

    eligible: bool
    checks: list[CheckOut]
    members: list[InsuredOut]
    cost_fen: int
    you_pay_fen: int
    payer: str
    payer_label: str


class EnrolmentOut(PreviewOut, kw_only=True):
    """An enrolment of one's own as it stands today."""

    id: UUID
    number: str
    state: str
    version: int


class EnrolledOut(Struct, kw_only=True):
    """The draft: send it with this version."""

    id: UUID
    number: str
    version: int


class BeneficiaryOut(Struct, kw_only=True):
    """Who receives the benefit."""

    name: str
    relation: str
    relation_label: str
    percent: int


class CoverOut(Struct, kw_only=True):
    """A cover as it stands on a day: whom it covers, for what, since when, what still waits, who is beneficiary."""

    id: UUID
    number: str
    plan: str
    name: str
    who: str
    who_label: str
    state: CoverState
    state_label: str
    shares: int
    starts_on: date
    ends_on: date
    ended_on: date | None
    end_reason: str
    renews: bool
    waits_until: date | None
    benefits: list[BenefitOut]
    beneficiaries: list[BeneficiaryOut]
    legal_heirs: bool
    contribution_fen: int
    payer: str
    payer_label: str


class CoversOut(Struct, kw_only=True):
    """One's covers and those of the family, as they stand on a day."""

    on: date
    covered: Annotated[bool, Meta(description="Whether one is covered oneself on that day, by any plan.")]
    covers: list[CoverOut]


class BeneficiariesIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """Beneficiaries as they should be from now on; none means the legal heirs."""

    beneficiaries: Annotated[list[BeneficiaryInput], Meta(max_length=20)]


def plan_out(plan: Plan, language: Language) -> PlanOut:
    """The list form of a plan."""
    terms = plan.terms
    return PlanOut(
        id=plan.version,
        name=plan.name.in_(language),
        organiser=plan.organiser_name,
        version=plan.number,
        years=terms.period.years,
        per_share_fen=terms.contribution.per_share_fen,
        card_holder_fen=terms.contribution.card_holder_fen,
        payer=terms.contribution.payer,
        payer_label=PAYER_LABELS[terms.contribution.payer].in_(language),
        shares_most=terms.shares.most,
        starts=Text(*starts_in_words(terms)).in_(language),
        takes=sorted(terms.takes),
        grades=list(terms.grades),
        by_unit_only="worker" not in terms.channels,
        health_declaration=terms.health is not None,
    )


def plan_detail(plan: Plan, today: date, language: Language) -> PlanDetail:
    """The full form of a plan."""
    terms = plan.terms
    clauses = {
        "period": terms.period.clause,
        "start": terms.start.clause,
        "shares": terms.shares.clause,
        "contribution": terms.contribution.clause,
        "ending": terms.ending.clause,
        "heirs": terms.heirs.clause,
        **({"health": terms.health.clause} if terms.health else {}),
        **({"waiver": terms.waiver.clause} if terms.waiver else {}),
        **({"group": terms.group.clause} if terms.group else {}),
        **{f"ages.{taken.who}.{n}": ages.clause for taken in terms.taken for n, ages in enumerate(taken.ages)},
    }
    usual = plan_out(plan, language)
    return PlanDetail(
        **{name: getattr(usual, name) for name in PlanOut.__struct_fields__},
        benefits=benefits_out(payable_on(terms, today, 1, False, today), language),
        terms=clauses,
        exclusions=[Text(one.zh, one.en).in_(language) for one in terms.exclusions],
        papers=[paper_out(Slot(paper, ()), language) for paper in plan.content.papers],
    )


def benefits_out(payable: list[Payable], language: Language) -> list[BenefitOut]:
    """What a cover pays on a day."""
    return [
        BenefitOut(
            code=one.benefit.key,
            label=one.benefit.label.in_(language),
            amount_fen=one.amount_fen,
            full_fen=one.full_fen,
            per_day=one.benefit.per_day,
            waits_through_day=one.benefit.waits_through_day,
            full_from=one.full_from,
            clause=one.benefit.clause,
        )
        for one in payable
    ]


def preview_out(enrolled: Enrolled, verdicts: dict[UUID, tuple[str, str]], language: Language) -> PreviewOut:
    """How an enrolment stands today; `verdicts` are what was decided of each person, and why."""
    terms = enrolled.plan.terms
    cost = sum(one.cost_fen for one in enrolled.members if one.proposal is not Proposal.REFUSE)
    return PreviewOut(
        eligible=all(check.passed for check in enrolled.checks),
        checks=checks_out([check for check in enrolled.checks if not check.field.startswith("members.")], language),
        members=[
            _insured(enrolled, one, verdicts.get(one.member.person, ("", "")), language) for one in enrolled.members
        ],
        cost_fen=cost,
        you_pay_fen=paid_by_worker(terms, cost),
        payer=terms.contribution.payer,
        payer_label=PAYER_LABELS[terms.contribution.payer].in_(language),
    )


def covers_out(actor: Actor, on: date, held: list[HeldBy]) -> CoversOut:
    """The covers that the actor may see, as they stand on `on`; beneficiaries only through whom one is covered."""
    return CoversOut(
        on=on,
        covered=any(one.person == actor.person_id and one.state in COVERING for one in held),
        covers=[cover_out(one, actor) for one in held],
    )


def cover_out(held: HeldBy, actor: Actor) -> CoverOut:
    """One cover."""
    language = actor.language
    mine = held.worker == actor.person_id
    return CoverOut(
        id=held.id,
        number=held.number,
        plan=held.plan.name.in_(language),
        name=held.name,
        who=held.who,
        who_label=who_in_words(held.who).in_(language),
        state=held.state,
        state_label=STATE_LABELS[held.state].in_(language),
        shares=held.shares,
        starts_on=held.starts_on,
        ends_on=held.ends_on,
        ended_on=held.ended_on,
        end_reason=END_LABELS[held.end_reason].in_(language),
        renews=held.renews,
        waits_until=held.waits_until,
        benefits=benefits_out(list(held.payable), language),
        beneficiaries=[_heir(heir, language) for heir in held.heirs] if mine else [],
        legal_heirs=not held.heirs,
        contribution_fen=held.contribution_fen,
        payer=held.payer,
        payer_label=PAYER_LABELS[Payer(held.payer)].in_(language),
    )


def _heir(heir: HeirFacts, language: Language) -> BeneficiaryOut:
    relation = RelationKind(heir.relation)
    return BeneficiaryOut(
        name=heir.name, relation=relation, relation_label=who_in_words(relation).in_(language), percent=heir.percent
    )


def _insured(enrolled: Enrolled, judged: MemberJudgement, decided: tuple[str, str], language: Language) -> InsuredOut:
    dates, terms, who = judged.dates, enrolled.plan.terms, judged.member.who or ""
    verdict, reason = decided
    return InsuredOut(
        name=judged.member.name,
        who=who,
        who_label=who_in_words(who).in_(language) if who else "",
        proposal=judged.proposal,
        verdict=verdict,
        verdict_label=VERDICT_LABELS[verdict].in_(language) if verdict else "",
        reason=reason,
        checks=checks_out(list(judged.checks), language),
        cost_fen=judged.cost_fen,
        starts_on=dates.starts_on if dates else None,
        ends_on=dates.ends_on if dates else None,
        renews=bool(dates and dates.renews),
        waits_until=waits_until(terms, dates.starts_on, dates.waived) if dates else None,
        benefits=benefits_out(
            payable_on(terms, dates.starts_on, max(judged.member.shares, 1), dates.waived, dates.starts_on), language
        )
        if dates
        else [],
    )
