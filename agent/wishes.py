"""What accountants chose in the column Do: acted on at the start of a run, and cleared with its end."""

from __future__ import annotations

from agent.desk import Desk
from agent.domain.invoice import AutotaskId
from agent.domain.record import Record


def take_wishes(desk: Desk, run: str) -> list[AutotaskId]:
    """Act on the column Do of the saved file.

    Returns:
        The invoices whose cell is to be cleared.
    """
    records = desk.ledger.records()
    taken = []
    for wish in desk.reading.wishes:
        autotask_id = AutotaskId(wish.autotask_id)
        record = records.get(autotask_id)
        answer = "There is no such invoice." if record is None else _act(desk, record, wish.verb)
        desk.ledger.log(f"Do: {wish.verb}", f"Autotask id {autotask_id}: {answer}", run=run, who="Workbook")
        taken.append(autotask_id)
    return taken


def _act(desk: Desk, record: Record, verb: str) -> str:
    """Act on one wish; gives the answer in words."""
    ids = [record.autotask_id]
    if record.is_in_flight:
        return "It is on its way to Xero; nothing was changed."
    if verb == "Send again" and record.status == "Voided":
        desk.ledger.release(ids)
        return "It is sent again."
    if record.xero_id is not None:
        return f"It is in Xero as {record.xero_number}; nothing was changed."
    if verb == "Never send":
        desk.ledger.never_send(ids, "chosen in the column Do")
        return "It is never sent."
    desk.ledger.wish(ids, "resync" if verb == "Resync" else "send")
    return "It is tried again now."
