"""Looks carried from one workbook into another: a style's number means something else in each file."""

from __future__ import annotations

from copy import deepcopy

from lxml import etree

from workbook.book import MAIN

_ORDER = ("numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs", "tableStyles",
          "colors", "extLst")  # fmt: skip
_FIRST_OWN_FORMAT = 164


def _tag(name: str) -> str:
    return f"{{{MAIN}}}{name}"


class Styles:
    """Finds the looks of one workbook in another, and adds those that it lacks.

    Args:
        home: The styles that the numbers come from.
        target: The styles of the other workbook; it is added to.
    """

    def __init__(self, home: etree._Element, target: etree._Element) -> None:
        self._home = home
        self._target = target
        self._cells: dict[str, str] = {}
        self._differences: dict[str, str] = {}

    def cell(self, number: str) -> str:
        """The other workbook's number for a cell's style."""
        known = self._cells.get(number)
        if known is None:
            xf = deepcopy(self._block(self._home, "cellXfs")[int(number)])
            for attribute, block in (("fontId", "fonts"), ("fillId", "fills"), ("borderId", "borders")):
                look = self._block(self._home, block)[int(xf.get(attribute, "0"))]
                xf.set(attribute, self._place(block, deepcopy(look)))
            xf.set("numFmtId", self._format(xf.get("numFmtId", "0")))
            xf.set("xfId", "0")
            known = self._cells[number] = self._place("cellXfs", xf)
        return known

    def difference(self, number: str) -> str:
        """The other workbook's number for the look of a conditional format."""
        known = self._differences.get(number)
        if known is None:
            look = deepcopy(self._block(self._home, "dxfs")[int(number)])
            for item in look.iter(_tag("numFmt")):
                item.set("numFmtId", self._format_of(item.get("formatCode", "General")))
            known = self._differences[number] = self._place("dxfs", look)
        return known

    def _format(self, number: str) -> str:
        if int(number) < _FIRST_OWN_FORMAT:
            return number
        block = self._block(self._home, "numFmts")
        code = next((item.get("formatCode", "") for item in block if item.get("numFmtId") == number), "General")
        return self._format_of(code)

    def _format_of(self, code: str) -> str:
        block = self._block(self._target, "numFmts")
        known = {item.get("formatCode", ""): item.get("numFmtId", "") for item in block}
        if code not in known:
            highest = max([_FIRST_OWN_FORMAT - 1, *(int(number) for number in known.values())])
            known[code] = str(highest + 1)
            etree.SubElement(block, _tag("numFmt"), {"numFmtId": known[code], "formatCode": code})
            block.set("count", str(len(block)))
        return known[code]

    def _place(self, name: str, look: etree._Element) -> str:
        block = self._block(self._target, name)
        wanted = _canonical(look)
        for place, item in enumerate(block):
            if _canonical(item) == wanted:
                return str(place)
        block.append(look)
        block.set("count", str(len(block)))
        return str(len(block) - 1)

    def _block(self, root: etree._Element, name: str) -> etree._Element:
        block = root.find(_tag(name))
        if block is None:
            block = etree.Element(_tag(name), {"count": "0"})
            later = {_tag(item) for item in _ORDER[_ORDER.index(name) + 1 :]}
            place = next((at for at, item in enumerate(root) if item.tag in later), len(root))
            root.insert(place, block)
        return block


def _canonical(item: etree._Element) -> bytes:
    return etree.tostring(item, method="c14n", exclusive=True, with_tail=False)
