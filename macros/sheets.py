"""A workbook that is open in Excel: what the buttons and the refresh need of it, and how xlwings reaches it.

`OpenBook` is the port; `XlwingsBook` the only adapter, and the only place that imports xlwings. Nothing here starts an
Excel, saves a file, or switches anything off in it: a process that is killed half-way leaves Excel as it was.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import xlwings

from workbook.cells import Cell, Link, clean, link_formula
from workbook.layout import DO, LISTS_SHEET, STATUSES, TABLES
from workbook.recognise import by_place, headings_match

Value = str | int | float | Decimal | bool | datetime | date | None
"""What a cell shows, as Excel tells it."""

CELLS_AT_ONCE = 20_000
"""How many cells are written in one call: Excel stands still meanwhile, for well under a second."""
MOST_IN_A_BLOCK = 8_000
"""Longer texts are written alone: Excel refuses them within a block."""

_STATUS_BAR = 240
"""How many characters Excel shows there."""
_OUR_WORDS = frozenset({status for status, _ in STATUSES} | set(DO))
_PATIENCE = 50
"""How often a call is tried while Excel is busy; xlwings' own default is for ever."""
_BUSY = {-2147418111, -2147417846, -2146777998, -1712}
"""Rejected, retry later, a cell is being edited; and the Mac's time-out."""


class SheetError(Exception):
    """The open workbook cannot do what was asked; the text says why and what to do."""


class BusyError(SheetError):
    """Excel is busy: a cell is being edited, or a dialogue is open."""


class NotOpenError(SheetError):
    """No Excel on this computer has the workbook open."""


@dataclass(frozen=True)
class OpenTable:
    """Where a table stands.

    Attributes:
        name: Its name.
        sheet: The sheet's name.
        top: The first row of data on the sheet, from 1.
        left: The first column on the sheet, from 1.
        columns: The headings, in order; those that seem to be renamed ones of ours as they were shipped.
        height: How many rows of data it has, at least 1.
        renamed: What is shown over columns that seem to be ours, by the heading they were shipped with.
    """

    name: str
    sheet: str
    top: int
    left: int
    columns: tuple[str, ...]
    height: int
    renamed: Mapping[str, str] = field(default_factory=dict)


class OpenBook(Protocol):
    """A workbook that is open in Excel. Rows and columns of tables are counted from 0."""

    @property
    def full_name(self) -> str:
        """Its path; an address for one that Excel has from OneDrive or SharePoint."""

    @property
    def is_saved(self) -> bool:
        """Whether the file is as the screen shows it."""

    def table(self, name: str) -> OpenTable | None:
        """The table of that name, on whatever sheet."""

    def rows(self, table: OpenTable, first: int = 0, last: int | None = None) -> list[list[Value]]:
        """What rows of the table show, from the first to before the last."""

    def formulas(self, table: OpenTable, column: int) -> list[str]:
        """The formulas of a column, or what its cells hold."""

    def write(self, table: OpenTable, row: int, column: int, block: Sequence[Sequence[Cell]]) -> None:
        """Write a block of cells."""

    def room(self, table: OpenTable, height: int) -> int:
        """How many rows the table can have, up to the wanted height, given what stands under it."""

    def resize(self, table: OpenTable, height: int) -> OpenTable:
        """Give the table another number of rows; those cut off are emptied."""

    def named(self, names: Sequence[str]) -> dict[str, Value]:
        """What named cells show; names that the workbook lacks and cells that calculate are left out."""

    def put(self, name: str, value: Cell) -> None:
        """Write a named cell."""

    def lists(self) -> dict[str, list[str]]:
        """The entries behind the drop-downs, by heading."""

    def put_list(self, name: str, entries: Sequence[str], before: int) -> None:
        """Write the entries behind a drop-down; ``before`` is how many there were."""

    def tell(self, text: str) -> None:
        """Show a sentence in the status bar."""


# --- the adapter ----------------------------------------------------------------------------------------------------


