"""Reading what people typed: Settings, mappings, and the wishes in the column Do.

Every problem is collected, none ends the reading: a person mends them all at once. The sheets are read as streams of
rows, so that a workbook with 50,000 invoices costs little more than unpacking it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.domain.labels import code_of
from agent.domain.mappings import AccountRow, ContactRow, Mappings, TaxRow, TrackingRow
from agent.domain.problems import Problem
from agent.domain.settings import SETTINGS, Settings, read_settings
from workbook.book import Book, Grid
from workbook.cells import EPOCH, ErrorValue, Read, fold, letters, value_of
from workbook.container import damaged
from workbook.errors import NotAWorkbookError
from workbook.layout import DO, LAYOUT_NAME, TABLES, WORKBOOK_NAME
from workbook.package import Package
from workbook.splice import SheetReader, cell_at, cells_of

_MAPS = ("AccountMap", "TaxMap", "ContactMap", "TrackingMap")


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
        problems: Everything that must be mended first.
        workbook_id: Which workbook this is; empty in a fresh one.
        digest: The SHA-256 of the file that was read.
    """

    settings: Settings
    mappings: Mappings
    wishes: tuple[Wish, ...]
    problems: tuple[Problem, ...]
    workbook_id: str
    digest: str


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
    return Reading(settings, mappings, wishes, tuple(reader.problems), reader.named(WORKBOOK_NAME), book.package.digest)


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


class _Reader:
    """One reading at work."""

    def __init__(self, book: Book) -> None:
        self.problems: list[Problem] = []
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
                Problem(name, f"The column {', '.join(missing)} is missing. Give it its heading back, to the letter.")
            )
        return grid

    def _rows(self, sheet: str) -> Iterator[tuple[int, bytes]]:
        try:
            yield from SheetReader(self._book.package.pieces(sheet)).rows()
        except ValueError as error:
            raise damaged(self._book.package.path.name) from error

    def table_rows(self, grid: Grid) -> Iterator[dict[str, Read]]:
        """The filled rows of a small table by heading."""
        for number, row in self._rows(grid.sheet):
            if number > grid.last:
                break
            if number >= grid.first:
                cells = cells_of(row)
                values = {name: self._value(cells.get(column)) for name, column in grid.columns.items()}
                if any(value is not None for value in values.values()):
                    yield values

    def _value(self, raw: bytes | None) -> Read:
        value = None if raw is None else value_of(raw, self._book.shared)
        return None if isinstance(value, str) and not value.strip() else value

    def settings(self) -> Settings:
        """All settings, with a problem for each that cannot be used."""
        typed: dict[str, object] = {}
        seen: set[str] = set()
        own: list[Problem] = []
        for row in self.table_rows(self._grid("Settings")):
            name = " ".join(str(row.get("Setting") or "").split())
            value = row.get("Value")
            if not name:
                if value is not None:
                    own.append(Problem("Settings", f"A row with the value “{_shown(value)}” has no setting's name."))
            elif fold(name) in seen:
                own.append(Problem(name, "This setting stands twice on the sheet. Delete one of the two rows."))
            elif isinstance(value, ErrorValue):
                own.append(Problem(name, f"The cell shows {value.text}. Type {_allowed(name)}."))
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
            tuple(AccountRow(_text(row, "Billing code"), _text(row, "Line type"), code_of(_text(row, "Xero account")))
                  for row in accounts),
            tuple(TaxRow(_text(row, "Tax region"), _text(row, "Tax category"), code_of(_text(row, "Xero tax rate")))
                  for row in taxes),
            tuple(self._contacts(contacts)),
            tuple(TrackingRow(_text(row, "Billing code"), _text(row, "Line type"), _text(row, "Tracking category"),
                              _text(row, "Tracking option")) for row in tracking),
        )  # fmt: skip

    def _map(self, name: str) -> Iterator[dict[str, Read]]:
        table, grid = TABLES[name], self._grid(name)
        targets = [column.name for column in table.columns if not column.owned]
        seen: set[tuple[str, ...]] = set()
        for row in self.table_rows(grid):
            key = tuple(fold(_text(row, part)) for part in table.key)
            where = f"{name}: " + " · ".join(_text(row, part) for part in table.key if _text(row, part))
            wrong = [part for part in (*table.key, *targets) if isinstance(row.get(part), ErrorValue)]
            if all(row.get(target) is None for target in targets):
                continue
            if wrong:
                shown = row[wrong[0]]
                self._tell(where, f"The cell “{wrong[0]}” shows {_shown(shown)}. Type it anew.")
            elif not key[0]:
                self._tell(where.rstrip(": "), f"This row has no “{table.key[0]}”. Fill it in, or clear the row.")
            elif key in seen:
                self._tell(where, "This row stands twice, so it is not clear which one counts. Delete one of the two.")
            elif any(isinstance(row.get(target), bool) for target in targets):
                self._tell(where, "The cell holds TRUE or FALSE. Choose from the list.")
            elif name == "TrackingMap" and any(row.get(target) is None for target in targets):
                self._tell(where, "Tracking needs both a category and an option. Fill in the other one, or clear both.")
            else:
                seen.add(key)
                yield row

    def _tell(self, where: str, message: str) -> None:
        self.problems.append(Problem(where, message))

    def _contacts(self, rows: list[dict[str, Read]]) -> Iterator[ContactRow]:
        for row in rows:
            typed = _text(row, "Company id")
            if typed.isdigit():
                company = _text(row, "Autotask company")
                yield ContactRow(int(typed), company, _text(row, "Xero contact"), _text(row, "Xero contact id"))
            else:
                self._tell(f"ContactMap: {typed}", "The Company id is not a number. Copy it from Autotask.")

    def wishes(self) -> tuple[Wish, ...]:
        """What people chose in the column Do, each invoice once."""
        found: dict[int, Wish] = {}
        for name in ("Invoices", "Faults"):
            grid = self._book.grids.get(name)
            if grid is None or "Do" not in grid.columns or "Autotask id" not in grid.columns:
                self._tell(name, f"The table {name} lacks its column Do or Autotask id, so wishes in it are not seen.")
                continue
            for autotask_id, verb in self._wished(grid, name):
                known = found.setdefault(autotask_id, Wish(autotask_id, verb))
                if known.verb != verb:
                    where = f"{name}: {autotask_id}"
                    self._tell(where, f"Do says both {known.verb} and {verb} for this invoice. Clear one of the two.")
        return tuple(found.values())

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
            if verb is None:
                choices = ", ".join(DO)
                where = f"{name}, column Do: {f'Autotask id {autotask_id}' if autotask_id else f'row {number}'}"
                self._tell(where, f"Do cannot be “{_shown(value)}”. Choose {choices}.")
            elif not autotask_id.isdigit():
                self._tell(f"{name}: row {number}", f"Do says {verb}, but the row has no Autotask id. Clear the cell.")
            else:
                yield int(autotask_id), verb

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
