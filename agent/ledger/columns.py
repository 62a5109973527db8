"""What a step makes of an invoice's row: pure, from objects to columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from agent.domain.document import Posted
from agent.domain.invoice import Header, Invoice, header_of
from agent.domain.money import ZERO
from agent.domain.record import HELD, Status
from agent.ledger.steps import Outcome


def other_values(posted: Posted) -> dict[str, object]:
    """The columns of a sales document that is not ours; sums of credit notes are negative."""
    sign = -1 if posted.kind == "Credit note" else 1
    return {
        "xero_id": posted.id,
        "kind": posted.kind,
        "number": posted.number,
        "status": posted.status,
        "contact": posted.contact_name,
        "date": posted.date,
        "currency": posted.currency,
        "net": sign * posted.net,
        "tax": sign * posted.tax,
        "total": sign * posted.total,
        "outstanding": sign * posted.outstanding,
        "reference": posted.reference,
    }


def outcome_values(outcome: Outcome, now: datetime) -> dict[str, object]:
    """The columns of an invoice that a step changes."""
    invoice, fault, posted = outcome.invoice, outcome.fault, outcome.posted
    values: dict[str, object] = {} if invoice is None else _source_values(invoice)
    if invoice is None and posted is not None and outcome.document is not None and outcome.document.header is not None:
        values = _header_values(outcome.document.header)  # what it was made from, not what came before or after
    if outcome.seen is not None:
        present = posted_values(outcome.seen)
        del present["xero_contact_id"]  # later invoices go where the company's invoices were sent, not moved, to
        values |= present | {"xero_latest": msgspec.json.encode(outcome.seen).decode()}
    if outcome.keeps_fault:
        return values
    values |= {
        "status": outcome.status,
        "why": outcome.why,
        "strikes": outcome.strikes,
        "fault_code": fault.code if fault else "",
        "fault_title": fault.title if fault else "",
        "fault_detail": fault.detail if fault else "",
        "fault_cure": fault.cure if fault else "",
        "warnings": "\n".join(outcome.warnings),
        "wish": "",
        "asks": fault.facts.get("asks", "") if fault else "",
    }
    if outcome.was_tried:
        values["last_tried"] = now
    if posted is not None:
        baseline = msgspec.json.encode(posted).decode()
        values |= posted_values(posted) | {"sent_on": now, "xero_baseline": baseline, "xero_latest": baseline}
        values["origin"] = outcome.origin
        if outcome.origin == "kept":
            values["xero_contact_id"] = ""  # where it went is no word about where the next one goes
    return values


def keeps_wish(wish: str, status: Status, code: str) -> bool:
    """Whether what was asked for still stands: not once it was tried or waits for another word, but in an outage."""
    if status != "Waiting" or code in HELD:
        return False
    return wish in {"send", "adopt", "beside", "more"} or code in {"", "AX-212", "AX-402", "AX-403"}


def _source_values(invoice: Invoice) -> dict[str, object]:
    named = {"customer": invoice.customer.name, "currency": invoice.currency}
    return named | _header_values(header_of(invoice))


def _header_values(header: Header) -> dict[str, object]:
    return {
        "number": header.number,
        "company_id": header.company_id,
        "date": header.date,
        "due": header.due,
        "net": header.net,
        "tax": header.tax,
        "order_number": header.order_number,
        "is_voided": int(header.is_voided),
    }


def latest_header(row: Mapping[str, Any], header: Header) -> str:
    """The column for Autotask's header as it is now; blank where that is as it was sent."""
    told = _header_values(header)
    return "" if all(row[name] == value for name, value in told.items()) else msgspec.json.encode(header).decode()


def as_autotask_has_it(row: dict[str, Any]) -> dict[str, Any]:
    """The row of an invoice that was changed since it was sent, with Autotask's present amounts and dates.

    What was sent stays in the ledger until a person chooses. An invoice that Autotask has voided is worth nothing.
    """
    kept = row.pop("autotask_latest")
    if not kept or row["status"] != "Changed since sent":
        return row
    now = msgspec.json.decode(kept, type=Header)
    worth = {"net": ZERO, "tax": ZERO} if now.is_voided else {"net": now.net, "tax": now.tax}
    return row | worth | {"date": now.date, "due": now.due}


def posted_values(posted: Posted) -> dict[str, object]:
    """The columns that tell of the document in Xero; sums of credit notes are negative, as in Autotask."""
    sign = -1 if posted.kind == "Credit note" else 1
    return {
        "xero_id": posted.id,
        "xero_kind": posted.kind,
        "xero_number": posted.number,
        "xero_status": posted.status,
        "xero_contact": posted.contact_name,
        "xero_contact_id": posted.contact_id,
        "xero_net": sign * posted.net,
        "xero_tax": sign * posted.tax,
        "xero_total": sign * posted.total,
        "outstanding": sign * posted.outstanding,
        "paid_on": posted.paid_on,
        "reference": posted.reference,
    }
