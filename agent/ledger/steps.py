"""What goes into the ledger, and comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from agent.domain.document import Document, DocumentKind, Posted
from agent.domain.faults import Fault
from agent.domain.invoice import AutotaskId, Invoice
from agent.domain.record import Origin, Status


@dataclass(frozen=True)
class Outcome:
    """Where an invoice stands after a step.

    Attributes:
        autotask_id: Which invoice.
        status: The word on the sheet.
        why: The reason in words, for what waits or is skipped.
        strikes: Failed tries in a row.
        fault: The open fault.
        warnings: What a person should see although it went through.
        posted: Its document in Xero.
        was_tried: This run tried to send it.
        invoice: As Autotask has it now, where it was read.
        seen: Its document in Xero as it was looked at later; what was posted stays beside it.
        keeps_fault: What was told of it before still holds.
        document: What was sent, or would have been, for ``posted``.
        origin: Where ``posted`` comes from.
        follow_ups: What is queued with it, as pairs of field and value.
    """

    autotask_id: AutotaskId
    status: Status
    why: str = ""
    strikes: int = 0
    fault: Fault | None = None
    warnings: tuple[str, ...] = ()
    posted: Posted | None = None
    was_tried: bool = False
    invoice: Invoice | None = None
    seen: Posted | None = None
    keeps_fault: bool = False
    document: Document | None = None
    origin: Origin = "sent"
    follow_ups: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Intent:
    """A request that may have been carried out.

    Attributes:
        documents: What it sends.
        settled: Those of its invoices whose outcome is known.
        verb: Whether it creates documents or updates those that are there.
    """

    key: str
    kind: DocumentKind
    places: int
    body: bytes
    documents: tuple[Document, ...]
    made: datetime
    settled: frozenset[AutotaskId] = frozenset()
    verb: Literal["create", "update"] = "create"

    @property
    def open_documents(self) -> list[Document]:
        """The documents whose outcome is not yet known."""
        return [document for document in self.documents if document.autotask_id not in self.settled]


@dataclass(frozen=True)
class LineSum:
    """What was sent on one account at one tax rate in a month, beside what Xero has there now; credit is negative."""

    month: str
    currency: str
    account: str
    tax_type: str
    sent_net: Decimal
    sent_tax: Decimal
    xero_net: Decimal
    xero_tax: Decimal
    count: int


@dataclass(frozen=True)
class WriteBack:
    """One field of one invoice that is to be written to Autotask."""

    id: int
    autotask_id: AutotaskId
    field: str
    value: str
    tries: int
