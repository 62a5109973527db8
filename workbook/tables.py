"""Filling one table on a sheet: which of its cells change, row by row as the sheet goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lxml import etree

from workbook.book import MAIN, Area, Book, Grid, parse, to_bytes
from workbook.cells import (
    Cell,
    Link,
    Read,
    encode,
    escape,
    fold,
    has_formula,
    is_as_made,
    is_link,
    letters,
    link_formula,
    make,
    moved,
    shows,
    style_of,
    value_of,
)
from workbook.facts import COLUMNS, Facts
from workbook.formulas import SharedFormulas, is_shared
from workbook.layout import Table
from workbook.splice import Edits, Note, cell_at, cells_of
from workbook.tally import Tally

Row = Mapping[str, Cell]
Key = tuple[str, ...]


def is_filled(raw: bytes | None) -> bool:
    """Whether a cell holds anything."""
    return raw is not None and (b"<v" in raw or b"<is" in raw or has_formula(raw))


def _lines(text: str, width: float) -> int:
    """How many lines a text takes in a column, by the average width of letters."""
    return sum(1 + int(len(line) / ((width - 1.5) * 1.12)) for line in text.split("\n"))


class TableWriter:
    """What both kinds of table have in common.

    Attributes:
        notes: What was noticed, in words.
        needs_calculation: Whether formulas were added that only a spreadsheet program can work out.
        changes_formulas: Whether formula cells came or went, so that the list of them no longer fits.
    """

    def __init__(self, book: Book, table: Table, grid: Grid, edits: Edits) -> None:
        self.notes: list[str] = []
        self.needs_calculation = False
        self.changes_formulas = False
        self._book = book
        self._table = table
        self._grid = grid
        self._edits = edits
        self._styles: dict[int, bytes] = {}
        self._obstacle: int | None = None
        self._totals: dict[int, bytes] = {}
        self._letters = {number: letters(number).encode() for number in grid.columns.values()}
        self._is_unfiltered = False
        self._wrapped = [(column.name, column.width) for column in table.columns if table.wraps(column)]
        lost = [column.name for column in table.columns if column.owned and column.name not in grid.columns]
        if lost:
            self.notes.append(f"The table {table.name} lacks the column {', '.join(lost)}; it was left out.")

    def visit(self, number: int, row: bytes) -> None:
        """Look at a row of the sheet as it goes by."""
        grid = self._grid
        if number < grid.first:
            return
        if number == grid.first:
            self._styles = {column: style_of(raw) for column, raw in cells_of(row).items()}
        if number <= grid.last:
            self._visit_row(number, row)
        elif number <= grid.area.bottom:
            self._totals = {column: raw for column, raw in cells_of(row).items() if self._covers(column)}
        elif self._obstacle is None and b"<c" in row:
            cells = cells_of(row)
            if any(self._covers(column) and is_filled(raw) for column, raw in cells.items()):
                self._obstacle = number

    def finish(self) -> None:
        """Put what is left to put once all rows went by, and give the table its new size."""
        raise NotImplementedError

    def _visit_row(self, number: int, row: bytes) -> None:
        raise NotImplementedError

    def _covers(self, column: int) -> bool:
        return self._grid.area.left <= column <= self._grid.area.right

    def _read(self, number: int, row: bytes, name: str) -> Read:
        column = self._grid.columns.get(name)
        raw = None if column is None else cell_at(row, number, self._letters[column])
        return None if raw is None else value_of(raw, self._book.shared)

    def _shown(self, cells: Mapping[int, bytes], name: str) -> Read:
        raw = cells.get(self._grid.columns.get(name, 0))
        return None if raw is None else value_of(raw, self._book.shared)

    def _set(self, number: int, column: int, raw: bytes | None, value: Cell) -> bool:
        """Let a cell show a value; tells whether it had to change."""
        if raw is not None and is_as_made(raw, value, self._book.epoch):
            return False
        calculates = raw is not None and has_formula(raw)
        if shows(raw, value, self._book.shared, self._book.epoch) and (isinstance(value, Link) or not calculates):
            return False
        self.changes_formulas |= calculates != (isinstance(value, Link) and bool(link_formula(value)))
        if raw is not None and calculates and not is_link(raw):
            place = f"{letters(column)}{number} on the sheet {self._grid.sheet_name}"
            self.notes.append(f"A formula stood in {place}, where the agent writes; its value was put there instead.")
        style = style_of(raw) if raw is not None else self._styles.get(column, b"")
        self._edits.put(number, column, make(self._letters[column] + b"%d" % number, style, value, self._book.epoch))
        return True

    def _measure(self, number: int, values: Mapping[str, Cell | Read]) -> None:
        """Note how many lines the row's texts take; programs other than Excel do not work it out."""
        if number in self._edits.cells:
            lines = max((_lines(str(values.get(name) or ""), width) for name, width in self._wrapped), default=0)
            self._edits.lines[number] = max(lines, self._edits.lines.get(number, 0))

    def _add(self, number: int, row: Row) -> None:
        """Write a whole row where there was none."""
        for name, column in self._grid.columns.items():
            ref, style = self._letters[column] + b"%d" % number, self._styles.get(column, b"")
            if name in row or name not in self._grid.formulas:
                value = row.get(name)
                self.changes_formulas |= isinstance(value, Link)
                kind, _ = encode(value, self._book.epoch)
                if style or kind or value is not None:
                    self._edits.put(number, column, make(ref, style, value, self._book.epoch))
            else:
                self._edits.put(number, column, self._formula(ref, style, name))
        self._measure(number, row)

    def _formula(self, ref: bytes, style: bytes, name: str) -> bytes:
        self.needs_calculation = True
        look = b' s="%b"' % style if style else b""
        return b'<c r="%b"%b><f>%b</f></c>' % (ref, look, escape(self._grid.formulas[name]))

    def _room(self, wanted: int) -> int:
        """The last data row the table can have, up to the wanted one, given what the accountant typed under it."""
        if self._obstacle is None:
            return wanted
        most = max(self._obstacle - 1 - self._grid.totals, self._grid.last)
        if wanted > most:
            self.notes.append(
                f"Something of yours stands under the table {self._table.name} (sheet {self._grid.sheet_name}, row "
                f"{self._obstacle}): {wanted - most} rows found no room. Move it aside."
            )
        return min(wanted, most)

    def _resize(self, last: int) -> None:
        """Give the table its new last row; a totals row moves along."""
        grid = self._grid
        old = grid.area
        new = Area(old.left, old.top, old.right, last + grid.totals)
        if new == old and not self._is_unfiltered:
            return
        if new != old and grid.totals:
            for column in self._totals:
                if old.bottom > last:
                    self._edits.put(old.bottom, column, None)
            for column, raw in self._totals.items():
                self._edits.put(new.bottom, column, moved(raw, self._letter(column) + b"%d" % new.bottom))
            self.changes_formulas = True
        self._edits.grown.append((old, new))
        self._book.package.replace(grid.part, _resized(self._book, grid, new, self._is_unfiltered))

    def _letter(self, column: int) -> bytes:
        return letters(column).encode()


