"""Carrying over to documents that are already in Xero what was changed in Autotask since they were sent.

An update is written down before it is sent, like a new document. One without an answer is settled by looking: whether
the document is now as we meant it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.autotask.models import InvoiceRow
from agent.autotask.source import Source
from agent.desk import Desk
from agent.domain.books import Organisation
from agent.domain.changes import Judgement, Sent
from agent.domain.document import Document, Posted
from agent.domain.faults import fault
from agent.domain.invoice import AutotaskId, Invoice, with_net_lines
from agent.domain.lookup import agrees
from agent.domain.record import Status
from agent.domain.translate import Situation, Translation, translate
from agent.errors import StopError, stop
from agent.followups import note
from agent.ledger.ledger import Ledger
from agent.ledger.steps import Intent, Outcome
from agent.posting import ALONE, BREAKER, LANDED, Poster, batches, differs, not_too_late
from agent.xero.client import BATCH, NotSentError, RefusedError, UncertainError, Xero
from agent.xero.models import encode_updates

TWIN = "Another document in Xero carries this invoice's mark:"
"""How the warning of a second document begins."""
_MARGIN = timedelta(days=1)
"""Read again of Xero when settling, for its clock and ours are not one."""


@dataclass(frozen=True)
class Change:
    """A sent invoice that differs from Autotask, and whose difference is to be carried over or accepted."""

    sent: Sent
    seen: Posted
    row: InvoiceRow
    judgement: Judgement


@dataclass(frozen=True)
class _Update:
    """A change that can be sent."""

    change: Change
    invoice: Invoice
    translation: Translation
    document: Document


def carry_over(desk: Desk, poster: Poster, organisation: Organisation, changes: Sequence[Change]) -> int:
    """Bring documents up to date, or accept what differs.

    Returns:
        How many documents were updated in Xero.

    Raises:
        StopError: A system cannot be reached; the next look goes on.
    """
    if not changes:
        return 0
    read_at = desk.ledger.now()
    desk.tell(f"Updating {len(changes)} invoices that were changed")
    source = Source(desk.autotask)
    invoices = {invoice.id: with_net_lines(invoice) for invoice in source.invoices([item.row for item in changes])}
    kept = [item for item in changes if item.judgement.keeps]
    desk.ledger.conclude(_kept(item, invoices[item.sent.autotask_id]) for item in kept)
    wanted = [item for item in changes if not item.judgement.keeps]
    situation = Situation(
        desk.settings, desk.reading.mappings, desk.xero.books(organisation), web_url=desk.autotask.zone.web_url
    )
    known = desk.ledger.known_contacts()
    updates: dict[AutotaskId, _Update] = {}
    for item in wanted:
        invoice = invoices[item.sent.autotask_id]
        made = translate(invoice, replace(situation, known_contact=known.get(invoice.customer.id)))
        if trouble := _obstacle(made, item.seen):
            cure = made.faults[0].cure if made.faults else ""
            _refuse(desk.ledger, poster.run, item, trouble, cure)
        elif made.document is not None:
            is_renumbered = made.document.kind == "Invoice" and invoice.number != item.sent.header.number
            number = made.document.number if is_renumbered and made.document.number else item.seen.number
            updates[invoice.id] = _Update(item, invoice, made, replace(made.document, number=number))
    return _send(poster, updates, read_at)


def _kept(item: Change, invoice: Invoice) -> Outcome:
    found = item.judgement
    status: Status = "Synced with warnings" if item.sent.warnings else found.status
    return Outcome(
        item.sent.autotask_id, status, found.why, warnings=item.sent.warnings, posted=item.seen, invoice=invoice,
        origin="kept",
    )  # fmt: skip


def _obstacle(made: Translation, seen: Posted) -> str:
    """Why the document cannot become what Autotask has now; blank where it can."""
    if made.faults:
        return " ".join(f"{item.code} {item.title}: {item.detail}" for item in made.faults)
    if made.needs_contact or made.document is None:
        return "its customer is not in Xero yet" if made.needs_contact else "nothing is left of it"
    if made.document.kind != seen.kind:
        return f"it has become a {made.document.kind.lower()}"
    return ""


def _refuse(ledger: Ledger, run: str, item: Change, trouble: str, cure: str = "") -> None:
    """Say why the document cannot follow; it is tried again when Autotask's invoice changes, or a person says so."""
    why = f"To be {item.judgement.why}; {trouble}"
    detail = f"Autotask was changed, and {item.seen.number} cannot follow: {trouble}"
    found = fault("AX-208", detail, cure=f"{cure} Then choose Send now.") if cure else fault("AX-208", detail)
    if item.sent.status != "Changed since sent":
        ledger.log(f"{found.code} {found.title}", found.detail, run=run, level="Warning", about=item.sent.autotask_id)
    told = item.sent.warnings
    ledger.conclude([Outcome(item.sent.autotask_id, "Changed since sent", why, 0, found, told, seen=item.seen)])


