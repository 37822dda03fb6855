"""The rules of a commendation, pure: bars, lengths, clearances, the ratios of a slate and its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import msgspec

from backend.applications.judgement import RuleCheck
from backend.applications.lifecycle import SubjectKind
from backend.commendation.facts import ClearanceFact, HonourFact, IncidentFact, NominationFacts, Nominee
from backend.commendation.privacy import private_words
from backend.commendation.terms import (
    CATEGORIES_OF,
    CATEGORY_LABELS,
    INCIDENT_LABELS,
    Authority,
    Bar,
    CampaignTerms,
    Category,
    PriorityRule,
    Ratio,
)
from backend.errors import Violation
from backend.registry.kinds import HONOUR_LABELS, HonourLevel
from backend.words import Text

#: One hundredth of a score, and what being first is worth: more than any score of 100.00.
_SCORE_SPAN = 10_001


def characters(text: str) -> int:
    """How many characters (字) a text has: every sign counts but white space, as the counter of a form shows it."""
    return sum(not sign.isspace() for sign in text)


def check_nomination(facts: NominationFacts, terms: CampaignTerms, now: datetime, today: date) -> list[RuleCheck]:
    """Every rule that a nomination is judged by on being sent; none is left out because another one is broken."""
    return [
        *_check_campaign(facts, terms, now),
        *_check_lengths(facts, terms),
        *check_incidents(facts.incidents, facts.category, terms.bars, today),
        *_check_honours(facts.honours, facts.kind, terms),
        *_check_foreigner(facts, terms),
    ]


def check_incidents(
    incidents: Sequence[IncidentFact], category: Category, bars: Iterable[Bar], today: date
) -> list[RuleCheck]:
    """Each bar of the campaign that concerns the category: broken while an incident on record still counts."""
    checks = []
    for bar in bars:
        if bar.categories and category not in bar.categories:
            continue
        label = INCIDENT_LABELS[bar.incident]
        ends = [barred_until(bar, incident.on) for incident in incidents if incident.incident is bar.incident]
        until = max(ends, default=None)
        span = "当年" if bar.years == 0 else f"{bar.years} 年内"
        checks.append(
            _check(
                f"bar_{bar.incident}",
                until is None or today >= until,
                Text(f"{span}无“{label.zh}”记录", f"No record of: {label.en}"),
                Text(
                    f"有“{label.zh}”记录,{until} 前不得推荐({span})",
                    f"On record: {label.en}; barred until {until}",
                ),
                bar.clause,
                "subject",
            )
        )
    return checks


def barred_until(bar: Bar, on: date) -> date:
    """The first day on which an incident of `on` no longer bars; 29 February counts to 1 March."""
    if bar.years == 0:
        return date(on.year + 1, 1, 1)
    try:
        return on.replace(year=on.year + bar.years)
    except ValueError:
        return date(on.year + bar.years, 3, 1)


def _check_campaign(facts: NominationFacts, terms: CampaignTerms, now: datetime) -> list[RuleCheck]:
    campaign = facts.campaign
    return [
        _check(
            "window_closed",
            campaign.state == "open" and campaign.opens_at <= now < campaign.closes_at,
            Text("在推荐时间内", "Within the time for nominations"),
            Text("不在推荐时间内", "Outside the time for nominations"),
            "",
            "campaign",
        ),
        _check(
            "kind_not_asked",
            facts.kind in terms.kinds and facts.category in CATEGORIES_OF[facts.kind],
            Text("属于评选对象", "Somebody whom the award is for"),
            Text(
                f"不属于本次评选对象({CATEGORY_LABELS[facts.category].zh})",
                f"The award is not for this kind of nominee ({CATEGORY_LABELS[facts.category].en})",
            ),
            "",
            "subject",
        ),
        _check(
            "quota_none",
            facts.places > 0,
            Text(f"所在工会有名额 {facts.places} 个", f"The union has {facts.places} places"),
            Text("所在工会在本次评选中没有名额", "The union has no places in this campaign"),
            "",
            "campaign",
        ),
        _check(
            "self_nomination",
            terms.self_nomination or not facts.by_oneself,
            Text("推荐方式符合规定", "Nominated in an allowed way"),
            Text("本次评选不接受自荐", "Nobody nominates themselves for this award"),
            "自下而上、逐级推荐",
            "subject",
        ),
    ]


def _check_lengths(facts: NominationFacts, terms: CampaignTerms) -> list[RuleCheck]:
    deed = characters(facts.deed)
    private = private_words(facts.deed, "deed")
    return [
        _check(
            "merit_length",
            terms.merit_least <= facts.merit_count <= terms.merit_most,
            Text(f"事迹材料 {facts.merit_count} 字", f"The merit statement has {facts.merit_count} characters"),
            Text(
                f"事迹材料 {facts.merit_count} 字,应为 {terms.merit_least} 至 {terms.merit_most} 字",
                f"The merit statement has {facts.merit_count} characters: {terms.merit_least} to {terms.merit_most}",
            ),
            terms.merit_clause,
            "merit",
        ),
        _check(
            "deed_length",
            1 <= deed <= terms.deed_most,
            Text(f"公示事迹 {deed} 字", f"The public deed has {deed} characters"),
            Text(
                f"公示事迹 {deed} 字,应为 1 至 {terms.deed_most} 字",
                f"The public deed has {deed} characters: 1 to {terms.deed_most}",
            ),
            "",
            "deed",
        ),
        *[RuleCheck(one.code, False, one.message.zh, one.message.en, one.clause, one.field) for one in private],
    ]


def _check_honours(honours: Sequence[HonourFact], kind: SubjectKind, terms: CampaignTerms) -> list[RuleCheck]:
    checks = []
    if terms.repeat_barred:
        held = any(honour.title == terms.honour for honour in honours)
        checks.append(
            _check(
                "repeat_award",
                not held,
                Text("未曾获得该荣誉", "Has not had this honour before"),
                Text(f"已获得过“{terms.honour}”,不重复授予", "Has this honour already"),
                terms.repeat_barred,
                "subject",
            )
        )
    if terms.prior_honour is not None and kind is SubjectKind.PERSON:
        order = list(HonourLevel)
        enough = set(order[: order.index(terms.prior_honour) + 1])
        label = HONOUR_LABELS[terms.prior_honour]
        checks.append(
            _check(
                "prior_honour",
                any(honour.level in enough for honour in honours),
                Text(f"具有{label.zh}以上荣誉", f"Holds an honour of level {label.en} or above"),
                Text(f"须先获得{label.zh}以上荣誉", f"An honour of level {label.en} or above comes first"),
                terms.prior_honour_clause,
                "subject",
            )
        )
    return checks


def _check_foreigner(facts: NominationFacts, terms: CampaignTerms) -> list[RuleCheck]:
    if not terms.foreigners_barred:
        return []
    return [
        _check(
            "foreigner",
            not facts.foreigner,
            Text("中国公民", "A Chinese citizen"),
            Text("外国人不属于评选范围", "Foreigners are outside this award"),
            terms.foreigners_barred,
            "subject",
        )
    ]


def check_clearances(replies: Mapping[str, ClearanceFact], asked: Sequence[Authority], today: date) -> list[RuleCheck]:
    """One check for each authority asked: broken where its reply is missing, expired, unstamped or negative.

    A reply holds through its last day.
    """
    return [_check_reply(authority, replies.get(authority.key), today) for authority in asked]


def _check_reply(authority: Authority, reply: ClearanceFact | None, today: date) -> RuleCheck:
    name, code = authority.label, f"clearance_{authority.key}"
    if reply is None:
        wrong = Text(f"{name.zh}尚未回复", f"{name.en}: no reply yet")
    elif not reply.favourable:
        wrong = Text(f"{name.zh}不同意:{reply.opinion}", f"{name.en}: not favourable: {reply.opinion}")
    elif today > reply.expires_on:
        wrong = Text(f"{name.zh}的意见已于 {reply.expires_on} 到期", f"{name.en}: expired on {reply.expires_on}")
    elif not reply.paper:
        wrong = Text(f"缺少{name.zh}盖章的回复", f"{name.en}: the stamped reply is missing")
    else:
        return _check(
            code,
            True,
            Text(
                f"{name.zh}同意({reply.replied_on},有效至 {reply.expires_on})",
                f"{name.en}: favourable ({reply.replied_on}, good through {reply.expires_on})",
            ),
            Text("", ""),
            authority.clause,
            code,
        )
    return _check(code, False, Text("", ""), wrong, authority.clause, code)


class RatioCheck(msgspec.Struct, frozen=True):
    """One ratio of a slate as judged: `count` of `base` mains, and by how many it is `short` of its limit or over."""

    ratio: Ratio
    count: int
    base: int
    passed: bool
    short: int

    @property
    def percent(self) -> float:
        """The share in percent, one decimal; 0 of an empty base."""
        return round(self.count * 100 / self.base, 1) if self.base else 0.0

    @property
    def limit(self) -> Text:
        """The limit in words."""
        least, most = self.ratio.least_percent, self.ratio.most_percent
        zh, en = [], []
        if least is not None:
            zh.append(f"≥{least}%")
            en.append(f"at least {least} %")
        if most is not None:
            zh.append(f"≤{most}%")
            en.append(f"at most {most} %")
        return Text("、".join(zh), ", ".join(en))

    def check(self) -> RuleCheck:
        """It as a rule with figure, limit and clause."""
        label = self.ratio.label
        figure = Text(
            f"{label.zh} {self.count}/{self.base}({self.percent}%),要求 {self.limit.zh}",
            f"{label.en} {self.count} of {self.base} ({self.percent} %), wanted {self.limit.en}",
        )
        lacking = self.ratio.least_percent is not None and self.count * 100 < self.ratio.least_percent * self.base
        wrong = Text(
            f"{figure.zh},{'缺' if lacking else '多'} {self.short}",
            f"{figure.en}: {self.short} {'short' if lacking else 'too many'}",
        )
        return _check(f"ratio_{self.ratio.key}", self.passed, figure, wrong, self.ratio.clause, "slate")


def check_ratios(mains: Sequence[Nominee], ratios: Sequence[Ratio]) -> list[RatioCheck]:
    """Each ratio over the mains of a slate. Judged with whole numbers: 1 of 5 is 20 %, 4 of 21 is not.

    A ratio over nobody holds: a slate without teams breaks no rule about teams.
    """
    return [_check_ratio([one for one in mains if one.kind in ratio.kinds], ratio) for ratio in ratios]


def _check_ratio(mains: Sequence[Nominee], ratio: Ratio) -> RatioCheck:
    base = [one for one in mains if not ratio.of or set(ratio.of) & set(one.traits)]
    count = sum(bool(set(ratio.any_of) & set(one.traits)) for one in base)
    least, most = ratio.least_percent or 0, 100 if ratio.most_percent is None else ratio.most_percent
    wanted, allowed = -(-least * len(base) // 100), most * len(base) // 100
    return RatioCheck(
        ratio=ratio,
        count=count,
        base=len(base),
        passed=wanted <= count <= allowed,
        short=wanted - count if count < wanted else max(0, count - allowed),
    )


def order_points(score_hundredths: int, favoured: bool, rule: PriorityRule) -> int:
    """The points that order a slate: the committee's score, and frontline priority as the campaign ranks it.

    Priority never makes anybody pass: it is asked only of those who came through every gate.
    """
    match rule:
        case PriorityRule.NONE:
            return score_hundredths * 2
        case PriorityRule.TIE:
            return score_hundredths * 2 + favoured
        case PriorityRule.FIRST:
            return (score_hundredths + _SCORE_SPAN * favoured) * 2


def check_meeting(members: int, present: int, votes_for: int, percent: int) -> list[Violation]:
    """What is wrong with a meeting's figures: a quorum of two thirds, votes of those present, enough in favour."""
    found = []
    if not 1 <= present <= members <= 100_000:
        found.append(
            Violation(
                "meeting_present", Text("到会人数应在 1 与应到人数之间。", "Present: 1 to all members."), "present"
            )
        )
    elif present * 3 < members * 2:
        found.append(
            Violation(
                "meeting_quorum",
                Text(f"到会 {present} 人,不足应到 {members} 人的三分之二。", "Fewer than two thirds were present."),
                "present",
                "职工代表大会条例:须有三分之二以上代表出席",
            )
        )
    if not 0 <= votes_for <= present:
        found.append(
            Violation("meeting_votes", Text("赞成票应在 0 与到会人数之间。", "Votes: 0 to those present."), "votes_for")
        )
    elif votes_for * 100 <= percent * members:
        found.append(
            Violation(
                "meeting_majority",
                Text(
                    f"赞成 {votes_for} 票,未超过应到 {members} 人的 {percent}%。",
                    f"{votes_for} votes do not exceed {percent} % of {members} members.",
                ),
                "votes_for",
                "职工代表大会条例:须经全体代表过半数通过",
            )
        )
    return found


def _check(code: str, passed: bool, good: Text, wrong: Text, clause: str, field: str) -> RuleCheck:
    said = good if passed else wrong
    return RuleCheck(code, passed, said.zh, said.en, clause, field)
