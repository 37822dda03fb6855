"""From an uploaded file to the cells of a roster: bounded in size, unpacked and parsed apart from everything."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from backend.confinement import Limits, Overran, run_confined
from backend.errors import RuleViolation, TooLarge, Unavailable
from backend.words import Text

#: Bytes of the file as it is sent, and of all that is unpacked of it.
SIZE_LIMIT = 5 * 1024 * 1024
UNPACKED_LIMIT = 64 * 1024 * 1024

#: Staff in one roster, and rows and columns in one sheet.
STAFF_LIMIT = 5_000
ROWS_LIMIT = 20_001
COLUMNS_LIMIT = 40
TEXT_LIMIT = 200

STAFF_SHEET, FAMILY_SHEET = "职工", "家属"

_SCRIPT = Path(__file__).with_name("workbook.py")
_LIMITS = Limits(wall_s=30.0, cpu_s=25, answer=48 * 1024 * 1024)

#: Workbooks that are read at one time; the others wait.
_turns = asyncio.Semaphore(max(1, (os.cpu_count() or 2) - 1))

_REFUSALS = {
    "not_xlsx": Text("文件不是 .xlsx 工作簿,请用模板填写后上传。", "This is no .xlsx workbook; fill in the template."),
    "old_or_locked": Text(
        "文件是旧版 .xls 或设有密码:请去掉密码,另存为 .xlsx 后上传。",
        "This is an old .xls, or locked by a password: save it as an .xlsx without one.",
    ),
    "damaged": Text("文件已损坏,无法读取。", "The file is damaged and cannot be read."),
    "too_large": Text("文件解开后过大,请只保留模板中的两张表。", "Unpacked, the file is too large."),
    "too_many_cells": Text(
        f"表格过大:每张表最多 {ROWS_LIMIT - 1:,} 行、{COLUMNS_LIMIT} 列。请删除表格之外的内容。",
        f"A sheet has at most {ROWS_LIMIT - 1:,} rows and {COLUMNS_LIMIT} columns; delete what lies beyond.",
    ),
}


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """A cell that holds no text: what it is (number, date, time, boolean, formula, error) and how it reads."""

    what: str
    reads: str

    @property
    def day(self) -> date:
        """The date of a cell that holds one."""
        return date.fromisoformat(self.reads)


class Sheet(msgspec.Struct, frozen=True):
    """A sheet as it was found: its rows that are not empty, by number from 0; what is hidden, what is merged."""

    visible: bool
    rows: tuple[tuple[int, tuple[str | Cell, ...]], ...]
    hidden_rows: tuple[int, ...]
    hidden_columns: tuple[int, ...]
    merged: tuple[tuple[int, int, int], ...]


class _Answer(msgspec.Struct):
    sheets: dict[str, Sheet] = {}
    refusal: str = ""


async def read_workbook(content: bytes) -> Mapping[str, Sheet]:
    """The sheets 职工 and 家属 of a workbook, those that are there.

    Raises TooLarge above 5 MiB, RuleViolation for anything that is no readable workbook; nothing of its content is
    said or logged.
    """
    if len(content) > SIZE_LIMIT:
        raise TooLarge("file_too_large", Text("文件超过 5 MB。", "The file is larger than 5 MB."))
    async with _turns:
        with tempfile.TemporaryDirectory(prefix="niangjia-") as folder:
            file = Path(folder) / "roster.xlsx"
            try:
                await asyncio.to_thread(file.write_bytes, content)
            except OSError as error:
                raise Unavailable("disk") from error
            arguments = (file, UNPACKED_LIMIT, ROWS_LIMIT, COLUMNS_LIMIT, TEXT_LIMIT, STAFF_SHEET, FAMILY_SHEET)
            try:
                said = await run_confined(_SCRIPT, [str(argument) for argument in arguments], _LIMITS)
                answer = await asyncio.to_thread(msgspec.json.decode, said, type=_Answer)
            except (Overran, msgspec.MsgspecError):
                # What took the child down, or made it talk nonsense, is the file's doing.
                raise _refused("damaged") from None
    if answer.refusal:
        raise _refused(answer.refusal)
    return answer.sheets


def _refused(code: str) -> RuleViolation:
    return RuleViolation.of(f"workbook_{code}", _REFUSALS.get(code, _REFUSALS["damaged"]), "file")
