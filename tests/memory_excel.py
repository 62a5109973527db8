"""An Excel in memory, so that the real xlwings API runs where there is no Excel.

It models what our code leans on: texts are taken as if typed, tables are resized, rows may be hidden, a cell that is
being edited makes every call fail, and blocks do not take very long texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import openpyxl
import xlwings
from openpyxl.utils.cell import get_column_letter, range_boundaries
from openpyxl.utils.escape import unescape
from xlwings import base_classes

REJECTED = -2147418111
REFUSED = -2147352567
_HYPERLINK = re.compile(r'=HYPERLINK\("((?:[^"]|"")*)","((?:[^"]|"")*)"\)')
_CELL = re.compile(r"'?((?:[^'!]|'')+)'?!\$([A-Z]+)\$(\d+)")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|\d*\.\d+)([eE][+-]?\d+)?%?")


class ComError(Exception):
    """As pywin32 raises it."""

    def __init__(self, hresult: int, words: str) -> None:
        super().__init__(hresult, words)
        self.hresult = hresult
        self.excepinfo = (0, "Microsoft Excel", words, "", 0, hresult)


@dataclass
class Grid:
    """One sheet's cells, by row and column from 1."""

    name: str
    book: Workbook
    values: dict[tuple[int, int], Any] = field(default_factory=dict)
    formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    formats: dict[tuple[int, int], str] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    listed: list[ListObject] = field(default_factory=list)

    def enter(self, cell: tuple[int, int], value: Any) -> None:
        """Take a value as Excel does: a text as if somebody typed it."""
        self.book.is_saved = False
        if cell in self.book.excel.stubborn:
            return
        self.formulas.pop(cell, None)
        self.values.pop(cell, None)
        kept = self._taken(cell, value)
        if kept is not None:
            self.values[cell] = kept

    def _taken(  # noqa: PLR0911 - a rule each
        self, cell: tuple[int, int], value: Any
    ) -> Any:
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            assert isinstance(value, bool | int | float | datetime | date), f"COM does not take {value!r}"
            assert not isinstance(value, int) or abs(value) < 2**31
            return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if value.startswith("'"):
            return value[1:] or None
        if self.formats.get(cell) == "@":
            return value
        if value.startswith("="):
            self.formulas[cell] = value
            link = _HYPERLINK.fullmatch(value)
            return link[2].replace('""', '"') if link else None
        if value.casefold() in {"true", "false"}:
            return value.casefold() == "true"
        if _NUMBER.fullmatch(value):
            return float(value.replace(",", "").rstrip("%"))
        if re.fullmatch(r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?", value):
            return datetime(2026, 1, 1)  # noqa: DTZ001 - whatever date Excel takes it for
        if value[0] in "+-@":
            raise ComError(REFUSED, "That function isn't valid.")
        return value

    def used(self) -> tuple[int, int]:
        cells = [*self.values, *self.formulas] or [(1, 1)]
        return max(row for row, _ in cells), max(column for _, column in cells)


@dataclass
class ListObject:
    """One table: its area from the headings to the last row, totals included."""

    name: str
    sheet: Grid
    top: int
    left: int
    bottom: int
    right: int
    has_totals: bool = False


@dataclass
class Workbook:
    """An open workbook."""

    path: str
    excel: Excel
    sheets: list[Grid] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    is_saved: bool = True

    def sheet(self, name: str) -> Grid:
        return next(sheet for sheet in self.sheets if sheet.name == name)

    def list_object(self, name: str) -> ListObject:
        return next(table for sheet in self.sheets for table in sheet.listed if table.name == name)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """What a table shows."""
        table = self.list_object(name)
        cells = table.sheet.values
        heads = [cells.get((table.top, column)) for column in range(table.left, table.right + 1)]
        return [
            {str(head): cells.get((row, table.left + place)) for place, head in enumerate(heads)}
            for row in range(table.top + 1, table.bottom + 1 - table.has_totals)
        ]

    def named(self, name: str) -> Any:
        sheet, row, column = self.place(name)
        return sheet.values.get((row, column))

    def place(self, name: str) -> tuple[Grid, int, int]:
        match = _CELL.fullmatch(self.names[name])
        assert match is not None
        column, _, _, _ = range_boundaries(f"{match[2]}1")
        return self.sheet(match[1]), int(match[3]), int(column or 0)

    def add_column(self, table: str, heading: str, *, before: str = "") -> int:
        """A column of the accountant's, within the table or at its right; gives its number on the sheet."""
        found = self.list_object(table)
        cells, column = found.sheet.values, found.right + 1
        if before:
            heads = {cells.get((found.top, place)): place for place in range(found.left, found.right + 1)}
            column = heads[before]
            for store in (cells, found.sheet.formulas, found.sheet.formats):
                moved: dict[Any, Any] = {}
                for row, place in list(store):
                    if place >= column and found.top <= row:
                        moved[row, place + 1] = store.pop((row, place))
                store.update(moved)
        found.right += 1
        cells[found.top, column] = heading
        return column


@dataclass
class Excel:
    """The whole program.

    Attributes:
        editing: A cell is being edited: so many calls from now on are rejected.
        skips_hidden: Blocks over filtered rows leave those out.
        stubborn: Cells that take nothing, whatever is written.
        writes: Every write: the sheet, the address, how many cells.
    """

    books: list[Workbook] = field(default_factory=list)
    editing: int = 0
    alerts: bool = True
    skips_hidden: bool = False
    stubborn: set[tuple[int, int]] = field(default_factory=set)
    writes: list[tuple[str, str, int]] = field(default_factory=list)
    status: list[str] = field(default_factory=list)

    def answer(self) -> None:
        """Answer a call, or reject it."""
        if self.editing > 0:
            self.editing -= 1
            raise ComError(REJECTED, "Call was rejected by callee.")

    def open(self, path: Path, full_name: str = "") -> Workbook:
        """Open a workbook as it was saved."""
        book = Workbook(full_name or str(path), self)
        sheets, names = _read(path, path.stat().st_mtime_ns)
        for name, values, formulas, formats, hidden, tables in sheets:
            grid = Grid(name, book, dict(values), dict(formulas), dict(formats), set(hidden))
            grid.listed = [ListObject(title, grid, *area) for title, area in tables]
            book.sheets.append(grid)
        book.names = dict(names)
        self.books.append(book)
        return book


@lru_cache(maxsize=4)
def _read(path: Path, _written: int) -> tuple[list[Any], dict[str, str]]:
    """A file's sheets, as (name, values, formulas, formats, hidden rows, tables), and its names."""
    with_formulas, with_values = openpyxl.load_workbook(path), openpyxl.load_workbook(path, data_only=True)
    sheets = []
    for source, shown in zip(with_formulas.worksheets, with_values.worksheets, strict=True):
        cells = {(cell.row or 0, cell.column or 0): cell for row in source.iter_rows() for cell in row}
        values = {(cell.row or 0, cell.column or 0): _value(cell.value) for row in shown.iter_rows() for cell in row}
        tables = []
        for table in source.tables.values():
            left, top, right, bottom = (int(side or 0) for side in range_boundaries(table.ref))
            tables.append((table.displayName, (top, left, bottom, right, bool(table.totalsRowCount))))
        sheets.append(
            (
                source.title,
                {place: value for place, value in values.items() if value is not None},
                {place: str(cell.value) for place, cell in cells.items() if cell.data_type == "f"},
                {place: cell.number_format for place, cell in cells.items() if cell.number_format != "General"},
                {number for number, look in source.row_dimensions.items() if look.hidden},
                tables,
            )
        )
    return sheets, {name: defined.attr_text or "" for name, defined in with_formulas.defined_names.items()}


def _value(shown: Any) -> Any:
    if isinstance(shown, str):
        return unescape(shown)
    return float(shown) if isinstance(shown, int) and not isinstance(shown, bool) else shown


class EngineImpl:
    """What xlwings calls an engine."""

    name = "memory"
    type = "desktop"

    def __init__(self, excel: Excel) -> None:
        self.excel = excel

    @property
    def apps(self) -> AppsImpl:
        return AppsImpl(self)

    @staticmethod
    def prepare_xl_data_element(value: Any, _options: Any) -> Any:
        if value is None:
            return ""
        return datetime(value.year, value.month, value.day) if type(value) is date else value  # noqa: DTZ001

    @staticmethod
    def clean_value_data(rows: Any, _date: Any, empty: Any, _number: Any, _errors: Any) -> Any:
        return [[empty if value in {"", None} else value for value in row] for row in rows]


class AppsImpl(base_classes.Apps):
    def __init__(self, engine: EngineImpl) -> None:
        self.engine = engine

    def keys(self) -> list[int]:
        return [1]

    def __iter__(self) -> Iterator[AppImpl]:
        yield AppImpl(self.engine)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, _pid: int) -> AppImpl:
        return AppImpl(self.engine)


