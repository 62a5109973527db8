"""Projection: the agent's cells are as they should be, and everything of the accountant's stays."""

# ruff: noqa: DTZ001 - a cell holds local time without a zone

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from openxml_audit import OpenXmlValidator

from tests.torture import own_column
from workbook import layout
from workbook.book import Book
from workbook.cells import Cell, Link, clean
from workbook.errors import ExternallyChangedError, InUseError, NotAWorkbookError
from workbook.package import Package
from workbook.project import Outcome, Projection, Row, project

Edit = Callable[[str, Callable[[bytes], bytes]], None]
INVOICES = "xl/worksheets/sheet2.xml"
FAULTS = "xl/worksheets/sheet3.xml"
LOG = "xl/worksheets/sheet8.xml"


def invoice(number: int, **cells: Any) -> Row:
    """An invoice's row."""
    return {
        "Status": "Synced", "Type": "Invoice", "Number": f"T{number:04d}", "Customer": "Kauri & Sons <Ltd>",
        "Date": date(2026, 9, 1 + number % 28), "Currency": "NZD",
        "Net": Decimal("100.10"), "Tax": Decimal("15.02"),
        "Total": Decimal("115.12"),
        "Xero total": Decimal("115.12"),
        "Sent on": datetime(2026, 9, 30, 14, 3, 59), "Autotask id": 1000 + number, **cells,
    }  # fmt: skip


def sheet_of(path: Path, name: str) -> Worksheet:
    sheet = load_workbook(path, data_only=True)[name]
    assert isinstance(sheet, Worksheet)
    return sheet


def rows_of(path: Path, table: str) -> list[dict[str, Any]]:
    """A table's rows as openpyxl reads them."""
    sheet = sheet_of(path, layout.TABLES[table].sheet)
    heading, *rows = sheet[sheet.tables[table].ref]
    names = [cell.value for cell in heading]
    return [dict(zip(names, [cell.value for cell in row], strict=True)) for row in rows]


def raw_rows(path: Path, part: str) -> dict[int, bytes]:
    data = Package.read(path).part(part)
    return {int(match[1]): match[0] for match in re.finditer(rb'<row r="(\d+)"[^>]*(?:/>|>.*?</row>)', data, re.DOTALL)}


def as_excel_saves(path: Path, part: str) -> None:
    """Move a sheet's texts to the shared strings, as Excel does when it saves."""
    package = Package.read(path)
    strings = package.part("xl/sharedStrings.xml")
    count = strings.count(b"<si>") + strings.count(b"<si/>")
    items: list[bytes] = []

    def shared(match: re.Match[bytes]) -> bytes:
        items.append(match[1])
        return b't="s"><v>%d</v>' % (count + len(items) - 1)

    package.replace(part, re.sub(rb't="inlineStr"><is>(.*?)</is>', shared, package.part(part)))
    added = b"".join(b"<si>%b</si>" % item for item in items)
    package.replace("xl/sharedStrings.xml", strings.replace(b"</sst>", added + b"</sst>"))
    package.save(path, package.digest)


def test_rows_arrive(fresh: Path) -> None:
    """Text, money, dates and moments arrive with their types and formats; the validator finds nothing."""
    assert project(fresh, Projection({"Invoices": [invoice(1), invoice(2, Customer="=1+1")]})) == Outcome(True, ())  # noqa: FBT003
    first, second = rows_of(fresh, "Invoices")
    assert first["Customer"] == "Kauri & Sons <Ltd>"
    assert second["Customer"] == "=1+1"
    assert first["Total"] == pytest.approx(115.12)
    assert first["Date"] == datetime(2026, 9, 2)
    assert first["Sent on"] == datetime(2026, 9, 30, 14, 3, 59)
    assert first["Autotask id"] == 1001
    sheet = sheet_of(fresh, "Invoices")
    assert [sheet[place].number_format for place in ("O6", "I6", "X6")] == [
        "#,##0.00", "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"
    ]  # fmt: skip
    assert sheet["G6"].data_type == "s"
    assert b"<v>115.12</v>" in raw_rows(fresh, INVOICES)[5]
    assert [str(error) for error in OpenXmlValidator().validate(fresh).errors] == []


def test_nothing_changed_nothing_touched(fresh: Path) -> None:
    """The same projection again leaves the file's bytes and time alone."""
    projection = Projection(
        {"Invoices": [invoice(1)], "Log": [{"Run": "R1", "Event": "x"}], "Faults": []},
        {"AutoXeroMode": "Live", "AutoXeroLastRun": datetime(2026, 9, 1, 8, 0, 1)},
        {"Accounts": ["200 · Sales"]},
    )
    assert project(fresh, projection).changed
    before = (fresh.read_bytes(), fresh.stat().st_mtime_ns)
    assert project(fresh, projection) == Outcome(False, ())  # noqa: FBT003
    assert (fresh.read_bytes(), fresh.stat().st_mtime_ns) == before


