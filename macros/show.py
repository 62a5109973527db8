"""A projection into the open workbook: what its cells show beside what they should show, and the difference written.

The rules are those of the closed file (`workbook.project`): keyed rows keep their place and new ones are appended,
blocks are written whole, and the accountant's columns are left alone; only in a block they move along with their row.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

from macros.sheets import BusyError, OpenBook, OpenTable, Value
from workbook.cells import EPOCH, Cell, Link, clean, fold, link_formula
from workbook.identity import Key, found_again, key_of, keys_of, part
from workbook.layout import TABLES, Table
from workbook.project import Projection, Row

Cells = dict[int, Cell]
"""What cells of a row should show, by column of the table, from 0."""
Wanted = dict[tuple[int, int], Cell]
"""Cells to write, by row and column of the table, both from 0."""


_GIVE_BACK = "Give it its heading back, or save and close the workbook: it is put right then."
_PUT_BACK = "Save and close the workbook: it is put back then."


@dataclass
class Shown:
    """What became of it.

    Attributes:
        cells: How many cells were written.
        notes: What could not be shown, in words.
    """

    cells: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass
class Showing:
    """One projection into one open workbook.

    Attributes:
        book: The open workbook.
        acted: By Autotask id: choices in the column Do that were acted on. They are cleared where they still stand.
        until: When to stop, by the monotonic clock: what is left comes next time.
        is_whole: Whether the rows of Invoices are all there are.
    """

    book: OpenBook
    acted: Mapping[str, str] = field(default_factory=dict)
    until: float = float("inf")
    shown: Shown = field(default_factory=Shown)
    is_whole: bool = False

    def show(self, projection: Projection) -> Shown:
        """Write what differs.

        Raises:
            BusyError: Excel is busy, or the time is up; what was written stays, the rest comes next time.
        """
        self.is_whole = projection.is_whole
        self._names(projection.names)
        for name, rows in projection.tables.items():
            self._table(TABLES[name], rows)
        self._lists(projection.lists)
        return self.shown

    def _in_time(self) -> None:
        if time.monotonic() > self.until:
            raise BusyError("Excel takes its time; the rest of the sheets follows later.")

    def _table(self, table: Table, rows: Sequence[Row]) -> None:
        place = self.book.table(table.name)
        if place is None:
            self._tell(f"The table {table.name} is missing from the workbook; its rows are not shown. {_PUT_BACK}")
            return
        before = self.book.rows(place)
        place = sure(table, place, before, rows)
        lost = [column.name for column in table.columns if column.name not in place.columns]
        if any(name in lost for name in table.key):
            self._tell(f"The table {table.name} has lost its key column; its rows are not shown. {_GIVE_BACK}")
            return
        if lost:
            self._tell(f"The table {table.name} lacks the column {', '.join(lost)}; it is not shown. {_GIVE_BACK}")
        if table.mode == "keyed":
            wanted, height = keyed(table, place, before, rows, is_whole=self.is_whole)
        else:
            wanted, height = block(table, place, before, rows, self._calculated(table, place))
        wanted = self._clearing(place, before, wanted)
        changed = changes(before, wanted, self._links(table, place, rows))
        if height != place.height:
            place, changed = self._fitted(place, height, changed)
        self._write(place, changed)

    def _tell(self, note: str) -> None:
        self.shown.notes.append(note)

    def _calculated(self, table: Table, place: OpenTable) -> set[int]:
        """The accountant's columns of a block that calculate: Excel itself carries those on."""
        ours = {column.name for column in table.columns}
        theirs = [column for column, name in enumerate(place.columns) if name not in ours]
        return {column for column in theirs if any(cell.startswith("=") for cell in self.book.formulas(place, column))}

    def _fitted(self, place: OpenTable, height: int, changed: Wanted) -> tuple[OpenTable, Wanted]:
        """The table with room for its rows, as far as there is room."""
        room = self.book.room(place, height)
        if room < height:
            self._tell(
                f"Something of yours stands under the table {place.name} (sheet {place.sheet}): {height - room} rows "
                "found no room and are not shown. Insert rows above it, or move it aside."
            )
        return self.book.resize(place, room), {cell: value for cell, value in changed.items() if cell[0] < room}

    def _links(self, table: Table, place: OpenTable, rows: Sequence[Row]) -> dict[int, list[str]]:
        """The formulas of the columns that hold links, by column: two links may show one text."""
        held = {name for row in rows for name, value in row.items() if isinstance(value, Link)}
        columns = [place.columns.index(name) for name in held if name in place.columns and name not in table.key]
        return {column: self.book.formulas(place, column) for column in columns}

    def _clearing(
        self, place: OpenTable, before: Sequence[Sequence[Value]], wanted: dict[int, Cells]
    ) -> dict[int, Cells]:
        """With choices cleared that were acted on and still stand; in a block they may just have moved along."""
        if not self.acted or not {"Do", "Autotask id"} <= set(place.columns):
            return wanted
        do, key = place.columns.index("Do"), place.columns.index("Autotask id")
        for number in {*wanted, *range(len(before))}:
            cells, shown = wanted.get(number, {}), before[number] if number < len(before) else ()
            choice, its_key = (cells.get(column, shown[column] if shown else None) for column in (do, key))
            verb = self.acted.get(fold(_readable(its_key)))
            if verb and fold(_readable(choice)) == fold(verb):
                wanted[number] = {**cells, do: None}
        return wanted

    def _write(self, place: OpenTable, changed: Wanted) -> None:
        """Write in blocks, look, and write once more, cell by cell, what does not show yet."""
        if not changed:
            return
        self.shown.cells += len(changed)
        for row, column, values in blocks(changed):
            self._in_time()
            self.book.write(place, row, column, values)
        left = self._not_yet(place, changed)
        for (row, column), value in left.items():
            self._in_time()
            self.book.write(place, row, column, [[value]])
        if left and (lost := self._not_yet(place, left)):
            self._tell(f"{len(lost)} cells of the table {place.name} do not take what they should show.")

    def _not_yet(self, place: OpenTable, changed: Wanted) -> Wanted:
        first, last = min(row for row, _ in changed), max(row for row, _ in changed)
        now = self.book.rows(place, first, last + 1)
        return {cell: value for cell, value in changed.items() if differs(now[cell[0] - first][cell[1]], value)}

    def _names(self, names: Mapping[str, Cell]) -> None:
        shown = self.book.named(list(names))
        for name, value in names.items():
            if name in shown and differs(shown[name], value):
                self._in_time()
                self.book.put(name, value)
                self.shown.cells += 1

    def _lists(self, lists: Mapping[str, Sequence[str]]) -> None:
        shown = self.book.lists() if lists else {}
        for name, entries in lists.items():
            if name in shown and shown[name] != [clean(entry) for entry in entries]:
                self._in_time()
                self.book.put_list(name, entries, len(shown[name]))
                self.shown.cells += len(entries)


