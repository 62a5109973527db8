"""Finding one's way in a package: sheets by name, tables by name, named cells, shared strings.

Everything is found through the relationships, never by a part's name, since Excel renumbers parts as it likes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from lxml import etree

from workbook.cells import EPOCH, EPOCH_1904, column_number, joined_texts, letters, plain
from workbook.errors import NotAWorkbookError
from workbook.package import DAMAGED, Package
from workbook.recognise import recognised

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"
_STRING = re.compile(rb"<si(?:\s[^>]*)?(?:/>|>(.*?)</si>)", re.DOTALL)
_CELL_REFERENCE = re.compile(r"(?:'((?:[^']|'')+)'|([^'!]+))!\$?([A-Z]{1,3})\$?(\d+)")
_AREA = re.compile(r"\$?([A-Z]+)\$?(\d+)(?::\$?([A-Z]+)\$?(\d+))?")


@dataclass(frozen=True)
class Area:
    """A block of cells; columns and rows are counted from 1, both ends included."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def parse(cls, text: str) -> Area:
        """The area that a reference such as ``A4:Z9`` names.

        Raises:
            ValueError: It names none.
        """
        match = _AREA.fullmatch(text)
        if match is None:
            raise ValueError(text)
        left, top = column_number(match[1]), int(match[2])
        return cls(left, top, column_number(match[3]) if match[3] else left, int(match[4] or top))

    def __str__(self) -> str:
        return f"{letters(self.left)}{self.top}:{letters(self.right)}{self.bottom}"


@dataclass(frozen=True)
class Grid:
    """Where a table stands in this file.

    Attributes:
        name: The table's name.
        part: The table's part.
        sheet: The part of the sheet it stands on.
        sheet_name: The sheet's name.
        area: All of it, with headings and totals.
        columns: The number of each column on the sheet, by heading.
        formulas: The formulas of calculated columns, by heading.
        headings: How many heading rows there are: 1, or 0 when hidden.
        totals: How many totals rows there are.
        ids: The number that each column has within the table, by heading.
        is_filtered: Whether its filter is set to anything.
    """

    name: str
    part: str
    sheet: str
    sheet_name: str
    area: Area
    columns: dict[str, int]
    formulas: dict[str, str]
    headings: int = 1
    totals: int = 0
    ids: Mapping[str, int] = field(default_factory=dict)
    is_filtered: bool = False

    @property
    def first(self) -> int:
        """The first row of data."""
        return self.area.top + self.headings

    @property
    def last(self) -> int:
        """The last row of data."""
        return self.area.bottom - self.totals


def parse(data: bytes, name: str) -> etree._Element:
    """Parse a small part, following no entities and no addresses.

    Raises:
        NotAWorkbookError: It is not well formed, or it declares entities.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise NotAWorkbookError(DAMAGED.format(name=name)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise NotAWorkbookError(f"The file {name} holds XML that no workbook has (entities), so it was not opened.")
    return root


def to_bytes(root: etree._Element) -> bytes:
    """The part's bytes."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


