"""Looking after what was sent: changes on either side, voids and payments; in bulk, on its own clock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import msgspec

from agent.autotask.client import MOST_VALUES, values_of
from agent.autotask.models import InvoiceRow, day, stamp
from agent.desk import Desk
from agent.domain.books import Organisation
from agent.domain.changes import Judgement, Sent, judge
from agent.domain.document import DocumentKind, Posted
from agent.domain.faults import fault
from agent.domain.invoice import AutotaskId, CompanyId, Header
from agent.domain.lookup import marked_id
from agent.domain.money import ZERO, rounded
from agent.domain.record import Origin, Status, Wish
from agent.errors import StopError, stop
from agent.followups import IN_VAIN, note
from agent.ledger.ledger import Ledger
from agent.ledger.steps import Outcome
from agent.posting import BREAKER, Poster
from agent.updates import TWIN, Change, carry_over
from agent.xero.client import RefusedError, UncertainError

EVERY = timedelta(hours=1)
_OVERLAP = timedelta(days=1)
"""Read again of Xero, for our clock may have been fast at the last look, and pages move while they are read."""
_KINDS: tuple[DocumentKind, ...] = ("Invoice", "Credit note")
_WINDOW = timedelta(days=92)
"""How old an invoice may be for changes in Autotask to be looked for; voids are found whatever their age."""


@dataclass(frozen=True)
class Looked:
    """What a look did.

    Attributes:
        voided: How many documents it voided or deleted.
        updated: How many it brought up to date.
        problems: What could not be done now, in sentences; the next run looks again.
    """

    voided: int = 0
    updated: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pulled:
    """What this run has read of Autotask's headers already.

    Attributes:
        headers: By id.
        created_from: Everything created since is among them; None where only some are.
    """

    headers: Mapping[AutotaskId, InvoiceRow]
    created_from: datetime | None


def watch(desk: Desk, poster: Poster, organisation: Organisation, pulled: Pulled, *, is_asked: bool = False) -> Looked:
    """Find what changed since the last look, and put it right or tell it.

    Args:
        desk: What the run works with.
        poster: The run, as far as sending goes.
        organisation: Lock dates.
        pulled: What is not read again.
        is_asked: Look now, whatever the clock says.

    Raises:
        StopError: A system cannot be reached; the look is repeated by the next run.
    """
    ledger, now = desk.ledger, desk.ledger.now()
    last = ledger.fact("watched")
    if not last:
        ledger.remember(watched=now.isoformat())
        return Looked()
    since = datetime.fromisoformat(last)
    if since > now:  # our clock was fast then: nobody knows when that look was
        since = now - _WINDOW
    elif now - since < EVERY and not is_asked:
        return Looked()
    rows = {AutotaskId(row["autotask_id"]): row for row in ledger.sent() if row["xero_baseline"]}
    asked = [key for key, row in rows.items() if row["wish"] or row["status"] == "Changed since sent"]
    headers = with_own_numbers(ledger, _headers(desk, since, now, asked, pulled))
    ledger.note_headers({key: _header(row) for key, row in headers.items() if key in rows})
    _note_late(desk, headers)
    latest = _latest(desk, since)
    ledger.note_others(latest.values(), own={row["xero_id"] for row in rows.values()})
    in_flight = {item.autotask_id for intent in ledger.open_intents() for item in intent.open_documents}
    voided, changes, vain, run = 0, [], _Vain(desk, poster.run), poster.run
    for autotask_id, row in rows.items():
        seen, header = latest.get(row["xero_id"]), headers.get(autotask_id)
        if (seen is None and header is None) or autotask_id in in_flight:
            continue
        sent = _sent(row)
        try:
            found = _follow(desk, sent, header, seen or sent.latest, organisation, run, moves=not vain.stopped)
        except StopError as error:
            vain.note(sent, seen or sent.latest, error)
            continue
        if isinstance(found, Change):
            changes.append(found)
        else:
            voided += found
            vain.forget(autotask_id, has_moved=found > 0)
    vain.remember()
    updated = carry_over(desk, poster, organisation, changes)
    _tell_twins(ledger, latest.values(), {key: row["xero_id"] for key, row in rows.items()})
    _copy_payments(desk)
    _reopen(desk, headers)
    if vain.stopped is not None:
        raise vain.stopped
    if not vain.problems:
        ledger.remember(watched=now.isoformat())
    return Looked(voided, updated, tuple(vain.problems))


class _Vain:
    """What Xero did not manage to void, one by one: it holds nobody up, and is tried again by the next run.

    After some looks it is told on Faults, for a person to settle it.

    Attributes:
        problems: What could not be done now, in sentences.
        stopped: Why no more are tried in this look: too many failed in a row, or it is no single document's trouble.
    """

    def __init__(self, desk: Desk, run: str) -> None:
        self.problems: list[str] = []
        self.stopped: StopError | None = None
        self._desk, self._run, self._in_a_row = desk, run, 0
        self._counts: dict[str, int] = json.loads(desk.ledger.fact("vain_voids") or "{}")

    def note(self, sent: Sent, seen: Posted, error: StopError) -> None:
        """One that came to nothing."""
        if error.fault.code not in {"AX-402", "AX-403"}:
            self.stopped = error
            return
        key = str(sent.autotask_id)
        self._counts[key] = count = self._counts.get(key, 0) + 1
        if count > IN_VAIN:
            return  # it is told already, and says nothing about the others
        self._in_a_row += 1
        if self._in_a_row >= BREAKER:
            self.stopped = error
        if count < IN_VAIN:
            self.problems.append(f"{seen.number} could not be voided in Xero: {error.fault.detail}")
            return
        why = fault("AX-209", f"Voided in Autotask; {seen.number} could not be voided: {error.fault.detail}")
        self._desk.ledger.conclude([Outcome(sent.autotask_id, "Changed since sent", "", 0, why, seen=seen)])
        about, title = sent.autotask_id, f"{why.code} {why.title}"
        self._desk.ledger.log(title, why.detail, run=self._run, level="Warning", about=about)

    def forget(self, autotask_id: AutotaskId, *, has_moved: bool) -> None:
        """One that went well, or had nothing to be done."""
        self._counts.pop(str(autotask_id), None)
        if has_moved:
            self._in_a_row = 0

    def remember(self) -> None:
        """Keep the counts for the next look."""
        self._desk.ledger.remember(vain_voids=json.dumps(self._counts))


def note_others(desk: Desk) -> None:
    """Once, and when Start date is moved back: what Xero has since then that did not come from us.

    Raises:
        StopError: Xero cannot be reached.
    """
    start = desk.settings.start_date
    known = desk.ledger.fact("others_from")
    if start is None or (known and known <= start.isoformat()):
        return
    own = {row["xero_id"] for row in desk.ledger.rows() if row["xero_id"]}
    desk.ledger.note_others([item for kind in _KINDS for item in desk.xero.dated_from(kind, start)], own=own)
    desk.ledger.remember(others_from=start.isoformat())


def _headers(
    desk: Desk, since: datetime, now: datetime, ids: Sequence[AutotaskId], pulled: Pulled
) -> dict[AutotaskId, InvoiceRow]:
    """Autotask's headers of the last three months, whatever was voided since the last look, and those of the ids."""
    from_day = (now - _WINDOW).date().isoformat()
    conditions: list[dict[str, object]] = [
        {
            "op": "or",
            "items": [
                {"op": "gte", "field": "invoiceDateTime", "value": from_day},
                {"op": "gte", "field": "voidedDate", "value": stamp(since - timedelta(days=1))},
            ],
        }
    ]
    if pulled.created_from is not None:
        conditions.append({"op": "lt", "field": "createDateTime", "value": stamp(pulled.created_from)})
    found = {AutotaskId(row.id): row for row in desk.autotask.query("Invoices", InvoiceRow, *conditions)}
    found |= pulled.headers
    missing = [key for key in ids if key not in found]
    for start in range(0, len(missing), MOST_VALUES):
        some = values_of("id", missing[start : start + MOST_VALUES])
        found.update((AutotaskId(row.id), row) for row in desk.autotask.query("Invoices", InvoiceRow, some))
    return found


