"""Putting a workbook's own structure right: tables, sheets, columns and names that were deleted or are new.

Everything is taken from the shipped workbook and added; the accountant's values, columns and sheets are not touched.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from lxml import etree

from agent.domain.settings import CHOICE_LISTS
from workbook import layout
from workbook.book import MAIN, Area, Book, Grid, parse, to_bytes
from workbook.cells import ErrorValue, Read, fold, letters, make, plain, style_of, value_of
from workbook.container import Deflater
from workbook.graft import Graft
from workbook.identity import Key, Values, found_again, told_lost
from workbook.package import Package
from workbook.recognise import headings_match
from workbook.splice import Edits, SheetReader, cells_of, write

_DRAWN_WHOLE = ("Dashboard", "Help", "Preview", "Reconcile")
"""Sheets that hold nothing of the accountant's: a new version of the layout draws them anew."""
_PREFIXES = ("AutoXero", "List_")
_FAST = 1
_HEADINGS_WITHIN = 60
_REFERENCE = re.compile(r"(?:'((?:[^']|'')+)'|([A-Za-z_][\w.]*))!")
_FORMULA1 = re.compile(rb"<formula1>([^<]*)</formula1>")
_CELL = re.compile(r"\$([A-Z]+)\$(\d+)$")
_COLUMNS = {
    **{name: name for name in layout.HIDDEN_CELLS},
    **{layout.list_name(name): name for name in layout.LIST_NAMES},
}
"""The names that lead to the hidden sheet, and the headings of their columns there."""
_HIDDEN = {*layout.HIDDEN_NAMES, *_COLUMNS}
"""The names that Excel does not show: where a file has one not at all nobody deleted it, but the file is older."""
_NAMED = 5
"""How many names a sentence lists."""
_TABLE_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.table+xml"


@dataclass
class Mended:
    """What was put right.

    Attributes:
        notes: What was done, in words.
        emptied: The tables that were made anew without the values they had.
        columns: The columns that were put back, by table; they are blank.
        redrawn: The sheets that were drawn anew: what the accountant had added there is gone.
    """

    notes: list[str] = field(default_factory=list)
    emptied: set[str] = field(default_factory=set)
    columns: dict[str, set[str]] = field(default_factory=dict)
    redrawn: list[str] = field(default_factory=list)


def mend(package: Package, home_package: Package) -> Mended:
    """Put right what is missing from a workbook's structure.

    Args:
        package: The workbook; it is changed.
        home_package: The shipped workbook.
    """
    mender = _Mender(package, home_package)
    mender.run()
    return mender.mended


