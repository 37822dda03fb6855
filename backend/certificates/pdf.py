"""A certificate as a sheet to print: a proof of cover, a certificate of honour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import segno
from msgspec import Struct

from backend.certificates.service import IssuedCertificate
from backend.certificates.shown import Kind, Line, State
from backend.certificates.typesetting import typeset
from backend.clock import local_date
from backend.errors import Conflict
from backend.words import Text

_TEMPLATES = {Kind.COVER: "cover", Kind.AWARD: "award"}
_DIGITS = "〇一二三四五六七八九"


class _Row(Struct):
    label: str
    value: str


class _Sheet(Struct):
    title: str
    holder: str
    honorific: str
    citation: str
    details: list[_Row]
    rows: list[_Row]
    issuer: str
    number: str
    issued_on: str
    link: str


async def certificate_pdf(
    certificate: IssuedCertificate, link: str, *, holder: str = "", details: Sequence[Line] = ()
) -> bytes:
    """The certificate as a PDF/A whose QR code holds `link`; the same input gives the same bytes.

    What the public page may not show is given for this print alone, to somebody who may read it: the `holder`'s full
    name where the public one is masked, and `details`, lines about the holder. Raises Conflict for a revoked one.
    """
    if certificate.state is State.REVOKED:
        raise Conflict(
            "certificate_revoked",
            Text("证书已被撤销,不能再下载。", "This certificate was revoked and is no longer given out."),
        )
    shown = certificate.shown
    rows = _rows(shown.lines)
    if shown.valid_from is not None and shown.valid_to is not None:
        rows.append(_Row("保障期间", f"{_day(shown.valid_from)}至{_day(shown.valid_to)}"))
    if shown.waits_until is not None:
        rows.append(_Row("等待期", f"至{_day(shown.waits_until)}止"))
    sheet = _Sheet(
        title=shown.title.zh,
        holder=holder or shown.holder,
        honorific=shown.honorific,
        citation=shown.citation,
        details=_rows(details),
        rows=rows,
        issuer=shown.issuer,
        number=certificate.number,
        issued_on=chinese_date(local_date(certificate.issued_at)),
        link=link,
    )
    return await typeset(_TEMPLATES[certificate.kind], sheet, certificate.issued_at, {"code": qr_code(link)})


def _rows(lines: Sequence[Line]) -> list[_Row]:
    return [_Row(line.label.zh, line.value.zh) for line in lines]


def qr_code(content: str) -> str:
    """The QR code of `content` as an SVG on no ground, with the quiet zone that readers need."""
    drawn: str = segno.make(content, error="m", micro=False).svg_inline(dark="#1c2024", border=4)
    return drawn


def chinese_date(day: date) -> str:
    """The day as a certificate writes it: 二〇二六年五月一日."""
    year = "".join(_DIGITS[int(digit)] for digit in str(day.year))
    return f"{year}年{_numeral(day.month)}月{_numeral(day.day)}日"


def _numeral(number: int) -> str:
    """A number from 1 to 99 in Chinese: 十, 十一, 二十, 三十一."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else f"{_DIGITS[tens]}十") + (_DIGITS[ones] if ones else "")


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