def sure(table: Table, place: OpenTable, before: Sequence[Sequence[Value]], rows: Sequence[Row]) -> OpenTable:
    """The table with strange headings where not what ours should show stands under them: those are the accountant's."""
    if not place.renamed:
        return place
    shown = [_named(place, row) for row in before]
    strange = {
        name
        for name in place.renamed
        if name in table.key and not _hold(shown, name, {part(row.get(name)) for row in rows})
    }
    names = [name for name in keys_of(table) if name in place.columns and name not in strange]
    wanted = {key_of(names, row): row for row in rows}
    for name in place.renamed.keys() - set(table.key):
        filled = [row for row in shown if row[name] is not None]
        agree = [row for row in filled if _shows(row[name], wanted.get(key_of(names, row), {}), name)]
        if 2 * len(agree) < len(filled):
            strange.add(name)
    columns = tuple(place.renamed[name] if name in strange else name for name in place.columns)
    return replace(place, columns=columns)


def _hold(shown: Sequence[Mapping[str, Value]], name: str, keys: Collection[str]) -> bool:
    """Whether most of what stands in a column are keys of ours."""
    filled = [row for row in shown if row[name] is not None]
    return 2 * sum(part(row[name]) in keys for row in filled) > len(filled)


def _named(place: OpenTable, row: Sequence[Value]) -> dict[str, Value]:
    return dict(zip(place.columns, row, strict=True))


def _shows(value: Value, row: Row, name: str) -> bool:
    return name in row and not differs(value, row[name])


def keyed(
    table: Table,
    place: OpenTable,
    before: Sequence[Sequence[Value]],
    rows: Sequence[Row],
    *,
    is_whole: bool = False,
) -> tuple[dict[int, Cells], int]:
    """What the agent's cells of a keyed table should show, by row, and its height; no row is moved or taken away."""
    keys = [place.columns.index(name) for name in table.key]
    ours = _columns(table, place)
    inner = {name: column for name, column in ours.items() if name not in table.key}
    wanted = {tuple(fold(row.get(name)) for name in table.key): row for row in rows}
    is_all_ours = table.name == "Invoices"
    found: dict[int, Cells] = {}
    lost: dict[int, dict[str, Value]] = {}
    seen: set[Key] = set()
    used = 0
    for number, shown in enumerate(before):
        key = tuple(fold(_readable(shown[column])) for column in keys)
        if any(key) or any(value is not None for value in shown):
            used = number + 1
        if (any(key) or not is_all_ours) and (key not in seen or not is_all_ours) and key in wanted:
            found[number] = {inner[name]: value for name, value in wanted[key].items() if name in inner}
        elif not any(key) or (is_all_ours and (key in seen or is_whole)):
            lost[number] = _named(place, shown)
        seen.add(key)
    waiting = {key: row for key, row in wanted.items() if key not in seen}
    for number, key in found_again(table.name, lost, waiting).items():
        found[number] = {ours[name]: value for name, value in wanted[key].items() if name in ours}
        seen.add(key)
    added = [row for key, row in wanted.items() if key not in seen and any(key)]
    for number, row in enumerate(added, used):
        found[number] = {ours[name]: value for name, value in row.items() if name in ours}
    return found, max(place.height, used + len(added))