class _Mender:
    def __init__(self, package: Package, home_package: Package) -> None:
        self.mended = Mended()
        self._package = package
        self._home = Book(home_package)
        self._book = Book(package)
        self._graft_at_work: Graft | None = None

    @property
    def _graft(self) -> Graft:
        if self._graft_at_work is None:
            self._graft_at_work = Graft(self._book, self._home)
        return self._graft_at_work

    def _again(self) -> None:
        """Look at the package anew after a change of its structure."""
        if self._graft_at_work is not None:
            self._graft_at_work.finish()
            self._graft_at_work = None
        self._book = Book(self._package)

    def run(self) -> None:
        """Tables first, then columns, then the sheets without tables, then names."""
        is_older = layout.LAYOUT_NAME in self._home.names and not self._is_of_this_layout()
        if is_older:
            self._redraw()
        if lost := [name for name in layout.TABLES if name not in self._book.grids]:
            self._tables(lost)
        for name, table in layout.TABLES.items():
            grid = self._book.grids[name]
            if missing := [column.name for column in table.columns if column.name not in grid.columns]:
                self._columns(name, grid, missing)
        self._settings()
        self._names(is_older=is_older)
        for name, choices in CHOICE_LISTS.items():
            self._choices(name, choices)

    def _is_of_this_layout(self) -> bool:
        """Whether the file says so; one that lost the cell may be of any, and is taken for an older one."""
        return str(_shown(self._book, layout.LAYOUT_NAME)) == layout.LAYOUT_VERSION

    def _tell(self, note: str) -> None:
        self.mended.notes.append(note)

    # sheets

    def _redraw(self) -> None:
        """Draw the sheets anew that show only what the agent knows, where this version's look otherwise."""
        for name in _DRAWN_WHOLE:
            part = self._book.sheets.get(name)
            if part is not None and name in self._home.sheets and not self._holds_own_columns(part):
                self._redraw_one(name, part)
        drawn = f"{', '.join(self.mended.redrawn)} drawn anew, " if self.mended.redrawn else ""
        self._tell(
            f"The workbook was brought up to the layout of this AutoXero: {drawn}what is new added; your settings, "
            "mappings, columns and sheets are as they were."
        )

    def _redraw_one(self, name: str, part: str) -> None:
        self._graft.redraw(name, part)
        self._again()
        self.mended.redrawn.append(name)

    def _holds_own_columns(self, part: str) -> bool:
        for name, grid in self._book.grids.items():
            if grid.sheet == part:
                known = self._home.grids[name].columns if name in self._home.grids else {}
                if name not in layout.TABLES or len(set(grid.columns) - set(known)) > len(
                    set(known) - set(grid.columns)
                ):
                    return True
        return False

    # tables

    def _tables(self, lost: list[str]) -> None:
        for name in list(lost):
            if self._table_over_range(name):
                lost.remove(name)
        by_sheet: dict[str, list[str]] = {}
        for name in lost:
            by_sheet.setdefault(self._home.grids[name].sheet_name, []).append(name)
        for sheet, names in by_sheet.items():
            got = self._graft.sheet(sheet, names)
            self._again()
            self.mended.emptied |= set(names)
            of_sheet = [name for name, grid in self._home.grids.items() if grid.sheet_name == sheet]
            if set(names) == set(of_sheet):
                self._tell(f"The sheet {sheet} was missing; it was put back as the sheet {got}.")
            else:
                self._tell(f"The table {', '.join(names)} was missing; it was put back on the new sheet {got}.")

    def _table_over_range(self, name: str) -> bool:
        """Make a table of cells that still have its headings, as after “Convert to range”."""
        table = layout.TABLES[name]
        taken = list(self._book.grids.values())
        for sheet_name, part in self._book.sheets.items():
            areas = [grid.area for grid in taken if grid.sheet == part]
            found = _headings(self._book, part, table, areas)
            if found is not None:
                area, headings = found
                self._make_table(name, part, area, headings)
                self._again()
                self._tell(f"The table {name} (sheet {sheet_name}) had become plain cells; it is a table again.")
                return True
        return False

    def _make_table(self, name: str, sheet: str, area: Area, headings: Sequence[str]) -> None:
        root = etree.Element(f"{{{MAIN}}}table")
        for key, value in (("id", str(self._graft.free_table_id())), ("name", name), ("displayName", name),
                           ("ref", str(area)), ("totalsRowShown", "0")):  # fmt: skip
            root.set(key, value)
        etree.SubElement(root, f"{{{MAIN}}}autoFilter", {"ref": str(area)})
        columns = etree.SubElement(root, f"{{{MAIN}}}tableColumns", {"count": str(len(headings))})
        for number, heading in enumerate(headings, 1):
            etree.SubElement(columns, f"{{{MAIN}}}tableColumn", {"id": str(number), "name": heading})
        style = {"name": "TableStyleLight1", "showFirstColumn": "0", "showLastColumn": "0", "showRowStripes": "0",
                 "showColumnStripes": "0"}  # fmt: skip
        etree.SubElement(root, f"{{{MAIN}}}tableStyleInfo", style)
        part = self._graft.free_part("xl/tables/table1.xml")
        self._package.add(part, to_bytes(root))
        self._graft.declare(part, _TABLE_TYPE)
        key = self._graft.relate(sheet, "table", part)
        self._list_table(sheet, key)

    def _list_table(self, sheet: str, key: str) -> None:
        reader = _whole(self._package, sheet)
        office = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        item = b'<tablePart xmlns:r="%b" r:id="%b"/>' % (office, key.encode())
        tail = reader.tail
        if b"</tableParts>" in tail:
            tail = tail.replace(b"</tableParts>", item + b"</tableParts>")
            tail = re.sub(rb'<tableParts count="\d+"', b'<tableParts count="%d"' % tail.count(b"<tablePart "), tail)
        else:
            end = b"<extLst" if b"<extLst" in tail else b"</worksheet>"
            tail = tail.replace(end, b'<tableParts count="1">' + item + b"</tableParts>" + end)
        reader.tail = tail
        _rewrite(self._package, sheet, reader, Edits())

    # settings

    def _settings(self) -> None:
        """Add the rows of settings that are not there: new ones, or deleted by hand."""
        grid, home = self._book.grids["Settings"], self._home.grids["Settings"]
        if any(name not in grid.columns for name in home.columns):
            return
        self._name_settings(grid, home)
        there = {fold(_text(self._book, cells, grid, "Setting")) for _, cells in _rows(self._book, grid)}
        missing = [
            (number, cells)
            for number, cells in _rows(self._home, home)
            if fold(_text(self._home, cells, home, "Setting")) not in there
        ]
        if not missing:
            return
        reader, below = _look(
            self._package, grid, grid.area.left, grid.area.right, range(grid.last + 1, grid.last + 500)
        )
        names = [_text(self._home, cells, home, "Setting") for _, cells in missing]
        if below or grid.totals:
            self._tell(f"The setting {', '.join(names)} has no row and there is no room for it: its default counts.")
            return
        edits = Edits()
        for row, (number, cells) in enumerate(missing, grid.last + 1):
            for name, column in home.columns.items():
                raw = self._in_this_file(cells.get(column, b"<c/>"), letters(grid.columns[name]) + str(row))
                edits.put(row, grid.columns[name], raw)
            spot = (grid.columns["Value"], row, row)
            reader.tail = self._with_rules(reader.tail, home, (home.columns["Value"], number), spot)
        new = Area(grid.area.left, grid.area.top, grid.area.right, grid.last + len(missing))
        self._package.replace(grid.part, _resized(self._package.part(grid.part), grid.name, new))
        _rewrite(self._package, grid.sheet, reader, edits)
        self._again()
        self._tell(f"The setting {', '.join(names)} had no row; it was added with its default.")

    def _choices(self, name: str, choices: Sequence[str]) -> None:
        """Let a rule that holds the choices itself, where Excel splits them at every comma, show their hidden list."""
        sheet, inline = self._book.grids["Settings"].sheet, f'"{",".join(choices)}"'
        reader, listed = _whole(self._package, sheet), b"<formula1>%b</formula1>" % layout.list_name(name).encode()
        tail = _FORMULA1.sub(lambda rule: listed if plain(rule[1]) == inline else rule[0], reader.tail)
        if tail == reader.tail:
            return
        reader.tail = tail
        _rewrite(self._package, sheet, reader, Edits())
        self._tell(f"A drop-down on the sheet Settings offered what cannot be chosen; it offers {'; '.join(choices)}.")

    def _name_settings(self, grid: Grid, home: Grid) -> None:
        """Give rows that lost the name of their setting the name back, by the sentence that says what it does."""
        here = {number: _values(self._book, cells, grid) for number, cells in _rows(self._book, grid)}
        lost = {number: row for number, row in here.items() if row.get("What it does") and not fold(row.get("Setting"))}
        if not lost:
            return
        there = {fold(row.get("Setting")) for row in here.values()}
        known = [_values(self._home, cells, home) for _, cells in _rows(self._home, home)]
        waiting: dict[Key, Values] = {(str(row["Setting"]),): row for row in known if fold(row["Setting"]) not in there}
        found = {number: name for number, (name,) in found_again("Settings", lost, waiting).items()}
        if not found:
            return
        column = grid.columns["Setting"]
        edits = Edits()
        for number, cells in _rows(self._book, grid):
            if number in found:
                place = letters(column).encode() + b"%d" % number
                edits.put(number, column, make(place, style_of(cells.get(column, b"<c>")), found[number]))
        _rewrite(self._package, grid.sheet, _whole(self._package, grid.sheet), edits)
        self._again()
        self._tell(told_lost(grid.sheet_name, ["Setting"], list(found.values())))

    def _in_this_file(self, raw: bytes, place: str) -> bytes:
        """A cell of the shipped workbook, for this one."""
        style = style_of(raw) if b" s=" in raw else b""
        value = value_of(raw, self._home.shared)
        cell = Decimal(repr(value)) if isinstance(value, float) else None if isinstance(value, ErrorValue) else value
        return make(place.encode(), self._graft.styles.cell(style.decode()).encode() if style else b"", cell)

    # columns

    def _columns(self, table: str, grid: Grid, missing: list[str]) -> None:
        """Add columns of ours at a table's end."""
        left = grid.area.right + 1
        rows = range(grid.area.top, grid.area.bottom + 1)
        reader, cells = _look(self._package, grid, left, left + len(missing) - 1, rows)
        others = [other.area for other in self._book.grids.values() if other.sheet == grid.sheet and other != grid]
        room = 0
        while room < len(missing) and not _is_taken(left + room, grid.area, cells, others):
            room += 1
        if missing[room:]:
            self._tell(
                f"The table {table} (sheet {grid.sheet_name}) lacks the column {', '.join(missing[room:])}, and "
                "there is no room for it at the table's right end. Move aside what stands there; it is put back then."
            )
        if not missing[:room]:
            return
        home = self._home.grids[table]
        edits = Edits()
        looks = _looks(self._home, home)
        for column, name in enumerate(missing[:room], left):
            heading, body = (self._graft.styles.cell(look).encode() for look in looks[home.columns[name]])
            letter = letters(column).encode()
            edits.put(grid.area.top, column, make(letter + b"%d" % grid.area.top, heading, name))
            for row in range(grid.first, grid.last + 1):
                edits.put(row, column, make(letter + b"%d" % row, body, None))
            spot = (column, grid.first, grid.last)
            reader.tail = self._with_rules(reader.tail, home, (home.columns[name], home.first), spot)
        self._package.replace(grid.part, _widened(self._package.part(grid.part), grid, missing[:room]))
        _rewrite(self._package, grid.sheet, reader, edits)
        self._again()
        self.mended.columns[table] = set(missing[:room])
        self._tell(f"The table {table} lacked the column {', '.join(missing[:room])}; it was put back at its end.")

    def _with_rules(self, tail: bytes, home: Grid, source: tuple[int, int], spot: tuple[int, int, int]) -> bytes:
        """The drop-downs and colours of a cell of the shipped workbook, for a column and its rows in this one."""
        root = parse(self._home.package.part(home.sheet), home.sheet)
        old, new = letters(source[0]), letters(spot[0])
        moved = re.compile(rf"\b{old}(?=\d)")
        for kind, holder in (("dataValidation", b"dataValidations"), ("conditionalFormatting", b"")):
            found = b""
            for item in root.iter(f"{{{MAIN}}}{kind}"):
                if item.get("sqref", "").split(":")[0] != f"{old}{source[1]}":
                    continue
                item.set("sqref", f"{new}{spot[1]}:{new}{spot[2]}")
                for formula in item.iter(f"{{{MAIN}}}formula", f"{{{MAIN}}}formula1"):
                    formula.text = moved.sub(new, formula.text or "")
                for rule in item.iter(f"{{{MAIN}}}cfRule"):
                    if "dxfId" in rule.attrib:
                        rule.set("dxfId", self._graft.styles.difference(rule.get("dxfId", "")))
                text = etree.tostring(item, with_tail=False)
                found += re.sub(rb'\sxmlns(:\w+)?="[^"]*"', b"", text)
            if found:
                tail = _insert_rules(tail, found, holder)
        return tail

    # names

    def _names(self, *, is_older: bool) -> None:
        wanted = {name: text for name, text in self._home.names.items() if name.startswith(_PREFIXES)}
        lost = {name for name in wanted if self._leads_nowhere(name)}
        where, added = self._whereabouts(), set[str]()
        for sheet in dict.fromkeys(_sheet_of(wanted[name]) for name in sorted(lost)):
            if sheet not in where:
                where[sheet] = self._graft.sheet(sheet, ())
                self._again()
                lost |= {name for name, text in wanted.items() if _sheet_of(text) == sheet}
                added.add(sheet)
                self._tell(f"The sheet {sheet} was missing; it was put back.")
        broken = {_sheet_of(wanted[name]) for name in lost if "#REF!" in self._book.names.get(name, "")} - added
        places = self._hidden(lost & set(_COLUMNS), where[layout.LISTS_SHEET]) if lost & set(_COLUMNS) else {}
        missed = sorted(name for name in lost if name not in _HIDDEN or name in self._book.names)
        if "Dashboard" in broken and not is_older:
            self._redraw_one("Dashboard", self._book.sheets[where["Dashboard"]])
            lost |= {name for name, text in wanted.items() if _sheet_of(text) == "Dashboard"}
            self._tell("Cells of the Dashboard had been deleted; it was drawn anew.")
        elif missed and not is_older and not any("was put back." in note for note in self.mended.notes):
            self._tell(f"The name {_listed(missed)} was missing; it was put back.")
        if is_older:
            lost |= {name for name, text in wanted.items() if _sheet_of(text) in _DRAWN_WHOLE}
        gone = {name for name in self._book.names if is_older and name.startswith(_PREFIXES) and name not in wanted}
        if lost or gone:
            self._write_names({name: _there(places.get(name, wanted[name]), where) for name in lost}, gone)
            self._again()

    def _hidden(self, lost: set[str], sheet: str) -> dict[str, str]:
        """Find by its heading the column of the hidden sheet to which each lost name leads; make those not there.

        Where a file has another name's column in the place that it has at home, it comes right of all.

        Args:
            lost: The names.
            sheet: What the sheet is called in this file.

        Returns:
            What the names stand for, with the sheet as it is called at home.
        """
        part, headings, used = self._book.sheets[sheet], dict[str, int](), set[int]()
        reader = SheetReader(self._package.pieces(part))
        for number, row in reader.rows():
            filled = {column: raw for column, raw in cells_of(row).items() if _is_filled(raw)}
            used |= set(filled)
            if number == 1:
                headings = {str(value_of(raw, self._book.shared)): column for column, raw in filled.items()}
        edits, places, at_home = Edits(), dict[str, str](), layout.hidden_columns()
        for name in sorted(lost):
            heading = _COLUMNS[name]
            column = headings.get(heading, at_home[heading])
            if heading not in headings:
                column = max(*used, *at_home.values()) + 1 if column in used else column
                used.add(column)
                for number, text in enumerate((heading, *CHOICE_LISTS.get(heading, ())), 1):
                    edits.put(number, column, make(f"{letters(column)}{number}".encode(), b"", text))
            old, new = letters(at_home[heading]), letters(column)
            places[name] = self._home.names[name].replace(f"${old}$", f"${new}$")
        if edits:
            _rewrite(self._package, part, reader, edits)
        return places

    def _leads_nowhere(self, name: str) -> bool:
        """Whether a name is not there, or what it stood for: its cell or its sheet."""
        text = self._book.names.get(name, "#REF!")
        sheet = _sheet_of(text)
        return "#REF!" in text or (sheet != "" and sheet not in self._book.sheets)

    def _whereabouts(self) -> dict[str, str]:
        """The name that each of our sheets has in this file."""
        where = {
            self._home.grids[name].sheet_name: grid.sheet_name
            for name, grid in self._book.grids.items()
            if name in self._home.grids
        }
        votes: dict[str, Counter[str]] = {}
        for name, text in self._home.names.items():
            here = _sheet_of(self._book.names.get(name, ""))
            if here in self._book.sheets:
                votes.setdefault(_sheet_of(text), Counter())[here] += 1
        for sheet in self._home.sheets:
            if sheet not in where and sheet in votes:
                where[sheet] = votes[sheet].most_common(1)[0][0]
            elif sheet not in where and sheet in self._book.sheets:
                where[sheet] = sheet
        return where

    def _write_names(self, texts: Mapping[str, str], gone: Container[str]) -> None:
        root = parse(self._package.part(self._book.part), "workbook")
        block = root.find(f"{{{MAIN}}}definedNames")
        if block is None:
            block = etree.Element(f"{{{MAIN}}}definedNames")
            sheets = root.find(f"{{{MAIN}}}sheets")
            assert sheets is not None
            sheets.addnext(block)
        for item in list(block):
            name = item.get("name", "")
            if (name in texts or name in gone) and "localSheetId" not in item.attrib:
                block.remove(item)
        for name, text in sorted(texts.items()):
            item = etree.SubElement(block, f"{{{MAIN}}}definedName", {"name": name})
            if name in _HIDDEN:
                item.set("hidden", "1")
            item.text = text
        self._package.replace(self._book.part, to_bytes(root))


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence, the first few."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _sheet_of(text: str) -> str:
    match = _REFERENCE.match(text)
    return (match[1] or match[2]).replace("''", "'") if match else ""


