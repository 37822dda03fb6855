"""From cells to entries: every cell that cannot be meant as it stands is named, with the reason. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from backend.errors import Violation
from backend.people.identifiers import IdentifierType, check_mobile, normal_identifier, normal_name
from backend.people.relations import RelationKind
from backend.registry.facts import IdentifierInput, RecordInput
from backend.registry.family.facts import MemberInput
from backend.registry.kinds import Certification, JobCategory, Population
from backend.registry.policy import check_identity, check_record
from backend.registry.roster.columns import EXAMPLE_MARK, FAMILY, FAMILY_FIELDS, STAFF, STAFF_FIELDS, Column
from backend.registry.roster.lines import FamilyEntry, Fault, StaffEntry
from backend.registry.roster.reading import FAMILY_SHEET, STAFF_LIMIT, STAFF_SHEET, Cell, Sheet
from backend.sealing import mask_identifier
from backend.words import Text

_UNREADABLE = {
    "formula": Violation("formula", Text("单元格含有公式,请改为数值。", "The cell holds a formula; put its value.")),
    "error": Violation("cell_error", Text("单元格是错误值。", "The cell holds an error.")),
    "boolean": Violation("cell_boolean", Text("单元格是逻辑值,请改为文字。", "The cell holds true or false.")),
}
_DATE_AS_TEXT = Violation(
    "date_as_text", Text("日期写成了文本,请改为日期格式(如 2015-07-01)。", "The date is text; make it a date.")
)
_DATE_AS_NUMBER = Violation(
    "date_as_number", Text("日期写成了数字,请改为日期格式(如 2015-07-01)。", "The date is a number; make it a date.")
)
_DATE_WITH_TIME = Violation("date_with_time", Text("请只填日期,不带时间。", "Give a date without a time."))
_NUMBER_CODE = Violation(
    "number_as_number",
    Text(
        "证件号码是数字格式,Excel 只保留 15 位有效数字,末几位可能已经丢失:请设为文本格式后重新填写。",
        "The ID is a number: Excel keeps 15 digits and may have lost the last. Make the cell text and type it again.",
    ),
)
_UNLIKE_ID = Violation("unlike_id", Text("与身份证号中的不一致。", "The ID number says otherwise."))
_MISSING = Violation("missing", Text("必须填写。", "This has to be filled in."))
_FULL_WIDTH = Violation(
    "full_width", Text("含有全角字符,请改为半角。", "It holds full-width characters; use plain ones.")
)
_FIFTEEN = Violation(
    "fifteen_digits", Text("这是 15 位旧身份证号,请填写 18 位。", "This is an old ID of 15 digits; give the one of 18.")
)


@dataclass(slots=True)
class Row:
    """The cells of one row that were read, and what is wrong with them; `number` counts as Excel does."""

    number: int
    cells: Sequence[str | Cell]
    places: Mapping[str, int]
    columns: Mapping[str, Column]
    faults: list[Fault] = field(default_factory=list)
    blamed: set[str] = field(default_factory=set)

    @property
    def is_example(self) -> bool:
        """Whether this is the template's own example."""
        mark = self._cell("number")
        return isinstance(mark, str) and mark.strip().startswith(EXAMPLE_MARK)

    def blame(self, key: str, violation: Violation) -> None:
        """Note what is wrong with a column's cell, the first thing only; an empty key means the whole row."""
        if key and key in self.blamed:
            return
        self.blamed.add(key)
        place = self.places.get(key)
        column = letter(place) if place is not None else ""
        self.faults.append(Fault.of(violation, column, self.columns[key].header if key else ""))

    def blame_all(self, found: Sequence[Violation], fields: Mapping[str, str]) -> None:
        """Note the violations of rules in the cells that their fields speak of."""
        for violation in found:
            self.blame(fields.get(violation.field, ""), violation)

    def text(self, key: str) -> str:
        """A text, trimmed; a number that was meant as one reads as it is shown."""
        return self._plain(key, _only_text(self._cell(key)))

    def code(self, key: str) -> str:
        """Digits and letters; a number is refused where Excel may have lost some of them."""
        cell = self._cell(key)
        if isinstance(cell, Cell) and cell.what == "number":
            if self.columns[key].key == "phone" and len(cell.reads) == 11:
                return cell.reads
            self.blame(key, _NUMBER_CODE)
            return ""
        value = self._plain(key, _only_text(cell))
        if unicodedata.normalize("NFKC", value) != value:
            self.blame(key, _FULL_WIDTH)
            return ""
        return value

    def day(self, key: str) -> date | None:
        """A date."""
        cell = self._cell(key)
        if isinstance(cell, Cell):
            if cell.what == "date":
                return cell.day
            wrong = {"number": _DATE_AS_NUMBER, "time": _DATE_WITH_TIME}.get(cell.what)
            self.blame(key, wrong or _UNREADABLE[cell.what])
            return None
        if cell.strip():
            self.blame(key, _DATE_AS_TEXT)
        elif self.columns[key].required:
            self.blame(key, _MISSING)
        return None

    def choice(self, key: str) -> str:
        """The stored value of a word of the list; empty for none."""
        column = self.columns[key]
        words = self.text(key)
        if not words:
            return ""
        if words not in column.choices:
            listed = "、".join(column.choices)
            self.blame(
                key,
                Violation("not_listed", Text(f"不在可选范围内:{listed}。", f"Not in the list: {listed}.")),
            )
            return ""
        return column.choices[words]

    def number_of(self, key: str, type_: IdentifierType) -> IdentifierInput | None:
        """A document number as it is typed, with what has to come along; None where the cell cannot be read."""
        code = self.code(key)
        if type_ is IdentifierType.RESIDENT_ID and len(code) == 15 and code.isdigit():
            self.blame(key, _FIFTEEN)
            return None
        born_on, sex = self.day("born_on"), self.choice("sex")
        if not code or key in self.blamed:
            return None
        if type_ is not IdentifierType.RESIDENT_ID:
            return IdentifierInput(type_, code, born_on, sex)
        tells = normal_identifier(type_, code)
        if len(tells.number) == 18 and tells.number[:17].isdigit():
            for told, said, column in ((tells.born_on, born_on, "born_on"), (tells.sex, sex, "sex")):
                if said and told != said:
                    self.blame(column, _UNLIKE_ID)
        return IdentifierInput(type_, code)

    def _cell(self, key: str) -> str | Cell:
        place = self.places.get(key)
        return self.cells[place] if place is not None and place < len(self.cells) else ""

    def _plain(self, key: str, value: str | Violation) -> str:
        if isinstance(value, Violation):
            self.blame(key, value)
            return ""
        if not value and self.columns[key].required:
            self.blame(key, _MISSING)
        return value


