"""What looking in Xero makes of an invoice before its first post: it is sent, taken over, or waits for a word."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.document import Document, Posted
from agent.domain.faults import Fault, fault
from agent.domain.invoice import Invoice
from agent.domain.lookup import Finding, Shelf
from agent.domain.plan import Action, with_document
from agent.domain.record import Record


@dataclass(frozen=True)
class Look:
    """What is there of one invoice that would be created.

    Attributes:
        action: As planned, with a number that is free.
        finding: What Xero has of it.
        stops: Why it is neither sent nor taken over, where it is not.
    """

    action: Action
    finding: Finding
    stops: Fault | None

    @property
    def takes_over(self) -> Posted | None:
        """What is taken over instead of sending."""
        return self.finding.posted if self.stops is None and self.finding.verdict in {"ours", "equal"} else None


def look(planned: Action, shelf: Shelf, record: Record | None, *, is_ours: bool) -> Look:
    """Hold what would be created against what Xero has.

    Args:
        planned: A ``create``.
        shelf: Xero's documents.
        record: What the ledger knows of the invoice.
        is_ours: We are the ones who marked it as sent in Autotask.
    """
    action = with_document(planned, shelf.with_free_number(planned.document))
    finding = shelf.find(action.document)
    invoice = action.invoice
    wish = record.wish if record else ""
    posted, stops = finding.posted, finding.fault
    is_about_it = record is not None and wish == "send" and record.fault_code == "AX-201"  # and not about another thing
    if finding.verdict == "absent" or (finding.verdict == "similar" and is_about_it):
        is_anothers = invoice.marked_sent is not None and not is_ours
        stops = marked(invoice) if is_anothers and wish != "send" else None
    elif finding.verdict == "similar" and posted is not None:
        stops = _like_it(posted, action.document)
    elif finding.verdict == "equal" and posted is not None and wish not in {"send", "adopt"}:
        stops = already_there(posted)
    return Look(action, finding, stops)


def marked(invoice: Invoice) -> Fault:
    """AX-111: some tool says that it sent the invoice."""
    return fault(
        "AX-111",
        f"Autotask says that it was sent on {invoice.marked_sent:%Y-%m-%d}; Xero has neither its number, nor our mark, "
        "nor a document with the same contact, date and total.",
    )


def already_there(posted: Posted) -> Fault:
    """AX-201: a document without our mark that agrees to the cent; it waits for a word."""
    return fault(
        "AX-201",
        f"Xero already has {_named(posted)}, which agrees to the cent.",
        waits=True,
        instead="Press Send these to take it over; nothing is sent twice.",
    )


def _like_it(posted: Posted, document: Document) -> Fault:
    return fault(
        "AX-201",
        f"Xero already has {_named(posted)} ({posted.status.lower()}), which bears this invoice's number in Autotask; "
        f"ours would be {document.date}, {document.currency} {document.expected.total}.",
        waits=True,
        instead="If Xero's is this invoice, choose Never send; if it is another sale, press Send these.",
    )


def voided_there(posted: Posted) -> Fault:
    """AX-201: the invoice was voided, and what looks like its document stands."""
    return fault(
        "AX-201",
        f"It was voided in Autotask, and Xero still has {_named(posted)}, which agrees with it.",
        waits=True,
        instead="Press Send these to take it over, and it is voided like any other; or choose Never send to leave it.",
    )


def _named(posted: Posted) -> str:
    """A document in Xero, so that a person finds it."""
    return f"{posted.number or posted.id} of {posted.contact_name}, {posted.date}, {posted.currency} {posted.total}"
