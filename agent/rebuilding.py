"""The ledger anew, from Autotask, Xero and the workbook: for when it was lost, damaged, or is an old copy.

Nothing is sent. What is certainly ours is taken over; what the workbook tells of the rest is kept where it can be
believed; what nobody can tell is left to the next sync, which looks in Xero before it sends anything, and asks.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from agent.autotask.models import stamp
from agent.autotask.source import Source, Window
from agent.desk import Desk
from agent.domain.document import DocumentKind, Posted
from agent.domain.faults import Fault, fault
from agent.domain.firstlook import already_there, marked
from agent.domain.invoice import AutotaskId, Invoice, header_of
from agent.domain.lookup import as_posted, is_autotask, is_numbered_by_us, marked_id, mentions
from agent.domain.money import ZERO, rounded
from agent.domain.record import Status
from agent.domain.settings import Settings
from agent.domain.translate import credit_note_number, kind_of, number_of
from agent.errors import PlainError
from agent.followups import taken_over
from agent.ledger.steps import Intent, Outcome
from agent.projecting import project_all
from agent.shown import Shown, shown_in
from agent.sync import one_at_a_time

_LOOK_BACK = timedelta(days=60)
"""How far before Start date documents are looked for, in case they were re-dated in Xero."""
_KINDS: tuple[DocumentKind, ...] = ("Invoice", "Credit note")


@dataclass
class Rebuilt:
    """What became of the invoices.

    Attributes:
        found: In Xero, and ours.
        voided: In Xero, and voided or deleted there.
        never_send: Left out, as the workbook says.
        left: Not in Xero as far as can be told: the next sync looks again before it sends them.
        undecided: Each invoice that waits for a person, with the reason.
        kept_as: Where the old ledger is now; blank where there was none.
    """

    found: int = 0
    voided: int = 0
    never_send: int = 0
    left: int = 0
    undecided: list[dict[str, Any]] = field(default_factory=list)
    kept_as: str = ""


def rebuild_ledger(desk: Desk) -> Rebuilt:
    """Make the ledger anew and put it in the place of the old one, which is kept.

    Raises:
        PlainError: Settings must be mended first, the ledger is no file of ours, or a sync is under way.
        StopError: A system cannot be reached; the old ledger is as it was.
    """
    place = _place(desk.config.database_url)
    with one_at_a_time(desk):
        fresh = place.with_name("ledger-new.db")
        _remove(fresh)
        environment = {**desk.config.environment, "AUTOXERO_DATABASE_URL": f"sqlite:///{fresh}"}
        anew = replace(desk, config=replace(desk.config, environment=environment))
        try:
            anew.check()
            rebuilt = _fill(anew, _open_intents(desk))
        finally:
            anew.ledger.engine.dispose()
        if place.exists():
            rebuilt.kept_as = str(_set_aside(place))
        fresh.replace(place)
    again = replace(desk)
    project_all(again)
    return rebuilt


def _place(url: str) -> Path:
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise PlainError(
            "The ledger is in a database of your own; only a ledger in a file can be made anew.",
            "Put back your database's newest backup.",
        )
    return Path(address.database)


def _open_intents(desk: Desk) -> list[Intent]:
    """What the old ledger knows to be under way, where it can still be read."""
    with contextlib.suppress(PlainError):
        try:
            return desk.ledger.open_intents()
        finally:
            desk.ledger.engine.dispose()
    return []


def _set_aside(place: Path) -> Path:
    folder = place.parent / "backups"
    folder.mkdir(exist_ok=True)
    kept = folder / f"replaced-{datetime.now(UTC):%Y%m%d-%H%M%S}.db"
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            place.with_name(place.name + suffix).replace(kept.with_name(kept.name + suffix))
    return place.replace(kept)


def _remove(place: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        place.with_name(place.name + suffix).unlink(missing_ok=True)


def _fill(desk: Desk, under_way: Sequence[Intent]) -> Rebuilt:
    ledger, settings = desk.ledger, desk.settings
    assert settings.start_date is not None  # desk.check() has seen to it
    desk.tell("Reading the workbook")
    shown = shown_in(desk.workbook)
    if desk.reading.workbook_id:
        ledger.belongs_to("workbook_id", desk.reading.workbook_id, "workbook")
    ledger.remember(workbook_path=str(desk.workbook.absolute()))
    desk.tell("Reading Autotask")
    desk.reach_autotask()
    source = Source(desk.autotask)
    invoices = source.invoices(list(source.headers(Window(dated_from=settings.start_date)).values()))
    desk.tell("Reading Xero")
    desk.reach_xero()
    ledger.remember(watched=datetime.combine(settings.start_date, time(), UTC).isoformat())  # the next look sees all
    documents = _documents(desk, settings.start_date, shown, {*shown, *(invoice.id for invoice in invoices)})
    run = f"rebuild-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    fence = ledger.begin_run(run, "Rebuild")
    rebuilt = Rebuilt()
    marked_first = sorted(invoices, key=lambda invoice: (invoice.id not in documents.by_mark, invoice.id))
    outcomes = {item.id: _outcome(item, shown, documents, settings, rebuilt, run) for item in marked_first}
    by_id = {invoice.id: invoice for invoice in invoices}
    in_flight = {item.autotask_id for intent in under_way for item in intent.open_documents}
    for key in [key for key, outcome in outcomes.items() if outcome is None and key not in in_flight]:
        outcomes[key] = _left(by_id[key], documents, rebuilt)
    ledger.conclude(outcome for outcome in outcomes.values() if outcome is not None)
    ledger.note_headers({invoice.id: header_of(invoice) for invoice in invoices})
    for intent in under_way:
        sent = [by_id[item.autotask_id] for item in intent.open_documents if item.autotask_id in by_id]
        why = fault("AX-212", "The old ledger says that it was sent; its answer is not known.")
        known = ledger.records()
        ledger.intend(
            run,
            fence,
            intent,
            [Outcome(item.id, "Waiting", why.title, fault=why, invoice=item) for item in sent if item.id not in known],
        )
        found = {
            item.autotask_id
            for item in intent.documents
            if item.autotask_id in known and known[item.autotask_id].xero_id
        }
        ledger.settle(intent.key, dict.fromkeys(found | intent.settled, "posted"))
    if rebuilt.found:
        ledger.remember(went_live="yes")
    told = f"{rebuilt.found} found in Xero, {rebuilt.voided} voided, {rebuilt.never_send} never sent"
    ledger.log("The ledger was made anew", f"{told}, {len(rebuilt.undecided)} undecided.", run=run, who="Person")
    ledger.end_run(run, {})
    return rebuilt


class _Documents:
    """Xero's documents, by mark and by number."""

    def __init__(self, found: Iterable[Posted], web_url: str, ids: Collection[AutotaskId]) -> None:
        self.by_mark: defaultdict[AutotaskId, list[Posted]] = defaultdict(list)
        self.by_number: defaultdict[tuple[str, str], list[Posted]] = defaultdict(list)
        self.by_sums: defaultdict[tuple[object, ...], list[Posted]] = defaultdict(list)
        self.taken: set[str] = set()
        for item in {item.id: item for item in found}.values():
            if (marked := marked_id(item)) is not None and is_autotask(item, web_url):
                self.by_mark[marked].append(item)
            self.by_number[item.kind, item.number.casefold()].append(item)
            if item.is_live and marked_id(item) is None and not is_numbered_by_us(item, ids):
                who = item.contact_name.casefold()
                self.by_sums[item.kind, who, item.date, item.currency, item.total].append(item)

    def alike(self, invoice: Invoice) -> Posted | None:
        """A document that agrees with an invoice in customer, date and total, and is nobody else's."""
        who, total = invoice.customer.name.casefold(), abs(rounded(invoice.total))
        found = self.by_sums.get((kind_of(invoice), who, invoice.date, invoice.currency, total), [])
        free = [item for item in found if item.id not in self.taken]
        return min(free, key=lambda item: not mentions(item, invoice.number), default=None)

    def numbered(self, invoice: Invoice, number: str) -> list[Posted]:
        """The documents of that number that carry no other invoice's mark."""
        found = self.by_number.get((kind_of(invoice), number.casefold()), []) if number else []
        return [item for item in found if marked_id(item) in {None, invoice.id} and item.id not in self.taken]