def calling_book() -> XlwingsBook:
    """The workbook whose button started this Python."""
    _limit_patience()
    with _answers():
        return XlwingsBook(xlwings.Book.caller())


def attach(path: Path) -> XlwingsBook:
    """The workbook where an Excel on this computer has it open.

    Raises:
        NotOpenError: None has.
        BusyError: Excel does not answer now.
    """
    if xlwings.engines.active is None:
        raise NotOpenError("There is no Excel on this computer that could be asked.")
    _limit_patience()
    with _answers():
        for app in xlwings.apps:
            for book in app.books:
                if book.name.casefold() == path.name.casefold() and _is_same(_full_name(book), path):
                    return XlwingsBook(book)
    raise NotOpenError(f"No Excel on this computer has {path.name} open.")


def _is_same(full_name: str, path: Path) -> bool:
    try:
        return Path(full_name).samefile(path)
    except OSError:
        return os.path.normcase(full_name) == os.path.normcase(path.absolute())


def _full_name(book: xlwings.Book) -> str:
    """The path, or the address where xlwings cannot tell the path that belongs to it."""
    try:
        return str(book.fullname)
    except xlwings.XlwingsError:
        return str(book.api.FullName)


def _limit_patience() -> None:
    """Let calls end while Excel is busy: xlwings tries for ever by default."""
    windows: Any = sys.modules.get("xlwings._xlwindows")
    if windows is not None:
        windows.N_COM_ATTEMPTS = _PATIENCE


@contextmanager
def _answers() -> Iterator[None]:
    """Excel's own errors as ours."""
    try:
        yield
    except Exception as error:
        if _is_busy(error):
            raise BusyError("Excel is busy: finish the cell that is being edited, or close its dialogue.") from error
        if _is_excels(error):
            raise SheetError(f"Excel refused: {_words(error)}") from error
        raise


def _is_busy(error: Exception) -> bool:
    if type(error).__name__ == "ExcelBusyError":
        return True
    info = getattr(error, "excepinfo", None)
    codes = {getattr(error, "hresult", None), getattr(error, "errornumber", None), info[5] if info else None}
    return bool(codes & _BUSY)


def _is_excels(error: Exception) -> bool:
    return any(hasattr(error, name) for name in ("hresult", "errornumber"))


def _words(error: Exception) -> str:
    info = getattr(error, "excepinfo", None)
    return str(info[2] if info and info[2] else getattr(error, "strerror", "") or type(error).__name__)


