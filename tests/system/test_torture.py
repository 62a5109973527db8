"""The torture workbook: everything of the accountant's stays through a hundred projections and through real syncs."""

from __future__ import annotations

import random
import re
import shutil
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from openxml_audit import OpenXmlValidator

from agent.template import template
from tests.office.conftest import convert  # noqa: F401 - the fixture
from tests.support import Practice, support
from tests.torture import NOTED, File, add_everything, filter_rows, own_column, own_style, sort_rows
from workbook.book import Book
from workbook.cells import fold, formula_of, style_of, value_of
from workbook.layout import LISTS_SHEET, STATUSES, TABLES
from workbook.package import Package
from workbook.project import Projection, project
from workbook.splice import SheetReader, cells_of, is_hidden

Convert = Callable[[Path, str], Path]
Own = dict[str, tuple[str, str, object]]
"""By heading: style, formula with its own row as #, and value."""
OWN = {
    "Invoices": ("My note", "Half", "Check"),
    "Faults": ("My view", "Doubled"),
    "Settings": ("Why so",),
    "AccountMap": ("Memo",),
}


def own_text(style: int) -> Callable[[int], str]:
    return lambda row: f' s="{style}" t="inlineStr"><is><t>words {row} &amp; more</t></is></c>'


def own_formula(style: int, text: str) -> Callable[[int], str]:
    return lambda row: f' s="{style}"><f>{text.replace("{n}", str(row))}</f><v>{row}</v></c>'


def make_torture(path: Path) -> None:
    """Let the accountant do to a workbook what accountants do."""
    style = own_style(path)
    half = "Invoices[[#This Row],[Total]]/2"
    own_column(path, "Invoices", "Number", "My note", own_text(style))
    own_column(path, "Invoices", "Tax", "Half", own_formula(style, half), half)
    own_column(path, "Invoices", "Fault", "Check", own_formula(style, "Q{n}*2+$A$1"))
    own_column(path, "Faults", "Code", "My view", own_text(style))
    own_column(path, "Faults", "Detail", "Doubled", own_formula(style, "I{n}*2"))
    own_column(path, "Settings", "What it does", "Why so", own_text(style))
    own_column(path, "AccountMap", "Problem", "Memo", own_text(style))
    add_everything(path)


def own_cells(path: Path) -> dict[str, dict[tuple[str, ...], Own]]:
    """What stands in the accountant's columns, by table and key."""
    book = Book(Package.read(path))
    found: dict[str, dict[tuple[str, ...], Own]] = {}
    for name, headings in OWN.items():
        grid = book.grids[name]
        for number, row in SheetReader(book.package.pieces(grid.sheet)).rows():
            if not grid.first <= number <= grid.last:
                continue
            cells = cells_of(row)
            key = tuple(
                fold(value_of(cells[grid.columns[part]], book.shared)) if grid.columns[part] in cells else ""
                for part in TABLES[name].key
            )
            raws = {heading: cells.get(grid.columns[heading], b"<c/>") for heading in headings}
            if any(key):
                found.setdefault(name, {})[key] = {
                    heading: (
                        style_of(raw).decode(),
                        re.sub(rf"(?<=[A-Z]){number}\b", "#", formula_of(raw)),
                        value_of(raw, book.shared),
                    )
                    for heading, raw in raws.items()
                }
    return found


def foreign_parts(path: Path) -> dict[str, bytes]:
    """Every part that no table of ours, Dashboard or list stands on."""
    book = Book(Package.read(path))
    ours = {book.grids[name].sheet for name in TABLES} | {book.grids[name].part for name in TABLES}
    ours |= {book.sheets["Dashboard"], book.sheets[LISTS_SHEET], book.part}
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist() if name not in ours}


def around_rows(path: Path, table: str) -> bytes:
    """A sheet without its rows, and without what grows along with its tables."""
    book = Book(Package.read(path))
    data = book.package.part(book.grids[table].sheet)
    kept = data[: data.index(b"<sheetData")] + data[data.index(b"</sheetData>") :]
    return re.sub(rb'(sqref|ref)="[^"]*"', rb"", kept)


def findings(path: Path) -> set[str]:
    return {re.sub(r"\d+", "#", str(error)) for error in OpenXmlValidator().validate(path).errors}