def _documents(desk: Desk, start: date, shown: Mapping[AutotaskId, Shown], ids: Collection[AutotaskId]) -> _Documents:
    found = [item for kind in _KINDS for item in desk.xero.dated_from(kind, start - _LOOK_BACK)]
    seen = {item.number for item in found}
    wanted = sorted({item.xero_number for item in shown.values()} - seen - {""})
    return _Documents([*found, *desk.xero.numbered(wanted)], desk.autotask.zone.web_url, ids)


def _outcome(
    invoice: Invoice,
    shown: Mapping[AutotaskId, Shown],
    documents: _Documents,
    settings: Settings,
    rebuilt: Rebuilt,
    run: str,
) -> Outcome | None:
    """Where an invoice stands; ``None`` leaves it to the next sync."""
    told = shown.get(invoice.id, Shown())
    candidates = _candidates(invoice, told, documents, settings)
    live = [item for item in candidates if item.is_live]
    documents.taken.update(item.id for item in candidates)
    if len(live) == 1 and _is_its(invoice, live[0], told):
        rebuilt.found += 1
        return _found(invoice, live[0], told, settings, run)
    if len(live) == 1:
        named = f"{live[0].number} of {live[0].contact_name} over {live[0].total}"
        why = fault("AX-201", f"{named} in Xero carries this invoice's mark, and is another one.", waits=True)
    elif live:
        numbers = ", ".join(item.number or item.id for item in live)
        why = fault("AX-201", f"{len(live)} documents in Xero stand for this invoice: {numbers}.", waits=True)
    elif candidates:
        rebuilt.voided += 1
        word = f"{candidates[0].number} was {candidates[0].status.lower()} in Xero"
        return Outcome(invoice.id, "Voided", word, posted=candidates[0], invoice=invoice, origin="kept")
    elif told.status == "Never send":
        rebuilt.never_send += 1
        return Outcome(invoice.id, "Never send", "as the workbook said", invoice=invoice)
    elif told.xero_number:
        detail = (
            f"The workbook says that it is in Xero as {told.xero_number} ({told.status}); Xero has no such document."
        )
        why = fault("AX-111", detail)
    else:
        return None
    return _undecided(invoice, why, rebuilt)