class AppImpl(base_classes.App):
    pid = 1

    def __init__(self, engine: EngineImpl) -> None:
        self.engine = engine
        self.excel = engine.excel

    @property
    def books(self) -> BooksImpl:
        return BooksImpl(self)

    @property
    def display_alerts(self) -> bool:
        return self.excel.alerts

    @display_alerts.setter
    def display_alerts(self, value: bool) -> None:
        self.excel.alerts = value

    @property
    def status_bar(self) -> Any:
        return self.excel.status[-1] if self.excel.status else False

    @status_bar.setter
    def status_bar(self, value: str) -> None:
        self.excel.answer()
        self.excel.status.append(value)


class BooksImpl(base_classes.Books):
    def __init__(self, app: AppImpl) -> None:
        self.app = app

    def __iter__(self) -> Iterator[BookImpl]:
        self.app.excel.answer()
        for book in self.app.excel.books:
            yield BookImpl(self.app, book)

    def __len__(self) -> int:
        return len(self.app.excel.books)

    def __call__(self, key: int | str) -> BookImpl:
        books = list(self)
        return books[key - 1] if isinstance(key, int) else next(book for book in books if book.name == key)


class Native:
    """The few properties that xlwings itself does not offer."""

    def __init__(self, book: Workbook) -> None:
        self.Saved = book.is_saved
        self.FullName = book.path


