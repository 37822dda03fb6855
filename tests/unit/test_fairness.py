"""Who may not act on a case: every standing against every kind of stage."""

from __future__ import annotations

from itertools import product

import pytest

from backend.applications.fairness import CLAUSE, Standing, conflict
from backend.applications.lifecycle import KINDS, StageKind

ALWAYS = {"is_subject": "conflict_own_case", "is_relative": "conflict_relative"}
JUDGING = {"recused": "conflict_recused", "same_unit": "conflict_own_unit", "involved": "conflict_involved"}
STANDINGS = [
    Standing(subject, relative, unit, involved, recused)
    for subject, relative, unit, involved, recused in product((False, True), repeat=5)
]


@pytest.mark.parametrize("kind", list(StageKind))
@pytest.mark.parametrize("standing", STANDINGS, ids=str)
def test_every_standing_in_every_stage(standing: Standing, kind: StageKind) -> None:
    judging = KINDS[kind].judging
    barring = ALWAYS | (JUDGING if judging else {})
    expected = [code for name, code in barring.items() if getattr(standing, name)]
    found = conflict(standing, judging=judging)
    assert (found is not None) is bool(expected)
    if found is not None:
        assert found.code in expected
        assert found.clause == CLAUSE
        assert found.message.zh != found.message.en


def test_what_bars_anywhere_is_said_before_what_bars_a_judge() -> None:
    worst = Standing(is_subject=True, is_relative=True, same_unit=True, involved=True, recused=True)
    found = conflict(worst, judging=True)
    assert found is not None
    assert found.code == "conflict_own_case"