def _resized(book: Book, grid: Grid, new: Area, unfiltered: bool) -> bytes:  # noqa: FBT001
    root = parse(book.package.part(grid.part), grid.name)
    root.set("ref", str(new))
    ranged = root.findall(f"{{{MAIN}}}autoFilter")
    for item in ranged:
        item.set("ref", str(Area(new.left, new.top, new.right, new.bottom - grid.totals)))
        if unfiltered:
            for column in list(item):
                item.remove(column)
    for order in root.iter(f"{{{MAIN}}}sortState"):
        _extend(order, grid.last, new.bottom - grid.totals)
        for condition in order:
            _extend(condition, grid.last, new.bottom - grid.totals)
    return to_bytes(root)


def _extend(item: etree._Element, old: int, new: int) -> None:
    try:
        area = Area.parse(item.get("ref", ""))
    except ValueError:
        return
    if area.bottom == old:
        item.set("ref", str(Area(area.left, area.top, area.right, new)))


class KeyedWriter(TableWriter):
    """Rows that keep their place: matched by key, new ones appended, none moved or taken away."""

    def __init__(
        self, book: Book, table: Table, grid: Grid, edits: Edits, wanted: Sequence[Row], wishes: Mapping[Key, Row]
    ) -> None:
        if any(name not in grid.columns for name in table.key):
            raise LookupError(table.name)
        super().__init__(book, table, grid, edits)
        self._wanted = {tuple(fold(row.get(name)) for name in table.key): row for row in wanted}
        self._wishes = {tuple(fold(part) for part in key): (key, row) for key, row in wishes.items()}
        self._owned = {column.name for column in table.columns if column.owned}
        self._used = grid.first - 1
        self._tally = Tally(book, grid, *table.key) if table.name == "Invoices" else None
        self._seen: set[Key] = set()

    @property
    def facts(self) -> Facts | None:
        """What the Dashboard counts, once all rows went by; ``None`` for tables it does not look at."""
        return self._tally.facts() if self._tally else None

    def skim(self, data: bytes, at: int, note: Note) -> int:
        """Pass over the rows of which nothing is wanted but to be counted; most are such."""
        return self._tally.skim(data, at, note, self._passes) if self._tally else at

    def _passes(self, number: int, text: str) -> bool:
        key = (text,)
        busy = key in self._wanted or key in self._wishes or key in self._seen
        if busy or not self._grid.first < number <= self._grid.last:
            return False
        self._used = number
        self._seen.add(key)
        return True

    def _visit_row(self, number: int, row: bytes) -> None:
        cells = cells_of(row)
        key = tuple(fold(self._shown(cells, name)) for name in self._table.key)
        if not any(key):
            if any(is_filled(cells.get(column)) for name, column in self._grid.columns.items()
                   if name not in self._grid.formulas):  # fmt: skip
                self._used = number
                self._count(cells, {})
            return
        self._used = number
        if key in self._seen:
            self._twin(number, cells, key)
            return
        self._seen.add(key)
        new: dict[str, Cell] = {}
        if key in self._wanted:
            new = {name: value for name, value in self._wanted[key].items() if name in self._owned}
        if key in self._wishes:
            new |= self._wishes[key][1]
        for name, value in new.items():
            column = self._grid.columns.get(name)
            if column is not None and name not in self._table.key and name not in self._grid.formulas:
                self._set(number, column, cells.get(column), value)
        if number in self._edits.cells:
            names = [name for name, _ in self._wrapped]
            self._measure(number, {**{name: self._shown(cells, name) for name in names}, **new})
        self._count(cells, new)

    def _twin(self, number: int, cells: Mapping[int, bytes], key: Key) -> None:
        """A row that somebody copied: in Invoices it keeps what is the accountant's own, and what is ours goes.

        In mappings and Settings the reader asks which of the two counts, so they stay as they are.
        """
        if self._tally is None:
            self.notes.append(f"The table {self._table.name} has the row {' · '.join(key)} twice; the first counts.")
            return
        for column in self._table.columns:
            place = self._grid.columns.get(column.name)
            raw = None if place is None else cells.get(place)
            if place and raw and is_filled(raw) and column.name not in self._grid.formulas:
                self.changes_formulas |= has_formula(raw)
                self._edits.put(number, place, make(self._letters[place] + b"%d" % number, style_of(raw), None))
        self.notes.append(
            f"The sheet {self._grid.sheet_name} had {' · '.join(key)} twice: row {number} was a copy. The agent's "
            "cells in it were emptied; what you have in columns of your own stays."
        )

    def _count(self, cells: Mapping[int, bytes], new: Row) -> None:
        if self._tally is not None:
            self._tally.add({name: new[name] if name in new else self._shown(cells, name) for name in COLUMNS})

    def finish(self) -> None:
        """Append the rows whose keys were not seen."""
        missing = [
            {**row, **(self._wishes[key][1] if key in self._wishes else {})}
            for key, row in self._wanted.items()
            if key not in self._seen and any(key)
        ]
        known = {*self._seen, *self._wanted}
        if self._table.name != "Invoices":
            missing += [
                {**self._key_cells(key), **row} for folded, (key, row) in self._wishes.items() if folded not in known
            ]
        last = self._room(self._used + len(missing))
        for number, row in enumerate(missing, self._used + 1):
            if number <= last:
                self._add(number, row)
            if self._tally is not None:
                self._tally.add(row)
        self._resize(max(self._grid.last, last))

    def _key_cells(self, key: Key) -> Row:
        cells: dict[str, Cell] = {}
        for name, part in zip(self._table.key, key, strict=True):
            is_whole = self._table.column(name).kind == "whole" and part.isdigit()
            cells[name] = int(part) if is_whole else part
        return cells


