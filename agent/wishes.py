"""What accountants chose in the column Do: acted on at the start of a run, and cleared with its end."""

from __future__ import annotations

import json

from agent.desk import Desk
from agent.domain.invoice import AutotaskId
from agent.domain.record import Record


def take_wishes(desk: Desk, run: str) -> list[AutotaskId]:
    """Act on the column Do of the saved file, once for each choice: a file held open cannot be cleared at once.

    Returns:
        The invoices whose cell is to be cleared.
    """
    records = desk.ledger.records()
    known = json.loads(desk.ledger.fact("wishes") or "{}")
    standing = {str(wish.autotask_id): wish.verb for wish in desk.reading.wishes}
    desk.ledger.remember(wishes=json.dumps(standing))
    taken = []
    for wish in desk.reading.wishes:
        autotask_id = AutotaskId(wish.autotask_id)
        taken.append(autotask_id)
        if known.get(str(autotask_id)) == wish.verb:
            continue  # acted on before; the file could not be written since
        record = records.get(autotask_id)
        answer = "There is no such invoice." if record is None else _act(desk, record, wish.verb)
        desk.ledger.log(f"Do: {wish.verb}", answer, run=run, who="Workbook", about=autotask_id)
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