class BookImpl(base_classes.Book):
    def __init__(self, app: AppImpl, book: Workbook) -> None:
        self._app = app
        self.book = book

    @property
    def app(self) -> AppImpl:
        return self._app

    @property
    def api(self) -> Native:
        self._app.excel.answer()
        return Native(self.book)

    @property
    def name(self) -> str:
        return re.split(r"[/\\]", self.book.path)[-1]

    @property
    def fullname(self) -> str:
        if "://" in self.book.path:  # as xlwings does where it cannot tell the folder
            raise xlwings.XlwingsError("Couldn't find the local path")
        return self.book.path

    @property
    def sheets(self) -> SheetsImpl:
        return SheetsImpl(self)

    @property
    def names(self) -> NamesImpl:
        return NamesImpl(self)


class SheetsImpl(base_classes.Sheets):
    def __init__(self, book: BookImpl) -> None:
        self.book = book

    def __iter__(self) -> Iterator[SheetImpl]:
        self.book.app.excel.answer()
        for grid in self.book.book.sheets:
            yield SheetImpl(self.book, grid)

    def __len__(self) -> int:
        return len(self.book.book.sheets)

    def __call__(self, key: int | str) -> SheetImpl:
        grids = self.book.book.sheets
        return SheetImpl(self.book, grids[key - 1] if isinstance(key, int) else self.book.book.sheet(key))


