"""Xero's rules for amounts: what a line comes to, its tax, and the totals of a document."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from agent.pretend.wire import round_half_up
from agent.pretend.xero_records import ZERO, Line

HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Amounts:
    """The three numbers that a line is made of, after rounding; None where the line has none."""

    quantity: Decimal | None
    unit_amount: Decimal | None
    amount: Decimal


@dataclass(frozen=True)
class Discount:
    """A discount on a line: percent, or an amount of money."""

    rate: Decimal | None = None
    amount: Decimal | None = None


def expected_amount(quantity: Decimal, unit_amount: Decimal, discount: Discount) -> Decimal:
    """Give what a line comes to: quantity times price, less the discount, to the cent."""
    if discount.rate:
        return round_half_up(quantity * unit_amount * (HUNDRED - discount.rate) / HUNDRED, 2)
    return round_half_up(quantity * unit_amount, 2) - (discount.amount or ZERO)


def complete(
    quantity: Decimal | None, unit_amount: Decimal | None, amount: Decimal | None, discount: Discount, places: int
) -> Amounts:
    """Round what was sent and work out what was left out.

    Args:
        quantity: As sent, kept to 4 decimals.
        unit_amount: As sent, rounded to ``places`` before anything else.
        amount: The LineAmount as sent; the caller compares it with the one expected.
        discount: As sent.
        places: Decimals of the unit amount: 2, or 4 with ``unitdp=4``.
    """
    quantity = None if quantity is None else round_half_up(quantity, 4)
    unit_amount = None if unit_amount is None else round_half_up(unit_amount, places)
    if amount is not None:
        amount = round_half_up(amount, 2)
        if unit_amount is None:
            quantity = Decimal(1) if quantity is None else quantity
            full = _before_discount(amount, discount)
            return Amounts(quantity, round_half_up(full / quantity, places) if quantity else ZERO, amount)
        if quantity is None:
            full = _before_discount(amount, discount)
            return Amounts(round_half_up(full / unit_amount, 4) if unit_amount else Decimal(1), unit_amount, amount)
    if quantity is None and unit_amount is None:
        return Amounts(None, None, ZERO)
    quantity = Decimal(1) if quantity is None else quantity
    unit_amount = ZERO if unit_amount is None else unit_amount
    return Amounts(quantity, unit_amount, expected_amount(quantity, unit_amount, discount))


def _before_discount(amount: Decimal, discount: Discount) -> Decimal:
    if discount.rate and discount.rate != HUNDRED:
        return amount * HUNDRED / (HUNDRED - discount.rate)
    return amount + (discount.amount or ZERO)


def tax_on(amount: Decimal, rate: Decimal, tax_mode: str) -> Decimal:
    """Give the tax on one line, to the cent, halves up.

    Args:
        amount: The line amount.
        rate: In percent.
        tax_mode: Exclusive (tax comes on top), Inclusive (tax is inside) or NoTax.
    """
    if tax_mode == "NoTax":
        return ZERO
    if tax_mode == "Inclusive":
        return amount - round_half_up(amount * HUNDRED / (HUNDRED + rate), 2)
    return round_half_up(amount * rate / HUNDRED, 2)


@dataclass(frozen=True)
class Totals:
    """The totals of a document: without tax, the tax, and with tax."""

    sub_total: Decimal
    total_tax: Decimal
    total: Decimal


def totals_of(lines: list[Line], tax_mode: str) -> Totals:
    """Add lines up: the tax was rounded on each line, so sums need no rounding."""
    amounts = sum((line.amount for line in lines), ZERO)
    tax = sum((line.tax_amount for line in lines), ZERO)
    if tax_mode == "Inclusive":
        return Totals(amounts - tax, tax, amounts)
    return Totals(amounts, tax, amounts + tax)