class Book:
    """The structure of one package.

    Attributes:
        package: The package.
    """

    def __init__(self, package: Package) -> None:
        self.package = package
        self._name = package.path.name
        if not package.has("_rels/.rels"):
            raise self._foreign()
        targets = self.related("", "officeDocument")
        if len(targets) != 1 or not package.has(targets[0]):
            raise self._foreign()
        self.part = targets[0]
        data = package.part(self.part)
        if _STRICT in data:
            raise NotAWorkbookError(
                f"{self._name} was saved as “Strict Open XML”. Save it as “Excel Macro-Enabled Workbook”."
            )
        self._root = parse(data, self._name)
        if self._root.tag != f"{{{MAIN}}}workbook":
            raise self._foreign()

    def _foreign(self) -> NotAWorkbookError:
        return NotAWorkbookError(f"{self._name} is not an Excel workbook. Choose the AutoXero.xlsm that you set up.")

    def relations(self, part: str) -> list[tuple[str, str, str]]:
        """A part's relationships within the package: id, type and target."""
        folder, _, file = part.rpartition("/")
        rels = f"{folder}/_rels/{file}.rels".lstrip("/")
        if not self.package.has(rels):
            return []
        found = []
        for item in parse(self.package.part(rels), self._name):
            target = item.get("Target", "")
            if item.get("TargetMode") != "External" and isinstance(item.tag, str):
                path = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
                found.append((item.get("Id", ""), item.get("Type", "").rsplit("/", 1)[-1], path))
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """The parts to which a part has relationships of a kind."""
        return [target for _, found, target in self.relations(part) if found == kind]

    @property
    def sheet_items(self) -> list[etree._Element]:
        """The workbook's entries of its sheets, in order."""
        return self._root.findall(f"{{{MAIN}}}sheets/{{{MAIN}}}sheet")

    @cached_property
    def sheets(self) -> dict[str, str]:
        """The part of each worksheet by the sheet's name, in order."""
        kinds = {key: (kind, target) for key, kind, target in self.relations(self.part)}
        found = {}
        for sheet in self.sheet_items:
            kind, target = kinds.get(sheet.get(f"{{{_OFFICE}}}id", ""), ("", ""))
            if kind == "worksheet" and self.package.has(target):
                found[sheet.get("name", "")] = target
        return found

    @cached_property
    def sheet_ids(self) -> dict[int, str]:
        """The part of each worksheet by the number by which the calculation chain names it."""
        return {int(item.get("sheetId", "0")): self.sheets.get(item.get("name", ""), "") for item in self.sheet_items}

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """All tables by name; ours under the names and headings that they were shipped with."""
        return recognised(
            {
                grid.name: grid
                for name, sheet in self.sheets.items()
                for part in self.related(sheet, "table")
                if self.package.has(part) and (grid := self._grid(part, sheet, name))
            },
            self._holds_numbers,
        )

    def _holds_numbers(self, grid: Grid, heading: str) -> bool:
        """Whether more numbers than texts stand at the beginning of a column."""
        cell = rb'<c r="%b(\d++)"(?: s="\d++")?( t="\w++")?' % letters(grid.columns[heading]).encode()
        found = re.findall(cell + rb"[^>]*+(?<!/)>", next(self.package.pieces(grid.sheet), b""))
        kinds = [kind in {b"", b' t="n"'} for number, kind in found if grid.first <= int(number) <= grid.last]
        return sum(kinds) * 2 > len(kinds)

    def _grid(self, part: str, sheet: str, sheet_name: str) -> Grid | None:
        root = parse(self.package.part(part), self._name)
        try:
            area = Area.parse(root.get("ref", ""))
        except ValueError:
            return None
        columns: dict[str, int] = {}
        formulas: dict[str, str] = {}
        ids: dict[str, int] = {}
        for place, column in enumerate(root.iterfind(f"{{{MAIN}}}tableColumns/{{{MAIN}}}tableColumn")):
            heading = " ".join(plain(column.get("name", "").encode()).split())
            columns.setdefault(heading, area.left + place)
            ids.setdefault(heading, int(column.get("id", "0")))
            formula = column.findtext(f"{{{MAIN}}}calculatedColumnFormula")
            if formula:
                formulas[heading] = formula
        headings = int(root.get("headerRowCount", "1"))
        totals = int(root.get("totalsRowCount", "0"))
        name = root.get("displayName") or root.get("name") or ""
        is_filtered = root.find(f"{{{MAIN}}}autoFilter/{{{MAIN}}}filterColumn/*") is not None
        return Grid(name, part, sheet, sheet_name, area, columns, formulas, headings, totals, ids, is_filtered)

    @cached_property
    def names(self) -> dict[str, str]:
        """What every name of the whole workbook stands for."""
        found = self._root.iterfind(f"{{{MAIN}}}definedNames/{{{MAIN}}}definedName")
        return {item.get("name", ""): (item.text or "").strip() for item in found if "localSheetId" not in item.attrib}

    @cached_property
    def named_cells(self) -> dict[str, tuple[str, int, int]]:
        """Every name of the whole workbook that stands for one cell: the sheet's part, the column and the row.

        A copy of a sheet has names of its own, which are called the same.
        """
        found = {}
        for name, text in self.names.items():
            match = _CELL_REFERENCE.fullmatch(text)
            if match:
                sheet = self.sheets.get((match[1] or match[2]).replace("''", "'"))
                if sheet:
                    found[name] = (sheet, column_number(match[3]), int(match[4]))
        return found

    @cached_property
    def epoch(self) -> datetime:
        """Day 0 of the workbook's dates."""
        properties = self._root.find(f"{{{MAIN}}}workbookPr")
        is_1904 = properties is not None and properties.get("date1904") in {"1", "true"}
        return EPOCH_1904 if is_1904 else EPOCH

    @cached_property
    def _strings(self) -> Sequence[bytes]:
        parts = self.related(self.part, "sharedStrings")
        if not parts:
            return ()
        data = self.package.part(parts[0])
        if b"<si/>" in data or b"<si " in data:
            return [match[1] or b"" for match in _STRING.finditer(data)]
        return data.split(b"<si>")[1:]  # many times faster; what follows the text does no harm

    @cached_property
    def _texts(self) -> dict[int, str]:
        return {}

    def shared(self, number: int) -> str:
        """The shared string of that number."""
        known = self._texts.get(number)
        if known is None:
            strings = self._strings
            known = joined_texts(strings[number]) if 0 <= number < len(strings) else ""
            self._texts[number] = known
        return known

    def drop_calculation_chain(self) -> None:
        """Take out the list of formula cells when it no longer fits; Excel makes it anew."""
        for part in self.related(self.part, "calcChain"):
            self.package.remove(part)
            folder, _, file = self.part.rpartition("/")
            self._drop(f"{folder}/_rels/{file}.rels", "Type", "/calcChain")
            self._drop("[Content_Types].xml", "PartName", "/" + part)

    def _drop(self, part: str, attribute: str, ending: str) -> None:
        root = parse(self.package.part(part), self._name)
        for item in list(root):
            if item.get(attribute, "").endswith(ending):
                root.remove(item)
        self.package.replace(part, to_bytes(root))