def check_workbook(sheets: Mapping[str, Sheet]) -> list[Fault]:
    """What is wrong with the workbook as a whole: nothing of it can be accepted then."""
    if not sheets:
        return [
            _file_fault(
                "no_sheet",
                f"没有名为“{STAFF_SHEET}”或“{FAMILY_SHEET}”的表,请用模板。",
                "Neither sheet of the template is there.",
            )
        ]
    found = []
    for name, columns in ((STAFF_SHEET, STAFF), (FAMILY_SHEET, FAMILY)):
        if name in sheets:
            found += _check_sheet(name, sheets[name], columns)
    if STAFF_SHEET in sheets and len(_body(sheets[STAFF_SHEET])) > STAFF_LIMIT + 1:
        found.append(
            _file_fault(
                "too_many_staff", f"职工最多 {STAFF_LIMIT:,} 行,请分批上传。", f"At most {STAFF_LIMIT:,} staff."
            )
        )
    return found


def nothing_read() -> Fault:
    """The fault of a workbook without a row but the example."""
    return _file_fault("nothing", "表中没有可读取的行(示例行不读取)。", "There is no row to read but the example.")


def staff_entries(sheet: Sheet, unit: UUID, unit_names: Sequence[str], today: date) -> list[StaffEntry]:
    """The workers of the sheet 职工, each with all that is wrong in their row."""
    return [_staff_entry(row, unit, unit_names, today) for row in _rows(sheet, STAFF)]


def family_entries(sheet: Sheet, today: date) -> list[FamilyEntry]:
    """The relatives of the sheet 家属, each with all that is wrong in their row."""
    return [_family_entry(row, today) for row in _rows(sheet, FAMILY)]


def column_letters(sheets: Mapping[str, Sheet]) -> dict[str, dict[str, str]]:
    """Under which letter each column stands, by sheet and key."""
    return {
        key: {column: letter(found[0]) for column, found in _places(sheets[name], columns).items() if found}
        for key, name, columns in (("staff", STAFF_SHEET, STAFF), ("family", FAMILY_SHEET, FAMILY))
        if name in sheets
    }