def test_only_concerned_parts_change(fresh: Path) -> None:
    """An invoice changes its sheet, its table and the Dashboard; every other part stays byte for byte."""
    with zipfile.ZipFile(fresh) as file:
        before = {name: file.read(name) for name in file.namelist()}
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2)]}))
    with zipfile.ZipFile(fresh) as file:
        after = {name: file.read(name) for name in file.namelist()}
    assert list(after) == list(before)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {INVOICES, "xl/worksheets/sheet1.xml", "xl/tables/table1.xml"}


def test_untouched_rows_stay_byte_for_byte(fresh: Path) -> None:
    """A row that does not change is not rewritten, not even where another program wrote it."""
    project(fresh, Projection({"Invoices": [invoice(number) for number in range(1, 6)]}))
    as_excel_saves(fresh, INVOICES)
    before = raw_rows(fresh, INVOICES)
    assert b't="s"' in before[7]
    assert b"inlineStr" not in before[7]
    rows = [invoice(number, Status="Voided" if number == 3 else "Synced") for number in range(1, 6)]
    assert project(fresh, Projection({"Invoices": rows})).changed
    after = raw_rows(fresh, INVOICES)
    assert {number for number in before if before[number] != after[number]} == {7}
    assert rows_of(fresh, "Invoices")[2]["Status"] == "Voided"


def test_the_accountants_order_notes_and_columns_stay(fresh: Path) -> None:
    """Rows keep the order, the Do and the own columns that the accountant gave them; rows are found by key."""
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2), invoice(3)]}))
    book = load_workbook(fresh, keep_vba=True)
    sheet = book["Invoices"]
    ids = [sheet.cell(row, 26).value for row in (5, 6, 7)]
    for row, value in zip((5, 6, 7), reversed(ids), strict=True):
        sheet.cell(row, 26).value = value
    sheet["A6"] = "Resync"
    sheet["AB6"] = "my note"
    sheet["AB2"] = "over the table"
    book.save(fresh)
    project(fresh, Projection({"Invoices": [invoice(n, Status=f"S{n}") for n in (1, 2, 3, 4)]}))
    rows = rows_of(fresh, "Invoices")
    assert [row["Autotask id"] for row in rows] == [1003, 1002, 1001, 1004]
    assert [row["Status"] for row in rows] == ["S3", "S2", "S1", "S4"]
    assert rows[1]["Do"] == "Resync"
    after = sheet_of(fresh, "Invoices")
    assert (after["AB6"].value, after["AB2"].value) == ("my note", "over the table")


def test_growing(fresh: Path) -> None:
    """The table, its filter, the drop-downs and the colours reach to the new last row."""
    project(fresh, Projection({"Invoices": [invoice(number) for number in range(40)]}))
    sheet = sheet_of(fresh, "Invoices")
    table = sheet.tables["Invoices"]
    assert (table.ref, table.autoFilter.ref if table.autoFilter else None) == ("A4:Z44", "A4:Z44")
    assert sheet.dimensions == "A1:Z44"
    assert "A5:A44" in {str(rule.sqref) for rule in sheet.data_validations.dataValidation}
    assert "B5:B44" in {str(area.sqref) for area in sheet.conditional_formatting}


def inserted_column(data: bytes) -> bytes:
    """The table Invoices with a calculated column of the accountant's at its end."""
    data = data.replace(b'ref="A4:Z6"', b'ref="A4:AA6"').replace(b'tableColumns count="26"', b'tableColumns count="27"')
    own = (
        b'<tableColumn id="27" name="Half"><calculatedColumnFormula>Invoices[[#This Row],[Total]]/2'
        b"</calculatedColumnFormula></tableColumn></tableColumns>"
    )
    return data.replace(b"</tableColumns>", own)


def test_calculated_columns_go_on(fresh: Path, edit: Edit) -> None:
    """A calculated column keeps its formulas, new rows get it, and Excel is asked to calculate it."""
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2)]}))
    edit("xl/tables/table1.xml", inserted_column)
    heading = b'<c r="AA4" t="inlineStr"><is><t>Half</t></is></c></row>'
    edit(INVOICES, lambda data: re.sub(rb'(<row r="4".*?)</row>', lambda m: m[1] + heading, data, count=1))
    formula = b'<c r="AA5"><f>Invoices[[#This Row],[Total]]/2</f><v>57.56</v></c></row>'
    edit(INVOICES, lambda data: re.sub(rb'(<row r="5".*?)</row>', lambda m: m[1] + formula, data, count=1))
    project(fresh, Projection({"Invoices": [invoice(1, Status="Voided"), invoice(2), invoice(3)]}))
    rows = raw_rows(fresh, INVOICES)
    assert formula in rows[5]
    assert b'<c r="AA7"><f>Invoices[[#This Row],[Total]]/2</f></c>' in rows[7]
    assert b'fullCalcOnLoad="1"' in Package.read(fresh).part("xl/workbook.xml")


