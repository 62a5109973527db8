"""Whole sheets carried over from the shipped workbook into one that lacks them, with all that hangs on them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container

from lxml import etree

from workbook.book import MAIN, RELATIONSHIPS, Area, Book, parse, to_bytes
from workbook.cells import column_number, escape
from workbook.styles import Styles

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_CONTENT = "[Content_Types].xml"
_NUMBERED = re.compile(r"(.*?)\d*(\.\w+)")
_LONGEST_NAME = 31


def _tag(name: str) -> str:
    return f"{{{MAIN}}}{name}"


def rels_of(part: str) -> str:
    """The part with a part's relationships."""
    folder, _, file = part.rpartition("/")
    return f"{folder}/_rels/{file}.rels".lstrip("/")


class Graft:
    """Carries sheets from one workbook into another.

    Args:
        book: The workbook that gets them.
        home: The shipped workbook.
    """

    def __init__(self, book: Book, home: Book) -> None:
        self._book = book
        self._home = home
        self._package = book.package
        (self._styles_part,) = book.related(book.part, "styles")
        (home_styles,) = home.related(home.part, "styles")
        self._styles_root = self._parse(self._styles_part)
        self.styles = Styles(parse(home.package.part(home_styles), "styles"), self._styles_root)

    def finish(self) -> None:
        """Write down the looks that were added."""
        self._package.replace(self._styles_part, to_bytes(self._styles_root))

    def _parse(self, part: str) -> etree._Element:
        return parse(self._package.part(part), self._package.path.name)

    def sheet(self, name: str, tables: Container[str]) -> str:
        """Add a sheet at the end.

        Args:
            name: The sheet in the shipped workbook.
            tables: Those of its tables that are wanted; what belongs to others on it is left out.

        Returns:
            The name it got.
        """
        part = self._copy(self._home.sheets[name], tables)
        root = self._parse(self._book.part)
        sheets = root.find(_tag("sheets"))
        assert sheets is not None
        free = _free_name(name, {item.get("name", "").casefold() for item in sheets})
        item = etree.SubElement(sheets, _tag("sheet"), {"name": free})
        item.set("sheetId", str(1 + max(int(other.get("sheetId", "0")) for other in sheets)))
        source = next(other for other in self._home.sheet_items if other.get("name") == name)
        if source.get("state"):
            item.set("state", source.get("state", ""))
        item.set(f"{{{_OFFICE}}}id", self.relate(self._book.part, "worksheet", part))
        self._package.replace(self._book.part, to_bytes(root))
        return free

    def redraw(self, name: str, part: str) -> None:
        """Draw a sheet anew in the place of an old one, which goes with its tables and drawings."""
        for _, kind, target in self._book.relations(part):
            if kind in {"table", "drawing", "comments", "vmlDrawing", "threadedComment"} and self._package.has(target):
                self._remove(target)
        source = self._home.sheets[name]
        self._package.replace(part, self._sheet(source, _All()))
        if self._package.has(rels_of(part)):
            self._package.remove(rels_of(part))
        self._copy_rels(source, part, _All())

    def _remove(self, part: str) -> None:
        self._package.remove(part)
        if self._package.has(rels_of(part)):
            self._package.remove(rels_of(part))
        root = self._parse(_CONTENT)
        for item in list(root):
            if item.get("PartName") == f"/{part}":
                root.remove(item)
        self._package.replace(_CONTENT, to_bytes(root))

    def _copy(self, part: str, tables: Container[str]) -> str:
        """Copy a part and all that it refers to; gives its new name."""
        new = self.free_part(part)
        kind = "table" if "/tables/" in f"/{part}" else "sheet" if part in self._home.sheets.values() else ""
        data = self._home.package.part(part)
        if kind == "sheet":
            data = self._sheet(part, tables)
        elif kind == "table":
            data = self._table(data)
        self._package.add(new, data)
        self.declare(new, self._content_type(part))
        self._copy_rels(part, new, tables)
        return new

    def _copy_rels(self, part: str, new: str, tables: Container[str]) -> None:
        rels = rels_of(part)
        if not self._home.package.has(rels):
            return
        root = parse(self._home.package.part(rels), rels)
        for item in list(root):
            if item.get("TargetMode") == "External":
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(part), item.get("Target", "")))
            if self._table_name(target) not in tables and "/tables/" in f"/{target}":
                root.remove(item)
            else:
                item.set("Target", "/" + self._copy(target, tables))
        if len(root):
            self._package.add(rels_of(new), to_bytes(root))

    def _table_name(self, part: str) -> str:
        return next((grid.name for grid in self._home.grids.values() if grid.part == part), "")

    def free_part(self, part: str) -> str:
        """A part's name with a number that is free."""
        match = _NUMBERED.fullmatch(part)
        assert match is not None
        number = 1
        while self._package.has(f"{match[1]}{number}{match[2]}"):
            number += 1
        return f"{match[1]}{number}{match[2]}"

    def _content_type(self, part: str) -> str:
        root = parse(self._home.package.part(_CONTENT), _CONTENT)
        return next((item.get("ContentType", "") for item in root if item.get("PartName") == f"/{part}"), "")

    def declare(self, part: str, kind: str) -> None:
        """Note a part's content type."""
        if kind:
            root = self._parse(_CONTENT)
            etree.SubElement(root, f"{{{_TYPES}}}Override", {"PartName": f"/{part}", "ContentType": kind})
            self._package.replace(_CONTENT, to_bytes(root))

    def relate(self, source: str, kind: str, target: str) -> str:
        """Add a relationship; gives its id."""
        rels = rels_of(source)
        is_new = not self._package.has(rels)
        root = etree.Element(f"{{{RELATIONSHIPS}}}Relationships") if is_new else self._parse(rels)
        taken = {item.get("Id") for item in root}
        key = next(f"rIdAutoXero{number}" for number in range(1, len(taken) + 2) if f"rIdAutoXero{number}" not in taken)
        etree.SubElement(
            root,
            f"{{{RELATIONSHIPS}}}Relationship",
            {"Id": key, "Type": f"{_OFFICE}/{kind}", "Target": f"/{target}"},
        )
        put = self._package.add if is_new else self._package.replace
        put(rels, to_bytes(root))
        return key

    def free_table_id(self) -> int:
        """A number that no table has."""
        ids = [int(self._parse(name).get("id", "0")) for name in self._package.names if "/tables/" in f"/{name}"]
        return max(ids, default=0) + 1

    def _table(self, data: bytes) -> bytes:
        root = parse(data, "table")
        root.set("id", str(self.free_table_id()))
        for item in root.iter():
            for attribute in ("dataDxfId", "headerRowDxfId", "totalsRowDxfId"):
                if isinstance(item.tag, str) and attribute in item.attrib:
                    item.set(attribute, self.styles.difference(item.get(attribute, "")))
        return to_bytes(root)

    def _sheet(self, part: str, tables: Container[str]) -> bytes:
        root = parse(self._home.package.part(part), part)
        for properties in root.iter(_tag("sheetPr")):
            properties.attrib.pop("codeName", "")
        for view in root.iter(_tag("sheetView")):
            view.attrib.pop("tabSelected", "")
        grids = [grid for grid in self._home.grids.values() if grid.sheet == part]
        left_out = [grid.area for grid in grids if grid.name not in tables]
        for cell in list(root.iter(_tag("c"))):
            self._cell(cell, left_out)
        for row in root.iter(_tag("row"), _tag("col")):
            for attribute in ("s", "style"):
                if attribute in row.attrib:
                    row.set(attribute, self.styles.cell(row.get(attribute, "")))
        for rule in root.iter(_tag("cfRule")):
            if "dxfId" in rule.attrib:
                rule.set("dxfId", self.styles.difference(rule.get("dxfId", "")))
        if left_out:
            self._leave_out(root, part, left_out, tables)
        return to_bytes(root)

    def _cell(self, cell: etree._Element, left_out: list[Area]) -> None:
        """Give a cell its look and its text in the other workbook; or take it away."""
        column = column_number(re.sub(r"\d", "", cell.get("r", "")))
        if any(area.left <= column <= area.right for area in left_out):
            parent = cell.getparent()
            assert parent is not None
            parent.remove(cell)
            return
        if "s" in cell.attrib:
            cell.set("s", self.styles.cell(cell.get("s", "")))
        value = cell.find(_tag("v"))
        if cell.get("t") == "s" and value is not None:
            text = self._home.shared(int(value.text or "0"))
            cell.set("t", "inlineStr")
            cell.remove(value)
            item = etree.fromstring(
                b'<is xmlns="%b"><t xml:space="preserve">%b</t></is>' % (MAIN.encode(), escape(text))
            )
            cell.append(item)

    def _leave_out(self, root: etree._Element, part: str, left_out: list[Area], tables: Container[str]) -> None:
        """Take away what belongs to tables that the other workbook has still."""
        for item in list(root.iter(_tag("conditionalFormatting"), _tag("dataValidation"))):
            first = item.get("sqref", "").split(" ")[0]
            parent = item.getparent()
            if parent is not None and any(area.left <= Area.parse(first).left <= area.right for area in left_out):
                parent.remove(item)
        kept = {key for key, _, target in self._home.relations(part) if self._table_name(target) in tables}
        for parts in list(root.iter(_tag("tableParts"))):
            for item in list(parts):
                if item.get(f"{{{_OFFICE}}}id") not in kept:
                    parts.remove(item)
            parts.set("count", str(len(parts)))
        for rules in list(root.iter(_tag("dataValidations"))):
            rules.set("count", str(len(rules)))
            if not len(rules) and (parent := rules.getparent()) is not None:
                parent.remove(rules)


class _All:
    """Every table is wanted."""

    def __contains__(self, _name: object) -> bool:
        return True


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name[: _LONGEST_NAME - 5]} ({number})"
    return free
