"""What keeps a paper and for how long; pure. The terms themselves are rows of `retention_rule`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from backend.words import Text


class CaseOutcome(StrEnum):
    """How a case ended, as far as its papers are concerned; a stored value never changes."""

    GRANTED = "granted"
    """Something was given for it, also where it was taken back later: an award, a claim, a stay."""

    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


#: The ends of a case that are not `refused`.
_OUTCOMES = {
    **dict.fromkeys(("granted", "revoked", "completed", "confirmed", "approved"), CaseOutcome.GRANTED),
    **dict.fromkeys(("withdrawn", "declined", "lapsed"), CaseOutcome.WITHDRAWN),
}


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How many days after its end a case of `case_kind` keeps a paper of `paper_kind` (empty: of any)."""

    case_kind: str
    paper_kind: str
    outcome: CaseOutcome
    keep_days: int
    clause: str
    effective_from: date


@dataclass(frozen=True, slots=True)
class Use:
    """A case that a paper was attached to; `decided_on` is None while it is open."""

    number: str
    kind: str
    state: str
    submitted: bool
    decided_on: date | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Why a paper stays: an open case (`until` is None), or a rule with its clause, through the day `until`.

    `granted` says that something was given for the case: then the store locks the paper.
    """

    number: str
    until: date | None
    clause: str = ""
    granted: bool = False

    @property
    def why(self) -> Text:
        """The reason for people."""
        if self.until is None:
            return Text(
                "申请 {number} 正在办理,撤回后才能删除。",
                "Application {number} is under way; withdraw it first.",
            ).fill(number=self.number)
        return Text(
            "申请 {number} 的档案依规定保存至 {until}。", "The file of {number} is kept by rule until {until}."
        ).fill(number=self.number, until=self.until.isoformat())


def outcome_of(state: str) -> CaseOutcome:
    """How a case that ended in this state counts."""
    return _OUTCOMES.get(state, CaseOutcome.REFUSED)


def rule_for(
    rules: Sequence[RetentionRule], case_kind: str, paper_kind: str, outcome: CaseOutcome, on: date
) -> RetentionRule | None:
    """The rule in force on that day: the most specific one, a rule for the paper before one for the case."""
    fitting = [
        rule
        for rule in rules
        if rule.outcome is outcome
        and rule.case_kind in ("", case_kind)
        and rule.paper_kind in ("", paper_kind)
        and rule.effective_from <= on
    ]
    return max(
        fitting,
        key=lambda rule: (bool(rule.paper_kind), bool(rule.case_kind), rule.effective_from),
        default=None,
    )


def terms(rules: Sequence[RetentionRule], paper_kind: str, uses: Sequence[Use], today: date) -> list[Keep]:
    """The terms of the ended cases that have not passed, the longest first."""
    found = []
    for use in uses:
        if use.decided_on is None:
            continue
        outcome = outcome_of(use.state)
        rule = rule_for(rules, use.kind, paper_kind, outcome, use.decided_on)
        if rule is None or rule.keep_days == 0:
            continue
        until = use.decided_on + timedelta(days=rule.keep_days)
        if until >= today:
            found.append(Keep(use.number, until, rule.clause, outcome is CaseOutcome.GRANTED))
    return sorted(found, key=lambda one: one.until or today, reverse=True)


def keep(rules: Sequence[RetentionRule], paper_kind: str, uses: Sequence[Use], today: date) -> Keep | None:
    """What keeps a paper today: an open case before any term, else the longest term; None if nothing does.

    A draft that was never submitted keeps nothing.
    """
    for use in uses:
        if use.decided_on is None and use.submitted:
            return Keep(use.number, None)
    return next(iter(terms(rules, paper_kind, uses, today)), None)