class SheetImpl(base_classes.Sheet):
    def __init__(self, book: BookImpl, grid: Grid) -> None:
        self._book = book
        self.grid = grid

    @property
    def api(self) -> Grid:
        return self.grid

    @property
    def book(self) -> BookImpl:
        return self._book

    @property  # type: ignore[misc]
    def name(self) -> str:
        return self.grid.name

    @property
    def tables(self) -> TablesImpl:
        return TablesImpl(self)

    @property
    def used_range(self) -> RangeImpl:
        return RangeImpl(self, 1, 1, *self.grid.used())

    def range(self, arg1: Any, arg2: Any = None) -> RangeImpl:
        first = (arg1.row, arg1.column) if isinstance(arg1, RangeImpl) else arg1
        if arg2 is None:
            last = arg1.last if isinstance(arg1, RangeImpl) else first
        else:
            last = arg2.last if isinstance(arg2, RangeImpl) else arg2
        return RangeImpl(self, *first, *last)


class RangeImpl(base_classes.Range):
    max_cells_per_read = base_classes.DEFAULT_MAX_CELLS_PER_READ
    max_cells_per_write = base_classes.DEFAULT_MAX_CELLS_PER_WRITE

    def __init__(self, sheet: SheetImpl, top: int, left: int, bottom: int, right: int) -> None:
        self._sheet = sheet
        self._top, self._left, self._bottom, self._right = top, left, bottom, right
        self.excel = sheet.book.app.excel

    def __len__(self) -> int:
        return (self._bottom - self._top + 1) * (self._right - self._left + 1)

    def __call__(self, down: int, across: int | None = None) -> RangeImpl:
        if across is None:  # the cells counted row by row
            down, across = (down - 1) // self.shape[1] + 1, (down - 1) % self.shape[1] + 1
        row, column = self._top + down - 1, self._left + across - 1
        return RangeImpl(self._sheet, row, column, row, column)

    @property
    def last(self) -> tuple[int, int]:
        """The row and the column where it ends."""
        return self._bottom, self._right

    @property
    def api(self) -> RangeImpl:
        return self

    @property
    def sheet(self) -> SheetImpl:
        return self._sheet

    @property
    def row(self) -> int:
        return self._top

    @property
    def column(self) -> int:
        return self._left

    @property
    def shape(self) -> tuple[int, int]:
        return self._bottom - self._top + 1, self._right - self._left + 1

    def _read(self, store: dict[tuple[int, int], Any], fallback: Any = None) -> Any:
        self.excel.answer()
        found = [
            [store.get((row, column), fallback) for column in range(self._left, self._right + 1)]
            for row in range(self._top, self._bottom + 1)
        ]
        return found[0][0] if self.shape == (1, 1) else found

    @property
    def raw_value(self) -> Any:
        return self._read(self._sheet.grid.values)

    @raw_value.setter
    def raw_value(self, value: Any) -> None:
        self.excel.answer()
        grid = self._sheet.grid
        address = f"{get_column_letter(self._left)}{self._top}:{get_column_letter(self._right)}{self._bottom}"
        self.excel.writes.append((grid.name, address, len(self)))
        is_block = isinstance(value, list | tuple)
        for row in range(self._top, self._bottom + 1):
            if self.excel.skips_hidden and row in grid.hidden and self._bottom > self._top:
                continue
            for column in range(self._left, self._right + 1):
                item = value[row - self._top][column - self._left] if is_block else value
                if is_block and isinstance(item, str) and len(item) > 8203:
                    raise ComError(REFUSED, "Unable to set the Value property of the Range class")
                grid.enter((row, column), item)

    @property
    def formula(self) -> Any:
        grid = self._sheet.grid
        shown = {place: "" if value is None else str(value) for place, value in grid.values.items()}
        return self._read({**shown, **grid.formulas}, "")

    @formula.setter
    def formula(self, value: str) -> None:
        self.raw_value = value

    @property
    def number_format(self) -> Any:
        self.excel.answer()
        formats = {
            self._sheet.grid.formats.get((row, column), "General")
            for row in range(self._top, self._bottom + 1)
            for column in range(self._left, self._right + 1)
        }
        return formats.pop() if len(formats) == 1 else None

    @number_format.setter
    def number_format(self, value: str) -> None:
        for row in range(self._top, self._bottom + 1):
            for column in range(self._left, self._right + 1):
                self._sheet.grid.formats[row, column] = value

    def clear_contents(self) -> None:
        self.raw_value = None


