"""Xero's arithmetic, without any HTTP."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pretend.wire import plain_number, round_half_up
from agent.pretend.xero_arithmetic import Amounts, Discount, complete, expected_amount, tax_on, totals_of
from agent.pretend.xero_records import Line

money = st.decimals(min_value=-100_000, max_value=100_000, places=2)
rates = st.decimals(min_value=0, max_value=30, places=2)


def lines(*amounts: str, tax_mode: str = "Exclusive") -> list[Line]:
    return [
        Line("x", amount=Decimal(amount), tax_amount=tax_on(Decimal(amount), Decimal(15), tax_mode))
        for amount in amounts
    ]


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [("2.165", 2, "2.17"), ("-2.165", 2, "-2.17"), ("2.16499", 2, "2.16"), ("1.00005", 4, "1.0001"), ("5", 2, "5.00")],
)
def test_halves_go_away_from_zero(value: str, places: int, expected: str) -> None:
    """Not to the even neighbour."""
    assert str(round_half_up(Decimal(value), places)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("21.00", "21.0"), ("3.15", "3.15"), ("1E+2", "100.0"), ("0.0000", "0.0"), ("0.920000", "0.92")],
)
def test_numbers_as_xero_writes_them(value: str, expected: str) -> None:
    """No needless zeros, but one decimal at least."""
    assert str(plain_number(Decimal(value))) == expected


def test_tax_per_line() -> None:
    """The documented example."""
    totals = totals_of(lines("25.06", "25.61", "25.63"), "Exclusive")
    assert (totals.sub_total, totals.total_tax, totals.total) == (Decimal("76.30"), Decimal("11.44"), Decimal("87.74"))


def test_tax_inside() -> None:
    """The recorded invoice of 541.25."""
    totals = totals_of(lines("541.25", tax_mode="Inclusive"), "Inclusive")
    assert (totals.sub_total, totals.total_tax) == (Decimal("470.65"), Decimal("70.60"))


@pytest.mark.parametrize(
    ("quantity", "unit", "discount", "expected"),
    [
        ("3", "9.99", Discount(), "29.97"),
        ("3", "10", Discount(rate=Decimal("33.33")), "20.00"),
        ("3", "10", Discount(amount=Decimal("1.5")), "28.50"),
        ("0.3333", "1.01", Discount(), "0.34"),
    ],
)
def test_line_amounts(quantity: str, unit: str, discount: Discount, expected: str) -> None:
    """Quantity times price, less the discount."""
    assert expected_amount(Decimal(quantity), Decimal(unit), discount) == Decimal(expected)


def numbers(*values: str | None) -> tuple[Decimal | None, ...]:
    return tuple(None if value is None else Decimal(value) for value in values)


@pytest.mark.parametrize(
    ("sent", "places", "expected"),
    [
        (("1.23456", "1.005", None), 2, ("1.2346", "1.01", "1.25")),
        (("1000", "1.0055", None), 4, ("1000", "1.0055", "1005.50")),
        (("3", None, "10"), 2, ("3", "3.33", "10.00")),
        ((None, "4", "10"), 2, ("2.5", "4", "10.00")),
        ((None, None, "10"), 2, ("1", "10", "10.00")),
        ((None, "7", None), 2, ("1", "7", "7.00")),
        (("7", None, None), 2, ("7", "0", "0.00")),
        (("0", None, "0"), 2, ("0", "0", "0.00")),
        ((None, None, None), 2, (None, None, "0.00")),
    ],
)
def test_completing(sent: tuple[str | None, ...], places: int, expected: tuple[str | None, str | None, str]) -> None:
    """What is left out is worked out; the price is rounded before it is used."""
    quantity, unit, amount = numbers(*sent)
    wanted_quantity, wanted_unit, _ = numbers(*expected)
    wanted = Amounts(wanted_quantity, wanted_unit, Decimal(expected[2]))
    assert complete(quantity, unit, amount, Discount(), places) == wanted


def test_completing_with_a_discount() -> None:
    """The price is the one before the discount."""
    found = complete(Decimal(2), None, Decimal(9), Discount(rate=Decimal(10)), 2)
    assert found == Amounts(Decimal(2), Decimal(5), Decimal(9))
    found = complete(Decimal(2), None, Decimal(9), Discount(amount=Decimal(1)), 2)
    assert found == Amounts(Decimal(2), Decimal(5), Decimal(9))


@given(amount=money, rate=rates)
def test_tax_is_symmetrical_and_whole_cents(amount: Decimal, rate: Decimal) -> None:
    """A credit of a line has exactly the opposite tax."""
    for mode in ("Exclusive", "Inclusive", "NoTax"):
        tax = tax_on(amount, rate, mode)
        assert tax == -tax_on(-amount, rate, mode)
        assert tax == round_half_up(tax, 2)


@given(amounts=st.lists(money, max_size=8), rate=rates)
def test_totals_agree(amounts: list[Decimal], rate: Decimal) -> None:
    """Sub-total and tax make the total in every mode."""
    for mode in ("Exclusive", "Inclusive"):
        found = totals_of([Line("x", amount=a, tax_amount=tax_on(a, rate, mode)) for a in amounts], mode)
        assert found.sub_total + found.total_tax == found.total
        fixed = found.total if mode == "Inclusive" else found.sub_total
        assert fixed == sum(amounts)
