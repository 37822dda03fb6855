"""The public page of a certificate: what it says to anybody, and what it keeps to itself."""

from __future__ import annotations

import re
from datetime import date, datetime

import httpx
import pytest

from backend.certificates.service import IssuedCertificate
from backend.certificates.shown import Kind, Line, Shown, State
from backend.clock import LOCAL
from backend.database import new_id
from backend.identity import system_actor
from backend.words import Text
from tests.api.conftest import Api

ISSUED = datetime(2026, 3, 2, 9, 0, tzinfo=LOCAL)
COVER = Shown(
    title=Text("职工大病互助保障", "Critical illness cover"),
    holder="古丽某某",
    issuer="泰安市总工会(示例)",
    lines=(Line(Text("份数", "Shares"), Text("2 份", "two")),),
    valid_from=date(2026, 3, 1),
    valid_to=date(2027, 2, 28),
    waits_until=date(2026, 3, 31),
)
AWARD = Shown(
    title=Text("泰安市五一劳动奖章", "Tai'an May Day Labour Medal"),
    holder="古丽·买买提<b>",
    issuer="泰安市总工会(示例)",
    citation="在抗击疫情一线表现突出。",
    honorific="同志",
)
ENGLISH = {"Accept-Language": "en"}


async def issue(api: Api, kind: Kind, shown: Shown) -> IssuedCertificate:
    issuer = system_actor("证书签发")
    return await api.world.services.certificates.issue(issuer, kind, new_id(), "MA-2026-000123", shown, ISSUED)


async def page(api: Api, certificate: IssuedCertificate, headers: dict[str, str] | None = None) -> httpx.Response:
    answer = await api.client.get(f"/certificates/{certificate.token}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def words_of(html: str) -> list[str]:
    """The texts of a page in order, without markup."""
    body = html[html.index("<body>") :]
    return [text.strip() for text in re.split(r"<[^>]*>", body) if text.strip()]


async def test_the_page_of_a_cover_says_what_was_issued_and_no_more(api: Api) -> None:
    answer = await page(api, await issue(api, Kind.COVER, COVER))
    assert words_of(answer.text)[:-1] == [
        *("娘家", "泰安市总工会(示例)", "职工大病互助保障", "等待期内"),
        *("编号", "MA-2026-000123", "持有人", "古丽某某", "份数", "2 份", "签发日期", "2026-03-02"),
        *("有效期", "2026-03-01 至 2027-02-28", "等待期至", "2026-03-31"),
    ]


async def test_the_page_speaks_english(api: Api) -> None:
    answer = await page(api, await issue(api, Kind.COVER, COVER), ENGLISH)
    assert answer.headers["content-language"] == "en"
    assert words_of(answer.text)[2:-1] == [
        *("Critical illness cover", "In the waiting period"),
        *("Number", "MA-2026-000123", "Holder", "古丽某某", "Shares", "two", "Issued on", "2026-03-02"),
        *("Valid", "2026-03-01 through 2027-02-28", "Waiting period through", "2026-03-31"),
    ]


async def test_the_page_of_an_award_keeps_what_is_only_printed(api: Api) -> None:
    answer = await page(api, await issue(api, Kind.AWARD, AWARD))
    assert words_of(answer.text)[2:-1] == [
        *("泰安市五一劳动奖章", "有效"),
        *("编号", "MA-2026-000123", "持有人", "古丽·买买提&lt;b&gt;", "签发日期", "2026-03-02"),
    ]
    assert AWARD.citation not in answer.text


async def test_the_page_holds_as_of_the_business_clock(api: Api) -> None:
    certificate = await issue(api, Kind.COVER, COVER)
    await api.world.at(datetime(2026, 4, 1, 0, 1, tzinfo=LOCAL))
    assert '<p class="standing valid">有效</p>' in (await page(api, certificate)).text
    await api.world.at(datetime(2027, 3, 1, 0, 1, tzinfo=LOCAL))
    assert '<p class="standing expired">已到期</p>' in (await page(api, certificate)).text


@pytest.mark.parametrize(
    ("state", "shown", "hidden"),
    [
        (State.REVOKED, ["已撤销", "登记日期 2026-03-02", "撤销理由:申报材料不实"], "有效</p>"),
        (State.ENDED, ["已终止", "登记日期 2026-03-02"], "申报材料不实"),
    ],
)
async def test_the_page_says_what_was_done_to_it(api: Api, state: State, shown: list[str], hidden: str) -> None:
    certificate = await issue(api, Kind.AWARD, AWARD)
    await api.world.services.certificates.change_state(Kind.AWARD, certificate.subject, state, "申报材料不实", ISSUED)
    answer = await page(api, certificate)
    assert set(shown) <= set(words_of(answer.text))
    assert hidden not in answer.text


async def test_the_page_is_not_indexed_kept_or_told_on(api: Api) -> None:
    answer = await page(api, await issue(api, Kind.AWARD, AWARD))
    assert answer.headers["x-robots-tag"] == "noindex, noarchive"
    assert '<meta name="robots" content="noindex, noarchive">' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_wrong_token_is_answered_as_that_of_a_notice(api: Api) -> None:
    certificate = await issue(api, Kind.AWARD, AWARD)
    for token in (
        certificate.token[:-1] + "_",
        certificate.number,
        str(certificate.id),
        "a" * 500,
        "%ff",
        "证书",
    ):
        told = await api.client.get(f"/certificates/{token}")
        notice = await api.client.get(f"/notices/{token}")
        assert (told.status_code, told.headers["content-type"]) == (404, "application/problem+json")
        assert (notice.status_code, told.json()["code"]) == (404, notice.json()["code"])
        assert certificate.shown.holder not in told.text


async def test_the_styles_of_the_public_pages_are_given_out(api: Api) -> None:
    html = (await page(api, await issue(api, Kind.AWARD, AWARD))).text
    (address,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', html)
    styles = await api.client.get(address)
    assert styles.status_code == 200
    assert styles.headers["content-type"].startswith("text/css")
    assert ".standing.revoked" in styles.text
    assert (await api.client.get("/static/../templates/certificate.html")).status_code == 404
    assert (await api.client.get("/static/%2e%2e/public.py")).status_code == 404
