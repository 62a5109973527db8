"""Sending documents to Xero so that none is sent twice and none is lost.

What is about to be sent is written to the ledger first, with the exact bytes and the key; the answer is written there
after. A request without an answer is *uncertain*: while its key lives the identical bytes are sent again under it;
later every document is looked up, and only what is certainly absent is planned anew.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agent.domain.document import Document, DocumentKind, Posted
from agent.domain.faults import Fault, fault
from agent.domain.firstlook import Look, differently_there, look, voided_there
from agent.domain.invoice import AutotaskId, Invoice, header_of
from agent.domain.lookup import Shelf, agrees, as_posted, marked_id, unlike
from agent.domain.mappings import Mappings
from agent.domain.plan import Action
from agent.domain.record import CONFIRMED, Record, Status
from agent.domain.settings import Settings
from agent.domain.strikes import after_failure
from agent.domain.translate import kind_of, number_of
from agent.errors import StopError, stop
from agent.followups import adopting, follow_ups, taken_over
from agent.ledger.ledger import Ledger
from agent.ledger.steps import Intent, Outcome
from agent.xero.client import (
    BATCH,
    IN_FLIGHT,
    KEY_LIVES,
    LARGEST_BODY,
    Answer,
    NotSentError,
    RefusedError,
    UncertainError,
    Xero,
)
from agent.xero.meaning import meaning
from agent.xero.models import encode

_LATE = timedelta(seconds=10)
"""The longest time between writing an intent and sending it: more means that the machine slept."""
LANDED = timedelta(seconds=KEY_LIVES + 90)
"""After this a request that got no answer can no longer land: its last try, the longest time-out and 30 seconds."""
_LOOK_BACK = timedelta(days=60)
"""How far before a document's date it is looked for, in case it was re-dated in Xero."""
ALONE = 3
"""After so many requests that came to nothing an invoice is sent alone; one more is its own fault."""
BREAKER = 4
"""Failures in a row, with no success, after which it is Xero that is ill, not an invoice."""


