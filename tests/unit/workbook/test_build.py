"""The committed workbook is what the source makes, and nothing in it gives a person or machine away."""

from __future__ import annotations

import getpass
import re
import zipfile
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openxml_audit import OpenXmlValidator
from pyopenvba.cfb import CFB

from agent.domain.faults import CATALOGUE
from agent.domain.settings import SETTINGS
from workbook import layout
from workbook.book import Book
from workbook.build import PROJECT, ROOT, TARGET, build, main, without_cache
from workbook.package import Package

DESIGN = {
    "Settings": "Setting, Value, What it does, Problem",
    "Invoices": "Do, Status, Type, Number, Xero number, In Xero as, Customer, Xero contact, Date, Due, Reference, "
    "Currency, Net, Tax, Total, Xero total, Difference, Tax difference, Outstanding, Paid on, Tries, Fault, What to "
    "do, Sent on, Last tried, Autotask id",
    "Faults": "Do, Since, Code, Fault, Invoice, Customer, Currency, Amount, Detail, What to do, Tries, Autotask id",
    "Log": "When, Run, Level, Who, Invoice, Event, Detail",
}


@pytest.fixture(scope="module")
def book() -> Book:
    return Book(Package.read(TARGET))


def test_rebuild_equals_committed() -> None:
    """Every part of the committed file is what the builder makes of the source; no difference is allowed."""
    made = Package(Path("made.xlsm"), build())
    committed = Package.read(TARGET)
    assert made.names == committed.names
    different = [name for name in made.names if made.part(name) != committed.part(name)]
    assert different == []


def test_builds_repeat(tmp_path: Path) -> None:
    """Two builds are the same byte for byte."""
    assert main([str(tmp_path / "again.xlsm")]) == 0
    assert (tmp_path / "again.xlsm").read_bytes() == build()


def test_valid() -> None:
    """Microsoft's rules, as openxml-audit knows them, are kept."""
    assert [str(error) for error in OpenXmlValidator().validate(TARGET).errors] == []


def test_no_person_no_machine() -> None:
    """No part names a user, a folder of this machine, or another time than the fixed one."""
    package = Package.read(TARGET)
    everything = b"".join(package.part(name) for name in package.names)
    assert str(ROOT).encode() not in everything
    assert str(Path.home()).encode() + b"/" not in everything
    core = package.part("docProps/core.xml").decode()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", core)) == {"2026-01-01T00:00:00Z"}
    assert getpass.getuser() not in core
    with zipfile.ZipFile(TARGET) as file:
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_sheets_in_order(book: Book) -> None:
    """The sheets are those of the design, the last two hidden."""
    assert tuple(book.sheets) == layout.SHEETS + layout.HIDDEN_SHEETS
    shown = [sheet.title for sheet in load_workbook(TARGET).worksheets if sheet.sheet_state == "visible"]
    assert tuple(shown) == layout.SHEETS


def test_tables_as_declared(book: Book) -> None:
    """Every table stands on its sheet with its columns, and the contract's columns are to the letter."""
    assert set(book.grids) == set(layout.TABLES)
    for name, table in layout.TABLES.items():
        assert list(book.grids[name].columns) == [column.name for column in table.columns]
        assert book.grids[name].sheet_name == table.sheet
    for name, columns in DESIGN.items():
        assert ", ".join(book.grids[name].columns) == columns


def test_every_setting_has_a_row_and_a_rule() -> None:
    """Each setting shows its default and help, and Excel itself refuses what cannot be."""
    sheet = load_workbook(TARGET)["Settings"]
    rows = {row[1].value: row for row in sheet.iter_rows(min_row=5)}
    ruled = {str(rule.sqref) for rule in sheet.data_validations.dataValidation}
    for setting in SETTINGS:
        row = rows[setting.name]
        assert row[3].value == setting.help
        assert str(row[2].value or "") == str(setting.default or "")
        assert any(row[2].coordinate in area.split() for area in ruled), setting.name


def test_drop_downs_offer_the_very_choices() -> None:
    """What a setting's drop-down offers can be chosen: where a choice holds a comma, the list stands in cells."""
    file = load_workbook(TARGET)
    rules = {str(rule.sqref): rule for rule in file["Settings"].data_validations.dataValidation}
    lists = {str(column[0].value): column[1:] for column in file[layout.LISTS_SHEET].iter_cols()}
    places = {str(row[1].value): row[2].coordinate for row in file["Settings"].iter_rows(min_row=5)}
    for setting in SETTINGS:
        if setting.choices:
            rule = rules[places[setting.name]]
            source = str(rule.formula1)
            listed = lists.get(source.removeprefix("List_"), ())
            offered = [str(cell.value) for cell in listed if cell.value] or source.strip('"').split(",")
            assert tuple(offered) == setting.choices, setting.name
            assert rule.errorStyle in {None, "stop"}


def test_every_name_stands_for_a_cell(book: Book) -> None:
    """All names that a projection may fill are there."""
    assert set(layout.NAMES) <= set(book.named_cells)
    for status, _ in layout.STATUSES:
        assert layout.count_name(status) in book.named_cells


def test_fresh_dashboard_has_no_errors() -> None:
    """A fresh workbook shows no #DIV/0! nor the like, and says what to do first."""
    values = [cell.value for row in load_workbook(TARGET, data_only=True)["Dashboard"].iter_rows() for cell in row]
    texts = [str(value) for value in values if value is not None]
    assert not [text for text in texts if text.startswith("#")]
    assert any("autoxero test" in text for text in texts)
    assert "Not seen yet" in texts


def test_help_explains_everything() -> None:
    """Help holds every fault's code, every status, every verb, and the answer to a sync that stopped."""
    cells = {str(cell.value) for row in load_workbook(TARGET)["Help"].iter_rows() for cell in row if cell.value}
    assert set(CATALOGUE) <= cells
    assert {status for status, _ in layout.STATUSES} | set(layout.DO) <= cells
    assert "My sync has stopped, what do I do?" in cells
    assert not [text for text in cells if "{" in text]


def test_no_office_believes_what_is_left_of_a_cache() -> None:
    """The project's cache is of no Office's version, and empty, as [MS-OVBA] 2.3.4.1 asks of those who write one."""
    project = Package(Path("made.xlsm"), build()).part(PROJECT)
    assert CFB.from_bytes(project).get_stream_in_storage("VBA", "_VBA_PROJECT").hex() == "cc61ffff000000"
    assert without_cache(project) == project


def test_excel_trusts_the_stored_results() -> None:
    """No full calculation at every opening: other readers would see 0, and Excel would ask to save."""
    assert b"fullCalcOnLoad" not in Package.read(TARGET).part("xl/workbook.xml")