def with_own_numbers(ledger: Ledger, headers: Mapping[AutotaskId, InvoiceRow]) -> dict[AutotaskId, InvoiceRow]:
    """The headers, each with the number that it had in Autotask before we wrote Xero's there."""
    written = ledger.last_queued("invoiceNumber")
    before = ledger.numbers() if written else {}
    return {
        key: msgspec.structs.replace(row, invoice_number=before[key])
        if key in before and _header(row).number == written.get(key)
        else row
        for key, row in headers.items()
    }


def _latest(desk: Desk, since: datetime) -> dict[str, Posted]:
    """Xero's documents that changed since the last look, by id."""
    return {item.id: item for kind in _KINDS for item in desk.xero.changed_since(kind, since - _OVERLAP)}


def _follow(  # noqa: PLR0913 - the three sides of one invoice
    desk: Desk, sent: Sent, row: InvoiceRow | None, seen: Posted, organisation: Organisation, run: str, *, moves: bool
) -> int | Change:
    """Act on one invoice; gives 1 where its document was voided or deleted, or a change that is to be carried over.

    Where it ``moves`` nothing, what would be voided or deleted is left to the next look.
    """
    header = sent.header if row is None else _header(row)
    voids = desk.settings.when_voided == "Void in Xero"
    closed = max((day for day in (organisation.locked_until, desk.settings.hold_before) if day), default=None)
    found = judge(sent, header, seen, voids=voids, locked_until=closed)
    if found is not None and row is not None and (found.move == "update" or found.keeps):
        return Change(sent, seen, row, found)
    if found is not None and found.move and not moves:
        return 0
    if found is not None and found.move and (now := desk.xero.one(seen.kind, seen.id)) != seen:
        seen = now  # somebody has worked on it since it was read
        found = judge(sent, header, seen, voids=voids, locked_until=closed)
    if found is not None and found.move:
        found, seen = _move(desk, found, seen)
    is_news = found is not None and found.status != sent.status
    if found is None and seen == sent.latest and sent.status != "Changed since sent" and not sent.wish:
        return 0
    is_told = sent.status == "Changed since sent" and not sent.wish
    if found is None and is_told and (row is None or _still_differs(sent, header, seen)):
        found = Judgement(sent.status, stays=True)
    outcome = _outcome(sent, found, seen)
    if found is not None and found.status == "Voided" and header.is_voided and is_news:
        told = note(f"AutoXero: {found.why},", sent.autotask_id, sent.header.number, run)
        outcome = replace(outcome, follow_ups=(told,))
    desk.ledger.conclude([outcome])
    if found is not None and is_news:
        detail = found.fault.detail if found.fault else found.why
        title = f"{found.fault.code} {found.fault.title}" if found.fault else found.status
        desk.ledger.log(title, detail, run=run, level="Warning", about=sent.autotask_id)
    return int(found is not None and found.move != "")


