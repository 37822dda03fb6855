"""The slate of a campaign: proposed by score within the quotas, judged by its ratios, confirmed by the chair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from backend.applications.allocation import Candidate, Places, allocate, in_order, lot
from backend.applications.case import load_case
from backend.applications.judgement import RuleCheck
from backend.applications.lifecycle import Action, StageKind, SubjectKind
from backend.applications.service import Applications
from backend.audit.log import record
from backend.commendation import policy, queries
from backend.commendation.campaigns import bump, locked, require_state
from backend.commendation.facts import Nominee
from backend.commendation.policy import RatioCheck
from backend.commendation.tables import SlateChoice
from backend.commendation.terms import CampaignTerms, Trait, terms_of
from backend.database import execute, new_id, transaction
from backend.errors import RuleViolation, Violation
from backend.identity import Actor, Role
from backend.words import Text

MAIN, RESERVE, OUT = "main", "reserve", "none"
REASON_LEAST, REASON_MOST = 4, 300


@dataclass(frozen=True, slots=True)
class Entrant:
    """One nominee of a slate: `order` is its place by score and priority, `proposed` what the order gives it."""

    application: UUID
    number: str
    name: str
    kind: SubjectKind
    unit: str
    quota: str
    quota_union: UUID | None
    traits: tuple[Trait, ...]
    score: int
    favoured: bool
    order: int
    proposed: str
    placement: str

    @property
    def shown_score(self) -> str:
        """The committee's score of 100."""
        return f"{self.score / 100:.2f}"


