"""What is added to a document after it was posted: a note in Xero's history, and Autotask's PDF.

A queue of its own, never before a post; what fails is a warning, never a second invoice.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import msgspec

from agent.desk import Desk
from agent.domain.document import DocumentKind, Posted
from agent.domain.invoice import AutotaskId
from agent.errors import StopError
from agent.ledger.ledger import WriteBack
from agent.xero.client import RefusedError, UncertainError

MOST = 20
"""Extras in one run: each costs a call or two of the sixty a minute that Xero gives."""
FIELDS = ("history", "pdf")
_TRIES = 3


def queue_extras(desk: Desk, posted: Mapping[AutotaskId, Posted], run: str) -> None:
    """Queue what the settings ask to be added to documents that were just posted or taken over."""
    numbers = {row["autotask_id"]: row["number"] for row in desk.ledger.rows()} if posted else {}
    for autotask_id in posted:
        if desk.settings.history_note:
            name = numbers.get(autotask_id) or "without a number"
            note = f"Autotask invoice {name} (id {autotask_id}) was sent by AutoXero, run {run}."
            desk.ledger.queue(autotask_id, "history", note)
        if desk.settings.attach_pdf:
            desk.ledger.queue(autotask_id, "pdf", f"Autotask-{autotask_id}.pdf")


def add_extras(desk: Desk, run: str) -> None:
    """Add what is queued, within the run's budget.

    Raises:
        StopError: A system cannot be reached; what is not added stays queued.
    """
    queued = desk.ledger.queued(MOST, FIELDS)
    if not queued:
        return
    desk.tell(f"Adding notes and PDFs to {len(queued)} invoices")
    rows = {row["autotask_id"]: row for row in desk.ledger.rows()}
    for item in queued:
        row = rows[item.autotask_id]
        try:
            _add(desk, item, row)
            state, trouble = "done", ""
        except (RefusedError, UncertainError, ValueError) as error:
            state, trouble = ("queued" if item.tries + 1 < _TRIES else "failed"), str(error)
        desk.ledger.written({item.id: state})
        if trouble:
            what = "note in the history" if item.field == "history" else "PDF"
            detail = f"{row['number'] or item.autotask_id}: {trouble}"
            desk.ledger.log(f"The {what} could not be added in Xero", detail, run=run, level="Warning")


def _add(desk: Desk, item: WriteBack, row: Mapping[str, Any]) -> None:
    kind: DocumentKind = "Credit note" if row["xero_kind"] == "Credit note" else "Invoice"
    if item.field == "pdf":
        desk.xero.attach(kind, row["xero_id"], item.value, read_pdf(desk, item.autotask_id))
    elif not item.tries or item.value not in desk.xero.history(kind, row["xero_id"]):
        desk.xero.add_note(kind, row["xero_id"], item.value)


def read_pdf(desk: Desk, autotask_id: AutotaskId) -> bytes:
    """Autotask's own PDF of an invoice, however it wraps the bytes.

    Raises:
        ValueError: There is none.
    """
    try:
        answer = msgspec.json.decode(desk.autotask.read(f"Invoices/{autotask_id}/InvoicePdf"))
    except StopError as error:
        if error.exit_code == 2:
            raise
        raise ValueError(f"Autotask gives no PDF: {error.fault.detail}") from None
    data = answer.get("data") if isinstance(answer, dict) else None
    content = bytes(data) if isinstance(data, list) else b64decode(data) if isinstance(data, str) else b""
    if not content.startswith(b"%PDF"):
        raise ValueError("What Autotask gives is no PDF.")
    return content
