"""What a table's filter lets through, worked out as Excel does it; what cannot be told hides nothing."""

# ruff: noqa: DTZ001 - a cell holds local time without a zone

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import partial

import pytest

from workbook.book import MAIN, parse
from workbook.cells import EPOCH, EPOCH_1904, Link, serial
from workbook.filters import Filter, Value

ROWS: list[Value] = ["Warning", "Info", None, 12, Decimal("1234.5"), date(2026, 9, 3), datetime(2026, 9, 4, 10), ""]


def its(criteria: str, column: int = 0, epoch: datetime = EPOCH) -> Filter:
    """A filter as Excel writes it."""
    data = (
        f'<autoFilter xmlns="{MAIN}" ref="A1:B9"><filterColumn colId="{column}">{criteria}</filterColumn></autoFilter>'
    )
    return Filter(parse(data.encode(), "table"), epoch)


def passed(criteria: str, values: list[Value]) -> list[Value]:
    """The values that it lets through."""
    hidden = its(criteria).hides((number, partial(at, (value,))) for number, value in enumerate(values))
    return [value for number, value in enumerate(values) if number not in hidden]


ONE = '<customFilter operator="{}" val="{}"/>'


def at(row: tuple[Value, ...], column: int) -> Value:
    return row[column]


def custom(operator: str, text: str) -> str:
    return f"<customFilters>{ONE.format(operator, text)}</customFilters>"


@pytest.mark.parametrize(
    ("criteria", "wanted"),
    [
        ('<filters><filter val="warning"/></filters>', ["Warning"]),
        ('<filters blank="1"><filter val="Info"/></filters>', ["Info", None, ""]),
        (custom("equal", "w*g"), ["Warning"]),
        (custom("equal", "?nfo"), ["Info"]),
        (custom("equal", "~?nfo"), []),
        (custom("notEqual", "*n*"), [None, ""]),
        (custom("notEqual", " "), ["Warning", "Info"]),
        (custom("greaterThan", "J"), ["Warning"]),
        (f'<customFilters and="1">{ONE.format("equal", "*n*")}{ONE.format("notEqual", "Info")}</customFilters>',
         ["Warning"]),
        ('<customFilters><customFilter val="Info"/><customFilter val="Warning"/></customFilters>', ["Warning", "Info"]),
    ],
)  # fmt: skip
def test_texts(criteria: str, wanted: list[Value]) -> None:
    assert passed(criteria, ["Warning", "Info", None, ""]) == wanted


@pytest.mark.parametrize(
    ("criteria", "wanted"),
    [
        ('<filters><filter val="12"/></filters>', [12]),
        ('<filters><filter val="1,234.50"/><filter val="12.00"/></filters>', [12, Decimal("1234.5")]),
        ('<filters><filter val="1.234,50"/></filters>', [Decimal("1234.5")]),
        (custom("greaterThanOrEqual", "12"), [12, Decimal("1234.5")]),
        (custom("lessThan", "12"), [-3.25]),
        (custom("equal", "12"), [12]),
        (custom("notEqual", "12"), [Decimal("1234.5"), -3.25, None]),
    ],
)
def test_numbers(criteria: str, wanted: list[Value]) -> None:
    assert passed(criteria, [12, Decimal("1234.5"), -3.25, None]) == wanted


DAYS: list[Value] = [date(2026, 9, 3), datetime(2026, 9, 4, 10, 30), date(2025, 9, 3), None]


@pytest.mark.parametrize(
    ("criteria", "wanted"),
    [
        ('<filters><dateGroupItem year="2026" dateTimeGrouping="year"/></filters>', DAYS[:2]),
        ('<filters><dateGroupItem year="2026" month="9" day="4" dateTimeGrouping="day"/></filters>', [DAYS[1]]),
        ('<filters><filter val="2026-09-03"/></filters>', [DAYS[0]]),
        (custom("greaterThan", serial(date(2026, 9, 3))), [DAYS[1]]),
    ],
)
def test_days(criteria: str, wanted: list[Value]) -> None:
    assert passed(criteria, DAYS) == wanted


def test_days_are_read_by_the_workbooks_calendar() -> None:
    criteria = '<filters><dateGroupItem year="2026" month="9" day="4" dateTimeGrouping="day"/></filters>'
    number = int(serial(date(2026, 9, 4), EPOCH_1904))
    assert its(criteria, epoch=EPOCH_1904).hides([(1, lambda _: number), (2, lambda _: number + 1)]) == {2}


def test_links_are_their_texts() -> None:
    assert passed('<filters><filter val="INV-1"/></filters>', [Link("INV-1", "https://x"), Link("INV-2", "https://x")])


@pytest.mark.parametrize(
    "criteria",
    ['<colorFilter dxfId="0"/>', '<top10 val="3"/>', '<dynamicFilter type="today"/>', '<iconFilter iconSet="3Arrows"/>',
     '<filters><filter val="EUR 12.00"/></filters>'],
)  # fmt: skip
def test_what_cannot_be_told_hides_nothing(criteria: str) -> None:
    assert passed(criteria, ["Info", 12, None]) == ["Info", 12, None]


def test_all_columns_must_agree_and_none_is_no_filter() -> None:
    item = parse(
        f'<autoFilter xmlns="{MAIN}"><filterColumn colId="0"><filters><filter val="a"/></filters></filterColumn>'
        '<filterColumn colId="1"><filters><filter val="b"/></filters></filterColumn><filterColumn colId="2"/>'
        "</autoFilter>".encode(),
        "table",
    )
    rows: list[tuple[Value, Value]] = [("a", "b"), ("a", "c"), ("x", "b")]
    hidden = Filter(item, EPOCH).hides((number, partial(at, row)) for number, row in enumerate(rows))
    assert hidden == {1, 2}
    assert not Filter(None, EPOCH)
    assert not Filter(parse(f'<autoFilter xmlns="{MAIN}"/>'.encode(), "table"), EPOCH)