def test_a_column_that_moved_is_found(fresh: Path, edit: Edit) -> None:
    """Columns are found by heading, wherever the accountant put them; one that is gone is left out and told."""
    swap = [(b'name="Status"', b'name="@"'), (b'name="Type"', b'name="Status"'), (b'name="@"', b'name="Type"')]

    def swapped(data: bytes) -> bytes:
        for old, new in swap:
            data = data.replace(old, new)
        return re.sub(rb'id="\d+" name="Tries"', b'id="99" name="My tries"', data)

    edit("xl/tables/table1.xml", swapped)
    outcome = project(fresh, Projection({"Invoices": [invoice(1, Tries="1/3")]}))
    sheet = sheet_of(fresh, "Invoices")
    assert (sheet["B5"].value, sheet["C5"].value, sheet["U5"].value) == ("Invoice", "Synced", None)
    assert "Tries" in outcome.notes[0]


def test_tables_side_by_side(fresh: Path) -> None:
    """Tables that share rows grow each on its own."""
    accounts: list[Row] = [{"Billing code": f"Code {n}", "Line type": "", "Invoices waiting": n} for n in range(9)]
    taxes: list[Row] = [{"Tax region": f"Region {n}", "Tax category": "", "Problem": "x"} for n in range(3)]
    project(fresh, Projection({"AccountMap": accounts, "TaxMap": taxes}))
    project(fresh, Projection({"TaxMap": [{"Tax region": "New", "Tax category": "Standard"}]}))
    assert [row["Billing code"] for row in rows_of(fresh, "AccountMap")] == [f"Code {n}" for n in range(9)]
    assert [row["Tax region"] for row in rows_of(fresh, "TaxMap")] == ["Region 0", "Region 1", "Region 2", "New"]
    assert len(rows_of(fresh, "ContactMap")) == 1


def test_mapping_targets_are_the_accountants(fresh: Path) -> None:
    """A projection never overwrites a target; an edit does, and adds the row when there is none."""
    key = ("Project work", "Labor")
    row: Row = {"Billing code": "project  WORK", "Line type": "labor", "Xero account": "999", "Invoices waiting": 4}
    project(fresh, Projection(edits={"AccountMap": {key: {"Xero account": "210"}}}))
    project(fresh, Projection({"AccountMap": [row]}))
    (found,) = rows_of(fresh, "AccountMap")
    assert (found["Billing code"], found["Xero account"], found["Invoices waiting"]) == ("Project work", "210", 4)
    project(fresh, Projection(edits={"AccountMap": {key: {"Xero account": None}}}))
    assert rows_of(fresh, "AccountMap")[0]["Xero account"] is None


def test_settings_by_edit(fresh: Path) -> None:
    """An edit writes a setting's value in the cell's own format, and a projection its problem."""
    edits: dict[str, dict[tuple[str, ...], Row]] = {
        "Settings": {("start date",): {"Value": date(2026, 9, 1)}, ("Sync mode",): {"Value": "Live"}}
    }
    project(fresh, Projection({"Settings": [{"Setting": "Start date", "Problem": "late"}]}, edits=edits))
    rows = {row["Setting"]: row for row in rows_of(fresh, "Settings")}
    assert rows["Start date"]["Value"] == datetime(2026, 9, 1)
    assert rows["Start date"]["Problem"] == "late"
    assert rows["Sync mode"]["Value"] == "Live"
    assert rows["Mail port"]["Value"] == 587


def test_blocks_are_rewritten(fresh: Path) -> None:
    """A block shows exactly the rows given; a table keeps one blank row; nothing is left under it."""
    rows: list[Row] = [{"Run": f"R{number}", "Detail": "x" * 300} for number in range(30)]
    project(fresh, Projection({"Log": rows}))
    assert len(rows_of(fresh, "Log")) == 30
    project(fresh, Projection({"Log": rows[:2]}))
    assert [row["Run"] for row in rows_of(fresh, "Log")] == ["R0", "R1"]
    assert sheet_of(fresh, "Log")["B9"].value is None
    project(fresh, Projection({"Log": []}))
    assert [set(row.values()) for row in rows_of(fresh, "Log")] == [{None}]
    assert [str(error) for error in OpenXmlValidator().validate(fresh).errors] == []


