"""What Autotask is told: the sending date, and by choice Xero's number. A queue of its own, never before a post."""

from __future__ import annotations

from collections import defaultdict

from agent.autotask.client import MOST_VALUES, values_of
from agent.autotask.models import InvoiceRow
from agent.desk import Desk
from agent.domain.invoice import AutotaskId
from agent.errors import StopError
from agent.followups import TO_AUTOTASK
from agent.ledger.ledger import WriteBack

MOST = 200
"""Write-backs in one run; the rest waits for the next."""
_TRIES = 3


def write_back(desk: Desk, run: str) -> None:
    """Write what is queued, one update an invoice, and read all of it back in bulk: Autotask ignores in silence.

    Raises:
        StopError: Autotask cannot be reached; what is not written stays queued.
    """
    queued = desk.ledger.queued(MOST, TO_AUTOTASK)
    if not queued:
        return
    desk.tell(f"Telling Autotask about {len(queued)} invoices")
    by_invoice: defaultdict[AutotaskId, list[WriteBack]] = defaultdict(list)
    for item in queued:
        by_invoice[item.autotask_id].append(item)
    for autotask_id, items in by_invoice.items():
        try:
            desk.autotask.update("Invoices", autotask_id, {item.field: item.value or None for item in items})
        except StopError as error:
            if "HTTP 500" not in error.fault.detail:
                raise  # not this invoice's own trouble; reading back is left to the next run
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
    desk.ledger.tried({item.id: item.tries + 1 for item in queued})
    desk.ledger.written(states)


def _reads_back(item: WriteBack, row: InvoiceRow | None) -> bool:
    if row is None:
        return False
    if item.field == "paidDate":
        return (row.paid_date or "")[:10] == item.value
    if item.field == "webServiceDate":
        return bool(row.web_service_date) and str(row.web_service_date)[:10] == item.value[:10]
    return str(row.invoice_number) == item.value
