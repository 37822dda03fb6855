"""What can happen to a case: states, stage kinds with their actions, and the one table of legal moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from backend.identity import Role


class State(StrEnum):
    """The states of a case; a programme uses those that its stages enter. Stored values never change."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    RETURNED = "returned"
    ON_NOTICE = "on_notice"
    OBJECTED = "objected"
    RESERVE = "reserve"
    APPROVED = "approved"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    LAPSED = "lapsed"
    COMPLETED = "completed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    GRANTED = "granted"
    REVOKED = "revoked"


class Action(StrEnum):
    """What somebody, or a rule, does to a case."""

    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"
    RECOMMEND = "recommend"
    CLEAR = "clear"
    ASSESS = "assess"
    REVIEW = "review"
    RECUSE = "recuse"
    SETTLE = "settle"
    DECIDE = "decide"
    PLACE = "place"
    PUBLISH = "publish"
    OBJECT = "object"
    DISMISS = "dismiss"
    UPHOLD = "uphold"
    CONCLUDE = "conclude"
    CONFIRM = "confirm"
    DECLINE = "decline"
    LAPSE = "lapse"
    PROMOTE = "promote"
    SHOW_AGAIN = "show_again"
    COMPLETE = "complete"
    GRANT = "grant"
    REVOKE = "revoke"


class SubjectKind(StrEnum):
    """What a case may be about; stored values never change."""

    PERSON = "person"
    TEAM = "team"
    UNIT = "unit"
    GROUP = "group"


class StageKind(StrEnum):
    """The kinds of stage that a route is made of; `filing` comes before every route."""

    FILING = "filing"
    VERIFICATION = "verification"
    RECOMMENDATION = "recommendation"
    CLEARANCE = "clearance"
    COMMITTEE = "committee"
    ASSESSMENT = "assessment"
    ALLOCATION = "allocation"
    NOTICE = "notice"
    CONFIRMATION = "confirmation"
    SIGN_OFF = "sign_off"


class By(StrEnum):
    """Who may act."""

    APPLICANT = "applicant"
    STAGE_ROLE = "stage_role"
    CHAIR = "chair"
    ANYBODY = "anybody"
    AGGREGATE = "aggregate"


class Outcome(StrEnum):
    """Where an action leads.

    `tally` is the next stage when the committee's votes pass, else the end; `again` is the last notice before this
    stage, once more: it exists only on a route that has one.
    """

    STAY = "stay"
    NEXT = "next"
    BACK = "back"
    AGAIN = "again"
    END = "end"
    TALLY = "tally"


