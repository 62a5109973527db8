"""One run: read the settings, pull, plan, post, record, project."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from agent.alerts import alert
from agent.autotask.source import Source, Window
from agent.desk import Desk, Progress
from agent.domain.books import Books, Organisation
from agent.domain.faults import fault
from agent.domain.firstlook import Look
from agent.domain.invoice import AutotaskId, Invoice
from agent.domain.labels import account_label, tax_rate_label
from agent.domain.mappings import NO_CODE
from agent.domain.plan import Action, Limits, plan
from agent.domain.preview import Preview
from agent.domain.record import Record, Status
from agent.domain.settings import Settings
from agent.domain.text import counted
from agent.domain.translate import Situation
from agent.errors import BUSY, DONE, SOME_FAULTS, PlainError, StopError
from agent.extras import add_extras
from agent.ledger.database import daily_backup
from agent.ledger.ledger import FenceError
from agent.ledger.steps import Outcome
from agent.newcontacts import create_contacts, update_contacts
from agent.posting import Poster
from agent.projecting import project_all
from agent.shown import shown_in
from agent.updates import settle_updates
from agent.watch import Pulled, note_others, was_changed, watch, with_own_numbers
from agent.wishes import take_wishes
from agent.writebacks import write_back

LONGEST_SYNC = 120.0
"""Seconds for which the setup and a sign-in wait for another run."""
A_WHILE = 20.0
"""Seconds for which a command or a button waits for one: then it is told that nothing was done."""
PREVIEW_KEEPS = timedelta(hours=1)
"""How long what a preview found in Xero counts for the next ones by the clock."""
_MANY = 5
"""So many invoices without any tax are no chance."""


@dataclass
class Report:
    """What one run did; the counts are of this run."""

    run: str
    mode: str
    started: datetime
    finished: datetime | None = None
    pulled: int = 0
    created: int = 0
    taken_over: int = 0
    updated: int = 0
    voided: int = 0
    skipped: int = 0
    waiting: int = 0
    retrying: int = 0
    faulted: int = 0
    would_create: int = 0
    calls: dict[str, int] = field(default_factory=lambda: {"autotask": 0, "xero": 0})
    write_backs: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 where an invoice failed because of this run, else 0."""
        return SOME_FAULTS if self.retrying or self.faulted else DONE


@contextmanager
def one_at_a_time(desk: Desk, patience: float = 0) -> Iterator[None]:
    """Hold the home's lock; the operating system frees it when a process dies. Who holds it already goes on.

    Args:
        desk: Whose home.
        patience: Seconds to wait for it, where the desk has no more.

    Raises:
        PlainError: Another run holds it (exit code 75); nothing was done.
    """
    if desk.holds_lock:
        yield
        return
    lock = FileLock(desk.config.home / "agent.lock")
    try:
        if _acquire(lock, max(patience, desk.patience), desk.tell):
            vars(desk).pop("reading", None)  # the settings as they are now count, not those before the wait
    except Timeout:
        raise PlainError("Another sync is under way; nothing was done.", "Try again in a minute.", BUSY) from None
    desk.holds_lock = True
    try:
        yield
    finally:
        desk.holds_lock = False
        lock.release()


def _acquire(lock: FileLock, seconds: float, tell: Progress) -> bool:
    """Take a lock, and tell where that takes time.

    Returns:
        Whether it took time.

    Raises:
        Timeout: Somebody else held it all the while.
    """
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not seconds:
            raise
        tell("Waiting for another sync to end")
        lock.acquire(timeout=seconds)
        return True
    return False