def test_faults_keep_their_wishes(fresh: Path) -> None:
    """What the accountant chose beside a fault moves along with it, until an edit clears it."""
    faults: list[Row] = [{"Code": "AX-106", "Autotask id": number} for number in (1, 2)]
    project(fresh, Projection({"Faults": faults}))
    book = load_workbook(fresh, keep_vba=True)
    book["Faults"]["A6"] = "Resync"
    book.save(fresh)
    more: list[Row] = [{"Code": "AX-105", "Autotask id": 9}, *faults]
    project(fresh, Projection({"Faults": more}))
    assert [row["Do"] for row in rows_of(fresh, "Faults")] == [None, None, "Resync"]
    project(fresh, Projection(edits={"Faults": {("2",): {"Do": None}}}))
    assert [row["Do"] for row in rows_of(fresh, "Faults")] == [None, None, None]


BESIDE: dict[str, list[Row]] = {
    "Log": [{"When": datetime(2026, 9, n, 8, 0, 1), "Run": f"R{n}", "Event": "Run ended"} for n in (1, 2, 3)],
    "Preview": [{"Number": f"T{n}", "Autotask id": n} for n in (1, 2, 3)],
    "PreviewLines": [{"Line": n, "Autotask id": 7} for n in (1, 2, 3)],
    "Reconcile": [{"Month": "2026-09", "Customer": f"C{n}", "Currency": "NZD", "Paid": n} for n in (1, 2, 3)],
    "ReconcileAccounts": [{"Month": "2026-09", "Account": str(n), "Tax rate": "OUTPUT2"} for n in (1, 2, 3)],
    "NotFromAutotask": [{"Date": date(2026, 9, 1), "Number": Link(f"I{n}", "https://x"), "Total": Decimal("1.10")}
                        for n in (1, 2, 3)],
}  # fmt: skip


@pytest.mark.parametrize("table", BESIDE)
def test_own_cells_beside_every_block_move_with_their_row(fresh: Path, table: str) -> None:
    """Whatever block it is: a column of the accountant's stays with the row it was typed beside."""
    rows = BESIDE[table]
    project(fresh, Projection({table: rows}))
    own_column(fresh, table, layout.TABLES[table].columns[2].name, "Memo", memo)
    named = [f"memo {row}" for row in range(Book(Package.read(fresh)).grids[table].first, 99)]
    for order in ((2, 0, 1), (1, 2), (0, 1, 2)):
        before = shown_beside(fresh, table)
        assert project(fresh, Projection({table: [rows[place] for place in order]})).notes == ()
        wanted = named[:3] if len(before) == 3 else [None, *named[1:3]]
        assert shown_beside(fresh, table) == [wanted[place] for place in order]


def memo(row: int) -> str:
    return f' t="inlineStr"><is><t>memo {row}</t></is></c>'


def shown_beside(path: Path, table: str) -> list[object]:
    grid = Book(Package.read(path)).grids[table]
    sheet = load_workbook(path)[grid.sheet_name]
    return [sheet.cell(row, grid.columns["Memo"]).value for row in range(grid.first, grid.last + 1)]


def test_rows_that_are_alike_keep_their_own_cells_in_order(fresh: Path) -> None:
    """Two lines of the log that say the same: each keeps its own note."""
    rows: list[Row] = [{"Run": "R1", "Event": "x"}] * 2
    project(fresh, Projection({"Log": rows}))
    own_column(fresh, "Log", "Level", "Memo", memo)
    project(fresh, Projection({"Log": [{"Run": "R2", "Event": "x"}, *rows]}))
    assert shown_beside(fresh, "Log") == [None, "memo 5", "memo 6"]


def test_own_cells_that_cannot_be_kept_are_told(fresh: Path, edit: Edit) -> None:
    """Without the columns that tell rows apart nothing tells where a note belongs: it goes, and that is said."""
    project(fresh, Projection({"Log": [{"Run": "R1", "Event": "x"}]}))
    own_column(fresh, "Log", "Level", "Memo", memo)
    edit(LOG_TABLE, lambda data: data.replace(b'name="Event"', b'name="What"').replace(b'id="6"', b'id="66"'))
    outcome = project(fresh, Projection({"Log": [{"Run": "R1"}]}))
    assert "2 of your cells in the table Log could not be kept" in outcome.notes[1]  # under What and Memo
    assert "Keep notes on the sheet Invoices" in outcome.notes[1]


