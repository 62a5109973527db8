"""The document that goes to Xero, and a document as Xero has it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from agent.domain.books import ContactId, XeroId
from agent.domain.invoice import AutotaskId, Header
from agent.domain.money import NOTHING, Totals

DocumentKind = Literal["Invoice", "Credit note"]


@dataclass(frozen=True)
class DocumentLine:
    """A line as sent: quantity and unit price only, so that Xero computes the rest.

    Attributes:
        description: At most 4,000 characters.
        quantity: Up to four decimals.
        unit: Up to two or four decimals, by the setting.
        account: The account's code.
        tax_type: Xero's code of the tax rate.
        tax: Overrides Xero's own tax, where the setting takes Autotask's.
        tracking: Pairs of category id and option id.
    """

    description: str
    quantity: Decimal
    unit: Decimal
    account: str
    tax_type: str
    tax: Decimal | None = None
    tracking: tuple[tuple[str, str], ...] = ()
    expected: Totals = NOTHING
    """What Xero will make of it."""


@dataclass(frozen=True)
class Document:
    """An invoice or credit note ready for Xero. Amounts of a credit note are positive, as Xero wants them.

    Attributes:
        autotask_id: The invoice it is made from.
        kind: What it becomes.
        number: Our own number, or ``None`` where Xero numbers it.
        contact_id: The contact in Xero.
        contact_name: Its name, for people.
        mark: The address that ends in the Autotask id, by which an invoice is recognised as ours.
        status: ``DRAFT``, ``SUBMITTED`` or ``AUTHORISED``.
        expected: The sums Xero will compute.
        places: Decimals of unit prices.
    """

    autotask_id: AutotaskId
    kind: DocumentKind
    number: str | None
    contact_id: ContactId
    contact_name: str
    date: dt.date
    due: dt.date | None
    reference: str
    currency: str
    mark: str
    status: str
    lines: tuple[DocumentLine, ...]
    expected: Totals
    places: int
    branding_theme_id: str = ""
    is_sent: bool = False
    exchange_rate: Decimal | None = None
    label: str = ""
    """The number in Autotask, or its id there."""
    header: Header | None = None
    """The Autotask invoice that it was made from."""
    warnings: tuple[str, ...] = ()
    """What a person should see of it although it goes through."""

    @property
    def days(self) -> tuple[dt.date, ...]:
        """Its date, and the invoice's own where it was re-dated: a document from elsewhere may bear either."""
        own = self.header.date if self.header and self.header.date else self.date
        return tuple(dict.fromkeys((self.date, own)))


@dataclass(frozen=True)
class PostedLine:
    """A line as Xero has it; ``net`` is before tax."""

    id: str
    account: str
    tax_type: str
    net: Decimal
    tax: Decimal
    description: str = ""
    quantity: Decimal | None = None
    unit: Decimal | None = None
    tracking: tuple[str, ...] = ()
    """The ids of its tracking options."""


@dataclass(frozen=True)
class Posted:
    """A document as Xero has it now. Amounts of a credit note are positive."""

    id: XeroId
    kind: DocumentKind
    number: str
    status: str
    contact_id: ContactId
    contact_name: str
    date: dt.date
    due: dt.date | None
    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal
    outstanding: Decimal
    reference: str = ""
    mark: str = ""
    paid_on: dt.date | None = None
    lines: tuple[PostedLine, ...] = ()
    """Its lines, where Xero gave them."""

    @property
    def is_live(self) -> bool:
        """Whether it counts in the books or will: neither deleted nor voided."""
        return self.status not in {"DELETED", "VOIDED"}