class TablesImpl(base_classes.Tables):
    def __init__(self, sheet: SheetImpl) -> None:
        self.sheet = sheet

    def __iter__(self) -> Iterator[TableImpl]:
        for table in self.sheet.grid.listed:
            yield TableImpl(self.sheet, table)

    def __len__(self) -> int:
        return len(self.sheet.grid.listed)


class TableImpl(base_classes.Table):
    def __init__(self, sheet: SheetImpl, table: ListObject) -> None:
        self._sheet = sheet
        self.table = table

    @property
    def parent(self) -> SheetImpl:
        return self._sheet

    @property  # type: ignore[misc]
    def name(self) -> str:
        return self.table.name

    @property
    def range(self) -> RangeImpl:
        return RangeImpl(self._sheet, self.table.top, self.table.left, self.table.bottom, self.table.right)

    @property
    def header_row_range(self) -> RangeImpl:
        return RangeImpl(self._sheet, self.table.top, self.table.left, self.table.top, self.table.right)

    @property
    def show_totals(self) -> bool:
        return self.table.has_totals

    @show_totals.setter
    def show_totals(self, value: bool) -> None:
        cells = self._sheet.grid.values
        if self.table.has_totals and not value:
            for column in range(self.table.left, self.table.right + 1):
                cells.pop((self.table.bottom, column), None)
            self.table.bottom -= 1
        elif value and not self.table.has_totals:
            self.table.bottom += 1
            cells[self.table.bottom, self.table.left] = "Total"
        self.table.has_totals = value

    def resize(self, area: Any) -> None:
        self._sheet.book.app.excel.answer()
        assert not self.table.has_totals, "Excel's own way with a totals row is not modelled"
        new = area.impl
        assert (new.row, new.column, new.last[1]) == (self.table.top, self.table.left, self.table.right)
        for row in range(self.table.bottom + 1, new.last[0] + 1):
            for column in range(self.table.left, self.table.right + 1):  # the new rows look like the one above
                if (above := self._sheet.grid.formats.get((self.table.bottom, column))) is not None:
                    self._sheet.grid.formats[row, column] = above
        self.table.bottom = new.last[0]


class NamesImpl(base_classes.Names):
    def __init__(self, book: BookImpl) -> None:
        self.book = book

    def contains(self, name: Any) -> bool:
        return name in self.book.book.names

    def __call__(self, name: Any) -> NameImpl:
        return NameImpl(self.book, name)


class NameImpl(base_classes.Name):
    def __init__(self, book: BookImpl, name: str) -> None:
        self.book = book
        self._name = name

    @property  # type: ignore[misc]
    def name(self) -> str:
        return self._name

    @property
    def refers_to_range(self) -> RangeImpl:
        grid, row, column = self.book.book.place(self._name)
        return RangeImpl(SheetImpl(self.book, grid), row, column, row, column)


@contextmanager
def running_excel() -> Iterator[Excel]:
    """An Excel that xlwings finds, as long as it lasts."""
    excel = Excel()
    engines = xlwings.engines
    kept = engines.active, list(engines.engines), dict(engines.engines_by_name)
    engine = xlwings.Engine(impl=EngineImpl(excel))
    engines.add(engine)
    engines.active = engine  # type: ignore[assignment]
    try:
        yield excel
    finally:
        engines.active, engines.engines, engines.engines_by_name = kept
        if hasattr(xlwings.Book, "_mock_caller"):
            del xlwings.Book._mock_caller


def caller(excel: Excel, book: Workbook) -> None:
    """Let the next action be one that a button of this workbook started."""
    app = AppImpl(EngineImpl(excel))
    xlwings.Book(impl=BookImpl(app, book)).set_mock_caller()
