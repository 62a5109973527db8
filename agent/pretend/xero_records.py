"""What the pretend Xero keeps: plain records with money as Decimal, days as date and instants in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

from agent.pretend.wire import JsonObject

Day = date
"""A calendar day; the records below use the word date for a field."""

NO_ID = "00000000-0000-0000-0000-000000000000"
ZERO = Decimal("0.00")
SALES = frozenset({"ACCREC", "ACCRECCREDIT"})
CREDITS = frozenset({"ACCRECCREDIT", "ACCPAYCREDIT"})


def new_id() -> str:
    """Make an identifier."""
    return str(uuid4())


@dataclass
class Account:
    """One ledger account.

    Attributes:
        code: Up to 10 characters.
        group: Xero's Class: REVENUE, EXPENSE, ASSET, LIABILITY or EQUITY.
        system: Xero's SystemAccount (DEBTORS, ROUNDING, GST …), or empty.
        tax_type: The tax type that lines get when they name none.
    """

    code: str
    name: str
    type: str
    group: str
    tax_type: str
    status: str = "ACTIVE"
    system: str = ""
    id: str = field(default_factory=new_id)

    @property
    def is_for_lines(self) -> bool:
        """Whether document lines may use the account: no bank and no system account but ROUNDING."""
        return self.type != "BANK" and self.system in {"", "ROUNDING"}


@dataclass
class TaxRate:
    """One tax rate; ``rate`` is in percent and ``uses`` are the account classes it applies to."""

    name: str
    type: str
    rate: Decimal
    uses: frozenset[str]
    status: str = "ACTIVE"


@dataclass
class TrackingOption:
    """One option of a tracking category."""

    name: str
    status: str = "ACTIVE"
    id: str = field(default_factory=new_id)


@dataclass
class TrackingCategory:
    """One tracking category."""

    name: str
    options: list[TrackingOption] = field(default_factory=list)
    status: str = "ACTIVE"
    id: str = field(default_factory=new_id)


@dataclass
class Item:
    """One price list item."""

    code: str
    name: str
    description: str = ""
    unit_price: Decimal = ZERO
    account_code: str = ""
    tax_type: str = ""
    id: str = field(default_factory=new_id)


@dataclass
class Note:
    """One entry of the history of a document or contact."""

    details: str
    time: datetime
    changes: str = "Note"
    user: str = "System Generated"


@dataclass
class Contact:
    """One contact.

    Attributes:
        fields: The other texts by Xero's names (FirstName, EmailAddress, ContactNumber, AccountNumber …).
        phones: By PhoneType.
        addresses: By AddressType.
    """

    name: str
    updated: datetime
    status: str = "ACTIVE"
    fields: JsonObject = field(default_factory=dict)
    phones: dict[str, JsonObject] = field(default_factory=dict)
    addresses: dict[str, JsonObject] = field(default_factory=dict)
    persons: list[JsonObject] = field(default_factory=list)
    history: list[Note] = field(default_factory=list)
    is_customer: bool = False
    is_supplier: bool = False
    id: str = field(default_factory=new_id)

    @property
    def number(self) -> str:
        """The ContactNumber, or empty."""
        return str(self.fields.get("ContactNumber") or "")


@dataclass
class Line:
    """One line of a document; amounts in the currency of the document."""

    description: str | None = None
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    amount: Decimal = ZERO
    tax_type: str | None = None
    tax_amount: Decimal = ZERO
    account_code: str | None = None
    item_code: str | None = None
    discount_rate: Decimal | None = None
    discount_amount: Decimal | None = None
    tracking: list[JsonObject] = field(default_factory=list)
    id: str = field(default_factory=new_id)


@dataclass
class Attachment:
    """One file on a document."""

    name: str
    type: str
    data: bytes
    is_online: bool = False
    id: str = field(default_factory=new_id)


@dataclass
class Document:
    """One invoice or credit note.

    Attributes:
        type: ACCREC, ACCPAY, ACCRECCREDIT or ACCPAYCREDIT.
        tax_mode: Exclusive, Inclusive or NoTax: how the line amounts are meant.
        rate: Units of the document's currency per unit of the base currency.
        is_by_app: Whether the connected app made it.
    """

    type: str
    contact: Contact
    date: Day
    updated: datetime
    number: str = ""
    status: str = "DRAFT"
    due: Day | None = None
    lines: list[Line] = field(default_factory=list)
    tax_mode: str = "Exclusive"
    currency: str = "NZD"
    rate: Decimal = Decimal(1)
    reference: str = ""
    theme: str | None = None
    url: str | None = None
    is_sent: bool = False
    is_by_app: bool = True
    sub_total: Decimal = ZERO
    total_tax: Decimal = ZERO
    total: Decimal = ZERO
    history: list[Note] = field(default_factory=list)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    id: str = field(default_factory=new_id)

    @property
    def is_credit(self) -> bool:
        """Whether it is a credit note."""
        return self.type in CREDITS

    @property
    def is_live(self) -> bool:
        """Whether it is neither voided nor deleted."""
        return self.status not in {"VOIDED", "DELETED"}


@dataclass
class Payment:
    """Money against one document."""

    document: Document
    account_code: str
    date: Day
    amount: Decimal
    updated: datetime
    status: str = "AUTHORISED"
    reference: str = ""
    id: str = field(default_factory=new_id)


@dataclass
class Allocation:
    """A part of a credit note used against an invoice."""

    credit_note: Document
    invoice: Document
    amount: Decimal
    date: Day
    id: str = field(default_factory=new_id)


@dataclass
class Organisation:
    """One set of books.

    Attributes:
        zone: The same time zone by its IANA name.
        lock_date: Xero's PeriodLockDate: documents on or before it are refused.
        year_lock_date: Xero's EndOfYearLockDate.
        actions: What the plan allows, by the names of ``/Organisation/Actions``.
    """

    name: str = "Pretend Company (NZ)"
    base_currency: str = "NZD"
    country: str = "NZ"
    time_zone: str = "NEWZEALANDSTANDARDTIME"
    zone: str = "Pacific/Auckland"
    short_code: str = "!Pr3tn"
    pays_tax: bool = True
    lock_date: Day | None = None
    year_lock_date: Day | None = None
    tenant_id: str = field(default_factory=new_id)
    currencies: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    tax_rates: dict[str, TaxRate] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    tracking: dict[str, TrackingCategory] = field(default_factory=dict)
    themes: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    allocations: dict[str, Allocation] = field(default_factory=dict)
    actions: dict[str, bool] = field(default_factory=dict)
    exchange_rates: dict[str, Decimal] = field(default_factory=dict)

    def paid(self, document: Document) -> Decimal:
        """Sum the payments on a document."""
        return sum(
            (p.amount for p in self.payments.values() if p.document is document and p.status == "AUTHORISED"), ZERO
        )

    def credited(self, document: Document) -> Decimal:
        """Sum what credit notes cover of an invoice, or what of a credit note is used."""
        return sum((a.amount for a in self.allocations.values() if document in (a.invoice, a.credit_note)), ZERO)

    def due(self, document: Document) -> Decimal:
        """Give what is still to be paid, or what of a credit note is left."""
        return document.total - self.paid(document) - self.credited(document)

    def settled_on(self, document: Document) -> Day | None:
        """Give the day on which the last payment or credit settled a paid document."""
        if document.status != "PAID":
            return None
        days = [p.date for p in self.payments.values() if p.document is document and p.status == "AUTHORISED"]
        days += [a.date for a in self.allocations.values() if document in (a.invoice, a.credit_note)]
        return max(days, default=document.date)
