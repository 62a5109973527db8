"""Xero's arithmetic, held against an implementation of its own and against Xero's published examples."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.money import Priced, line_amount, line_tax, plain, priced, rounded, totals
from agent.pretend.xero_arithmetic import Discount, expected_amount

D = Decimal


def test_tax_is_rounded_per_line() -> None:
    """Three lines at 15 % come to 11.44 in Xero, where the tax on their sum would be 11.45."""
    lines = [Priced(D(1), D(unit), D(15)) for unit in ("25.06", "25.61", "25.63")]
    assert totals(lines, "Exclusive", 2).tax == D("11.44")
    assert line_tax(D("76.30"), D(15), "Exclusive") == D("11.45")


def test_tax_inside_the_price() -> None:
    found = totals([Priced(D(1), D("541.25"), D(15))], "Inclusive", 2)
    assert (found.net, found.tax, found.total) == (D("470.65"), D("70.60"), D("541.25"))


def test_no_tax_at_all() -> None:
    found = totals([Priced(D(2), D("10.50"), D(15), D("3.15"))], "NoTax", 2)
    assert (found.net, found.tax) == (D("21.00"), D("0.00"))


def test_an_override_wins_over_the_rate() -> None:
    assert totals([Priced(D(1), D(100), D(15), D("14.99"))], "Exclusive", 2).tax == D("14.99")


@pytest.mark.parametrize(
    ("value", "places", "wanted"), [("2.165", 2, "2.17"), ("-2.165", 2, "-2.17"), ("0.00005", 4, "0.0001")]
)
def test_half_is_rounded_away_from_zero(value: str, places: int, wanted: str) -> None:
    assert rounded(D(value), places) == D(wanted)


@pytest.mark.parametrize(
    ("quantity", "rate", "net", "places", "wanted"),
    [
        ("3.175", "100", "0", 4, ("3.175", "0")),  # covered by a contract: totalAmount counts, the hours stay visible
        ("1234.5", "0.0123457", "15.24", 4, ("1", "15.24")),  # seven decimals do not fit: one piece at its amount
        ("112", "0.1234", "13.82", 4, ("112", "0.1234")),  # four decimals fit
        ("112", "0.1234", "13.82", 2, ("112", "0.12")),  # with two they do not; the difference is left to show
        ("1", "-50", "-50", 4, ("1", "-50")),  # a discount
        ("-2", "50", "-100", 4, ("2", "-50")),  # a negative quantity becomes a negative price
        ("-2", "50", "100", 4, ("1", "100")),  # a negative quantity with a positive total
        ("0", "0", "12.5", 4, ("1", "12.5")),
        ("0", "0", "0", 4, ("1", "0")),
        ("7.5", "145", "1087.5", 2, ("7.5", "145")),
        ("3.33333", "30", "100", 4, ("3.3333", "30")),  # a quantity with more than four decimals
    ],
)
def test_quantity_and_price_lead_to_what_is_billed(
    quantity: str, rate: str, net: str, places: int, wanted: tuple[str, str]
) -> None:
    found = priced(D(quantity), D(rate), D(net), places)
    assert found == tuple(map(D, wanted))


cents = st.decimals(min_value=-100000, max_value=100000, places=4, allow_nan=False)
quantities = st.decimals(min_value=-1000, max_value=1000, places=4, allow_nan=False)
rates = st.decimals(min_value=-10000, max_value=10000, places=7, allow_nan=False)


@given(quantity=quantities, rate=rates, net=cents)
def test_with_four_decimals_every_line_arrives_at_its_amount(quantity: Decimal, rate: Decimal, net: Decimal) -> None:
    """Whatever Autotask's quantity and rate say, Xero bills what Autotask bills."""
    sent_quantity, unit = priced(quantity, rate, net, 4)
    assert line_amount(sent_quantity, unit, 4) == rounded(net)
    assert sent_quantity >= 0
    assert rounded(sent_quantity, 4) == sent_quantity
    assert rounded(unit, 4) == unit


@given(quantity=quantities, unit=rates, places=st.sampled_from([2, 4]))
def test_agrees_with_the_pretend_xero(quantity: Decimal, unit: Decimal, places: int) -> None:
    """Two implementations, written apart from each other, agree on quantity times price."""
    theirs = expected_amount(quantity, rounded(unit, places), Discount())
    assert line_amount(quantity, unit, places) == theirs


@given(cents)
def test_plain_numbers_have_no_exponent(value: Decimal) -> None:
    assert plain(value) == value
    assert "E" not in str(plain(value))
