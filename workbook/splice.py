"""A sheet as a stream of rows: read one at a time, and written with some cells changed and all else as it lies.

A sheet of 50,000 invoices unpacks to some 80 MB. So it is never held whole, and never parsed as a tree: rows are cut
out of the bytes, and only those that change are taken apart.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workbook.book import Area
from workbook.cells import column_number, letters

_OPENING = re.compile(rb"<sheetData\s*(/?)>")
_ROW_NUMBER = re.compile(rb'\sr="(\d+)"')
_SPANS = re.compile(rb'\sspans="[^"]*"')
_HIDDEN = re.compile(rb'\shidden="(?:1|true)"')
_HIDE = b' hidden="1"'
_HEIGHT = re.compile(rb'\sht="[^"]*"')
_SLASH = ord("/")
_CLOSING = len(b"</row>")
_SHORTEST = len(b"</sheetData>")
_LINE = 12.75
"""The height of a line of text, in points."""
_CELL = re.compile(rb"<c(?=[\s/>])[^>]*?(?:/>|>.*?</c>)", re.DOTALL)
_PLACE = re.compile(rb'\sr="([A-Z]+)\d*"')
_DIMENSION = re.compile(rb'<dimension\s+ref="([^"]*)"')
_NUMBERED_PLACE = re.compile(rb'\sr="([A-Z]+)(\d+)"')
_RANGES = re.compile(rb'(\ssqref="|<xm:sqref>)([^"<]*)')

_CELL_REST = rb"[^>]*+>(?>(?<=/>)|<v>[^<]*+</v></c>|(?:[^<]++|<(?!/c>)[^>]*+>)*+</c>)"
"""A cell from its attributes on. It matches in one way only (``(?>``, ``++``), so that no row takes long to fail."""
_USUAL_CELL = re.compile(rb'(<c r="([A-Z]++)\d++"' + _CELL_REST + b")")
_ANY_CELLS = b"(?:<c" + _CELL_REST + b")*"

Note = Callable[[int, int], None]
"""Takes the number of a row that went by, and where in the data at hand it ends."""
Skim = Callable[[bytes, int, Note], int]
"""Passes over rows that need no closer look; gives where in the data the first other one starts."""

Changes = Mapping[int, Mapping[int, bytes | None]]
"""New cells by row and column; ``None`` takes the cell away."""


class SheetReader:
    """The rows of a sheet, one after another.

    Attributes:
        head: Everything before the first row.
        tail: Everything after the last row; complete once `rows` has ended.
        first: Where in the part the rows begin.
        numbers: The numbers of the rows that went by.
        ends: Where in the part each of them ends.
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
        self.first = opening.end()
        self._rest = data[opening.end() :]
        self.tail = b""
        self.numbers = array("L")
        self.ends = array("Q")

    def rows(self, skim: Skim | None = None) -> Iterator[tuple[int, bytes]]:
        """Each row's number and bytes.

        Args:
            skim: Is asked before each row, and passes over as many as it likes.

        Raises:
            ValueError: The sheet is cut off or written in a way that no spreadsheet program uses.
        """
        if self._is_empty:
            self.tail = b"</sheetData>" + self._rest + b"".join(self._pieces)
            return
        number, at, data, passed = 0, 0, self._rest, self.first
        note_number, note_end = self.numbers.append, self.ends.append

        def note(passing: int, end: int) -> None:
            if self.numbers and passing <= self.numbers[-1]:
                raise ValueError("rows are out of order")
            note_number(passing)
            note_end(passed + end)

        while True:
            if skim is not None:
                at = skim(data, at, note)
                number = self.numbers[-1] if self.numbers else 0
            start, end = at, _usual_end(data, at)
            if not end:
                start, end = _row_span(data, at)
            while not end:
                piece = next(self._pieces, None)
                if piece is None:
                    raise ValueError("the sheet is cut off")
                passed += at
                data, at = data[at:] + piece, 0
                start, end = _row_span(data, at)
            if start < 0:
                break
            row = data[start:end]
            at = end
            number = _number(row) or number + 1
            note(number, end)
            yield number, row
        self.tail = data[at:] + b"".join(self._pieces)


class _Copier:
    """Hands a part's bytes on, stretch by stretch."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._data = b""
        self._within = 0
        self._at = 0

    def until(self, end: int) -> Iterator[bytes]:
        """The bytes up to a place in the part, in pieces."""
        while self._at < end:
            if self._within == len(self._data):
                self._data, self._within = next(self._pieces), 0
                continue
            stretch = self._data[self._within : self._within + end - self._at]
            self._within += len(stretch)
            self._at += len(stretch)
            yield stretch


def _usual_end(data: bytes, at: int) -> int:
    """Where a row ends that is written in the usual way and is all there; else 0."""
    if not data.startswith(b'<row r="', at):
        return 0
    head = data.find(b">", at)
    end = data.find(b"</row>", head) if head > 0 and data[head - 1] != _SLASH else -1
    return end + _CLOSING if end > 0 else 0


def _row_span(data: bytes, at: int) -> tuple[int, int]:
    """From where to where the next row reaches; ``(0, 0)`` when more must be read, ``(-1, -1)`` after the last row."""
    start = at if data.startswith(b"<row", at) else data.find(b"<", at)
    if start < 0 or len(data) - start < _SHORTEST:
        return 0, 0
    if not data.startswith(b"<row", start):
        if data.startswith(b"</sheetData>", start):
            return -1, -1
        raise ValueError("something other than a row stands among the rows")
    head = data.find(b">", start)
    if head > 0 and data[head - 1] == _SLASH:
        return start, head + 1
    end = data.find(b"</row>", head) if head > 0 else -1
    return (start, end + 6) if end > 0 else (0, 0)


def _number(row: bytes) -> int:
    """The row's number, or 0 when it does not say."""
    if row.startswith(b'<row r="'):
        return int(row[8 : row.index(b'"', 8)])
    match = _ROW_NUMBER.search(row, 0, row.index(b">"))
    return int(match[1]) if match else 0


def cells_of(row: bytes) -> dict[int, bytes]:
    """The cells of a row by column."""
    found = _USUAL_CELL.findall(row)
    if len(found) == row.count(b"<c ") + row.count(b"<c>") + row.count(b"<c/>"):
        return {column_number(letter): raw for raw, letter in found}
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
    return cells_at(row, number, (column,))[0]


def cells_at(row: bytes, number: int, columns: Sequence[bytes]) -> list[bytes | None]:
    """Some cells of a row.

    Args:
        row: The row.
        number: Its number.
        columns: The columns' letters, from left to right.
    """
    found: list[bytes | None] = []
    ending = b'%d"' % number
    at = 0
    for column in columns:
        start = row.find(b'<c r="' + column + ending, at)
        if start < 0:
            if b"<c" in row and b'<c r="' not in row:
                cells = cells_of(row)
                return [cells.get(column_number(letter)) for letter in columns]
            found.append(None)
            continue
        at = row.find(b">", start) + 1
        if row[at - 2] != _SLASH:
            at = row.find(b"</c>", at) + 4
        found.append(row[start:at])
    return found


def usual_row(columns: Sequence[bytes], numbers: Container[bytes]) -> re.Pattern[bytes]:
    """A pattern for rows as spreadsheet programs write them, which takes some cells out of a row at one stroke.

    Its groups are the row's number, then for each column the cell without its place; of numbers only the digits,
    and nothing when the cell is blank.

    Args:
        columns: The letters of the columns, from left to right; a row that lacks one of them is not matched.
        numbers: Those that hold plain numbers; a row with anything else there is not matched.
    """
    number = rb'(?: s="\d++")?+(?: t="n")?+(?:/>|><v>([\d.Ee+-]++)</v></c>)'
    cells = [
        b'<c r="%b\\d++"%b' % (letter, number if letter in numbers else b"(%b)" % _CELL_REST) for letter in columns
    ]
    opening = rb'<row r="(\d++)"[^>]*+(?<!/)>'
    return re.compile(opening + b"".join(_ANY_CELLS + b"?" + cell for cell in cells) + _ANY_CELLS + b"+</row>")


def formula_places(pieces: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """The column and row of every cell of a sheet that calculates; 0 and 0 where it does not say; some come twice."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        at = data.find(b"<f")
        while at >= 0:
            if data[at + 2 : at + 3] in {b">", b" ", b"/"}:
                place = _NUMBERED_PLACE.search(data, data.rfind(b"<c", 0, at), at)
                yield (column_number(place[1]), int(place[2])) if place else (0, 0)
            at = data.find(b"<f", at + 1)
        rest = data[max(data.rfind(b"<c"), 0) :]


def is_hidden(row: bytes) -> bool:
    """Whether the row is not shown."""
    return _HIDDEN.search(row, 0, row.index(b">") + 1) is not None


def changed_row(row: bytes, cells: Mapping[int, bytes | None], *, hidden: bool | None = None, lines: int = 0) -> bytes:
    """The row with some cells changed.

    Args:
        row: The row as it was.
        cells: New cells by column; ``None`` takes the cell away.
        hidden: Hide it, or show it; ``None`` leaves that as it is.
        lines: How many lines its longest text takes; 0 leaves its height alone.
    """
    old, _, end = _take_apart(row)
    opening = row[: row.index(b">") + 1]
    tail = row[end:] or b"</row>"
    head = _SPANS.sub(b"", opening.removesuffix(b"/>").removesuffix(b">") + b">")
    if hidden is not None:
        head = _HIDDEN.sub(b"", head)
    if hidden:
        head = head.removesuffix(b">") + _HIDE + b">"
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
        hidden: Rows that are hidden from now on.
        filtered: Rows that the filter of a table hides, from now on or since before.
        lines: How many lines of text the changed rows hold at most.
        grown: For each table: its area before and after.
    """

    cells: dict[int, dict[int, bytes | None]] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)
    filtered: set[int] = field(default_factory=set)
    lines: dict[int, int] = field(default_factory=dict)
    grown: list[tuple[Area, Area]] = field(default_factory=list)

    def put(self, row: int, column: int, raw: bytes | None) -> None:
        """Change one cell."""
        self.cells.setdefault(row, {})[column] = raw

    def __bool__(self) -> bool:
        return bool(self.cells or self.shown or self.hidden or self.grown)

    def hides(self, row: int) -> bool | None:
        """Whether a row is hidden or shown from now on; ``None`` where that stays as it is."""
        return True if row in self.hidden else False if row in self.shown else None


def write(reader: SheetReader, pieces: Iterable[bytes], edits: Edits, emit: Callable[[bytes], None]) -> None:
    """Write a sheet anew with its changes; what lies between changed rows is handed on as it is.

    Args:
        reader: The sheet as it went by, to the end.
        pieces: The same sheet's bytes once more.
        edits: What changes.
        emit: Takes the bytes, piece by piece.
    """
    emit(_with_dimension(reader.head, edits.cells))
    copier = _Copier(pieces)
    for _ in copier.until(reader.first):
        pass
    for number in sorted({*edits.cells, *edits.shown, *edits.hidden}):
        place = bisect_left(reader.numbers, number)
        is_there = place < len(reader.numbers) and reader.numbers[place] == number
        for stretch in copier.until(reader.ends[place - 1] if place else reader.first):
            emit(stretch)
        if is_there:
            row = b"".join(copier.until(reader.ends[place])).lstrip()
            cells, lines = edits.cells.get(number, {}), edits.lines.get(number, 0)
            emit(changed_row(row, cells, hidden=edits.hides(number), lines=lines))
        else:
            emit(_new_row(number, edits))
    for stretch in copier.until(reader.ends[-1] if reader.ends else reader.first):
        emit(stretch)
    emit(_with_grown_ranges(reader.tail, edits.grown))


def _new_row(number: int, edits: Edits) -> bytes:
    body = b"".join(raw for _, raw in sorted(edits.cells.get(number, {}).items()) if raw is not None)
    look = _height(edits.lines.get(number, 0)) + _HIDE * (number in edits.hidden)
    return b'<row r="%d"%b>%b</row>' % (number, look, body) if body else b""


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
