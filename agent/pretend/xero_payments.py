"""Payments and allocations of credit notes in the pretend Xero."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from agent.pretend.xero_books import Books
from agent.pretend.xero_documents import find_document
from agent.pretend.xero_outcome import Outcome, echo
from agent.pretend.xero_records import NO_ID, ZERO, Allocation, Document, Payment
from agent.pretend.xero_rules import lock_problems
from agent.pretend.xero_sent import Sent
from agent.pretend.xero_shapes import allocation_facts, payment_facts

TOO_MUCH = "Payment amount exceeds the amount outstanding on this document"


def settle(books: Books, document: Document) -> None:
    """Mark a document paid when nothing is due, and open again when something is."""
    if document.status in {"AUTHORISED", "PAID"}:
        document.status = "PAID" if books.organisation.due(document) == ZERO else "AUTHORISED"
        document.updated = books.now()


def pay(books: Books, document: Document, account: str, amount: Decimal, day: date) -> Payment:
    """Pay a document.

    Raises:
        ValueError: Xero would refuse the payment; the message is Xero's.
    """
    problems = payment_problems(books, document, amount, day)
    if problems:
        raise ValueError("; ".join(problems))
    payment = Payment(document, account, day, amount, books.now())
    books.organisation.payments[payment.id] = payment
    settle(books, document)
    return payment


def payment_problems(books: Books, document: Document, amount: Decimal, day: date) -> list[str]:
    """List why Xero would refuse a payment."""
    problems = lock_problems(books, day)
    if document.status not in {"AUTHORISED", "PAID"}:
        return ["Payments can only be made against Authorised documents", *problems]
    if amount <= ZERO:
        return ["Payment amount must be greater than zero", *problems]
    if amount > books.organisation.due(document):
        return [TOO_MUCH, *problems]
    return problems


def save_payment(books: Books, sent: Sent) -> Outcome[Payment]:
    """Create a payment that a client sent."""
    document = _paid_document(books, sent)
    details = sent.one("Account")
    codes = {details.text("Code"), details.text("AccountID")} if details is not None else set()
    account = next((a for a in books.organisation.accounts.values() if {a.code, a.id} & codes), None)
    amount, day = sent.number("Amount") or ZERO, sent.day("Date") or books.today()
    problems: list[str] = []
    if document is None:
        problems.append("The document with the supplied id was not found for this endpoint.")
    if account is None or account.type != "BANK":
        problems.append("Account type is invalid for payments.")
    if document is not None:
        problems += payment_problems(books, document, amount, day)
    if problems or document is None or account is None:
        return Outcome(None, {"PaymentID": NO_ID, **echo(sent), "HasValidationErrors": True}, problems)
    payment = pay(books, document, account.code, amount, day)
    payment.reference = sent.text("Reference") or ""
    return Outcome(payment, payment_facts(books, payment))


def _paid_document(books: Books, sent: Sent) -> Document | None:
    invoice, credit_note = sent.one("Invoice"), sent.one("CreditNote")
    if invoice is not None:
        wanted = invoice.text("InvoiceID") or invoice.text("InvoiceNumber") or ""
        return find_document(books.organisation, "Invoices", wanted)
    if credit_note is not None:
        wanted = credit_note.text("CreditNoteID") or credit_note.text("CreditNoteNumber") or ""
        return find_document(books.organisation, "CreditNotes", wanted)
    return None


def delete_payment(books: Books, payment: Payment) -> None:
    """Undo a payment; the document is open again."""
    payment.status, payment.updated = "DELETED", books.now()
    settle(books, payment.document)


def allocate(books: Books, credit_note: Document, invoice: Document, amount: Decimal, day: date) -> Allocation:
    """Use a credit note against an invoice.

    Raises:
        ValueError: Xero would refuse it; the message is Xero's where it is known.
    """
    organisation = books.organisation
    if credit_note.status != "AUTHORISED" or invoice.status != "AUTHORISED":
        raise ValueError("Allocations can only be made between Authorised documents")
    if credit_note.contact is not invoice.contact or credit_note.currency != invoice.currency:
        raise ValueError("The credit note and the invoice must have the same contact and currency")
    if amount <= ZERO or amount > min(organisation.due(credit_note), organisation.due(invoice)):
        raise ValueError(TOO_MUCH)
    allocation = Allocation(credit_note, invoice, amount, day)
    organisation.allocations[allocation.id] = allocation
    settle(books, credit_note)
    settle(books, invoice)
    return allocation


def save_allocation(books: Books, credit_note: Document, sent: Sent) -> Outcome[Allocation]:
    """Create an allocation that a client sent."""
    details = sent.one("Invoice")
    invoice = find_document(books.organisation, "Invoices", details.text("InvoiceID") or "") if details else None
    if invoice is None:
        return Outcome(None, echo(sent), ["The document with the supplied id was not found for this endpoint."])
    amount, day = sent.number("Amount") or ZERO, sent.day("Date") or books.today()
    try:
        allocation = allocate(books, credit_note, invoice, amount, day)
    except ValueError as error:
        return Outcome(None, echo(sent), [str(error)])
    return Outcome(allocation, allocation_facts(allocation))


def delete_allocation(books: Books, allocation: Allocation) -> None:
    """Undo an allocation."""
    del books.organisation.allocations[allocation.id]
    settle(books, allocation.credit_note)
    settle(books, allocation.invoice)
