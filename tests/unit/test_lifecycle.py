"""The table of moves: every state × action × place of the usual route, and the routes that cannot be published."""

from __future__ import annotations

from itertools import product

import msgspec
import pytest

from backend.applications.lifecycle import ENDED, FILING, KINDS, SETTLED, Action, By, StageKind, State, moves
from backend.applications.programme import PaperRequirement, ProgrammeContent, Stage, check_content
from backend.identity import Level, Role
from backend.recuperation.workflow import PAPERS, ROUTE

TABLE = moves(ROUTE)

#: (stage, state) → action → (next stage, next state); None keeps the state. Written by hand, from the design.
EXPECTED: dict[tuple[str, str], dict[str, tuple[str, str | None]]] = {
    (FILING, "draft"): {
        "submit": ("unit", "submitted"),
        "withdraw": (ENDED, "withdrawn"),
        "lapse": (ENDED, "lapsed"),
    },
    (FILING, "returned"): {
        "submit": ("unit", "submitted"),
        "withdraw": (ENDED, "withdrawn"),
        "lapse": (ENDED, "lapsed"),
    },
    ("unit", "submitted"): {
        "approve": ("papers", "under_review"),
        "return": (FILING, "returned"),
        "reject": (ENDED, "rejected"),
        "withdraw": (ENDED, "withdrawn"),
    },
    ("papers", "under_review"): {
        "approve": ("committee", "under_review"),
        "return": (FILING, "returned"),
        "reject": (ENDED, "rejected"),
        "withdraw": (ENDED, "withdrawn"),
    },
    ("committee", "under_review"): {
        "review": ("committee", None),
        "recuse": ("committee", None),
        "settle": ("committee", None),
        "decide": ("allocation", "under_review"),
        "return": (FILING, "returned"),
        "withdraw": (ENDED, "withdrawn"),
    },
    ("allocation", "under_review"): {
        "place": ("notice", "under_review"),
        "lapse": (ENDED, "lapsed"),
        "withdraw": (ENDED, "withdrawn"),
    },
    ("notice", "under_review"): {"publish": ("notice", "on_notice"), "withdraw": (ENDED, "withdrawn")},
    ("notice", "on_notice"): {
        "object": ("notice", "objected"),
        "conclude": ("confirmation", "approved"),
        "withdraw": (ENDED, "withdrawn"),
    },
    ("notice", "objected"): {
        "dismiss": ("notice", "on_notice"),
        "uphold": (ENDED, "rejected"),
        "withdraw": (ENDED, "withdrawn"),
    },
    ("confirmation", "approved"): {
        "confirm": ("confirmation", "confirmed"),
        "decline": (ENDED, "declined"),
        "lapse": (ENDED, "lapsed"),
        "withdraw": (ENDED, "withdrawn"),
    },
    ("confirmation", "reserve"): {
        "promote": ("confirmation", "approved"),
        "lapse": (ENDED, "lapsed"),
        "withdraw": (ENDED, "withdrawn"),
    },
    ("confirmation", "confirmed"): {"complete": (ENDED, "completed"), "withdraw": (ENDED, "withdrawn")},
}

WHO = {
    "submit": By.APPLICANT,
    "withdraw": By.APPLICANT,
    "confirm": By.APPLICANT,
    "decline": By.APPLICANT,
    "approve": By.STAGE_ROLE,
    "reject": By.STAGE_ROLE,
    "review": By.STAGE_ROLE,
    "recuse": By.STAGE_ROLE,
    "dismiss": By.STAGE_ROLE,
    "uphold": By.STAGE_ROLE,
    "settle": By.CHAIR,
    "decide": By.CHAIR,
    "object": By.ANYBODY,
    "place": By.AGGREGATE,
    "publish": By.AGGREGATE,
    "conclude": By.AGGREGATE,
    "promote": By.AGGREGATE,
    "lapse": By.AGGREGATE,
    "complete": By.AGGREGATE,
}

PLACES = [FILING, ENDED, *(stage.key for stage in ROUTE)]