def sync(
    desk: Desk,
    *,
    dry_run: bool = False,
    is_asked: bool = False,
    trial: Collection[AutotaskId] | None = None,
    limits: Limits | None = None,
) -> Report:
    """Do one run.

    Args:
        desk: What it works with.
        dry_run: Stop after the plan, and show it on the sheet Preview.
        is_asked: A person asked for it: changes on either side are looked for now.
        trial: Send these only, whatever the mode is, and as drafts, to be looked at; all else is left for other runs.
        limits: How many it may create unasked, instead of what the settings say.

    Raises:
        PlainError: Settings must be mended first, or another run is under way; nothing was sent.
        StopError: A system cannot be reached or refuses; nothing is lost.
    """
    with one_at_a_time(desk):
        try:
            desk.check(is_asked=is_asked)
        except PlainError as error:
            desk.ledger.log("AX-503 A setting or mapping is wrong", str(error), level="Warning")
            wishes = {} if dry_run else take_wishes(desk)
            alert(desk, is_dry=dry_run)
            project_all(desk, wishes=wishes)
            raise
        return _Run(desk, dry_run=dry_run, is_asked=is_asked, trial=trial, limits=limits).go()


class _Run:
    """One run, step by step."""

    def __init__(
        self, desk: Desk, *, dry_run: bool, is_asked: bool, trial: Collection[AutotaskId] | None, limits: Limits | None
    ) -> None:
        self.is_asked, self.trial, self.limits = is_asked, trial, limits
        self.desk = desk
        self.ledger = desk.ledger
        self.settings: Settings = desk.settings
        if trial is not None:
            self.settings = replace(desk.settings, sync_mode="Live", invoice_status="Draft")
        self.is_live = self.settings.sync_mode == "Live" and not dry_run
        mode = "Dry run" if dry_run else self.settings.sync_mode
        self.report = Report(f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}", mode, datetime.now(UTC))

    def go(self) -> Report:
        """Run to the end, whatever the end is, and write down how it was."""
        desk, report = self.desk, self.report
        try:
            daily_backup(desk.ledger.engine)
        except (OSError, sqlite3.Error) as error:
            self.ledger.log("The ledger could not be backed up", str(error), run=report.run, level="Warning")
        fence = self.ledger.begin_run(report.run, report.mode)
        wishes = {} if report.mode == "Dry run" else take_wishes(desk, report.run)
        self._note_unclear()
        stopped: StopError | None = None
        try:
            if self.settings.paused:
                report.problems.append("Paused is Yes on the sheet Settings: nothing was read or sent.")
            else:
                self._work(fence)
        except StopError as error:
            stopped = error
            desk.note_refusal(error)
            self.ledger.log(
                f"{error.fault.code} {error.fault.title}", error.fault.detail, run=report.run, level="Warning"
            )
        except PlainError as error:
            self.ledger.log("Nothing was sent", str(error), run=report.run, level="Warning")
            self.ledger.end_run(report.run, _counts(report), fault("AX-503", error.message))
            project_all(desk, report.run)
            raise
        except FenceError:
            raise PlainError("Another sync has begun since.", "It takes care of everything.", BUSY) from None
        self._count_calls()
        report.finished = datetime.now(UTC)
        self.ledger.end_run(report.run, _counts(report), stopped.fault if stopped else None)
        report.problems += alert(desk, is_dry=report.mode == "Dry run")
        report.problems += project_all(desk, report.run, wishes)
        self.ledger.remember(workbook_path=str(desk.workbook.absolute()))
        if stopped is not None:
            raise stopped
        return report

    def _note_unclear(self) -> None:
        """Tell what stands under Do and cannot be done: in every run's answer, and in the log once."""
        known = json.loads(self.ledger.fact("unclear") or "[]")
        unclear = [item for item in self.desk.reading.problems if item.stops == "nothing" and not item.by_lists]
        told = [f"{item.where}: {item.message}" for item in unclear]
        for item, text in zip(unclear, told, strict=True):
            about = AutotaskId(int(item.key[0])) if item.key else None
            if text not in known:
                self.ledger.log("Do is not clear", item.message, run=self.report.run, level="Warning", about=about)
        if told != known:
            self.ledger.remember(unclear=json.dumps(told))
        self.report.problems += told

    def _work(self, fence: int) -> None:
        desk, report = self.desk, self.report
        desk.tell("Reading Autotask")
        with self._light("autotask"):
            desk.reach_autotask()
            source = Source(desk.autotask)
            pulled, complete = self._pull(source)
            headers = pulled.headers
        with self._light("xero"):
            desk.tell("Reading Xero")
            organisation = desk.reach_xero()
            poster = self._poster(fence)
            if self.is_live:
                note_others(desk)
            struck = self._settle(poster) if self.is_live and self.ledger.open_intents() else set()
            poster = self._poster(fence)
            open_headers = [
                row
                for key, row in headers.items()
                if key not in struck
                and _is_open(poster.records.get(key))  # one strike a run
                and (self.trial is None or key in self.trial)
            ]
            report.pulled = len(open_headers)
            books, are_new = self._books(organisation, [poster.records.get(AutotaskId(row.id)) for row in open_headers])
        if are_new:
            with self._light("autotask"):
                self._remember_lists(books, source)
            desk.refuse()
        held = self._look(poster, organisation, pulled) if self.is_live and self.trial is None else None
        stopped: StopError | None = None
        poster = self._poster(fence)
        if open_headers or not self.is_live:
            with self._light("autotask"):
                invoices = source.invoices(open_headers)
            if not self.ledger.fact("pull"):
                self._keep_left_out([item for item in invoices if item.id not in poster.records])
                poster = self._poster(fence)
            actions = self._plan(invoices, books, poster.records)
            try:
                self._carry_out(actions, poster, books)
            except StopError as error:
                stopped = error
        if stopped is None and self.trial is None:
            complete()
        if not poster.left:
            self._write_back()
        if (trouble := stopped or held) is not None:
            raise trouble

    def _look(self, poster: Poster, organisation: Organisation, pulled: Pulled) -> StopError | None:
        """Look after what was sent, before anything new goes: a voided invoice's number may be free by it.

        Returns:
            What stopped it; what is new is sent all the same.
        """
        desk, report = self.desk, self.report
        is_asked = self.is_asked or bool(desk.reading.wishes) or _shows_void(pulled, poster.records)
        try:
            desk.tell("Looking for changes")
            looked = watch(desk, poster, organisation, pulled, is_asked=is_asked)
        except StopError as error:
            desk.light("autotask" if error.fault.code.startswith("AX-3") else "xero", error)
            return error
        report.voided, report.updated = looked.voided, looked.updated
        report.problems += looked.problems
        return None

    def _settle(self, poster: Poster) -> set[AutotaskId]:
        """Settle what an earlier run left uncertain; gives what failed by it, which is not tried again in this run."""
        self.desk.tell("Settling what was left uncertain")
        settle_updates(self.ledger, self.desk.xero, self.report.run)
        poster.settle()
        self.report.created += len(poster.posted)
        records = self.ledger.records()
        self.report.retrying = sum(records[item].status == "Retrying" for item in poster.failed)
        self.report.faulted = len(poster.failed) - self.report.retrying
        return set(poster.failed)

    def _books(self, organisation: Organisation, records: Sequence[Record | None]) -> tuple[Books, bool]:
        """The books, and whether they were read now: where something may be sent.

        Where nothing is open, or all only waits for a date, those of the last hour do.
        """
        only_waits = all(record is not None and record.fault_code == "AX-205" for record in records)
        if only_waits and self.desk.has_fresh_books:
            books = msgspec.json.decode(self.ledger.fact("books"), type=Books)
            if not records or not _would_go(organisation, books.organisation):
                return replace(books, organisation=organisation), False
        return self.desk.read_books(organisation), True

    def _poster(self, fence: int) -> Poster:
        return Poster(self.ledger, self.desk.xero, self.report.run, fence, self.ledger.records(), self.settings)

    # --- pulling -----------------------------------------------------------------------------------------------------

    def _pull(self, source: Source) -> tuple[Pulled, Any]:
        """The headers of everything new and everything unsettled, and how to remember that the pull was complete."""
        ledger, settings = self.ledger, self.settings
        assert settings.start_date is not None  # desk.check() has seen to it
        started = self.desk.autotask.now()
        facts = json.loads(ledger.fact("pull") or "{}")
        skipping = f"{settings.start_date}|{settings.zero_invoices}|{settings.skip_smaller_than}"
        if facts and facts["from"] <= settings.start_date.isoformat():
            since = datetime.fromisoformat(facts["at"]) - timedelta(days=settings.days_to_look_back)
            window = Window(after=AutotaskId(facts["last"]), created_from=since)
        else:
            window = Window(dated_from=settings.start_date)
        records = ledger.records()
        late = [AutotaskId(key) for key in json.loads(ledger.fact("late") or "[]")]
        again = [
            *late,
            *(
                record.autotask_id
                for record in records.values()
                if _is_open(record)
                or record.is_in_flight
                or (record.status == "Skipped" and facts.get("skipping") != skipping)
            ),
        ]
        headers = with_own_numbers(ledger, source.headers(window, again))
        skipped = ledger.skipped()
        ledger.reopen(key for key, row in headers.items() if key in skipped and was_changed(skipped[key], row))
        if facts.get("skipping") != skipping:
            ledger.reopen_skipped()

        def complete() -> None:
            last = max([facts.get("last", 0), *headers])
            begun = min(facts.get("from", "9999"), settings.start_date.isoformat()) if settings.start_date else ""
            told = {"at": started.isoformat(), "last": last, "from": begun, "skipping": skipping}
            noted = json.loads(ledger.fact("late") or "[]")  # by the look of this run, too
            ledger.remember(pull=json.dumps(told), late=json.dumps([key for key in noted if key not in headers]))

        return Pulled(headers, window.created_from), complete

    # --- planning ----------------------------------------------------------------------------------------------------

    def _keep_left_out(self, invoices: Sequence[Invoice]) -> None:
        """What was never to be sent still is not, where the ledger was lost, and the workbook knows."""
        shown = shown_in(self.desk.workbook)
        left_out = [item for item in invoices if item.id in shown and shown[item.id].status == "Never send"]
        self.ledger.conclude(Outcome(item.id, "Never send", "as the workbook said", invoice=item) for item in left_out)

    def _plan(self, invoices: Sequence[Invoice], books: Books, records: Mapping[AutotaskId, Record]) -> list[Action]:
        self.desk.tell(f"Planning {len(invoices)} invoices")
        desk, settings = self.desk, self.settings
        situation = Situation(settings, desk.reading.mappings, books, web_url=desk.autotask.zone.web_url)
        actions = plan(invoices, records, situation, self.ledger.known_contacts(), desk.autotask.now(), self._limits())
        self._note_untaxed(invoices, books)
        self.ledger.note_missing(
            {item.invoice.id: item.translation.missing if item.translation else () for item in actions}
        )
        return actions

    def _limits(self) -> Limits:
        """How many this run may create unasked."""
        settings = self.settings
        if self.limits is not None:
            return self.limits
        if not self.is_live or self.trial is not None:
            return Limits()
        if not self.ledger.fact("went_live") and settings.first_live_run < settings.most_invoices:
            return Limits.by_setting(settings.first_live_run, "Invoices in the first live run")
        return Limits.by_setting(settings.most_invoices)

    def _note_untaxed(self, invoices: Sequence[Invoice], books: Books) -> None:
        """One banner, not a fault for each: Autotask charges no tax at all though the organisation is registered."""
        worth = [invoice for invoice in invoices if invoice.net and not invoice.is_voided]
        if any(invoice.tax for invoice in worth) or not books.organisation.pays_tax:
            self.ledger.remember(untaxed="")
        elif len(worth) >= _MANY:
            self.ledger.remember(untaxed="yes")

    def _carry_out(self, actions: Sequence[Action], poster: Poster, books: Books) -> None:
        if not self.is_live:
            self._show(actions, poster)
            return
        report, ledger, desk = self.report, self.ledger, self.desk
        for action in actions:
            self._log_decisions(action)
        voided = [action for action in actions if _may_stand(action, poster.records)]
        with self._light("xero"):
            standing = poster.look_for_voided(voided, desk.reading.mappings)
        actions = [action for action in actions if action.invoice.id not in standing]
        ledger.conclude(_standing(action, poster.records) for action in actions if action.verb in {"skip", "wait"})
        for action in actions:
            if action.verb == "fault" and action.fault is not None:
                poster.strike(action.invoice, action.fault, action.warnings)
        creates = [action for action in actions if action.verb == "create"]
        ledger.conclude(_ready(action, poster.records) for action in creates)
        try:
            with self._light("xero"):
                creates = create_contacts(self.desk.xero, ledger, poster, creates, report.run)
                creates = poster.look_up(creates)
                if self.settings.update_contacts:
                    update_contacts(self.desk.xero, ledger, creates, books, self.settings, report.run)
                self.desk.tell(f"Sending {len(creates)} invoices")
                poster.is_paused = desk.is_paused_now
                poster.send(creates)
                if poster.left:
                    told = "Paused was set to Yes on the sheet Settings during the sync"
                    report.problems.append(f"{told}: {counted(poster.left, 'invoice')} not sent.")
        finally:
            if poster.posted and self.trial is None:
                ledger.remember(went_live="yes")
            self._count(actions, poster)

    def _show(self, actions: Sequence[Action], poster: Poster) -> None:
        """Preview: nothing is sent, nobody is struck; what is new waits."""
        before = {item.autotask_id: item for item in self.ledger.previews()}
        creates = [action for action in actions if action.verb == "create"]
        looks = {look.action.invoice.id: look for look in self._looks(creates, poster, before)}
        previews = [
            Preview.of(action, looks.get(action.invoice.id), before.get(action.invoice.id)) for action in actions
        ]
        records = poster.records
        self.ledger.conclude(
            _previewed(action, preview)
            for action, preview in zip(actions, previews, strict=True)
            if action.invoice.id not in records or records[action.invoice.id].status in {"Waiting", "Skipped"}
        )
        self.ledger.remember(preview=msgspec.json.encode(previews).decode())
        self._count(actions, None)
        self.report.would_create = sum(preview.action == "Send" for preview in previews)

    def _looks(self, creates: Sequence[Action], poster: Poster, before: Mapping[AutotaskId, Preview]) -> Sequence[Look]:
        """Look in Xero for what a preview would create: by the clock once an hour, and when something is new.

        It reads all of Xero since Start date, and calls are counted.
        """
        last, now = self.ledger.fact("previewed"), self.ledger.now()
        is_known = all(action.invoice.id in before and before[action.invoice.id].verdict for action in creates)
        is_fresh = bool(last) and timedelta(0) <= now - datetime.fromisoformat(last) < PREVIEW_KEEPS
        if is_known and is_fresh and not self.is_asked and self.report.mode != "Dry run":
            return []
        with self._light("xero"):
            self.desk.tell("Looking in Xero")
            looks = poster.looks(creates)
        self.ledger.remember(previewed=now.isoformat())
        return looks

    def _log_decisions(self, action: Action) -> None:
        decisions = action.translation.decisions if action.translation else ()
        if action.verb == "create":
            self.ledger.log("Planned", "; ".join(decisions), run=self.report.run, invoice=action.invoice)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _write_back(self) -> None:
        if not self.is_live:
            return
        before = self.desk.autotask.wire.calls
        for work_off in (write_back, add_extras):
            try:
                work_off(self.desk, self.report.run)
            except StopError as error:
                self.report.problems.append(f"{error.fault.code} {error.fault.title}: {error.fault.detail}")
        self.report.write_backs = self.desk.autotask.wire.calls - before

    def _remember_lists(self, books: Books, source: Source) -> None:
        """The choices behind the workbook's drop-downs."""
        lists = {
            "Accounts": [
                account_label(item.code, item.name) for item in books.accounts if item.is_active and item.takes_sales
            ],
            "TaxRates": [tax_rate_label(item.tax_type, item.name) for item in books.tax_rates if item.is_active],
            "Currencies": sorted(books.currencies),
            "Contacts": sorted(item.name for item in books.contacts if item.is_active),
            "BrandingThemes": [name for _key, name in books.branding_themes],
            "BillingCodes": [NO_CODE, *source.billing_codes],
            "TaxRegions": source.tax_regions,
            "TrackingCategories": list(dict.fromkeys(item[0] for item in books.tracking)),
            "TrackingOptions": list(dict.fromkeys(item[1] for item in books.tracking)),
        }
        self.ledger.remember(lists=json.dumps(lists))

    def _count(self, actions: Sequence[Action], poster: Poster | None) -> None:
        report = self.report
        verbs = Counter(action.verb for action in actions)
        report.skipped = verbs["skip"]
        if poster is None:
            report.waiting = verbs["create"] + verbs["wait"] + verbs["fault"]
            return
        records = self.ledger.records()
        report.created += len(poster.posted) - len(poster.taken_over)
        report.taken_over += len(poster.taken_over)
        for action in actions:
            status = records[action.invoice.id].status if action.invoice.id in records else ""
            report.waiting += action.verb != "keep" and status == "Waiting"
            report.retrying += action.verb != "keep" and status == "Retrying"
            report.faulted += action.verb != "keep" and status == "Fault"

    def _count_calls(self) -> None:
        desk, calls = self.desk, self.report.calls
        if "autotask" in vars(desk):
            calls["autotask"] = desk.autotask.wire.calls - self.report.write_backs
        if "xero" in vars(desk):
            calls["xero"] = desk.xero.wire.calls + getattr(desk.xero.login, "wire").calls  # noqa: B009

    @contextmanager
    def _light(self, system: str) -> Iterator[None]:
        """Remember whether a connection held."""
        try:
            yield
        except StopError as error:
            self.desk.light(system, error)
            raise
        self.desk.light(system)


