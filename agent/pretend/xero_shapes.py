"""How the pretend Xero shows its records: first as facts (typed values by Xero's names), then as JSON."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from werkzeug import Response

from agent.pretend.wire import JsonObject, json_answer, midnight, milliseconds, plain_number, round_half_up
from agent.pretend.xero_books import Books
from agent.pretend.xero_contacts import contact_facts, contact_summary
from agent.pretend.xero_records import Allocation, Document, Line, Payment, new_id

DATE_STRINGS = ("Date", "DueDate")
"""The day fields of documents that Xero also writes as text."""


def to_wire(value: object) -> object:
    """Turn facts into what goes on the wire: dates as ``/Date(ms+0000)/``, empty values left out."""
    if isinstance(value, dict):
        shown: JsonObject = {}
        for name, item in value.items():
            if item is None:
                continue
            if name in DATE_STRINGS and isinstance(item, date) and "LineItems" in value:
                shown[f"{name}String"] = f"{item:%Y-%m-%d}T00:00:00"
            if name == "UpdatedDateUTC" and "LineItems" in value and isinstance(item, datetime):
                shown["UpdatedDateUTCString"] = f"{item:%Y-%m-%dT%H:%M:%S}Z"
            shown[name] = to_wire(item)
        return shown
    if isinstance(value, list | tuple):
        return [to_wire(item) for item in value]
    if isinstance(value, datetime):
        return f"/Date({milliseconds(value)}+0000)/"
    if isinstance(value, date):
        return f"/Date({milliseconds(midnight(value))}+0000)/"
    if isinstance(value, Decimal):
        return plain_number(value)
    return value


def envelope(books: Books, name: str, elements: object, pagination: JsonObject | None = None) -> Response:
    """Wrap elements as Xero does.

    Args:
        books: For the clock and the name of the app.
        name: The plural name, such as ``Invoices``.
        elements: The facts of the elements.
        pagination: The paging object; only for requests that named a page.
    """
    head: JsonObject = {
        "Id": new_id(),
        "Status": "OK",
        "ProviderName": books.app_name,
        "DateTimeUTC": f"/Date({milliseconds(books.now())})/",
    }
    if pagination is not None:
        head["pagination"] = pagination
    return json_answer(head | {name: to_wire(elements)})


def line_facts(books: Books, line: Line, places: int) -> JsonObject:
    """Give the fields of a line; unit amounts have 2 decimals unless the caller asked for 4."""
    account = books.organisation.accounts.get(line.account_code or "")
    return {
        "Description": line.description,
        "UnitAmount": None if line.unit_amount is None else round_half_up(line.unit_amount, places),
        "TaxType": line.tax_type,
        "TaxAmount": line.tax_amount,
        "LineAmount": line.amount,
        "AccountCode": line.account_code,
        "ItemCode": line.item_code,
        "Tracking": [dict(entry) for entry in line.tracking],
        "Quantity": line.quantity,
        "DiscountRate": line.discount_rate,
        "DiscountAmount": line.discount_amount,
        "LineItemID": line.id,
        "AccountID": account.id if account else None,
        "ValidationErrors": [],
    }


def document_facts(
    books: Books, document: Document, *, places: int = 2, is_write: bool = False, is_summary: bool = False
) -> JsonObject:
    """Give every field of an invoice or credit note by Xero's names, None for the empty ones.

    Args:
        books: The organisation it belongs to.
        document: The document.
        places: Decimals of unit amounts.
        is_write: For the answer to a PUT or POST, which is a little different from a read.
        is_summary: Without lines, and with only the name of the contact, as unpaged lists are.
    """
    contact = contact_summary(document.contact) if is_summary else contact_facts(document.contact)
    lines = [] if is_summary else [line_facts(books, line, places) for line in document.lines]
    own = _credit_note_facts if document.is_credit else _invoice_facts
    return {
        "Type": document.type,
        **own(books, document, is_write=is_write),
        "Reference": document.reference or None,
        "SentToContact": document.is_sent,
        "CurrencyRate": document.rate,
        "HasAttachments": bool(document.attachments),
        "HasErrors": False,
        "Contact": contact,
        "Date": document.date,
        "BrandingThemeID": document.theme,
        "Status": document.status,
        "LineAmountTypes": document.tax_mode,
        "LineItems": lines,
        "SubTotal": document.sub_total,
        "TotalTax": document.total_tax,
        "Total": document.total,
        "UpdatedDateUTC": document.updated,
        "CurrencyCode": document.currency,
        "FullyPaidOnDate": books.organisation.settled_on(document),
    }


def _invoice_facts(books: Books, document: Document, *, is_write: bool) -> JsonObject:
    organisation = books.organisation
    return {
        "InvoiceID": document.id,
        "InvoiceNumber": document.number or None,
        "Payments": _payments(books, document),
        "CreditNotes": [
            {
                "CreditNoteID": entry.credit_note.id,
                "CreditNoteNumber": entry.credit_note.number,
                "AppliedAmount": entry.amount,
                "Date": entry.date,
                "Total": entry.credit_note.total,
            }
            for entry in organisation.allocations.values()
            if entry.invoice is document
        ],
        "Prepayments": [],
        "Overpayments": [],
        # Right after a void the answer still shows the old amount due; reads show none.
        "AmountDue": organisation.due(document) if document.is_live or is_write else Decimal("0.00"),
        "AmountPaid": organisation.paid(document),
        "AmountCredited": None if is_write else organisation.credited(document),
        "IsDiscounted": any(line.discount_rate or line.discount_amount for line in document.lines),
        "InvoicePaymentServices": [],
        "DueDate": document.due,
        "Url": document.url,
    }


def _credit_note_facts(books: Books, document: Document, *, is_write: bool) -> JsonObject:
    organisation = books.organisation
    return {
        "CreditNoteID": document.id,
        "CreditNoteNumber": document.number or None,
        "Payments": _payments(books, document),
        "RemainingCredit": organisation.due(document) if document.is_live or is_write else Decimal("0.00"),
        "AppliedAmount": organisation.credited(document),
        "Allocations": [
            allocation_facts(entry) for entry in organisation.allocations.values() if entry.credit_note is document
        ],
    }


def _payments(books: Books, document: Document) -> list[JsonObject]:
    return [
        {"PaymentID": entry.id, "Date": entry.date, "Amount": entry.amount, "CurrencyRate": document.rate}
        for entry in books.organisation.payments.values()
        if entry.document is document and entry.status == "AUTHORISED"
    ]


def allocation_facts(entry: Allocation) -> JsonObject:
    """Give the fields of an allocation."""
    return {
        "AllocationID": entry.id,
        "Amount": entry.amount,
        "Date": entry.date,
        "Invoice": {"InvoiceID": entry.invoice.id, "InvoiceNumber": entry.invoice.number},
    }


def payment_facts(books: Books, entry: Payment) -> JsonObject:
    """Give the fields of a payment."""
    document = entry.document
    account = books.organisation.accounts[entry.account_code]
    named: JsonObject = {
        "Contact": contact_summary(document.contact),
        "Type": document.type,
        "CurrencyCode": document.currency,
    }
    kind = "CreditNote" if document.is_credit else "Invoice"
    return {
        "PaymentID": entry.id,
        "Date": entry.date,
        "Amount": entry.amount,
        "BankAmount": entry.amount,
        "CurrencyRate": document.rate,
        "Reference": entry.reference or None,
        "PaymentType": f"{document.type}PAYMENT",
        "Status": entry.status,
        "UpdatedDateUTC": entry.updated,
        "HasAccount": True,
        "IsReconciled": False,
        "Account": {"AccountID": account.id, "Code": account.code},
        "Invoice": None if document.is_credit else named | {"InvoiceID": document.id, "InvoiceNumber": document.number},
        "CreditNote": named | {f"{kind}ID": document.id, f"{kind}Number": document.number}
        if document.is_credit
        else None,
    }
