"""Using a credit note for an invoice in Xero: only when a person says so, and never twice."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from agent.desk import Desk
from agent.domain.document import DocumentKind, Posted
from agent.domain.invoice import AutotaskId
from agent.domain.money import rounded
from agent.errors import PlainError, stop
from agent.followups import note
from agent.ledger.ledger import find_invoice
from agent.ledger.steps import Outcome
from agent.projecting import project_all
from agent.sync import one_at_a_time
from agent.xero.client import RefusedError, UncertainError

_MOST_DIGITS = 12
"""Digits before the point of the largest amount that anybody can mean."""
_PENDING = "allocating"
"""The fact that tells of a use whose answer is not known."""


@dataclass(frozen=True)
class Credit:
    """A credit note that may be used for an invoice.

    Attributes:
        desk: What it is done with.
        ids: The Autotask ids of both.
        note: The credit note as Xero has it now.
        invoice: The invoice as Xero has it now.
        amount: How much is used.
    """

    desk: Desk
    ids: tuple[AutotaskId, AutotaskId]
    note: Posted
    invoice: Posted
    amount: Decimal

    @property
    def question(self) -> str:
        """What is about to be done, in words."""
        return f"Use {self.note.currency} {self.amount} of {self.note.number} for {self.invoice.number}"


def find_credit(desk: Desk, credit_note: str, invoice: str, amount: str | None = None) -> Credit:
    """Look at both documents in Xero.

    Args:
        desk: What it is done with.
        credit_note: Number or Autotask id.
        invoice: Number or Autotask id.
        amount: How much; without it as much as both allow.

    Raises:
        PlainError: The credit cannot be used so.
        StopError: Xero cannot be reached.
    """
    desk.check()
    if desk.settings.sync_mode != "Live" or desk.settings.paused:
        raise PlainError("Nothing was used: “Sync mode” is not Live, or “Paused” is Yes.", "Change it, then save.")
    ids = find_invoice(desk.ledger, credit_note), find_invoice(desk.ledger, invoice)
    desk.reach_xero()
    _settle(desk)
    giving, taking = _read(desk, ids[0], "Credit note"), _read(desk, ids[1], "Invoice")
    for posted in (giving, taking):
        if posted.status != "AUTHORISED":
            raise PlainError(
                f"{posted.number} is {posted.status.lower()} in Xero; only approved documents can be set off.",
                "Approve it in Xero first." if posted.status in {"DRAFT", "SUBMITTED"} else "There is nothing to do.",
            )
    if (giving.contact_id, giving.currency) != (taking.contact_id, taking.currency):
        raise PlainError(
            f"{giving.number} is for {giving.contact_name} in {giving.currency}, {taking.number} for "
            f"{taking.contact_name} in {taking.currency}.",
            "Choose an invoice of the same customer and currency.",
        )
    most = min(giving.outstanding, taking.outstanding)
    wanted = most if amount is None else _amount(amount)
    if not 0 < wanted <= most:
        raise PlainError(
            f"{giving.currency} {wanted} cannot be used: {giving.number} has {giving.outstanding} left, and "
            f"{taking.outstanding} is outstanding on {taking.number}.",
            f"Give an amount above 0 and up to {most}." if most else "There is nothing to do.",
        )
    return Credit(desk, ids, giving, taking, wanted)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount.adjusted() > _MOST_DIGITS:
        raise PlainError(f"“{text}” is no amount.", "Give one such as 120.50.")
    return rounded(amount)


def _read(desk: Desk, autotask_id: AutotaskId, kind: DocumentKind) -> Posted:
    row = next(row for row in desk.ledger.rows() if row["autotask_id"] == autotask_id)
    if row["xero_kind"] != kind:
        label = row["number"] or str(autotask_id)
        raise PlainError(
            f"{label} is no {kind.lower()} in Xero.", "Name the credit note first, then the invoice it is used for."
        )
    return desk.xero.one(kind, row["xero_id"])


def allocate(credit: Credit) -> str:
    """Use the credit, once: what is about to be sent is written down before.

    Returns:
        A sentence that says what was done.

    Raises:
        PlainError: Xero refuses, or a sync is under way.
        StopError: Xero gives no answer; the next try looks first whether it was done.
    """
    desk, giving, taking = credit.desk, credit.note, credit.invoice
    before = desk.xero.allocated(giving.id, taking.id)
    told = {
        "ids": list(credit.ids),
        "documents": [giving.id, taking.id],
        "amount": str(credit.amount),
        "before": str(before),
    }
    with one_at_a_time(desk):
        known = _pending(desk)
        key = known.pop("key", "")
        if not key or known != told:  # one without an answer may still land: the same again goes under its key
            key = str(uuid.uuid4())
        desk.ledger.remember(**{_PENDING: json.dumps({**told, "key": key})})
        try:
            desk.xero.allocate(giving.id, taking.id, credit.amount, max(giving.date, taking.date), key)
        except RefusedError as error:
            desk.ledger.remember(**{_PENDING: ""})
            raise PlainError(f"Xero refuses: {error}.", "Look at both documents in Xero.") from None
        except UncertainError as error:
            raise stop("AX-402", f"{error.detail} Whether the credit was used is looked up at the next try.") from None
        _done(desk, credit.ids, credit.amount)
    project_all(desk)
    return f"{credit.note.currency} {credit.amount} of {giving.number} was used for {taking.number}."


def _settle(desk: Desk) -> None:
    """Find out what became of a use whose answer was lost; one that is not there yet may still land."""
    told = _pending(desk)
    if not told:
        return
    ids = AutotaskId(told["ids"][0]), AutotaskId(told["ids"][1])
    amount = Decimal(told["amount"])
    if desk.xero.allocated(*told["documents"]) >= Decimal(told["before"]) + amount:
        _done(desk, ids, amount)


def _pending(desk: Desk) -> dict[str, Any]:
    """The use whose answer is not known; empty where there is none."""
    return dict(json.loads(desk.ledger.fact(_PENDING) or "{}"))


def _done(desk: Desk, ids: tuple[AutotaskId, AutotaskId], amount: Decimal) -> None:
    """Write down that it was used, with both documents as they are now."""
    rows = {row["autotask_id"]: row for row in desk.ledger.rows()}
    giving, taking = _read(desk, ids[0], "Credit note"), _read(desk, ids[1], "Invoice")
    what = f"AutoXero used {amount} of this for {taking.number}, which leaves {giving.outstanding},"
    told = note(what, ids[0], rows[ids[0]]["number"], "on request")
    for autotask_id, posted in zip(ids, (giving, taking), strict=True):
        status = rows[autotask_id]["status"]
        extras = (told,) if autotask_id == ids[0] else ()
        desk.ledger.conclude([Outcome(autotask_id, status, seen=posted, keeps_fault=True, follow_ups=extras)])
        event = f"{amount} of {giving.number} used for {taking.number}"
        desk.ledger.log("Credit used", event, who="Person", about=autotask_id)
    desk.ledger.remember(**{_PENDING: ""})
