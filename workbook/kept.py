"""What the accountant had typed, as it was last read or as the backups have it still: for what had to be made anew."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from agent.domain.settings import SETTINGS
from workbook.book import Book
from workbook.cells import EPOCH, Cell, ErrorValue, Read, fold, moment, serial, value_of
from workbook.errors import WorkbookError
from workbook.layout import TABLES
from workbook.package import Package
from workbook.splice import SheetReader, cells_of

Values = dict[tuple[str, ...], dict[str, Cell]]
"""The accountant's cells of a table by key; dates as moments, whichever day the workbook counts from."""


TYPED = ("Settings", "AccountMap", "TaxMap", "ContactMap", "TrackingMap")
"""The tables by which money goes out."""
_DATES = {(fold(setting.name),) for setting in SETTINGS if setting.kind == "date"}
"""The keys of settings that are dates; no mapping's key is called so."""


def typed(book: Book) -> dict[str, Values]:
    """All that the accountant owns of the tables by which money goes out; none of a table that is not whole."""
    return {name: _values(book, name) for name in TYPED if _is_whole(book, name)}


def to_json(tables: Mapping[str, Values]) -> str:
    """The accountant's cells as text, numbers to the last digit."""
    rows = {name: [[key, cells] for key, cells in values.items()] for name, values in tables.items()}
    return json.dumps(rows, default=_as_number, ensure_ascii=False)


def _as_number(value: Decimal | datetime) -> float:
    return float(serial(value) if isinstance(value, datetime) else value)


def from_json(text: str) -> dict[str, Values]:
    """The accountant's cells of `to_json`; none of blank text."""
    rows = json.loads(text or "{}", parse_float=Decimal)
    return {
        name: {tuple(key): {part: _dated(key, cell, EPOCH) for part, cell in cells.items()} for key, cells in values}
        for name, values in rows.items()
    }


def back_to(book: Book, known: Mapping[str, Values]) -> dict[str, Values]:
    """What is to be written so that the accountant's cells are as they were: what was blank then is blank again."""
    return {
        name: {key: dict.fromkeys(cells) for key, cells in _values(book, name).items()} | dict(values)
        for name, values in known.items()
    }


def put_back(book: Book, name: str, columns: Collection[str], values: Values) -> Values:
    """What the accountant had typed in columns that are there again, blank: for the rows that still stand there."""
    here = {_folded(key) for key, _ in _rows(book, name)}
    found = {key: {heading: cells[heading] for heading in columns if heading in cells} for key, cells in values.items()}
    return {key: cells for key, cells in found.items() if cells and _folded(key) in here}


def backups_of(path: Path, backups: Path) -> list[Path]:
    """The backups of a workbook, the newest first."""
    return sorted(backups.glob(f"{path.stem}-*{path.suffix}"), reverse=True)


def keep_old(path: Path, backups: Path) -> Path:
    """Keep a copy of the workbook that no later backup takes the place of; gives where it is."""
    raw, number = path.read_bytes(), 1
    name = f"{path.stem} (before {datetime.now(UTC).astimezone():%Y-%m-%d}"
    copy = backups / f"{name}){path.suffix}"
    while copy.exists() and copy.read_bytes() != raw:
        number += 1
        copy = backups / f"{name} {number}){path.suffix}"
    if not copy.exists():
        backups.mkdir(parents=True, exist_ok=True)
        partial = copy.with_suffix(".partial")
        partial.write_bytes(raw)
        partial.replace(copy)
    return copy


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


def _theirs(name: str) -> list[str]:
    return [column.name for column in TABLES[name].columns if not column.owned]


def _is_whole(book: Book, name: str) -> bool:
    """Whether a table is there with its keys and all columns of the accountant's."""
    grid = book.grids.get(name)
    return grid is not None and all(part in grid.columns for part in (*TABLES[name].key, *_theirs(name)))


def _values(book: Book, name: str) -> Values:
    if not _is_whole(book, name):
        return {}
    found: Values = {}
    for key, shown in _rows(book, name):
        values = {part: _dated(key, _cell(shown.get(part)), book.epoch) for part in _theirs(name)}
        if any(key) and any(value is not None for value in values.values()):
            found.setdefault(key, values)
    return found


def _rows(book: Book, name: str) -> Iterator[tuple[tuple[str, ...], dict[str, Read]]]:
    """The rows of a table: the key, and what the row shows by heading."""
    grid, table = book.grids[name], TABLES[name]
    for number, row in SheetReader(book.package.pieces(grid.sheet)).rows():
        if grid.first <= number <= grid.last:
            cells = cells_of(row)
            shown = {
                heading: value_of(cells[column], book.shared)
                for heading, column in grid.columns.items()
                if column in cells
            }
            yield tuple(_key_text(shown.get(part)) for part in table.key), shown


def _key_text(value: Read) -> str:
    return "" if value is None else fold(value) if isinstance(value, float) else str(value)


def _folded(key: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(fold, key))


def _dated(key: Sequence[str], value: Cell, epoch: datetime) -> Cell:
    """The moment that a number under a date setting stands for; any other cell, and a number too high, as it is."""
    if _folded(tuple(key)) in _DATES and isinstance(value, int | Decimal) and not isinstance(value, bool):
        with suppress(OverflowError):
            return moment(float(value), epoch)
    return value


def _cell(value: Read) -> Cell:
    if isinstance(value, float):
        return Decimal(repr(value))
    return None if isinstance(value, ErrorValue) or value == "" else value
