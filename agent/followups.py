"""What is still to be done once a document is in Xero; it is queued together with the record of the posting."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.domain.document import Document, Posted
from agent.domain.invoice import AutotaskId
from agent.domain.settings import Settings

TO_AUTOTASK = ("webServiceDate", "invoiceNumber", "paidDate")
"""Fields of the Autotask invoice."""
TO_XERO = ("history", "pdf")
"""Extras of the document in Xero."""


def follow_ups(settings: Settings, run: str, document: Document, posted: Posted) -> tuple[tuple[str, str], ...]:
    """What the settings ask for once a document was created, as pairs of field and value."""
    found = []
    if settings.mark_as_sent:
        found.append(("webServiceDate", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    if settings.write_number_back and posted.number:
        found.append(("invoiceNumber", posted.number))
    if settings.history_note:
        found.append(note("AutoXero sent this", document.autotask_id, document.label or posted.reference, run))
    if settings.attach_pdf:
        found.append(("pdf", f"Autotask-{document.autotask_id}.pdf"))
    return tuple(found)


def adopting(settings: Settings, run: str, document: Document, posted: Posted) -> tuple[tuple[str, str], ...]:
    """What is to be done once a document was taken over; the note tells of it whatever the setting says."""
    taken = note("AutoXero found this and took it over", document.autotask_id, document.label, run)
    found = follow_ups(settings, run, document, posted)
    return (*(item for item in found if item[0] != "history"), taken)


def note(what: str, autotask_id: AutotaskId, label: str, run: str) -> tuple[str, str]:
    """A note in the document's history in Xero."""
    return "history", f"{what} for the Autotask invoice with the id {autotask_id} ({label}), run {run}."