@pytest.mark.parametrize(("stage", "state", "action"), list(product(PLACES, State, Action)))
def test_every_stage_state_and_action(stage: str, state: State, action: Action) -> None:
    expected = EXPECTED.get((stage, state.value), {}).get(action.value)
    move = TABLE.get((stage, state, action))
    if expected is None:
        assert move is None
        return
    assert move is not None
    assert (move.to_stage, move.to_state) == expected
    if action is not Action.RETURN:
        assert move.by is WHO[action.value]


def test_the_role_of_each_move_is_the_stages() -> None:
    roles = {stage.key: stage.role for stage in ROUTE}
    for move in TABLE.values():
        if move.by is By.STAGE_ROLE:
            assert move.role is roles[move.from_stage]
        if move.by is By.CHAIR:
            assert move.role is Role.CHAIR


def test_nothing_leaves_a_settled_case() -> None:
    for stage, state, _ in TABLE:
        assert state not in SETTLED
        assert stage != ENDED


def test_judging_stages_are_those_of_the_design() -> None:
    assert {kind for kind, rules in KINDS.items() if rules.judging} == {
        StageKind.ASSESSMENT,
        StageKind.COMMITTEE,
        StageKind.CLEARANCE,
        StageKind.SIGN_OFF,
        StageKind.NOTICE,
    }


def content(*route: Stage) -> ProgrammeContent:
    return ProgrammeContent(route=route, papers=PAPERS, policies=(), notice_basis="")


def codes(broken: ProgrammeContent) -> set[str]:
    return {violation.code for violation in check_content(broken)}


def test_the_usual_route_can_be_published() -> None:
    assert check_content(content(*ROUTE)) == []


def test_a_single_verification_can_be_published() -> None:
    assert check_content(content(ROUTE[0])) == []
    assert moves(ROUTE[:1])["unit", State.SUBMITTED, Action.APPROVE].to_state is State.APPROVED


def change(stage: Stage, **values: object) -> Stage:
    return msgspec.structs.replace(stage, **values)


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ((), "route_empty"),
        ((ROUTE[0], ROUTE[0]), "route_keys"),
        ((change(ROUTE[0], key="filing"),), "route_keys"),
        (ROUTE[:4], "route_order"),
        ((ROUTE[5], *ROUTE[:5]), "route_order"),
        ((ROUTE[0], ROUTE[5]), "route_order"),
        ((change(ROUTE[2], reviewers=0),), "stage_quorum"),
        ((change(ROUTE[2], pass_percent=101),), "stage_quorum"),
        ((change(ROUTE[2], criteria=ROUTE[2].criteria[:2]),), "stage_weights"),
        ((change(ROUTE[4], working_days=4),), "stage_notice_days"),
        ((change(ROUTE[0], working_days=0),), "stage_days"),
        ((change(ROUTE[0], role=Role.AUDITOR),), "stage_role"),
        ((change(ROUTE[0], kind=StageKind.FILING),), "stage_kind"),
    ],
)
def test_a_broken_route_cannot_be_published(route: tuple[Stage, ...], code: str) -> None:
    assert code in codes(content(*route))


def test_a_paper_requirement_names_kinds_and_is_named_once() -> None:
    empty = PaperRequirement("x", (), "x", "x")
    assert "papers_keys" in codes(msgspec.structs.replace(content(ROUTE[0]), papers=(empty,)))
    assert "papers_keys" in codes(msgspec.structs.replace(content(ROUTE[0]), papers=(PAPERS[0], PAPERS[0])))


def test_a_sign_off_ends_a_route_granted_and_can_be_revoked() -> None:
    sign_off = Stage("grant", StageKind.SIGN_OFF, Level.CITY, Role.CHAIR, "授予", "Grant")
    assert check_content(content(ROUTE[0], sign_off)) == []
    table = moves((ROUTE[0], sign_off))
    assert table["grant", State.UNDER_REVIEW, Action.GRANT].to_state is State.GRANTED
    assert table["grant", State.GRANTED, Action.REVOKE].to_state is State.REVOKED
    assert ("grant", State.GRANTED, Action.WITHDRAW) not in table
