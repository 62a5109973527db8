"""Why the pretend Xero refuses a document, in Xero's words."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlsplit

from agent.pretend.xero_books import Books
from agent.pretend.xero_lines import APPROVING
from agent.pretend.xero_records import ZERO, Document
from agent.pretend.xero_sent import Sent

STATUSES = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"})
CREATABLE = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"})
MOVES = {
    "DRAFT": CREATABLE | {"DELETED"},
    "SUBMITTED": CREATABLE | {"DELETED"},
    "AUTHORISED": frozenset({"AUTHORISED", "VOIDED"}),
    "PAID": frozenset({"PAID"}),
    "VOIDED": frozenset[str](),
    "DELETED": frozenset[str](),
}
"""The statuses that a document may move to, by the one it has."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PAID_FREEZES = ("LineItems", "LineAmountTypes", "CurrencyCode", "CurrencyRate")
HAS_PAYMENTS = "This document cannot be edited as it has a payment or credit note allocated to it."
VOIDED_REFUSED = (
    "The status VOIDED cannot be applied to the {} because it has payments or credit notes allocated to it."
)


def name_of(document: Document) -> str:
    """Give the word that messages use for a kind of document."""
    return "Credit Note" if document.is_credit else "Invoice"


def shown_day(day: date) -> str:
    """Write a day as in Xero's messages, such as 30-Nov-2018."""
    return f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}"


def lock_problems(books: Books, *days: date) -> list[str]:
    """List what the lock dates forbid for documents of these days."""
    organisation = books.organisation
    problems = []
    for lock, name in ((organisation.lock_date, "period"), (organisation.year_lock_date, "end of year")):
        if lock is not None and any(day <= lock for day in days):
            problems.append(
                f"The document date cannot be before the {name} lock date, currently set at {shown_day(lock)}"
            )
    return problems


def change_problems(books: Books, before: Document, sent: Sent) -> list[str]:
    """List why an existing document may not change as asked; looks only at status, payments and locks."""
    organisation = books.organisation
    wanted = sent.choice("Status", STATUSES) or before.status
    is_used = bool(organisation.paid(before) or organisation.credited(before))
    if is_used and wanted == "VOIDED":
        return [VOIDED_REFUSED.format(name_of(before).lower())]
    if wanted not in MOVES[before.status]:
        return [f"{name_of(before)} not of valid status for modification"]
    if is_used and _touches_frozen(before, sent):
        return [HAS_PAYMENTS]
    return lock_problems(books, before.date)


def _touches_frozen(before: Document, sent: Sent) -> bool:
    contact = sent.one("Contact")
    return (
        any(sent.has(name) for name in PAID_FREEZES)
        or sent.day("Date") not in {None, before.date}
        or (contact is not None and contact.text("ContactID") not in {None, before.contact.id})
    )


def document_problems(books: Books, document: Document, sent: Sent, *, is_new: bool) -> list[str]:
    """List why a document may not be saved as it would become; lines are checked elsewhere."""
    problems = []
    if is_new and document.status not in CREATABLE:
        problems.append(f"{name_of(document)} not of valid status for creation")
    if not document.lines:
        problems.append("One or more line items must be specified")
    if document.currency not in books.organisation.currencies:
        problems.append(f"Organisation is not subscribed to currency {document.currency}")
    problems += lock_problems(books, document.date)
    problems += _number_problems(books, document)
    problems += _total_problems(document, sent)
    problems += _address_problems(document)
    if document.status in APPROVING and not document.is_credit and document.due is None and books.rules.needs_due_date:
        problems.append("The Due Date must be specified.")
    if document.theme is not None and document.theme not in books.organisation.themes:
        problems.append("The branding theme with the specified BrandingThemeID could not be found")
    if len(document.reference) > 255:
        problems.append("The Reference cannot be longer than 255 characters.")
    return problems + _limit_problems(books, document)


def _number_problems(books: Books, document: Document) -> list[str]:
    if len(document.number) > 255:
        return [f"The {name_of(document)} Number cannot be longer than 255 characters."]
    if document.type not in {"ACCREC", "ACCRECCREDIT"} or not document.number:
        return []
    for other in books.organisation.documents.values():
        is_same = other.type == document.type and other.number.casefold() == document.number.casefold()
        if is_same and other.id != document.id and other.status not in books.rules.reusable_numbers:
            return [f"{name_of(document)} # must be unique."]
    return []


def _total_problems(document: Document, sent: Sent) -> list[str]:
    pairs = (("SubTotal", document.sub_total), ("TotalTax", document.total_tax), ("Total", document.total))
    problems = []
    if any(sent.number(name) not in {None, value} for name, value in pairs):
        problems.append("The document total does not equal the sum of the lines.")
    if document.total < ZERO:
        # The rule is known, its exact words are not.
        problems.append("The document total cannot be negative.")
    return problems


def _address_problems(document: Document) -> list[str]:
    if not document.url:
        return []
    if "xero" in document.url.lower():
        return ["The Url cannot contain the word xero."]
    parts = urlsplit(document.url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return ["The Url must be a valid absolute url."]
    return []


def _limit_problems(books: Books, document: Document) -> list[str]:
    limit = books.rules.approval_limit
    if limit is None or document.type != "ACCREC" or document.status != "AUTHORISED":
        return []
    approved = [
        other
        for other in books.organisation.documents.values()
        if other.type == "ACCREC" and other.status in {"AUTHORISED", "PAID"} and other.id != document.id
    ]
    return ["You have reached the limit of invoices you can approve"] if len(approved) >= limit else []
