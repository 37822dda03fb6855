"""What may not stand on a notice is found however it is written; what people did may stand there."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.commendation.privacy import private_words
from backend.operations.demo_people import resident_id

GAPS = st.sampled_from(["", " ", "-", " - ", ".", "·", "\u200b", "—", "、"])
PROSE = st.text("坚守岗位的同志在抗疫中表现突出,带领小组完成任务。", max_size=12)
_FULL = {ord(sign): ord(sign) + 0xFEE0 for sign in "0123456789X"}
_ZH = str.maketrans("0123456789", "〇一二三四五六七八九")


def codes(text: str) -> set[str]:
    return {found.code for found in private_words(text, "deed")}


@st.composite
def written(draw: st.DrawFn, number: str) -> str:
    """A number as somebody might hide it: spaced, full-width, in Chinese digits, amid words."""
    gap = draw(GAPS)
    spelled = gap.join(number[at : at + 4] for at in range(0, len(number), 4))
    table = draw(st.sampled_from([{}, _FULL, _ZH]))
    return draw(PROSE) + spelled.translate(table) + draw(PROSE)


@given(st.data(), st.integers(0, 20_000), st.integers(0, 999))
def test_no_document_number_stands_on_a_notice(data: st.DataObject, days: int, serial: int) -> None:
    number = resident_id(date(1950, 1, 1) + timedelta(days=days), serial)
    assert "notice_number" in codes(data.draw(written(number)))


@given(st.data(), st.integers(3, 9), st.integers(0, 999_999_999))
def test_no_phone_stands_on_a_notice(data: st.DataObject, second: int, rest: int) -> None:
    assert codes(data.draw(written(f"1{second}{rest:09d}")))


@given(PROSE, st.sampled_from(["龙泽路", "东岳大街", "岱宗胡同", "灵山巷"]), st.integers(1, 999), PROSE)
def test_no_address_stands_on_a_notice(before: str, street: str, number: int, after: str) -> None:
    assert "notice_address" in codes(f"{before}家住{street}{number}号{after}")
    assert "notice_address" in codes(f"{before}{street}{number}号院 3 单元{after}".replace("大街", "街"))


@given(PROSE, st.sampled_from(["身患癌症", "确诊糖尿病", "患有高血压", "术后化疗", "肝炎", "怀孕期间", "抑郁"]), PROSE)
def test_no_illness_stands_on_a_notice(before: str, illness: str, after: str) -> None:
    assert "notice_illness" in codes(before + illness + after)


@given(PROSE)
def test_plain_deeds_may_stand(deed: str) -> None:
    assert codes(deed) == set()


@pytest.mark.parametrize(
    "deed",
    [
        "驰援湖北 43 天,抢救危重患者 120 余人次。",
        "在新冠肺炎疫情防控中坚守发热门诊和重症医学科。",
        "2020 年 2 月 9 日至 3 月 22 日在黄冈支援。",
        "连续 15 年安全行车 300000 公里。",
        "负责新城路改造工程,提前 20 天完工。",
    ],
)
def test_what_people_did_may_stand(deed: str) -> None:
    assert codes(deed) == set()