@dataclass
class Poster:
    """Sends the documents of one run.

    Attributes:
        ledger: Where every step is written.
        xero: Where documents go.
        run: The run's name, for the log.
        fence: The run's fence number.
        records: What the ledger knew of each invoice when the run began.
        settings: As read from the workbook.
        posted: The documents that are in Xero by this run's doing or finding.
        taken_over: Those of them that were there already.
        is_paused: Asked before each batch; what is not sent by then waits.
        left: How many were not sent for that.
    """

    ledger: Ledger
    xero: Xero
    run: str
    fence: int
    records: Mapping[AutotaskId, Record]
    settings: Settings
    posted: dict[AutotaskId, Posted] = field(default_factory=dict)
    taken_over: set[AutotaskId] = field(default_factory=set)
    failed: dict[AutotaskId, Fault] = field(default_factory=dict)
    is_paused: Callable[[], bool] = lambda: False
    left: int = 0
    _failures: int = 0
    _uncertain: list[str] = field(default_factory=list)
    """What Xero answered to requests that may still be carried out."""

    # --- settling what an earlier run left ---------------------------------------------------------------------------

    def settle(self) -> None:
        """Find out what became of every request whose answer was lost.

        Every document is looked up first; only where none of a request's is there, and its key still lives, are the
        identical bytes sent again. So a clock that was set back never makes two.

        Raises:
            StopError: Xero does not answer now either.
        """
        intents = [intent for intent in self.ledger.open_intents() if intent.verb == "create"]
        if not intents:
            return
        shelf = self._shelf([document for intent in intents for document in intent.open_documents])
        for intent in intents:
            age = self.ledger.now() - intent.made
            left = self._settle_found(intent, shelf, {})
            is_whole = len(left) == len(intent.documents)
            if age < timedelta(0):
                self.ledger.redate(intent.key)  # our clock was set back: its age counts from now
            elif is_whole and age.total_seconds() < KEY_LIVES:
                self._repeat(intent, KEY_LIVES - age.total_seconds())
            elif age > LANDED:
                self._absent(intent, left)

    def _repeat(self, intent: Intent, left_of_key: float) -> None:
        """Send the identical bytes under the same key: Xero answers as it did the first time."""
        try:
            answers = self.xero.send(
                intent.verb, intent.kind, intent.body, intent.key, intent.places, within=left_of_key
            )
        except (UncertainError, RefusedError, NotSentError):
            return  # an error it keeps, or a key it forgot: the next run looks again
        self._record(intent, answers, {})

    def _settle_found(self, intent: Intent, shelf: Shelf, by_id: Mapping[AutotaskId, Action]) -> list[Document]:
        """Settle what is found of a request whose answer is lost, or no good one.

        Returns:
            The documents of which Xero has nothing.
        """
        states: dict[AutotaskId, str] = {}
        outcomes: list[Outcome] = []
        left: list[Document] = []
        for document in intent.open_documents:
            autotask_id = document.autotask_id
            finding = shelf.find(document, after_sending=True)
            if finding.posted is not None and finding.verdict in {"ours", "gone", "equal"}:
                states[autotask_id] = "posted"
                outcomes.append(self._found(document, finding.posted))
                self._log("Found in Xero after a lost answer", finding.posted.number, autotask_id)
            elif finding.fault is not None:
                states[autotask_id] = "refused"
                action = by_id.get(autotask_id)
                outcomes.append(self._struck(autotask_id, finding.fault, action.invoice if action else None))
            else:
                left.append(document)
        self.ledger.settle(intent.key, states, outcomes)
        return left

    def _absent(self, intent: Intent, left: Sequence[Document]) -> None:
        """The old request can no longer land: what was not found is planned anew."""
        outcomes: list[Outcome] = []
        is_alone = len(intent.documents) == 1 and self.ledger.others_passed(intent.key)
        for document in left:
            self._log("Certainly not in Xero", "It is planned anew.", document.autotask_id)
            if is_alone and self.ledger.absences().get(document.autotask_id, 0) >= ALONE:
                why = "Xero does not answer when this invoice is sent, while it takes others."
                outcomes.append(self._struck(document.autotask_id, fault("AX-299", why)))
        self.ledger.settle(intent.key, {item.autotask_id: "absent" for item in left}, outcomes)

    def _found(self, document: Document, posted: Posted) -> Outcome:
        """A document whose answer was lost, and that is there."""
        self.posted[document.autotask_id] = posted
        if not posted.is_live:
            return by_hand(document.autotask_id, posted, document)
        wrong = differs(document, posted)
        return Outcome(
            document.autotask_id,
            "Synced with warnings" if wrong or document.warnings else "Synced",
            fault=wrong,
            warnings=document.warnings,
            posted=posted,
            was_tried=True,
            document=document,
            follow_ups=follow_ups(self.settings, self.run, document, posted),
        )

    # --- looking before the first post -------------------------------------------------------------------------------

    def look_up(self, actions: Sequence[Action]) -> list[Action]:
        """Hold what would be created against what Xero has.

        Returns:
            The actions that are still to be sent. The others are concluded: taken over, waiting, or struck.
        """
        left: list[Action] = []
        outcomes: list[Outcome] = []
        for found in self.looks(actions):
            invoice = found.action.invoice
            if (posted := found.takes_over) is not None and not posted.is_live:
                outcomes.append(by_hand(invoice.id, posted, found.action.document, invoice))
            elif posted is not None:
                extras = adopting(self.settings, self.run, found.action.document, posted, invoice)
                is_ours = found.finding.verdict == "ours"
                outcomes.append(replace(_taken_over(found.action, posted, is_ours=is_ours), follow_ups=extras))
                self.posted[invoice.id] = posted
                self.taken_over.add(invoice.id)
                self._log("Taken over from Xero", posted.number, invoice.id, invoice)
            elif found.stops is None:
                left.append(found.action)
            elif found.stops.is_strike:
                outcomes.append(self._struck(invoice.id, found.stops, invoice))
            else:
                outcomes.append(_waiting(invoice, found.stops))
        self.ledger.conclude(outcomes)
        self.ledger.note_headers({action.invoice.id: header_of(action.invoice) for action in actions})
        self.failed |= {item.autotask_id: item.fault for item in outcomes if item.fault and item.fault.is_strike}
        return left

    def looks(self, actions: Sequence[Action]) -> list[Look]:
        """What Xero has of what would be created; nothing is written down."""
        if not actions:
            return []
        under_way = [document for intent in self.ledger.open_intents() for document in intent.open_documents]
        shelf = self._shelf([*(action.document for action in actions), *under_way])
        for document in under_way:  # theirs is no twin's, though nobody knows yet that it arrived
            shelf.find(document, after_sending=True)
        ours = self.ledger.marked_by_us()
        by_number_first = sorted(actions, key=lambda item: not shelf.names(item.document))
        return [
            look(action, shelf, self.records.get(action.invoice.id), is_ours=action.invoice.id in ours)
            for action in by_number_first
        ]

    def look_for_voided(self, actions: Sequence[Action], mappings: Mappings) -> set[AutotaskId]:
        """Look for the documents of invoices that were voided in Autotask, and of which the ledger knows nothing.

        One may stand in Xero from before the ledger, or another tool: then its customer would owe it and what is
        invoiced anew. What carries our mark is taken over, and the next look deals with it; what is only like it waits
        for a word.

        Returns:
            The invoices that stand there, or may: they are concluded.
        """
        if not actions:
            return set()
        kinds = {action.invoice.id: kind_of(action.invoice) for action in actions}
        found = [
            posted
            for kind in sorted(set(kinds.values()))
            for posted in self.xero.dated_from(
                kind, min(action.invoice.date for action in actions if kinds[action.invoice.id] == kind) - _LOOK_BACK
            )
        ]
        taken = [record.xero_id for record in self.records.values() if record.xero_id]
        shelf = Shelf(found, taken, [*self.records, *kinds])
        standing: set[AutotaskId] = set()
        for action in actions:
            invoice = action.invoice
            numbers = (number_of(invoice, self.settings), invoice.number, f"INV:{invoice.id}")
            row = mappings.contact(invoice.customer.id)
            contacts = {invoice.customer.name, *((row.contact, row.contact_id) if row else ())}
            finding = shelf.find_voided(invoice, kinds[invoice.id], numbers, contacts)
            confirmed = self.records.get(invoice.id, Record(invoice.id)).wish in CONFIRMED
            if finding.posted is None:
                continue
            standing.add(invoice.id)
            if finding.verdict == "ours" or confirmed:
                self._log("Taken over from Xero", finding.posted.number, invoice.id, invoice)
                extras = (taken_over(invoice, self.run),)
                self.ledger.conclude([replace(_still_stands(invoice, finding.posted), follow_ups=extras)])
                self.taken_over.add(invoice.id)
                self.posted[invoice.id] = finding.posted
            else:
                self.ledger.conclude([_waiting(invoice, voided_there(finding.posted))])
        return standing

    def _shelf(self, documents: Sequence[Document]) -> Shelf:
        """What Xero has that could be one of the documents, read in bulk."""
        found: list[Posted] = []
        kinds: tuple[DocumentKind, ...] = ("Invoice", "Credit note")
        knows_nothing = all(record.xero_id is None for record in self.records.values()) and not self.posted
        earliest = [self.settings.start_date] if knows_nothing and self.settings.start_date else []
        for kind in kinds:
            dates = [day for document in documents if document.kind == kind for day in document.days]
            if dates:
                found += self.xero.dated_from(kind, min(dates + earliest) - _LOOK_BACK)
        if knows_nothing:
            found += self.xero.by_this_app()  # a lost ledger's, whatever their dates have become
        seen = {posted.number for posted in found}
        numbers = [item.number for item in documents if item.kind == "Invoice" and item.number]
        found += self.xero.numbered([number for number in numbers if number not in seen])
        taken = [record.xero_id for record in self.records.values() if record.xero_id]
        ids = [*self.records, *(document.autotask_id for document in documents)]
        own = [*taken, *(posted.id for posted in self.posted.values())]
        return Shelf(found, own, ids, self.ledger.released())

    # --- sending -----------------------------------------------------------------------------------------------------

    def send(self, actions: Sequence[Action]) -> None:
        """Send all documents, in batches, up to four at a time; record each answer as it comes.

        A batch that fails whole is halved until the bad document stands alone. What was part of a request that came to
        nothing goes last, in ever smaller batches: so one that Xero cannot digest ends alone, too.

        Raises:
            StopError: Xero is not to be reached; what is not sent stays planned, and nobody is struck.
        """
        by_id = {action.invoice.id: action for action in actions}
        kinds: tuple[DocumentKind, ...] = ("Invoice", "Credit note")
        absences = self.ledger.absences()
        queue = [
            batch
            for absent in sorted({absences.get(action.invoice.id, 0) for action in actions})
            for kind in kinds
            for batch in batches(
                [
                    action.document
                    for action in actions
                    if action.document.kind == kind and absences.get(action.invoice.id, 0) == absent
                ],
                most=max(1, BATCH >> (2 * absent)),
            )
        ]
        suspects: list[tuple[Document, Fault]] = []
        while queue:
            if self.is_paused():
                self.left = sum(map(len, queue))
                break
            now, queue = queue[:IN_FLIGHT], queue[IN_FLIGHT:]
            for batch, trouble in self._send_together(now, by_id):
                if len(batch) > 1:
                    half = len(batch) // 2
                    queue = [batch[:half], batch[half:], *queue]
                else:
                    suspects.append((batch[0], trouble))
            if self._failures >= BREAKER:
                self._blame([item for item in suspects if item[1].code != "AX-403"], by_id)
                raise stop("AX-403", "Xero fails at everything that is sent to it.")
        self._blame(suspects, by_id)
        if len(self._uncertain) > 1 or (self._uncertain and not self._has_sent):
            said = self._uncertain[-1].rstrip(".")
            raise stop("AX-403", f"{said}. What became of it is looked up by the next run.")

    @property
    def _has_sent(self) -> bool:
        """Whether something went through in this run: what was only taken over says nothing about sending."""
        return bool(set(self.posted) - self.taken_over)

    def _blame(self, suspects: Sequence[tuple[Document, Fault]], by_id: Mapping[AutotaskId, Action]) -> None:
        """Strike documents that failed alone; where nothing at all went through it is an outage, and nobody's fault."""
        for document, trouble in suspects:
            invoice = by_id[document.autotask_id].invoice
            if self._has_sent or trouble.code != "AX-403":
                self.ledger.conclude([self._struck(invoice.id, fault_of_one(trouble), invoice)])
            else:
                self.ledger.conclude([_waiting(invoice, trouble)])

    def _send_together(
        self, together: Sequence[Sequence[Document]], by_id: Mapping[AutotaskId, Action]
    ) -> list[tuple[list[Document], Fault]]:
        """Send some batches at the same time.

        Returns:
            The batches, or what is left of them, that are certainly not in Xero and may be tried in smaller pieces,
            each with what went wrong.
        """
        intents = [self._intend(batch, by_id) for batch in together]
        retry: list[tuple[list[Document], Fault]] = []
        stopped: StopError | None = None
        with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
            futures = [(intent, pool.submit(self._put, intent)) for intent in intents]
            for intent, future in futures:
                try:
                    self._record(intent, future.result(), by_id)
                    self._failures = 0
                except NotSentError:
                    self._gone(intent, by_id)
                    stopped = stop("AX-402", "The computer slept just before sending; nothing was sent.")
                except RefusedError as error:
                    self._gone(intent, by_id)
                    refused = meaning(error.messages, intent.documents[0], error.correlation_id)
                    retry.append((list(intent.documents), refused))
                except UncertainError as error:
                    self._failures += 1
                    left = self._after_error(intent, error, by_id)
                    if left:
                        retry.append((left, fault("AX-403", error.detail)))
                    elif not error.is_over:
                        stopped = stop("AX-402", error.detail)
                    elif not error.is_done:
                        self._uncertain.append(error.detail)
                except StopError as error:
                    self._gone(intent, by_id)
                    stopped = error
        if stopped is not None:
            raise stopped
        return retry

    def _intend(self, batch: Sequence[Document], by_id: Mapping[AutotaskId, Action]) -> Intent:
        kind = batch[0].kind
        body = encode(kind, list(batch))
        documents = tuple(replace(item, warnings=by_id[item.autotask_id].warnings) for item in batch)
        intent = Intent(str(uuid.uuid4()), kind, batch[0].places, body, documents, self.ledger.now())
        why = fault("AX-212", "Sent to Xero; its answer is not here yet.")
        waits = [
            _waiting(by_id[document.autotask_id].invoice, why, self.records.get(document.autotask_id))
            for document in batch
        ]
        self.ledger.intend(self.run, self.fence, intent, waits)
        return intent

    def _put(self, intent: Intent) -> list[Answer]:
        clock = not_too_late(intent.made, self.ledger.now)
        answers = self.xero.send(intent.verb, intent.kind, intent.body, intent.key, intent.places, clock)
        if len(answers) != len(intent.documents):
            raise UncertainError(
                f"Xero gave {len(answers)} answers to {len(intent.documents)} documents.", is_over=True, is_done=True
            )
        for document, answer in zip(intent.documents, answers, strict=True):
            if answer.posted is not None and marked_id(answer.posted) not in {None, document.autotask_id}:
                raise UncertainError("Xero's answers came in another order.", is_over=True, is_done=True)
        return answers

    def _after_error(self, intent: Intent, error: UncertainError, by_id: Mapping[AutotaskId, Action]) -> list[Document]:
        """Look at once where Xero did answer, with an error.

        A request that was answered with 503 may still be carried out. What bears a number of ours may be sent again
        all the same, since Xero takes a number once; what Xero numbers stays uncertain until it can no longer land.

        Returns:
            The documents that may be sent again now.
        """
        self.ledger.log("Xero gave no good answer", error.detail, run=self.run, level="Warning")
        if not error.is_over:
            return []
        left = self._settle_found(intent, self._shelf(intent.documents), by_id)
        absent = [document for document in left if error.is_done or document.number]
        why = fault("AX-403", error.detail)
        waits = [_waiting(by_id[item.autotask_id].invoice, why, self.records.get(item.autotask_id)) for item in absent]
        self.ledger.settle(intent.key, {item.autotask_id: "absent" for item in absent}, waits)
        return absent

    def _gone(self, intent: Intent, by_id: Mapping[AutotaskId, Action]) -> None:
        """Nothing of it was saved: its invoices are as before, waiting."""
        why = fault("AX-402", "It was not sent; the next sync sends it.")
        waits = [
            _waiting(by_id[item.autotask_id].invoice, why, self.records.get(item.autotask_id))
            for item in intent.documents
        ]
        self.ledger.settle(intent.key, {item.autotask_id: "gone" for item in intent.documents}, waits)

    def _record(self, intent: Intent, answers: Sequence[Answer], by_id: Mapping[AutotaskId, Action]) -> None:
        """Write down each answer."""
        if len(answers) != len(intent.documents):
            return
        states: dict[AutotaskId, str] = {}
        outcomes: list[Outcome] = []
        for document, answer in zip(intent.documents, answers, strict=True):
            autotask_id = document.autotask_id
            action = by_id.get(autotask_id)
            if answer.posted is None:
                states[autotask_id] = "refused"
                why = meaning(answer.messages, document, answer.correlation_id)
                outcomes.append(self._struck(autotask_id, why, action.invoice if action else None))
                continue
            states[autotask_id] = "posted"
            self.posted[autotask_id] = answer.posted
            warnings = (*(action.warnings if action else ()), *answer.warnings)
            wrong = differs(document, answer.posted)
            outcomes.append(
                Outcome(
                    autotask_id,
                    "Synced with warnings" if warnings or wrong else "Synced",
                    fault=wrong,
                    warnings=warnings,
                    posted=answer.posted,
                    was_tried=True,
                    invoice=action.invoice if action else None,
                    document=document,
                    follow_ups=follow_ups(self.settings, self.run, document, answer.posted),
                )
            )
        self.ledger.settle(intent.key, states, outcomes)
        for document in intent.documents:
            if (posted := self.posted.get(document.autotask_id)) is not None:
                action = by_id.get(document.autotask_id)
                name = f"{posted.number}, {posted.currency} {posted.total}"
                self._log("Created in Xero", name, document.autotask_id, action.invoice if action else None)

    # --- the parts ---------------------------------------------------------------------------------------------------

    def strike(self, invoice: Invoice, why: Fault, warnings: tuple[str, ...] = ()) -> None:
        """A try failed before anything was sent."""
        self.ledger.conclude([self._struck(invoice.id, why, invoice, warnings)])

    def hold(self, invoice: Invoice, why: Fault) -> None:
        """It could not be tried, for no fault of its own."""
        self.ledger.conclude([_waiting(invoice, why, self.records.get(invoice.id))])

    def _struck(
        self, autotask_id: AutotaskId, why: Fault, invoice: Invoice | None = None, warnings: tuple[str, ...] = ()
    ) -> Outcome:
        record = self.records.get(autotask_id, Record(autotask_id))
        self._log(f"{why.code} {why.title}", why.detail, autotask_id, invoice, level="Error")
        if not why.is_strike:
            return Outcome(autotask_id, "Waiting", why.title, record.strikes, why, warnings, None, True, invoice)  # noqa: FBT003
        self.failed[autotask_id] = why
        status, strikes = after_failure(record, self.settings.tries)
        return Outcome(autotask_id, status, "", strikes, why, warnings, None, True, invoice)  # noqa: FBT003

    def _log(
        self, event: str, detail: str, autotask_id: AutotaskId, invoice: Invoice | None = None, level: str = "Info"
    ) -> None:
        self.ledger.log(event, detail, run=self.run, level=level, invoice=invoice, about=autotask_id)