class BlockWriter(TableWriter):
    """A table that is written whole; where it has a key, what the accountant put beside a row moves with it."""

    def __init__(
        self, book: Book, table: Table, grid: Grid, edits: Edits, rows: Sequence[Row], wishes: Mapping[Key, Row]
    ) -> None:
        super().__init__(book, table, grid, edits)
        self._rows = list(rows)
        self._wishes = {tuple(fold(part) for part in key): row for key, row in wishes.items()}
        self._kept: list[tuple[int, bytes]] = []
        self._last = grid.first - 1
        owned = {column.name for column in table.columns if column.owned}
        self._theirs = {
            column
            for name, column in grid.columns.items()
            if table.key and name not in owned and name not in grid.formulas
        }
        self._beside: dict[Key, tuple[int, dict[int, bytes]]] = {}
        self._shared_formulas = SharedFormulas()
        self._is_moving = False

    def _visit_row(self, number: int, row: bytes) -> None:
        if b'hidden="1"' in row[: row.index(b">")]:
            self._edits.shown.add(number)
            self._is_unfiltered = True
        if not self._table.key:
            self._compare(number, row)
            return
        self._kept.append((number, row))
        key = tuple(fold(self._read(number, row, name)) for name in self._table.key)
        cells = {column: raw for column, raw in cells_of(row).items() if column in self._theirs}
        for column, raw in cells.items():
            self._shared_formulas.learn(raw, letters(column) + str(number))
        self._beside.setdefault(key, (number, cells))

    def _compare(self, number: int, row: bytes) -> None:
        self._last = max(self._last, number)
        place = number - self._grid.first
        cells = cells_of(row)
        if place >= max(len(self._rows), 1):
            for column, raw in cells.items():
                if self._covers(column):
                    self.changes_formulas |= has_formula(raw)
                    self._edits.put(number, column, None)
            return
        wanted = self._rows[place] if self._rows else {}
        self._carry(number, wanted, cells)
        for name, column in self._grid.columns.items():
            if column in self._theirs and name not in wanted:
                continue
            if name in wanted or name not in self._grid.formulas:
                self._set(number, column, cells.get(column), wanted.get(name))
            elif column not in cells:
                ref, style = self._letters[column] + b"%d" % number, self._styles.get(column, b"")
                self._edits.put(number, column, self._formula(ref, style, name))
        self._measure(number, wanted)

    def _carry(self, number: int, wanted: Row, cells: Mapping[int, bytes]) -> None:
        """Let what stands in the accountant's columns move with its row."""
        key = tuple(fold(wanted.get(name)) for name in self._table.key)
        origin, beside = self._beside.get(key, (number, {}))
        for column in self._theirs:
            old, raw = cells.get(column), beside.get(column)
            place = letters(column) + str(number)
            if raw is None:
                raw = make(place.encode(), style_of(old) if old else self._styles.get(column, b""), None)
                if not is_filled(old) and (old is not None or b"s=" not in raw):
                    continue
            elif origin != number or (self._is_moving and is_shared(raw)):
                self.needs_calculation |= has_formula(raw)
                raw = self._shared_formulas.moved(raw, letters(column) + str(origin), place)
            if raw != old:
                self.changes_formulas |= has_formula(raw) or (old is not None and has_formula(old))
                self._edits.put(number, column, raw)

    def _add(self, number: int, row: Row) -> None:
        super()._add(number, row)
        self._carry(number, row, {})

    def finish(self) -> None:
        """Write the rows that go beyond the old ones, and give the table its new size."""
        if self._table.key:
            keys = [tuple(fold(row.get(name)) for name in self._table.key) for row in self._rows]
            self._rows = [{**row, **self._wishes.get(key, {})} for key, row in zip(keys, self._rows, strict=True)]
            places = {key: number for number, key in enumerate(keys, self._grid.first)}
            self._is_moving = any(places.get(key) != number for key, (number, _) in self._beside.items())
            for number, kept in self._kept:
                self._compare(number, kept)
        count = max(len(self._rows), 1)
        last = self._room(self._grid.first + count - 1)
        for number in range(self._last + 1, last + 1):
            place = number - self._grid.first
            self._add(number, self._rows[place] if place < len(self._rows) else {})
        self._resize(last)


class WishWriter(TableWriter):
    """A block of which only cells that someone asked for change, by key."""

    def __init__(self, book: Book, table: Table, grid: Grid, edits: Edits, wishes: Mapping[Key, Row]) -> None:
        super().__init__(book, table, grid, edits)
        self._wishes = {tuple(fold(part) for part in key): row for key, row in wishes.items()}

    def _visit_row(self, number: int, row: bytes) -> None:
        key = tuple(fold(self._read(number, row, name)) for name in self._table.key)
        for name, value in self._wishes.get(key, {}).items():
            column = self._grid.columns.get(name)
            if column is not None:
                self._set(number, column, cell_at(row, number, self._letters[column]), value)

    def finish(self) -> None:
        """Nothing is left to do."""
