"""What an Autotask invoice is once read, with its lines, its customer and that customer's people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NewType

AutotaskId = NewType("AutotaskId", int)
"""An invoice's id in Autotask: the identity of the invoice everywhere in this product."""

CompanyId = NewType("CompanyId", int)
"""A company's id in Autotask; 0 is valid (the provider's own company)."""


@dataclass(frozen=True)
class Line:
    """One billed line.

    Attributes:
        id: Autotask's billing item id.
        line_type: The label of its type, such as ``Labor`` or ``Contract Retainer``.
        billing_code: The name of its billing code; blank where Autotask has none.
        description: What the customer reads.
        quantity: As Autotask shows it; need not fit rate and amount.
        rate: Price of one, up to seven decimals.
        net: What is billed before tax: for covered work 0, whatever quantity and rate say. Up to four decimals.
        tax: The tax Autotask charges on it, up to four decimals.
        tax_category: The name of its tax category; blank where Autotask has none.
    """

    id: int
    line_type: str
    billing_code: str
    description: str
    quantity: Decimal
    rate: Decimal
    net: Decimal
    tax: Decimal
    tax_category: str = ""


@dataclass(frozen=True)
class Person:
    """A contact person of a company; ``fields`` are the user-defined fields by name."""

    id: int
    first_name: str
    last_name: str
    email: str = ""
    phone: str = ""
    is_active: bool = True
    is_primary: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True)
class Customer:
    """The billed company."""

    id: CompanyId
    name: str
    account_number: str = ""
    currency: str = ""
    people: tuple[Person, ...] = ()
    address: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    phone: str = ""


@dataclass(frozen=True)
class Invoice:
    """An invoice as Autotask has it now.

    Attributes:
        id: Autotask's id.
        number: The number people see; blank where Autotask has given none.
        customer: Who is billed.
        date: The invoice's date, a calendar day.
        due: The due date, where Autotask gives one.
        created: When Autotask made it, UTC.
        net: The header's total before tax, up to four decimals.
        tax: The header's tax, up to four decimals.
        order_number: The customer's purchase order.
        tax_region: The name the invoice carries; it stays when the region is renamed.
        exchange_rate: Autotask's rate of the customer's currency, where asked for.
        is_voided: Whether it was voided in Autotask.
        marked_sent: The Web Service Date, set when some tool sent the invoice.
        lines: What the API user may see of its lines.
    """

    id: AutotaskId
    number: str
    customer: Customer
    date: dt.date
    due: dt.date | None
    created: dt.datetime
    net: Decimal
    tax: Decimal
    order_number: str = ""
    tax_region: str = ""
    exchange_rate: Decimal | None = None
    is_voided: bool = False
    marked_sent: dt.datetime | None = None
    lines: tuple[Line, ...] = ()

    @property
    def total(self) -> Decimal:
        """What the customer pays, up to four decimals."""
        return self.net + self.tax

    @property
    def currency(self) -> str:
        """ISO code, or blank where Autotask gives none."""
        return self.customer.currency

    @property
    def label(self) -> str:
        """How people call the invoice: its number, else its id."""
        return self.number or str(self.id)


@dataclass(frozen=True)
class Header:
    """The part of an Autotask invoice that its header shows, and by which a later change is seen."""

    number: str
    company_id: CompanyId
    date: dt.date | None
    net: Decimal
    tax: Decimal
    is_voided: bool = False
    due: dt.date | None = None
    order_number: str = ""


def header_of(invoice: Invoice) -> Header:
    """The header of an invoice."""
    return Header(
        invoice.number,
        invoice.customer.id,
        invoice.date,
        invoice.net,
        invoice.tax,
        invoice.is_voided,
        invoice.due,
        invoice.order_number,
    )


def with_net_lines(invoice: Invoice) -> Invoice:
    """The same invoice with its lines before tax.

    Autotask does not document whether a line's amount holds the tax. The header tells: where the lines add up to its
    net total they are net already; where they do so only without their tax, the tax is taken off.
    """
    lines = sum((line.net for line in invoice.lines), Decimal(0))
    tax = sum((line.tax for line in invoice.lines), Decimal(0))
    tolerance = Decimal("0.005") * max(1, len(invoice.lines))
    if tax and abs(lines - invoice.net) > tolerance and abs(lines - tax - invoice.net) <= tolerance:
        return replace(invoice, lines=tuple(replace(line, net=line.net - line.tax) for line in invoice.lines))
    return invoice