def _there(text: str, where: dict[str, str]) -> str:
    """A name's text with the sheets as they are called in this file."""

    def called(match: re.Match[str]) -> str:
        sheet = (match[1] or match[2]).replace("''", "'")
        return "'{}'!".format(where.get(sheet, sheet).replace("'", "''"))

    return _REFERENCE.sub(called, text)


def _shown(book: Book, name: str) -> Read:
    """What a named cell shows."""
    sheet, column, wanted = book.named_cells.get(name, ("", 0, 0))
    if sheet:
        for number, row in SheetReader(book.package.pieces(sheet)).rows():
            if number == wanted:
                raw = cells_of(row).get(column)
                return None if raw is None else value_of(raw, book.shared)
    return None


def _headings(book: Book, part: str, table: layout.Table, taken: Iterable[Area]) -> tuple[Area, list[str]] | None:
    """Where a table's headings stand on a sheet outside of all tables, and how far down its rows go."""
    top, left, headings, last = 0, 0, list[str](), 0
    for number, row in SheetReader(book.package.pieces(part)).rows():
        texts = {column: value_of(raw, book.shared) for column, raw in cells_of(row).items()}
        filled = {column for column, value in texts.items() if value not in {None, ""}}
        if not top:
            for run in _runs(filled if number <= _HEADINGS_WITHIN else set()):
                names = [" ".join(str(texts[column]).split()) for column in run]
                is_free = not any(
                    area.top <= number <= area.bottom and area.left <= run[0] <= area.right for area in taken
                )
                if is_free and len(set(names)) == len(names) and headings_match(names, table):
                    top, left, headings, last = number, run[0], names, number + 1
        elif number <= last + 1 and filled & set(range(left, left + len(headings))):
            last = number
    return (Area(left, top, left + len(headings) - 1, last), headings) if top else None