@dataclass(frozen=True, slots=True)
class Slate:
    """A slate as it would be, or is: who stands where, each ratio and quota judged."""

    entrants: tuple[Entrant, ...]
    ratios: tuple[RatioCheck, ...]
    quotas: tuple[RuleCheck, ...]

    @property
    def deviating(self) -> list[Entrant]:
        """Whom the chair places otherwise than their order does."""
        return [one for one in self.entrants if one.placement != one.proposed]

    @property
    def broken_ratios(self) -> list[RatioCheck]:
        """The ratios that are not met."""
        return [ratio for ratio in self.ratios if not ratio.passed]

    def placed(self, placement: str) -> list[Entrant]:
        """Those of one placement, in order."""
        return sorted((one for one in self.entrants if one.placement == placement), key=lambda one: one.order)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the chair decided beside the order: placements by case, and a reason for each departure."""

    placements: Mapping[UUID, str]
    reasons: Mapping[UUID, str]
    ratio_reasons: Mapping[str, str]


NO_CHOICES = Choices({}, {}, {})


@dataclass(frozen=True, slots=True)
class Slates:
    """Proposing, judging and confirming slates."""

    applications: Applications

    async def look(self, campaign: UUID, choices: Choices = NO_CHOICES) -> Slate:
        """The slate as it is, or as these choices would make it; nothing is written."""
        row = await queries.campaign_row(campaign)
        content = queries.content_of(row)
        entrants = await queries.entrants(campaign, queries.stage_of(content, StageKind.ALLOCATION).key)
        rows = await queries.quotas(campaign)
        if row["state"] in ("slated", "closed"):
            return _standing(entrants, rows, terms_of(content))
        return proposed(campaign, entrants, rows, terms_of(content), choices.placements)

    async def confirm(self, actor: Actor, campaign: UUID, expected_version: int, choices: Choices) -> Slate:
        """Give the places as the slate says: mains and ranked reserves; all others leave, told why.

        A chair of the organiser, once the window is closed and every nomination is decided. Refused while a quota or a
        binding ratio is broken, or a departure has no reason. Run twice at once, the second finds it done (Conflict).
        """
        async with transaction():
            row = await locked(actor, campaign, expected_version, Role.CHAIR)
            require_state(row, "open")
            now = await self.applications.clock.now()
            slate = await self.look(campaign, choices)
            await self._require_ready(row, slate, choices, now)
            await self._write_choices(actor, campaign, slate, choices, now)
            await self._place(actor, slate, now)
            await execute(
                "UPDATE campaign SET slated_by = $2, slated_at = $3 WHERE id = $1", campaign, actor.account_id, now
            )
            await bump(campaign, "slated")
            await record(actor, "campaign.slate", "done", object_kind="campaign", object_id=campaign)
        return slate

    async def _require_ready(self, row: asyncpg.Record, slate: Slate, choices: Choices, now: datetime) -> None:
        content = queries.content_of(await queries.campaign_row(row["id"]))
        waiting = await queries.undecided(row["id"], queries.stage_of(content, StageKind.ALLOCATION).key)
        found = []
        if now < row["closes_at"]:
            found.append(Violation("window_open", Text("推荐尚未截止。", "Nominations are still open."), "closes_at"))
        if waiting:
            found.append(
                Violation(
                    "cases_undecided", Text(f"还有 {len(waiting)} 件未评审完。", f"{len(waiting)} are not decided yet.")
                )
            )
        if not slate.placed(MAIN):
            found.append(Violation("slate_empty", Text("名单中没有正选。", "The slate has no main."), "slate"))
        found += [check.violation() for check in slate.quotas if not check.passed]
        for one in slate.deviating:
            if not REASON_LEAST <= len(choices.reasons.get(one.application, "").strip()) <= REASON_MOST:
                found.append(
                    Violation(
                        "deviation_reason",
                        Text(f"请写明{one.name}未按评分排序的理由(4 至 300 字)。", f"Say why {one.name} departs."),
                        f"reason_{one.application}",
                    )
                )
        for ratio in slate.broken_ratios:
            reason = choices.ratio_reasons.get(ratio.ratio.key, "").strip()
            if ratio.ratio.binding or not REASON_LEAST <= len(reason) <= REASON_MOST:
                found.append(ratio.check().violation())
        if found:
            raise RuleViolation(found)

    async def _write_choices(self, actor: Actor, campaign: UUID, slate: Slate, choices: Choices, now: datetime) -> None:
        departures: list[tuple[UUID | None, str, str, str]] = [
            (one.application, "", one.placement, choices.reasons[one.application].strip()) for one in slate.deviating
        ]
        departures += [
            (None, ratio.ratio.key, "", choices.ratio_reasons[ratio.ratio.key].strip()) for ratio in slate.broken_ratios
        ]
        for application, ratio, placement, reason in departures:
            await SlateChoice.insert(
                SlateChoice(
                    id=new_id(),
                    campaign=campaign,
                    application=application,
                    ratio=ratio,
                    placement=placement,
                    reason=reason,
                    chosen_by=actor.account_id,
                    chooser_name=actor.name,
                    chosen_at=now,
                )
            )

    async def _place(self, actor: Actor, slate: Slate, now: datetime) -> None:
        ranks = {
            one.application: rank
            for placement in (MAIN, RESERVE)
            for rank, one in enumerate(slate.placed(placement), start=1)
        }
        for one in sorted(slate.entrants, key=lambda one: one.application):
            case = await load_case(one.application, lock=True)
            if one.placement == OUT:
                await self.applications.step(actor, case, Action.LAPSE, now, comment=_feedback(one, slate))
            else:
                await self.applications.step(
                    actor, case, Action.PLACE, now, placement=one.placement, rank=ranks[one.application]
                )


def proposed(
    campaign: UUID,
    entrants: Sequence[asyncpg.Record],
    quotas: Sequence[asyncpg.Record],
    terms: CampaignTerms,
    placements: Mapping[UUID, str],
) -> Slate:
    """Mains by order while places last, then reserves while theirs last; `placements` say where the chair departs."""
    traits = {row["id"]: _traits(row) for row in entrants}
    favoured = {key: bool(set(terms.priority_traits) & set(found)) for key, found in traits.items()}
    candidates = in_order(
        Candidate(
            row["id"],
            policy.order_points(row["score"] or 0, favoured[row["id"]], terms.priority),
            lot(campaign, row["nominee"]),
            row["quota_union"],
        )
        for row in entrants
    )
    order = {candidate.application: place for place, candidate in enumerate(candidates, start=1)}
    by_order = _by_order(candidates, quotas, terms)
    found = tuple(
        _entrant(row, traits[row["id"]], favoured[row["id"]], order[row["id"]], by_order[row["id"]], placements)
        for row in sorted(entrants, key=lambda row: order[row["id"]])
    )
    return _judged(found, quotas, terms)


def _by_order(
    candidates: Sequence[Candidate], quotas: Sequence[asyncpg.Record], terms: CampaignTerms
) -> dict[UUID, str]:
    mains = Places(terms.quota_mains, _quota(quotas, "mains"), Counter())
    reserves = Places(terms.quota_reserves, _quota(quotas, "reserves"), Counter())
    unions = {candidate.application: candidate.quota_union for candidate in candidates}
    return {
        placed.application: MAIN
        if placed.placement == "main"
        else RESERVE
        if reserves.take(unions[placed.application])
        else OUT
        for placed in allocate(candidates, mains)
    }


def _standing(entrants: Sequence[asyncpg.Record], quotas: Sequence[asyncpg.Record], terms: CampaignTerms) -> Slate:
    """A confirmed slate as it stands now: those who fell out no longer count."""
    fallen = ("declined", "lapsed", "rejected", "withdrawn", "revoked")
    found = tuple(
        _entrant(row, traits := _traits(row), bool(set(terms.priority_traits) & set(traits)), place, placement, {})
        for place, row in enumerate(entrants, start=1)
        for placement in [OUT if row["state"] in fallen else row["placement"] or OUT]
    )
    return _judged(found, quotas, terms)


def _judged(found: tuple[Entrant, ...], quotas: Sequence[asyncpg.Record], terms: CampaignTerms) -> Slate:
    mains = [Nominee(one.kind, one.traits) for one in found if one.placement == MAIN]
    return Slate(found, tuple(policy.check_ratios(mains, terms.ratios)), tuple(_check_quotas(found, quotas, terms)))


def _check_quotas(found: Sequence[Entrant], quotas: Sequence[asyncpg.Record], terms: CampaignTerms) -> list[RuleCheck]:
    checks = []
    for placement, column, whole, label in (
        (MAIN, "mains", terms.quota_mains, Text("正选", "Mains")),
        (RESERVE, "reserves", terms.quota_reserves, Text("递补", "Reserves")),
    ):
        taken = Counter(one.quota_union for one in found if one.placement == placement)
        checks.append(_quota_check("all", Text("合计", "in all"), label, taken.total(), whole))
        checks += [
            _quota_check(
                row["trade_union"],
                Text(row["short_name"], row["short_name"]),
                label,
                taken[row["trade_union"]],
                row[column],
            )
            for row in quotas
        ]
    return checks


def _quota_check(key: object, whose: Text, label: Text, taken: int, places: int) -> RuleCheck:
    over = taken > places
    return RuleCheck(
        f"quota_{key}",
        not over,
        f"{label.zh}({whose.zh})占 {taken},名额 {places}" + (f",超 {taken - places}" if over else ""),
        f"{label.en} ({whose.en}): {taken} of {places}" + (f", {taken - places} too many" if over else ""),
        "名额分配",
        "slate",
    )


def _quota(quotas: Sequence[asyncpg.Record], column: str) -> dict[UUID, int] | None:
    return {row["trade_union"]: row[column] for row in quotas} or None


def _traits(row: asyncpg.Record) -> tuple[Trait, ...]:
    told = ((Trait.WOMAN, row["woman"]), (Trait.FRONTLINE_MEDICAL, row["medical"]))
    return (*queries.traits_of(row), *[trait for trait, holds in told if holds])


def _entrant(
    row: asyncpg.Record,
    traits: tuple[Trait, ...],
    favoured: bool,
    order: int,
    by_order: str,
    placements: Mapping[UUID, str],
) -> Entrant:
    return Entrant(
        application=row["id"],
        number=row["number"],
        name=row["subject_name"],
        kind=SubjectKind(row["subject_kind"]),
        unit=row["unit_name"],
        quota=row["quota_name"],
        quota_union=row["quota_union"],
        traits=traits,
        score=row["score"] or 0,
        favoured=favoured,
        order=order,
        proposed=by_order,
        placement=placements.get(row["id"], by_order),
    )


def _feedback(one: Entrant, slate: Slate) -> str:
    """What somebody who is left out is told: their own figures, and nobody else's."""
    return (
        f"评审得分 {one.shown_score},排序第 {one.order},共 {len(slate.entrants)} 名;"
        f"正选 {len(slate.placed(MAIN))} 名、递补 {len(slate.placed(RESERVE))} 名,未列入。感谢您的付出,欢迎下次参评。"
    )
