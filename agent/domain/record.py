"""What the ledger knows of one invoice, as far as planning needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent.domain.books import ContactId, XeroId
from agent.domain.invoice import AutotaskId

Status = Literal[
    "Waiting",
    "Retrying",
    "Fault",
    "Synced",
    "Synced with warnings",
    "Skipped",
    "Never send",
    "Voided",
    "Changed since sent",
]

Wish = Literal["", "resync", "more", "adopt", "beside", "send", "keep"]
"""What a person asked for: ``resync`` tries again from scratch; ``more`` goes over the limit of one run; ``adopt``
takes over what Xero has to the cent, and sends nothing; ``beside`` sends although Xero has something like it; ``send``
lifts whatever else waits for a confirmation.
Of an invoice that changed since it was sent, ``send`` carries Autotask's version over, ``keep`` leaves Xero's."""


Origin = Literal["sent", "found", "kept"]
"""What the document in Xero is compared with: as we wrote it ourselves, as it was found and taken over, or as a person
chose to leave it."""


@dataclass(frozen=True)
class Record:
    """One invoice in the ledger.

    Attributes:
        autotask_id: Which invoice.
        status: The word on the sheet.
        strikes: Failed tries in a row.
        fault_code: The open fault, or blank.
        wish: What a person asked for since the last try.
        xero_id: Its document in Xero, where it has one.
        xero_number: That document's number.
        contact_id: The Xero contact it went to.
        is_in_flight: Something was sent for it, and the answer is not yet known.
        is_voided: Autotask had voided it when it was last settled.
    """

    autotask_id: AutotaskId
    status: Status = "Waiting"
    strikes: int = 0
    fault_code: str = ""
    wish: Wish = ""
    xero_id: XeroId | None = None
    xero_number: str = ""
    contact_id: ContactId | None = None
    is_in_flight: bool = False
    is_voided: bool = False


HELD = frozenset({"AX-111", "AX-201", "AX-505"})
"""The faults with which an invoice waits for a person's confirmation."""


CONFIRMED: frozenset[Wish] = frozenset({"adopt", "beside", "send"})
"""The wishes with which a person confirmed that what Xero has to the cent is this invoice's."""
CHOICES: Mapping[str, Wish] = {"Send now": "send", "Never send": "keep"}
"""What a person may choose for an invoice that changed since it was sent."""
CHOSEN: Mapping[Wish, str] = {
    "send": "Autotask's version is carried over to Xero.",
    "keep": "It is left as it is in Xero.",
}


def standing(status: str, fault_code: str) -> str:
    """Where an invoice stands, as far as what was said about it goes by that."""
    return f"{status} {fault_code}"


def is_held(record: Record) -> bool:
    """Whether it waits for a person's confirmation: Resync does not stand for it."""
    return record.status == "Waiting" and record.fault_code in HELD and not record.wish