def _runs(columns: Iterable[int]) -> list[list[int]]:
    """Neighbouring columns together."""
    runs: list[list[int]] = []
    for column in sorted(columns):
        if runs and runs[-1][-1] == column - 1:
            runs[-1].append(column)
        else:
            runs.append([column])
    return runs


def _whole(package: Package, sheet: str) -> SheetReader:
    reader = SheetReader(package.pieces(sheet))
    for _ in reader.rows():
        pass
    return reader


def _rows(book: Book, grid: Grid) -> Iterator[tuple[int, dict[int, bytes]]]:
    """The data rows of a table."""
    for number, row in SheetReader(book.package.pieces(grid.sheet)).rows():
        if grid.first <= number <= grid.last:
            yield number, cells_of(row)


def _text(book: Book, cells: Mapping[int, bytes], grid: Grid, name: str) -> str:
    raw = cells.get(grid.columns[name])
    value = None if raw is None else value_of(raw, book.shared)
    return "" if value is None else str(value)


def _values(book: Book, cells: Mapping[int, bytes], grid: Grid) -> dict[str, Read]:
    """What a row shows, by heading."""
    return {name: value_of(cells[column], book.shared) for name, column in grid.columns.items() if column in cells}


def _look(package: Package, grid: Grid, first: int, last: int, rows: Container[int]) -> tuple[SheetReader, set[int]]:
    """The sheet as it goes by, and which of some columns hold anything in some rows."""
    reader = SheetReader(package.pieces(grid.sheet))
    filled: set[int] = set()
    for number, row in reader.rows():
        if number in rows:
            filled |= {column for column, raw in cells_of(row).items() if first <= column <= last and _is_filled(raw)}
    return reader, filled