def _send(poster: Poster, updates: Mapping[AutotaskId, _Update], read_at: datetime) -> int:
    """Send them in batches; one at which Xero fails is found by halving, and holds nobody up.

    What came to nothing before goes last, in ever smaller batches, as with new documents.

    Raises:
        StopError: Xero fails at everything; nobody is blamed.
    """
    vain = poster.ledger.vain_updates()
    queue: list[list[Document]] = []
    for count in sorted({vain.get(key, 0) for key in updates}):
        some = [item.document for key, item in updates.items() if vain.get(key, 0) == count]
        some.sort(key=lambda item: (item.kind, item.places))
        queue += batches(some, most=max(1, BATCH >> (2 * count)))
    suspects: list[tuple[Document, str]] = []
    updated = failures = 0
    while queue:
        batch, *queue = queue
        half = len(batch) // 2
        try:
            updated += _send_batch(poster, _still_so(poster, [updates[item.autotask_id] for item in batch], read_at))
        except RefusedError as error:
            if half:
                queue = [batch[:half], batch[half:], *queue]
            else:
                _refuse(poster.ledger, poster.run, updates[batch[0].autotask_id].change, str(error))
        except UncertainError as error:
            failures += 1
            if half:
                queue = [batch[:half], batch[half:], *queue]
            else:
                suspects.append((batch[0], error.detail))
            if failures >= BREAKER and not updated:
                raise stop("AX-403", f"Xero fails at everything that was changed: {error.detail}") from None
    for document, detail in suspects:
        if updated or vain.get(document.autotask_id, 0) >= ALONE:  # else it may be Xero that is ill
            trouble = f"Xero does not manage it ({detail.rstrip('.')})"
            _refuse(poster.ledger, poster.run, updates[document.autotask_id].change, trouble)
    return updated


def _still_so(poster: Poster, batch: Sequence[_Update], read_at: datetime) -> list[_Update]:
    """Leave out what somebody has worked on in Xero since it was read: the next look judges it anew."""
    changed = poster.xero.changed_since(batch[0].document.kind, read_at - _MARGIN)
    now = {posted.id: posted for posted in changed}
    return [item for item in batch if now.get(item.change.seen.id, item.change.seen) == item.change.seen]


