"""One projection at work: every sheet that it concerns goes by once, and is written anew only where it differs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from workbook import layout
from workbook.blocks import BlockWriter, WishWriter
from workbook.book import Book, Grid, parse, to_bytes
from workbook.cells import (
    Cell,
    Link,
    Read,
    column_number,
    has_formula,
    letters,
    make,
    shows,
    style_of,
    value_of,
    with_cached_value,
)
from workbook.container import Deflater, damaged
from workbook.errors import NotAWorkbookError
from workbook.facts import SEEN_FINE, Facts
from workbook.kept import Values, from_backups, keep_old, put_back
from workbook.mend import mend
from workbook.package import Package, check_free
from workbook.project import Projection
from workbook.splice import Edits, SheetReader, Skim, cell_at, cells_of, formula_places, write
from workbook.tables import KeyedWriter, TableWriter, Wanted

_CHAINED = re.compile(rb"<c\s[^>]*>")
_CHAINED_CELL = re.compile(rb'\sr="([A-Z]+)(\d+)"')
_CHAINED_SHEET = re.compile(rb'\si="(\d+)"')
_FAST = 1
"""The compression of big sheets: as Excel itself does, for speed."""


class Session:
    """The workbook while a projection is written into it.

    Attributes:
        package: The file, and what changed of it.
        notes: What was repaired or ignored, in words.
    """

    def __init__(self, path: Path) -> None:
        self.notes: list[str] = list(check_free(path))
        self.package = Package.read(path)
        self._book = Book(self.package)
        self._needs_calculation = False
        self._changes_formulas = False
        self._fresh: Mapping[str, set[str]] = {}
        if not any(name in self._book.grids for name in layout.TABLES):
            raise NotAWorkbookError(
                f"{path.name} has none of AutoXero's tables. Choose the AutoXero.xlsm that you set up."
            )

    def mend(
        self,
        template: Path,
        projection: Projection,
        backups: Path | None,
        known: Mapping[str, Values] = MappingProxyType({}),
    ) -> Projection:
        """Put back what the workbook lacks; gives the projection with what had been typed into tables made anew.

        Args:
            template: The workbook as it is shipped.
            projection: What is to be written.
            backups: The folder with copies of the workbook.
            known: What was typed when the file was last read, by table and key; backups may be older.
        """
        mended = mend(self.package, Package.read(template))
        self.notes += mended.notes
        self._fresh = mended.columns
        if mended.redrawn and backups:
            self.notes.append(
                f"The workbook as it was is kept as {keep_old(self.package.path, backups)}. If you had added anything "
                f"to the sheet {', '.join(mended.redrawn)} (cells, comments, charts), copy it from there to a sheet of "
                "your own."
            )
        self._book = Book(self.package)
        if layout.LAYOUT_NAME in self._book.named_cells:
            projection = replace(projection, names={layout.LAYOUT_NAME: layout.LAYOUT_VERSION, **projection.names})
        edits = dict(projection.edits)
        for name in sorted(mended.emptied & set(known)):
            edits[name] = {**known[name], **edits.get(name, {})}
            self.notes.append(f"What you had typed in {name} was put back as the agent last read it.")
        for name, columns in mended.columns.items():
            if cells := put_back(self._book, name, columns, known.get(name, {})):
                edits[name] = {**cells, **edits.get(name, {})}
                filled = ", ".join(sorted({heading for row in cells.values() for heading in row}))
                self.notes.append(
                    f"What you had typed in {name} under {filled} was put back as the agent last read it."
                )
        lost = mended.emptied - set(known)
        kept = from_backups(self.package.path, backups, lost) if backups and lost else {}
        for name, (values, backup) in kept.items():
            edits[name] = {**values, **edits.get(name, {})}
            self.notes.append(f"What you had typed in {name} was taken from the backup {backup.name}.")
        if "Settings" in lost and "Settings" not in kept:
            self.notes.append("The settings have their defaults: nothing is sent until the Start date is set.")
        return replace(projection, edits=edits)

    def apply(self, projection: Projection) -> None:
        """Work out and pack every change."""
        facts = self._tables(projection)
        names = dict(projection.names)
        if facts is not None:
            names |= facts.names(
                str(names.get(layout.BASE_NAME) or self._shown(layout.BASE_NAME) or ""),
                names.get(layout.LAST_SEEN_NAME),
            )
        self._seen(names)
        self._cells(names, projection.lists)
        if self.package.is_changed:
            self._calculate_foreign_formulas()
        if self._changes_formulas or self._needs_calculation:
            self._book.drop_calculation_chain()

    def _seen(self, names: dict[str, Cell]) -> None:
        """The light's cached text: whoever writes the file now is alive now."""
        if names.get("AutoXeroLastSeen"):
            names[layout.AGENT_NAME] = SEEN_FINE
        else:
            names.pop(layout.AGENT_NAME, None)

    def _shown(self, name: str) -> Read:
        """What a named cell shows now."""
        sheet, column, row = self._book.named_cells.get(name, ("", 0, 0))
        found: list[Read] = []

        def visit(number: int, data: bytes) -> None:
            if number == row and (raw := cell_at(data, row, letters(column).encode())) is not None:
                found.append(value_of(raw, self._book.shared))

        if sheet:
            self._scan(sheet, [visit])
        return found[0] if found else None

    def _tables(self, projection: Projection) -> Facts | None:
        writers: dict[str, list[TableWriter]] = {}
        edits: dict[str, Edits] = {}
        invoices: KeyedWriter | None = None
        for name in dict.fromkeys(["Invoices", *projection.tables, *projection.edits]):
            grid = self._book.grids.get(name)
            if grid is None:
                self.notes.append(f"The table {name} is missing from the workbook; its rows were not written.")
                continue
            sheet = edits.setdefault(grid.sheet, Edits())
            try:
                writer = self._writer(name, projection, sheet)
            except LookupError:
                self.notes.append(f"The table {name} has lost its key column; its rows were not written.")
                continue
            writers.setdefault(grid.sheet, []).append(writer)
            if isinstance(writer, KeyedWriter) and name == "Invoices":
                invoices = writer
        for part, tables in writers.items():
            self._run(part, tables, edits[part])
        return invoices.facts if invoices else None

    def _writer(self, name: str, projection: Projection, edits: Edits) -> TableWriter:
        table, rows = layout.TABLES[name], projection.tables.get(name)
        wanted = Wanted(
            table,
            rows or (),
            projection.edits.get(name, {}),
            projection.unchanged.get(name, ()),
            self._fresh.get(name, ()),
            projection.is_whole,
        )
        kind = KeyedWriter if table.mode == "keyed" else WishWriter if rows is None else BlockWriter
        return kind(self._book, self._book.grids[name], edits, wanted)

    def _run(self, sheet: str, tables: Sequence[TableWriter], edits: Edits) -> None:
        skim = tables[0].skim if len(tables) == 1 and isinstance(tables[0], KeyedWriter) else None
        reader = self._scan(sheet, [table.visit for table in tables], skim)
        for table in tables:
            table.finish()
            self.notes += table.notes
            self._needs_calculation |= table.needs_calculation
            self._changes_formulas |= table.changes_formulas
        edits.shown -= edits.filtered
        self._write(sheet, reader, edits)

    def _scan(
        self, sheet: str, visitors: Sequence[Callable[[int, bytes], None]], skim: Skim | None = None
    ) -> SheetReader:
        try:
            reader = SheetReader(self.package.pieces(sheet))
            for number, row in reader.rows(skim):
                for visit in visitors:
                    visit(number, row)
        except (ValueError, UnicodeDecodeError) as error:
            raise damaged(self.package.path.name) from error
        return reader

    def _write(self, sheet: str, reader: SheetReader, edits: Edits) -> None:
        if not edits:
            return
        if edits.cells or edits.shown or edits.hidden or any(new.bottom > old.bottom for old, new in edits.grown):
            deflater = Deflater(_FAST)
            write(reader, self.package.pieces(sheet), edits, deflater.write)
            self.package.replace(sheet, deflater.finish())

    def _cells(self, names: Mapping[str, Cell], lists: Mapping[str, Sequence[str]]) -> None:
        """The named cells and the lists behind drop-downs."""
        wanted: dict[str, dict[int, dict[int, Cell]]] = {}
        lost = [name for name in names if name not in self._book.named_cells]
        if lost:
            more = f" and {len(lost) - 1} more" if lost[1:] else ""
            self.notes.append(f"The name {lost[0]}{more} is missing from the workbook; its value is not shown.")
        for name, value in names.items():
            place = self._book.named_cells.get(name)
            if place is None:
                continue
            sheet, column, row = place
            wanted.setdefault(sheet, {}).setdefault(row, {})[column] = value
        for sheet, rows in wanted.items():
            self._fill(sheet, rows)
        if lists:
            self._lists(lists)

    def _fill(self, sheet: str, rows: Mapping[int, Mapping[int, Cell]]) -> None:
        edits = Edits()
        found: dict[int, bytes] = {}
        reader = self._scan(sheet, [lambda number, row: found.update({number: row}) if number in rows else None])
        for number, columns in rows.items():
            for column, value in columns.items():
                letter = letters(column).encode()
                raw = cell_at(found.get(number, b""), number, letter)
                if shows(raw, value, self._book.shared, self._book.epoch):
                    continue
                if raw is not None and has_formula(raw) and not isinstance(value, Link):
                    new = with_cached_value(raw, value, self._book.epoch)
                    if new == raw:
                        continue
                else:
                    style = style_of(raw) if raw else b""
                    new = make(letter + b"%d" % number, style, value, self._book.epoch)
                edits.put(number, column, new)
        self._write(sheet, reader, edits)

    def _lists(self, lists: Mapping[str, Sequence[str]]) -> None:
        sheet = self._book.sheets.get(layout.LISTS_SHEET)
        if sheet is None:
            self.notes.append("The hidden sheet _lists is missing; the drop-downs were not filled.")
            return
        filled: dict[int, dict[int, bytes]] = {}
        headings: dict[str, int] = {}

        def visit(number: int, row: bytes) -> None:
            if number == 1:
                for column, raw in cells_of(row).items():
                    headings[str(value_of(raw, self._book.shared))] = column
            else:
                filled[number] = cells_of(row)

        reader = self._scan(sheet, [visit])
        edits = Edits()
        for name, entries in lists.items():
            if name not in layout.LIST_NAMES:
                raise KeyError(name)
            if name in headings:
                self._list(edits, headings[name], entries, filled)
        self._write(sheet, reader, edits)

    def _list(self, edits: Edits, column: int, entries: Sequence[str], filled: dict[int, dict[int, bytes]]) -> None:
        letter = letters(column).encode()
        for number, entry in enumerate(entries[: layout.LIST_ROOM], 2):
            raw = filled.get(number, {}).get(column)
            if not shows(raw, entry, self._book.shared):
                edits.put(number, column, make(letter + b"%d" % number, b"", entry))
        for number, cells in filled.items():
            if number >= len(entries) + 2 and column in cells:
                edits.put(number, column, None)

    def _calculate_foreign_formulas(self) -> None:
        """Ask Excel to calculate at the next opening when the accountant has formulas of their own.

        Ours have right results in the file already. Excel trusts the stored results of all others, although the rows
        they add up may just have changed.
        """
        root = parse(self.package.part(self._book.part), self.package.path.name)
        properties = root.find("{*}calcPr")
        if properties is None or properties.get("fullCalcOnLoad") == "1":
            return
        if self._needs_calculation or self._has_foreign_formulas():
            properties.set("fullCalcOnLoad", "1")
            self.package.replace(self._book.part, to_bytes(root))

    def _has_foreign_formulas(self) -> bool:
        """Whether a table calculates, or there are more formulas than ours and those in our own columns."""
        if any(grid.formulas for grid in self._book.grids.values()):
            return True
        ours = {place for name, place in self._book.named_cells.items() if name.startswith("AutoXero")}
        grids: dict[str, list[tuple[Grid, set[int]]]] = {}
        for name, grid in Book(self.package).grids.items():  # the tables may just have grown
            if name in layout.TABLES:
                grids.setdefault(grid.sheet, []).append((grid, self._owned_columns(name)))
        return any(
            (sheet, column, row) not in ours
            and not any(column in owned and grid.first <= row <= grid.last for grid, owned in grids.get(sheet, ()))
            for sheet, column, row in self._formulas()
        )

    def _formulas(self) -> Iterator[tuple[str, int, int]]:
        """Where formulas stand, by the list of them; where a file has none, as LibreOffice saves it, by the sheets."""
        chains = [part for part in self._book.related(self._book.part, "calcChain") if self.package.has(part)]
        if not chains:
            for part in self._book.sheets.values():
                yield from ((part, column, row) for column, row in formula_places(self.package.pieces(part)))
            return
        sheet = ""
        for entry in _CHAINED.findall(self.package.part(chains[0])):
            if found := _CHAINED_SHEET.search(entry):
                sheet = self._book.sheet_ids.get(int(found[1]), "")
            place = _CHAINED_CELL.search(entry)
            yield (sheet, column_number(place[1]), int(place[2])) if place else (sheet, 0, 0)

    def _owned_columns(self, name: str) -> set[int]:
        columns = self._book.grids[name].columns
        return {columns[item.name] for item in layout.TABLES[name].columns if item.owned and item.name in columns}