@dataclass(frozen=True, slots=True)
class ActionRule:
    """One action of a stage kind.

    `becomes` is the state afterwards where the case stays or ends; None keeps it, or takes what the next stage enters.
    """

    action: Action
    by: By
    outcome: Outcome
    states: frozenset[State]
    becomes: State | None = None
    needs_comment: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What a stage kind does: the state it enters, whom each of its states waits for, and its actions.

    `closes` is the state of a case for which this was the last stage. A `judging` kind bars the own unit and anybody
    who acted on the case before.
    """

    enters: State
    waits: Mapping[State, By]
    rules: tuple[ActionRule, ...]
    closes: State = State.APPROVED
    judging: bool = False


def _states(*states: State) -> frozenset[State]:
    return frozenset(states)


_OPEN = _states(State.SUBMITTED, State.UNDER_REVIEW)

_BACK_OR_END = (
    ActionRule(Action.RETURN, By.STAGE_ROLE, Outcome.BACK, _OPEN, State.RETURNED, needs_comment=True),
    ActionRule(Action.REJECT, By.STAGE_ROLE, Outcome.END, _OPEN, State.REJECTED, needs_comment=True),
)


def _forward(action: Action) -> ActionRule:
    return ActionRule(action, By.STAGE_ROLE, Outcome.NEXT, _OPEN)


_STAGE = MappingProxyType({State.SUBMITTED: By.STAGE_ROLE, State.UNDER_REVIEW: By.STAGE_ROLE})

KINDS: Mapping[StageKind, Kind] = MappingProxyType(
    {
        StageKind.FILING: Kind(
            State.DRAFT,
            {State.DRAFT: By.APPLICANT, State.RETURNED: By.APPLICANT},
            (
                ActionRule(Action.SUBMIT, By.APPLICANT, Outcome.NEXT, _states(State.DRAFT, State.RETURNED)),
                ActionRule(Action.LAPSE, By.AGGREGATE, Outcome.END, _states(State.DRAFT, State.RETURNED), State.LAPSED),
            ),
        ),
        StageKind.VERIFICATION: Kind(State.UNDER_REVIEW, _STAGE, (_forward(Action.APPROVE), *_BACK_OR_END)),
        StageKind.RECOMMENDATION: Kind(State.UNDER_REVIEW, _STAGE, (_forward(Action.RECOMMEND), *_BACK_OR_END)),
        StageKind.ASSESSMENT: Kind(State.UNDER_REVIEW, _STAGE, (_forward(Action.ASSESS), *_BACK_OR_END), judging=True),
        StageKind.CLEARANCE: Kind(State.UNDER_REVIEW, _STAGE, (_forward(Action.CLEAR), *_BACK_OR_END), judging=True),
        StageKind.COMMITTEE: Kind(
            State.UNDER_REVIEW,
            _STAGE,
            (
                ActionRule(Action.REVIEW, By.STAGE_ROLE, Outcome.STAY, _OPEN),
                ActionRule(Action.RECUSE, By.STAGE_ROLE, Outcome.STAY, _OPEN, needs_comment=True),
                ActionRule(Action.SETTLE, By.CHAIR, Outcome.STAY, _OPEN, needs_comment=True),
                ActionRule(Action.DECIDE, By.CHAIR, Outcome.TALLY, _OPEN),
                ActionRule(Action.RETURN, By.CHAIR, Outcome.BACK, _OPEN, State.RETURNED, needs_comment=True),
            ),
            judging=True,
        ),
        StageKind.ALLOCATION: Kind(
            State.UNDER_REVIEW,
            {State.SUBMITTED: By.AGGREGATE, State.UNDER_REVIEW: By.AGGREGATE},
            (
                ActionRule(Action.PLACE, By.AGGREGATE, Outcome.NEXT, _OPEN),
                ActionRule(Action.LAPSE, By.AGGREGATE, Outcome.END, _OPEN, State.LAPSED),
            ),
        ),
        StageKind.NOTICE: Kind(
            State.UNDER_REVIEW,
            {
                State.SUBMITTED: By.AGGREGATE,
                State.UNDER_REVIEW: By.AGGREGATE,
                State.ON_NOTICE: By.AGGREGATE,
                State.OBJECTED: By.STAGE_ROLE,
            },
            (
                ActionRule(Action.PUBLISH, By.AGGREGATE, Outcome.STAY, _OPEN, State.ON_NOTICE),
                ActionRule(Action.OBJECT, By.ANYBODY, Outcome.STAY, _states(State.ON_NOTICE), State.OBJECTED),
                ActionRule(
                    Action.DISMISS,
                    By.STAGE_ROLE,
                    Outcome.STAY,
                    _states(State.OBJECTED),
                    State.ON_NOTICE,
                    needs_comment=True,
                ),
                ActionRule(
                    Action.UPHOLD,
                    By.STAGE_ROLE,
                    Outcome.END,
                    _states(State.OBJECTED),
                    State.REJECTED,
                    needs_comment=True,
                ),
                ActionRule(Action.CONCLUDE, By.AGGREGATE, Outcome.NEXT, _states(State.ON_NOTICE)),
            ),
            judging=True,
        ),
        StageKind.CONFIRMATION: Kind(
            State.APPROVED,
            {State.APPROVED: By.APPLICANT, State.RESERVE: By.AGGREGATE, State.CONFIRMED: By.AGGREGATE},
            (
                ActionRule(Action.CONFIRM, By.APPLICANT, Outcome.STAY, _states(State.APPROVED), State.CONFIRMED),
                ActionRule(Action.DECLINE, By.APPLICANT, Outcome.END, _states(State.APPROVED), State.DECLINED),
                ActionRule(
                    Action.LAPSE, By.AGGREGATE, Outcome.END, _states(State.APPROVED, State.RESERVE), State.LAPSED
                ),
                ActionRule(Action.PROMOTE, By.AGGREGATE, Outcome.STAY, _states(State.RESERVE), State.APPROVED),
                ActionRule(Action.COMPLETE, By.AGGREGATE, Outcome.END, _states(State.CONFIRMED), State.COMPLETED),
            ),
            closes=State.COMPLETED,
        ),
        StageKind.SIGN_OFF: Kind(
            State.UNDER_REVIEW,
            {**_STAGE, State.RESERVE: By.AGGREGATE},
            (
                ActionRule(Action.GRANT, By.STAGE_ROLE, Outcome.STAY, _OPEN, State.GRANTED),
                ActionRule(Action.PROMOTE, By.AGGREGATE, Outcome.STAY, _states(State.RESERVE), State.UNDER_REVIEW),
                ActionRule(Action.SHOW_AGAIN, By.AGGREGATE, Outcome.AGAIN, _states(State.RESERVE)),
                ActionRule(Action.LAPSE, By.AGGREGATE, Outcome.END, _states(State.RESERVE), State.LAPSED),
                ActionRule(Action.REJECT, By.STAGE_ROLE, Outcome.END, _OPEN, State.REJECTED, needs_comment=True),
                ActionRule(
                    Action.REVOKE,
                    By.STAGE_ROLE,
                    Outcome.END,
                    _states(State.GRANTED),
                    State.REVOKED,
                    needs_comment=True,
                ),
            ),
            closes=State.GRANTED,
            judging=True,
        ),
    }
)

FILING = "filing"
ENDED = ""

#: Stages in which reserves of an allocation wait for a place, instead of being acted on.
HOLDS_RESERVES = frozenset({StageKind.CONFIRMATION, StageKind.SIGN_OFF})

#: Once a case is in one of these, what it was for is given or gone: nothing is left to withdraw.
SETTLED = _states(
    State.DECLINED,
    State.LAPSED,
    State.COMPLETED,
    State.REJECTED,
    State.WITHDRAWN,
    State.GRANTED,
    State.REVOKED,
)

#: Acts by which somebody forms or states a judgement of a case; whoever did one is involved in it. Filing counts.
INVOLVING = frozenset(
    {
        Action.SUBMIT,
        Action.APPROVE,
        Action.RETURN,
        Action.REJECT,
        Action.RECOMMEND,
        Action.CLEAR,
        Action.ASSESS,
        Action.REVIEW,
        Action.SETTLE,
        Action.DECIDE,
        Action.DISMISS,
        Action.UPHOLD,
        Action.GRANT,
    }
)


class RouteStage(Protocol):
    """What the table of moves needs to know of a published stage."""

    @property
    def key(self) -> str:
        """Its name within the route."""

    @property
    def kind(self) -> StageKind:
        """Its kind."""

    @property
    def role(self) -> Role:
        """Who acts in it."""


@dataclass(frozen=True, slots=True)
class Move:
    """One legal move: from where, by what, to where; `to_state` None keeps the state or takes the placement's."""

    action: Action
    by: By
    role: Role | None
    outcome: Outcome
    from_stage: str
    from_state: State
    to_stage: str
    to_state: State | None
    needs_comment: bool


