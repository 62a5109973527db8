"""Counting what the Dashboard shows, quickly: rows whose cells are alike are counted as bytes and read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from workbook.book import Book, Grid
from workbook.cells import Cell, Read, letters, value_of
from workbook.facts import COLUMNS, Facts
from workbook.splice import Note, usual_row

_SUMS = 2
"""How many of `COLUMNS`, at their end, are sums; by the others rows are grouped."""
_SHORT = 15
"""Numbers as long as this may be 0.1 written as 0.10000000000000001, as Excel does."""


class Tally:
    """The counts over the rows of Invoices as they go by.

    Args:
        book: The workbook.
        grid: Where the table stands.
        key: The heading of its key, a whole number.
    """

    def __init__(self, book: Book, grid: Grid, key: str) -> None:
        self._book = book
        self._facts = Facts()
        self._groups: dict[tuple[bytes | None, ...], tuple[list[int], list[Decimal]]] = {}
        self._match = None
        places = sorted(grid.columns[name] for name in (key, *COLUMNS) if name in grid.columns)
        if len(places) == len(COLUMNS) + 1:
            numbers = [letters(grid.columns[name]).encode() for name in (key, *COLUMNS[-_SUMS:])]
            self._match = usual_row([letters(place).encode() for place in places], numbers).match
            self._order = [1, *(places.index(grid.columns[name]) + 2 for name in (key, *COLUMNS))]

    def skim(self, data: bytes, at: int, note: Note, passes: Callable[[int, str], bool]) -> int:
        """Count rows as they lie, up to the first that is written in another way than usual or does not pass.

        Args:
            data: Bytes of the sheet.
            at: Where a row starts in them.
            note: Takes each row that was counted: its number, and where it ends.
            passes: Tells by number and key whether a row stays as it is.

        Returns:
            Where the first row starts that was not counted.
        """
        if self._match is None:
            return at
        while found := self._match(data, at):
            number, key, *cells = found.group(*self._order)
            row = int(number)
            if key is None or not key.isdigit() or not passes(row, key.decode()):
                break
            at = found.end()
            note(row, at)
            self._count(tuple(cells[:-_SUMS]), cells[-_SUMS:])
        return at

    def _count(self, group: tuple[bytes | None, ...], amounts: list[bytes | None]) -> None:
        known = self._groups.get(group)
        if known is None:
            known = self._groups[group] = ([0], [Decimal(0)] * _SUMS)
        known[0][0] += 1
        sums = known[1]
        for place, text in enumerate(amounts):
            if text is not None:
                number = text.decode()
                sums[place] += Decimal(number if len(number) < _SHORT else str(float(number)))

    def add(self, row: Mapping[str, Cell | Read]) -> None:
        """Count a row by its values."""
        self._facts.add(tuple(row.get(name) for name in COLUMNS), self._book.epoch)

    def facts(self) -> Facts:
        """The counts and sums of all rows so far."""
        for group, ((count,), sums) in self._groups.items():
            values = [None if raw is None else value_of(b"<c" + raw, self._book.shared) for raw in group]
            self._facts.add((*values, *sums), self._book.epoch, count)
        self._groups.clear()
        return self._facts
