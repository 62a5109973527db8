"""A sheet as a stream of rows: read one at a time, and written with some cells changed and all else as it lies.

A sheet of 50,000 invoices unpacks to some 80 MB. So it is never held whole, and never parsed as a tree: rows are cut
out of the bytes, and only those that change are taken apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from workbook.book import Area
from workbook.cells import column_number, letters

_OPENING = re.compile(rb"<sheetData\s*(/?)>")
_ROW_NUMBER = re.compile(rb'\sr="(\d+)"')
_SPANS = re.compile(rb'\sspans="[^"]*"')
_HIDDEN = re.compile(rb'\shidden="(?:1|true)"')
_HEIGHT = re.compile(rb'\sht="[^"]*"')
_LINE = 12.75
"""The height of a line of text, in points."""
_CELL = re.compile(rb"<c(?=[\s/>])[^>]*?(?:/>|>.*?</c>)", re.DOTALL)
_PLACE = re.compile(rb'\sr="([A-Z]+)\d*"')
_DIMENSION = re.compile(rb'<dimension\s+ref="([^"]*)"')
_RANGES = re.compile(rb'(\ssqref="|<xm:sqref>)([^"<]*)')

Changes = Mapping[int, Mapping[int, bytes | None]]
"""New cells by row and column; ``None`` takes the cell away."""


class SheetReader:
    """The rows of a sheet, one after another.

    Attributes:
        head: Everything before the first row.
        tail: Everything after the last row; complete once `rows` has ended.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        data = b""
        opening = None
        while opening is None:
            piece = next(self._pieces, None)
            if piece is None:
                raise ValueError("the sheet holds no rows")
            data += piece
            opening = _OPENING.search(data)
        self._is_empty = opening[1] == b"/"
        self.head = data[: opening.start()] + b"<sheetData>"
        self._rest = data[opening.end() :]
        self.tail = b""

    def rows(self) -> Iterator[tuple[int, bytes]]:
        """Each row's number and bytes.

        Raises:
            ValueError: The sheet is cut off or written in a way that no spreadsheet program uses.
        """
        if self._is_empty:
            self.tail = b"</sheetData>" + self._rest + b"".join(self._pieces)
            return
        number, at, data = 0, 0, self._rest
        while True:
            end = _row_end(data, at)
            while end is None:
                piece = next(self._pieces, None)
                if piece is None:
                    raise ValueError("the sheet is cut off")
                data, at = data[at:] + piece, 0
                end = _row_end(data, at)
            if end < 0:
                break
            row = data[at:end].lstrip()
            at = end
            match = _ROW_NUMBER.search(row, 0, row.index(b">"))
            number = int(match[1]) if match else number + 1
            yield number, row
        self.tail = data[at:] + b"".join(self._pieces)


def _row_end(data: bytes, at: int) -> int | None:
    """Where the row that starts at a place ends; -1 when the rows are over, ``None`` when more must be read."""
    start = data.find(b"<", at)
    if start < 0 or len(data) - start < 12:
        return None
    if data.startswith(b"</sheetData>", start):
        return -1
    if not data.startswith(b"<row", start):
        raise ValueError("something other than a row stands among the rows")
    head = data.find(b">", start)
    if head < 0:
        return None
    if data[head - 1] == 0x2F:
        return head + 1
    end = data.find(b"</row>", head)
    return None if end < 0 else end + 6


def cells_of(row: bytes) -> dict[int, bytes]:
    """The cells of a row by column."""
    return _take_apart(row)[0]


def _take_apart(row: bytes) -> tuple[dict[int, bytes], int, int]:
    """The cells of a row by column, and from where to where they lie."""
    found: dict[int, bytes] = {}
    column = 0
    start = end = len(row) - 6 if row.endswith(b"</row>") else len(row)
    for match in _CELL.finditer(row):
        if not found:
            start = match.start()
        end = match.end()
        place = _PLACE.search(match[0], 0, match[0].index(b">"))
        column = column_number(place[1]) if place else column + 1
        found[column] = match[0]
    return found, start, end


def cell_at(row: bytes, number: int, column: bytes) -> bytes | None:
    """One cell of a row, found without taking the row apart where it is written in the usual way."""
    start = row.find(b'<c r="%b%d"' % (column, number))
    if start < 0:
        if b'<c r="' in row or b"<c" not in row:
            return None
        return cells_of(row).get(column_number(column))
    head = row.index(b">", start)
    if row[head - 1] == 0x2F:
        return row[start : head + 1]
    return row[start : row.index(b"</c>", head) + 4]