def _is_filled(raw: bytes) -> bool:
    return b"<v" in raw or b"<is" in raw or b"<f" in raw


def _is_taken(column: int, area: Area, filled: set[int], others: Iterable[Area]) -> bool:
    return column in filled or any(
        other.left <= column <= other.right and other.top <= area.bottom and area.top <= other.bottom
        for other in others
    )


def _looks(book: Book, grid: Grid) -> dict[int, tuple[str, str]]:
    """The styles of a table's headings and first row by column."""
    rows = {}
    for number, row in SheetReader(book.package.pieces(grid.sheet)).rows():
        if number in {grid.area.top, grid.first}:
            rows[number] = cells_of(row)
    return {
        column: tuple(style_of(rows[row].get(column, b"<c>")).decode() or "0" for row in (grid.area.top, grid.first))  # type: ignore[misc]
        for column in grid.columns.values()
    }


def _widened(data: bytes, grid: Grid, names: Sequence[str]) -> bytes:
    area = Area(grid.area.left, grid.area.top, grid.area.right + len(names), grid.area.bottom)
    root = parse(_resized(data, grid.name, area, grid.totals), grid.name)
    columns = root.find(f"{{{MAIN}}}tableColumns")
    assert columns is not None
    number = max((int(item.get("id", "0")) for item in columns), default=0)
    for place, name in enumerate(names, number + 1):
        etree.SubElement(columns, f"{{{MAIN}}}tableColumn", {"id": str(place), "name": name})
    columns.set("count", str(len(columns)))
    return to_bytes(root)


