"""Xero's records as they come over the wire, and documents as they go. They do not leave this package.

Numbers are read from JSON to Decimal with no float between. Unknown fields and new words are ignored.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from agent.domain.books import Account, Contact, ContactId, Organisation, TaxRate, XeroId
from agent.domain.document import Document, DocumentKind, DocumentLine, Posted, PostedLine
from agent.domain.money import ZERO, rounded

_JSON_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_NOT_FOR_SALES = frozenset({"DEBTORS", "CREDITORS", "BANKCURRENCYGAIN", "GST", "GSTONIMPORTS", "TRACKINGTRANSFERS"})


def day(text: str | None) -> date | None:
    """A calendar day out of ``/Date(ms+0000)/`` or ISO text."""
    if not text:
        return None
    try:
        if found := _JSON_DATE.fullmatch(text):
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(found[1]))).date()
        return date.fromisoformat(text[:10])
    except (ValueError, OverflowError):
        return None


class Pagination(Struct, rename="camel"):
    """The page that a list answer holds."""

    page: int = 1
    page_count: int = 1


class Message(Struct, rename="pascal"):
    """A validation message: the key is one or the other."""

    message: str = ""
    description: str = ""

    @property
    def text(self) -> str:
        """What Xero says."""
        return self.message or self.description


class OrganisationRow(Struct, rename="pascal"):
    """An element of ``Organisations``."""

    name: str = ""
    base_currency: str = ""
    short_code: str = ""
    pays_tax: bool = True
    period_lock_date: str | None = None
    end_of_year_lock_date: str | None = None
    country_code: str = ""

    def read(self, tenant_id: str) -> Organisation:
        """The domain's organisation."""
        return Organisation(
            tenant_id,
            self.name,
            self.base_currency,
            self.short_code,
            self.pays_tax,
            day(self.period_lock_date),
            day(self.end_of_year_lock_date),
            self.country_code,
        )


class AccountRow(Struct, rename="pascal"):
    """An element of ``Accounts``."""

    code: str = ""
    name: str = ""
    type: str = ""
    class_: str = msgspec.field(name="Class", default="")
    status: str = "ACTIVE"
    system_account: str = ""

    def read(self) -> Account:
        """The domain's account."""
        takes_sales = self.type != "BANK" and self.system_account not in _NOT_FOR_SALES
        is_income = self.class_ in {"REVENUE", ""}
        return Account(self.code, self.name, self.status == "ACTIVE", takes_sales, self.system_account, is_income)


class TaxRateRow(Struct, rename="pascal"):
    """An element of ``TaxRates``."""

    name: str = ""
    tax_type: str = ""
    status: str = "ACTIVE"
    effective_rate: Decimal = ZERO
    can_apply_to_revenue: bool = True

    def read(self) -> TaxRate:
        """The domain's tax rate."""
        return TaxRate(
            self.tax_type, self.name, self.effective_rate, self.status == "ACTIVE" and self.can_apply_to_revenue
        )


class CurrencyRow(Struct, rename="pascal"):
    """An element of ``Currencies``."""

    code: str = ""


class Terms(Struct, rename="pascal"):
    """Payment terms of one side."""

    day: int | None = None
    type: str = ""


class PaymentTerms(Struct, rename="pascal"):
    """A contact's payment terms."""

    sales: Terms | None = None


class ContactRow(Struct, rename="pascal"):
    """An element of ``Contacts``."""

    contact_id: str = msgspec.field(name="ContactID", default="")
    name: str = ""
    contact_number: str = ""
    account_number: str = ""
    contact_status: str = "ACTIVE"
    merged_to_contact_id: str | None = msgspec.field(name="MergedToContactID", default=None)
    payment_terms: PaymentTerms | None = None
    first_name: str = ""
    last_name: str = ""
    email_address: str = ""
    validation_errors: list[Message] = []

    def read(self) -> Contact:
        """The domain's contact."""
        sales = self.payment_terms.sales if self.payment_terms else None
        return Contact(
            ContactId(self.contact_id),
            self.name,
            self.contact_number,
            self.account_number,
            self.contact_status == "ACTIVE",
            ContactId(self.merged_to_contact_id) if self.merged_to_contact_id else None,
            (sales.day, sales.type) if sales and sales.day is not None else None,
            (self.first_name, self.last_name, self.email_address),
        )


class NamedTheme(Struct, rename="pascal"):
    """An element of ``BrandingThemes``."""

    branding_theme_id: str = msgspec.field(name="BrandingThemeID", default="")
    name: str = ""