def test_typed_over_cells_are_told(fresh: Path) -> None:
    """Which sheet, how many cells, the first few by name; only where the row was left just so the last time."""
    rows = [invoice(number) for number in (1, 2, 3)]
    faults: list[Row] = [{"Code": "AX-106", "Invoice": f"T{n}", "Autotask id": n} for n in (1, 2)]
    project(fresh, Projection({"Invoices": rows, "Faults": faults}))
    book = load_workbook(fresh, keep_vba=True)
    for sheet, place, value in (
        ("Invoices", "B5", "Paid"), ("Invoices", "B6", None), ("Invoices", "O6", 5), ("Invoices", "I7", "soon"),
        ("Invoices", "A5", "Resync"), ("Invoices", "G7", "Ann"), ("Faults", "C6", "AX-1"),
    ):  # fmt: skip
        book[sheet][place] = value
    book.save(fresh)
    changed = invoice(3, Customer="Rimu")
    unchanged = {"Invoices": {("1001",), ("1002",)}, "Faults": {("1",), ("2",)}}
    full = Projection({"Invoices": [*rows[:2], changed], "Faults": faults[1:]}, unchanged=unchanged)
    assert project(fresh, full).notes == (
        "Invoices: 3 cells that were typed over were put right (Status of T0001, Status of T0002, Total of T0002).",
        "Faults: 1 cell that was typed over was put right (Code of T2).",
    )
    assert [row["Status"] for row in rows_of(fresh, "Invoices")] == ["Synced"] * 3
    assert not project(fresh, full).changed


def test_what_another_program_rounds_was_not_typed(fresh: Path, edit: Edit) -> None:
    """LibreOffice keeps fifteen digits of a moment, and a link may become its text: no person did that."""
    row = invoice(1, **{"Xero number": Link("INV-1", "https://go.xero.com/1")})
    project(fresh, Projection({"Invoices": [row]}))
    edit(INVOICES, lambda data: re.sub(rb"(<v>46295\.\d{9})\d+", rb"\1", data))
    edit(INVOICES, lambda data: re.sub(rb"<f>HYPERLINK.*?</f>", b"", data))
    outcome = project(fresh, Projection({"Invoices": [row]}, unchanged={"Invoices": {("1001",)}}))
    assert outcome.changed
    assert outcome.notes == ()


def set_filter(edit: Edit, part: str, criteria: bytes, column: int) -> None:
    """Set the filter of a table, as Excel writes it."""
    one = b'<filterColumn colId="%d">%b</filterColumn>' % (column, criteria)
    edit(part, lambda data: re.sub(rb'(<autoFilter ref="[^"]*")/>', rb"\1>%b</autoFilter>" % one, data))


def hidden_rows(path: Path, part: str) -> set[int]:
    return {number for number, row in raw_rows(path, part).items() if b'hidden="1"' in row[: row.index(b">")]}


LOG_TABLE = "xl/tables/table14.xml"
ONLY_WARNINGS = b'<filters><filter val="Warning"/></filters>'


def test_filters_of_blocks_stay(fresh: Path, edit: Edit) -> None:
    """The filter stays, and hides and shows rows by what stands in them now; more rows and fewer, too."""

    def log(*levels: str) -> Projection:
        return Projection({"Log": [{"Run": "R1", "Level": level, "Detail": f"{n}"} for n, level in enumerate(levels)]})

    project(fresh, log("Info", "Warning"))
    edit(LOG, lambda data: data.replace(b'<row r="5"', b'<row r="5" hidden="1"'))
    set_filter(edit, LOG_TABLE, ONLY_WARNINGS, 2)
    before = fresh.read_bytes()
    assert not project(fresh, log("Info", "Warning")).changed
    assert fresh.read_bytes() == before
    for levels, hidden in (
        (["Warning", "Info", "Info", "Warning"], {6, 7}), (["Info"], {5}), (["Warning", "Warning"], set()), ([], {5})
    ):  # fmt: skip
        assert project(fresh, log(*levels)).notes == ()
        assert hidden_rows(fresh, LOG) == hidden
        assert ONLY_WARNINGS in Package.read(fresh).part(LOG_TABLE)
        assert not project(fresh, log(*levels)).changed
    assert [str(error) for error in OpenXmlValidator().validate(fresh).errors] == []


def test_filters_that_cannot_be_told_stay_and_hide_nothing(fresh: Path, edit: Edit) -> None:
    """By colour only Excel can tell; it does so when it is asked to apply the filter again."""
    project(fresh, Projection({"Log": [{"Run": "R1"}, {"Run": "R2"}]}))
    edit(LOG, lambda data: data.replace(b'<row r="5"', b'<row r="5" hidden="1"'))
    set_filter(edit, LOG_TABLE, b'<colorFilter dxfId="0"/>', 2)
    project(fresh, Projection({"Log": [{"Run": "R3"}]}))
    assert hidden_rows(fresh, LOG) == set()
    assert b"colorFilter" in Package.read(fresh).part(LOG_TABLE)