def _resized(data: bytes, name: str, area: Area, totals: int = 0) -> bytes:
    root = parse(data, name)
    root.set("ref", str(area))
    for item in root.findall(f"{{{MAIN}}}autoFilter"):
        item.set("ref", str(Area(area.left, area.top, area.right, area.bottom - totals)))
    return to_bytes(root)


def _insert_rules(tail: bytes, rules: bytes, holder: bytes) -> bytes:
    """Put drop-downs or colours among those of the sheet, in the order that the format asks for."""
    if holder:
        if b"</dataValidations>" in tail:
            tail = tail.replace(b"</dataValidations>", rules + b"</dataValidations>")
            count = tail.count(b"<dataValidation ")
            return re.sub(rb'(<dataValidations[^>]*?count=")\d+', rb"\g<1>%d" % count, tail)
        rules = b'<dataValidations count="%d">%b</dataValidations>' % (rules.count(b"<dataValidation "), rules)
    after = (b"</conditionalFormatting>", b"</phoneticPr>", b"</mergeCells>", b"</customSheetViews>",
             b"</dataConsolidate>", b"</sortState>", b"</autoFilter>", b"</scenarios>", b"</protectedRanges>",
             b"</sheetData>")  # fmt: skip
    end = next(mark for mark in after if mark in tail)
    place = tail.rindex(end) + len(end)
    for alone in (
        rb"<autoFilter [^>]*/>",
        rb"<sheetProtection [^>]*/>",
        rb"<sheetCalcPr[^>]*/>",
        rb"<phoneticPr[^>]*/>",
    ):
        found = re.search(alone, tail)
        place = max(place, found.end()) if found else place
    return tail[:place] + rules + tail[place:]


def _rewrite(package: Package, sheet: str, reader: SheetReader, edits: Edits) -> None:
    deflater = Deflater(_FAST)
    write(reader, package.pieces(sheet), edits, deflater.write)
    package.replace(sheet, deflater.finish())
