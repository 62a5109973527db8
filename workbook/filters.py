"""Which rows a table's filter lets through, as far as it can be told without the program that made it.

Lists of values and dates, and comparisons with wildcards, are worked out; colours, icons, averages and the ten highest
are not. Where one cannot be told no row is hidden: the filter stays, and Excel applies it again when it is asked to.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from lxml import etree

from workbook.cells import Cell, ErrorValue, Link, Read, moment, serial

Value = Cell | Read
Test = Callable[[str | float], bool]
"""Takes a number, or a text in small letters; blank cells are blank text."""

_PARTS = ("year", "month", "day", "hour", "minute", "second")
_NUMBER = re.compile(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?")
_NUMBER_WITH_COMMA = re.compile(r"-?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "lessThan": operator.lt, "lessThanOrEqual": operator.le, "greaterThan": operator.gt,
    "greaterThanOrEqual": operator.ge,
}  # fmt: skip


class UntoldError(Exception):
    """What a filter lets through cannot be told."""


class Filter:
    """The filter of one table.

    Args:
        item: Its ``autoFilter``, where it has one.
        epoch: Day 0 of the workbook's dates.
    """

    def __init__(self, item: etree._Element | None, epoch: datetime) -> None:
        self._epoch = epoch
        self._columns = [] if item is None else [column for column in item if len(column)]

    def __bool__(self) -> bool:
        return bool(self._columns)

    def hides(self, rows: Iterable[tuple[int, Callable[[int], Value]]]) -> set[int]:
        """The rows that it does not let through; none where that cannot be told.

        Args:
            rows: Each row's number, and what gives its value in a column of the table, counted from 0.
        """
        try:
            tests = [(int(column.get("colId", "0")), self._test(column[0])) for column in self._columns]
            return {
                number for number, value in rows if not all(test(self._plain(value(column))) for column, test in tests)
            }
        except (UntoldError, OverflowError):
            return set()

    def _plain(self, value: Value) -> str | float:
        if isinstance(value, date):
            return float(serial(value, self._epoch))
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is None or isinstance(value, str | Link | ErrorValue):
            return str(value.text if isinstance(value, ErrorValue) else value or "").strip().casefold()
        return float(value)

    def _test(self, item: etree._Element) -> Test:
        kind = etree.QName(item).localname
        if kind == "filters":
            return self._listed(item)
        if kind == "customFilters":
            tests = [self._compared(one.get("operator", "equal"), one.get("val", "")) for one in item]
            all_or_any = all if item.get("and") in {"1", "true"} else any
            return lambda value: all_or_any(test(value) for test in tests)
        raise UntoldError

    def _listed(self, item: etree._Element) -> Test:
        """Lets through the values of a list, and the days of years, months and days."""
        texts = {one.get("val", "").strip().casefold() for one in item if one.get("val") is not None}
        groups = [[one.get(part) for part in _PARTS] for one in item if one.get("year")]
        if item.get("blank") in {"1", "true"}:
            texts.add("")

        def test(value: str | float) -> bool:
            if isinstance(value, str):
                return value in texts
            if any(_is_within(moment(value, self._epoch), group) for group in groups):
                return True
            return any(abs(value - self._number(text)) < 1e-6 for text in texts if text)

        return test

    def _compared(self, order: str, text: str) -> Test:
        """Lets through what compares with a text or a number."""
        text = text.strip().casefold()
        bound = self._number_or_none(text)
        if order in _ORDERS:
            other = text if bound is None else bound
            return lambda value: value != "" and type(value) is type(other) and _ORDERS[order](value, other)
        pattern = _pattern(text)

        def is_equal(value: str | float) -> bool:
            if isinstance(value, str):
                return pattern.fullmatch(value) is not None
            return bound is not None and abs(value - bound) < 1e-6

        return is_equal if order == "equal" else lambda value: not is_equal(value)

    def _number_or_none(self, text: str) -> float | None:
        if _NUMBER.fullmatch(text):
            return float(text.replace(",", ""))
        if _NUMBER_WITH_COMMA.fullmatch(text):
            return float(text.replace(".", "").replace(",", "."))
        try:
            return float(serial(datetime.fromisoformat(text), self._epoch))
        except ValueError:
            return None

    def _number(self, text: str) -> float:
        """The number that a text in a list of a column with numbers stands for."""
        found = self._number_or_none(text)
        if found is None:
            raise UntoldError
        return found


def _is_within(when: datetime, group: list[str | None]) -> bool:
    """Whether a moment lies in a year, month, day … that was ticked."""
    parts = (when.year, when.month, when.day, when.hour, when.minute, when.second)
    return all(wanted is None or int(wanted) == part for wanted, part in zip(group, parts, strict=True))


def _pattern(text: str) -> re.Pattern[str]:
    """A text with Excel's wildcards; ``~`` takes their meaning away."""
    parts = re.findall(r"~[*?~]|.", text, re.DOTALL)
    return re.compile("".join({"*": ".*", "?": "."}.get(one, re.escape(one[-1])) for one in parts), re.DOTALL)