def _still_differs(sent: Sent, header: Header, seen: Posted) -> bool:
    """Whether what was kept as it is, by a ledger made anew, is not what Autotask has now."""
    total = abs(rounded(header.net + header.tax))
    return sent.origin == "kept" and (total, header.date) != (seen.total, seen.date)


def _move(desk: Desk, found: Judgement, seen: Posted) -> tuple[Judgement, Posted]:
    """Delete or void the document; where Xero will not, say so."""
    status = "DELETED" if found.move == "delete" else "VOIDED"
    try:
        answer = desk.xero.set_status(seen, status)
    except UncertainError as error:
        if error.is_over:
            return Judgement("Changed since sent", fault("AX-209", f"Voided in Autotask; {error.detail}")), seen
        raise stop("AX-402", error.detail) from None  # asked again by the next run
    except RefusedError as error:
        return Judgement("Changed since sent", fault("AX-209", f"Voided in Autotask; Xero says: {error}")), seen
    if answer.posted is None:
        words = " ".join(f"“{message}”" for message in answer.messages)
        return Judgement("Changed since sent", fault("AX-209", f"Voided in Autotask; Xero says: {words}")), seen
    return found, answer.posted


def _outcome(sent: Sent, found: Judgement | None, seen: Posted) -> Outcome:
    status: Status = "Synced with warnings" if sent.warnings else "Synced"
    again = Outcome(sent.autotask_id, status, "as it was sent, again", warnings=sent.warnings, seen=seen)
    if found is None and sent.status == "Changed since sent":
        return again
    is_over = sent.fault_code == "AX-213" or (sent.fault_code == "AX-214" and seen.paid_on is not None)
    if found is None and is_over:
        return again
    if found is None or found.stays:
        return Outcome(sent.autotask_id, sent.status, seen=seen, keeps_fault=True)
    return Outcome(sent.autotask_id, found.status, found.why, 0, found.fault, sent.warnings, seen=seen)