def letter(place: int) -> str:
    """The letters of a column from its number, which counts from 0."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _staff_entry(row: Row, unit: UUID, unit_names: Sequence[str], today: date) -> StaffEntry:
    name, phone = normal_name(row.text("name")), row.code("phone")
    type_ = IdentifierType(row.choice("type") or IdentifierType.RESIDENT_ID)
    number = row.number_of("identifier", type_)
    population, job, certification = row.choice("population"), row.choice("job"), row.choice("certification")
    joined_on = row.day("joined_on")
    entered = RecordInput(
        name=name,
        identifier=number,
        unit_id=unit,
        department=row.text("department"),
        population=Population(population or Population.FRONTLINE_WORKER),
        job_category=JobCategory(job or JobCategory.OTHER),
        joined_unit_on=joined_on or today,
        certification=Certification(certification or Certification.UNIT_CERTIFIED),
        list_version=row.text("list_version"),
    )
    if (named := row.text("unit")) and named not in unit_names:
        row.blame(
            "unit",
            Violation("other_unit", Text("不是本单位的职工。", "This worker is of another unit.")),
        )
    # What stands in for an unreadable cell breaks no rule; a cell that was blamed already is not blamed again.
    row.blame_all(check_record(entered, {}, today), STAFF_FIELDS)
    if phone and "phone" not in row.blamed:
        row.blame_all(check_mobile(phone), STAFF_FIELDS)
    readable = number is not None and "identifier" not in row.blamed
    return StaffEntry(
        row=row.number,
        name=name,
        masked=_masked(number),
        entered=entered if readable else None,
        phone=phone,
        faults=tuple(row.faults),
    )


def _family_entry(row: Row, today: date) -> FamilyEntry:
    name = normal_name(row.text("name"))
    type_ = IdentifierType(row.choice("type") or IdentifierType.RESIDENT_ID)
    number = row.number_of("identifier", type_)
    relation, guardian = row.choice("relation"), row.choice("guardian") == "yes"
    from_on = row.day("from_on")
    if number is not None:
        row.blame_all(check_identity(number, today), FAMILY_FIELDS)
    entered = None
    if number is not None and relation and "identifier" not in row.blamed:
        entered = MemberInput(
            name=name, identifier=number, kind=RelationKind(relation), guardian=guardian, from_on=from_on
        )
    return FamilyEntry(
        row=row.number,
        name=name,
        masked=_masked(number),
        worker=_worker_numbers(row),
        worker_name=normal_name(row.text("worker_name")),
        entered=entered,
        faults=tuple(row.faults),
    )


def _worker_numbers(row: Row) -> tuple[IdentifierInput, ...]:
    """The numbers that the cell of a worker may mean: a resident ID by its length, else one of the other cards."""
    code = row.code("worker")
    if len(code) == 15 and code.isdigit():
        row.blame("worker", _FIFTEEN)
    if not code or "worker" in row.blamed:
        return ()
    if len(code) == 18 and code[:17].isdigit() and not code.startswith(("81", "82", "83")):
        return (IdentifierInput(IdentifierType.RESIDENT_ID, code),)
    others = (IdentifierType.HMT_PERMIT, IdentifierType.FOREIGN_PASSPORT, IdentifierType.RESIDENT_ID)
    return tuple(IdentifierInput(type_, code) for type_ in others)


def _masked(number: IdentifierInput | None) -> str:
    return mask_identifier(normal_identifier(number.type, number.number).number) if number else ""


def _check_sheet(name: str, sheet: Sheet, columns: Sequence[Column]) -> list[Fault]:
    found = []
    if not sheet.visible:
        found.append(_file_fault("hidden_sheet", f"“{name}”表被隐藏。", f"The sheet {name} is hidden."))
    places = _places(sheet, columns)
    for column in columns:
        if not places[column.key] and column.required:
            found.append(
                _file_fault(
                    "column_missing",
                    f"“{name}”表缺少“{column.header}”一列。",
                    f"The sheet {name} lacks the column {column.header}.",
                )
            )
        if len(places[column.key]) > 1:
            found.append(
                _file_fault(
                    "column_twice",
                    f"“{name}”表的“{column.header}”出现了两次。",
                    f"The column {column.header} stands twice in {name}.",
                )
            )
        if any(place in sheet.hidden_columns for place in places[column.key]):
            found.append(
                _file_fault(
                    "hidden_column",
                    f"“{name}”表的“{column.header}”一列被隐藏。",
                    f"The column {column.header} of {name} is hidden.",
                )
            )
    return found


def _places(sheet: Sheet, columns: Sequence[Column]) -> dict[str, list[int]]:
    """In which places of the first row each header stands, stars and blanks aside."""
    first = sheet.rows[0][1] if sheet.rows and sheet.rows[0][0] == 0 else ()
    heads = ["".join(cell.split()).rstrip("*＊") if isinstance(cell, str) else "" for cell in first]
    return {column.key: [place for place, head in enumerate(heads) if head == column.header] for column in columns}


def _body(sheet: Sheet) -> list[tuple[int, tuple[str | Cell, ...]]]:
    return [(number, cells) for number, cells in sheet.rows if number > 0 and not _blank(cells)]


def _blank(cells: Sequence[str | Cell]) -> bool:
    return all(isinstance(cell, str) and not cell.strip() for cell in cells)


def _rows(sheet: Sheet, columns: Sequence[Column]) -> list[Row]:
    places = {key: found[0] for key, found in _places(sheet, columns).items() if found}
    by_key = {column.key: column for column in columns}
    hidden, merged = set(sheet.hidden_rows), {row: left for row, left, _ in sheet.merged}
    rows = []
    for number, cells in _body(sheet):
        row = Row(number + 1, cells, places, by_key)
        if row.is_example:
            continue
        if number in hidden:
            row.blame("", Violation("hidden_row", Text("该行被隐藏或被筛选掉。", "The row is hidden or filtered out.")))
        if number in merged:
            where = letter(merged[number])
            row.blame(
                "",
                Violation(
                    "merged", Text(f"从 {where} 列起有合并单元格。", f"Cells are merged from column {where} on.")
                ),
            )
        rows.append(row)
    return rows


def _only_text(cell: str | Cell) -> str | Violation:
    if isinstance(cell, str):
        return cell.strip()
    if cell.what in ("number", "date", "time"):
        return cell.reads
    return _UNREADABLE[cell.what]


def _file_fault(code: str, zh: str, en: str) -> Fault:
    return Fault(code, "", "", zh, en)