def test_a_filter_on_an_own_column_follows_its_values(fresh: Path, edit: Edit) -> None:
    """What the accountant typed beside a row is filtered by where it stands now."""
    project(fresh, Projection({"Faults": [{"Code": "AX-1", "Autotask id": number} for number in (1, 2)]}))
    book = load_workbook(fresh, keep_vba=True)
    book["Faults"]["A6"] = "Resync"
    book.save(fresh)
    part = Book(Package.read(fresh)).grids["Faults"].part
    set_filter(edit, part, b'<filters><filter val="Resync"/></filters>', 0)
    project(fresh, Projection({"Faults": [{"Code": "AX-1", "Autotask id": number} for number in (2, 3, 4)]}))
    assert hidden_rows(fresh, Book(Package.read(fresh)).grids["Faults"].sheet) == {6, 7}


def test_a_filter_stays_though_the_table_beside_it_changes(fresh: Path, edit: Edit) -> None:
    """Tables side by side share their rows: one that is not filtered shows none that the other hides."""
    rows: list[Row] = [{"Month": f"2026-0{month}", "Customer": "A", "Currency": "NZD"} for month in (1, 2, 3)]
    accounts: list[Row] = [{"Month": "2026-01", "Account": str(n)} for n in range(5)]
    grids = Book(Package.read(fresh)).grids
    project(fresh, Projection({"Reconcile": rows}))
    set_filter(edit, grids["Reconcile"].part, b'<filters><filter val="2026-02"/></filters>', 0)
    project(fresh, Projection({"Reconcile": [*rows, {"Month": "2026-04"}]}))
    first = grids["Reconcile"].first
    assert hidden_rows(fresh, grids["Reconcile"].sheet) == {first, first + 2, first + 3}
    project(fresh, Projection({"ReconcileAccounts": accounts}))
    assert hidden_rows(fresh, grids["Reconcile"].sheet) == {first, first + 2, first + 3}
    project(fresh, Projection({"Reconcile": rows[1:2], "ReconcileAccounts": accounts[1:]}))
    assert hidden_rows(fresh, grids["Reconcile"].sheet) == set()


def test_filters_of_invoices_stay(fresh: Path, edit: Edit) -> None:
    """In Invoices the accountant's filter stays, hidden rows and all."""
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2)]}))
    edit(INVOICES, lambda data: data.replace(b'<row r="5"', b'<row r="5" hidden="1"'))
    edit("xl/tables/table1.xml", lambda data: re.sub(
        rb'(<autoFilter ref="[^"]*")/>', rb'\1><filterColumn colId="1"><filters><filter val="Fault"/></filters>'
        rb"</filterColumn></autoFilter>", data))  # fmt: skip
    project(fresh, Projection({"Invoices": [invoice(1, Status="Voided"), invoice(3)]}))
    assert b'hidden="1"' in raw_rows(fresh, INVOICES)[5]
    assert b"filterColumn" in Package.read(fresh).part("xl/tables/table1.xml")


def test_what_stands_under_a_table_stays(fresh: Path) -> None:
    """A table does not grow over what the accountant typed under it; what found no room is told."""
    book = load_workbook(fresh, keep_vba=True)
    book["Log"]["B8"] = "mine"
    book.save(fresh)
    outcome = project(fresh, Projection({"Log": [{"Run": f"R{number}"} for number in range(10)]}))
    assert sheet_of(fresh, "Log")["B8"].value == "mine"
    assert [row["Run"] for row in rows_of(fresh, "Log")] == ["R0", "R1", "R2"]
    assert "7 rows found no room" in outcome.notes[0]


def test_invoices_without_room_are_not_counted(fresh: Path) -> None:
    """The Dashboard counts what its formulas will count, too; the note says how many are missing and what to do."""
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2)]}))
    book = load_workbook(fresh, keep_vba=True)
    book["Invoices"]["D8"] = "mine"
    book.save(fresh)
    everything = Projection({"Invoices": [invoice(number) for number in range(1, 7)]})
    (note,) = project(fresh, everything).notes
    assert "row 8): 3 rows found no room and are neither shown nor counted on the Dashboard." in note
    assert "Insert rows above it, or move it aside" in note
    assert [row["Autotask id"] for row in rows_of(fresh, "Invoices")] == [1001, 1002, 1003]
    named = load_workbook(fresh, data_only=True)
    sheet, _, place = (named.defined_names[layout.ALL_NAME].attr_text or "").rpartition("!")
    assert named[sheet.strip("'")][place.replace("$", "")].value == 3
    book = load_workbook(fresh, keep_vba=True)
    book["Invoices"]["D8"] = None
    book.save(fresh)
    assert project(fresh, everything).notes == ()
    assert len(rows_of(fresh, "Invoices")) == 6


