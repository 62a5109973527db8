"""What Autotask is told: the sending date, and by choice Xero's number. A queue of its own, never before a post."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from agent.autotask.client import MOST_VALUES, values_of
from agent.autotask.models import InvoiceRow
from agent.desk import Desk
from agent.domain.document import Posted
from agent.domain.invoice import AutotaskId
from agent.ledger.ledger import WriteBack

FIELDS = ("webServiceDate", "invoiceNumber", "paidDate")
MOST = 200
"""Write-backs in one run; the rest waits for the next."""
_TRIES = 3


def queue_write_backs(desk: Desk, posted: Mapping[AutotaskId, Posted]) -> None:
    """Queue what the settings ask to be written for invoices that were just posted."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for autotask_id, document in posted.items():
        if desk.settings.mark_as_sent:
            desk.ledger.queue(autotask_id, "webServiceDate", now)
        if desk.settings.write_number_back and document.number:
            desk.ledger.queue(autotask_id, "invoiceNumber", document.number)


def write_back(desk: Desk, run: str) -> None:
    """Write what is queued, one update an invoice, and read all of it back in bulk: Autotask ignores in silence.

    Raises:
        StopError: Autotask cannot be reached; what is not written stays queued.
    """
    queued = desk.ledger.queued(MOST, FIELDS)
    if not queued:
        return
    desk.tell(f"Telling Autotask about {len(queued)} invoices")
    by_invoice: defaultdict[AutotaskId, list[WriteBack]] = defaultdict(list)
    for item in queued:
        by_invoice[item.autotask_id].append(item)
    for autotask_id, items in by_invoice.items():
        desk.autotask.update("Invoices", autotask_id, {item.field: item.value or None for item in items})
    rows: dict[int, InvoiceRow] = {}
    ids = list(by_invoice)
    for start in range(0, len(ids), MOST_VALUES):
        some = values_of("id", ids[start : start + MOST_VALUES])
        rows.update((row.id, row) for row in desk.autotask.query("Invoices", InvoiceRow, some))
    states = {}
    for item in queued:
        is_done = _reads_back(item, rows.get(item.autotask_id))
        states[item.id] = "done" if is_done else "queued" if item.tries + 1 < _TRIES else "failed"
        if states[item.id] == "failed":
            desk.ledger.log(
                "Autotask did not take a write-back",
                f"Autotask id {item.autotask_id}: {item.field} was not set to {item.value}. Check the user's rights.",
                run=run,
                level="Warning",
            )
    desk.ledger.written(states)


def _reads_back(item: WriteBack, row: InvoiceRow | None) -> bool:
    if row is None:
        return False
    if item.field == "paidDate":
        return (row.paid_date or "")[:10] == item.value
    if item.field == "webServiceDate":
        return bool(row.web_service_date) and str(row.web_service_date)[:10] == item.value[:10]
    return str(row.invoice_number) == item.value
