"""The insurer's list: who joined, changed, ended in a period, as Excel with control totals; each one recorded."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import xlsxwriter

from backend.applications.programmes import require_organiser
from backend.audit.log import record
from backend.database import fetch, fetch_one
from backend.errors import NotFound, RuleViolation, Violation
from backend.identity import Actor, Role
from backend.insurance.panels import who_in_words
from backend.people.service import People
from backend.words import Text

#: Who may give a list away, at the organiser of the plan.
GIVE_ROLES = (Role.HR_VERIFIER, Role.CHAIR)
REASON_LEAST, REASON_MOST = 4, 200
LONGEST_DAYS = 366

_KINDS = {"joined": "参保", "changed": "变更", "ended": "终止"}
_SEX = {"female": "女", "male": "男", "": ""}


class Row(msgspec.Struct, frozen=True):
    """One change, as the insurer must know it; money in fen."""

    kind: str
    noted_on: date
    effective_on: date
    number: str
    name: str
    identifier_type: str
    identifier: str
    sex: str
    born_on: date | None
    who: str
    worker: str
    unit: str
    shares: int
    starts_on: date
    ends_on: date
    ended_on: date | None
    contribution_fen: int
    note: str


class Totals(msgspec.Struct, frozen=True):
    """What a list must add up to; `withheld` are changes left out because consent to sharing is not on record."""

    joined: int
    changed: int
    ended: int
    persons: int
    shares_joined: int
    contribution_fen: int
    withheld: int


@dataclass(frozen=True, slots=True)
class InsurerList:
    """A list that was made: the workbook, its totals, and the digest of its rows that stands on record."""

    workbook: bytes
    totals: Totals
    digest: str


@dataclass(frozen=True, slots=True)
class InsurerLists:
    """Makes the lists; a change is listed by the day on which it was noted, so that none falls between two lists."""

    people: People

    async def make(self, actor: Actor, programme: UUID, from_on: date, to_on: date, reason: str) -> InsurerList:
        """The changes noted from one day through another, for a reason. Recorded with totals and digest.

        Raises NotFound, Forbidden, RuleViolation.
        """
        plan = await fetch_one(
            "SELECT id, name_zh, organiser FROM programme WHERE id = $1 AND kind = 'mutual_aid'", programme
        )
        if plan is None:
            raise NotFound(Text("没有找到这个互助保障计划。", "No such plan."))
        require_organiser(actor, plan["organiser"], *GIVE_ROLES)
        _require_valid(from_on, to_on, reason)
        found = await fetch(_CHANGES, programme, from_on, to_on)
        rows = [self._row(row) for row in found if row["consents"]]
        totals = totals_of(rows, withheld=len(found) - len(rows))
        digest = hashlib.sha256(msgspec.json.encode(rows)).hexdigest()
        await record(
            actor,
            "cover.insurer_list",
            "done",
            object_kind="programme",
            object_id=programme,
            reason=reason.strip(),
            detail={
                "from": from_on.isoformat(),
                "to": to_on.isoformat(),
                "sha256": digest,
                **{name: str(value) for name, value in msgspec.structs.asdict(totals).items()},
            },
        )
        title = f"{plan['name_zh']} 参保变动名单 {from_on} 至 {to_on}"
        workbook = await asyncio.to_thread(list_xlsx, title, rows, totals, digest)
        return InsurerList(workbook, totals, digest)

    def _row(self, row: asyncpg.Record) -> Row:
        known = self.people.open(row["type"], row["sealed"]).number if row["sealed"] is not None else ""
        values = {name: row[name] for name in Row.__struct_fields__ if name in row}
        return Row(**values, identifier=known, identifier_type=row["type"] or "")


_CHANGES = """SELECT h.kind, (h.at AT TIME ZONE 'Asia/Shanghai')::date AS noted_on, h.effective_on, c.number, m.name,
    i.type, i.sealed, p.sex, p.born_on, m.who, w.name AS worker, coalesce(u.name, '') AS unit, c.shares, c.starts_on,
    c.ends_on, c.ended_on, c.contribution_fen, h.note,
    EXISTS (SELECT FROM consent g WHERE g.person = c.person AND g.purpose = 'share_with_insurer'
        AND g.withdrawn_at IS NULL) AS consents
    FROM cover_change h JOIN cover c ON c.id = h.cover JOIN enrolment_member m ON m.id = c.member
    JOIN person p ON p.id = c.person JOIN person w ON w.id = c.worker LEFT JOIN trade_union u ON u.id = c.unit_id
    LEFT JOIN LATERAL (SELECT type, sealed FROM person_identifier WHERE person = c.person
        ORDER BY type = 'resident_id' DESC, id LIMIT 1) i ON true
    WHERE c.plan = $1 AND (h.at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN $2 AND $3 ORDER BY h.id"""


def totals_of(rows: Sequence[Row], *, withheld: int) -> Totals:
    """The control totals of a list."""
    joined = [row for row in rows if row.kind == "joined"]
    return Totals(
        joined=len(joined),
        changed=sum(row.kind == "changed" for row in rows),
        ended=sum(row.kind == "ended" for row in rows),
        persons=len({(row.identifier_type, row.identifier or row.number) for row in rows}),
        shares_joined=sum(row.shares for row in joined),
        contribution_fen=sum(row.contribution_fen for row in joined),
        withheld=withheld,
    )


_COLUMNS: Sequence[tuple[str, int]] = (
    ("序号", 6),
    ("变动", 6),
    ("登记日", 12),
    ("生效日", 12),
    ("保障编号", 20),
    ("姓名", 14),
    ("证件号码", 22),
    ("性别", 6),
    ("出生日期", 12),
    ("与职工关系", 12),
    ("职工", 14),
    ("单位", 28),
    ("份数", 6),
    ("保障起", 12),
    ("保障止", 12),
    ("提前终止", 12),
    ("互助费(元)", 12),
    ("说明", 18),
)

_TOTAL_LABELS: Mapping[str, str] = {
    "joined": "参保(条)",
    "changed": "变更(条)",
    "ended": "终止(条)",
    "persons": "涉及人数",
    "shares_joined": "参保份数合计",
    "contribution_fen": "互助费合计(元)",
    "withheld": "未同意提供,未列入(条)",
}


def list_xlsx(title: str, rows: Sequence[Row], totals: Totals, digest: str) -> bytes:
    """The workbook as bytes; text that looks like a formula stays text."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True, "font_size": 14})
    head = book.add_format({"bold": True, "bg_color": "#f1e6e6"})
    money = book.add_format({"num_format": "0.00"})
    sheet = book.add_worksheet("变动名单")
    sheet.write_string(0, 0, title, bold)
    for column, (label, width) in enumerate(_COLUMNS):
        sheet.write_string(2, column, label, head)
        sheet.set_column(column, column, width)
    for place, row in enumerate(rows, start=3):
        for column, cell in enumerate((place - 2, *_cells(row))):
            if isinstance(cell, str):
                sheet.write_string(place, column, cell)
            else:
                sheet.write_number(place, column, cell, money if column == 16 else None)
    sheet.freeze_panes(3, 2)
    control = book.add_worksheet("控制总数")
    control.set_column(0, 0, 26)
    control.set_column(1, 1, 70)
    for place, (name, label) in enumerate(_TOTAL_LABELS.items()):
        value = getattr(totals, name)
        control.write_string(place, 0, label, head)
        if name == "contribution_fen":
            control.write_number(place, 1, value / 100, money)
        else:
            control.write_number(place, 1, value)
    control.write_string(len(_TOTAL_LABELS), 0, "名单校验值(SHA-256)", head)
    control.write_string(len(_TOTAL_LABELS), 1, digest)
    book.close()
    return buffer.getvalue()


def _cells(row: Row) -> tuple[Any, ...]:
    return (
        _KINDS[row.kind],
        row.noted_on.isoformat(),
        row.effective_on.isoformat(),
        row.number,
        row.name,
        row.identifier,
        _SEX[row.sex],
        row.born_on.isoformat() if row.born_on else "",
        who_in_words(row.who).zh,
        row.worker,
        row.unit,
        row.shares,
        row.starts_on.isoformat(),
        row.ends_on.isoformat(),
        row.ended_on.isoformat() if row.ended_on else "",
        row.contribution_fen / 100,
        row.note,
    )


def _require_valid(from_on: date, to_on: date, reason: str) -> None:
    found = []
    if not 0 <= (to_on - from_on).days < LONGEST_DAYS:
        found.append(
            Violation("period", Text("起止日期应先后正确且不超过一年。", "From before to, at most a year."), "from_on")
        )
    if not REASON_LEAST <= len(reason.strip()) <= REASON_MOST:
        found.append(
            Violation(
                "reason_required", Text("请写明用途(至少 4 字)。", "Say what it is for (4 characters)."), "reason"
            )
        )
    if found:
        raise RuleViolation(found)
