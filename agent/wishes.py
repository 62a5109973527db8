"""What accountants chose in the column Do: acted on at the start of a run, and cleared with its end."""

from __future__ import annotations

import json

from agent.desk import Desk
from agent.domain.invoice import AutotaskId
from agent.domain.record import CHOICES, CHOSEN, Record, is_held


def take_wishes(desk: Desk, run: str) -> dict[AutotaskId, str]:
    """Act on the column Do of the saved file, once for each choice: a file held open cannot be cleared at once.

    Returns:
        The invoices whose cell is to be cleared, each with the choice that was acted on.
    """
    records = desk.ledger.records()
    known = json.loads(desk.ledger.fact("wishes") or "{}")
    if desk.ledger.fact("wishes_cleared") not in {"", desk.reading.digest}:
        known = {}  # they were cleared in the open workbook, and it was saved since: these were chosen anew
        desk.ledger.remember(wishes="{}", wishes_cleared="")
    wishes = {AutotaskId(wish.autotask_id): wish.verb for wish in desk.reading.wishes}
    done = {str(key): verb for key, verb in wishes.items() if known.get(str(key)) == verb}
    for autotask_id, verb in wishes.items():
        if str(autotask_id) in done:
            continue  # acted on before; the file could not be written since
        record = records.get(autotask_id)
        answer = "There is no such invoice." if record is None else _act(desk, record, verb)
        done[str(autotask_id)] = verb
        desk.ledger.remember(wishes=json.dumps(done))
        desk.ledger.log(f"Do: {verb}", answer, run=run, who="Workbook", about=autotask_id)
    if done != known:
        desk.ledger.remember(wishes=json.dumps(done))
    return wishes


def _act(desk: Desk, record: Record, verb: str) -> str:
    """Act on one wish; gives the answer in words."""
    ids = [record.autotask_id]
    if record.is_in_flight:
        return "It is on its way to Xero; nothing was changed."
    if verb == "Send again" and record.status == "Voided":
        desk.ledger.release(ids)
        return "It is sent again."
    if record.xero_id is not None:
        choice = CHOICES.get(verb, "") if record.status == "Changed since sent" else ""
        if choice:
            desk.ledger.choose(ids, choice)
        return CHOSEN.get(choice, f"It is in Xero as {record.xero_number}; nothing was changed.")
    if verb == "Never send":
        desk.ledger.never_send(ids, "chosen in the column Do")
        return "It is never sent."
    if verb == "Resync" and is_held(record):
        return "It waits for your confirmation: choose Send now, or Never send."
    desk.ledger.wish(ids, "resync" if verb == "Resync" else "send")
    return "It is tried again now."
