"""Reading what people typed: Settings, mappings, and the wishes in the column Do.

Every problem is collected, none ends the reading: a person mends them all at once. The sheets are read as streams of
rows, so that a workbook with 50,000 invoices costs little more than unpacking it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.domain.mappings import AccountRow, ContactRow, Mappings, TaxRow, TrackingRow
from agent.domain.problems import Key, Problem, beside
from agent.domain.settings import SETTINGS, Settings, read_settings
from workbook.book import Book, Grid
from workbook.cells import EPOCH, ErrorValue, Read, fold, has_formula, letters, value_of
from workbook.container import damaged
from workbook.errors import NotAWorkbookError
from workbook.kept import Values, typed
from workbook.layout import DO, INBOX_NAME, LAYOUT_NAME, TABLES, WORKBOOK_NAME
from workbook.package import Package
from workbook.splice import SheetReader, cell_at, cells_of

_MAPS = ("AccountMap", "TaxMap", "ContactMap", "TrackingMap")
NO_RESULT = ErrorValue("a formula without a result")
"""Read of a formula that no spreadsheet program has calculated yet: what it comes to is not known."""
_ID = re.compile(r"\d{1,18}")


@dataclass(frozen=True)
class Wish:
    """What a person chose in the column Do.

    Attributes:
        autotask_id: The invoice.
        verb: One of the words of the drop-down.
    """

    autotask_id: int
    verb: str


@dataclass(frozen=True)
class Reading:
    """What the saved workbook says.

    Attributes:
        settings: The settings; a default stands in wherever there is a problem.
        mappings: The mapping rows that have a target.
        wishes: What people chose in the column Do.
        problems: Everything that is to be mended; each says what it stops.
        told: The rows that show something under Problem, as table and key.
        workbook_id: Which workbook this is; empty in a fresh one.
        digest: The SHA-256 of the file that was read.
        typed: The accountant's cells of Settings and mappings, as they stand there; of a table that is not whole none,
            or what is remembered of it.
    """

    settings: Settings
    mappings: Mappings
    wishes: tuple[Wish, ...]
    problems: tuple[Problem, ...]
    told: tuple[tuple[str, Key], ...]
    workbook_id: str
    digest: str
    typed: Mapping[str, Values]


def read(path: Path) -> Reading:
    """Read the saved workbook.

    Args:
        path: The file.

    Raises:
        NotAWorkbookError: It is not the AutoXero workbook, or it is damaged.
        InUseError: Another program holds it so that it cannot be read.
    """
    book = Book(Package.read(path))
    reader = _Reader(book)
    settings = reader.settings()
    mappings = reader.mappings()
    wishes = reader.wishes()
    problems, told = tuple(reader.problems), tuple(reader.told)
    known = typed(book)
    return Reading(settings, mappings, wishes, problems, told, reader.named(WORKBOOK_NAME), book.package.digest, known)


def read_table(path: Path, name: str) -> list[dict[str, Read]]:
    """The filled rows of a table by heading, as the file shows them; none where the table is not there.

    Raises:
        NotAWorkbookError: It is not the AutoXero workbook, or it is damaged.
        InUseError: Another program holds it so that it cannot be read.
    """
    book = Book(Package.read(path))
    grid = book.grids.get(name)
    return [] if grid is None else list(_Reader(book).table_rows(grid))


def read_layout(path: Path) -> str:
    """The version of the file's layout; blank in those of the first version.

    Raises:
        NotAWorkbookError: It is not the AutoXero workbook, or it is damaged.
        InUseError: Another program holds it so that it cannot be read.
    """
    return _Reader(Book(Package.read(path))).named(LAYOUT_NAME)


def read_inbox(path: Path) -> str:
    """Where the file's buttons write to; blank before it is installed.

    Raises:
        NotAWorkbookError: It is not the AutoXero workbook, or it is damaged.
        InUseError: Another program holds it so that it cannot be read.
    """
    return _Reader(Book(Package.read(path))).named(INBOX_NAME)


class _Reader:
    """One reading at work."""

    def __init__(self, book: Book) -> None:
        self.problems: list[Problem] = []
        self.told: list[tuple[str, Key]] = []
        self._book = book

    def _grid(self, name: str) -> Grid:
        grid = self._book.grids.get(name)
        if grid is None:
            raise NotAWorkbookError(
                f"The table {name} is missing from {self._book.package.path.name}. Take the newest copy from the "
                "backups folder, or choose the AutoXero.xlsm that you set up."
            )
        lost = [column.name for column in TABLES[name].columns if column.name not in grid.columns]
        needed = [*TABLES[name].key, *(column.name for column in TABLES[name].columns if not column.owned)]
        if missing := [column for column in needed if column in lost]:
            self.problems.append(
                Problem(
                    name,
                    f"The column {', '.join(missing)} is missing. Close the workbook: then the agent puts it back at "
                    "the table's right end. Look through the table, and sync again.",
                )
            )
        return grid

    def _rows(self, sheet: str) -> Iterator[tuple[int, bytes]]:
        try:
            yield from SheetReader(self._book.package.pieces(sheet)).rows()
        except ValueError as error:
            raise damaged(self._book.package.path.name) from error

    def table_rows(self, grid: Grid) -> Iterator[dict[str, Read]]:
        """The filled rows of a small table by heading."""
        return (row for _number, row in self._numbered(grid))

    def _numbered(self, grid: Grid) -> Iterator[tuple[int, dict[str, Read]]]:
        for number, row in self._rows(grid.sheet):
            if number > grid.last:
                break
            if number >= grid.first:
                cells = cells_of(row)
                values = {name: self._value(cells.get(column)) for name, column in grid.columns.items()}
                if any(value is not None for value in values.values()):
                    yield number, values

    def _value(self, raw: bytes | None) -> Read:
        value = None if raw is None else value_of(raw, self._book.shared)
        if value is None and raw is not None and has_formula(raw):
            return NO_RESULT
        return None if isinstance(value, str) and not value.strip() else value

    def settings(self) -> Settings:
        """All settings, with a problem for each that cannot be used."""
        typed: dict[str, object] = {}
        seen: set[str] = set()
        own: list[Problem] = []
        for row in self.table_rows(self._grid("Settings")):
            name = " ".join(str(row.get("Setting") or "").split())
            value = row.get("Value")
            if row.get("Problem") is not None:
                self.told.append(("Settings", (name,)))
            if not name:
                if value is not None:
                    text = f"A row with the value “{_shown(value)}” has no setting's name. Give it one, or clear it."
                    own.append(Problem("Settings", text, "Settings", ("",)))
            elif fold(name) in seen:
                text = "This setting stands twice on the sheet. Delete one of the two rows."
                own.append(beside("Settings", (name,), text))
            elif isinstance(value, ErrorValue):
                own.append(beside("Settings", (name,), f"The cell {_unread(value)} {_allowed(name)}."))
            else:
                typed[name] = self._dated(name, value)
            seen.add(fold(name))
        settings, problems = read_settings(typed)
        told = {problem.where for problem in own}
        self.problems += own + [problem for problem in problems if problem.where not in told]
        return settings

    def _dated(self, name: str, value: Read) -> Read:
        """A date as the other calendar counts it, in workbooks that count the days from 1904 as old Macs did."""
        is_date = any(setting.kind == "date" and fold(setting.name) == fold(name) for setting in SETTINGS)
        if is_date and isinstance(value, int | float) and not isinstance(value, bool):
            return value + (self._book.epoch - EPOCH).days
        return value

    def mappings(self) -> Mappings:
        """All mapping rows that have a target, with a problem for each that cannot be used."""
        accounts, taxes, contacts, tracking = (list(self._map(name)) for name in _MAPS)
        return Mappings(
            tuple(AccountRow(_text(row, "Billing code"), _text(row, "Line type"), _text(row, "Xero account"))
                  for row in accounts),
            tuple(TaxRow(_text(row, "Tax region"), _text(row, "Tax category"), _text(row, "Xero tax rate"))
                  for row in taxes),
            tuple(ContactRow(int(_text(row, "Company id")), _text(row, "Autotask company"), _text(row, "Xero contact"),
                             _text(row, "Xero contact id")) for row in contacts),
            tuple(TrackingRow(_text(row, "Billing code"), _text(row, "Line type"), _text(row, "Tracking category"),
                              _text(row, "Tracking option")) for row in tracking),
        )  # fmt: skip

    def _map(self, name: str) -> Iterator[dict[str, Read]]:
        table = TABLES[name]
        targets = [column.name for column in table.columns if not column.owned]
        rows = [
            (number, tuple(_text(row, part) for part in table.key), row)
            for number, row in self._numbered(self._grid(name))
        ]
        self.told += [(name, key) for _, key, row in rows if row.get("Problem") is not None]
        rows = [(number, key, row) for number, key, row in rows if any(row.get(part) is not None for part in targets)]
        times = Counter(_folded(key) for _, key, _ in rows)
        known: set[Key] = set()
        for number, key, row in rows:
            message = _slip(name, targets, key, row, is_twin=times[_folded(key)] > 1)
            is_error = any(isinstance(row.get(part), ErrorValue) for part in table.key)
            if not message:
                yield row
            elif is_error or not key[0]:  # named by its place: no name would find it
                self.problems.append(Problem(f"{name}: row {number}", message, name, () if is_error else key))
            elif _folded(key) not in known:
                self.problems.append(beside(name, key, message))
            known.add(_folded(key))

    def wishes(self) -> tuple[Wish, ...]:
        """What people chose in the column Do, each invoice once; of two choices for one neither counts."""
        found: dict[int, str] = {}
        torn: set[int] = set()
        for name in ("Invoices", "Faults"):
            grid = self._book.grids.get(name)
            if grid is None or "Do" not in grid.columns or "Autotask id" not in grid.columns:
                text = f"The table {name} lacks its column Do or Autotask id, so wishes in it are not seen."
                self._unclear(name, text, name)
                continue
            for autotask_id, verb in self._wished(grid, name):
                if (known := found.setdefault(autotask_id, verb)) != verb and autotask_id not in torn:
                    text = f"Do says both {known} and {verb} for this invoice, so neither was done. Clear one of them."
                    self._unclear(f"{name}: {autotask_id}", text, name, str(autotask_id))
                    torn.add(autotask_id)
        return tuple(Wish(autotask_id, verb) for autotask_id, verb in found.items() if autotask_id not in torn)

    def _wished(self, grid: Grid, name: str) -> Iterator[tuple[int, str]]:
        do, key = (letters(grid.columns[column]).encode() for column in ("Do", "Autotask id"))
        for number, row in self._rows(grid.sheet):
            if number > grid.last:
                break
            raw = cell_at(row, number, do) if number >= grid.first else None
            value = self._value(raw)
            if value is None:
                continue
            verb = next((verb for verb in DO if fold(verb) == fold(_shown(value))), None)
            place = cell_at(row, number, key)
            autotask_id = fold(self._value(place))
            if not _ID.fullmatch(autotask_id):
                text = f"Do says {_shown(value)}, but the row has no Autotask id. Clear the cell."
                self._unclear(f"{name}: row {number}", text, name)
            elif verb is None:
                where = f"{name}, column Do: Autotask id {autotask_id}"
                text = f"Do cannot be “{_shown(value)}”. Choose {', '.join(DO)}, or clear the cell."
                self._unclear(where, text, name, autotask_id)
            else:
                yield int(autotask_id), verb

    def _unclear(self, where: str, message: str, table: str, autotask_id: str = "") -> None:
        """A wish that cannot be done: it is told, and all else goes on."""
        key = (autotask_id,) if autotask_id else ()
        self.problems.append(Problem(where, message, table, key, stops="nothing"))

    def named(self, name: str) -> str:
        """The text of a named cell; blank where there is none."""
        place = self._book.named_cells.get(name)
        if place is None:
            return ""
        sheet, column, wanted = place
        for number, row in self._rows(sheet):
            if number == wanted:
                value = self._value(cell_at(row, number, letters(column).encode()))
                return "" if value is None else _shown(value)
        return ""


def _slip(name: str, targets: Sequence[str], key: Key, row: Mapping[str, Read], *, is_twin: bool) -> str:
    """What is wrong with a mapping row, in words; blank where nothing is."""
    error = next((part for part in (*TABLES[name].key, *targets) if isinstance(row.get(part), ErrorValue)), "")
    slips = (
        (error != "", f"The cell “{error}” {_unread(row.get(error))} it anew."),
        (not key[0], f"This row has no “{TABLES[name].key[0]}”. Fill it in, or clear the row."),
        (is_twin, "This row stands twice, so neither counts. Delete one of the two."),
        (any(isinstance(row.get(part), bool) for part in targets),
         "The cell holds TRUE or FALSE. Choose from the list."),
        (name == "TrackingMap" and any(row.get(part) is None for part in targets),
         "Tracking needs both a category and an option. Fill in the other one, or clear both."),
        (name == "ContactMap" and not _ID.fullmatch(key[0]),
         "The Company id is not a number. Copy it from Autotask."),
    )  # fmt: skip
    return next((message for is_so, message in slips if is_so), "")


def _folded(key: Key) -> Key:
    return tuple(map(fold, key))


def _unread(value: Read) -> str:
    """Why a cell cannot be read, and the beginning of what to do."""
    if value is NO_RESULT:
        return "holds a formula without a result. Open the workbook in Excel and save it, or type"
    return f"shows {_shown(value)}. Type"


def _shown(value: Read) -> str:
    if isinstance(value, ErrorValue):
        return value.text
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _text(row: Mapping[str, Read], name: str) -> str:
    value = row.get(name)
    return "" if value is None else " ".join(_shown(value).split())


def _allowed(name: str) -> str:
    return next((setting.allowed for setting in SETTINGS if fold(setting.name) == fold(name)), "it anew")
