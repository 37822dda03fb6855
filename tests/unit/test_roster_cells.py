"""Every wrong cell of a roster is named by its column letter, its header and why; odd cells never more than that."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.people.identifiers import IdentifierType
from backend.people.relations import RelationKind
from backend.registry.kinds import JobCategory, Population
from backend.registry.roster.cells import (
    check_workbook,
    column_letters,
    family_entries,
    letter,
    staff_entries,
)
from backend.registry.roster.columns import FAMILY, STAFF, Column
from backend.registry.roster.lines import FamilyEntry, StaffEntry
from backend.registry.roster.reading import Cell, Sheet
from tests.rosters import child_number, number, relative, worker

TODAY = date(2026, 3, 2)
UNIT = UUID(int=1)
NAMES = ("岱宗中心医院(示例)", "岱宗中心医院")


def cell(value: Any) -> str | Cell:
    """A cell as it comes out of the workbook."""
    if isinstance(value, str | Cell):
        return value
    if isinstance(value, date):
        return Cell("date", value.isoformat())
    return Cell("number", str(value))


def sheet(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], **odd: Any) -> Sheet:
    heads = tuple(column.title for column in columns)
    body = [(place, tuple(cell(row.get(one.key, "")) for one in columns)) for place, row in enumerate(rows, start=1)]
    return Sheet(
        **{
            "visible": True,
            "rows": ((0, heads), *body),
            "hidden_rows": (),
            "hidden_columns": (),
            "merged": (),
            **odd,
        }
    )


def staff(*rows: Mapping[str, Any], **odd: Any) -> list[StaffEntry]:
    return staff_entries(sheet(STAFF, rows, **odd), UNIT, NAMES, TODAY)


def family(*rows: Mapping[str, Any], **odd: Any) -> list[FamilyEntry]:
    return family_entries(sheet(FAMILY, rows, **odd), TODAY)


def faults(entry: StaffEntry | FamilyEntry) -> list[tuple[str, str]]:
    return [(fault.code, fault.column) for fault in entry.faults]


def test_a_good_row_is_what_the_officer_meant() -> None:
    (entry,) = staff(worker(7, name=" 古丽•买买提 ", phone=13800000000, list_version="第3版", unit="岱宗中心医院"))
    assert entry.faults == ()
    assert entry.entered is not None
    assert (entry.row, entry.name, entry.phone) == (2, "古丽·买买提", "13800000000")
    assert (entry.entered.population, entry.entered.job_category) == (Population.FRONTLINE_MEDICAL, JobCategory.NURSE)
    assert (entry.entered.joined_unit_on, entry.entered.unit_id) == (date(2015, 7, 1), UNIT)
    assert entry.masked == f"3709**********{number(7)[-4:]}"
    (member,) = family(relative(7, 9, name="名册孩子", from_on=date(2015, 1, 1)))
    assert member.faults == ()
    assert member.entered is not None
    assert (member.entered.kind, member.entered.from_on) == (RelationKind.CHILD, date(2015, 1, 1))
    assert [one.type for one in member.worker] == [IdentifierType.RESIDENT_ID]


def test_the_template_s_example_and_blank_rows_are_passed_over() -> None:
    assert staff({"number": "示例(请删除)", **worker(1)}, {}, {"name": "  "}, worker(2))[0].row == 5
    assert staff({"number": Cell("formula", ""), **worker(1)})[0].faults == ()


PASSPORT = {"type": "外国护照", "identifier": "AB1234567", "born_on": date(1990, 1, 1), "sex": "女"}


@pytest.mark.parametrize(
    ("changed", "code", "column"),
    [
        ({"name": ""}, "missing", "B"),
        ({"name": "王" * 26}, "name_too_long", "B"),
        ({"name": "王5"}, "name_characters", "B"),
        ({"name": Cell("formula", "")}, "formula", "B"),
        ({"name": Cell("boolean", "True")}, "cell_boolean", "B"),
        ({"type": "驾驶证"}, "not_listed", "C"),
        ({"identifier": ""}, "missing", "D"),
        ({"identifier": 370999198506150016}, "number_as_number", "D"),
        ({"identifier": Cell("number", "3.7099919850615e+17")}, "number_as_number", "D"),
        ({"identifier": "370999850615001"}, "fifteen_digits", "D"),
        ({"identifier": "３７０９９９１９８５０６１５００１６"}, "full_width", "D"),
        ({"identifier": "370999198506150017"}, "resident_id_check", "D"),
        ({"identifier": "370999198502300016"}, "resident_id_birth", "D"),
        ({"identifier": "37099919850615001O"}, "resident_id_shape", "D"),
        ({"identifier": Cell("formula", "")}, "formula", "D"),
        ({"identifier": Cell("error", "")}, "cell_error", "D"),
        ({"identifier": Cell("date", "2015-01-01")}, "resident_id_shape", "D"),
        ({"sex": "女" if int(number(7)[16]) % 2 else "男"}, "unlike_id", "E"),
        ({"born_on": date(1971, 1, 1)}, "unlike_id", "F"),
        ({**PASSPORT, "sex": ""}, "sex", "E"),
        ({**PASSPORT, "born_on": ""}, "born_on", "F"),
        ({**PASSPORT, "born_on": "1990-01-01"}, "date_as_text", "F"),
        ({"phone": "1380000000"}, "phone_shape", "G"),
        ({"phone": "１３８００００００００"}, "full_width", "G"),
        ({"phone": 1380000000}, "number_as_number", "G"),
        ({"department": "科" * 61}, "length", "H"),
        ({"population": "一线"}, "not_listed", "I"),
        ({"population": ""}, "missing", "I"),
        ({"job": "宇航员"}, "not_listed", "J"),
        ({"joined_on": "2015.7.1"}, "date_as_text", "K"),
        ({"joined_on": 42186}, "date_as_number", "K"),
        ({"joined_on": Cell("time", "2015-07-01T03:00:00")}, "date_with_time", "K"),
        ({"joined_on": ""}, "missing", "K"),
        ({"joined_on": date(2026, 3, 3)}, "date_in_future", "K"),
        ({"joined_on": date(1969, 1, 1)}, "joined_before_birth", "K"),
        ({"joined_on": Cell("formula", "")}, "formula", "K"),
        ({"certification": "自己说的"}, "not_listed", "L"),
        ({"list_version": "第" * 41}, "length", "M"),
        ({"unit": "岱麓区医院"}, "other_unit", "N"),
    ],
)
def test_a_wrong_cell_of_a_worker_is_named(changed: dict[str, Any], code: str, column: str) -> None:
    (entry,) = staff(worker(7, **changed))
    assert (code, column) in faults(entry)
    assert len({one for _, one in faults(entry)}) == len(faults(entry)), "one thing is said of a cell"


@pytest.mark.parametrize(
    ("changed", "code", "column"),
    [
        ({"worker": ""}, "missing", "B"),
        ({"worker": "370999850615001"}, "fifteen_digits", "B"),
        ({"worker": 370999198506150016}, "number_as_number", "B"),
        ({"worker": "３７０９９９"}, "full_width", "B"),
        ({"worker_name": ""}, "missing", "C"),
        ({"relation": "表哥"}, "not_listed", "D"),
        ({"relation": Cell("formula", "")}, "formula", "D"),
        ({"name": ""}, "missing", "E"),
        ({"identifier": "370999201806010029"}, "resident_id_check", "G"),
        ({"type": "出生医学证明", "identifier": "370123456"}, "birth_certificate_shape", "G"),
        ({"type": "出生医学证明", "identifier": "S370123456", "sex": "女"}, "born_on", "I"),
        ({"from_on": "结婚时"}, "date_as_text", "J"),
        ({"guardian": "也许"}, "not_listed", "K"),
    ],
)
def test_a_wrong_cell_of_a_relative_is_named(changed: dict[str, Any], code: str, column: str) -> None:
    (entry,) = family(relative(7, 9, **changed))
    assert (code, column) in faults(entry)


def test_everything_wrong_in_a_row_is_named_at_once() -> None:
    (entry,) = staff(worker(7, name="", identifier="1", phone="2", job="x", joined_on="昨天", population=""))
    assert {column for _, column in faults(entry)} == {"B", "D", "G", "I", "J", "K"}
    for fault in entry.faults:
        assert fault.zh and fault.en and fault.header


def test_hidden_and_merged_rows_are_named() -> None:
    first, second, third = staff(worker(1), worker(2), worker(3), hidden_rows=(2,), merged=((2, 3, 5), (3, 1, 2)))
    assert faults(first) == []
    assert faults(second) == [("hidden_row", ""), ("merged", "")]
    assert faults(third) == [("merged", "")]
    assert "从 D 列起" in second.faults[1].zh


@pytest.mark.parametrize(
    ("sheets", "code"),
    [
        ({}, "no_sheet"),
        ({"职工": sheet(STAFF, [worker(1)], visible=False)}, "hidden_sheet"),
        ({"职工": sheet(STAFF, [worker(1)], hidden_columns=(3,))}, "hidden_column"),
        ({"职工": sheet([one for one in STAFF if one.key != "phone"], [worker(1)])}, "column_missing"),
        ({"职工": sheet([*STAFF, STAFF[1]], [worker(1)])}, "column_twice"),
        ({"职工": sheet(STAFF, [worker(one) for one in range(5_002)])}, "too_many_staff"),
        ({"家属": sheet([one for one in FAMILY if one.key != "worker"], [relative(1, 1)])}, "column_missing"),
    ],
)
def test_a_workbook_that_is_not_the_template_is_told_so(sheets: dict[str, Sheet], code: str) -> None:
    assert [fault.code for fault in check_workbook(sheets)] == [code]


def test_columns_may_stand_in_another_order_and_optional_ones_be_left_out() -> None:
    columns = [one for one in reversed(STAFF) if one.required]
    moved = {"职工": sheet(columns, [worker(7, phone="1")])}
    assert check_workbook(moved) == []
    (entry,) = staff_entries(moved["职工"], UNIT, NAMES, TODAY)
    assert faults(entry) == [("phone_shape", column_letters(moved)["staff"]["phone"])]


def test_letters_of_columns() -> None:
    assert [letter(place) for place in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


_CELLS = st.one_of(
    st.text(max_size=30),
    st.text(alphabet=string.digits + "X０１２", max_size=20),
    st.sampled_from(
        ["居民身份证", "外国护照", "子女", "配偶", "是", "护士", "一线医务人员", child_number(1), number(2)]
    ),
    st.builds(
        Cell,
        st.just("number"),
        st.one_of(st.integers().map(str), st.floats().map(repr)),
    ),
    st.builds(Cell, st.just("date"), st.dates().map(date.isoformat)),
    st.builds(Cell, st.sampled_from(["time", "boolean", "formula", "error"]), st.just("")),
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_cell_is_too_odd_to_be_answered(data: st.DataObject) -> None:
    """Whatever stands in a row, it is either read or named; nothing is raised, and no number stays unmasked."""
    row = {column.key: data.draw(_CELLS) for column in STAFF}
    for entry in staff(row):
        assert entry.entered is not None or entry.faults
        assert len(entry.masked) < 13 or "*" in entry.masked
    kin = {column.key: data.draw(_CELLS) for column in FAMILY}
    for member in family(kin):
        assert member.entered is not None or member.faults
