"""What the Dashboard counts: the books' currency first, money in and out apart, values by status."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from workbook.cells import EPOCH
from workbook.facts import COLUMNS, Facts
from workbook.layout import (
    DRAFTS_NAME,
    OTHERS_NAME,
    currency_name,
    heading_name,
    money_name,
    month_name,
    sum_name,
    value_name,
)

D = Decimal
ROW = {
    "Type": "Invoice", "Status": "Synced", "In Xero as": "Approved", "Date": date(2026, 11, 5), "Currency": "NZD",
    "Total": D("115.00"), "Xero total": D("114.00"),
}  # fmt: skip


def names(*rows: dict[str, Any], base: str = "", epoch: datetime = EPOCH) -> dict[str, Any]:
    facts = Facts()
    for row in rows:
        facts.add(tuple({**ROW, **row}[name] for name in COLUMNS), epoch)
    return facts.names(base)


def test_the_books_currency_comes_first_then_by_use() -> None:
    """Even a currency that no invoice has yet stands first when the books are kept in it."""
    rows = [{"Currency": "AUD"}, {"Currency": "AUD"}, {"Currency": "EUR"}, {"Currency": "USD"}, {"Currency": "USD"}]
    found = names(*rows, base="NZD")
    assert [found[currency_name(place)] for place in (1, 2, 3)] == ["NZD", "AUD", "USD"]
    found = names(*rows)
    assert [found[currency_name(place)] for place in (1, 2, 3)] == ["AUD", "USD", "EUR"]


def test_invoices_come_in_and_credit_notes_go_out() -> None:
    """Each has its column; they are not netted."""
    found = names({}, {"Type": "Credit note", "Xero total": D("-14.00")}, {"Status": "Fault"}, base="NZD")
    assert found[money_name(12, 1, "In")] == D("114.00")
    assert found[money_name(12, 1, "Out")] == D("-14.00")
    assert (found[sum_name(1, "In")], found[sum_name(1, "Out")]) == (D("114.00"), D("-14.00"))
    assert (found[heading_name("In", 1)], found[heading_name("Out", 1)]) == ("NZD in", "NZD out")
    assert found[month_name(12)] == date(2026, 11, 1)
    assert found[month_name(1)] == date(2025, 12, 1)
    assert found[money_name(12, 2, "In")] == found[sum_name(2, "In")] == found[heading_name("In", 2)] == ""


def test_every_status_and_line_has_its_value() -> None:
    """Drafts are worth what Xero has, all else what Autotask has; open faults are those being tried and those not."""
    rows: list[dict[str, Any]] = [
        {"Status": "Skipped"},
        {"Status": "Fault"},
        {"Status": "Retrying", "Total": D("1.50")},
        {"In Xero as": "Draft"},
        {"In Xero as": "Awaiting approval"},
        {"In Xero as": "Draft", "Currency": "AUD"},
    ]
    found = names(*rows, base="NZD")
    assert found[value_name("Skipped", 1)] == D("115.00")
    assert found[value_name("Open faults", 1)] == D("116.50")
    assert found[value_name("Drafts not yet approved", 1)] == D("228.00")
    assert found[value_name("Drafts not yet approved", 2)] == D("114.00")
    assert found[DRAFTS_NAME] == 3
    assert found[value_name("All", 1)] == D("461.50")
    assert found[value_name("All", 3)] == ""


def test_a_sheet_without_invoices_shows_blanks() -> None:
    found = names()
    assert found[currency_name(1)] is None
    assert found[month_name(1)] is None
    assert found[money_name(1, 1)] == ""


def test_one_date_far_ahead_leaves_the_months_alone() -> None:
    """The months end with the one in which the agent last wrote, at most."""
    facts = Facts()
    for day in (date(2026, 10, 5), date(2031, 1, 1)):
        row: dict[str, Any] = {**ROW, "Date": day}
        facts.add(tuple(row[name] for name in COLUMNS), EPOCH)
    found = facts.names("NZD", datetime(2026, 11, 27, 9, 0))  # noqa: DTZ001 - as on the sheet
    assert found[month_name(12)] == date(2026, 11, 1)
    assert found[money_name(11, 1, "In")] == found[sum_name(1, "In")] == D("114.00")


def test_what_finds_no_column_is_told() -> None:
    """Three currencies have columns; the money of the others is not left out without a word."""
    rows = [{"Currency": currency} for currency in ("AUD", "AUD", "EUR", "EUR", "USD", "GBP")]
    assert names(*rows, base="NZD")[OTHERS_NAME] == "And in other currencies: GBP 115.00 (1), USD 115.00 (1)"
    assert names(*rows[:4], base="NZD")[OTHERS_NAME] == ""
