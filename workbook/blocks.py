"""Filling tables that are written whole; what the accountant put beside a row moves with it, and filters stay."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import partial

from workbook.book import MAIN, Book, Grid, parse
from workbook.cells import Cell, Read, has_formula, letters, make, style_of, value_of
from workbook.filters import Filter, UntoldError
from workbook.formulas import SharedFormulas, is_shared
from workbook.identity import Key, found_again, key_of, keys_of, telling
from workbook.splice import Edits, cell_at, cells_of, is_hidden
from workbook.tables import Row, TableWriter, Wanted, is_filled


class BlockWriter(TableWriter):
    """A table that is written whole; what the accountant put beside a row moves with it."""

    def __init__(self, book: Book, grid: Grid, edits: Edits, wanted: Wanted) -> None:
        super().__init__(book, grid, edits, wanted)
        names = keys_of(wanted.table)
        self._key = names if all(name in grid.columns for name in names) else ()
        self._keys = [key_of(self._key, row, book.epoch) for row in wanted.rows]
        self._rows: list[Row] = [
            {**row, **self._wishes.get(key, {})} for key, row in zip(self._keys, wanted.rows, strict=True)
        ]
        alone = Counter(self._keys)
        self._by_key = {key: row for key, row in zip(self._keys, wanted.rows, strict=True) if alone[key] == 1}
        self._theirs = {
            column for name, column in grid.columns.items() if name not in self._owned and name not in grid.formulas
        }
        self._kept: list[tuple[int, bytes]] = []
        self._last = grid.first - 1
        self._beside: defaultdict[Key, list[tuple[int, dict[int, bytes]]]] = defaultdict(list)
        self._shared_formulas = SharedFormulas()
        self._is_moving = False
        self._hidden: set[int] = set()
        self._placed: dict[tuple[int, int], bytes | None] = {}
        self._lost: dict[int, dict[str, Read]] = {}
        self._erased = 0

    def _visit_row(self, number: int, row: bytes) -> None:
        if is_hidden(row):
            self._hidden.add(number)
        if self._unchanged and self._key:
            self._look_for_typing(number, row)
        if not (self._theirs and self._key):
            self._compare(number, row)
            return
        self._kept.append((number, row))
        cells = {column: raw for column, raw in cells_of(row).items() if column in self._theirs}
        for column, raw in cells.items():
            self._shared_formulas.learn(raw, letters(column) + str(number))
        key = self._key_at(number, row)
        self._beside[key].append((number, cells))
        if not any(key) and any(map(is_filled, cells.values())):
            self._lost[number] = {name: self._read(number, row, name) for name in telling(self._table.name)}

    def _key_at(self, number: int, row: bytes) -> Key:
        return key_of(self._key, {name: self._read(number, row, name) for name in self._key}, self._book.epoch)

    def _look_for_typing(self, number: int, row: bytes) -> None:
        key = self._key_at(number, row)
        if key not in self._unchanged or key not in self._by_key:
            return
        cells, wanted = cells_of(row), self._by_key[key]
        for name, column in self._grid.columns.items():
            if name in self._owned and name not in self._grid.formulas:
                self._note_typed_over(wanted, name, cells.get(column))

    def _compare(self, number: int, row: bytes) -> None:
        self._last = max(self._last, number)
        place = number - self._grid.first
        cells = cells_of(row)
        if place >= max(len(self._rows), 1):
            for column, raw in cells.items():
                if self._covers(column):
                    self.changes_formulas |= has_formula(raw)
                    self._put(number, column, None)
            return
        wanted = self._rows[place] if self._rows else {}
        if self._key:
            self._carry(number, wanted, cells)
        for name, column in self._grid.columns.items():
            if column in self._theirs and name not in wanted:
                self._erase(number, column, cells.get(column))
            elif name in wanted or name not in self._grid.formulas:
                self._set(number, column, cells.get(column), wanted.get(name))
            elif column not in cells:
                ref, style = self._letters[column] + b"%d" % number, self._styles.get(column, b"")
                self._put(number, column, self._formula(ref, style, name))
        self._measure(number, wanted)

    def _erase(self, number: int, column: int, raw: bytes | None) -> None:
        """Without a key nothing tells to which row the accountant's cell belongs."""
        if not self._key and raw is not None and is_filled(raw):
            self._erased += 1
            self.changes_formulas |= has_formula(raw)
            self._put(number, column, make(self._letters[column] + b"%d" % number, style_of(raw), None))

    def _carry(self, number: int, wanted: Row, cells: Mapping[int, bytes]) -> None:
        """Let what stands in the accountant's columns move with its row."""
        key = key_of(self._key, wanted, self._book.epoch)
        origin, beside = self._beside[key].pop(0) if self._beside.get(key) else (number, {})
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
            self._placed[number, column] = raw
            if raw != old:
                self.changes_formulas |= has_formula(raw) or (old is not None and has_formula(old))
                self._put(number, column, raw)

    def _find_lost(self) -> None:
        """Put the accountant's cells beside rows that lost their key to those that are like them."""
        waiting = {key: row for key, row in self._by_key.items() if key not in self._beside}
        found = found_again(self._table.name, self._lost, waiting, self._book.epoch)
        rest = []
        for number, cells in self._beside.pop(("",) * len(self._key)):
            if number in found:
                self._beside[found[number]].append((number, cells))
            else:
                rest.append((number, cells))
        self._beside[("",) * len(self._key)] = rest
        self._erased += sum(is_filled(raw) for number, cells in rest if number in self._lost for raw in cells.values())

    def _add(self, number: int, row: Row) -> None:
        super()._add(number, row)
        if self._key:
            self._carry(number, row, {})

    def finish(self) -> None:
        """Write the rows that go beyond the old ones, and give the table its new size."""
        if self._lost:
            self._find_lost()
        places = {key: number for number, key in enumerate(self._keys, self._grid.first)}
        self._is_moving = any(places.get(key) != number for key, found in self._beside.items() for number, _ in found)
        for number, kept in self._kept:
            self._compare(number, kept)
        count = max(len(self._rows), 1)
        last = self._room(self._grid.first + count - 1)
        for number in range(self._last + 1, last + 1):
            place = number - self._grid.first
            self._add(number, self._rows[place] if place < len(self._rows) else {})
        self._resize(last)
        self._tell_typed_over()
        if self._erased:
            self.notes.append(
                f"{self._grid.sheet_name}: {self._erased} of your cells in the table {self._table.name} could not be "
                "kept: it is written anew each time. Keep notes on the sheet Invoices, where they stay with their "
                "invoice."
            )
        if self._is_changed:
            self._filter(last)

    def _filter(self, last: int) -> None:
        """Show and hide rows as the table's filter says: other rows stand there now."""
        grid = self._grid
        others = [other for other in self._book.grids.values() if other.sheet == grid.sheet and other.part != grid.part]
        root = parse(self._book.package.part(grid.part), grid.name)
        its = Filter(root.find(f"{{{MAIN}}}autoFilter"), self._book.epoch)
        hides = its.hides((number, partial(self._value, number)) for number in range(grid.first, last + 1))
        self._edits.hidden |= hides - self._hidden
        self._edits.filtered |= hides
        if its or not any(other.is_filtered for other in others):
            self._edits.shown |= self._hidden - hides

    def _value(self, number: int, place: int) -> Cell | Read:
        """What a cell shows now, by its row and its column within the table."""
        column = self._grid.area.left + place
        name = next((name for name, its in self._grid.columns.items() if its == column), "")
        at = number - self._grid.first
        row = self._rows[at] if at < len(self._rows) else {}
        if name in row or name in self._owned:
            return row.get(name)
        if name in self._grid.formulas:
            raise UntoldError
        raw = self._placed.get((number, column))
        return None if raw is None else value_of(raw, self._book.shared)


class WishWriter(TableWriter):
    """A block of which only cells that someone asked for change, by key."""

    def _visit_row(self, number: int, row: bytes) -> None:
        key = key_of(
            self._table.key, {name: self._read(number, row, name) for name in self._table.key}, self._book.epoch
        )
        for name, value in self._wishes.get(key, {}).items():
            column = self._grid.columns.get(name)
            if column is not None:
                self._set(number, column, cell_at(row, number, self._letters[column]), value)

    def finish(self) -> None:
        """Nothing is left to do."""
