"""Xero's arithmetic, as its guide to rounding lays it down: unit price, line, tax per line, total.

All amounts are :class:`~decimal.Decimal`; all rounding is half away from zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

TaxKind = Literal["Exclusive", "Inclusive", "NoTax"]
"""Whether line amounts are before tax, hold it, or there is none (Xero's ``LineAmountTypes``)."""

ZERO = Decimal(0)
CENT = Decimal("0.01")


def rounded(value: Decimal, places: int = 2) -> Decimal:
    """The value to that many decimals, half away from zero."""
    return value.quantize(CENT if places == 2 else Decimal(1).scaleb(-places), ROUND_HALF_UP)


def plain(value: Decimal) -> Decimal:
    """The value without trailing zeros and never in scientific notation."""
    value = value.normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value


@dataclass(frozen=True)
class Priced:
    """A line as Xero prices it.

    Attributes:
        quantity: Up to four decimals.
        unit: The unit price, as sent.
        rate: The tax rate in per cent.
        tax: A tax amount that overrides the computed one.
    """

    quantity: Decimal
    unit: Decimal
    rate: Decimal = ZERO
    tax: Decimal | None = None


@dataclass(frozen=True)
class Totals:
    """A document's sums, in cents precision."""

    net: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return self.net + self.tax


NOTHING = Totals(ZERO, ZERO)


def line_amount(quantity: Decimal, unit: Decimal, places: int) -> Decimal:
    """What Xero makes of quantity times unit price: the price is rounded first, to 2 or 4 places, then the product."""
    return rounded(rounded(quantity, 4) * rounded(unit, places))


def line_tax(amount: Decimal, rate: Decimal, kind: TaxKind) -> Decimal:
    """The tax on a line's amount, rounded by itself as Xero does."""
    if kind == "NoTax":
        return rounded(ZERO)
    if kind == "Exclusive":
        return rounded(amount * rate / 100)
    return amount - rounded(amount / (1 + rate / 100))


def totals(lines: Iterable[Priced], kind: TaxKind, places: int) -> Totals:
    """The sums Xero will compute.

    Args:
        lines: The lines as sent.
        kind: Whether the unit prices hold the tax.
        places: Decimals of the unit prices: 4 with ``unitdp=4``, else 2.
    """
    net = tax = ZERO
    for line in lines:
        its = line_totals(line, kind, places)
        net += its.net
        tax += its.tax
    return Totals(rounded(net), rounded(tax))


def line_totals(line: Priced, kind: TaxKind, places: int) -> Totals:
    """What Xero will compute for one line."""
    amount = line_amount(line.quantity, line.unit, places)
    tax = line_tax(amount, line.rate, kind) if line.tax is None or kind == "NoTax" else rounded(line.tax)
    return Totals(amount - tax if kind == "Inclusive" else amount, tax)


def priced(quantity: Decimal, rate: Decimal, net: Decimal, places: int) -> tuple[Decimal, Decimal]:
    """Quantity and unit price under which Xero arrives at what Autotask bills.

    Autotask's own quantity and rate are kept where they lead there. Work that a contract covers keeps its quantity at
    a price of 0. Where even four decimals cannot carry the rate, or quantity and rate are not what was billed, the
    line becomes one piece at its amount. A rate that four decimals would carry but the setting's two do not is left
    to show as a difference, for the setting cures it.

    Args:
        quantity: As in Autotask.
        rate: As in Autotask, up to seven decimals.
        net: What Autotask bills for the line.
        places: Decimals of unit prices by the setting, 2 or 4.

    Returns:
        Quantity (never negative, up to 4 decimals) and unit price (up to ``places`` decimals).
    """
    billed = rounded(net)
    if quantity < 0:
        quantity, rate = -quantity, -rate
    if not billed and quantity:
        return plain(rounded(quantity, 4)), rounded(ZERO)
    if quantity and rounded(quantity * rate) == billed:
        fits_four = rounded(rate, 4) == rate
        if line_amount(quantity, rate, places) == billed or (places == 2 and fits_four):
            return plain(rounded(quantity, 4)), rounded(rate, places)
    return Decimal(1), rounded(net, places)
