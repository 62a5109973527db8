"""Counting what the Dashboard shows, quickly: rows whose cells are alike are counted as bytes and read once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from workbook.book import Book, Grid
from workbook.cells import Cell, Read, fold, letters, value_of
from workbook.facts import COLUMNS, Facts
from workbook.splice import cells_at

_Look = tuple[bytes | None, ...]
_NUMBER_END = b"</v></c>"
_SHORT = 15
"""Numbers as long as this may be 0.1 written as 0.10000000000000001, as Excel does."""


def _bare(raw: bytes | None) -> bytes | None:
    """A cell without its place, so that cells that look alike are alike."""
    return raw[raw.find(b'"', 6) :] if raw and raw[:6] == b'<c r="' else raw


def _whole(raw: bytes) -> bytes:
    return raw if raw[:2] == b"<c" else b"<c" + raw[1:]


class Tally:
    """The counts over the rows of Invoices as they go by.

    Args:
        book: The workbook.
        grid: Where the table stands.
        key: The heading of its key.
    """

    def __init__(self, book: Book, grid: Grid, key: str) -> None:
        self._book = book
        self._facts = Facts()
        self._groups: dict[_Look, list[Decimal | int]] = {}
        wanted = (key, *COLUMNS)
        places = sorted((grid.columns[name], name) for name in wanted if name in grid.columns)
        self._letters = [letters(column).encode() for column, _ in places]
        order = [name for _, name in places]
        self._key = order.index(key)
        self._places = [order.index(name) if name in order else -1 for name in COLUMNS]

    def look(self, number: int, row: bytes) -> tuple[str, list[bytes | None]]:
        """The row's key as `fold` gives it, and the cells that `count` takes."""
        cells = [*cells_at(row, number, self._letters), None]
        raw = cells[self._key]
        if raw is None:
            return "", cells
        if raw.endswith(_NUMBER_END) and (text := raw[raw.rfind(b"<v>") + 3 : -8]).isdigit() and b" t=" not in raw:
            return text.decode(), cells
        return fold(value_of(raw, self._book.shared)), cells

    def count(self, cells: list[bytes | None]) -> None:
        """Count a row that stays as it is."""
        status, state, day, currency, total = [cells[place] for place in self._places]
        group = (_bare(status), _bare(state), _bare(day), _bare(currency))
        known = self._groups.get(group)
        if known is None:
            known = self._groups[group] = [0, Decimal(0)]
        known[0] += 1
        if total is not None:
            known[1] += self._amount(total)

    def _amount(self, raw: bytes) -> Decimal:
        text = raw[raw.rfind(b"<v>") + 3 : -8]
        if len(text) < _SHORT and raw.endswith(_NUMBER_END) and b" t=" not in raw and b"<f" not in raw:
            return Decimal(text.decode())
        value = value_of(raw, self._book.shared)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return Decimal(str(value)) if is_number else Decimal(0)

    def add(self, row: Mapping[str, Cell | Read]) -> None:
        """Count a row by its values."""
        self._facts.add(tuple(row.get(name) for name in COLUMNS), self._book.epoch)

    def facts(self) -> Facts:
        """The counts and sums of all rows so far."""
        for group, (count, total) in self._groups.items():
            values = [None if raw is None else value_of(_whole(raw), self._book.shared) for raw in group]
            self._facts.add((*values, Decimal(total)), self._book.epoch, int(count))
        self._groups.clear()
        return self._facts