class TrackingOptionRow(Struct, rename="pascal"):
    """An option of a tracking category."""

    tracking_option_id: str = msgspec.field(name="TrackingOptionID", default="")
    name: str = ""
    status: str = "ACTIVE"


class TrackingRow(Struct, rename="pascal"):
    """An element of ``TrackingCategories``."""

    tracking_category_id: str = msgspec.field(name="TrackingCategoryID", default="")
    name: str = ""
    status: str = "ACTIVE"
    options: list[TrackingOptionRow] = []


class LineTracking(Struct, rename="pascal"):
    """A tracking option of a line."""

    tracking_option_id: str = msgspec.field(name="TrackingOptionID", default="")


class LineRow(Struct, rename="pascal"):
    """A line of a document."""

    line_item_id: str = msgspec.field(name="LineItemID", default="")
    description: str = ""
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    tracking: list[LineTracking] = []
    line_amount: Decimal | None = None
    account_code: str = ""
    tax_type: str = ""
    tax_amount: Decimal = ZERO
    validation_errors: list[Message] = []


class AllocatedTo(Struct, rename="pascal"):
    """The invoice that an allocation is for."""

    invoice_id: str = msgspec.field(name="InvoiceID", default="")


class AllocationRow(Struct, rename="pascal"):
    """The use of a credit note for an invoice."""

    amount: Decimal = ZERO
    invoice: AllocatedTo = msgspec.field(default_factory=AllocatedTo)


class DocumentRow(Struct, rename="pascal"):
    """An element of ``Invoices`` or ``CreditNotes``."""

    invoice_id: str = msgspec.field(name="InvoiceID", default="")
    credit_note_id: str = msgspec.field(name="CreditNoteID", default="")
    invoice_number: str = ""
    credit_note_number: str = ""
    type: str = ""
    status: str = ""
    contact: ContactRow = msgspec.field(default_factory=ContactRow)
    date: str | None = None
    date_string: str | None = None
    due_date: str | None = None
    due_date_string: str | None = None
    currency_code: str = ""
    sub_total: Decimal = ZERO
    total_tax: Decimal = ZERO
    total: Decimal = ZERO
    amount_due: Decimal | None = None
    remaining_credit: Decimal | None = None
    reference: str = ""
    url: str = ""
    fully_paid_on_date: str | None = None
    line_amount_types: str = ""
    line_items: list[LineRow] = []
    allocations: list[AllocationRow] = []
    has_errors: bool = False
    status_attribute_string: str = ""
    validation_errors: list[Message] = []
    warnings: list[Message] = []

    @property
    def messages(self) -> tuple[str, ...]:
        """All that Xero complains of, the lines' own included, each once."""
        found = [*self.validation_errors, *(error for line in self.line_items for error in line.validation_errors)]
        return tuple(dict.fromkeys(message.text for message in found if message.text))

    @property
    def is_refused(self) -> bool:
        """Whether Xero did not take it. The status of a refused element only echoes what was asked."""
        return self.status_attribute_string == "ERROR" or self.has_errors or bool(self.messages)

    def read(self, kind: DocumentKind) -> Posted:
        """The domain's document."""
        is_invoice = kind == "Invoice"
        outstanding = self.amount_due if is_invoice else self.remaining_credit
        return Posted(
            id=XeroId(self.invoice_id if is_invoice else self.credit_note_id),
            kind=kind,
            number=self.invoice_number if is_invoice else self.credit_note_number,
            status=self.status,
            contact_id=ContactId(self.contact.contact_id),
            contact_name=self.contact.name,
            date=day(self.date_string) or day(self.date) or date.min,
            due=day(self.due_date_string) or day(self.due_date),
            currency=self.currency_code,
            net=rounded(self.sub_total),
            tax=rounded(self.total_tax),
            total=rounded(self.total),
            outstanding=rounded(self.total if outstanding is None else outstanding),
            reference=self.reference,
            mark=self.url,
            paid_on=day(self.fully_paid_on_date),
            lines=tuple(self._lines()),
        )

    def _lines(self) -> Iterator[PostedLine]:
        for line in self.line_items:
            if line.line_amount is not None:
                held = line.tax_amount if self.line_amount_types == "Inclusive" else ZERO
                net, tax = rounded(line.line_amount - held), rounded(line.tax_amount)
                yield PostedLine(
                    line.line_item_id,
                    line.account_code,
                    line.tax_type,
                    net,
                    tax,
                    line.description,
                    line.quantity,
                    line.unit_amount,
                    tuple(option.tracking_option_id for option in line.tracking),
                )


