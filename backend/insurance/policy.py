"""Who may join a mutual-aid plan and what is proposed for each: every rule, passed or not, with its clause. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from backend.applications.judgement import RuleCheck
from backend.insurance.dates import Dates, cover_dates, renewal_opens_on
from backend.insurance.facts import EnrolmentFacts, HeirFacts, MemberFacts, UnitFacts
from backend.insurance.terms import SELF, Channel, Payer, PlanTerms, StartRule
from backend.people.ages import full_years
from backend.people.relations import RELATION_LABELS, RelationKind
from backend.registry.family.policy import needs_guardian

CONSENTS = ("personal_data", "sensitive_data", "share_with_insurer")
CONSENT_CLAUSE = "个人信息保护法 第二十三、二十九、三十一条"

#: What nobody can set aside when an enrolment is assessed: the law, and a cover that is there already.
BINDING = frozenset({"consent_missing", "already_covered", "under_way", "not_family", "shares_sum"})


class Proposal(StrEnum):
    """What the rules propose for one person; `refer` leaves it to the underwriter. A stored value never changes."""

    ACCEPT = "accept"
    REFER = "refer"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class MemberJudgement:
    """What the rules say of one person: every check, the proposal, the dates it would have, and what it costs."""

    member: MemberFacts
    checks: tuple[RuleCheck, ...]
    proposal: Proposal
    dates: Dates | None
    cost_fen: int

    @property
    def broken(self) -> tuple[RuleCheck, ...]:
        """The rules that are not met."""
        return tuple(check for check in self.checks if not check.passed)


def judge_members(facts: EnrolmentFacts, terms: PlanTerms, asked_on: date, today: date) -> list[MemberJudgement]:
    """Each person on their own. Ages count on the day of asking: slow handling costs nobody the cover."""
    return [_judged(number, member, facts, terms, asked_on, today) for number, member in enumerate(facts.members)]


def check_enrolment(facts: EnrolmentFacts, terms: PlanTerms, judged: Sequence[MemberJudgement]) -> list[RuleCheck]:
    """What holds for the enrolment as a whole; the worker's own waits for every person, a unit's for the group."""
    checks = [
        _check(
            "channel",
            facts.channel in set(terms.channels),
            ("参保方式符合计划", "Joined as the plan says"),
            (
                ("本计划由单位工会集体参保,不能个人参保", "This plan is joined by the unit only")
                if facts.channel == Channel.WORKER
                else ("本计划由职工本人参保", "This plan is joined by the worker")
            ),
            terms.group.clause if terms.group else terms.start.clause,
            "plan",
        ),
        _check(
            "nobody",
            bool(judged),
            ("已填写被保障人", "Somebody is named"),
            ("请至少选择一位被保障人", "Name at least one person"),
            "",
            "members",
        ),
    ]
    twice = len({member.person for member in facts.members}) != len(facts.members)
    checks.append(
        _check("named_twice", not twice, ("没有重复", "Nobody twice"), ("同一人重复", "Somebody twice"), "", "members")
    )
    if facts.channel == Channel.WORKER:
        return checks + [check for one in judged for check in one.checks]
    accepted = sum(one.proposal is not Proposal.REFUSE for one in judged)
    return checks + check_group(terms, accepted, facts.unit)


def check_group(terms: PlanTerms, accepted: int, unit: UnitFacts) -> list[RuleCheck]:
    """Whether a unit with so many accepted persons, and those who are covered already, meets the group's conditions."""
    some = _check(
        "nobody_accepted",
        accepted > 0,
        (f"可参保 {accepted} 人", f"{accepted} can join"),
        ("没有人符合参保条件", "Nobody meets the conditions"),
        "",
        "members",
    )
    if terms.group is None:
        return [some]
    joined = accepted + unit.covered
    reached = joined * 100 // unit.could_join if unit.could_join else 0
    least, percent = terms.group.persons, terms.group.percent
    return [
        some,
        _check(
            "group_persons",
            joined >= least,
            (f"参保 {joined} 人,不少于 {least} 人", f"{joined} persons, at least {least}"),
            (
                f"参保 {joined} 人,不足 {least} 人,还差 {least - joined} 人",
                f"{joined} persons; at least {least}: {least - joined} missing",
            ),
            terms.group.clause,
            "members",
        ),
        _check(
            "group_percent",
            joined * 100 >= percent * unit.could_join,
            (
                f"占可参保职工 {unit.could_join} 人的 {reached}%,不低于 {percent}%",
                f"{reached}% of the {unit.could_join} who could join, at least {percent}%",
            ),
            (
                f"占可参保职工 {unit.could_join} 人的 {reached}%,低于 {percent}%,还差"
                f" {missing_for_percent(joined, unit.could_join, percent)} 人",
                f"{reached}% of the {unit.could_join} who could join; {percent}% needs"
                f" {missing_for_percent(joined, unit.could_join, percent)} more",
            ),
            terms.group.clause,
            "members",
        ),
    ]