def batches(documents: Sequence[Document], most: int = BATCH) -> list[list[Document]]:
    """The documents in batches that Xero takes: of one kind and precision, at most 50, below 3 MB."""
    found: list[list[Document]] = []
    size = 0
    for document in documents:
        its_size = len(encode(document.kind, [document]))
        fits = found and len(found[-1]) < most and size + its_size < LARGEST_BODY
        if fits and (found[-1][0].kind, found[-1][0].places) == (document.kind, document.places):
            found[-1].append(document)
            size += its_size
        else:
            found.append([document])
            size = its_size
    return found


def not_too_late(made: datetime, now: Callable[[], datetime]) -> Callable[[], None]:
    """A check, made just before sending, that the machine did not sleep since the intent was written.

    Both clocks are asked: one of them may stand still while a machine sleeps.
    """
    begun = time.monotonic()

    def check() -> None:
        if time.monotonic() - begun > _LATE.total_seconds() or not -_LATE < now() - made < _LATE:
            raise NotSentError

    return check


def fault_of_one(trouble: Fault) -> Fault:
    """The fault of a document that failed alone while others went through."""
    return fault("AX-299", trouble.detail) if trouble.code == "AX-403" else trouble


def differs(document: Document, posted: Posted) -> Fault | None:
    """AX-207 where Xero's total is not the one that was foreseen."""
    if posted.total == document.expected.total:
        return None
    return fault(
        "AX-207",
        f"{posted.number} in Xero has {posted.currency} {posted.net:.2f} + tax {posted.tax:.2f} = {posted.total:.2f}; "
        f"sent were {document.expected.net} + tax {document.expected.tax} = {document.expected.total}.",
    )


