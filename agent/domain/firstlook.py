"""What looking in Xero makes of an invoice before its first post: it is sent, taken over, or waits for a word."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.document import Document, Posted
from agent.domain.faults import Fault, fault
from agent.domain.invoice import Invoice
from agent.domain.lookup import Finding, Shelf, unlike
from agent.domain.plan import Action, with_document
from agent.domain.record import CONFIRMED, Record, Wish


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
        is_its = self.stops is None and self.finding.verdict in {"ours", "gone", "equal"}
        return self.finding.posted if is_its else None


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
    if finding.verdict == "absent" and wish == "adopt":
        stops = _not_there()
    elif finding.verdict == "absent" or (finding.verdict == "similar" and wish == "beside"):
        is_anothers = invoice.marked_sent is not None and not is_ours
        stops = marked(invoice) if is_anothers and wish not in {"send", "beside"} else None
    elif finding.verdict == "similar" and posted is not None:
        stops = _like_it(posted, action.document)
    elif finding.verdict == "equal" and posted is not None and wish not in CONFIRMED:
        stops = already_there(posted, unlike(action.document, posted, is_ours=False))
    return Look(action, finding, stops)


def marked(invoice: Invoice) -> Fault:
    """AX-111: some tool says that it sent the invoice."""
    return fault(
        "AX-111",
        f"Autotask says that it was sent on {invoice.marked_sent:%Y-%m-%d}; Xero has neither its number, nor our mark, "
        "nor a document with the same contact, date and total.",
    )


def already_there(posted: Posted, otherwise: str = "") -> Fault:
    """AX-201: a document without our mark that agrees to the cent; it waits for a word."""
    more = f"; it has otherwise: {otherwise}" if otherwise else ""
    return _asking(
        "adopt",
        f"Xero already has {_named(posted)}, which agrees to the cent{more}.",
        "Press Send these to take it over; nothing is sent twice.",
    )


def differently_there(posted: Posted, otherwise: str) -> Fault:
    """AX-201: our own document, which is not what Autotask has any more."""
    return fault(
        "AX-201",
        f"Xero has {_named(posted)}, which carries this invoice's mark. Autotask → Xero: {otherwise}.",
        instead="Choose Send now to carry Autotask's version over to Xero, or Never send to leave Xero's.",
    )


def _not_there() -> Fault:
    return _asking(
        "beside",
        "What agreed with it in Xero was taken over for another invoice, or is there no more.",
        "If it is not in Xero yet, select it and press Send these; else choose Never send.",
    )


def _like_it(posted: Posted, document: Document) -> Fault:
    return _asking(
        "beside",
        f"Xero already has {_named(posted)} ({posted.status.lower()}), which bears this invoice's number in Autotask; "
        f"ours would be {document.date}, {document.currency} {document.expected.total}.",
        "If Xero's is this invoice, choose Never send; else select the row and press Send these.",
    )


def voided_there(posted: Posted) -> Fault:
    """AX-201: the invoice was voided, and what looks like its document stands."""
    return _asking(
        "adopt",
        f"It was voided in Autotask, and Xero still has {_named(posted)}, which agrees with it.",
        "Press Send these to take it over, and it is voided like any other; or choose Never send to leave it.",
    )


def _asking(asks: Wish, detail: str, cure: str) -> Fault:
    """AX-201 that waits for a person's word, and what that word then is."""
    return fault("AX-201", detail, waits=True, instead=cure, asks=asks)


def _named(posted: Posted) -> str:
    """A document in Xero, so that a person finds it."""
    name = f"{posted.number or posted.id} ({posted.reference})" if posted.reference else posted.number or posted.id
    return f"{name} of {posted.contact_name}, {posted.date}, {posted.currency} {posted.total}"
