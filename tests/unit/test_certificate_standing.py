"""How a certificate stands on a day, at every edge."""

from __future__ import annotations

from datetime import date

import pytest

from backend.certificates.pdf import chinese_date
from backend.certificates.shown import STANDING_LABELS, Shown, Standing, State, standing
from backend.words import Text

COVER = Shown(
    title=Text("职工大病互助保障", "Critical illness cover"),
    holder="古丽某某",
    issuer="泰安市总工会(示例)",
    valid_from=date(2026, 5, 1),
    valid_to=date(2027, 4, 30),
    waits_until=date(2026, 7, 29),
)
AWARD = Shown(title=Text("五一劳动奖章", "May Day Labour Medal"), holder="古丽·买买提", issuer="泰安市总工会(示例)")


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 4, 30), Standing.UPCOMING),
        (date(2026, 5, 1), Standing.WAITING),
        (date(2026, 7, 29), Standing.WAITING),
        (date(2026, 7, 30), Standing.VALID),
        (date(2027, 4, 30), Standing.VALID),
        (date(2027, 5, 1), Standing.EXPIRED),
    ],
)
def test_a_cover_stands_by_its_dates(today: date, expected: Standing) -> None:
    assert standing(State.VALID, COVER, today) is expected


@pytest.mark.parametrize("state", [State.ENDED, State.REVOKED])
@pytest.mark.parametrize("today", [date(2026, 4, 30), date(2026, 6, 1), date(2027, 5, 1)])
def test_an_act_outweighs_the_dates(state: State, today: date) -> None:
    assert standing(state, COVER, today) == state.value


def test_an_award_holds_for_good() -> None:
    assert standing(State.VALID, AWARD, date(1999, 1, 1)) is Standing.VALID
    assert standing(State.VALID, AWARD, date(2099, 1, 1)) is Standing.VALID


def test_every_standing_has_its_words() -> None:
    assert set(STANDING_LABELS) == set(Standing)


@pytest.mark.parametrize(
    ("day", "written"),
    [
        (date(2026, 5, 1), "二〇二六年五月一日"),
        (date(2000, 10, 10), "二〇〇〇年十月十日"),
        (date(2019, 11, 11), "二〇一九年十一月十一日"),
        (date(2024, 2, 29), "二〇二四年二月二十九日"),
        (date(2030, 12, 20), "二〇三〇年十二月二十日"),
        (date(2031, 1, 31), "二〇三一年一月三十一日"),
    ],
)
def test_a_certificate_writes_its_day_in_chinese(day: date, written: str) -> None:
    assert chinese_date(day) == written