def by_hand(autotask_id: AutotaskId, posted: Posted, document: Document, invoice: Invoice | None = None) -> Outcome:
    """A document of ours that a person deleted or voided before we knew of it: it is not sent again unasked."""
    why = fault("AX-213", f"{posted.number or posted.id} was {posted.status.lower()} in Xero by hand.")
    return Outcome(
        autotask_id, "Voided", "", 0, why, (), posted, True, invoice, document=document, origin="found",  # noqa: FBT003
    )  # fmt: skip


def _taken_over(action: Action, posted: Posted, *, is_ours: bool) -> Outcome:
    """A document that was there; where its total is another one, both versions are shown, and a person chooses."""
    warnings = action.warnings
    invoice, document = action.invoice, action.document
    told = unlike(document, posted, is_ours=is_ours)
    warnings = (*warnings, f"Autotask → Xero: {told}.") if told else warnings
    status: Status = "Synced with warnings" if warnings else "Synced"
    why: Fault | None = None
    if not agrees(document, posted):
        status, why, invoice = "Changed since sent", differently_there(posted, told), as_posted(invoice, posted)
    return Outcome(
        invoice.id, status, "taken over from Xero", 0, why, warnings, posted, True, invoice,  # noqa: FBT003
        document=document, origin="found",
    )  # fmt: skip


def _waiting(invoice: Invoice, why: Fault, record: Record | None = None) -> Outcome:
    strikes = record.strikes if record and not record.wish else 0
    return Outcome(invoice.id, "Waiting", why.title, strikes, why, (), None, False, invoice)  # noqa: FBT003


def _still_stands(invoice: Invoice, posted: Posted) -> Outcome:
    """Taken over as it was before it was voided: so the next look sees the difference."""
    why = f"Voided in Autotask; {posted.number} ({posted.currency} {posted.total}) still stands in Xero."
    before = replace(invoice, is_voided=False)
    return Outcome(
        invoice.id, "Changed since sent", why, 0, None, (), posted, True, before, origin="found",  # noqa: FBT003
    )  # fmt: skip