def test_totals_rows_move_along(fresh: Path, edit: Edit) -> None:
    """A totals row stays under the table as it grows."""
    project(fresh, Projection({"Invoices": [invoice(1)]}))
    edit("xl/tables/table1.xml", lambda data: data.replace(b'ref="A4:Z5"', b'ref="A4:Z6"', 1).replace(
        b'totalsRowShown="0"', b'totalsRowCount="1"'))  # fmt: skip
    total = b'<row r="6"><c r="O6"><f>SUBTOTAL(109,Invoices[Total])</f><v>115.12</v></c></row></sheetData>'
    edit(INVOICES, lambda data: data.replace(b"</sheetData>", total))
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2)]}))
    rows = raw_rows(fresh, INVOICES)
    assert b'<c r="O7"><f>SUBTOTAL(109,Invoices[Total])</f>' in rows[7]
    assert b"SUBTOTAL" not in rows[6]
    assert b'ref="A4:Z7"' in Package.read(fresh).part("xl/tables/table1.xml")


def test_names_lists_and_the_dashboard(fresh: Path) -> None:
    """Named cells, lists and the formulas' stored results are right in a reader that does not calculate."""
    rows = [
        invoice(1, **{"In Xero as": "Draft"}), invoice(2, Status="Fault"),
        invoice(3, Currency="AUD", Date=date(2026, 8, 9)),
        invoice(4, Status="Synced with warnings", **{"Xero total": Decimal("0.03")}),
    ]  # fmt: skip
    names: dict[str, Cell] = {
        "AutoXeroMode": "Live",
        "AutoXeroLastSeen": datetime(2026, 9, 30, 9, 0),
        "AutoXeroSyncEvery": 15,
    }
    project(fresh, Projection({"Invoices": rows}, names, {"Accounts": ["200 · Sales", "=210"], "Contacts": ["Å"]}))
    named = load_workbook(fresh, data_only=True)

    def shown(name: str) -> object:
        sheet, _, place = (named.defined_names[name].attr_text or "").rpartition("!")
        return named[sheet.strip("'")][place.replace("$", "")].value

    assert shown("AutoXeroMode") == "Live"
    assert shown("AutoXeroAgent") == "Seen lately"
    assert shown(layout.count_name("Synced")) == 2
    assert shown(layout.count_name("Fault")) == 1
    assert (shown("AutoXeroInvoices"), shown("AutoXeroDrafts"), shown("AutoXeroOpenFaults")) == (4, 1, 1)
    assert (shown("AutoXeroCurrency1"), shown("AutoXeroCurrency2"), shown("AutoXeroCurrency3")) == ("NZD", "AUD", None)
    assert shown("AutoXeroMonth12") == datetime(2026, 9, 1)
    assert shown("AutoXeroMoney12x1") == pytest.approx(115.15)
    assert shown("AutoXeroMoney11x2") == pytest.approx(115.12)
    assert named["_lists"]["A3"].value == "=210"
    project(fresh, Projection(lists={"Accounts": ["200 · Sales"]}))
    assert load_workbook(fresh)["_lists"]["A3"].value is None
    formulas = load_workbook(fresh)["Dashboard"]
    assert str(formulas["G16"].value).startswith("=COUNTIFS(Invoices[Status]")


def test_counting_needs_no_projection_of_invoices(fresh: Path) -> None:
    """The Dashboard counts rows that the projection does not mention, even those typed by hand."""
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2)]}))
    book = load_workbook(fresh, keep_vba=True)
    book["Invoices"]["B6"] = "Voided"
    book.save(fresh)
    project(fresh, Projection(names={"AutoXeroMode": "Live"}))
    sheet = sheet_of(fresh, "Dashboard")
    counts = {sheet.cell(row, 6).value: sheet.cell(row, 7).value for row in range(13, 22)}
    assert (counts["Synced"], counts["Voided"]) == (1, 1)


def test_a_formula_in_the_agents_column_is_put_right(fresh: Path) -> None:
    """A formula where the agent writes gives way to the value, and that is told."""
    project(fresh, Projection({"Invoices": [invoice(1)]}))
    book = load_workbook(fresh, keep_vba=True)
    book["Invoices"]["O5"] = "=M5+N5"
    book.save(fresh)
    outcome = project(fresh, Projection({"Invoices": [invoice(1)]}))
    assert rows_of(fresh, "Invoices")[0]["Total"] == pytest.approx(115.12)
    assert "O5" in outcome.notes[0]


def test_twins_are_told(fresh: Path) -> None:
    """A row that was copied by hand gives up what is ours, and that is told; the first one counts."""
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2)]}))
    book = load_workbook(fresh, keep_vba=True)
    book["Invoices"]["Z6"] = 1001
    book.save(fresh)
    outcome = project(fresh, Projection({"Invoices": [invoice(1, Status="Voided")]}))
    assert [row["Status"] for row in rows_of(fresh, "Invoices")] == ["Voided", None]
    assert "twice" in outcome.notes[0]
    assert not project(fresh, Projection({"Invoices": [invoice(1, Status="Voided")]})).changed