class Envelope(Struct, rename="pascal"):
    """Any list answer: only the list asked for is filled."""

    pagination: Pagination | None = msgspec.field(name="pagination", default=None)
    organisations: list[OrganisationRow] = []
    accounts: list[AccountRow] = []
    tax_rates: list[TaxRateRow] = []
    currencies: list[CurrencyRow] = []
    contacts: list[ContactRow] = []
    branding_themes: list[NamedTheme] = []
    tracking_categories: list[TrackingRow] = []
    invoices: list[DocumentRow] = []
    credit_notes: list[DocumentRow] = []


class HistoryRow(Struct, rename="pascal"):
    """An element of ``HistoryRecords``."""

    details: str = ""


class History(Struct, rename="pascal"):
    """The answer of a document's history."""

    history_records: list[HistoryRow] = []


class ErrorRow(Struct, rename="pascal"):
    """An answer that is no 200; which fields are there depends on who answers."""

    title: str | None = None
    detail: str | None = None
    message: str | None = None
    error_number: int | None = None
    elements: list[DocumentRow] = []


class Connection(Struct, rename="camel"):
    """An element of ``/connections``."""

    id: str = ""
    auth_event_id: str = ""
    tenant_id: str = ""
    tenant_type: str = ""
    tenant_name: str = ""


class Token(Struct):
    """The token endpoint's answer."""

    access_token: str
    expires_in: int = 1800
    refresh_token: str | None = None
    scope: str = ""

    @property
    def auth_event(self) -> str:
        """The consent that it comes from, as its claims tell; blank where they cannot be read.

        Connections that were chosen in that consent bear it. The signature is Xero's business: nothing is trusted
        because of it.
        """
        claims = self.access_token.split(".")[1:2]
        try:
            text = urlsafe_b64decode(claims[0] + "=" * (-len(claims[0]) % 4)) if claims else b"{}"
            return msgspec.json.decode(text, type=_Claims).authentication_event_id
        except (ValueError, msgspec.DecodeError, msgspec.ValidationError):
            return ""


class _Claims(Struct):
    authentication_event_id: str = ""


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(kind: DocumentKind, documents: list[Document]) -> bytes:
    """The body that creates the documents: quantities and unit prices only, the sums are Xero's."""
    rows = [_row(document) for document in documents]
    return _ENCODER.encode({"Invoices" if kind == "Invoice" else "CreditNotes": rows})


def encode_updates(kind: DocumentKind, changes: Sequence[tuple[Document, Posted]]) -> bytes:
    """The body that brings documents up to date: each keeps its id, its status, and as many of its lines as it can."""
    id_name = "InvoiceID" if kind == "Invoice" else "CreditNoteID"
    rows = []
    for document, before in changes:
        row = _row(document) | {id_name: before.id, "Status": before.status}
        for line, kept in zip(row["LineItems"], before.lines, strict=False):
            line["LineItemID"] = kept.id
        row.pop("SentToContact", None)
        rows.append(row)
    return _ENCODER.encode({"Invoices" if kind == "Invoice" else "CreditNotes": rows})


def _row(document: Document) -> dict[str, Any]:
    is_invoice = document.kind == "Invoice"
    row: dict[str, Any] = {
        "Type": "ACCREC" if is_invoice else "ACCRECCREDIT",
        "Contact": {"ContactID": document.contact_id},
        "Date": document.date.isoformat(),
        "LineAmountTypes": "Exclusive",
        "CurrencyCode": document.currency,
        "Status": document.status,
        "Reference": document.reference,
        "LineItems": [_line(line) for line in document.lines],
    }
    if is_invoice:
        row |= {"Url": document.mark}
        row |= {"DueDate": document.due.isoformat()} if document.due else {}
        row |= {"SentToContact": True} if document.is_sent else {}
    if document.number:
        row["InvoiceNumber" if is_invoice else "CreditNoteNumber"] = document.number
    if document.branding_theme_id:
        row["BrandingThemeID"] = document.branding_theme_id
    if document.exchange_rate:
        row["CurrencyRate"] = document.exchange_rate
    return row


def _line(line: DocumentLine) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Description": line.description,
        "Quantity": line.quantity,
        "UnitAmount": line.unit,
        "AccountCode": line.account,
    }
    if line.tax_type:
        row["TaxType"] = line.tax_type
    if line.tax is not None:
        row["TaxAmount"] = line.tax
    if line.tracking:
        row["Tracking"] = [{"TrackingCategoryID": key, "TrackingOptionID": option} for key, option in line.tracking]
    return row