def block(
    table: Table,
    place: OpenTable,
    before: Sequence[Sequence[Value]],
    rows: Sequence[Row],
    calculated: Collection[int] = (),
) -> tuple[dict[int, Cells], int]:
    """What a block should show from its first row on, and its height; the accountant's cells follow their key."""
    ours = _columns(table, place)
    theirs = [column for column in range(len(place.columns)) if column not in {*ours.values(), *calculated}]
    names = keys_of(table)
    theirs = theirs if all(name in place.columns for name in names) else []
    kept: dict[Key, list[Sequence[Value]]] = {}
    for shown in before if theirs else ():
        kept.setdefault(key_of(names, _named(place, shown)), []).append(shown)
    found: dict[int, Cells] = {}
    for number, row in enumerate(rows or [{}]):
        found[number] = {column: row.get(name) for name, column in ours.items()}
        same = kept.get(key_of(names, row))
        beside = same.pop(0) if same else None
        found[number] |= {column: _writable(beside[column] if beside else None) for column in theirs}
    return found, max(len(rows), 1)


def _columns(table: Table, place: OpenTable) -> dict[str, int]:
    """The agent's columns that the workbook has."""
    known = {name: column for column, name in enumerate(place.columns)}
    return {column.name: known[column.name] for column in table.columns if column.owned and column.name in known}


def _writable(value: Value) -> Cell:
    return Decimal(repr(value)) if isinstance(value, float) else value


def _readable(value: Value | Cell) -> str | float | None:
    """A value as keys and choices are compared."""
    return value if isinstance(value, str | int | float) or value is None else str(value)


def changes(
    before: Sequence[Sequence[Value]], wanted: Mapping[int, Cells], links: Mapping[int, Sequence[str]]
) -> Wanted:
    """The cells that do not show what they should, and those of ours between two of them: fewer and larger writes."""
    found: Wanted = {}
    for number, cells in wanted.items():
        shown = before[number] if number < len(before) else None
        if shown is None:
            changed = [column for column, value in cells.items() if value is not None]
        else:
            changed = [
                column
                for column, value in cells.items()
                if (shown[column] != value and differs(shown[column], value))
                or (column in links and _link_differs(links[column][number], value))
            ]
        changed.sort()
        found |= {(number, column): cells[column] for column in changed}
        for left, right in pairwise(changed):
            if all(column in cells for column in range(left + 1, right)):
                found |= {(number, column): cells[column] for column in range(left + 1, right)}
    return found


def _link_differs(formula: str, new: Cell) -> bool:
    """Whether a cell holds another address than it should, or one that it should not."""
    if isinstance(new, Link) and formula == f'=HYPERLINK("{new.url}","{new.text}")':
        return False
    link = link_formula(new) if isinstance(new, Link) else ""
    return formula != f"={link}" if link else formula.startswith("=HYPERLINK(")


def differs(old: Value, new: Cell) -> bool:
    """Whether a cell shows something else than it should."""
    if isinstance(new, Link):
        new = new.text
    if new is None or new == "":
        return old is not None and old != ""
    if isinstance(new, str):
        return old != new and old != clean(new)
    if isinstance(new, date):
        return _day_differs(old, new)
    if isinstance(new, bool) or not isinstance(old, int | float | Decimal) or isinstance(old, bool):
        return old is not new
    return float(old) != float(new)


def _day_differs(old: Value, new: date) -> bool:
    moment = new if isinstance(new, datetime) else datetime(new.year, new.month, new.day)  # noqa: DTZ001 - as in sheets
    if isinstance(old, datetime):
        return abs((old.replace(tzinfo=None) - moment).total_seconds()) >= 1
    if isinstance(old, int | float | Decimal):  # a cell whose format shows no date
        return abs(float(old) * 86400 - (moment - EPOCH).total_seconds()) >= 1
    return True


def blocks(cells: Wanted) -> Iterator[tuple[int, int, list[list[Cell]]]]:
    """Cells as few rectangles: neighbours in a row, and rows below each other with the same columns.

    Gives row, column and values of each. A column of the accountant's between ours parts two rectangles.
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    for row, column in sorted(cells):
        here = spans.setdefault(row, [])
        if here and here[-1][1] == column:
            here[-1] = here[-1][0], column + 1
        else:
            here.append((column, column + 1))
    tops: dict[tuple[int, int], int] = {}
    before = -1
    for row in [*sorted(spans), -1]:
        now = spans.get(row, [])
        for span in [span for span in tops if span not in now or row != before + 1]:
            top = tops.pop(span)
            yield top, span[0], [[cells[down, across] for across in range(*span)] for down in range(top, before + 1)]
        for span in now:
            tops.setdefault(span, row)
        before = row