def _would_go(now: Organisation, before: Organisation) -> bool:
    """Whether a closed period was opened: then something that waited may be sent."""
    return now.locked_until != before.locked_until


def _shows_void(pulled: Pulled, records: Mapping[AutotaskId, Record]) -> bool:
    """Whether an invoice was voided in Autotask whose document stands as far as we know."""
    return any(
        row.is_voided and record.xero_id and not record.is_voided and record.status.startswith("Synced")
        for key, row in pulled.headers.items()
        if (record := records.get(key)) is not None
    )


def _may_stand(action: Action, records: Mapping[AutotaskId, Record]) -> bool:
    """Whether an invoice was voided in Autotask before the ledger knew what became of it."""
    record = records.get(action.invoice.id)
    is_new = record is None or (record.xero_id is None and record.status != "Skipped")
    return action.verb == "skip" and action.invoice.is_voided and is_new


def _is_open(record: Record | None) -> bool:
    """Whether the invoice is to be looked at again."""
    if record is None:
        return True
    if record.is_in_flight or record.xero_id is not None:
        return False
    if record.status in {"Waiting", "Retrying"}:
        return (
            record.wish != "" or record.fault_code not in {"AX-111", "AX-201", "AX-505"} or record.status == "Retrying"
        )
    return record.wish != ""