def _undecided(invoice: Invoice, why: Fault, rebuilt: Rebuilt) -> Outcome:
    rebuilt.undecided.append({"autotask_id": invoice.id, "number": invoice.label, "why": why.detail, "cure": why.cure})
    return Outcome(invoice.id, "Waiting", why.title, fault=why, invoice=invoice)


def _left(invoice: Invoice, documents: _Documents, rebuilt: Rebuilt) -> Outcome | None:
    """An invoice for which nothing definite was found, once all others have theirs."""
    if (alike := documents.alike(invoice)) is not None:
        documents.taken.add(alike.id)
        return _undecided(invoice, already_there(alike), rebuilt)
    if invoice.marked_sent is not None and not invoice.is_voided:
        return _undecided(invoice, marked(invoice), rebuilt)
    rebuilt.left += 1
    return None


def _is_its(invoice: Invoice, posted: Posted, told: Shown) -> bool:
    """Whether a document can be the invoice's: of its kind, with its total or the one that the workbook shows."""
    believed = {abs(rounded(invoice.total)), abs(told.xero_total or ZERO)}
    return posted.kind == kind_of(invoice) and (posted.total in believed or posted.number == told.xero_number)


def _candidates(invoice: Invoice, told: Shown, documents: _Documents, settings: Settings) -> list[Posted]:
    """The documents that are this invoice's: by our mark, by our own number, or by what the workbook says."""
    if marked := documents.by_mark.get(invoice.id):
        return marked
    total = abs(rounded(invoice.total))
    if kind_of(invoice) == "Credit note" and (own := _credit_notes(invoice, documents)):
        return own
    believed = {total} | ({abs(told.xero_total)} if told.xero_total is not None else set())
    if found := [item for item in documents.numbered(invoice, told.xero_number) if item.total in believed]:
        return found
    own_number = number_of(invoice, settings) or ""
    agreeing = (item for item in documents.numbered(invoice, own_number) if item.is_live)
    return [item for item in agreeing if (item.total, item.date) == (total, invoice.date)]


def _credit_notes(invoice: Invoice, documents: _Documents) -> list[Posted]:
    """Those of our own number, and those that were sent again after one was voided."""
    number, count = credit_note_number(invoice), 1
    found = documents.numbered(invoice, number)
    while more := documents.numbered(invoice, f"{number}-{count + 1}"):
        found, count = [*found, *more], count + 1
    return found


def _found(invoice: Invoice, posted: Posted, told: Shown, settings: Settings, run: str) -> Outcome:
    pairs = (("total", abs(rounded(invoice.total)), posted.total), ("date", invoice.date, posted.date))
    differs = ", ".join(f"{name} {ours} → {theirs}" for name, ours, theirs in pairs if ours != theirs)
    why = "found in Xero when the ledger was made anew" + (f"; Autotask → Xero: {differs}" if differs else "")
    todo = []
    if marked_id(posted) is None and posted.kind == "Invoice":
        todo.append(taken_over(invoice, run))
    if settings.mark_as_sent and invoice.marked_sent is None:
        todo.append(("webServiceDate", stamp(datetime.now(UTC))))
    if settings.write_number_back and posted.number not in {"", invoice.number}:
        todo.append(("invoiceNumber", posted.number))
    if invoice.is_voided:
        invoice = replace(invoice, is_voided=False)  # as it was sent: the next look deals with it as with any other
    if abs(rounded(invoice.total)) != posted.total:  # as it is in Xero: so Send now carries Autotask's version over
        return Outcome(
            invoice.id, "Changed since sent", why, posted=posted, invoice=as_posted(invoice, posted),
            follow_ups=tuple(todo), origin="found",
        )  # fmt: skip
    status: Status = "Synced with warnings" if differs else "Synced"
    if told.status == "Changed since sent":
        status, why = "Changed since sent", "as the workbook said: compare the two, and choose Send now or Never send"
    return Outcome(invoice.id, status, why, posted=posted, invoice=invoice, follow_ups=tuple(todo), origin="kept")
