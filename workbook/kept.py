"""What the accountant had typed, as the backups have it still: for tables that had to be made anew."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from workbook.book import Book
from workbook.cells import Cell, ErrorValue, Read, fold, value_of
from workbook.errors import WorkbookError
from workbook.layout import TABLES
from workbook.package import Package
from workbook.splice import SheetReader, cells_of

Values = dict[tuple[str, ...], dict[str, Cell]]
"""The accountant's cells of a table by key."""


def backups_of(path: Path, backups: Path) -> list[Path]:
    """The backups of a workbook, the newest first."""
    return sorted(backups.glob(f"{path.stem}-*{path.suffix}"), reverse=True)


def from_backups(path: Path, backups: Path, tables: Iterable[str]) -> dict[str, tuple[Values, Path]]:
    """The accountant's cells of some tables, each from the newest backup that has any.

    Args:
        path: The workbook.
        backups: The folder with its backups.
        tables: The tables; those that the agent owns whole are passed over.
    """
    wanted = {name for name in tables if TABLES[name].mode == "keyed" and name != "Invoices"}
    found: dict[str, tuple[Values, Path]] = {}
    for backup in backups_of(path, backups):
        if not wanted - set(found):
            break
        try:
            book = Book(Package.read(backup))
            for name in wanted - set(found):
                if values := _values(book, name):
                    found[name] = (values, backup)
        except (WorkbookError, ValueError):
            continue
    return found


def _values(book: Book, name: str) -> Values:
    grid = book.grids.get(name)
    table = TABLES[name]
    theirs = [column.name for column in table.columns if not column.owned]
    if grid is None or any(part not in grid.columns for part in (*table.key, *theirs)):
        return {}
    found: Values = {}
    for number, row in SheetReader(book.package.pieces(grid.sheet)).rows():
        if grid.first <= number <= grid.last:
            cells = cells_of(row)
            shown = {
                heading: value_of(cells[column], book.shared)
                for heading, column in grid.columns.items()
                if column in cells
            }
            key = tuple(_key_text(shown.get(part)) for part in table.key)
            values = {part: _cell(shown.get(part)) for part in theirs}
            if any(key) and any(value is not None for value in values.values()):
                found.setdefault(key, values)
    return found


def _key_text(value: Read) -> str:
    return "" if value is None else fold(value) if isinstance(value, float) else str(value)


def _cell(value: Read) -> Cell:
    if isinstance(value, float):
        return Decimal(repr(value))
    return None if isinstance(value, ErrorValue) or value == "" else value
