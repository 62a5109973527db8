"""Filling one table on a sheet: which of its cells change, row by row as the sheet goes by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

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
from workbook.identity import Key, called, found_again, listed, part, telling, told_lost
from workbook.layout import Table
from workbook.splice import Edits, Note, cell_at, cells_of
from workbook.tally import Tally

Row = Mapping[str, Cell]


@dataclass(frozen=True)
class Wanted:
    """What one table should show.

    Attributes:
        table: The table.
        rows: Its rows.
        wishes: By key: columns to write although the accountant owns them.
        unchanged: The keys of rows that the file was left with just so.
        fresh: The columns that were put back just now, blank.
        is_whole: Whether the rows of Invoices are all there are.
    """

    table: Table
    rows: Sequence[Row] = ()
    wishes: Mapping[Key, Row] = field(default_factory=dict)
    unchanged: Collection[Key] = ()
    fresh: Collection[str] = ()
    is_whole: bool = False


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

    def __init__(self, book: Book, grid: Grid, edits: Edits, wanted: Wanted) -> None:
        table = wanted.table
        self.notes: list[str] = []
        self.needs_calculation = False
        self.changes_formulas = False
        self._book = book
        self._table = table
        self._grid = grid
        self._unchanged = set(wanted.unchanged)
        self._fresh = wanted.fresh
        self._owned = {column.name for column in table.columns if column.owned}
        self._wishes = {tuple(fold(text) for text in key): row for key, row in wanted.wishes.items()}
        self._typed_over: list[str] = []
        self._is_changed = False
        self._edits = edits
        self._styles: dict[int, bytes] = {}
        self._obstacle: int | None = None
        self._totals: dict[int, bytes] = {}
        self._letters = {number: letters(number).encode() for number in grid.columns.values()}
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

    def _put(self, number: int, column: int, raw: bytes | None) -> None:
        self._is_changed = True
        self._edits.put(number, column, raw)

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
        self._put(number, column, make(self._letters[column] + b"%d" % number, style, value, self._book.epoch))
        return True

    def _note_typed_over(self, row: Row, name: str, raw: bytes | None) -> None:
        """Take note of a cell that showed something else than what we left there."""
        value = row.get(name)
        if name not in self._fresh and not self._shows(raw, value):
            self._typed_over.append(f"{name} of {called(self._table, row)}")

    def _shows(self, raw: bytes | None, value: Cell) -> bool:
        """Whether a cell shows a value, though another program may have rounded it, or lost its link."""
        if isinstance(value, Link):
            value = value.text
        if shows(raw, value, self._book.shared, self._book.epoch):
            return True
        shown = None if raw is None else value_of(raw, self._book.shared)
        return isinstance(shown, int | float) and part(shown) == part(value, self._book.epoch)

    def _tell_typed_over(self) -> None:
        if names := self._typed_over:
            one = "1 cell that was typed over was"
            cells = one if len(names) == 1 else f"{len(names)} cells that were typed over were"
            self.notes.append(f"{self._grid.sheet_name}: {cells} put right ({listed(names)}).")

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
                    self._put(number, column, make(ref, style, value, self._book.epoch))
            else:
                self._put(number, column, self._formula(ref, style, name))
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
            so = " and are neither shown nor counted on the Dashboard" if self._table.name == "Invoices" else ""
            self.notes.append(
                f"Something of yours stands under the table {self._table.name} (sheet {self._grid.sheet_name}, row "
                f"{self._obstacle}): {wanted - most} rows found no room{so}. Insert rows above it, or move it aside; "
                "save, and they are shown."
            )
        return min(wanted, most)

    def _resize(self, last: int) -> None:
        """Give the table its new last row; a totals row moves along."""
        grid = self._grid
        old = grid.area
        new = Area(old.left, old.top, old.right, last + grid.totals)
        if new == old:
            return
        if grid.totals:
            for column in self._totals:
                if old.bottom > last:
                    self._put(old.bottom, column, None)
            for column, raw in self._totals.items():
                self._put(new.bottom, column, moved(raw, self._letter(column) + b"%d" % new.bottom))
            self.changes_formulas = True
        self._edits.grown.append((old, new))
        self._book.package.replace(grid.part, _resized(self._book, grid, new))

    def _letter(self, column: int) -> bytes:
        return letters(column).encode()


def _resized(book: Book, grid: Grid, new: Area) -> bytes:
    root = parse(book.package.part(grid.part), grid.name)
    root.set("ref", str(new))
    for item in root.findall(f"{{{MAIN}}}autoFilter"):
        item.set("ref", str(Area(new.left, new.top, new.right, new.bottom - grid.totals)))
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
    """Rows that keep their place: matched by key, new ones appended, none moved or taken away.

    A row whose key was lost gets it back where what else it shows tells which it was.
    """

    def __init__(self, book: Book, grid: Grid, edits: Edits, wanted: Wanted) -> None:
        table = wanted.table
        if any(name not in grid.columns for name in table.key):
            raise LookupError(table.name)
        super().__init__(book, grid, edits, wanted)
        self._wanted = {tuple(fold(row.get(name)) for name in table.key): row for row in wanted.rows}
        self._keys = {tuple(fold(text) for text in key): key for key in wanted.wishes}
        self._is_whole = wanted.is_whole and bool(self._wanted)
        self._used = grid.first - 1
        self._tally = Tally(book, grid, *table.key) if table.name == "Invoices" else None
        self._seen: set[Key] = set()
        self._lost: list[tuple[int, bytes, Key]] = []

    @property
    def facts(self) -> Facts | None:
        """What the Dashboard counts, once all rows went by; ``None`` for tables it does not look at."""
        return self._tally.facts() if self._tally else None

    def skim(self, data: bytes, at: int, note: Note) -> int:
        """Pass over the rows of which nothing is wanted but to be counted; most are such."""
        return self._tally.skim(data, at, note, self._passes) if self._tally and not self._is_whole else at

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
        if any(key) and key not in self._seen and self._is_known(key):
            self._used = number
            self._seen.add(key)
            self._show(number, cells, key)
        elif self._holds(cells, self._owned):
            self._used = number
            self._lost.append((number, row, key))
        elif self._holds(cells, self._grid.columns):
            self._used = number

    def _is_known(self, key: Key) -> bool:
        return not (self._tally and self._is_whole) or key in self._wanted

    def _holds(self, cells: Mapping[int, bytes], names: Collection[str]) -> bool:
        columns = self._grid.columns
        return any(
            is_filled(cells.get(columns[name])) for name in names if name in columns and name not in self._grid.formulas
        )

    def _show(self, number: int, cells: Mapping[int, bytes], key: Key) -> None:
        """Let a row show what it should."""
        row = self._wanted.get(key, {})
        wish = self._wishes.get(key, {})
        new = {**{name: value for name, value in row.items() if name in self._owned}, **wish}
        for name, value in new.items():
            column = self._grid.columns.get(name)
            if column is None or name in self._table.key or name in self._grid.formulas:
                continue
            raw = cells.get(column)
            if self._set(number, column, raw, value) and key in self._unchanged and name not in wish:
                self._note_typed_over(row, name, raw)
        if number in self._edits.cells:
            names = [name for name, _ in self._wrapped]
            self._measure(number, {**{name: self._shown(cells, name) for name in names}, **new})
        self._count(cells, new)

    def _count(self, cells: Mapping[int, bytes], new: Row) -> None:
        if self._tally is not None:
            self._tally.add({name: new[name] if name in new else self._shown(cells, name) for name in COLUMNS})

    def _settle_lost(self) -> None:
        """Give rows without a key of their own theirs back; what is no invoice's is emptied, so that none counts twice.

        In mappings and Settings the reader asks about what is left, so that it stays as it is.
        """
        lost = {number: cells_of(row) for number, row, _ in self._lost}
        names = telling(self._table.name)
        shown = {
            number: {name: self._shown(lost[number], name) for name in names}
            for number, _, key in self._lost
            if self._tally or not any(key)
        }
        waiting = {key: row for key, row in self._wanted.items() if key not in self._seen}
        found = found_again(self._table.name, shown, waiting, self._book.epoch)
        emptied: list[str] = []
        unknown: list[str] = []
        # Where every invoice has its row, one more with an id of its own may be of a ledger newer than this one.
        is_all_there = not set(waiting) - set(found.values())
        for number, _, key in self._lost:
            cells = lost[number]
            if number in found:
                self._give_back(number, cells, found[number])
            elif self._tally is None and key in self._wanted:
                self._show(number, cells, key)  # the reader refuses both, and says so beside both
            elif key in self._seen:
                self._twin(number, cells, key)
            elif self._tally and self._is_whole and not (is_all_there and key[0].isdecimal()):
                self._empty(number, cells)
                emptied.append(f"row {number}: {' · '.join(key) or 'none'}")
            else:
                unknown += [key[0]] if self._tally and self._is_whole else []
                self._count(cells, {})
        if unknown:
            self.notes.append(
                f"{self._grid.sheet_name}: the agent does not know the invoices with the ids {listed(unknown)}. Their "
                "rows were left as they are. If an older ledger was put back, run “autoxero rebuild-ledger”."
            )
        self._tell_lost([called(self._table, self._wanted[key]) for key in found.values()], emptied)

    def _tell_lost(self, found: Sequence[str], emptied: Sequence[str]) -> None:
        if found:
            self.notes.append(told_lost(self._grid.sheet_name, self._table.key, found))
        if emptied:
            self.notes.append(
                f"{self._grid.sheet_name}: rows without an id that the agent knows, like no invoice that lacks its row "
                f"({listed(emptied)}): the agent's cells in them were emptied, so that nothing counts twice; what you "
                "have in columns of your own stays."
            )

    def _give_back(self, number: int, cells: Mapping[int, bytes], key: Key) -> None:
        self._seen.add(key)
        for name in self._table.key:
            column = self._grid.columns[name]
            self._set(number, column, cells.get(column), self._wanted[key].get(name))
        self._show(number, cells, key)

    def _twin(self, number: int, cells: Mapping[int, bytes], key: Key) -> None:
        """A row that somebody copied: in Invoices it keeps what is the accountant's own, and what is ours goes."""
        if self._tally is None:
            named = " · ".join(key)
            self.notes.append(f"The table {self._table.name} has the row {named} twice; neither counts until one goes.")
            return
        self._empty(number, cells)
        self.notes.append(
            f"The sheet {self._grid.sheet_name} had {' · '.join(key)} twice: row {number} was a copy. The agent's "
            "cells in it were emptied; what you have in columns of your own stays."
        )

    def _empty(self, number: int, cells: Mapping[int, bytes]) -> None:
        """Empty the cells of our columns, Do among them: it means nothing without an invoice."""
        for column in self._table.columns:
            place = self._grid.columns.get(column.name)
            raw = None if place is None else cells.get(place)
            if place and raw and is_filled(raw) and column.name not in self._grid.formulas:
                self.changes_formulas |= has_formula(raw)
                self._put(number, place, make(self._letters[place] + b"%d" % number, style_of(raw), None))

    def finish(self) -> None:
        """Settle what lost its key, and append the rows that have no place yet."""
        if self._lost:
            self._settle_lost()
        self._tell_typed_over()
        missing = [
            {**row, **self._wishes.get(key, {})}
            for key, row in self._wanted.items()
            if key not in self._seen and any(key)
        ]
        if self._table.name != "Invoices":
            known = {*self._seen, *self._wanted}
            missing += [
                {**self._key_cells(key), **self._wishes[folded]}
                for folded, key in self._keys.items()
                if folded not in known
            ]
        last = self._room(self._used + len(missing))
        for number, row in enumerate(missing[: last - self._used], self._used + 1):
            self._add(number, row)
            if self._tally is not None:
                self._tally.add(row)
        self._resize(max(self._grid.last, last))

    def _key_cells(self, key: Key) -> Row:
        cells: dict[str, Cell] = {}
        for name, text in zip(self._table.key, key, strict=True):
            is_whole = self._table.column(name).kind == "whole" and text.isdigit()
            cells[name] = int(text) if is_whole else text
        return cells
