"""What is added to a document after it was posted: a note in Xero's history, and Autotask's PDF.

A queue of its own, never before a post; what fails is a warning, never a second invoice.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import msgspec

from agent.desk import Desk
from agent.domain.document import DocumentKind
from agent.domain.invoice import AutotaskId
from agent.errors import StopError
from agent.followups import IN_VAIN, TO_XERO, after_try, is_of_all
from agent.ledger.ledger import Ledger
from agent.ledger.steps import WriteBack
from agent.xero.client import RefusedError, UncertainError

_NAMES = {"pdf": "PDF", "history": "note in the history"}
_GIVEN_UP = {
    "pdf": "Autotask's PDF could not be attached in Xero: attach it by hand, or press Resync to try again",
    "history": "The note in Xero's history could not be written: press Resync to try again",
}
MOST = 20
"""Extras in one run: each costs a call or two of the sixty a minute that Xero gives."""


def add_extras(desk: Desk, run: str) -> None:
    """Add what is queued, within the run's budget.

    Raises:
        StopError: A system cannot be reached; what is not added stays queued.
    """
    queued = desk.ledger.queued(MOST, TO_XERO)
    if not queued:
        return
    desk.tell(f"Adding notes and PDFs to {len(queued)} invoices")
    rows = {row["autotask_id"]: row for row in desk.ledger.rows()}
    went_well = 0
    troubles: dict[WriteBack, Exception] = {}
    for item in queued:
        row = rows[item.autotask_id]
        if not row["xero_id"]:
            desk.ledger.written({item.id: "failed"})
        elif (error := _tried(desk, item, row, run)) is None:
            desk.ledger.written({item.id: "done"})
            desk.ledger.warn(item.autotask_id, _GIVEN_UP[item.field])
            went_well += 1
        else:
            troubles[item] = error
        if len(troubles) >= IN_VAIN and not went_well:
            break
    for item, error in troubles.items():
        is_clear = len(troubles) < IN_VAIN and not isinstance(
            error, UncertainError
        )  # else Xero may be ill, and it well
        _put_back(desk.ledger, item, error, run, is_its_own=went_well > 0 or is_clear)


def _tried(desk: Desk, item: WriteBack, row: Mapping[str, Any], run: str) -> Exception | None:
    """Add one; gives what went wrong with it.

    Raises:
        StopError: A system cannot be reached.
    """
    desk.ledger.tried({item.id: item.tries + 1})  # killed from here on, the next try looks first
    try:
        _add(desk, item, row, run)
    except StopError as error:
        if is_of_all(error):
            desk.ledger.tried({item.id: item.tries})  # certainly not written
            raise
        return error
    except (RefusedError, UncertainError, ValueError) as error:
        return error
    return None


def _put_back(ledger: Ledger, item: WriteBack, error: Exception, run: str, *, is_its_own: bool) -> None:
    """What failed is tried again by later runs; once it is given up the invoice bears a warning."""
    trouble = error.fault.detail if isinstance(error, StopError) else str(error)
    event = f"The {_NAMES[item.field]} could not be added in Xero"
    ledger.log(event, trouble, run=run, level="Warning", about=item.autotask_id)
    state, tries = after_try(item, is_done=False, is_its_own=is_its_own)
    ledger.tried({item.id: tries})
    ledger.written({item.id: state})
    if state == "failed":
        ledger.warn(item.autotask_id, _GIVEN_UP[item.field], f" ({trouble.rstrip('.')}).")


def _add(desk: Desk, item: WriteBack, row: Mapping[str, Any], run: str) -> None:
    kind: DocumentKind = "Credit note" if row["xero_kind"] == "Credit note" else "Invoice"
    if item.field == "pdf":
        desk.xero.attach(kind, row["xero_id"], item.value, read_pdf(desk, item.autotask_id))
        return
    is_fresh = run in item.value and not item.tries  # else it may have been written: by a try that was killed, or
    if is_fresh or item.value not in desk.xero.history(kind, row["xero_id"]):  # before the ledger was put back
        desk.xero.add_note(kind, row["xero_id"], item.value)


def read_pdf(desk: Desk, autotask_id: AutotaskId) -> bytes:
    """Autotask's own PDF of an invoice, however it wraps the bytes.

    Raises:
        ValueError: There is none.
    """
    try:
        answer = msgspec.json.decode(desk.autotask.read(f"Invoices/{autotask_id}/InvoicePdf"))
    except StopError as error:
        if is_of_all(error):
            raise
        raise ValueError(f"Autotask gives no PDF: {error.fault.detail}") from None
    data = answer.get("data") if isinstance(answer, dict) else None
    content = bytes(data) if isinstance(data, list) else b64decode(data) if isinstance(data, str) else b""
    if not content.startswith(b"%PDF"):
        raise ValueError("What Autotask gives is no PDF.")
    return content
