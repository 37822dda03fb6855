"""Reads one untrusted workbook; runs alone in the confined child, so it imports nothing of ours.

`workbook.py FILE UNPACKED_LIMIT MAX_ROWS MAX_COLUMNS TEXT_LIMIT SHEET…` writes one JSON object: `{"refusal": code}`, or
under `sheets` each of the named sheets that is there. A text is a text; anything else in a cell is a pair of what it is
and how it reads: `["number", "13800000000"]`, `["date", "2015-07-01"]`, `["formula", ""]`.
"""

import datetime
import io
import json
import sys
import zipfile
from bisect import bisect_left, bisect_right
from typing import Any
from xml.parsers import expat

import python_calamine

ENTRIES_LIMIT = 500
LOOKS_LIMIT = 200_000
#: The parts that hold cells and what it takes to read them; all else in the file stays packed.
_PARTS = ("[Content_Types].xml", "_rels/", "xl/workbook.xml", "xl/_rels/", "xl/sharedStrings.xml", "xl/styles.xml")
_SHEETS = "xl/worksheets/"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Refused(Exception):
    """The workbook is not to be read; the argument is the refusal's code."""


def main(path: str, unpacked: int, rows: int, columns: int, text: int, wanted: list[str]) -> None:
    """Answer for one file: its sheets, or why it is refused."""
    try:
        with open(path, "rb") as file:
            answer: dict[str, Any] = {"sheets": read(file.read(), unpacked, rows, columns, text, wanted)}
    except Refused as refused:
        answer = {"refusal": str(refused)}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode())


def read(packed: bytes, unpacked: int, rows: int, columns: int, text: int, wanted: list[str]) -> dict[str, Any]:
    """The wanted sheets of a workbook; raises Refused."""
    parts = unpack(packed, unpacked)
    places = sheet_places(parts)
    scans = {name: Scan(part, rows, columns) for name, part in parts.items() if name.startswith(_SHEETS)}
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(repack(parts)))
    except python_calamine.CalamineError:
        raise Refused("damaged") from None
    found = {}
    for name in wanted:
        scan = scans.get(places.get(name, ""))
        if scan is not None and name in book.sheet_names:
            found[name] = sheet(book, name, scan, text)
    return found


def unpack(packed: bytes, limit: int) -> dict[str, bytes]:
    """The parts that matter, unpacked within `limit` bytes in all, whatever the file says of its sizes."""
    if packed.startswith(_OLE):
        # An old .xls, or a workbook under a password.
        raise Refused("old_or_locked")
    try:
        archive = zipfile.ZipFile(io.BytesIO(packed))
        entries = archive.infolist()
        if len(entries) > ENTRIES_LIMIT or sum(entry.file_size for entry in entries) > limit:
            raise Refused("too_large")
        parts: dict[str, bytes] = {}
        left = limit
        for entry in entries:
            name = entry.filename.lstrip("/")
            if not (name.startswith((*_PARTS, _SHEETS)) and name.endswith((".xml", ".rels"))):
                continue
            if name in parts or entry.flag_bits & 1:
                raise Refused("damaged")
            with archive.open(entry) as packed_part:
                part = packed_part.read(left + 1)
            left -= len(part)
            if left < 0:
                raise Refused("too_large")
            parts[name] = part
    except Refused:
        raise
    except Exception:
        # A broken archive fails in a dozen ways: in zipfile, in zlib, in an encoding.
        raise Refused("not_xlsx") from None
    if "xl/workbook.xml" not in parts:
        raise Refused("not_xlsx")
    return parts


def repack(parts: dict[str, bytes]) -> bytes:
    """The parts as an archive that says of itself what is true."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def sheet_places(parts: dict[str, bytes]) -> dict[str, str]:
    """In which part each sheet stands, by the name on its tab."""
    targets = {
        one.get("Id", ""): one.get("Target", "")
        for one in elements(parts.get("xl/_rels/workbook.xml.rels", b"<none/>"), "Relationship")
    }
    places = {}
    for one in elements(parts["xl/workbook.xml"], "sheet"):
        target = targets.get(next((value for key, value in one.items() if key.endswith(" id")), ""), "")
        places[one.get("name", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return places


def elements(xml: bytes, wanted: str) -> list[dict[str, str]]:
    """The attributes of each element of that name, namespaces left out of its own name."""
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(" ")[2] == wanted:
            found.append(attributes)

    parse(xml, start)
    return found


def parse(xml: bytes, start: Any, end: Any = None) -> None:
    """Walk through XML that declares nothing; raises Refused for a document type or broken markup."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end

    def declared(*_: object) -> None:
        raise Refused("damaged")

    parser.StartDoctypeDeclHandler = declared
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise Refused("damaged") from None