def _tell_twins(ledger: Ledger, latest: Iterable[Posted], ids: Mapping[AutotaskId, str]) -> None:
    """Warn of a second document with an invoice's mark, and take it back once that one is gone."""
    for item in latest:
        key = marked_id(item)
        if key is not None and key in ids and ids[key] != item.id:
            more = f" {item.currency} {item.total}. If it is a double, void one of the two."
            ledger.warn(key, f"{TWIN} {item.number or item.id},", more if item.is_live else "")


def _copy_payments(desk: Desk) -> None:
    """Let the paid date in Autotask be that of Xero's full payment: written once, changed and cleared with it."""
    if not desk.settings.copy_payments:
        return
    written = desk.ledger.last_queued("paidDate")
    for row in desk.ledger.rows():
        if row["xero_id"] is None or not row["xero_total"]:
            continue
        is_live = row["xero_status"] not in {"VOIDED", "DELETED"}
        wanted = row["paid_on"].isoformat() if row["paid_on"] is not None and is_live else ""
        if wanted != written.get(AutotaskId(row["autotask_id"]), ""):
            desk.ledger.queue(AutotaskId(row["autotask_id"]), "paidDate", wanted)


def _reopen(desk: Desk, headers: Mapping[AutotaskId, InvoiceRow]) -> None:
    """What was skipped for what it was, or failed, and is something else or voided now, is looked at again."""
    before = desk.ledger.skipped()
    desk.ledger.reopen(key for key, row in headers.items() if key in before and was_changed(before[key], row))
    failed = {key for key, record in desk.ledger.records().items() if record.status == "Fault"}
    desk.ledger.reopen(key for key, row in headers.items() if key in failed and row.is_voided)


def _note_late(desk: Desk, headers: Mapping[AutotaskId, InvoiceRow]) -> None:
    """Invoices that came into sight late: re-dated past Start date, or hidden from the API user until now."""
    start, known = desk.settings.start_date, desk.ledger.records()
    late = [
        key
        for key, row in headers.items()
        if key not in known and start and (day(row.invoice_date_time) or start) >= start
    ]
    if late:
        desk.ledger.remember(late=json.dumps(late))


def was_changed(before: tuple[date | None, Decimal, Decimal, bool], row: InvoiceRow) -> bool:
    """Whether an invoice is no longer what it was when it was skipped."""
    now = _header(row)
    return before != (now.date, now.net, now.tax, now.is_voided)


def _header(row: InvoiceRow) -> Header:
    return Header(
        str(row.invoice_number if row.invoice_number is not None else "").strip(),
        CompanyId(row.company_id or 0),
        day(row.invoice_date_time),
        row.invoice_total or ZERO,
        row.total_tax_value or ZERO,
        bool(row.is_voided),
        day(row.due_date),
        (row.order_number or "").strip(),
    )


def _sent(row: Mapping[str, Any]) -> Sent:
    baseline = msgspec.json.decode(row["xero_baseline"], type=Posted)
    latest = msgspec.json.decode(row["xero_latest"], type=Posted) if row["xero_latest"] else baseline
    header = Header(
        row["number"],
        CompanyId(row["company_id"]),
        row["date"],
        row["net"],
        row["tax"],
        bool(row["is_voided"]),
        row["due"],
        row["order_number"],
    )
    status, wish = cast("Status", row["status"]), cast("Wish", row["wish"])
    origin = cast("Origin", row["origin"])
    autotask_id = AutotaskId(row["autotask_id"])
    warnings = [*filter(None, row["warnings"].split("\n"))]
    if row["fault_code"] == "AX-207":
        warnings.append(f"AX-207 {row['fault_title']}: {row['fault_detail']}")
    return Sent(
        autotask_id, header, baseline, latest, status, wish, origin, row["fault_code"], row["why"], tuple(warnings)
    )
