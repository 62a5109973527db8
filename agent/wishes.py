"""What accountants chose in the column Do: acted on at the start of a run, and cleared with its end."""

from __future__ import annotations

import json

from agent.desk import Desk
from agent.domain.invoice import AutotaskId
from agent.domain.record import CHOICES, CHOSEN, Record, is_held, standing

_NOT_LIVE = "“Sync mode” is Preview: nothing is sent. Choose it again once it is Live."


_STOPPED = "Nothing is sent until the settings are mended: the column Problem says how. Choose it again then."


def take_wishes(desk: Desk, run: str = "") -> dict[AutotaskId, str]:
    """Act on the column Do of the saved file, once for each choice: a file held open cannot be cleared at once.

    What changes nothing is answered in the row, under What to do, until the row changes. While settings are wrong, only
    what sends nothing is done.

    Returns:
        The invoices whose cell is to be cleared, each with the choice that was acted on.
    """
    records = desk.ledger.records()
    answers = json.loads(desk.ledger.fact("do_answers") or "{}")
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
        answer, is_done = ("There is no such invoice.", False) if record is None else _act(desk, record, verb)
        done[str(autotask_id)] = verb
        answers.pop(str(autotask_id), None)
        if record is not None and not is_done:
            answers[str(autotask_id)] = [f"{verb}: {answer}", standing(record.status, record.fault_code)]
        desk.ledger.remember(wishes=json.dumps(done), do_answers=json.dumps(answers))
        desk.ledger.log(f"Do: {verb}", answer, run=run, who="Workbook", about=autotask_id)
    if done != known:
        desk.ledger.remember(wishes=json.dumps(done))
    return wishes


def _act(desk: Desk, record: Record, verb: str) -> tuple[str, bool]:  # noqa: PLR0911 - a ladder
    """Act on one wish; gives the answer in words, and whether anything was changed."""
    ids = [record.autotask_id]
    if record.is_in_flight:
        return "It is on its way to Xero; nothing was changed.", False
    if desk.stops and verb != "Never send":
        return _STOPPED, False
    if desk.settings.sync_mode != "Live" and verb in {"Send now", "Send again"}:
        return _NOT_LIVE, False
    if verb == "Send again" and record.status == "Voided":
        desk.ledger.release(ids)
        return "It is sent again.", True
    if record.xero_id is not None:
        choice = CHOICES.get(verb, "") if record.status == "Changed since sent" else ""
        if choice:
            desk.ledger.choose(ids, choice)
        place = "voided or deleted in Xero" if record.status == "Voided" else f"in Xero as {record.xero_number}"
        return CHOSEN.get(choice, f"It is {place}; nothing was changed."), choice != ""
    if verb == "Never send":
        desk.ledger.never_send(ids, "chosen in the column Do")
        return "It is never sent.", True
    if verb == "Resync" and is_held(record):
        return "It waits for your confirmation: choose Send now, or Never send.", False
    desk.ledger.wish(ids, "resync" if verb == "Resync" else "send")
    return "It is tried again now.", True