def key_at(path: Path, row: int) -> object:
    book = Book(Package.read(path))
    grid = book.grids["Invoices"]
    rows = dict(SheetReader(book.package.pieces(grid.sheet)).rows())
    return value_of(cells_of(rows[row])[grid.columns["Autotask id"]], book.shared)


class Days:
    """Projections as days bring them: statuses change, invoices come, faults come and go."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._invoices: dict[int, dict[str, object]] = {}
        self._faults: list[int] = []
        for _ in range(12):
            self._new()
        self._faults = list(self._invoices)[:4]

    def _new(self) -> None:
        number = 29_000_000 + self._draw.randrange(10**6)
        self._invoices[number] = {
            "Status": "Waiting", "Type": "Invoice", "Number": f"T{number}", "Customer": f"Kauri {number % 7} & Sons",
            "Date": date(2026, 1, 1) + timedelta(days=number % 300), "Currency": "NZD",
            "Total": Decimal(number % 90_000) / 100, "Autotask id": number,
        }  # fmt: skip

    def next(self) -> Projection:
        """The next day."""
        draw = self._draw
        for number in draw.sample(list(self._invoices), 3):
            status = draw.choice(STATUSES)[0]
            self._invoices[number] |= {"Status": status, "Xero total": self._invoices[number]["Total"]}
        if draw.random() < 0.5:
            self._new()
        if draw.random() < 0.4:
            self._faults = [*draw.sample(self._faults, len(self._faults) // 2), draw.choice(list(self._invoices))]
            self._faults = list(dict.fromkeys(self._faults))
        faults = [{"Code": "AX-106", "Amount": number % 77, "Autotask id": number} for number in self._faults]
        log = [{"Run": f"R{item}", "Event": "Run ended"} for item in range(draw.randrange(1, 20))]
        maps = [{"Billing code": f"Code {item}", "Line type": "Labor", "Invoices waiting": draw.randrange(9)}
                for item in range(draw.randrange(3, 9))]  # fmt: skip
        tables = {"Invoices": list(self._invoices.values()), "Faults": faults, "Log": log, "AccountMap": maps,
                  "Settings": [{"Setting": "Mail port", "Problem": draw.choice(["", "is wrong"])}]}  # fmt: skip
        lists = {"Accounts": [f"{200 + item} · Sales" for item in range(draw.randrange(1, 9))]}
        names = {"AutoXeroMode": draw.choice(["Live", "Preview"])}
        return Projection(tables, names, lists, is_whole=True)  # type: ignore[arg-type]


@pytest.fixture
def torture(tmp_path: Path) -> tuple[Path, Days]:
    """A tortured workbook after its first days."""
    path = Path(shutil.copy(template(), tmp_path / "AutoXero.xlsm"))
    days = Days(5)
    project(path, days.next())
    make_torture(path)
    return path, days


def check_own(before: dict[str, dict[tuple[str, ...], Own]], after: dict[str, dict[tuple[str, ...], Own]]) -> None:
    """Every row that was there has its own cells still, unless its fault is gone."""
    for table, rows in before.items():
        for key, cells in rows.items():
            assert after[table].get(key, cells if table == "Faults" else None) == cells, (table, key)


def sort_and_filter(path: Path, number: int, draw: random.Random) -> None:
    """What people do between two syncs: sort Invoices, and choose other rows of the Log and of the faults to see."""
    before = own_cells(path)
    sort_rows(path, "Invoices", lambda rows: draw.sample(rows, len(rows)))
    filter_rows(path, "Log", "Run", f"R{number % 4}")
    filter_rows(path, "Faults", "My view", f"words {6 + number % 2} & more")
    assert own_cells(path) == before


def check_filters(path: Path) -> None:
    """What is hidden of the Log and of the faults is what their filters do not let through."""
    book = Book(Package.read(path))
    for name in ("Log", "Faults"):
        grid = book.grids[name]
        found = re.search(rb'colId="(\d+)"><filters><filter val="([^"]*)"', book.package.part(grid.part))
        assert found
        place, value = grid.area.left + int(found[1]), found[2].decode().replace("&amp;", "&")
        for number, row in SheetReader(book.package.pieces(grid.sheet)).rows():
            if grid.first <= number <= grid.last:
                shown = value_of(cells_of(row).get(place, b"<c/>"), book.shared)
                assert is_hidden(row) == (shown != value), (name, number)


def test_a_hundred_projections(torture: tuple[Path, Days], convert: Convert) -> None:  # noqa: F811
    """Foreign parts stay byte for byte, own columns by key, notes beside their row; the file opens and is as valid.

    In between the accountant sorts and filters.
    """
    path, days = torture
    foreign, own, faulty = foreign_parts(path), own_cells(path), findings(path)
    around = {table: around_rows(path, table) for table in TABLES}
    noted = {row: key_at(path, row) for row in (7, 8, 9)}
    rows = last = len(own["Invoices"])
    draw = random.Random(7)
    for number in range(100):
        if number % 9 == 4:
            sort_and_filter(path, number, draw)
            noted = {row: key_at(path, row) for row in noted}
        outcome = project(path, days.next(), template=template())
        assert outcome.notes == ()
        assert foreign_parts(path) == foreign
        now = own_cells(path)
        check_own(own, now)
        if number >= 4:
            check_filters(path)
        own = now
        last = len(own["Invoices"])
        assert number < 50 or last > rows
    assert {table: around_rows(path, table) for table in TABLES} == around
    assert {row: key_at(path, row) for row in noted} == noted
    assert {row for place in NOTED for row in [int(place[1:])]} <= set(noted)
    book = Book(Package.read(path))
    assert book.grids["Invoices"].last == book.grids["Invoices"].first + last - 1
    half = [cells["Half"][1] for cells in own["Invoices"].values()]
    assert half == ["Invoices[[#This Row],[Total]]/2"] * last
    assert findings(path) <= faulty
    workbook = book.package.part(book.part)
    assert b"pivotCaches" in workbook
    assert b"ZZ_Ann" in workbook
    assert b"slicerCaches" in workbook
    shown = Book(Package.read(convert(path, "xlsx")))
    assert set(TABLES) <= set(shown.grids)
    assert shown.grids["Invoices"].last == book.grids["Invoices"].last
    assert {"Own figures", "Pivot"} <= set(shown.sheets)


def test_real_syncs(practice: Practice) -> None:
    """The real agent over real connections leaves a tortured workbook's foreign parts and own columns alone."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for _ in range(7):
        practice.world.invoice("Kauri Legal", [support("3")])
    practice.sync()
    make_torture(practice.workbook)
    foreign, own = foreign_parts(practice.workbook), own_cells(practice.workbook)
    for number in range(5):
        practice.world.invoice("Kauri Legal", [support(str(number + 1))])
        report = practice.sync()
        assert report.created == 1
        assert report.problems == []
        assert foreign_parts(practice.workbook) == foreign
        now = own_cells(practice.workbook)
        check_own(own, now)
        own = now
    assert len(own["Invoices"]) == 14
    notes = [cells["My note"][2] for cells in own["Invoices"].values()]
    assert notes[:3] == ["words 5 & more", "words 6 & more", "words 7 & more"]
    assert notes[9:] == [None] * 5


@pytest.mark.parametrize("own", [False, True])
def test_formulas_in_a_file_that_libreoffice_saved(tmp_path: Path, convert: Convert, *, own: bool) -> None:  # noqa: F811
    """It saves no list of formulas: the accountant's are calculated at the next opening, ours need not be."""
    path = Path(shutil.copy(template(), tmp_path / "AutoXero.xlsm"))
    days = Days(3)
    project(path, days.next())
    if own:
        file = File(path)
        row = re.compile(r'(<row r="(\d+)"[^>]*(?<!/)>.*?)</row>', re.DOTALL)
        cell = r'\1<c r="K\2"><f>COUNTIF(Invoices[Status],"Synced")</f><v>0</v></c></row>'
        file.edit("xl/worksheets/sheet9.xml", lambda data: row.sub(cell, data, count=1))
        file.save()
    saved = convert(path, "xlsx")
    assert b"calcChain" not in Package.read(saved).part("[Content_Types].xml")
    assert project(saved, days.next()).changed
    assert (b'fullCalcOnLoad="1"' in Package.read(saved).part("xl/workbook.xml")) == own
