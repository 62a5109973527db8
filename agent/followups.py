"""What is still to be done once a document is in Xero; it is queued together with the record of the posting."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from agent.autotask.models import stamp
from agent.domain.document import Document, Posted
from agent.domain.invoice import AutotaskId, Invoice
from agent.domain.settings import Settings
from agent.errors import StopError
from agent.ledger.steps import WriteBack

TO_AUTOTASK = ("webServiceDate", "invoiceNumber", "paidDate")
"""Fields of the Autotask invoice."""
TO_XERO = ("history", "pdf")
"""Extras of the document in Xero."""


TRIES = 3
"""So often something that is queued is tried before it is given up."""
IN_VAIN = 3
"""So many troubles in a row, with nothing that went well, are no single document's: the rest waits."""


def after_try(item: WriteBack, *, is_done: bool, is_its_own: bool) -> tuple[str, int]:
    """What becomes of something queued after a try.

    Args:
        item: As it was before.
        is_done: It went well.
        is_its_own: The trouble is this item's own, since the other side took the request or others went well: only
            then is it given up in the end.

    Returns:
        Its state and how often it was tried.
    """
    tries = item.tries + 1 if is_its_own else min(item.tries + 1, TRIES - 1)
    return ("done" if is_done else "failed" if tries >= TRIES else "queued"), tries


def is_of_all(error: StopError) -> bool:
    """Whether a trouble concerns the connection or the sign-in, and so all that is queued: not a refusal of one."""
    detail = error.fault.detail
    is_answer = error.fault.code in {"AX-304", "AX-403"} and not re.search(r"HTTP 50[234]", detail)
    return not is_answer and "may not read or change" not in detail


def follow_ups(settings: Settings, run: str, document: Document, posted: Posted) -> tuple[tuple[str, str], ...]:
    """What the settings ask for once a document was created, as pairs of field and value."""
    found = []
    if settings.mark_as_sent:
        found.append(("webServiceDate", stamp(datetime.now(UTC))))
    if settings.write_number_back and posted.number:
        found.append(("invoiceNumber", posted.number))
    if settings.history_note:
        found.append(note("AutoXero sent this", document.autotask_id, document.label or posted.reference, run))
    if settings.attach_pdf:
        found.append(("pdf", f"Autotask-{document.autotask_id}.pdf"))
    return tuple(found)


def adopting(
    settings: Settings, run: str, document: Document, posted: Posted, invoice: Invoice
) -> tuple[tuple[str, str], ...]:
    """What is to be done once a document was taken over; the note tells of it whatever the setting says.

    An invoice that bears the day on which it was sent, whoever sent it, keeps it.
    """
    known = {"history", *(["webServiceDate"] if invoice.marked_sent is not None else [])}
    found = follow_ups(settings, run, document, posted)
    return (*(item for item in found if item[0] not in known), taken_over(invoice, run))


def taken_over(invoice: Invoice, run: str) -> tuple[str, str]:
    """The note that a document was found."""
    return note("AutoXero found this and took it over", invoice.id, invoice.label, run)


def note(what: str, autotask_id: AutotaskId, label: str, run: str) -> tuple[str, str]:
    """A note in the document's history in Xero."""
    return "history", f"{what} for the Autotask invoice with the id {autotask_id} ({label}), run {run}."
