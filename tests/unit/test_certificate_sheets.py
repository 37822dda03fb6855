"""Certificates and forms as printed: their words, their code, and that nothing written into them is more than text."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.certificates.forms import Cell, Cells, FormSheet, Opinion, Paper, Passage, form_pdf
from backend.certificates.pdf import certificate_pdf
from backend.certificates.service import IssuedCertificate
from backend.certificates.shown import Kind, Line, Shown, State
from backend.certificates.typesetting import printable
from backend.errors import Conflict
from backend.words import Text
from tests.unit.printed import collisions, fonts_of, least_margin_mm, page_sizes_mm, qr_codes, standards_of, text_of

NOW = datetime(2026, 4, 30, 17, 0, tzinfo=UTC)  # the first of May in Shandong
LINK = "https://niangjia.example.org/certificates/ZGVtby10b2tlbi1vZi0xMjg"
COVER = Shown(
    title=Text("泰安市职工大病互助保障计划", "Critical illness cover"),
    holder="古丽某某",
    issuer="泰安市总工会",
    lines=(Line(Text("保障项目", "Covers"), Text("重大疾病、意外伤害", "Critical illness, accident")),),
    valid_from=date(2026, 5, 1),
    valid_to=date(2027, 4, 30),
    waits_until=date(2026, 7, 29),
)
AWARD = Shown(
    title=Text("泰安市五一劳动奖章", "May Day Labour Medal"),
    holder="古丽·买买提",
    issuer="泰安市总工会",
    lines=(Line(Text("授予文号", "Document"), Text("泰工发〔2026〕7号", "No. 7 of 2026")),),
    citation="在抗击疫情一线表现突出。",
    honorific="同志",
)
#: What would be more than text in some engine or other, or breaks a line, a direction or a place.
HOSTILE = {
    "typst": "#pagebreak() #let x = 1 $x^2$ *a* _b_ `c` @d <e> // f /* g ~ -- \\u{41} #",
    "html": "<b>a</b><script>alert(1)</script>&amp;{{ 7*7 }}",
    "directions": "\u202e反\u202c\u2067向\u2069\u200f\u061c正",
    "lines": "一\n二\r\n三\r四\u2028五\u2029六\x0b七\x85八",
    "controls": "零\x00一\x07二\x1b[31m三\x7f四\ufeff五\ufffe六",
    "list": "= 标题\n- 一\n+ 二\n/ 三: 四",
    "letters": "W" * 400,
    "stops": "。" * 400,
    "quotes": "“(" * 200,
    "no break": "长\xa0" * 300,
    "private": "\ue0001F600\ue001\uf8ff",
    "marks": "a" + "\u0301" * 300,
    "surrogate": "a\ud800b",
    "scripts": "ئۇيغۇر བོད་ ᠮᠣᠩᠭᠣᠯ ไทย 😀👨‍👩‍👧 𠀂",
}


def issued(kind: Kind, shown: Shown, state: State = State.VALID) -> IssuedCertificate:
    return IssuedCertificate(
        UUID(int=1), kind, UUID(int=2), "MA-2026-000123", "token", shown, NOW, UUID(int=3), state, NOW, ""
    )


async def test_an_award_says_who_for_what_and_by_whom() -> None:
    pdf = await certificate_pdf(issued(Kind.AWARD, AWARD), LINK)
    text = text_of(pdf)
    for words in (
        "荣誉证书",
        "古丽·买买提同志",
        "在抗击疫情一线表现突出。",
        "荣获泰安市五一劳动奖章",
        "MA-2026-000123",
        "授予文号泰工发〔2026〕7号",
        "泰安市总工会二〇二六年五月一日",
    ):
        assert words in text
    assert page_sizes_mm(pdf) == [(297, 210)]


async def test_a_proof_of_cover_says_who_by_which_plan_and_when() -> None:
    pdf = await certificate_pdf(issued(Kind.COVER, COVER), LINK)
    text = text_of(pdf)
    for words in (
        "参保凭证编号MA-2026-000123",
        "参保人古丽某某",
        "保障计划泰安市职工大病互助保障计划",
        "保障项目重大疾病、意外伤害",
        "保障期间2026年5月1日至2027年4月30日",
        "等待期至2026年7月29日止",
        "泰安市总工会二〇二六年五月一日",
    ):
        assert words in text
    assert page_sizes_mm(pdf) == [(210, 297)]


async def test_the_holders_own_print_names_her_in_full() -> None:
    details = [Line(Text("所在单位", "Unit"), Text("岱宗中心医院", "Daizong Hospital"))]
    pdf = await certificate_pdf(issued(Kind.COVER, COVER), LINK, holder="古丽·买买提", details=details)
    assert "参保人古丽·买买提所在单位岱宗中心医院保障计划" in text_of(pdf)
    assert "某某" not in text_of(pdf)


@pytest.mark.parametrize(("kind", "shown"), [(Kind.COVER, COVER), (Kind.AWARD, AWARD)])
@pytest.mark.parametrize("link", [LINK, "http://127.0.0.1:8000/certificates/ZGVtby10b2tlbi1vZi0xMjg"])
async def test_the_code_holds_the_link(kind: Kind, shown: Shown, link: str) -> None:
    assert qr_codes(await certificate_pdf(issued(kind, shown), link)) == [link]


@pytest.mark.parametrize(("kind", "shown"), [(Kind.COVER, COVER), (Kind.AWARD, AWARD)])
async def test_a_print_can_be_archived_and_is_always_the_same(kind: Kind, shown: Shown) -> None:
    pdf = await certificate_pdf(issued(kind, shown), LINK)
    other = await certificate_pdf(issued(kind, msgspec.structs.replace(shown, holder="别人")), LINK)
    assert await certificate_pdf(issued(kind, shown), LINK) == pdf != other
    standards = standards_of(pdf)
    assert (standards["pdfaid:part"], standards["pdfaid:conformance"], standards["pdfuaid:part"]) == ("2", "A", "1")
    assert "MA-2026-000123" in standards["dc:title"]
    fonts = fonts_of(pdf)
    assert all(name.startswith(("NotoSerifSC", "NotoSansCJK")) for name in fonts)
    assert len(fonts) >= 2
    assert all(fonts.values())


async def test_a_revoked_certificate_is_not_printed() -> None:
    with pytest.raises(Conflict):
        await certificate_pdf(issued(Kind.AWARD, AWARD, State.REVOKED), LINK)


@pytest.mark.parametrize("name", ["古丽·买买提", "𠮷某某", "王\U0002b5af", "䶮某", "龦某"])
async def test_a_rare_character_of_a_name_is_set_as_itself(name: str) -> None:
    pdf = await certificate_pdf(issued(Kind.AWARD, msgspec.structs.replace(AWARD, holder=name)), LINK)
    assert f"{name}同志" in text_of(pdf)


async def test_a_character_without_a_glyph_shows_its_code_point() -> None:
    pdf = await certificate_pdf(issued(Kind.AWARD, msgspec.structs.replace(AWARD, holder="王\U00020002")), LINK)
    assert "王20002同志" in text_of(pdf)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", list(Kind))
async def test_a_certificate_stays_on_its_page_whatever_is_written(kind: Kind, name: str) -> None:
    words = HOSTILE[name]
    shown = msgspec.structs.replace(
        COVER,
        title=Text(words, ""),
        holder=words,
        issuer=words,
        honorific=words,
        citation=words,
        lines=(Line(Text(words, ""), Text(words, "")),),
    )
    pdf = await certificate_pdf(issued(kind, shown), LINK)
    assert len(page_sizes_mm(pdf)) == 1
    assert least_margin_mm(pdf) > 15
    assert qr_codes(pdf) == [LINK]


@pytest.mark.parametrize("name", ["typst", "html", "list"])
async def test_markup_is_set_as_it_was_written(name: str) -> None:
    pdf = await form_pdf(FormSheet("表", [Passage("事迹", HOSTILE[name])]), NOW)
    assert "".join(printable(HOSTILE[name]).split()) in text_of(pdf)


NOMINATION = FormSheet(
    title="泰安市五一劳动奖章推荐审批表",
    number="TJ-2026-000045",
    note="本表一式三份。",
    rows=(
        Cells((Cell("姓名", "古丽·买买提"), Cell("性别", "女"), Cell("民族", "维吾尔族"))),
        Cells((Cell("出生年月", "1990年1月"), Cell("政治面貌", "中共党员"), Cell("学历", "本科"))),
        Cells((Cell("身份证号", "370999199001010019", 3),)),
        Passage("主要事迹", "连续工作四十三天。\n无一例差错。", 60),
        Opinion("所在单位意见", "同意推荐。", "赵某某", date(2026, 3, 20)),
        Opinion("市总工会意见"),
    ),
)


async def test_a_form_shows_its_cells_texts_and_opinions() -> None:
    pdf = await form_pdf(NOMINATION, NOW)
    text = text_of(pdf)
    for words in (
        "泰安市五一劳动奖章推荐审批表编号TJ-2026-000045",
        "姓名古丽·买买提性别女民族维吾尔族",
        "照片",
        "身份证号370999199001010019",
        "连续工作四十三天。无一例差错。",
        "同意推荐。",
        "赵某某",
        "2026年3月20日",
        "本表一式三份。",
        "第1页·共1页",
    ):
        assert words in text
    assert text.count("盖章") == 2
    assert page_sizes_mm(pdf) == [(210, 297)]
    assert await form_pdf(NOMINATION, NOW) == pdf
    assert standards_of(pdf)["pdfaid:part"] == "2"


async def test_a_form_comes_on_a3_and_without_a_photograph() -> None:
    plain = FormSheet("工人先锋号推荐审批表", NOMINATION.rows, paper=Paper.A3, photo=False)
    pdf = await form_pdf(plain, NOW)
    assert page_sizes_mm(pdf) == [(420, 297)]
    assert "照片" not in text_of(pdf)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("paper", list(Paper))
async def test_a_form_keeps_its_margins_whatever_is_written(paper: Paper, name: str) -> None:
    words = HOSTILE[name]
    form = FormSheet(
        title=words,
        number=words,
        note=words,
        rows=(
            Cells((Cell(words, words), Cell(words, words), Cell(words, words))),
            Passage(words, words),
            Opinion(words, words, words, date(2026, 3, 20)),
        ),
        paper=paper,
    )
    pdf = await form_pdf(form, NOW)
    assert least_margin_mm(pdf) > 11
    # Accents stand on their letter; a few of the smallest marks may touch.
    assert name == "marks" or collisions(pdf) < 5


async def test_a_long_text_flows_on_and_loses_nothing() -> None:
    form = FormSheet(
        "表",
        (
            Cells((Cell("姓名", "甲" * 3000), Cell("性别", "女"), Cell("民族", "乙" * 900))),
            Passage("主要事迹", "丙" * 20_000),
            Opinion("意见", "丁" * 3000, "赵某某"),
        ),
    )
    pdf = await form_pdf(form, NOW)
    text = text_of(pdf)
    assert [text.count(character) for character in "甲乙丙丁"] == [3000, 900, 20_000, 3000]
    assert len(page_sizes_mm(pdf)) > 10
    assert least_margin_mm(pdf) > 11
    assert collisions(pdf) == 0


def test_a_row_of_cells_is_whole() -> None:
    with pytest.raises(ValueError, match="3 pairs"):
        Cells((Cell("姓名", "甲"), Cell("性别", "女")))


@pytest.mark.parametrize(
    ("written", "set_as"),
    [
        ("同意推荐,请审核!", "同意推荐\uff0c请审核\uff01"),
        ("泰安市总工会(示例):", "泰安市总工会\uff08示例\uff09\uff1a"),
        ("3:1, f(x) a,b", "3:1, f(x) a,b"),
        ("一\r\n二\u2028三", "一\n二\n三"),
        ("王\U000e0100\u202e\u200b", "王"),
        ("葛\u3000某\xa0某", "葛\u3000某 某"),
    ],
)
def test_text_is_set_as_chinese_type_is(written: str, set_as: str) -> None:
    assert printable(written) == set_as


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=80))
def test_there_is_no_text_that_cannot_be_set(words: str) -> None:
    form = FormSheet(
        f"表{words}", [Cells((Cell(words, words, 3),)), Passage(words, words), Opinion(words, words, words)]
    )
    assert asyncio.run(form_pdf(form, NOW)).startswith(b"%PDF-")


async def test_the_event_loop_runs_on_while_a_sheet_is_set() -> None:
    form = FormSheet("表", [Passage("主要事迹", "丙" * 20_000)])
    setting = asyncio.create_task(form_pdf(form, NOW))
    turns = 0
    while not setting.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 3