class Scan:
    """What the values do not tell: formulas, errors, and what is hidden; and that no cell stands far out.

    A sheet whose cells reach beyond the limits is refused before anybody makes room for all that lies between.
    """

    def __init__(self, xml: bytes, rows: int, columns: int) -> None:
        self.formulas: set[tuple[int, int]] = set()
        self.errors: set[tuple[int, int]] = set()
        self.hidden_rows: list[int] = []
        self.hidden_columns: list[int] = []
        self._limits = (rows, columns)
        self._row = self._column = -1
        self._error = False
        parse(xml, self._start)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if local == "c":
            self._place(attributes.get("r", ""))
            self._error = attributes.get("t") == "e"
        elif local in ("v", "is", "f"):
            if not (0 <= self._row < self._limits[0] and 0 <= self._column < self._limits[1]):
                raise Refused("too_many_cells")
            if local == "f":
                self.formulas.add((self._row, self._column))
            elif self._error:
                self.errors.add((self._row, self._column))
        elif local == "row":
            self._row = number(attributes["r"]) - 1 if "r" in attributes else self._row + 1
            self._column = -1
            if attributes.get("hidden") in ("1", "true"):
                self.hidden_rows.append(self._row)
        elif local == "col" and attributes.get("hidden") in ("1", "true"):
            first, last = number(attributes.get("min", "1")), number(attributes.get("max", "1"))
            self.hidden_columns += range(first - 1, min(last, self._limits[1]))

    def _place(self, reference: str) -> None:
        """Where a cell stands: as it says, or next to the one before."""
        if not reference:
            self._column += 1
            return
        letters = reference.rstrip("0123456789")
        self._row = number(reference[len(letters) :]) - 1
        column = 0
        for letter in letters.upper():
            if not "A" <= letter <= "Z" or column > 1_000_000:
                raise Refused("damaged")
            column = column * 26 + ord(letter) - 64
        self._column = column - 1


def number(digits: str) -> int:
    """A count as it is written; raises Refused for anything else."""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 8):
        raise Refused("damaged")
    return int(digits)


def sheet(book: python_calamine.CalamineWorkbook, name: str, scan: Scan, text: int) -> dict[str, Any]:
    """One sheet: its rows by number, and what is odd about it. The first row is number 0."""
    try:
        opened = book.get_sheet_by_name(name)
        values = opened.to_python(skip_empty_area=False)
        merged = opened.merged_cell_ranges or []
    except python_calamine.CalamineError:
        raise Refused("damaged") from None
    visible = {one.name: one.visible for one in book.sheets_metadata}[name] == python_calamine.SheetVisibleEnum.Visible
    rows = {}
    for row, cells in enumerate(values):
        shown = [cell(value, (row, column), scan, text) for column, value in enumerate(cells)]
        while shown and shown[-1] == "":
            shown.pop()
        if shown:
            rows[row] = shown
    # A formula without a stored value, or an error, has no value of its own.
    for row, column in sorted(scan.formulas | scan.errors):
        shown = rows.setdefault(row, [])
        shown += [""] * (column + 1 - len(shown))
        shown[column] = ["formula" if (row, column) in scan.formulas else "error", ""]
    return {
        "visible": visible,
        "rows": sorted(rows.items()),
        "hidden_rows": [row for row in scan.hidden_rows if row in rows],
        "hidden_columns": sorted(set(scan.hidden_columns)),
        "merged": merged_rows(merged, rows),
    }


def merged_rows(ranges: list[tuple[tuple[int, int], tuple[int, int]]], rows: dict[int, Any]) -> list[list[int]]:
    """Row, first and last column of a merged stretch for each row that has one and something in it."""
    found: dict[int, list[int]] = {}
    numbers = sorted(rows)
    looks = 0
    for (top, left), (bottom, right) in ranges:
        for row in numbers[bisect_left(numbers, top) : bisect_right(numbers, bottom)]:
            found.setdefault(row, [row, left, right])
            looks += 1
        if looks > LOOKS_LIMIT:
            break
    return sorted(found.values())


def cell(value: Any, place: tuple[int, int], scan: Scan, text: int) -> Any:
    """One cell as it is answered."""
    if place in scan.formulas:
        return ["formula", ""]
    if place in scan.errors:
        return ["error", ""]
    if isinstance(value, str):
        return value[:text]
    if isinstance(value, bool):
        return ["boolean", str(value)]
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return ["date", value.date().isoformat()] if midnight else ["time", value.isoformat()]
    if isinstance(value, datetime.date):
        return ["date", value.isoformat()]
    if isinstance(value, int | float):
        return ["number", str(int(value)) if float(value).is_integer() else repr(value)]
    return ["time", str(value)]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6:])