Moves = Mapping[tuple[str, State, Action], Move]


def moves(route: Sequence[RouteStage]) -> Moves:
    """Every legal move of a case on `route`, by (stage, state, action).

    Built from the stage kinds alone; a case stands in `filing` before the route and in stage "" after its end.
    """
    table: dict[tuple[str, State, Action], Move] = {}
    keys = [FILING, *(stage.key for stage in route)]
    kinds = [StageKind.FILING, *(stage.kind for stage in route)]
    roles: list[Role | None] = [None, *(stage.role for stage in route)]
    for place, (key, kind, role) in enumerate(zip(keys, kinds, roles, strict=True)):
        for rule in KINDS[kind].rules:
            if rule.outcome is Outcome.AGAIN and StageKind.NOTICE not in kinds[:place]:
                continue
            for state in _stands(rule.states, place):
                table[key, state, rule.action] = _move(rule, state, role, keys, kinds, place)
        for state in _stands(KINDS[kind].waits, place):
            if state not in SETTLED:
                table[key, state, Action.WITHDRAW] = Move(
                    Action.WITHDRAW, By.APPLICANT, None, Outcome.END, key, state, ENDED, State.WITHDRAWN, False
                )
    return MappingProxyType(table)


def _stands(states: Iterable[State], place: int) -> list[State]:
    """The states that a case can be in at this place: in the first stage it is submitted, later under review."""
    elsewhere = State.UNDER_REVIEW if place == 1 else State.SUBMITTED
    return [state for state in states if state is not elsewhere]


def _move(
    rule: ActionRule, state: State, role: Role | None, keys: Sequence[str], kinds: Sequence[StageKind], place: int
) -> Move:
    key = to_stage = keys[place]
    to_state = rule.becomes
    if rule.outcome in (Outcome.NEXT, Outcome.TALLY):
        last = place + 1 == len(keys)
        to_stage = ENDED if last else keys[place + 1]
        to_state = KINDS[kinds[place]].closes if last else enters(kinds[place + 1], place + 1)
    elif rule.outcome is Outcome.AGAIN:
        notice = max(earlier for earlier in range(place) if kinds[earlier] is StageKind.NOTICE)
        to_stage, to_state = keys[notice], enters(StageKind.NOTICE, notice)
    elif rule.outcome is Outcome.BACK:
        to_stage = FILING
    elif rule.outcome is Outcome.END:
        to_stage = ENDED
    return Move(
        rule.action,
        rule.by,
        Role.CHAIR if rule.by is By.CHAIR else role,
        rule.outcome,
        key,
        state,
        to_stage,
        to_state,
        rule.needs_comment,
    )


def enters(kind: StageKind, place: int) -> State:
    """The state in which a case enters a stage of `kind` at `place` of the route (1 is the first)."""
    state = KINDS[kind].enters
    return State.SUBMITTED if place == 1 and state is State.UNDER_REVIEW else state


def awaited(kind: StageKind, state: State) -> By | None:
    """Whom a case in this kind of stage and state waits for; None when it waits for nobody."""
    return KINDS[kind].waits.get(state)