def _standing(action: Action, records: Mapping[AutotaskId, Record]) -> Outcome:
    """Where an invoice stands that is skipped or waits."""
    invoice = action.invoice
    record = records.get(invoice.id, Record(invoice.id))
    warnings = action.warnings
    if action.verb == "skip":
        return Outcome(invoice.id, "Skipped", action.why, 0, action.fault, warnings, invoice=invoice)
    strikes = 0 if record.wish else record.strikes
    return Outcome(invoice.id, "Waiting", action.why, strikes, action.fault, warnings, invoice=invoice)


def _ready(action: Action, records: Mapping[AutotaskId, Record]) -> Outcome:
    """An invoice that nothing stops: should the run end here, the sheet says so."""
    return replace(_standing(action, records), why="Ready to be sent", fault=None)


def _previewed(action: Action, preview: Preview) -> Outcome:
    invoice = action.invoice
    warnings = action.warnings
    status: Status = "Skipped" if action.verb == "skip" else "Waiting"
    why = action.why
    if action.verb == "create":  # no fault yet: each preview looks again
        why = "Preview: it would be sent" if preview.action == "Send" else f"Preview: {preview.why}"
    return Outcome(invoice.id, status, why, 0, action.fault, warnings, invoice=invoice)


def _counts(report: Report) -> dict[str, object]:
    names = ("pulled", "created", "taken_over", "updated", "voided", "skipped", "waiting", "retrying", "faulted")
    return {name: getattr(report, name) for name in names}