def test_twins_are_told_whatever_is_projected(fresh: Path) -> None:
    """A copied row is noticed even when the projection says nothing about its invoice."""
    project(fresh, Projection({"Invoices": [invoice(1), invoice(2), invoice(3)]}))
    book = load_workbook(fresh, keep_vba=True)
    book["Invoices"]["Z7"] = 1002
    book.save(fresh)
    outcome = project(fresh, Projection(names={"AutoXeroMode": "Live"}))
    assert "row 7 was a copy" in outcome.notes[0]


def test_a_lost_table_is_told(fresh: Path, edit: Edit) -> None:
    """Without its Log the workbook still gets all else."""
    edit("xl/tables/table14.xml", lambda data: re.sub(rb'ame="(\w+)"', rb'ame="My\1"', data))
    outcome = project(fresh, Projection({"Log": [{"Run": "R1"}], "Invoices": [invoice(1)]}))
    assert outcome.changed
    assert outcome.notes == ("The table Log is missing from the workbook; its rows were not written.",)


def test_another_workbook_is_refused(tmp_path: Path) -> None:
    """A workbook without our tables is not written to."""
    import xlsxwriter

    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream)
    book.add_worksheet()
    book.close()
    path = tmp_path / "other.xlsx"
    path.write_bytes(stream.getvalue())
    with pytest.raises(NotAWorkbookError, match="none of AutoXero's tables"):
        project(path, Projection())


@pytest.mark.parametrize(
    "projection",
    [Projection({"Invoice": []}), Projection({"Invoices": [{"State": "x"}]}), Projection(lists={"Account": []}),
     Projection(edits={"Settings": {("Paused",): {"Val": "x"}}})],
)  # fmt: skip
def test_slips_of_the_caller(fresh: Path, projection: Projection) -> None:
    """A table, column or list that does not exist is the caller's slip."""
    with pytest.raises(KeyError):
        project(fresh, projection)


def test_open_file(fresh: Path) -> None:
    """An open file is left for later."""
    fresh.with_name(".~lock.AutoXero.xlsm#").write_text(",jane,other-host,now,x;")
    with pytest.raises(InUseError):
        project(fresh, Projection({"Invoices": [invoice(1)]}))


def test_a_save_in_between(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's save between reading and writing is never overwritten."""
    theirs = fresh.read_bytes() + b"theirs"
    packed = Package.to_bytes

    def slow(package: Package) -> bytes:
        fresh.write_bytes(theirs)
        return packed(package)

    monkeypatch.setattr(Package, "to_bytes", slow)
    with pytest.raises(ExternallyChangedError):
        project(fresh, Projection({"Invoices": [invoice(1)]}))
    assert fresh.read_bytes() == theirs


def test_dates_of_1904(fresh: Path, edit: Edit) -> None:
    """In a workbook with the old Macintosh calendar the dates are right too."""
    edit("xl/workbook.xml", lambda data: data.replace(b"<workbookPr ", b'<workbookPr date1904="1" '))
    project(fresh, Projection({"Invoices": [invoice(1)]}))
    assert rows_of(fresh, "Invoices")[0]["Date"] == datetime(2026, 9, 2)
    named = load_workbook(fresh, data_only=True)
    sheet, _, place = (named.defined_names[layout.month_name(layout.MONTHS)].attr_text or "").rpartition("!")
    assert named[sheet.strip("'")][place.replace("$", "")].value == datetime(2026, 9, 1)


def test_cut_off_sheet(fresh: Path, edit: Edit) -> None:
    """A sheet that ends in the middle is said to be damaged, and nothing is written."""
    edit(INVOICES, lambda data: data[: data.index(b"</row>")])
    with pytest.raises(NotAWorkbookError, match="damaged"):
        project(fresh, Projection({"Invoices": [invoice(1)]}))


texts = st.text(st.characters(codec="utf-8"), max_size=60)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.integers(1, 10**12), texts, min_size=1, max_size=6), st.data())
def test_any_text_any_key(fresh: Path, rows: dict[int, str], data: st.DataObject) -> None:
    """Whatever the text and the order, each key's row shows its own text, and a second projection changes nothing."""
    order = data.draw(st.permutations(sorted(rows)))
    projection = Projection({"Invoices": [{"Customer": rows[key], "Autotask id": key} for key in order]})
    project(fresh, projection)
    assert not project(fresh, projection).changed
    from workbook.book import Book
    from workbook.cells import value_of
    from workbook.splice import SheetReader, cells_of

    book = Book(Package.read(fresh))
    found = {}
    for number, row in SheetReader(book.package.pieces(INVOICES)).rows():
        if number >= 5:
            cells = cells_of(row)
            found[value_of(cells[26], book.shared)] = value_of(cells[7], book.shared) or ""
    assert {key: found[key] for key in rows} == {key: clean(text) for key, text in rows.items()}
