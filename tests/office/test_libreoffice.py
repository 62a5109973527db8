"""The workbook in a real spreadsheet program: it opens, calculates to what we stored, and shows our tables."""

# ruff: noqa: DTZ001 - a cell holds local time without a zone

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from workbook import layout
from workbook.build import TARGET
from workbook.package import Package
from workbook.project import Cell, Projection, Row, project
from workbook.read import read

Convert = Callable[[Path, str], Path]
STATUSES = [status for status, _ in layout.STATUSES]


def invoices(count: int) -> list[Row]:
    """Invoices over months, currencies and statuses."""
    return [
        {
            "Status": STATUSES[number % len(STATUSES)],
            "Type": "Credit note" if number % 7 == 3 else "Invoice",
            "In Xero as": ("Draft", "Approved", "Awaiting approval", "Paid")[number % 4],
            "Customer": ("=SUM(1;2)", "Łódź 🎉 & <Sons>", "+64 21", "_x0041_")[number % 4],
            "Date": date(2025, 10, 3) + timedelta(days=number * 5),
            "Currency": ("NZD", "NZD", "AUD", "USD", "EUR")[number % 5],
            "Total": Decimal(number * 1001 - 5000) / 100,
            "Xero total": Decimal(number * 1001 - 5000) / 100,
            "Difference": Decimal("0.01") if number % 10 == 4 else Decimal("0.00"),
            "Sent on": datetime(2026, 9, 1, 10, 30, number % 60),
            "Autotask id": 29_000_000 + number,
        }
        for number in range(count)
    ]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A workbook with eighty invoices and an agent that was seen just now."""
    path = Path(shutil.copy(TARGET, tmp_path / "AutoXero.xlsm"))
    now = datetime.now().replace(microsecond=0)  # noqa: DTZ005 - the light compares with NOW(), which is local time
    names: dict[str, Cell] = {
        "AutoXeroLastSeen": now,
        "AutoXeroSyncEvery": 15,
        "AutoXeroMode": "Live",
        "AutoXeroXero": "Connected",
        layout.BASE_NAME: "AUD",
        layout.since_name("Waiting"): now,
        layout.PROOF_NAME: "90 % of 80 invoices: 60 agree to the cent; the statement says why the others differ.",
    }
    reconciled: dict[str, list[Row]] = {
        "Reconcile": [{"Invoices in Autotask": 70}, {"Invoices in Autotask": 2}],
        "ReconcileTotals": [{"Line": layout.AGREE, "Invoices": 40}, {"Line": layout.AGREE, "Invoices": 20}],
    }
    log: list[Row] = [{"When": now, "Run": "R1", "Event": "Run ended", "Detail": "a\nb"}]
    tables = {"Invoices": invoices(80), "Log": log, **reconciled}
    project(path, Projection(tables, names, {"Accounts": ["200 · Sales"]}))
    return path


def dashboard(path: Path) -> dict[str, object]:
    """Every value on the Dashboard by its place, and the line over Reconcile."""
    book = load_workbook(path, data_only=True)
    sheet = book["Dashboard"]
    cells = {cell.coordinate: cell.value for row in sheet.iter_rows(max_row=45, max_col=14) for cell in row}
    cells["Reconcile!B1"] = book["Reconcile"]["B1"].value
    return {place: value for place, value in cells.items() if value not in {None, ""}}


def same(ours: object, theirs: object) -> bool:
    """Whether two values are equal, money to the hundredth of a cent."""
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return abs(ours - theirs) < 0.0001
    return ours == theirs


@pytest.mark.parametrize("is_filled", [True, False])
def test_calculates_to_what_we_stored(request: pytest.FixtureRequest, convert: Convert, is_filled: bool) -> None:  # noqa: FBT001
    """LibreOffice calculates every formula anew; the results are the ones stored in our file."""
    path: Path = request.getfixturevalue("filled") if is_filled else TARGET
    stored = dashboard(path)
    calculated = dashboard(convert(path, "xlsx"))
    different = {
        place: (stored.get(place), calculated.get(place))
        for place in stored | calculated
        if not same(stored.get(place), calculated.get(place))
    }
    assert different == {}
    assert ("Seen lately" if is_filled else "Not seen yet") in stored.values()
    assert str(stored["Reconcile!B1"]).startswith("90 % of 80 invoices" if is_filled else "No invoices yet")


def test_wrong_results_would_be_seen(filled: Path, convert: Convert) -> None:
    """The comparison above is worth something: a wrong stored result is calculated away."""
    package = Package.read(filled)
    part = "xl/worksheets/sheet1.xml"
    wrong = re.sub(rb"(COUNTIFS\(Invoices\[Status\],\$F16\)</f><v>)\d+", rb"\g<1>777", package.part(part))
    assert wrong != package.part(part)
    package.replace(part, wrong)
    package.save(filled, package.digest)
    assert dashboard(filled)["G16"] == 777
    assert dashboard(convert(filled, "xlsx"))["G16"] == 9


def test_the_light_goes_red(tmp_path: Path, convert: Convert) -> None:
    """An agent that was last seen long ago is shown as such by the program alone."""
    path = Path(shutil.copy(TARGET, tmp_path / "AutoXero.xlsm"))
    project(path, Projection(names={"AutoXeroLastSeen": datetime(2026, 1, 1, 8, 0), "AutoXeroSyncEvery": 15}))
    assert "Seen lately" in dashboard(path).values()
    assert "Not seen lately: is it running?" in dashboard(convert(path, "xlsx")).values()


def test_tables_and_text_arrive(filled: Path, convert: Convert) -> None:
    """All tables are there, and text that looks like a formula is text."""
    book = load_workbook(convert(filled, "xlsx"))
    tables = {name for sheet in book.worksheets for name in sheet.tables}
    assert tables == set(layout.TABLES)
    sheet = book["Invoices"]
    customers = [sheet.cell(row, 7).value for row in range(5, 85)]
    assert customers == [row["Customer"] for row in invoices(80)]
    assert {sheet.cell(row, 7).data_type for row in range(5, 85)} == {"s"}


def test_we_read_what_libreoffice_saved(filled: Path, convert: Convert) -> None:
    """A workbook saved by LibreOffice is read, and written to, like any other."""
    saved = convert(filled, "xlsm:Calc MS Excel 2007 VBA XML")
    assert [problem.where for problem in read(saved).problems] == ["Start date"]
    changed = [{**row, "Status": "Voided"} for row in invoices(3)]
    assert project(saved, Projection({"Invoices": [*changed, *invoices(85)[80:]]})).changed
    sheet = load_workbook(saved, data_only=True)["Invoices"]
    assert [sheet.cell(row, 2).value for row in (5, 6, 7)] == ["Voided"] * 3
    assert sheet.tables["Invoices"].ref == "A4:Z89"
    assert sheet.cell(89, 26).value == 29_000_084


def test_macros_are_there(filled: Path, convert: Convert) -> None:
    """The program finds our VBA modules and keeps them."""
    with ZipFile(convert(filled, "xlsm:Calc MS Excel 2007 VBA XML")) as file:
        project_part = file.read("xl/vbaProject.bin")
    assert "AutoXeroRibbon".encode("utf-16-le") in project_part
    assert "AutoXeroTables".encode("utf-16-le") in project_part