def changed_row(row: bytes, cells: Mapping[int, bytes | None], *, show: bool = False, lines: int = 0) -> bytes:
    """The row with some cells changed.

    Args:
        row: The row as it was.
        cells: New cells by column; ``None`` takes the cell away.
        show: Take away that it is hidden.
        lines: How many lines its longest text takes; 0 leaves its height alone.
    """
    old, _, end = _take_apart(row)
    opening = row[: row.index(b">") + 1]
    tail = row[end:] or b"</row>"
    head = _SPANS.sub(b"", opening.removesuffix(b"/>").removesuffix(b">") + b">")
    if show:
        head = _HIDDEN.sub(b"", head)
    if lines and b"customHeight" not in head:
        head = _HEIGHT.sub(b"", head).removesuffix(b">") + _height(lines) + b">"
    body = b"".join(raw for _, raw in sorted({**old, **cells}.items()) if raw is not None)
    return head + body + tail


def _height(lines: int) -> bytes:
    return b' ht="%.2f"' % min(lines * _LINE + 2.25, 409) if lines > 1 else b""


@dataclass
class Edits:
    """What changes on one sheet.

    Attributes:
        cells: New cells by row and column.
        shown: Rows that are no longer hidden.
        lines: How many lines of text the changed rows hold at most.
        grown: For each table: its area before and after.
    """

    cells: dict[int, dict[int, bytes | None]] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    lines: dict[int, int] = field(default_factory=dict)
    grown: list[tuple[Area, Area]] = field(default_factory=list)

    def put(self, row: int, column: int, raw: bytes | None) -> None:
        """Change one cell."""
        self.cells.setdefault(row, {})[column] = raw

    def __bool__(self) -> bool:
        return bool(self.cells or self.shown or self.grown)


def write(reader: SheetReader, edits: Edits, emit: Callable[[bytes], None]) -> None:
    """Write a sheet anew with its changes.

    Args:
        reader: The sheet as it was.
        edits: What changes.
        emit: Takes the bytes, piece by piece.
    """
    emit(_with_dimension(reader.head, edits.cells))
    waiting = sorted(set(edits.cells) | edits.shown, reverse=True)
    plain: list[bytes] = []
    for number, row in reader.rows():
        while waiting and waiting[-1] < number:
            plain.append(_new_row(waiting.pop(), edits))
        if waiting and waiting[-1] == number:
            waiting.pop()
            cells, lines = edits.cells.get(number, {}), edits.lines.get(number, 0)
            plain.append(changed_row(row, cells, show=number in edits.shown, lines=lines))
        else:
            plain.append(row)
        if len(plain) >= 500:
            emit(b"".join(plain))
            plain.clear()
    while waiting:
        plain.append(_new_row(waiting.pop(), edits))
    emit(b"".join(plain))
    emit(_with_grown_ranges(reader.tail, edits.grown))


def _new_row(number: int, edits: Edits) -> bytes:
    body = b"".join(raw for _, raw in sorted(edits.cells.get(number, {}).items()) if raw is not None)
    return b'<row r="%d"%b>%b</row>' % (number, _height(edits.lines.get(number, 0)), body) if body else b""


def _with_dimension(head: bytes, changes: Changes) -> bytes:
    match = _DIMENSION.search(head)
    rows = {number: columns for number, columns in changes.items() if any(columns.values())}
    if match is None or not rows:
        return head
    try:
        old = Area.parse(match[1].decode())
    except ValueError:
        return head
    columns = {column for cells in rows.values() for column in cells}
    new = Area(
        min(old.left, *columns), min(old.top, *rows), max(old.right, *columns), max(old.bottom, *rows)
    )  # fmt: skip
    return head[: match.start(1)] + str(new).encode() + head[match.end(1) :]


def _with_grown_ranges(tail: bytes, grown: list[tuple[Area, Area]]) -> bytes:
    """Let formats and drop-downs that reach to the end of a table reach to its new end."""
    growing = [(old, new) for old, new in grown if new.bottom > old.bottom]
    if not growing:
        return tail
    return _RANGES.sub(lambda match: match[1] + _grow(match[2].decode(), growing).encode(), tail)


def _grow(ranges: str, growing: list[tuple[Area, Area]]) -> str:
    return " ".join(_grow_one(part, growing) for part in ranges.split(" "))


def _grow_one(text: str, growing: list[tuple[Area, Area]]) -> str:
    try:
        area = Area.parse(text)
    except ValueError:
        return text
    for old, new in growing:
        is_within = old.left <= area.left and area.right <= old.right and area.top >= old.top
        if is_within and old.bottom <= area.bottom < new.bottom and area.top <= old.bottom:
            return f"{letters(area.left)}{area.top}:{letters(area.right)}{new.bottom}"
    return text
