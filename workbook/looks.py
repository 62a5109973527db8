"""How the workbook looks: fonts, colours, number formats, page set-up."""

from __future__ import annotations

from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

FONT = "Arial"
INK = "#1F2933"
QUIET = "#5B6570"
RULE = "#D5DAE0"
HEADING = "#1F3A5F"
PANEL = "#F4F6F9"
YOURS = "#FFFBE6"
LINK = "#1C4F9C"
SERIES = ("#1F3A5F", "#4C9A8A", "#C98B3C")
"""The colours of the Dashboard's currencies, in its charts and headings."""

STATUS_COLOURS = {
    "Synced": ("#E1F3E7", "#1B6435"),
    "Synced with warnings": ("#FFF2CC", "#7A5200"),
    "Fault": ("#FADBDC", "#8F1A1D"),
    "Retrying": ("#FCE6D5", "#8C4300"),
    "Waiting": ("#DFEBFA", "#1C4780"),
    "Skipped": ("#ECEEF1", QUIET),
    "Never send": ("#ECEEF1", QUIET),
    "Voided": ("#ECEEF1", QUIET),
    "Changed since sent": ("#EDE3F8", "#55297C"),
}
OTHER_COLOURS = {
    "Send": STATUS_COLOURS["Synced"],
    "Keep": STATUS_COLOURS["Skipped"],
    "Skip": STATUS_COLOURS["Skipped"],
    "Take over": STATUS_COLOURS["Synced"],
    "Wait": STATUS_COLOURS["Waiting"],
    "Error": STATUS_COLOURS["Fault"],
    "Warning": STATUS_COLOURS["Synced with warnings"],
}
"""The colours of the words in Preview's Action and the Log's Level."""

NUMBER_FORMATS = {
    "text": "@",
    "link": "General",
    "status": "@",
    "do": "@",
    "money": "#,##0.00",
    "price": "#,##0.00##",
    "number": "#,##0.####",
    "whole": "0",
    "date": "yyyy-mm-dd",
    "moment": "yyyy-mm-dd hh:mm:ss",
}
_RIGHT = {"money", "price", "number", "whole"}


class Looks:
    """The formats of one workbook, each made once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._known: dict[tuple[tuple[str, Any], ...], Format] = {}

    def format(self, **properties: Any) -> Format:  # noqa: ANN401 - XlsxWriter's properties are of any type
        """A format in the workbook's font."""
        wanted = {"font_name": FONT, "font_size": 10, "font_color": INK, "valign": "top", **properties}
        key = tuple(sorted(wanted.items()))
        if key not in self._known:
            self._known[key] = self._book.add_format(wanted)
        return self._known[key]

    def rule(self, **properties: Any) -> Format:  # noqa: ANN401
        """A format for a conditional format: only what it changes."""
        return self._book.add_format(properties)

    def cell(self, kind: str, *, yours: bool = False, wrap: bool = False, shrink: bool = False) -> Format:
        """The format of a table's cells."""
        more: dict[str, Any] = {} if kind in _RIGHT else {"indent": 1}
        if yours:
            more["bg_color"] = YOURS
        if kind == "link":
            more["font_color"] = LINK
        if wrap:
            more["text_wrap"] = True
        if shrink:
            more["shrink"] = True
        return self.format(
            num_format=NUMBER_FORMATS[kind],
            align="right" if kind in _RIGHT else "left",
            bottom=1,
            bottom_color=RULE,
            **more,
        )

    def heading(self, *, right: bool = False, yours: bool = False) -> Format:
        """The format of a table's headings."""
        return self.format(
            bold=True,
            font_color="#FFFFFF",
            bg_color="#8A6D1D" if yours else HEADING,
            text_wrap=True,
            valign="vcenter",
            align="right" if right else "left",
            indent=0 if right else 1,
        )

    def title(self) -> Format:
        """The format of a sheet's title."""
        return self.format(bold=True, font_size=16, font_color=HEADING, valign="vcenter")

    def section(self) -> Format:
        """The format of a heading within a sheet."""
        return self.format(bold=True, font_size=11, font_color=HEADING, bottom=2, bottom_color=HEADING)

    def quiet(self, *, wrap: bool = False) -> Format:
        """The format of a remark."""
        return self.format(font_color=QUIET, text_wrap=wrap)

    def colours(self, words: dict[str, tuple[str, str]], sheet: Worksheet, area: tuple[int, int, int, int]) -> None:
        """Colour the cells of an area by their words."""
        for word, (fill, ink) in words.items():
            look = self.rule(bg_color=fill, font_color=ink)
            sheet.conditional_format(
                *area, {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": look}
            )  # fmt: skip

    def emphasis(self, sheet: Worksheet, area: tuple[int, int, int, int], formula: str) -> None:
        """Set the cells of an area off where a formula holds."""
        look = self.rule(bold=True, bg_color=PANEL)
        sheet.conditional_format(*area, {"type": "formula", "criteria": formula, "format": look})

    def alarm(self, sheet: Worksheet, area: tuple[int, int, int, int], formula: str) -> None:
        """Colour the cells of an area red where a formula holds."""
        fill, ink = STATUS_COLOURS["Fault"]
        look = self.rule(bg_color=fill, font_color=ink)
        sheet.conditional_format(*area, {"type": "formula", "criteria": formula, "format": look})


def set_up_page(sheet: Worksheet, headings: tuple[int, int] | None = None) -> None:
    """Landscape A4, as wide as the page, headings on every page, page numbers."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&8AutoXero · &A&R&8Page &P of &N")
    if headings:
        sheet.repeat_rows(*headings)