def _send_batch(poster: Poster, batch: Sequence[_Update]) -> int:
    """Send one batch; what gets no answer is settled by the next run.

    Raises:
        RefusedError: Xero refuses the whole batch.
        UncertainError: It failed at the batch, and nothing of it was saved.
    """
    if not batch:
        return 0
    ledger, first = poster.ledger, batch[0].document
    body = encode_updates(first.kind, [(item.document, item.change.seen) for item in batch])
    documents = tuple(item.document for item in batch)
    intent = Intent(str(uuid.uuid4()), first.kind, first.places, body, documents, ledger.now(), verb="update")
    ledger.intend(poster.run, poster.fence, intent, ())
    ids = [item.autotask_id for item in documents]
    try:
        clock = not_too_late(intent.made, ledger.now)
        answers = poster.xero.send("update", intent.kind, body, intent.key, intent.places, clock)
    except (NotSentError, RefusedError, StopError) as error:
        ledger.settle(intent.key, dict.fromkeys(ids, "gone"))
        if isinstance(error, NotSentError):
            return 0
        raise
    except UncertainError as error:
        ledger.log("Xero gave no good answer to an update", error.detail, run=poster.run, level="Warning")
        if error.is_done:  # one that failed alone is counted
            ledger.settle(intent.key, dict.fromkeys(ids, "absent" if len(batch) == 1 else "gone"))
            raise
        if len(batch) == 1 and ledger.vain_updates().get(ids[0], 0) >= ALONE:
            ledger.settle(intent.key, {ids[0]: "gone"})
            _refuse(ledger, poster.run, batch[0].change, f"Xero gives no answer to it ({error.detail.rstrip('.')})")
        return 0
    if len(answers) != len(batch):
        return 0
    updated = 0
    for item, answer in zip(batch, answers, strict=True):
        autotask_id = item.invoice.id
        if answer.posted is None:
            ledger.settle(intent.key, {autotask_id: "refused"})
            words = " ".join(f"“{message}”" for message in answer.messages)
            _refuse(ledger, poster.run, item.change, f"Xero says: {words}")
            continue
        outcome = _updated(poster, item, answer.posted, answer.warnings)
        ledger.settle(intent.key, {autotask_id: "posted"}, [outcome])
        ledger.log("Updated in Xero", item.change.judgement.why, run=poster.run, invoice=item.invoice)
        updated += 1
    return updated


def _updated(poster: Poster, item: _Update, posted: Posted, remarks: Sequence[str]) -> Outcome:
    told = item.change.judgement.why
    twins = [line for line in item.change.sent.warnings if line.startswith(TWIN)]
    warnings = (*item.translation.warnings, *remarks, *twins)
    wrong = differs(item.document, posted)
    return Outcome(
        item.invoice.id,
        "Synced with warnings" if warnings or wrong else "Synced",
        told,
        fault=wrong,
        warnings=warnings,
        posted=posted,
        was_tried=True,
        invoice=item.invoice,
        document=item.document,
        follow_ups=(note(f"AutoXero updated this ({told})", item.invoice.id, item.invoice.label, poster.run),),
    )


def settle_updates(ledger: Ledger, xero: Xero, run: str) -> None:
    """Find out what became of updates whose answer was lost.

    Those that arrived count as sent; the next look compares them with Autotask anew. The others are given up once they
    can no longer land.

    Raises:
        StopError: Xero does not answer.
    """
    intents = [intent for intent in ledger.open_intents() if intent.verb == "update"]
    if not intents:
        return
    ids = {row["autotask_id"]: row["xero_id"] for row in ledger.rows() if row["xero_id"]}
    for intent in intents:
        age = ledger.now() - intent.made
        if age < timedelta(0):
            ledger.redate(intent.key)  # our clock was set back: its age counts from now
            continue
        changed = {item.id: item for item in xero.changed_since(intent.kind, intent.made - _MARGIN)}
        for document in intent.open_documents:
            seen = changed.get(ids.get(document.autotask_id, ""))
            if seen is not None and _is_as_meant(document, seen):
                told = note("AutoXero updated this", document.autotask_id, document.label, run)
                there = Outcome(
                    document.autotask_id, "Synced", "updated in Xero", posted=seen, document=document,
                    follow_ups=(told,),
                )  # fmt: skip
                ledger.settle(intent.key, {document.autotask_id: "posted"}, [there])
                ledger.log("Found updated in Xero", seen.number, run=run, about=document.autotask_id)
            elif age > LANDED:
                ledger.settle(intent.key, {document.autotask_id: "absent"})


def _is_as_meant(document: Document, seen: Posted) -> bool:
    return (
        agrees(document, seen)
        and (document.date, document.reference) == (seen.date, seen.reference)
        and document.number in {None, seen.number}
        and (document.due is None or document.kind == "Credit note" or document.due == seen.due)
        and sorted(line.expected.net for line in document.lines) == sorted(line.net for line in seen.lines)
    )