class XlwingsBook:
    """`OpenBook` through xlwings."""

    def __init__(self, book: xlwings.Book) -> None:
        self._book = book
        self._known: dict[str, xlwings.main.Table] = {}

    @property
    def full_name(self) -> str:
        """Its path or address."""
        with _answers():
            return _full_name(self._book)

    @property
    def is_saved(self) -> bool:
        """Whether the file is as the screen shows it."""
        with _answers():
            native = self._book.api
            found = getattr(native, "Saved", None)  # the Mac's name is in small letters, and has to be asked
            return bool(native.saved.get() if found is None else found)

    def table(self, name: str) -> OpenTable | None:
        """The table of that name, on whatever sheet; one that was renamed is known by its headings."""
        with _answers():
            if not self._known:  # looked for once: every look at a sheet is a call
                self._known = {table.name.casefold(): table for sheet in self._book.sheets for table in sheet.tables}
            table = self._known.get(name.casefold()) or self._renamed(name)
            return None if table is None else self._placed(name, table)

    def _renamed(self, name: str) -> xlwings.main.Table | None:
        """The one table under a strange name that has the headings of ours."""
        ours = {table.casefold() for table in TABLES}
        likely = [
            table
            for known, table in self._known.items()
            if known not in ours and name in TABLES and headings_match(self._headings(table), TABLES[name])
        ]
        if len(likely) != 1:
            return None
        self._known[name.casefold()] = likely[0]
        return likely[0]

    def _headings(self, table: xlwings.main.Table) -> tuple[str, ...]:
        headings = table.header_row_range
        shown = [] if headings is None else headings.options(ndim=1).value
        return tuple(" ".join(str(heading or "").split()) for heading in shown)

    def _placed(self, name: str, table: xlwings.main.Table) -> OpenTable:
        whole, headings = table.range, self._headings(table)
        if not headings:
            raise SheetError(f"The headings of the table {name} are hidden. Show them: Table Design, Header Row.")
        totals = 1 if table.show_totals else 0
        likely = by_place(headings, TABLES[name]) if name in TABLES else {}
        columns = tuple(likely.get(heading, heading) for heading in headings)
        height = whole.shape[0] - 1 - totals
        renamed = {ours: heading for heading, ours in likely.items()}
        return OpenTable(name, table.parent.name, whole.row + 1, whole.column, columns, height, renamed)

    def _range(self, sheet: str, top: int, left: int, bottom: int, right: int) -> xlwings.Range:
        return self._book.sheets[sheet].range((top, left), (bottom, right))

    def _block(self, table: OpenTable, row: int, column: int, height: int, width: int) -> xlwings.Range:
        top, left = table.top + row, table.left + column
        return self._range(table.sheet, top, left, top + height - 1, left + width - 1)

    def rows(self, table: OpenTable, first: int = 0, last: int | None = None) -> list[list[Value]]:
        """What rows of the table show."""
        end = table.height if last is None else min(last, table.height)
        if end <= first:
            return []
        with _answers():
            found = self._block(table, first, 0, end - first, len(table.columns)).options(ndim=2).value
        return [list(row) for row in found]

    def formulas(self, table: OpenTable, column: int) -> list[str]:
        """The formulas of a column."""
        with _answers():
            found = self._block(table, 0, column, table.height, 1).formula
        if isinstance(found, str):
            return [found]
        return [str(row[0] if isinstance(row, list | tuple) else row) for row in found]

    def write(self, table: OpenTable, row: int, column: int, block: Sequence[Sequence[Cell]]) -> None:
        """Write a block of cells, in parts that Excel takes well."""
        step = max(1, CELLS_AT_ONCE // len(block[0]))
        for start in range(0, len(block), step):
            with _answers():
                self._write_part(table, row + start, column, block[start : start + step])

    def _write_part(self, table: OpenTable, row: int, column: int, part: Sequence[Sequence[Cell]]) -> None:
        values = [[entered(value) for value in cells] for cells in part]
        for across in range(len(part[0])):
            if any(isinstance(cells[across], Link) for cells in part):
                _let_calculate(self._block(table, row, column + across, len(part), 1))
        long = [
            (down, across, value)
            for down, cells in enumerate(values)
            for across, value in enumerate(cells)
            if isinstance(value, str) and len(value) > MOST_IN_A_BLOCK
        ]
        for down, across, _ in long:
            values[down][across] = None
        self._block(table, row, column, len(part), len(part[0])).options(chunksize=None).value = values
        for down, across, value in long:
            self._block(table, row + down, column + across, 1, 1).value = value

    def room(self, table: OpenTable, height: int) -> int:
        """How many rows the table can have."""
        if height <= table.height:
            return height
        bottom = table.top + table.height
        with _answers():
            bottom += bool(self._known[table.name.casefold()].show_totals)
            more = height - table.height
            under = self._range(table.sheet, bottom, table.left, bottom + more - 1, table.left + len(table.columns) - 1)
            filled = under.options(ndim=2).value
        free = next((number for number, row in enumerate(filled) if any(cell is not None for cell in row)), more)
        return table.height + free

    def resize(self, table: OpenTable, height: int) -> OpenTable:
        """Give the table another number of rows; a totals row goes along."""
        height = max(height, 1)
        if height == table.height:
            return table
        excels = self._known[table.name.casefold()]
        width = len(table.columns)
        with _answers():
            has_totals = bool(excels.show_totals)
            if has_totals:
                excels.show_totals = False
            if height < table.height:
                self._block(table, height, 0, table.height - height, width).clear_contents()
            top, left = table.top - 1, table.left
            excels.resize(self._range(table.sheet, top, left, top + height, left + width - 1))
            if has_totals:
                excels.show_totals = True
        return replace(table, height=height)

    def named(self, names: Sequence[str]) -> dict[str, Value]:
        """What named cells show."""
        found: dict[str, Value] = {}
        with _answers():
            known = self._book.names
            for name in names:
                if name in known:
                    cell = known[name].refers_to_range
                    if not str(cell.formula).startswith("="):
                        found[name] = cell.value
        return found

    def put(self, name: str, value: Cell) -> None:
        """Write a named cell."""
        with _answers():
            self._book.names[name].refers_to_range.value = entered(value)

    def lists(self) -> dict[str, list[str]]:
        """The entries behind the drop-downs."""
        with _answers():
            if LISTS_SHEET not in [sheet.name for sheet in self._book.sheets]:
                return {}
            bottom, right = self._end_of_lists()
            shown = self._range(LISTS_SHEET, 1, 1, bottom, right).options(ndim=2).value
        columns = zip(*shown, strict=True)
        return {str(head): _up_to_the_last(entries) for head, *entries in columns if head is not None}

    def put_list(self, name: str, entries: Sequence[str], before: int) -> None:
        """Write the entries behind a drop-down."""
        count = max(len(entries), before)
        if not count:
            return
        with _answers():
            heads = self._range(LISTS_SHEET, 1, 1, 1, self._end_of_lists()[1]).options(ndim=1).value
            column = heads.index(name) + 1
            values = [[entered(entry)] for entry in entries] + [[None]] * (count - len(entries))
            self._range(LISTS_SHEET, 2, column, count + 1, column).options(chunksize=None).value = values

    def _end_of_lists(self) -> tuple[int, int]:
        used = self._book.sheets[LISTS_SHEET].used_range
        return used.row + used.shape[0] - 1, used.column + used.shape[1] - 1

    def tell(self, text: str) -> None:
        """Show a sentence in the status bar, to stay; a busy Excel is not waited for."""
        mac: Any = sys.modules.get("xlwings._xlmac")
        if mac is not None:
            atexit.unregister(mac.cleanup)  # it would wipe the bar as this Python ends
        try:
            with _answers():
                self._book.app.status_bar = text if len(text) <= _STATUS_BAR else f"{text[: _STATUS_BAR - 1]}…"
        except SheetError:
            return


def _up_to_the_last(entries: Sequence[Value]) -> list[str]:
    last = max((number for number, entry in enumerate(entries, 1) if entry is not None), default=0)
    return ["" if entry is None else str(entry) for entry in entries[:last]]


def _let_calculate(cells: xlwings.Range) -> None:
    """A cell whose number format is “@” would show a formula as it stands."""
    if cells.number_format in {"@", None}:
        cells.number_format = "General"


def entered(value: Cell) -> str | float | bool | datetime | date | None:
    """A value as it is handed to Excel, which reads texts as if somebody typed them.

    Text that could be taken for anything else gets the apostrophe with which people enter it as text too: Excel keeps
    it apart from the value, so it is neither shown nor read back, and it holds in every language and number format.
    Setting the format “@” instead would change a look that is the accountant's, and would turn links into plain text.
    Numbers go as floating point, here at the edge only: the Mac and the blocks of Windows take no long integers.
    """
    if isinstance(value, Link):
        if formula := link_formula(value):
            return f"={formula}"
        value = value.text
    if isinstance(value, str):
        text = clean(value)
        return text if _is_plain(text) else f"'{text}"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return float(value)
    return value


def _is_plain(text: str) -> bool:
    """Whether Excel cannot take the text for a number, a date, a truth value or a formula, in no language."""
    if not text or text in _OUR_WORDS:
        return True
    return text[0].isalpha() and " " in text and not any(letter.isdigit() for letter in text)
