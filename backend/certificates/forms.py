"""Forms to print, sign and stamp: labelled cells, long texts, a box for each level's opinion (推荐审批表)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import takewhile
from typing import Any

from backend.certificates.typesetting import typeset

#: A row of cells holds three labels and three values; beside the first of them may stand the photograph.
PAIRS = 3


class Paper(StrEnum):
    """A4 upright, or A3 across with two columns, folded in the middle."""

    A4 = "a4"
    A3 = "a3"


@dataclass(frozen=True, slots=True)
class Cell:
    """A label and its value, which takes the room of so many pairs (1 to 3)."""

    label: str
    value: str
    pairs: int = 1


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of cells; their pairs make three together."""

    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        if sum(cell.pairs for cell in self.cells) != PAIRS or any(cell.pairs < 1 for cell in self.cells):
            raise ValueError(f"a row of cells has {PAIRS} pairs")


@dataclass(frozen=True, slots=True)
class Passage:
    """A long text under its label, over several pages where it must; at least `height_mm` high."""

    label: str
    text: str
    height_mm: int = 30


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one level says, and the places for its signature, seal and date, blank where nobody has signed yet."""

    label: str
    text: str = ""
    signer: str = ""
    signed_on: date | None = None
    height_mm: int = 20


@dataclass(frozen=True, slots=True)
class FormSheet:
    """A form: title (never empty), number, rows from top to bottom, a note at its end.

    With `photo` the rows of cells that come first stand beside a box of two inches for a photograph.
    """

    title: str
    rows: Sequence[Cells | Passage | Opinion]
    number: str = ""
    note: str = ""
    paper: Paper = Paper.A4
    photo: bool = True


async def form_pdf(form: FormSheet, at: datetime) -> bytes:
    """The form as a PDF/A made at `at`; the same input gives the same bytes.

    Whatever its texts hold is set as text, breaks where it must, and flows onto further pages.
    """
    beside_photo = len(list(takewhile(lambda row: isinstance(row, Cells), form.rows))) if form.photo else 0
    return await typeset(
        "form",
        {
            "title": form.title,
            "number": form.number,
            "note": form.note,
            "paper": form.paper,
            "beside_photo": beside_photo,
            "rows": [_row(row) for row in form.rows],
        },
        at,
    )


def _row(row: Cells | Passage | Opinion) -> dict[str, Any]:
    match row:
        case Cells():
            cells = [{"label": cell.label, "value": cell.value, "pairs": cell.pairs} for cell in row.cells]
            return {"kind": "cells", "cells": cells}
        case Passage():
            return {"kind": "passage", "label": row.label, "text": row.text, "height_mm": row.height_mm}
        case Opinion():
            return {
                "kind": "opinion",
                "label": row.label,
                "text": row.text,
                "signer": row.signer,
                "signed_on": _parts(row.signed_on),
                "height_mm": row.height_mm,
            }


def _parts(day: date | None) -> list[str]:
    return ["", "", ""] if day is None else [str(day.year), str(day.month), str(day.day)]
