"""What Autotask is told: the sending date, and by choice Xero's number. A queue of its own, never before a post."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from agent.autotask.client import MOST_VALUES, values_of
from agent.autotask.models import InvoiceRow
from agent.desk import Desk
from agent.domain.invoice import AutotaskId
from agent.errors import StopError
from agent.followups import IN_VAIN, TO_AUTOTASK, after_try, is_of_all
from agent.ledger.steps import WriteBack

MOST = 200
"""Write-backs in one run; the rest waits for the next."""
_REFUSED = "Autotask did not take a write-back"


def write_back(desk: Desk, run: str) -> None:
    """Write what is queued, one update an invoice, and read all of it back in bulk: Autotask ignores in silence.

    Raises:
        StopError: Autotask cannot be reached, or takes nothing; what is not written stays queued.
    """
    queued = desk.ledger.queued(MOST, TO_AUTOTASK)
    if not queued:
        return
    desk.tell(f"Telling Autotask about {len(queued)} invoices")
    by_invoice: defaultdict[AutotaskId, list[WriteBack]] = defaultdict(list)
    for item in queued:
        by_invoice[item.autotask_id].append(item)
    taken, refused = _send(desk, by_invoice, run)
    rows: dict[int, InvoiceRow] = {}
    ids = sorted(taken)
    for start in range(0, len(ids), MOST_VALUES):
        some = values_of("id", ids[start : start + MOST_VALUES])
        rows.update((row.id, row) for row in desk.autotask.query("Invoices", InvoiceRow, some))
    done = {item.id for item in queued if _reads_back(item, rows.get(item.autotask_id))}
    is_its_own = bool(done) or len(refused) < IN_VAIN
    tried = list(by_invoice)[: len(taken) + len(refused)]
    outcomes = {
        item.id: after_try(item, is_done=item.id in done, is_its_own=is_its_own or item.autotask_id in taken)
        for item in queued
        if item.autotask_id in tried
    }
    for item in queued:
        if outcomes.get(item.id, ("", 0))[0] == "failed":
            detail = f"{item.field} was not set to {item.value}. Check the user's rights, then press Resync."
            desk.ledger.log(_REFUSED, detail, run=run, level="Warning", about=item.autotask_id)
    desk.ledger.tried({key: tries for key, (_, tries) in outcomes.items()})
    desk.ledger.written({key: state for key, (state, _) in outcomes.items()})
    if len(refused) >= IN_VAIN and not taken:
        raise refused[-1]


def _send(
    desk: Desk, by_invoice: Mapping[AutotaskId, Sequence[WriteBack]], run: str
) -> tuple[set[AutotaskId], list[StopError]]:
    """Send each invoice's fields; gives those that Autotask took, and its refusals of the others."""
    taken: set[AutotaskId] = set()
    refused: list[StopError] = []
    for autotask_id, items in by_invoice.items():
        try:
            desk.autotask.update("Invoices", autotask_id, {item.field: item.value or None for item in items})
            taken.add(autotask_id)
        except StopError as error:
            if is_of_all(error):
                raise  # reading back is left to the next run
            refused.append(error)
            if not items[0].tries:
                desk.ledger.log(_REFUSED, error.fault.detail, run=run, level="Warning", about=autotask_id)
            if len(refused) >= IN_VAIN and not taken:
                break
    return taken, refused


def _reads_back(item: WriteBack, row: InvoiceRow | None) -> bool:
    if row is None:
        return False
    if item.field == "paidDate":
        return (row.paid_date or "")[:10] == item.value
    if item.field == "webServiceDate":
        return bool(row.web_service_date) and str(row.web_service_date)[:10] == item.value[:10]
    return str(row.invoice_number) == item.value
