"""Formulas that move with their row, as a spreadsheet program moves them when it sorts."""

from __future__ import annotations

import re

from workbook.cells import escape, formula_of, has_formula
from workbook.cells import moved as placed

_SHARED = re.compile(rb'<f\s[^>]*?\bsi="(\d+)"')
_FORMULA = re.compile(rb"<f(?:\s[^>]*)?(?:/>|>.*?</f>)", re.DOTALL)


def is_shared(raw: bytes) -> bool:
    """Whether a cell's formula is one that several cells have in common."""
    return _SHARED.search(raw) is not None


class SharedFormulas:
    """The formulas that several cells have in common: only the first of them holds the text."""

    def __init__(self) -> None:
        self._texts: dict[bytes, tuple[str, str]] = {}

    def learn(self, raw: bytes, place: str) -> None:
        """Take note of a cell that goes by."""
        shared = _SHARED.search(raw)
        if shared and (text := formula_of(raw)):
            self._texts[shared[1]] = (text, place)

    def moved(self, raw: bytes, origin: str, place: str) -> bytes:
        """The cell at another place, its formula pointing from there to what it pointed to before.

        A formula that cannot be moved (an array formula, one whose text is not known) leaves its result.
        """
        raw = placed(raw, place.encode())
        if not has_formula(raw):
            return raw
        text, home = formula_of(raw), origin
        if (shared := _SHARED.search(raw)) and not text:
            text, home = self._texts.get(shared[1], ("", origin))
        if not text or b't="array"' in raw or b't="dataTable"' in raw:
            return _FORMULA.sub(b"", raw, count=1)
        from openpyxl.formula.translate import Translator  # noqa: PLC0415 - slow to load, and seldom needed

        new = Translator("=" + text, origin=home).translate_formula(place).removeprefix("=")
        return _FORMULA.sub(lambda _: b"<f>%b</f>" % escape(new), raw, count=1)
