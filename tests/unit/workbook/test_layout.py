"""What a fresh workbook promises on paper and on the screen: versions, drop-downs, print set-ups."""

from __future__ import annotations

import pytest
from openpyxl import load_workbook
from openpyxl.workbook import Workbook

from workbook import layout
from workbook.build import TARGET
from workbook.looks import OTHER_COLOURS, STATUS_COLOURS


@pytest.fixture(scope="module")
def book() -> Workbook:
    return load_workbook(TARGET)


def test_the_file_says_which_layout_it_has(book: Workbook) -> None:
    """Older files lack the name, or hold a lower number, and are brought up to date."""
    name = book.defined_names[layout.LAYOUT_NAME]
    sheet, _, place = (name.attr_text or "").rpartition("!")
    assert name.hidden
    assert book[sheet.strip("'")][place.replace("$", "")].value == layout.LAYOUT_VERSION == "2"


def test_the_hidden_cells_stay_where_they_are() -> None:
    """Older workbooks have them there: a list that is added comes last."""
    columns = layout.hidden_columns()
    assert [columns[name] for name in layout.LIST_NAMES] == [*range(1, 10), 17]
    assert [columns[name] for name in layout.HIDDEN_CELLS] == [11, 12, 13, 14, 15]


def test_every_list_is_behind_a_drop_down(book: Workbook) -> None:
    """Each list can be chosen from somewhere, and each drop-down has its list."""
    rules = [rule for sheet in book.worksheets for rule in sheet.data_validations.dataValidation]
    used = {str(rule.formula1).removeprefix("List_") for rule in rules if str(rule.formula1).startswith("List_")}
    assert used == set(layout.LIST_NAMES)


@pytest.mark.parametrize("name", layout.SHEETS)
def test_every_sheet_prints_well(book: Workbook, name: str) -> None:
    """Landscape A4, as wide as pages are planned, and where it goes on, its headings go with it."""
    sheet = book[name]
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.page_setup.paperSize == 9
    properties = sheet.sheet_properties.pageSetUpPr
    if properties is None or not properties.fitToPage:
        assert 50 <= (sheet.page_setup.scale or 0) < 100
        assert sheet.col_breaks.brk
    assert name == "Dashboard" or sheet.print_title_rows
    assert sheet.oddFooter is not None
    assert "Page &P" in str(sheet.oddFooter.right)


def test_every_word_of_a_status_column_has_its_colour() -> None:
    """Statuses, what a preview would do, and how bad a log line is."""
    coloured = {*STATUS_COLOURS, *OTHER_COLOURS}
    assert {status for status, _ in layout.STATUSES} <= set(STATUS_COLOURS)
    assert {"Send", "Skip", "Wait", "Fault", "Keep", "Error", "Warning"} <= coloured


def test_page_breaks_stand_between_tables(book: Workbook) -> None:
    """A table that begins in the middle of the sheet begins a page."""
    for name in ("Preview", "Reconcile", "Mappings"):
        starts = sorted(table.ref.split(":")[0] for table in book[name].tables.values())
        columns = {book[name][start].column for start in starts} - {1}
        assert columns - {item.id + 1 for item in book[name].col_breaks.brk} == set(), name


def test_side_by_side_tables_keep_one_line_a_row() -> None:
    """A long text of one table must not push the rows of its neighbour apart."""
    for name in ("Preview", "Reconcile"):
        for table in (table for table in layout.TABLES.values() if table.sheet == name):
            assert not any(table.wraps(column) for column in table.columns), table.name