def missing_for_percent(joined: int, could_join: int, percent: int) -> int:
    """How many persons more make up the percent of those who could join."""
    return max(-(-percent * could_join // 100) - joined, 0)


def cost_of(terms: PlanTerms, shares: int, *, card_holder: bool) -> int:
    """The contribution of one person for one period, fen, whoever pays it."""
    card = terms.contribution.card_holder_fen
    per_share = card if card_holder and card is not None else terms.contribution.per_share_fen
    return per_share * shares


def paid_by_worker(terms: PlanTerms, cost_fen: int) -> int:
    """What of it the worker pays."""
    return cost_fen if terms.contribution.payer is Payer.WORKER else 0


def could_join(terms: PlanTerms, sex: str, born_on: date | None, today: date) -> bool:
    """Whether a plan takes a worker by sex and age: one of those that a group's percent is counted from."""
    ages = terms.ages_of(SELF, sex, "")
    return ages is not None and born_on is not None and ages.from_age <= full_years(born_on, today) < ages.below


def check_heirs(heirs: Sequence[HeirFacts], terms: PlanTerms, field: str, name: str = "") -> list[RuleCheck]:
    """Whether the named beneficiaries may be that; without any the legal heirs are."""
    of = f"{name}:" if name else ""
    total = sum(heir.percent for heir in heirs)
    strange = [heir.relation for heir in heirs if heir.relation not in terms.heirs.relations]
    labels = ("、".join(RELATION_LABELS[kind].zh for kind in strange), ", ".join(strange))
    return [
        _check(
            "shares_sum",
            not heirs or (total == 100 and all(heir.percent > 0 for heir in heirs)),
            (f"{of}受益比例合计 100%" if heirs else f"{of}受益人为法定继承人", f"{of}shares sum to 100%"),
            (f"{of}受益比例合计 {total}%,应为 100%,每人大于 0", f"{of}shares sum to {total}%, must be 100%"),
            terms.heirs.clause,
            field,
        ),
        _check(
            "heirs",
            not strange and len(heirs) <= terms.heirs.most,
            (f"{of}受益人符合规定", f"{of}the beneficiaries are allowed"),
            (
                f"{of}受益人最多 {terms.heirs.most} 人,且不能为:{labels[0] or '—'}",
                f"{of}at most {terms.heirs.most} beneficiaries, and none that is: {labels[1] or '—'}",
            ),
            terms.heirs.clause,
            field,
        ),
    ]


def _judged(
    number: int, member: MemberFacts, facts: EnrolmentFacts, terms: PlanTerms, asked_on: date, today: date
) -> MemberJudgement:
    at = f"members.{number}"
    dates = cover_dates(terms, asked_on, today, member.covers)
    checks = (
        *_relation(member, terms, at),
        _age(member, terms, asked_on, at),
        *_shares(member, facts.unit, terms, at),
        _health(member, terms, at, by_unit=facts.channel == Channel.UNIT),
        _consent(member, at, by_guardian=needs_guardian(member.born_on, asked_on)),
        *check_heirs(member.heirs, terms, f"{at}.beneficiaries", member.name),
        *_free(member, terms, dates, at),
    )
    if any(not check.passed for check in checks):
        proposal = Proposal.REFUSE
    else:
        plain = member.agrees and (member.healthy or terms.health is None)
        proposal = Proposal.ACCEPT if plain else Proposal.REFER
    return MemberJudgement(
        member, checks, proposal, dates, cost_of(terms, member.shares, card_holder=member.card_holder)
    )


def _relation(member: MemberFacts, terms: PlanTerms, at: str) -> list[RuleCheck]:
    name, who = member.name, member.who
    taken = next((taken for taken in terms.taken if taken.who == who), None)
    zh, en = ("本人", "oneself") if who == SELF else _relation_words(who)
    known = who is not None and (who != SELF or member.employed)
    clause = (taken or terms.taken[0]).clause
    checks = [
        _check(
            "not_family",
            known,
            (f"{name}:{zh},关系已登记", f"{name}: {en}, on file"),
            (f"{name}:不是登记在册的本人或家属,不能参保", f"{name}: nobody on file for this worker"),
            clause,
            at,
        ),
        _check(
            "not_taken",
            taken is not None,
            (f"{name}:{zh}可参加本计划", f"{name}: the plan takes {en}"),
            (f"{name}:本计划不接受{zh}参保", f"{name}: the plan does not take {en}"),
            clause,
            at,
        ),
    ]
    if who != SELF:
        checks.append(
            _check(
                "kinship_unproven",
                member.evidenced,
                (f"{name}:关系有材料证明", f"{name}: a paper shows it"),
                (f"{name}:请先在家属信息中上传关系证明", f"{name}: first send a paper that shows the relation"),
                clause,
                f"{at}.relation_id",
            )
        )
    return checks


def _age(member: MemberFacts, terms: PlanTerms, asked_on: date, at: str) -> RuleCheck:
    ages = terms.ages_of(member.who or "", member.sex, member.grade)
    name = member.name
    if ages is None or member.born_on is None:
        return RuleCheck(
            "not_taken_by_sex_or_age",
            False,
            f"{name}:不在本计划的性别、年龄范围内",
            f"{name}: not of the sex or age that the plan takes",
            next((taken.clause for taken in terms.taken if taken.who == member.who), terms.taken[0].clause),
            f"{at}.age",
        )
    age = full_years(member.born_on, asked_on)
    return _check(
        "entry_age",
        ages.from_age <= age < ages.below,
        (f"{name}:{age} 周岁,在 {ages.from_age} 至 {ages.below} 周岁(不含)之间", f"{name}: {age} years"),
        (
            f"{name}:{age} 周岁,须满 {ages.from_age} 周岁且未满 {ages.below} 周岁",
            f"{name}: {age} years; at least {ages.from_age} and under {ages.below}",
        ),
        ages.clause,
        f"{at}.age",
    )


def _shares(member: MemberFacts, unit: UnitFacts, terms: PlanTerms, at: str) -> list[RuleCheck]:
    name, most = member.name, terms.shares.most
    equal = not terms.shares.equal_in_unit or member.who != SELF or unit.shares in (None, member.shares)
    return [
        _check(
            "shares_most",
            1 <= member.shares <= most,
            (f"{name}:{member.shares} 份,不超过 {most} 份", f"{name}: {member.shares} of at most {most} shares"),
            (f"{name}:{member.shares} 份,应为 1 至 {most} 份", f"{name}: {member.shares} shares; 1 to {most}"),
            terms.shares.clause,
            f"{at}.shares",
        ),
        _check(
            "shares_equal",
            equal,
            (f"{name}:份数与本单位一致", f"{name}: as many shares as the unit"),
            (
                f"{name}:本单位参保份数须一致,现为每人 {unit.shares} 份",
                f"{name}: the same for all of a unit, which holds {unit.shares} each",
            ),
            terms.shares.clause,
            f"{at}.shares",
        ),
    ]


def _health(member: MemberFacts, terms: PlanTerms, at: str, *, by_unit: bool) -> RuleCheck:
    name = member.name
    return _check(
        "health_not_declared",
        member.health_declared or by_unit or terms.health is None,
        (f"{name}:{'单位证明在岗' if by_unit else '已如实健康告知'}", f"{name}: health declared, or at work"),
        (f"{name}:须如实健康告知", f"{name}: declare their health"),
        terms.health.clause if terms.health else "",
        f"{at}.health",
    )


def _consent(member: MemberFacts, at: str, *, by_guardian: bool) -> RuleCheck:
    name = member.name
    lacking = [purpose for purpose in CONSENTS if purpose not in member.consents]
    whose = ("监护人同意", "the guardian's consent") if by_guardian else ("本人同意", "their consent")
    return _check(
        "consent_missing",
        not lacking,
        (f"{name}:所需同意已留存", f"{name}: the needed consents are on record"),
        (
            f"{name}:缺少{whose[0]}({'、'.join(_CONSENT_WORDS[one] for one in lacking)})",
            f"{name}: {whose[1]} is missing ({', '.join(lacking)})",
        ),
        CONSENT_CLAUSE,
        f"{at}.consents",
    )


def _free(member: MemberFacts, terms: PlanTerms, dates: Dates | None, at: str) -> list[RuleCheck]:
    name, most = member.name, terms.shares.covers_per_person
    opens = renewal_opens_on(terms, member.covers)
    return [
        _check(
            "already_covered",
            dates is not None,
            (f"{name}:未重复参保", f"{name}: not covered twice"),
            (
                f"{name}:每人最多 {most} 份保障,已在保;{opens} 起可以续保",
                f"{name}: at most {most} cover a person, and there is one; renew from {opens} on",
            ),
            terms.shares.clause,
            at,
        ),
        _check(
            "under_way",
            not member.under_way,
            (f"{name}:没有其他办理中的参保", f"{name}: no other enrolment under way"),
            (f"{name}:本计划已有一件参保在办理", f"{name}: another enrolment in this plan is under way"),
            terms.shares.clause,
            at,
        ),
    ]


def starts_in_words(terms: PlanTerms) -> tuple[str, str]:
    """When a cover begins by the plan's rule, in Chinese and English."""
    if terms.start.on is not None:
        return f"{terms.start.on} 起", f"from {terms.start.on} on"
    return _START_WORDS[terms.start.rule]


_START_WORDS = {
    StartRule.AFTER_APPROVAL: ("核定通过的次日起", "the day after approval"),
    StartRule.AFTER_SUBMISSION: ("提交的次日起", "the day after it was sent"),
    StartRule.NEXT_MONTH: ("核定通过的次月 1 日起", "the first of the month after approval"),
    StartRule.FIXED: ("固定日期起", "a set day"),
}

_CONSENT_WORDS = {
    "personal_data": "使用个人信息",
    "sensitive_data": "使用敏感个人信息",
    "share_with_insurer": "提供给承办机构",
}


def _relation_words(who: str | None) -> tuple[str, str]:
    if who not in set(RelationKind):
        return "此人", "somebody else"
    label = RELATION_LABELS[RelationKind(who)]
    return label.zh, label.en.lower()


def _check(code: str, passed: bool, good: tuple[str, str], bad: tuple[str, str], clause: str, field: str) -> RuleCheck:
    zh, en = good if passed else bad
    return RuleCheck(code, passed, zh, en, clause, field)
