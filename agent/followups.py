"""What is still to be done once a document is in Xero; it is queued together with the record of the posting."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.domain.document import Posted
from agent.domain.invoice import AutotaskId
from agent.domain.settings import Settings

TO_AUTOTASK = ("webServiceDate", "invoiceNumber", "paidDate")
"""Fields of the Autotask invoice."""
TO_XERO = ("history", "pdf")
"""Extras of the document in Xero."""


def follow_ups(settings: Settings, run: str, autotask_id: AutotaskId, posted: Posted) -> tuple[tuple[str, str], ...]:
    """What the settings ask for, as pairs of field and value."""
    found = []
    if settings.mark_as_sent:
        found.append(("webServiceDate", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    if settings.write_number_back and posted.number:
        found.append(("invoiceNumber", posted.number))
    if settings.history_note:
        note = f"AutoXero sent this for the Autotask invoice with the id {autotask_id} ({posted.reference}), run {run}."
        found.append(("history", note))
    if settings.attach_pdf:
        found.append(("pdf", f"Autotask-{autotask_id}.pdf"))
    return tuple(found)
