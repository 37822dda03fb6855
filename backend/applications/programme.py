"""What a programme says: its stage route, its papers, its policies; checked before it is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from backend.applications.lifecycle import ENDED, FILING, By, Outcome, StageKind, State, SubjectKind, moves
from backend.errors import Violation
from backend.identity import Level, Role
from backend.words import Text

#: Papers that may answer one requirement of one case.
MOST_PAPERS = 20


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a committee scores from 0 to 100; `weight` is its percent of the whole."""

    key: str
    label_zh: str
    label_en: str
    weight: int

    @property
    def label(self) -> Text:
        """Its name in both languages."""
        return Text(self.label_zh, self.label_en)


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stage of a route: what kind, which level acts in which role, and by what rule.

    `reviewers` is the quorum of a committee, `pass_percent` the share of its votes that passes, `working_days` how long
    a notice stands or within how many days the stage should be done. `papers` demands every required paper verified
    before the stage lets a case through. Scores further apart than `max_spread` must be talked over and settled.
    """

    key: str
    kind: StageKind
    level: Level
    role: Role
    label_zh: str
    label_en: str
    working_days: int = 5
    reviewers: int = 0
    pass_percent: int = 50
    criteria: tuple[Criterion, ...] = ()
    max_spread: int = 100
    papers: bool = False

    @property
    def label(self) -> Text:
        """Its name in both languages."""
        return Text(self.label_zh, self.label_en)


class PaperRequirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A paper that an application must or may carry; any of `kinds` answers it.

    It is asked of cases whose subject is of one of `subjects` (empty: of all), before the case is submitted, or, where
    `due_stage` names a stage, before the case leaves that stage; then whoever acts in the stage brings it. `at_least`
    is how many are needed; with `each_person` so many of everybody whom the case is about.
    """

    key: str
    kinds: tuple[str, ...]
    label_zh: str
    label_en: str
    required: bool = True
    subjects: tuple[SubjectKind, ...] = ()
    due_stage: str = ""
    at_least: int = 1
    each_person: bool = False

    @property
    def label(self) -> Text:
        """Its name in both languages."""
        return Text(self.label_zh, self.label_en)


class ProgrammeContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a published version fixes.

    `policies` are the ids of the policy rows it resolved to; `terms` is what the programme's kind adds (a plan's
    figures, a campaign's ratios), checked by the slice before publishing and read by it alone.
    """

    route: tuple[Stage, ...]
    papers: tuple[PaperRequirement, ...]
    policies: tuple[UUID, ...]
    notice_basis: str
    terms: dict[str, Any] = {}

    def stage(self, key: str) -> Stage | None:
        """The stage of this name; None for `filing` and for the end."""
        return next((stage for stage in self.route if stage.key == key), None)

    def kind_of(self, key: str) -> StageKind | None:
        """The kind of the stage of this name; None after the end."""
        stage = self.stage(key)
        return stage.kind if stage else StageKind.FILING if key == FILING else None


class Ruleset:
    """The numbers of several policy rows as one, each with the clause that it comes from."""

    def __init__(self, rows: Sequence[tuple[Mapping[str, Any], str]]) -> None:
        """`rows` are (rules, clause) pairs; a later one overrides an earlier."""
        self._values: dict[str, Any] = {}
        self._clauses: dict[str, str] = {}
        for rules, clause in rows:
            self._values.update(rules)
            self._clauses.update(dict.fromkeys(rules, clause))

    def value(self, name: str) -> Any:
        """The value; raises KeyError for a rule that no policy row states."""
        return self._values[name]

    def get(self, name: str) -> Any:
        """The value, or None where no policy row states it."""
        return self._values.get(name)

    def clause(self, name: str) -> str:
        """The notice and article that the value comes from."""
        return self._clauses.get(name, "")


def check_content(content: ProgrammeContent) -> list[Violation]:
    """What forbids publishing: an empty or ambiguous route, a stage nobody can leave, a rule out of bounds."""
    found = []
    keys = [stage.key for stage in content.route]
    if not keys:
        found.append(_broken("route_empty", "流程没有任何环节。", "The route has no stage."))
    if len(set(keys)) != len(keys) or FILING in keys or ENDED in keys:
        found.append(_broken("route_keys", "环节标识必须各不相同。", "Every stage needs a key of its own."))
    for stage in content.route:
        found += _check_stage(stage)
    found += _check_order(content.route)
    if not found and not _reaches_end(content.route):
        found.append(_broken("route_dead_end", "流程中有走不出去的环节。", "The route has a dead end."))
    papers = [paper.key for paper in content.papers]
    if len(set(papers)) != len(papers) or any(not paper.kinds for paper in content.papers):
        found.append(
            _broken("papers_keys", "材料要求重复或未指定种类。", "A paper requirement repeats or names no kind.")
        )
    if any(not 1 <= paper.at_least <= MOST_PAPERS for paper in content.papers):
        found.append(_broken("papers_count", "材料份数须为 1 到 20。", "Of a paper, 1 to 20 are asked for."))
    if any(paper.due_stage and paper.due_stage not in keys for paper in content.papers):
        found.append(
            _broken("papers_stage", "材料要求所指的环节不存在。", "A paper is due in a stage that is not there.")
        )
    return found


def _check_stage(stage: Stage) -> list[Violation]:
    found = []
    if stage.role in (Role.WORKER, Role.AUDITOR, Role.SYSTEM, Role.SECURITY_ADMIN, Role.SYSTEM_ADMIN):
        found.append(_broken("stage_role", "该角色不能办理环节。", "This role cannot act in a stage.", stage.key))
    if stage.kind is StageKind.FILING:
        found.append(_broken("stage_kind", "填报环节不写入流程。", "Filing is not part of a route.", stage.key))
    if stage.kind is StageKind.COMMITTEE and not (stage.reviewers >= 1 and 1 <= stage.pass_percent <= 100):
        found.append(
            _broken(
                "stage_quorum",
                "评审环节须有法定人数和通过比例。",
                "A committee needs a quorum and a pass mark.",
                stage.key,
            )
        )
    if stage.criteria and sum(criterion.weight for criterion in stage.criteria) != 100:
        found.append(_broken("stage_weights", "各项权重之和须为 100%。", "Weights sum to 100 %.", stage.key))
    if stage.kind is StageKind.NOTICE and stage.working_days < 5:
        found.append(
            _broken(
                "stage_notice_days",
                "公示不得少于 5 个工作日。",
                "A notice stands for at least 5 working days.",
                stage.key,
            )
        )
    if stage.working_days < 1:
        found.append(
            _broken("stage_days", "期限至少 1 个工作日。", "A stage lasts at least one working day.", stage.key)
        )
    return found


def _check_order(route: Sequence[Stage]) -> list[Violation]:
    """Places are given, then announced, then confirmed; sign-off and confirmation come last."""
    kinds = [stage.kind for stage in route]
    found = []
    for last in (StageKind.CONFIRMATION, StageKind.SIGN_OFF):
        if last in kinds[:-1]:
            found.append(
                _broken("route_order", "确认或授予必须是最后一个环节。", "Confirmation or sign-off comes last.")
            )
    if StageKind.CONFIRMATION in kinds and StageKind.ALLOCATION not in kinds:
        found.append(
            _broken("route_order", "确认之前须先分配名额。", "Places are allocated before they are confirmed.")
        )
    if kinds and kinds[-1] is StageKind.ALLOCATION:
        found.append(
            _broken(
                "route_order",
                "分配名额之后须有公示或确认。",
                "An allocation is followed by a notice or a confirmation.",
            )
        )
    return found


def _reaches_end(route: Sequence[Stage]) -> bool:
    """Whether from every place a case can stand in, somebody can bring it to an end that is not a withdrawal."""
    table = [move for move in moves(route).values() if move.by is not By.APPLICANT or move.outcome is not Outcome.END]
    good = {(ENDED, state) for state in State}
    edges = {(m.from_stage, m.from_state): set[tuple[str, State]]() for m in table}
    for move in table:
        edges[move.from_stage, move.from_state].add((move.to_stage, move.to_state or move.from_state))
    reached = set(good) | {(stage.key, State.GRANTED) for stage in route if stage.kind is StageKind.SIGN_OFF}
    while True:
        more = {place for place, targets in edges.items() if place not in reached and targets & reached}
        if not more:
            break
        reached |= more
    return all(place in reached for place in edges)


def _broken(code: str, zh: str, en: str, field: str = "route") -> Violation:
    return Violation(code, Text(zh, en), field)
